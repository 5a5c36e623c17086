//go:build linux && !race

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestHonest_instances grades, with the race detector, solutions that remember in a variable of the
// process what belongs to all instances of a service. Their checks run the instances in processes
// of their own, also in a sandbox; so each fails what its mutant names, the check with processes
// among them, and nothing else. The policy would refuse them before that, so the course that they are
// handed in for lets them keep something in the package.
func TestHonest_instances(t *testing.T) {
	if testing.Short() {
		t.Skip("it grades three labs")
	}
	c := keeping(t, realCourse(t), "a01", "b09", "b13")
	many := t.TempDir()
	fails := map[string][]string{}
	for _, l := range c.Labs {
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

// keeping is a course of these labs alone, in which variables of the package may keep something.
func keeping(t *testing.T, c *course.Course, ids ...string) *course.Course {
	t.Helper()
	root := t.TempDir()
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(c.Root, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dirs := []string{filepath.Join("harness", "kit")}
	for _, id := range ids {
		l, err := c.Named(id)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, filepath.Join("labs", l.Slug), filepath.Join("solutions", l.Slug))
	}
	for _, dir := range dirs {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join(c.Root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range dirs[1:] {
		file := filepath.Join(root, dir, "lab.yaml")
		if text, err := os.ReadFile(file); err == nil {
			text = bytes.Replace(text, []byte("\nno_package_state: true\n"), []byte("\n"), 1)
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return all
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
