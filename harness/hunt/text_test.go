package hunt_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// outcome is one that has something of everything.
func outcome() hunt.Outcome {
	o := hunt.Outcome{Lab: "B10", Title: "Token bucket", Verdict: run.Failed, Caught: 3, Of: 20,
		Correct: 2, DurationMS: 1234,
		Race: run.Race{State: run.RaceNotToBeHad, Reason: "there is no C compiler"},
		Tests: []hunt.Test{
			{Name: "TestBurst", Sound: true},
			{Name: "TestZeroIsFree", On: "the reference", Said: &run.Check{Verdict: run.Failed,
				Message: "hunt_test.go:38: AllowN(0): got false, want true", Output: "a line\nand one\n"}},
			{Name: "TestSpins", On: "another correct solution", Said: &run.Check{
				Verdict: run.TimedOut, Message: "not done after 15s, so it was stopped"}},
			{Name: "TestRaces", On: "the reference", Said: &run.Check{Verdict: run.Failed, Race: true,
				Message: "data race: \x1b[2Ja write and a read"}},
		}}
	for range 2 {
		o.Answers = append(o.Answers, hunt.Answer{Caught: true, By: "TestBurst",
			Belief: "Looking at the tokens and taking one may be two steps, whatever they are made of."})
	}
	o.Answers = append(o.Answers, hunt.Answer{Caught: true, By: "TestBurst", Belief: "A bucket is empty."},
		hunt.Answer{Unjudged: "there is no Postgres here; labs doctor says more"})
	for i := range 16 {
		o.Answers = append(o.Answers, hunt.Answer{Breaks: []string{
			"promise" + strings.Repeat(" promise", max(0, i-2)), "another of that answer"}})
	}
	return o
}

func TestText(t *testing.T) {
	t.Parallel()
	broken := hunt.Outcome{Lab: "B10", Title: "Token bucket", Verdict: run.BuildFailed, Of: 20,
		Correct: 2, Message: "hunt_test.go:10:50: undefined: x", Tests: make([]hunt.Test, 1)}
	infra := broken
	infra.Verdict, infra.Message = run.InfraError, "there is no Postgres here; labs doctor says more"
	for name, c := range map[string]struct {
		o hunt.Outcome
		s report.Style
	}{
		"outcome":         {outcome(), report.Style{Columns: 80}},
		"outcome.colour":  {outcome(), report.Style{Columns: 80, Colour: true}},
		"outcome.verbose": {outcome(), report.Style{Columns: 60, Verbose: true}},
		"build_failed":    {broken, report.Style{Columns: 80}},
		"infra":           {infra, report.Style{Columns: 80}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			hunt.Text(&out, c.o, c.s)
			for line := range strings.Lines(out.String()) {
				if n := ansi.StringWidth(strings.TrimRight(line, "\n")); n > c.s.Columns {
					t.Errorf("got a line of %d columns, want at most %d: %s", n, c.s.Columns, line)
				}
			}
			golden.Check(t, name+".txt", out.String())
		})
	}
}

// TestText_narrow has no golden: no line is wider than there is room.
func TestText_narrow(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 50} {
		var out strings.Builder
		hunt.Text(&out, outcome(), report.Style{Columns: columns})
		for line := range strings.Lines(out.String()) {
			if n := ansi.StringWidth(strings.TrimRight(line, "\n")); n > columns {
				t.Errorf("got a line of %d columns, want at most %d: %s", n, columns, line)
			}
		}
	}
}
