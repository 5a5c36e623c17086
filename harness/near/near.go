// Package near finds what somebody meant who typed something else.
package near

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Of are those of the names that somebody who typed want may have meant, the nearest first, each once: names that have
// want within them, if it has three letters or more, and names that become want by changing, adding or removing one
// letter, or two if want has five or more. Letter case does not matter.
func Of(want string, names []string) []string {
	want = strings.ToLower(want)
	most := 1
	if len(want) >= 5 {
		most = 2
	}
	far := map[string]int{}
	var found []string
	for _, name := range names {
		d, seen := distance(want, strings.ToLower(name)), false
		if _, seen = far[name]; seen || d > most {
			continue
		}
		far[name] = d
		found = append(found, name)
	}
	slices.SortStableFunc(found, func(a, b string) int { return far[a] - far[b] })
	return found
}

// distance is the number of letters to change, at most 1 if name has want within it.
func distance(want, name string) int {
	d := levenshtein.ComputeDistance(want, name)
	if len(want) > 2 && strings.Contains(name, want) {
		d = min(d, 1)
	}
	return d
}
