package course_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
)

// exampleCourse is a copy of the example with three labs.
func exampleCourse(t *testing.T) *course.Course {
	t.Helper()
	dir, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	return coursetest.New(t, dir)
}

func TestCourse_Select(t *testing.T) {
	t.Parallel()
	c := exampleCourse(t)
	for _, tt := range []struct {
		names []string
		want  []string // ids; nil: an error
	}{
		{nil, []string{"B01", "I01", "A01"}},
		{[]string{"a01"}, []string{"A01"}},
		{[]string{"store", "b01-adder"}, []string{"A01", "B01"}},
		{[]string{"b01", "b01"}, []string{"B01"}},
		{[]string{"b01,a01", "i01"}, []string{"B01", "A01", "I01"}},
		{[]string{","}, nil},
		{[]string{""}, nil},
		{[]string{"b01", "nothing-like-it"}, nil},
	} {
		labs, err := c.Select(tt.names)
		var ids []string
		for _, l := range labs {
			ids = append(ids, l.ID)
		}
		if !slices.Equal(ids, tt.want) || (err != nil) != (tt.want == nil) {
			t.Errorf("%q: got %q, %v, want %q", tt.names, ids, err, tt.want)
		}
		if tt.want == nil && !errors.Is(err, course.ErrUnknownLab) {
			t.Errorf("%q: got %v, want %v", tt.names, err, course.ErrUnknownLab)
		}
	}
}

func TestCourse_Language(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mod, want, wrong string }{
		{"module example.org/x\n\ngo 1.26.0\n", "1.26.0", ""},
		{"module example.org/x\n\n  go 1.26\r\ntoolchain go1.26.8\n", "1.26", ""},
		{"module example.org/x\n", "", "go.mod: no go line"},
		{"module example.org/x\ngopher 1\n", "", "go.mod: no go line"},
	} {
		c := &course.Course{Root: t.TempDir()}
		write(t, filepath.Join(c.Root, "go.mod"), tt.mod)
		got, err := c.Language()
		if got != tt.want || (err == nil) != (tt.wrong == "") ||
			err != nil && !strings.HasSuffix(err.Error(), tt.wrong) {
			t.Errorf("%q: got %q, %v, want %q, %q", tt.mod, got, err, tt.want, tt.wrong)
		}
	}
	if _, err := (&course.Course{Root: t.TempDir()}).Language(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a go.mod: got %v", err)
	}
}

func TestLab_Variant(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	mutant := l.Mutants[0].Name()
	texts := map[string]string{}
	for _, name := range []string{course.VariantStub, course.VariantReference, mutant} {
		dir, err := l.Variant(name, t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		texts[name] = slurp(t, filepath.Join(dir, l.Files[0]))
		if err := l.HasVariant(name); err != nil {
			t.Errorf("%s: got %v, want that it is there", name, err)
		}
	}
	if texts[course.VariantStub] == texts[course.VariantReference] ||
		texts[mutant] == texts[course.VariantReference] {
		t.Error("got variants that are the reference")
	}

	if dir, err := l.Variant("loop", t.TempDir()); err != nil ||
		dir != filepath.Join(l.SolutionDir, "alternatives", "loop") {
		t.Errorf("got %q, %v, want the alternative", dir, err)
	}

	dir, err := l.Variant("unheard-of", t.TempDir())
	no, ok := errors.AsType[*course.NoVariant](err)
	if !ok || dir != "" || no.Error() != `b01-adder has no mutant or alternative "unheard-of"` ||
		!strings.HasPrefix(no.Hint(), "known: stub, reference, ") ||
		!strings.Contains(no.Hint(), mutant) {
		t.Errorf("got %q, %v, want an error that names those that there are", dir, err)
	}
}

// A lab with many variants names those that may be meant, and where the others are.
func TestLab_HasVariant_many(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	for _, name := range []string{"no-lock", "no-lock-at-all", "unlocked", "one", "two", "three", "four", "five", "six",
		"seven", "eight", "nine"} {
		l.Mutants = append(l.Mutants, course.Mutant{Patch: name + ".patch"})
	}
	for _, test := range []struct{ typed, want string }{
		{"nolock", "did you mean no-lock? besides stub and reference, "},
		{"lock", "did you mean no-lock or no-lock-at-all or unlocked? besides "},
		{"what", "besides stub and reference, "},
	} {
		no, ok := errors.AsType[*course.NoVariant](l.HasVariant(test.typed))
		if !ok || !strings.HasPrefix(no.Hint(), test.want) ||
			!strings.HasSuffix(no.Hint(), " are known: the mutants and alternatives of solutions/b01-adder") {
			t.Errorf("%s: got %v, want a hint that begins with %q", test.typed, no, test.want)
		}
	}
	if err := l.HasVariant("no-lock"); err != nil {
		t.Errorf("got %v for one that there is", err)
	}
}

func TestLab_Variant_cannotBeWritten(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	if _, err := l.Variant(l.Mutants[0].Name(), file); err == nil {
		t.Error("got a mutant written below a file")
	}
	if err := os.RemoveAll(l.StubDir()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Variant(course.VariantStub, ""); !errors.As(err, new(*course.NoStub)) {
		t.Errorf("got %v, want that no stub is recorded", err)
	}
}

// TestLab_HasSolution is about courses that were given to learners without the answers.
func TestLab_HasSolution(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	if !l.HasSolution() {
		t.Error("got none where there is one")
	}
	answer := filepath.Join(l.SolutionDir, "ANSWER.md")
	for _, file := range []string{answer, filepath.Join(l.SolutionDir, l.Files[0])} {
		text := slurp(t, file)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if l.HasSolution() {
			t.Errorf("got one without %s", filepath.Base(file))
		}
		write(t, file, text)
	}
}

// TestLab_Chance finds out where a seed says anything.
func TestLab_Chance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file, text string
		want       bool
	}{
		{"x_test.go", `package x; import "pgregory.net/rapid"`, true},
		{"y_test.go", "func TestX(t *testing.T) { bubble.Property(t, f) }", true},
		{"z_test.go", "rand.New(rand.NewPCG(request.Seed, 1))", true},
		{"plain_test.go", "func TestX(t *testing.T) {}", false},
		{"x.go", "rand.New(rand.NewPCG(request.Seed, 1))", false}, // no check
	} {
		l := &course.Lab{Dir: t.TempDir()}
		write(t, filepath.Join(l.Dir, tt.file), tt.text)
		if got := l.Chance(); got != tt.want {
			t.Errorf("%s with %q: got %v, want %v", tt.file, tt.text, got, tt.want)
		}
	}
}
