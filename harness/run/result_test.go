package run_test

import (
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/run"
)

// TestResult_passes has every verdict with every state of the race run: what is a pass, and how it
// is told.
func TestResult_passes(t *testing.T) {
	t.Parallel()
	verdicts := []run.Verdict{
		run.Passed, run.Failed, run.BuildFailed, run.Rejected, run.TimedOut, run.InfraError,
		run.NotJudged, run.NotAttempted, run.NotHandedIn,
	}
	states := []run.RaceState{run.RaceNotNeeded, run.RaceDone, run.RaceNotBegun, run.RaceLeftOut,
		run.RaceNotToBeHad, ""}
	for _, v := range verdicts {
		for _, s := range states {
			r := run.Result{Verdict: v, Race: run.Race{State: s, Reason: "there is no C compiler",
				Remedy: "install gcc"}, Notes: []string{"a note"}}
			complete := v == run.Passed && (s == run.RaceNotNeeded || s == run.RaceDone)
			lacking := v == run.Passed && (s == run.RaceLeftOut || s == run.RaceNotToBeHad)
			words, beside := v.Words(), []string{"a note"}
			if lacking {
				words, beside = "passed, not yet under the race detector",
					[]string{"there is no C compiler; install gcc", "a note"}
			}
			if r.Complete() != complete || r.NotYetRaced() != lacking || r.Words() != words ||
				!slices.Equal(r.Beside(), beside) {
				t.Errorf("%s, race %q: got complete = %v, %q, %q; want %v, %q, %q", v, s,
					r.Complete(), r.Words(), r.Beside(), complete, words, beside)
			}
			if words == "" {
				t.Errorf("%s has no words", v)
			}
		}
	}
}
