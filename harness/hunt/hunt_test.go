package hunt_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// head begins a file of tests for the adder; package testing and the adder are used in it.
const head = `package adder_test

import (
	"testing"

	adder "github.com/backend-labs/backend-labs/labs/b01-adder"
)

var add = adder.Add

`

const (
	small = `
func TestSmall(t *testing.T) {
	if got := add(1, 2); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
}
`
	large = `
func TestLarge(t *testing.T) {
	if got := add(100, 200); got != 300 {
		t.Errorf("got %d, want 300", got)
	}
}
`
)

// hunter hunts in a course of the test's own.
func hunter(t *testing.T) (*hunt.Hunter, *course.Lab) {
	t.Helper()
	l := coursetest.Adder(t)
	c, err := course.Load(filepath.Dir(filepath.Dir(l.Dir)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &hunt.Hunter{
		Builder: func() *compile.Builder { return &compile.Builder{Course: c, Dir: dir} },
		Sandbox: sandbox.None{},
		Open: func(context.Context, []string) (grade.Stores, error) {
			return nil, &grade.Unavailable{Reason: "no Redis here", Remedy: "labs doctor"}
		},
		Options: grade.Options{Runs: 2, Seed: 1, Timeout: 3 * time.Second},
	}, l
}

func TestHunt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, tests string
		verdict     run.Verdict
		caught      int
		want        string // in the text
	}{
		{"good", small + large, run.Passed, 2, "✓ There are no numbers beyond a hundred."},
		{"useless", "func TestIt(t *testing.T) { add(1, 2) }", run.Failed, 0,
			"your tests pass on all of them"},
		{"fails on everything", "func TestIt(t *testing.T) { t.Error(\"no\") }", run.Failed, 0,
			"✗ TestIt demands what the contract does not: it fails on the reference\n" +
				"      hunt_test.go:11: no\n"},
		{"demands too much", small + "func TestIt(t *testing.T) { if add(-1, -1) != 0 { t.Error(\"no\") } }",
			run.Failed, 1, "1 of 2 wrong answers caught; not counted: 1 test"},
		{"never ends", small + "func TestIt(t *testing.T) { for { add(1, 1) } }", run.Failed, 1,
			"not done after 3s"},
		{"prints without end", small + "func TestIt(t *testing.T) { for range 300_000 " +
			"{ println(\"0123456789012345678901234567890123456789012345678901234567890123\") } }",
			run.Failed, 1, "✓ TestIt"},
		{"panics", small + "func TestIt(t *testing.T) { panic(add(1, 1)) }", run.Failed, 1,
			"panic: 2"},
		{"skips", small + "func TestIt(t *testing.T) { t.Skip() }", run.Failed, 1, "skipped"},
		{"does not compile", "func TestIt(t *testing.T) { add(1, \"2\") }", run.BuildFailed, 0,
			"hunt_test.go:11:36: cannot use \"2\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, l := hunter(t)
			tests, err := hunt.Parse(l, []byte(head+c.tests))
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.Hunt(t.Context(), tests, hunt.Events{})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			hunt.Text(&text, got, report.Style{Columns: 80})
			if got.Verdict != c.verdict || got.Caught != c.caught || got.Of != 2 ||
				!strings.Contains(text.String(), c.want) {
				t.Errorf("got %s with %d of %d caught and\n%swant %s with %d of 2 caught and %q",
					got.Verdict, got.Caught, got.Of, &text, c.verdict, c.caught, c.want)
			}
		})
	}
}
