package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/prove"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// The exit codes, as the help of every command says.
const (
	exitPassed   = 0 // passed, or done
	exitNot      = 1 // not passed
	exitUsage    = 2 // the command line, or the course, is not right
	exitInfra    = 3 // something of ours broke or is not to be had; no fault of what was judged
	exitRejected = 4 // the submission was refused before it was run

	exitStopped = 130 // by Ctrl-C or SIGTERM, as shells say it
)

const exitHelp = `Exit codes: 0 passed or done, 1 not passed, 2 usage, 3 infrastructure, 4 rejected, 130 stopped.`

// notPassed is the error of a command that has already shown why.
type notPassed struct{ code int }

func (e *notPassed) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// usageError is a mistake in the command line.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hinted is an error with what to do about it. Errors of the packages below have it by the same
// method.
type hinted interface{ Hint() string }

func (e *usageError) Hint() string { return e.hint }

// notYet is the error of a command for what may be seen or done once a lab is passed.
type notYet struct{ *usageError }

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var not *notPassed
	var usage *usageError
	var early *notYet
	var variant *course.NoVariant
	var broken *course.Error
	var unrecorded *course.NoStub
	var noStub *prove.NoStub
	var noRevision *prove.NoRevision
	var unfit *hunt.Unfit
	var refused *client.Refused
	switch {
	case err == nil:
		return exitPassed
	case errors.Is(err, context.Canceled):
		return exitStopped
	case errors.As(err, &not):
		return not.code
	case errors.As(err, &early), errors.As(err, &noStub), errors.As(err, &unfit) && !unfit.Absent:
		return exitNot
	case errors.As(err, &refused) && refused.NotTaken():
		return exitRejected
	case errors.As(err, &usage), errors.As(err, &broken), errors.As(err, &variant),
		errors.As(err, &unrecorded), errors.As(err, &noRevision),
		errors.As(err, &unfit), errors.As(err, &refused) && !refused.Broken(),
		errors.Is(err, course.ErrUnknownLab),
		errors.Is(err, course.ErrNoCourse):
		return exitUsage
	}
	return exitInfra
}

// verdictError is the exit of a command that judged: what is worst for the learner counts, but a
// breakdown of ours is never hidden behind it.
func verdictError(results []run.Result) error {
	has := map[run.Verdict]bool{}
	raceLacks := false
	for _, r := range results {
		has[r.Verdict] = true
		raceLacks = raceLacks || r.NotYetRaced() && r.Race.State == run.RaceNotToBeHad
	}
	delete(has, run.Passed)
	switch {
	case has[run.InfraError], raceLacks:
		return &notPassed{exitInfra}
	case has[run.Rejected]:
		return &notPassed{exitRejected}
	case len(has) > 0:
		return &notPassed{exitNot}
	}
	return nil
}

// written is what a command comes to whose output may be lost: a verdict that nobody has seen is none.
func (a *app) written(err error) error {
	lost := a.Lost()
	var not *notPassed
	switch {
	case lost == nil:
		return err
	case err == nil, errors.As(err, &not), errors.Is(err, context.Canceled):
		err = lost
	case !errors.Is(err, lost):
		return err
	}
	return fault.Of("write the results", err)
}

// whileRead gives a context that ends with what is read, for a command that goes on for ever.
func (a *app) whileRead(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-a.Over():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// complain prints an error for the user: one line that says what was wrong, and one that says what
// to do.
func (a *app) complain(err error) {
	var not *notPassed
	switch {
	case err == nil, errors.As(err, &not):
		return
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.Err, "stopped")
		return
	}
	p := a.Paint()
	text, hint, _ := strings.Cut(err.Error(), "\nhint: ")
	var h hinted
	if hint == "" && errors.As(err, &h) {
		hint = h.Hint()
	}
	if hint == "" && errors.Is(err, course.ErrUnknownLab) {
		hint = a.whereLabsAre()
	}
	if hint == "" && exitCode(err) == exitInfra {
		hint = cmp.Or(fault.Remedy(err), fault.Doctor)
	}
	// An error may have the name of a submission in it, or what somebody's program has said.
	fmt.Fprintf(a.Err, "%s %s\n", p.Bad("labs:"), a.typed(report.PlainLines(text)))
	if hint != "" {
		fmt.Fprintf(a.Err, "%s %s\n", p.Accent("hint:"), a.typed(report.PlainLines(hint)))
	}
}

// whereLabsAre is what to do where a lab is not known.
func (a *app) whereLabsAre() string {
	if root, err := course.Find(cmp.Or(a.courseDir, ".")); err == nil {
		if given, err := workspace.Given(root); err == nil && len(given.Labs) > 0 {
			return "labs list shows those of this workspace; labs init DIR --labs makes one with others"
		}
	}
	return "labs list shows all that there are"
}
