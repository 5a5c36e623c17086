package hunt

import (
	"context"
	"errors"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/policy"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Grade judges tests that nobody trusts, of a lab as [course.Lab.AsHunt] gives it: a result with a
// check for each wrong answer and one without points for each test. The error is as that of Hunt.
func (h *Hunter) Grade(ctx context.Context, l *course.Lab, data []byte,
	on Events) (run.Result, error) {
	t, err := Parse(l.HuntOf, data)
	if unfit, ok := errors.AsType[*Unfit](err); ok {
		return refused(l, run.BuildFailed, unfit.Error()+"\n"+unfit.Hint()), nil
	}
	if err != nil {
		return run.Result{}, err
	}
	doubt, broken := h.policed(ctx, l, data)
	if broken != nil || len(doubt) > 0 && doubt[0].Rule != policy.RuleTypes {
		return refused(l, run.Rejected, words(doubt)), broken
	}
	out, err := h.Hunt(ctx, t, on)
	if err == nil && len(doubt) > 0 && out.Verdict != run.BuildFailed {
		return refused(l, run.Rejected, words(doubt)), nil
	}
	return out.Result(l), err
}

// policed holds the tests against the policy. What its rules cannot read the compiler does not
// accept either; if it does, they are refused for that.
func (h *Hunter) policed(ctx context.Context, l *course.Lab,
	data []byte) ([]policy.Violation, error) {
	b := h.Builder()
	checker := &policy.Checker{Course: b.Course, Exports: b.Exports}
	found, err := checker.Check(ctx, l, map[string][]byte{course.HuntFile: data})
	if unread, ok := errors.AsType[*policy.Unread](err); ok {
		return []policy.Violation{unread.Doubt}, nil
	}
	return found, err
}

func words(found []policy.Violation) string {
	lines := make([]string, len(found))
	for i, v := range found {
		lines[i] = v.String()
	}
	return strings.Join(lines, "\n")
}

// refused is the result of tests that were not run.
func refused(l *course.Lab, v run.Verdict, why string) run.Result {
	return run.Result{Schema: run.Schema, Lab: l.ID, Slug: l.Slug, Title: l.Title, Verdict: v,
		Message: why, MaxPoints: l.MaxPoints(), Checks: []run.Check{},
		Backends: map[string]run.Backend{}, Race: run.Race{State: run.RaceNotBegun}}
}

// notCaught is what is said of a wrong answer that got past.
const notCaught = "your tests pass on an answer that breaks this"

// Result is the outcome as reports show it.
func (o *Outcome) Result(l *course.Lab) run.Result {
	r := refused(l, o.Verdict, o.Message)
	r.SourceSHA256, r.Seed, r.Go, r.Sandbox = o.SHA256, o.Seed, o.Go, o.Sandbox
	r.Race, r.Backends, r.DurationMS = o.Race, o.Backends, o.DurationMS
	r.Times.ChecksMS = o.DurationMS
	if o.Message != "" {
		return r
	}
	for _, t := range o.Tests {
		r.Checks = append(r.Checks, t.check())
	}
	for i, a := range o.Answers {
		c := run.Check{Test: l.Checks[i].Test, Title: l.Checks[i].Title, MaxPoints: 1}
		switch {
		case a.Caught:
			c.Verdict, c.Points, c.Race = run.Passed, 1, a.Race
		case a.Unjudged != "":
			c.Verdict, c.Message = run.InfraError, a.Unjudged
		default:
			c.Verdict, c.Message = run.Failed, notCaught
		}
		r.Points += c.Points
		r.Checks = append(r.Checks, c)
	}
	return r
}

// check is what a report says of a test: it has no points of its own.
func (t Test) check() run.Check {
	c := run.Check{Test: t.Name, Title: t.Name + " demands what the contract promises, and no more",
		Verdict: run.Passed}
	if !t.Sound {
		c.Verdict, c.Message, c.Race = run.Failed, "it fails on "+t.On+": "+t.Said.Message, t.Said.Race
		c.Output, c.Findings = t.Said.Output, t.Said.Findings
	}
	return c
}
