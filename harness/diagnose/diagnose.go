// Package diagnose goes from failures to the misconception behind them. The failing checks of a
// submission are its signature; so are those of each mutant. Where a submission fails exactly the
// checks of one belief's mutants, give or take those that these fail besides, and what it fails by is
// what they fail by, that belief is a likely cause. Anything less would be a guess, and a wrong one teaches something wrong.
package diagnose

import (
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Likely returns the misconception that the failures look like, or nil if they do not tell one
// apart from all others: nothing fails, everything does (nothing is written yet), no mutant fails
// these checks and no others, or mutants of several beliefs do.
func Likely(l *course.Lab, checks []run.Check) *run.Likely {
	failing := map[string]run.Check{}
	for _, c := range checks {
		switch c.Verdict {
		case run.Failed, run.TimedOut:
			failing[c.Test] = c
		case run.NotJudged, run.InfraError:
			return nil // half a signature proves nothing
		}
	}
	if len(failing) == 0 || len(failing) == len(l.Checks) {
		return nil
	}
	var found *course.Mutant
	for i := range l.Mutants {
		m := &l.Mutants[i]
		switch {
		case Vague(l, m), !matches(m, failing):
		case found == nil:
			found = m
		case found.Misconception != m.Misconception:
			return nil
		}
	}
	if found == nil {
		return nil
	}
	return &run.Likely{Mutant: found.Name(), Misconception: found.Misconception,
		Explain: found.Explain}
}

// Vague reports whether a mutant is no sign of its belief: it shows nothing of its own, and names so many of a lab's
// checks that much else fails them, too, three or more and two fifths of them.
func Vague(l *course.Lab, m *course.Mutant) bool {
	return m.Shows == "" && len(m.Fails) >= 3 && 5*len(m.Fails) >= 2*len(l.Checks)
}

// matches reports whether these are the checks that a mutant fails, all that it names and none that it
// does not fail besides, and whether they show what it shows. A mutant that shows nothing of its own is known by what its checks find: a check that has
// ended otherwise, by a panic or a hang, says something else.
func matches(m *course.Mutant, failing map[string]run.Check) bool {
	for _, test := range m.Fails {
		if _, ok := failing[test]; !ok {
			return false
		}
	}
	found, shown := true, false
	for test, c := range failing {
		if !slices.Contains(m.Fails, test) && !slices.Contains(m.Also, test) {
			return false
		}
		found = found && len(c.Findings) > 0
		shown = shown || m.Shows != "" && Shows(c, m.Shows)
	}
	return shown || m.Shows == "" && found
}

// Said is what a failing check says first: what was done, wanted and got, or the message of a check
// that ended otherwise. It is where a mutant's "shows" is looked for.
func Said(c run.Check) string {
	if len(c.Findings) == 0 {
		return c.Message
	}
	f := c.Findings[0]
	return strings.Join([]string{f.Did, f.Want, f.Got}, "\n")
}

// Shows reports whether a check that has failed says a text first.
func Shows(c run.Check, text string) bool {
	return c.Verdict != run.Passed && strings.Contains(Said(c), text)
}

// Confusable reports whether two mutants could be taken for each other although they stand for
// different beliefs: they fail the same checks, and lab.yaml does not say by what each is known.
func Confusable(a, b *course.Mutant) bool {
	if a.Misconception == b.Misconception || !sameTests(a.Fails, b.Fails) {
		return false
	}
	return a.Shows == "" || b.Shows == "" || strings.Contains(a.Shows, b.Shows) ||
		strings.Contains(b.Shows, a.Shows)
}

func sameTests(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}
