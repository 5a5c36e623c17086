package grade_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestGrade_besideASpinner grades the reference, again and again, beside submissions that spin in
// two hundred goroutines each: that costs it no verdict.
func TestGrade_besideASpinner(t *testing.T) {
	if raceEnabled {
		t.Skip("make graded runs this without the race detector, like the attacks")
	}
	c, err := attacked()
	must(t, err)
	l, err := coursetest.Lab(c.Root, "b01-steps")
	must(t, err)
	box := &sandbox.NS{}
	judge := func(dir string, timeout time.Duration) run.Result {
		g := &grade.Grader{Builder: &compile.Builder{Course: c, Dir: t.TempDir(), Sandbox: box},
			Sandbox: box}
		return mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir}}, grade.Options{Timeout: timeout},
			nil)[0]
	}
	spins := t.TempDir()
	must(t, os.Chmod(spins, 0o755))
	must(t, os.CopyFS(spins, os.DirFS(filepath.Join("testdata", "attacks", "spins", "labs",
		"b01-steps"))))
	over := make(chan run.Result, 2)
	for range cap(over) {
		go func() { over <- judge(spins, 6*time.Second) }()
	}
	for n := 0; len(over) < cap(over); n++ {
		if r := judge(l.SolutionDir, grade.DefaultTimeout); r.Verdict != run.Passed {
			t.Fatalf("time %d: got %s: %s", n+1, r.Verdict, start(output(r)))
		}
	}
	for range cap(over) {
		if r := <-over; r.Verdict != run.TimedOut {
			t.Errorf("the one that spins: got %s: %s", r.Verdict, start(output(r)))
		}
	}
}
