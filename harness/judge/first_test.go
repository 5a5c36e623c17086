package judge_test

import (
	"context"
	"testing"

	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestJudge_first: the check that failed the last time is judged before the others when the files
// have changed, and what is not kept says nothing about the order.
func TestJudge_first(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		remember bool
		want     string
	}{
		{"kept", true, "TestAddsLarge"},
		{"not kept", false, "TestAddsSmall"},
	} {
		b := setup(t)
		b.j.Options.Parallel = 1
		b.j.Remember = tt.remember
		begun := make(chan string, 8)
		b.j.Sandbox = failing("TestAddsLarge", begun)
		l := b.lab("b01")
		judgeOnce := func() (tests []string) {
			jobs := []grade.Job{{Lab: l, Dir: l.Dir}}
			r, err := b.j.Judge(t.Context(), jobs, func(judge.Verdict) {})
			if err != nil || r[0].Verdict != run.Failed {
				t.Fatalf("%s: got %+v, %v", tt.name, r, err)
			}
			for len(begun) > 0 {
				tests = append(tests, <-begun)
			}
			return tests
		}
		b.solve(l, "mine")
		if got := judgeOnce(); got[0] != "TestAddsSmall" {
			t.Errorf("%s: began with %q at first", tt.name, got)
		}
		b.solve(l, "mine, edited")
		if got := judgeOnce(); len(got) != 2 || got[0] != tt.want {
			t.Errorf("%s: began with %q, want %s in front", tt.name, got, tt.want)
		}
	}
}

// failing is a sandbox in which that check fails alone, and which tells what was begun.
func failing(test string, begun chan<- string) sandbox.Sandbox {
	return runtest.Actor(
		func(_ context.Context, _ sandbox.Command, p runtest.Pipe) (sandbox.Exit, error) {
			begun <- p.Check
			p.Canary()
			if p.Check == test {
				p.Found("less than that")
				p.Own(account.Failed)
			} else {
				p.Own(account.Passed)
			}
			return runtest.Honest, nil
		})
}
