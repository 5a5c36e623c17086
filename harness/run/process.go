package run

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// Process is one check to be run in a process of its own.
type Process struct {
	Binary  string // the test binary, absolute
	Variant string // where the binary has a family of them: the one that is to be judged
	Test    string // the check
	Race    bool   // Binary is built with the race detector
	// Hunt says that the test is the learner's own and what it judges is the course's: what goes
	// wrong is then told by the test's lines.
	Hunt    bool
	Seed    uint64
	Timeout time.Duration
	Memory  int64 // bytes that it may use before it is stopped; 0: no bound but the sandbox's
	Sandbox sandbox.Sandbox

	Redis     string // the check's own backends, if it needs them
	RedisReal bool
	Postgres  string

	// Without leaves out defences of the account: tests show by it what each is good for.
	Without account.Without
}

// MaxOutput is how much of a check's output is kept.
const MaxOutput = 1 << 20

// lateness is how long after its time a process may take to say what it was doing, and stackGrace
// how long its runtime may take to print that where it has said nothing.
const (
	lateness   = 10 * time.Second
	stackGrace = 2 * time.Second
)

// Outcome is what came of one process.
type Outcome struct {
	Verdict  Verdict // Passed, Failed, TimedOut or InfraError
	Message  string
	Location string
	Findings []Finding
	Shown    []Shown
	Output   string
	Duration time.Duration // the check's own, by its report, else the process's

	// OutOfMemory says that it was ended for the memory that it used.
	OutOfMemory bool
}

// environment is what a check's process gets besides its folder. A race ends the process: from
// there on nothing that is in its memory can be relied on; and without the other word a race binary
// sleeps for a second at its end. The number of processors is the same in all runs, and the
// runtime's own changes of it are switched off by that.
var environment = []string{"GORACE=atexit_sleep_ms=0 halt_on_error=1", "GOTRACEBACK=all",
	fmt.Sprint("GOMAXPROCS=", runtime.GOMAXPROCS(0))}

// Run runs the check and judges the account of it. It returns an error only if ctx ended; a process
// that could not be started is an InfraError.
func (p Process) Run(ctx context.Context) (Outcome, error) {
	dir, err := owner.TempDir("", "check")
	if err != nil {
		return infra("no folder for the check: %v", err), nil
	}
	defer os.RemoveAll(dir) // of this name, whatever dir is later
	if p.Sandbox.Name() != "none" {
		dir = "/tmp" // its own, inside
	}
	key := account.NewKey()
	if p.Without.Seal {
		key = account.Key{}
	}
	canary := "Test" + rand.Text()
	r, w, err := os.Pipe()
	if err != nil {
		return infra("no pipe for the report: %v", err), nil
	}
	defer r.Close()
	bridges, err := p.bridge()
	if err != nil {
		return infra("%v", err), nil
	}
	request, err := account.Encode(&key, account.Request{
		Check: p.Test, Variant: p.Variant, Canary: canary,
		ReportFD: sandbox.PrepareReport(w), Seed: p.Seed,
		Timeout: p.Timeout, Memory: p.Memory, Redis: p.Redis, RedisReal: p.RedisReal,
		Postgres: p.Postgres, Private: p.Sandbox.Name() != "none", Without: p.Without,
	})
	if err != nil {
		return Outcome{}, err
	}
	ledger := make(chan *ledger, 1)
	go func() { ledger <- readLedger(r, &key) }()

	var out bytes.Buffer
	exit, err := p.Sandbox.Run(ctx, sandbox.Command{
		Path:  p.Binary,
		Args:  []string{"-test.timeout=" + (p.Timeout + lateness + stackGrace).String()},
		Env:   append([]string{"HOME=" + dir, "TMPDIR=" + dir, "TMP=" + dir}, environment...),
		Dir:   dir,
		Stdin: request, Output: &out, MaxOutput: MaxOutput, Report: w,
		Timeout: p.Timeout + lateness, Grace: stackGrace,
		Bridges: bridges,
	})
	if ctx.Err() != nil {
		return Outcome{}, ctx.Err()
	}
	if err != nil {
		return notRun(err), nil
	}
	// Everything that could write to the pipe is dead, unless it has escaped the process group: do
	// not wait for that, but for this process's turn on a busy machine.
	r.SetReadDeadline(time.Now().Add(5 * time.Second))
	l := <-ledger
	o := judge(p, l, exit, canary, clean(out.String(), canary))
	if o.Duration == 0 {
		o.Duration = exit.Wall
	}
	return o, nil
}

// notRun is the outcome of a check whose process could not be started.
func notRun(err error) Outcome {
	if none, ok := errors.AsType[*sandbox.NoBridge](err); ok {
		return Outcome{Verdict: NotJudged, Message: none.Error()}
	}
	return infra("%s", fault.Message(err))
}

func infra(format string, args ...any) Outcome {
	return Outcome{Verdict: InfraError, Message: fmt.Sprintf(format, args...)}
}
