package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/term"
)

// An author's session: the reference is judged, and saves of it and of lab.yaml count.
func TestWatch_ofTheReference(t *testing.T) {
	t.Parallel()
	root := twoLabs(t)
	out, progress := new(lockedBuffer), new(lockedBuffer)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() {
		a := newApp(&term.Streams{In: strings.NewReader(""), Out: out, Err: progress, Columns: 80})
		code <- execute(ctx, a, []string{"--course", root, "watch", "adder", "--of", "reference"})
	}()
	yaml := filepath.Join(root, "labs", "b01-adder", "lab.yaml")
	text, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	save := func(file, text string) {
		t.Helper()
		writeFile(t, file+".tmp", text)
		if err := os.Rename(file+".tmp", file); err != nil {
			t.Fatal(err)
		}
	}
	out.await(t, "passed: 1 of 1 point")
	save(filepath.Join(root, "solutions", "b01-adder", "adder.go"), adder("return a - b"))
	out.await(t, "got -1, want 3")
	save(yaml, strings.Replace(string(text), "points: 1", "points: none", 1))
	progress.await(t, `checks[0].points: a whole number is expected here, not "none"`)
	save(yaml, strings.Replace(string(text), "points: 1", "points: 7", 1))
	out.await(t, "failed: 0 of 7 points")
	cancel()
	if got := <-code; got != exitPassed {
		t.Errorf("exit code %d, want %d", got, exitPassed)
	}
	p, err := watchTest(t, root).w.Progress()
	if err != nil || p.Last != "" || len(p.Labs) > 0 {
		t.Errorf("got the progress %+v, %v, want none: nothing of the learner's was judged", p, err)
	}
}

func TestWatch_ofNothing(t *testing.T) {
	t.Parallel()
	s, _, errs := term.Buffers()
	code := execute(t.Context(), newApp(s), []string{"--course", twoLabs(t), "watch", "adder",
		"--of", "nothing"})
	if text := errs.String(); code != exitUsage ||
		!strings.Contains(text, `b01-adder has no mutant or alternative "nothing"`) ||
		!strings.Contains(text, "hint: known: stub, reference, ") {
		t.Errorf("got the exit code %d and %q", code, text)
	}
}

// TestWatched_sources changes what a variant is made of: its state is another one then.
func TestWatched_sources(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ of, file string }{
		{"", "labs/b01-adder/adder.go"},
		{course.VariantStub, "labs/b01-adder/.stub/adder.go"},
		{course.VariantReference, "solutions/b01-adder/adder.go"},
		{"none", "solutions/b01-adder/mutants/none.patch"},
		{"none", "solutions/b01-adder/adder.go"},
		{course.VariantReference, "labs/b01-adder/lab.yaml"},
	} {
		root := twoLabs(t)
		o := watchTest(t, root)
		o.of = tt.of
		l := o.w.Course.Labs[0]
		for _, name := range []string{"labs/b01-adder/.stub/adder.go",
			"solutions/b01-adder/mutants/none.patch"} {
			writeFile(t, filepath.Join(root, filepath.FromSlash(name)), adder("return 0"))
		}
		before, _ := o.state(l)
		file := filepath.Join(root, filepath.FromSlash(tt.file))
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, string(data)+"\n")
		if after, settled := o.state(l); after == before || !settled {
			t.Errorf("of %q, after a change of %s: got settled = %v and the state %q, before it "+
				"was %q", tt.of, tt.file, settled, after, before)
		}
	}
}

// A lab.yaml that is being written is waited for; one with a fault is told.
func TestWatched_faults(t *testing.T) {
	t.Parallel()
	o := watchTest(t, twoLabs(t))
	l := o.w.Course.Labs[0]
	yaml := filepath.Join(l.Dir, "lab.yaml")
	writeFile(t, yaml, "id: B01\n")
	_, settled := o.state(l)
	var faults course.Faults
	if _, err := o.watched(l); !errors.As(err, &faults) || !settled {
		t.Errorf("got settled = %v and %v, want faults that are told", settled, err)
	}
	writeFile(t, yaml, "")
	if _, settled := o.state(l); settled {
		t.Error("an empty lab.yaml is no save that is over")
	}
}
