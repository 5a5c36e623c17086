package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/watch"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// A session without a terminal, from the first verdict over a pass to its end.
func TestWatch_WithoutATerminal(t *testing.T) {
	t.Parallel()
	root := twoLabs(t)
	out, progress := new(lockedBuffer), new(lockedBuffer)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() {
		a := newApp(&term.Streams{In: strings.NewReader(""), Out: out, Err: progress, Columns: 80})
		code <- execute(ctx, a, []string{"--course", root, "watch", "adder"})
	}()
	file := filepath.Join(root, "labs", "b01-adder", "adder.go")
	save := func(body string) {
		t.Helper()
		writeFile(t, file+".tmp", adder(body))
		if err := os.Rename(file+".tmp", file); err != nil {
			t.Fatal(err)
		}
	}
	out.await(t, "failed: 0 of 1 point")
	save("return a - b")
	out.await(t, "got -1, want 3")
	save("return a +")
	out.await(t, "does not compile")
	save("return a + b")
	out.await(t, "next: labs solution b01-adder")
	save("return a + b") // no change
	save("return b + a")
	out.await(t, "next: labs solution b01-adder", "next: labs solution b01-adder")
	cancel()
	if got := <-code; got != exitPassed {
		t.Errorf("exit code %d, want %d", got, exitPassed)
	}
	if n := strings.Count(progress.String(), " checking b01-adder"); n != 5 {
		t.Errorf("checked %d times, want 5: at the start and after the 4 saves with a change\n%s",
			n, progress.String())
	}
	if text := out.String() + progress.String(); strings.Contains(text, "\x1b") {
		t.Errorf("there are sequences for a terminal in it: %q", text)
	}
	o := watchTest(t, root)
	p, err := o.w.Progress()
	if err != nil || p.Last != "B01" || p.Labs["B01"].PassedAt.IsZero() {
		t.Errorf("progress: %+v, %v", p, err)
	}
}

// What is still the stub is not judged; what is not handed in is said beside the verdict, as soon
// as it is there.
func TestWatch_TheStubAndWhatIsNotHandedIn(t *testing.T) {
	t.Parallel()
	root := twoLabs(t)
	writeFile(t, filepath.Join(root, "labs", "b01-adder", ".stub", "adder.go"), adder("return 0"))
	out, progress := new(lockedBuffer), new(lockedBuffer)
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		a := newApp(&term.Streams{In: strings.NewReader(""), Out: out, Err: progress, Columns: 80})
		code <- execute(ctx, a, []string{"--course", root, "watch", "adder"})
	}()
	out.await(t, "nothing is written yet: labs show b01 shows the brief",
		"not attempted: 0 of 1 point")
	writeFile(t, filepath.Join(root, "labs", "b01-adder", "adder.go"), adder("return a + b"))
	out.await(t, "passed: 1 of 1 point", "next: labs solution b01-adder")
	writeFile(t, filepath.Join(root, "labs", "b01-adder", "helper.go"),
		"package adder\n\nfunc x() {\n")
	out.await(t, "next: labs solution", "passed: 1 of 1 point",
		"  helper.go is not handed in: lab.yaml names adder.go alone\n")
	cancel()
	if got := <-code; got != exitPassed {
		t.Errorf("exit code %d, want %d\n%s", got, exitPassed, progress)
	}
}

// A pass without the run under the race detector is none: no next lab is named, and no solution
// shown.
func TestWatch_WithoutTheRaceRun(t *testing.T) {
	t.Parallel()
	root := twoLabs(t)
	yaml := filepath.Join(root, "labs", "b01-adder", "lab.yaml")
	data, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, yaml, strings.Replace(string(data), "race: false", "race: true", 1))
	writeFile(t, filepath.Join(root, "labs", "b01-adder", "adder.go"), adder("return a + b"))
	out := new(lockedBuffer)
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		a := newApp(&term.Streams{In: strings.NewReader(""), Out: out, Err: io.Discard,
			Columns: 80})
		code <- execute(ctx, a, []string{"--course", root, "watch", "adder", "--no-race"})
	}()
	out.await(t, "passed, not yet under the race detector: 1 of 1 point\n  the race detector was left out by --no-race; "+
		"labs check b01 has it, too\n")
	o := watchTest(t, root)
	var kept *run.Result
	for kept == nil { // it is written down behind the verdict
		p, err := o.w.Progress()
		if err != nil {
			t.Fatal(err)
		}
		kept = p.Entry("B01").Result
	}
	cancel()
	if got := <-code; got != exitPassed {
		t.Errorf("exit code %d, want %d", got, exitPassed)
	}
	if strings.Contains(out.String(), "next: ") {
		t.Errorf("it goes on as after a pass:\n%s", out)
	}
	scene := watch.Scene{Lab: o.w.Course.Labs[0], Result: kept}
	if _, err := o.session().Pages[watch.KeySolution](t.Context(), scene); err == nil ||
		!strings.HasPrefix(err.Error(), run.NotYetRaced) {
		t.Errorf("the solution: got %v", err)
	}
}

