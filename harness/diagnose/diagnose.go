// Package diagnose goes from failures to the misconception behind them. The failing checks of a submission are its
// signature; so are those of each mutant. Where the two are equal, or one mutant is clearly the nearest, its
// misconception is a likely cause.
package diagnose

import (
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// How near a mutant's signature must be, and by how much nearer than the next one's. Nearness is the Jaccard index of
// the two sets of failing checks: 1 where they are equal, 0 where they share nothing.
const (
	nearEnough = 0.6
	clearly    = 0.15
)

// Likely returns the misconception that the failures look like, or nil if none stands out: nothing fails, everything
// does (nothing is written yet), no mutant is near, or two are about equally near.
func Likely(l *course.Lab, checks []run.Check) *run.Likely {
	failing := map[string]bool{}
	for _, c := range checks {
		switch c.Verdict {
		case run.Failed, run.TimedOut:
			failing[c.Test] = true
		case run.NotJudged, run.InfraError:
			return nil // half a signature proves nothing
		}
	}
	if len(failing) == 0 || len(failing) == len(l.Checks) {
		return nil
	}
	var best *course.Mutant
	first, second := 0.0, 0.0
	for i := range l.Mutants {
		switch n := nearness(failing, l.Mutants[i].Fails); {
		case n > first:
			best, first, second = &l.Mutants[i], n, first
		case n > second:
			second = n
		}
	}
	if best == nil || first < nearEnough || first-second < clearly {
		return nil
	}
	return &run.Likely{Mutant: best.Name(), Misconception: best.Misconception, Explain: best.Explain}
}

func nearness(failing map[string]bool, fails []string) float64 {
	both := 0
	for _, test := range fails {
		if failing[test] {
			both++
		}
	}
	return float64(both) / float64(len(failing)+len(fails)-both)
}
