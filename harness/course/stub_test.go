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

// example is a lab of the example, in a folder of the test's own.
func example(t *testing.T, name string) *course.Lab {
	t.Helper()
	dir, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	l, err := coursetest.New(t, dir).Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func slurp(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestCourse_stubs holds the course of this repository, and the example, against what they record.
// An author who has changed a stub runs "labs stub LAB --record".
func TestCourse_stubs(t *testing.T) {
	t.Parallel()
	for _, root := range []string{filepath.Join("..", ".."), example(t, "b01").Dir + "/../.."} {
		c, err := course.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range c.Labs {
			if text := l.NotTheStub(); text != "" {
				t.Error(text)
			}
			if strays, err := l.Strays(); len(strays) > 0 || err != nil {
				t.Errorf("%s: neither in files nor in given of lab.yaml: %q, %v", l.Slug, strays,
					err)
			}
			recorded := len(l.Files)
			files, err := filepath.Glob(filepath.Join(l.StubDir(), "*"))
			if err != nil || len(files) != recorded {
				t.Errorf("%s: .stub has %q, %v; want %d files", l.Slug, files, err, recorded)
			}
		}
	}
}

func TestLab_Touched(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	file := filepath.Join(l.Dir, "adder.go")
	stub := slurp(t, file)
	for _, tt := range []struct{ name, text, says string }{
		{"as it was", stub, ""},
		{"with lines that end as on Windows", strings.ReplaceAll(stub, "\n", "\r\n"), ""},
		{"edited", stub + "\n", "labs/b01-adder/adder.go is no stub: it differs from .stub/adder.go"},
		{"removed", "", "labs/b01-adder/adder.go is no stub: it differs from .stub/adder.go"},
	} {
		write(t, file, tt.text)
		if tt.name == "removed" {
			os.Remove(file)
		}
		touched, err := l.Touched(l.Dir)
		if want := tt.says != ""; err != nil || slices.Contains(touched, "adder.go") != want {
			t.Errorf("%s: got %q, %v, want touched = %v", tt.name, touched, err, want)
		}
		if got := l.NotTheStub(); got != tt.says {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.says)
		}
	}
}

func TestLab_Touched_severalFiles(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	l.Files = append(l.Files, "inner/more.go")
	write(t, filepath.Join(l.StubDir(), "inner", "more.go"), "package inner\n")
	write(t, filepath.Join(l.Dir, "adder.go"), "package adder\n")
	want := "labs/b01-adder/adder.go, labs/b01-adder/inner/more.go are no stubs: they differ " +
		"from those in .stub"
	if got := l.NotTheStub(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLab_Touched_cannotBeRead(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	file := filepath.Join(l.Dir, "adder.go")
	os.Remove(file)
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if touched, err := l.Touched(l.Dir); err == nil ||
		!strings.HasPrefix(err.Error(), "compare with the stub: ") {
		t.Errorf("got %q, %v, want an error", touched, err)
	}
}

func TestLab_Stub_notRecorded(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	if err := os.RemoveAll(l.StubDir()); err != nil {
		t.Fatal(err)
	}
	dir, err := l.Stub()
	var none *course.NoStub
	if !errors.As(err, &none) || dir != "" {
		t.Fatalf("got %q, %v, want a *course.NoStub", dir, err)
	}
	const want = "what the stub of b01-adder was is not known: labs/b01-adder/.stub/adder.go is " +
		"not there"
	if err.Error() != want || l.NotTheStub() != want {
		t.Errorf("got %q and %q, want %q", err, l.NotTheStub(), want)
	}
	if got := none.Hint(); !strings.Contains(got, "labs stub b01-adder --record") {
		t.Errorf("got the hint %q", got)
	}
	if err := l.RecordStub(); err != nil {
		t.Fatal(err)
	}
	if got := l.NotTheStub(); got != "" {
		t.Errorf("after it was recorded: got %q", got)
	}
}

func TestLab_RecordStub_withoutTheFile(t *testing.T) {
	t.Parallel()
	l := example(t, "b01")
	os.Remove(filepath.Join(l.Dir, "adder.go"))
	if err := l.RecordStub(); err == nil || !strings.HasPrefix(err.Error(), "record the stub: ") {
		t.Errorf("got %v, want an error", err)
	}
}

// TestWriteMutant_whateverEndsTheLines is a checkout on a system whose git changes line endings:
// all of it, or some.
func TestWriteMutant_whateverEndsTheLines(t *testing.T) {
	t.Parallel()
	for _, windows := range [][]string{nil, {"adder.go"}, {"mutants/off-by-one.patch"},
		{"adder.go", "mutants/off-by-one.patch"}} {
		l := example(t, "b01")
		for _, name := range windows {
			file := filepath.Join(l.SolutionDir, filepath.FromSlash(name))
			write(t, file, strings.ReplaceAll(slurp(t, file), "\n", "\r\n"))
		}
		dir := t.TempDir()
		if err := l.WriteMutant(l.Mutant("off-by-one"), dir); err != nil {
			t.Errorf("with %q: %v", windows, err)
			continue
		}
		if got := slurp(t, filepath.Join(dir, "adder.go")); !strings.Contains(got,
			"return a + b + 1\n") || strings.Contains(got, "\r") {
			t.Errorf("with %q: got\n%q", windows, got)
		}
	}
}
