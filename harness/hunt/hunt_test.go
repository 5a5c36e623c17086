package hunt_test

import (
	"context"
	"fmt"
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
		{"demands too much", small + "func TestIt(t *testing.T) { " +
			"if add(-1, -1) != 0 { t.Error(\"no\") } }",
			run.Failed, 1, "1 of 2 wrong answers caught; not counted: 1 test"},
		{"never ends", small + "func TestIt(t *testing.T) { for { add(1, 1) } }", run.Failed, 1,
			"not done after 3s"},
		{"prints twenty megabytes", small + "func TestIt(t *testing.T) { for range 300 " +
			"{ println(string(make([]byte, 64<<10))) } }", run.Failed, 1, "✓ TestIt"},
		{"panics", small + "func TestIt(t *testing.T) { panic(add(1, 1)) }", run.Failed, 1,
			"panic at hunt_test.go:17: 2"},
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

// TestHunter_Grade judges tests that nobody trusts, but for the sandbox.
func TestHunter_Grade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, tests string
		want        string // verdict, points and what is said
	}{
		{"good", head + small + large, "passed 2/2"},
		{"one is missing", head + small, "failed 1/2"},
		{"no test", head, "build_failed 0/2 hunt/hunt_test.go has no test\n" +
			"write one: func TestSomething(t *testing.T)"},
		{"does not compile", head + "func TestIt(t *testing.T) { add() }",
			"build_failed 0/2 hunt_test.go:11:29: not enough arguments in call to add\n\thave ()\n" +
				"\twant (int, int)"},
		{"the process", imports("os") + "func TestIt(t *testing.T) { os.Exit(0) }",
			"rejected 0/2 hunt/hunt_test.go:5: import \"os\" (rule import)"},
		{"places", imports("runtime") + "func TestIt(t *testing.T) { runtime.Caller(1) }",
			"rejected 0/2 hunt/hunt_test.go:5: import \"runtime\" (rule import)"},
		{"the account", imports("github.com/backend-labs/backend-labs/harness/kit/account") +
			"func TestIt(t *testing.T) { account.Begin() }",
			"rejected 0/2 hunt/hunt_test.go:5: import " +
				"\"github.com/backend-labs/backend-labs/harness/kit/account\" (rule import)"},
		{"files", imports("net/http") + "func TestIt(t *testing.T) { http.Dir(\"/\").Open(\"x\") }",
			"rejected 0/2 hunt/hunt_test.go:8: http.Dir (rule name)"},
		{"how tests run", imports("strings") + "func TestIt(t *testing.T) { " +
			"testing.Main(nil, nil, nil, nil); strings.ToUpper(\"\") }",
			"rejected 0/2 hunt/hunt_test.go:8: testing.Main (rule name)"},
		{"a goroutine of its own", head + small + "\nfunc init() { go add(1, 2) }\n",
			"rejected 0/2 hunt/hunt_test.go:9: adder.Add (rule initialiser)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, l := hunter(t)
			got, err := h.Grade(t.Context(), l.AsHunt(), []byte(c.tests), hunt.Events{})
			if err != nil {
				t.Fatal(err)
			}
			said := fmt.Sprintf("%s %d/%d %s", got.Verdict, got.Points, got.MaxPoints, got.Message)
			if !strings.HasPrefix(said, c.want) {
				t.Errorf("got %s, want %s", said, c.want)
			}
		})
	}
}

// imports is the head of a file that imports testing and another package.
func imports(path string) string {
	return fmt.Sprintf("package adder_test\n\nimport (\n\t\"testing\"\n\t%q\n)\n\n", path)
}
