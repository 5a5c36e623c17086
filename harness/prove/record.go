package prove

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
)

// NoStub says why a lab's files cannot be its stub.
type NoStub struct{ Lab, Why string } // the lab's slug

func (e *NoStub) Error() string { return "the files of " + e.Lab + " are no stub: " + e.Why }

// Hint says what to do.
func (e *NoStub) Hint() string {
	return "a stub compiles and fails every check; labs reset " + e.Lab +
		" puts back the one that is recorded"
}

// Record records what lies in a lab's folder as its stub, if it may be one: it compiles, and fails
// every check that can be judged here. What may not is a [*NoStub], and nothing is recorded.
func (p *Prover) Record(ctx context.Context, l *course.Lab) error {
	results, err := p.Grader.Grade(ctx, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{}, nil)
	if err != nil {
		return err
	}
	r := results[0]
	switch {
	case r.Verdict == run.InfraError && len(r.Checks) == 0:
		return errors.New(r.Message)
	case len(r.Checks) == 0:
		return &NoStub{l.Slug, fmt.Sprintf("%s: %s", r.Verdict.Words(), r.Message)}
	}
	var passed []string
	for _, c := range r.Checks {
		if c.Verdict == run.Passed {
			passed = append(passed, c.Test)
		}
	}
	if len(passed) > 0 {
		return &NoStub{l.Slug, "they pass " + strings.Join(passed, ", ")}
	}
	return l.RecordStub()
}
