package grade

import (
	"cmp"
	"slices"

	"github.com/backend-labs/backend-labs/harness/course"
)

// order is the order in which a job's checks are begun, as indices: what somebody waits for comes
// first. That is what is named in first, as it stands there, such as the checks that have failed the
// last time; then those that need no store, since a store may still have to start and its checks
// take real time. Otherwise it is the lab's own.
func order(checks []course.Check, first []string) []int {
	rank := func(c course.Check) int {
		switch {
		case slices.Contains(first, c.Test):
			return slices.Index(first, c.Test)
		case len(c.Needs) == 0:
			return len(first)
		}
		return len(first) + 1
	}
	all := make([]int, len(checks))
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(a, b int) int {
		return cmp.Compare(rank(checks[a]),
			rank(checks[b]))
	})
	return all
}

// order is that of the checks of the tally.
func (t *tally) order(first []string) []int {
	checks := make([]course.Check, len(t.checks))
	for i, c := range t.checks {
		checks[i] = c.check
	}
	return order(checks, first)
}
