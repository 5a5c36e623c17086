//go:build linux && !race

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// TestHonest grades the reference of every lab of this course, and with LABS_TEST_ALL every
// alternative, too: honest learners do not suffer from policy and sandbox. LABS_TEST_RUNS is how
// often: more than once it is done under the race detector, too. LABS_TEST_LOAD says how many busy
// loops there are beside it; nothing but passes may come of it ("make honest").
func TestHonest(t *testing.T) {
	if testing.Short() {
		t.Skip("it grades the whole course")
	}
	c := realCourse(t)
	many := t.TempDir()
	want := honest(t, c, many)
	runs, flags := fromEnvironment("LABS_TEST_RUNS", 1), []string{}
	if runs == 1 {
		flags = append(flags, "--no-race")
	}
	for range fromEnvironment("LABS_TEST_LOAD", 0) {
		busy(t)
	}
	for n := range runs {
		began := time.Now()
		results := gradeMany(t, c, many, flags...)
		if len(results) != want {
			t.Errorf("run %d: got %d results for %d submissions", n, len(results), want)
		}
		for _, r := range results {
			if r.Verdict != run.Passed || r.Points != r.MaxPoints {
				t.Errorf("run %d: %s: %s, %d of %d points, seed %d: %s", n, r.Submission, r.Verdict,
					r.Points, r.MaxPoints, r.Seed, failures(r))
			}
		}
		t.Logf("run %d: %d submissions in %v", n, len(results), time.Since(began).Round(time.Second))
	}
}

// honest hands in what TestHonest grades, and says how many that are.
func honest(t *testing.T, c *course.Course, many string) (count int) {
	t.Helper()
	for _, l := range c.Labs {
		dirs := []string{l.SolutionDir}
		if os.Getenv("LABS_TEST_ALL") != "" {
			alternatives, err := filepath.Glob(filepath.Join(l.SolutionDir, "alternatives", "*"))
			if err != nil {
				t.Fatal(err)
			}
			dirs = append(dirs, alternatives...)
		}
		for _, dir := range dirs {
			handIn(t, l, dir, filepath.Join(many, l.ID+"-"+filepath.Base(dir)))
			count++
		}
	}
	return count
}

// fromEnvironment is a number from the environment, or another if there is none.
func fromEnvironment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// busy takes a processor for as long as the test lasts.
func busy(t *testing.T) {
	t.Helper()
	loop := exec.Command("sh", "-c", "while kill -0 $PPID; do :; done") // no longer than this process
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { loop.Process.Kill(); loop.Wait() })
}

// TestHonest_equal grades one submission that passes some checks and fails others many times, as
// many as LABS_TEST_EQUAL says: what is not a time is the same every time. (Where a submission has
// a data race, it decides itself what is seen.)
func TestHonest_equal(t *testing.T) {
	if testing.Short() {
		t.Skip("it grades one submission many times")
	}
	n := fromEnvironment("LABS_TEST_EQUAL", 6)
	c := realCourse(t)
	l, err := c.Named("b03")
	if err != nil {
		t.Fatal(err)
	}
	m := l.Mutants[slices.IndexFunc(l.Mutants,
		func(m course.Mutant) bool { return m.Name() == "streams-first" })]
	wrong := t.TempDir()
	if err := l.WriteMutant(&m, wrong); err != nil {
		t.Fatal(err)
	}
	many := t.TempDir()
	for i := range n {
		handIn(t, l, wrong, filepath.Join(many, fmt.Sprintf("%03d", i)))
	}
	results := gradeMany(t, c, many, "--seed", "7")
	if len(results) != n {
		t.Fatalf("got %d results for %d submissions", len(results), n)
	}
	same := cmp.Options{
		cmpopts.IgnoreFields(run.Result{}, "Submission", "DurationMS", "Times"),
		// where package testing prints times
		cmpopts.IgnoreFields(run.Check{}, "DurationMS", "Output"),
		cmpopts.IgnoreFields(run.Finding{}, "When"),
	}
	for _, r := range results[1:] {
		if diff := cmp.Diff(results[0], r, same); diff != "" {
			t.Errorf("the same submission was judged differently (-first +another):\n%s", diff)
		}
	}
}

func realCourse(t *testing.T) *course.Course {
	t.Helper()
	root, err := course.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handIn makes a submission of the lab's files in a folder.
func handIn(t *testing.T, l *course.Lab, from, to string) {
	t.Helper()
	for _, file := range l.Files {
		data, err := os.ReadFile(filepath.Join(from, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, "labs", l.Slug, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func gradeMany(t *testing.T, c *course.Course, many string,
	flags ...string) (results []run.Result) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "results.json")
	streams, _, errs := term.Buffers()
	args := append([]string{"--course", c.Root, "grade", "--submissions", many, "--output",
		"json=" + file}, flags...)
	code := execute(t.Context(), newApp(streams), args)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if err := json.Unmarshal(data, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

func failures(r run.Result) string {
	text := r.Message
	for _, c := range r.Checks {
		if c.Verdict != run.Passed {
			text += fmt.Sprintf("\n%s: %s: %s", c.Test, c.Verdict, c.Message)
		}
	}
	return text
}