func TestWatch_BeginsWithTheLabThatIsMeant(t *testing.T) {
	t.Parallel()
	pass := func(p *workspace.Progress, id, slug string, o *watchOptions) {
		l, _ := o.w.Course.Named(slug)
		checks, _ := o.b.ChecksSHA256(l)
		source, _ := o.state(l)
		source, _, _ = strings.Cut(source, " ")
		p.Judge(run.Result{Lab: id, Verdict: run.Passed, Race: run.Race{State: run.RaceNotNeeded},
			SourceSHA256: source}, checks, "", time.Now())
	}
	for name, c := range map[string]struct {
		args []string
		had  func(*workspace.Progress, *watchOptions)
		want string
	}{
		"the one named": {[]string{"doubler"}, nil, "B02"},
		"the one worked on last": {nil, func(p *workspace.Progress,
			_ *watchOptions) {
			p.Last = "B02"
		}, "B02"},
		"the first, for who comes fresh": {nil, nil, "B01"},
		"the first that is not passed": {nil, func(p *workspace.Progress, o *watchOptions) {
			pass(p, "B01", "b01-adder", o)
			p.Last = ""
		}, "B02"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := watchTest(t, twoLabs(t))
			if c.had != nil {
				if err := o.w.Update(t.Context(), func(p *workspace.Progress) {
					c.had(p,
						o)
				}); err != nil {
					t.Fatal(err)
				}
			}
			l, err := o.first(c.args)
			if err != nil || l.ID != c.want {
				t.Errorf("got %v, %v, want %s", l, err, c.want)
			}
		})
	}
	t.Run("an unknown name is an error", func(t *testing.T) {
		t.Parallel()
		if _, err := watchTest(t,
			twoLabs(t)).first([]string{"nothing"}); exitCode(err) != exitUsage {
			t.Errorf("got %v", err)
		}
	})
}

