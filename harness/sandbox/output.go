package sandbox

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// drainDelay is how long it may take to read what a command has written, once all that could write
// has been killed: on a busy machine the reader may have to wait for its turn. Only what has escaped
// keeps the pipe open for longer.
const drainDelay = 5 * time.Second

// output is the pipe that a command writes to. It is not one of [exec.Cmd]'s own, which are given up
// a while after the command has ended, read or not: what says why it ended would then be lost.
type output struct {
	read, write *os.File
	to          *capped
	over        chan error
}

// outputOf has a command write to w, both of its outputs, at most so many bytes.
func outputOf(cmd *exec.Cmd, w io.Writer, most int64) (*output, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fault.Of("make a pipe for the output", err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	return &output{read, write, &capped{w: w, n: most}, make(chan error, 1)}, nil
}

// begin reads what is written. The command has been started, or could not be.
func (o *output) begin() {
	o.write.Close()
	go func() {
		_, err := io.Copy(o.to, o.read)
		o.read.Close()
		o.over <- err
	}()
}

// end returns when all has been read that was written. The command has ended, and what it has left
// behind has been killed.
func (o *output) end() error {
	timer := time.NewTimer(drainDelay)
	defer timer.Stop()
	var err error
	select {
	case err = <-o.over:
	case <-timer.C:
		o.read.Close()
		if err = <-o.over; errors.Is(err, os.ErrClosed) {
			err = nil
		}
	}
	return errors.Join(err, o.to.flush())
}
