package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// None bounds wall time and output and kills the whole process group at the end. It keeps nothing
// from the process that the user of this machine may do: it is for the learner's own code on the
// learner's own machine.
type None struct{}

// Name is "none".
func (None) Name() string { return "none" }

// Run starts the command in a process group of its own.
func (None) Run(ctx context.Context, c Command) (Exit, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.Stdin = bytes.NewReader(c.Stdin)
	cmd.WaitDelay = drainDelay // for its input
	out, err := outputOf(cmd, c.Output, c.MaxOutput)
	if err != nil {
		return Exit{}, err
	}
	isolate(cmd)
	inherit(cmd, c.Report)

	start := time.Now()
	err = cmd.Start()
	out.begin()
	if c.Report != nil {
		c.Report.Close()
	}
	if err != nil {
		return Exit{}, fault.Start(c.Path, err)
	}
	mostKillable(cmd.Process.Pid)
	done := make(chan struct{})
	watched := make(chan bool, 1)
	go func() { watched <- watchdog(ctx, cmd, c, done) }()
	err = cmd.Wait()
	killGroup(cmd) // what it may have left behind
	close(done)
	exit := Exit{Code: cmd.ProcessState.ExitCode(), Signal: signalOf(cmd.ProcessState),
		TimedOut: <-watched, Wall: time.Since(start)}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrWaitDelay) {
		return exit, fmt.Errorf("run %s: %w", c.Path, err)
	}
	if err := out.end(); err != nil {
		return exit, fmt.Errorf("keep the output of %s: %w", c.Path, err)
	}
	return exit, ctx.Err()
}

// watchdog ends the process when its time is up or ctx ends. It reports whether the time was up.
func watchdog(ctx context.Context, cmd *exec.Cmd, c Command, done <-chan struct{}) bool {
	timer := time.NewTimer(c.Timeout)
	defer timer.Stop()
	select {
	case <-done:
		return false
	case <-ctx.Done():
		killGroup(cmd)
		return false
	case <-timer.C:
	}
	askForStacks(cmd)
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(c.Grace):
	}
	killGroup(cmd)
	return true
}