func TestWatch_Pages(t *testing.T) {
	t.Parallel()
	o := watchTest(t, twoLabs(t))
	lab := o.w.Course.Labs[0]
	scene := watch.Scene{Lab: lab, Result: &run.Result{Lab: "B01", Title: "Adder",
		Verdict: run.Failed, Seed: 77, Checks: []run.Check{{Title: "adds", Verdict: run.Failed,
			Output: "said by the code"}}}}
	pages := o.session().Pages
	text := func(key rune) string {
		t.Helper()
		p, err := pages[key](t.Context(), scene)
		if err != nil {
			return "error: " + err.Error()
		}
		return strings.Join(p.Lines, "\n")
	}
	for _, step := range []struct {
		key  rune
		want []string
	}{
		{watch.KeyHint, []string{"hint 1 of 2: plus"}},
		{watch.KeyHint, []string{"hint 1 of 2: plus", "hint 2 of 2: not minus"}},
		{watch.KeyBrief, []string{"# The brief of b01-adder"}},
		{watch.KeyFull, []string{"said by the code", "--seed 77"}},
		{watch.KeySolution, []string{"error: not passed yet", "--give-up"}},
		{watch.KeyList, []string{"beginner", "B01", "B02"}},
		{watch.KeyHelp, []string{"Every save is checked"}},
	} {
		got := text(step.key)
		for _, want := range step.want {
			if !strings.Contains(got, want) {
				t.Errorf("%c: %q is not in\n%s", step.key, want, got)
			}
		}
	}

	scene.Phase, scene.Result = watch.Racing, &run.Result{Verdict: run.Passed}
	if got := text(watch.KeySolution); !strings.Contains(got, "race detector") {
		t.Errorf("between the plain run and the race run: %s", got)
	}
	err := o.w.Update(t.Context(), func(p *workspace.Progress) {
		p.Judge(run.Result{Lab: "B01", Verdict: run.Passed,
			Race: run.Race{State: run.RaceNotNeeded}, SourceSHA256: "x"}, "y", "", time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(watch.KeySolution); !strings.Contains(got, "return a + b") ||
		!strings.Contains(got, "The answer to b01-adder") {
		t.Errorf("after the pass: %s", got)
	}
}

func TestWatch_StateOfALab(t *testing.T) {
	t.Parallel()
	root := twoLabs(t)
	o := watchTest(t, root)
	lab := o.w.Course.Labs[0]
	file := filepath.Join(lab.Dir, "adder.go")
	state := func(settled bool) string {
		t.Helper()
		s, got := o.state(lab)
		if got != settled {
			t.Errorf("settled is %v", got)
		}
		return s
	}
	first := state(true)
	writeFile(t, file, adder("return 1"))
	second := state(true)
	writeFile(t, filepath.Join(lab.Dir, "adder_test.go"),
		strings.Replace(checks("adder", "Add(1, 2)", 3), "want 3", "want three", 1))
	third := state(true)
	writeFile(t, file, "")
	empty := state(false)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if gone := state(false); gone != missing {
		t.Errorf("a missing file: %q", gone)
	}
	if all := []string{first, second, third, empty}; first == second || second == third ||
		third == empty {
		t.Errorf("different contents have one state: %q", all)
	}
}

func TestNoteWriter_GivesPlainLines(t *testing.T) {
	t.Parallel()
	notes := make(chan string, 2)
	fmt.Fprint(noteWriter(notes),
		"\x1b[2m· building\x1b[0m\n· starting redis\n· more than there is room for\n")
	if a, b := <-notes, <-notes; a != "building" || b != "starting redis" {
		t.Errorf("got %q and %q", a, b)
	}
}

// watchTest gives a watch command at work on a course.
func watchTest(t *testing.T, root string) *watchOptions {
	t.Helper()
	s, _, _ := term.Buffers()
	a := newApp(s)
	a.courseDir = root
	o := &watchOptions{app: a, columns: func() int { return 80 }}
	var err error
	if o.w, err = a.open(); err != nil {
		t.Fatal(err)
	}
	o.b = a.builder(o.w)
	return o
}

// twoLabs is a course with two labs of a line each.
func twoLabs(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	if err := coursetest.Write(root); err != nil {
		t.Fatal(err)
	}
	for i, l := range []struct{ slug, name, stub, solution, call string }{
		{"b01-adder", "adder", adder("return 0"), adder("return a + b"), "Add(1, 2)"},
		{"b02-doubler", "doubler", doubler("return 0"), doubler("return 2 * a"), "Double(1)"},
	} {
		lab, solution := filepath.Join(root, "labs", l.slug),
			filepath.Join(root, "solutions", l.slug)
		writeFile(t, filepath.Join(lab, "lab.yaml"), fmt.Sprintf(labYAML, i+1, l.name, l.name))
		writeFile(t, filepath.Join(lab, "README.md"), "# The brief of "+l.slug+"\n")
		writeFile(t, filepath.Join(lab, l.name+".go"), l.stub)
		writeFile(t, filepath.Join(lab, l.name+"_test.go"), checks(l.name, l.call, 3-i))
		writeFile(t, filepath.Join(solution, l.name+".go"), l.solution)
		writeFile(t, filepath.Join(solution, "ANSWER.md"), "The answer to "+l.slug+".\n")
	}
	return root
}

const labYAML = `id: B%02d
title: The %s
question: How does one do it?
level: beginner
topics: [sums]
after: []
minutes: 1
files: [%s.go]
imports: []
forbid: []
race: false
checks:
  - test: TestIt
    title: it does it
    points: 1
    needs: []
hints:
  - plus
  - not minus
mutants:
  - patch: none.patch
    misconception: None.
    explain: None.
    fails: [TestIt]
`

func adder(body string) string {
	return "package adder\n\nfunc Add(a, b int) int { " + body + " }\n"
}

func doubler(body string) string {
	return "package doubler\n\nfunc Double(a int) int { " + body + " }\n"
}

func checks(name, call string, want int) string {
	return fmt.Sprintf(`package %[1]s_test

import (
	"testing"

	%[1]s "github.com/backend-labs/backend-labs/labs/%[2]s-%[1]s"
)

func TestIt(t *testing.T) {
	if got := %[1]s.%[3]s; got != %[4]d {
		t.Errorf("got %%d, want %[4]d", got)
	}
}
`, name, map[string]string{"adder": "b01", "doubler": "b02"}[name], call, want)
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits until the texts have been written, one after the other.
func (l *lockedBuffer) await(t *testing.T, texts ...string) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute) // the kit is compiled first
	for {
		rest, ok := l.String(), true
		for _, text := range texts {
			_, after, found := strings.Cut(rest, text)
			rest, ok = after, ok && found
		}
		switch {
		case ok:
			return
		case time.Now().After(deadline):
			t.Fatalf("%q was not written:\n%s", texts, l.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
