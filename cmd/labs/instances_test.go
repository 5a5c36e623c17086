//go:build linux && !race

package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestHonest_instances grades, with the race detector, solutions that remember in a variable of the
// process what belongs to all instances of a service. Their checks run the instances in processes
// of their own, also in a sandbox; so each fails what its mutant names, the check with processes
// among them, and nothing else.
func TestHonest_instances(t *testing.T) {
	if testing.Short() {
		t.Skip("it grades three labs")
	}
	c := realCourse(t)
	many := t.TempDir()
	fails := map[string][]string{}
	for _, id := range []string{"a01", "b09", "b13"} {
		l, err := c.Named(id)
		if err != nil {
			t.Fatal(err)
		}
		m := l.Mutant("remembers-in-the-process")
		if m == nil || len(m.Fails) == 0 {
			t.Fatalf("%s has no such mutant, or not one that a check catches", l.ID)
		}
		handIn(t, l, mutated(t, l, m), filepath.Join(many, l.ID))
		fails[l.ID] = m.Fails
	}
	results := gradeMany(t, c, many)
	if len(results) != len(fails) {
		t.Errorf("got %d results for %d submissions", len(results), len(fails))
	}
	for _, r := range results {
		if r.Verdict != run.Failed {
			t.Errorf("%s: got %s, want it to fail%s", r.Lab, r.Verdict, failures(r))
		}
		for _, check := range r.Checks {
			if failed := check.Verdict == run.Failed; failed != slices.Contains(fails[r.Lab], check.Test) {
				t.Errorf("%s, %s: got %s: %s", r.Lab, check.Test, check.Verdict, check.Message)
			}
		}
	}
}

// mutated is a folder with a mutant of a lab's reference.
func mutated(t *testing.T, l *course.Lab, m *course.Mutant) string {
	t.Helper()
	dir := t.TempDir()
	if err := l.WriteMutant(m, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}
