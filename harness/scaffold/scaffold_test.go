package scaffold_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/prove"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/scaffold"
)

// example is a small course.
func example(t *testing.T) *course.Course {
	t.Helper()
	from, err := coursetest.Example()
	must(t, err)
	root := t.TempDir()
	must(t, coursetest.Write(root, from))
	return load(t, root)
}

func load(t *testing.T, root string) *course.Course {
	t.Helper()
	c, err := course.Load(root)
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestWrite makes a lab, and holds it against all that labs must be: nothing is missing but what is
// said to be the author's to write, and, that done, it is proven.
func TestWrite(t *testing.T) {
	t.Parallel()
	c := example(t)
	written, err := scaffold.Lab{ID: "b16", Slug: "bounded-queue",
		Question: `What is back pressure: and "why"?`}.Write(c)
	must(t, err)
	if !slices.Contains(written, "labs/b16-bounded-queue/boundedqueue.go") || len(written) != 10 {
		t.Errorf("got the files %q", written)
	}
	c = load(t, c.Root)
	if len(c.Broken) > 0 {
		t.Fatal(c.Broken)
	}
	l, err := c.Named("b16")
	must(t, err)
	if l.Title != "Bounded queue" || l.Level != "beginner" ||
		l.Question != `What is back pressure: and "why"?` {
		t.Errorf("got %q, %s, %q", l.Title, l.Level, l.Question)
	}
	p := form(t, l)
	for _, problem := range p.Problems {
		if !strings.Contains(problem, " is to be written: ") &&
			!strings.HasPrefix(problem, "ANSWER.md has ") {
			t.Errorf("it lacks what an author cannot know of: %s", problem)
		}
	}
	if len(p.Problems) < 15 {
		t.Errorf("got %d problems, want one for each text to be written: %q", len(p.Problems),
			p.Problems)
	}

	finish(t, filepath.Join(c.Root, "labs", l.Slug))
	finish(t, l.SolutionDir)
	l, err = load(t, c.Root).Named("b16")
	must(t, err)
	if p := form(t, l); !p.Holds {
		t.Errorf("written, it still has %q", p.Problems)
	}
	b := &compile.Builder{Course: c, Dir: filepath.Join(t.TempDir(), "bin")}
	prover := &prove.Prover{Root: c.Root,
		Grader: &grade.Grader{Builder: b, Sandbox: sandbox.None{}}}
	proofs, err := prover.Prove(t.Context(), []*course.Lab{l}, prove.Options{Runs: 1}, nil)
	must(t, err)
	if !proofs[0].Holds {
		t.Errorf("it does not hold: %q", proofs[0].Problems)
	}
}

func form(t *testing.T, l *course.Lab) prove.Proof {
	t.Helper()
	proofs, err := prove.Form([]*course.Lab{l})
	must(t, err)
	return proofs[0]
}

// finish writes what is to be written.
func finish(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "TODO", "done")
		if d.Name() == "ANSWER.md" {
			text += strings.Repeat(" word", 250)
		}
		return os.WriteFile(path, []byte(text), 0o644)
	}))
}

func TestWrite_refuses(t *testing.T) {
	t.Parallel()
	c := example(t)
	for _, tt := range []struct{ name, id, slug, want, hint string }{
		{"an id that is none", "C01", "queue", `"C01" is no id of a lab`, "two digits: B16"},
		{"an id that is too short", "B1", "queue", `"B1" is no id of a lab`, "two digits: B16"},
		{"an id with more behind it", "B166", "queue", `"B166" is no id of a lab`, "two digits: B16"},
		{"a slug that is none", "B16", "Queue", `"Queue" is no slug of a lab`, "small letters"},
		{"a slug that ends with a hyphen", "B16", "queue-", `"queue-" is no slug of a lab`, "small letters"},
		{"a slug that leads elsewhere", "B16", "../x", `"../x" is no slug of a lab`, "small letters"},
		{"a word of the language", "B16", "select", "no package can be called select", "two words"},
		{"two that make a word of the language", "B16", "fall-through", "no package can be called fallthrough", "two words"},
		{"a package of the checks", "B16", "testing", "no package can be called testing", "two words"},
		{"an id that is taken", "b01", "queue", "there is a lab B01: b01-adder", "free: B02"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			written, err := scaffold.Lab{ID: tt.id, Slug: tt.slug}.Write(c)
			invalid, ok := errors.AsType[*scaffold.Invalid](err)
			if !ok || invalid.Error() != tt.want || !strings.Contains(invalid.Hint(), tt.hint) ||
				written != nil {
				t.Errorf("got %v and %q, want %q with a hint that has %q", err, written, tt.want,
					tt.hint)
			}
		})
	}
	t.Run("a folder that is there", func(t *testing.T) {
		t.Parallel()
		must(t, os.MkdirAll(filepath.Join(c.Root, "solutions", "b17-queue"), 0o755))
		_, err := scaffold.Lab{ID: "B17", Slug: "queue"}.Write(c)
		if err == nil || err.Error() != "solutions/b17-queue is there already" {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(filepath.Join(c.Root, "labs", "b17-queue")); err == nil {
			t.Error("got half a lab written")
		}
	})
}
