package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

func TestRemedy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		race run.Race
		want string
	}{
		{run.Race{State: run.RaceLeftOut, Remedy: "whatever"}, "labs check b10-token-bucket runs all of it"},
		{run.Race{State: run.RaceNotToBeHad}, "labs check b10-token-bucket runs all of it"},
		{run.Race{State: run.RaceNotToBeHad, Remedy: "install gcc"}, "install gcc"},
	} {
		if got := remedy(run.Result{Slug: "b10-token-bucket", Race: tt.race}); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.race, got, tt.want)
		}
	}
}

// TestCheck_show has the verdicts on one lab as they become known, and what is written of them.
func TestCheck_show(t *testing.T) {
	t.Parallel()
	result := func(v run.Verdict, race run.RaceState) run.Result {
		points := map[run.Verdict]int{run.Passed: 2}[v]
		return run.Result{
			Lab: "B10", Slug: "b10-token-bucket", Title: "Token bucket", Verdict: v, Points: points,
			MaxPoints: 2, DurationMS: 1200, Seed: 7,
			Race: run.Race{State: race}, Checks: []run.Check{{Test: "TestBurst", Title: "a burst",
				Verdict: v, Points: points, MaxPoints: 2, Message: "3 allowed"}},
		}
	}
	lacking := result(run.Passed, run.RaceNotToBeHad)
	lacking.Race.Reason, lacking.Race.Remedy = "there is no C compiler here", "install gcc"
	racy := result(run.Failed, run.RaceDone)
	racy.Checks[0].Race = true
	const passes = "B10 Token bucket\n  ✓ a burst 2/2\n\npassed: 2 of 2 points, 1 of 1 check, " +
		"1.20 s\n"
	for _, tt := range []struct {
		name     string
		verdicts []judge.Verdict
		of       string
		want     string
	}{
		{"passed without a race run", []judge.Verdict{{Result: result(run.Passed, run.RaceNotNeeded)}}, "", passes + "\n"},
		{
			"passed twice", []judge.Verdict{{Result: result(run.Passed, run.RaceNotBegun),
				Plain: true}, {Result: result(run.Passed, run.RaceDone)}}, "",
			passes + "passed under the race detector, too\n\n",
		},
		{
			"passed, and no race run is to be had",
			[]judge.Verdict{{Result: result(run.Passed, run.RaceNotBegun), Plain: true},
				{Result: lacking}}, "",
			passes + "passed, not yet under the race detector: 2 of 2 points\n  there is no C " +
				"compiler here; install gcc\n\n",
		},
		{
			"passed, and failed the race run",
			[]judge.Verdict{{Result: result(run.Passed, run.RaceNotBegun), Plain: true},
				{Result: racy}}, "stub",
			passes + "B10 Token bucket\n  ✗ a burst 0/2, under the race detector\n      3 " +
				"allowed\n\nfailed: 0 of 2 points, 0 of 1 check, 1.20 s\n",
		},
		{
			"from memory", []judge.Verdict{{Result: result(run.Passed, run.RaceDone),
				Remembered: true}}, "stub",
			passes + "unchanged since it was judged; labs check --force judges it again\n",
		},
	} {
		s, out, _ := term.Buffers()
		o := &checkOptions{app: newApp(s), of: tt.of, runs: 1}
		show := o.show([]grade.Job{{Lab: &course.Lab{Slug: "b10-token-bucket"}}}, nil)
		for _, v := range tt.verdicts {
			show(v)
		}
		if diff := cmp.Diff(tt.want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
