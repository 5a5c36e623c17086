package main

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

var liveLab = &course.Lab{ID: "B10", Slug: "b10-token-bucket", Title: "Token bucket"}

// TestCheck_liveWhere: checks are told one by one to somebody who looks at one lab, and to nobody
// else.
func TestCheck_liveWhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		interactive, json bool
		labs              int
		want              bool
	}{
		{"one lab on a terminal", true, false, 1, true},
		{"a pipe", false, false, 1, false},
		{"JSON", true, true, 1, false},
		{"several labs", true, false, 2, false},
	} {
		s, _, _ := term.Buffers()
		s.Interactive = tt.interactive
		o := &checkOptions{app: newApp(s), json: tt.json, runs: 1}
		jobs := make([]grade.Job, tt.labs)
		for i := range jobs {
			jobs[i].Lab = liveLab
		}
		if got := o.live(jobs) != nil; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestCheck_live tells a failure before the result is there, and then nothing twice.
func TestCheck_live(t *testing.T) {
	t.Parallel()
	failed := run.Check{Test: "TestTwo", Title: "two", Verdict: run.Failed, MaxPoints: 1,
		Message: "3 allowed"}
	passed := run.Check{Test: "TestOne", Title: "one", Verdict: run.Passed, Points: 1, MaxPoints: 1}
	const early = "B10 Token bucket\n  ✗ two 0/1\n      3 allowed\n"
	const late = "  ✓ one 1/1\n\nfailed: 1 of 2 points, 1 of 2 checks, 1.20 s\n"
	r := run.Result{
		Lab: "B10", Slug: liveLab.Slug, Title: liveLab.Title, Verdict: run.Failed, Points: 1,
		MaxPoints: 2, DurationMS: 1200,
		Checks: []run.Check{passed, failed},
	}
	for name, final := range map[string][]judge.Verdict{
		"no race run": {{Result: r}},
		"a race run":  {{Result: r, Plain: true}, {Result: r}},
	} {
		s, out, _ := term.Buffers()
		s.Interactive = true
		o := &checkOptions{app: newApp(s), of: "stub", runs: 1}
		jobs := []grade.Job{{Lab: liveLab}}
		live := o.live(jobs)
		live.Check(failed)
		if out.String() != early {
			t.Errorf("%s: at once\n%s\nwant\n%s", name, out, early)
		}
		show := o.show(jobs, live)
		for _, v := range final {
			show(v)
		}
		if got := strings.TrimRight(out.String(), "\n") + "\n"; got != early+late {
			t.Errorf("%s: in the end\n%s\nwant\n%s", name, got, early+late)
		}
	}
}
