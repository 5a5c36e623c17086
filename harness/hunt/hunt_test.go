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
			var steps progress
			got, err := h.Hunt(t.Context(), tests, hunt.Events{Progress: steps.add})
			if err != nil {
				t.Fatal(err)
			}
			steps.check(t, 2*len(tests.Names))
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

// progress is what a hunt told of how far it was.
type progress []hunt.Progress

func (p *progress) add(now hunt.Progress) { *p = append(*p, now) }

// check demands that a hunt begins with the correct solutions, so many verdicts of which there may
// be, and goes on in single steps, never beyond what it has announced.
func (p progress) check(t *testing.T, correct int) {
	t.Helper()
	before := hunt.Progress{}
	for i, now := range p {
		begins := now.Done == 0 && now.What != before.What
		next := now == hunt.Progress{What: before.What, Done: before.Done + 1, Of: before.Of}
		if i == 0 && now != (hunt.Progress{What: "the correct solutions", Of: correct}) ||
			!begins && !next || now.Done > now.Of {
			t.Errorf("got %+v after %+v, want one more of it, or something else", now, before)
		}
		before = now
	}
	if len(p) == 0 {
		t.Error("got no word on how far the hunt is")
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

// TestHunt_noStore leaves it open whether tests pass for which there is no store: they are not at
// fault.
func TestHunt_noStore(t *testing.T) {
	t.Parallel()
	h, _ := hunter(t)
	l := named(t, h.Builder().Course, "a01")
	tests, err := hunt.Parse(l, []byte("package store_test\n\nimport \"testing\"\n\n"+
		"func TestIt(t *testing.T) { t.Error(\"no\") }\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Hunt(t.Context(), tests, hunt.Events{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdict != run.InfraError || !strings.Contains(got.Message, "no Redis here") ||
		!got.Tests[0].Sound || got.Caught != 0 {
		t.Errorf("got %+v, want that there is no Redis, and no word on the test", got)
	}
}

// TestHunt_oneSolution tells tests that use what only the reference has from those that are no Go.
func TestHunt_oneSolution(t *testing.T) {
	t.Parallel()
	h, l := hunter(t)
	overwrite(t, filepath.Join(l.SolutionDir, "adder.go"),
		"package adder\n\nvar Sums int\n\nfunc Add(a, b int) int { return a + b }\n")
	l.Mutants = nil // they are patches of what is there no more
	tests, err := hunt.Parse(l, []byte(head+"func TestIt(t *testing.T) { adder.Sums++ }\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Hunt(t.Context(), tests, hunt.Events{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "they compile with the reference, and not with another correct solution: " +
		"hunt_test.go:11:35: undefined: adder.Sums"
	if got.Verdict != run.BuildFailed || got.Message != want {
		t.Errorf("got %s: %s, want %s", got.Verdict, got.Message, want)
	}
}

// TestHunt_raced takes back what a test has caught that turns out to have a race of its own. What is
// told before does not change any more.
func TestHunt_raced(t *testing.T) {
	t.Parallel()
	h, l := hunter(t)
	h.Options.Race, h.Options.EveryLab, h.Options.Timeout = true, true, time.Minute
	tests, err := hunt.Parse(l, []byte(head+small+`
func TestRaces(t *testing.T) {
	n, done := 0, make(chan int)
	go func() { n = 1; close(done) }()
	n = 2
	<-done
	if got := add(100, n); got <= 100 {
		t.Errorf("got %d, want more", got)
	}
}
`))
	if err != nil {
		t.Fatal(err)
	}
	var plain []hunt.Outcome
	got, err := h.Hunt(t.Context(), tests,
		hunt.Events{Plain: func(o hunt.Outcome) { plain = append(plain, o) }})
	if err != nil {
		t.Fatal(err)
	}
	if got.Race.State == run.RaceNotToBeHad {
		t.Skip(got.Race.Reason)
	}
	if len(plain) != 1 || plain[0].Verdict != run.Passed || plain[0].Caught != 2 ||
		!plain[0].Tests[1].Sound || !plain[0].Answers[1].Caught {
		t.Errorf("got %+v before the race detector, want that all is caught", plain)
	}
	races := got.Tests[1]
	if races.Sound || races.Said == nil || !races.Said.Race || got.Verdict != run.Failed ||
		got.Caught != 1 || got.Answers[1].By != "" || len(got.Answers[1].Breaks) != 1 {
		t.Errorf("got %+v, want that TestRaces catches nothing, since it races", got)
	}
}
