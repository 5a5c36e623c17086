package bubble

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// current is the number of the bubble that the calling goroutine is in.
func current() string {
	buf := make([]byte, 1<<10)
	return stacks.Parse(string(buf[:runtime.Stack(buf, false)]))[0].Bubble
}

// dump is all goroutines, or as many as fit.
func dump() []stacks.Goroutine {
	all, _ := stacks.All()
	return all
}

// bubbled gives the goroutines of one bubble: what an earlier one has left may still be there.
func bubbled(all []stacks.Goroutine, bubble string) (in []stacks.Goroutine) {
	for _, g := range all {
		if g.Bubble == bubble {
			in = append(in, g)
		}
	}
	return inOrder(in)
}

// inOrder sorts by age: the runtime lists goroutines in no order of their own.
func inOrder(all []stacks.Goroutine) []stacks.Goroutine {
	slices.SortFunc(all, func(a, b stacks.Goroutine) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// others gives the goroutines of the bubble of the one that took the dump, which is the first,
// without that one and the ones of package testing itself.
func others(all []stacks.Goroutine) (in []stacks.Goroutine) {
	for i, g := range all {
		if i > 0 && g.Bubble == all[0].Bubble &&
			!g.In("testing/synctest.Test", "internal/synctest.Run",
				"testing.(*common).runCleanup") {
			in = append(in, g)
		}
	}
	return inOrder(in)
}

// fingerprint tells whether anything has moved between two dumps.
func fingerprint(all []stacks.Goroutine) string {
	ids := make([]string, 0, len(all))
	for _, g := range all {
		state, _, _ := strings.Cut(g.State, ",") // the rest is how long it has been so
		ids = append(ids, g.ID+" "+state+" "+g.Where())
	}
	sort.Strings(ids)
	return strings.Join(ids, "\n")
}
