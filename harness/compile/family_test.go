package compile_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// shapes is a lab of two packages, with a file that is given and checks in two files.
func shapes(t *testing.T) *course.Lab {
	t.Helper()
	l := lab(t, scratch, "b03-shapes")
	l.Files, l.Given = []string{"shapes.go", "area/area.go"}, []string{"unit.go"}
	return l
}

// variant has the lab's files with old replaced by new in one of them.
func variant(t *testing.T, l *course.Lab, file, old, new string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range l.Files {
		text := read(t, filepath.Join(l.Dir, name))
		if name == file {
			if !strings.Contains(text, old) {
				t.Fatalf("%s has no %q", file, old)
			}
			text = strings.ReplaceAll(text, old, new)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// together builds the folders as one family.
func together(t *testing.T, b *compile.Builder, l *course.Lab, race bool,
	dirs ...string) []compile.Binary {
	t.Helper()
	return b.Build(t.Context(), requests(l, race, true, dirs...))
}

// members are judged by all checks.
func members(dirs ...string) (all []compile.Member) {
	for _, dir := range dirs {
		all = append(all, compile.Member{Dir: dir})
	}
	return all
}

func requests(l *course.Lab, race, family bool, dirs ...string) []compile.Request {
	var reqs []compile.Request
	for _, dir := range dirs {
		r := compile.Request{Lab: l, Dir: dir, Race: race}
		if family {
			r.Family = members(dirs...)
		}
		reqs = append(reqs, r)
	}
	return reqs
}

// outcomes are those of all checks, without what chance decides.
func outcomes(t *testing.T, l *course.Lab, bin compile.Binary) map[string]run.Outcome {
	t.Helper()
	if bin.Path == "" {
		t.Fatalf("got no binary: %+v", bin)
	}
	all := map[string]run.Outcome{}
	for _, c := range l.Checks {
		o, err := run.Process{Binary: bin.Path, Variant: bin.Variant, Test: c.Test, Seed: 1,
			Timeout: 30 * time.Second, Sandbox: sandbox.None{}}.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.Duration, o.Output = 0, ""
		for i := range o.Findings {
			o.Findings[i].When = ""
		}
		all[c.Test] = o
	}
	return all
}

// TestFamily holds each member against a binary of its own: messages, findings and places are the
// same.
func TestFamily(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	dirs := []string{
		l.Dir,
		variant(t, l, "shapes.go", "side, side", "side, side+1"),
		variant(t, l, "area/area.go", "a * b", "a / (b - b)"),
		variant(t, l, "shapes.go", "area.Of(side, side)", "area.Of(\n\t-side, side)"),
	}
	for name, race := range map[string]bool{"plain": false, "with the race detector": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := builder(t, scratch)
			got := together(t, b, l, race, dirs...)
			alone := b.Build(t.Context(), requests(l, race, false, dirs...))
			for i := range dirs {
				if got[i].Path != got[0].Path || got[i].Variant == "" {
					t.Errorf("variant %d: got %+v, want it in one binary with the first", i, got[i])
				}
				if got[i].SHA256 != alone[i].SHA256 {
					t.Errorf("variant %d: got the hash %s, want %s", i, got[i].SHA256,
						alone[i].SHA256)
				}
				if diff := cmp.Diff(outcomes(t, l, alone[i]), outcomes(t, l, got[i])); diff != "" {
					t.Errorf("variant %d (-alone +in the family):\n%s", i, diff)
				}
			}
		})
	}
}

func TestFamily_outcomes(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	wrong := variant(t, l, "shapes.go", "side, side", "side, side+1")
	got := together(t, builder(t, scratch), l, false, l.Dir, wrong)
	passed := func(bin compile.Binary) (tests []string) {
		for test, o := range outcomes(t, l, bin) {
			if o.Verdict == run.Passed {
				tests = append(tests, test)
			}
		}
		slices.Sort(tests)
		return tests
	}
	if got, want := passed(got[0]), []string{"TestSquare", "TestUnit"}; !slices.Equal(got, want) {
		t.Errorf("the reference passes %q, want %q", got, want)
	}
	if got := passed(got[1]); len(got) != 0 {
		t.Errorf("the wrong one passes %q, want none", got)
	}
}

// TestFamily_again asks for members of a family that is there, and for one that is new.
func TestFamily_again(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	b := builder(t, scratch)
	wrong := variant(t, l, "shapes.go", "side, side", "side, side+1")
	first := together(t, b, l, false, l.Dir, wrong)
	again := b.Build(t.Context(), []compile.Request{{Lab: l, Dir: wrong,
		Family: members(l.Dir, wrong)}})[0]
	if !again.Cached || again.Path != first[1].Path || again.Variant != first[1].Variant {
		t.Errorf("got %+v, want that of before: %+v", again, first[1])
	}
	// equal files are one variant
	same := variant(t, l, "shapes.go", "side, side", "side, side+1")
	if twins := together(t, b, l, false, l.Dir, wrong, same); twins[1] != twins[2] ||
		twins[1].Variant != first[1].Variant {
		t.Errorf("got %+v and %+v for equal files", twins[1], twins[2])
	}
	if err := os.Remove(first[0].Path); err != nil {
		t.Fatal(err)
	}
	if got := together(t, b, l, false, l.Dir, wrong); got[0].Path == "" || got[0].Cached {
		t.Errorf("with its binary gone: got %+v, want a new one", got[0])
	}
}

// initialisers are what the value of a variable does in some cases of TestFamily_fallsOut.
var initialisers = map[string]string{
	"exits in the value of a variable": "os.Exit(0)",
	"leaves something running":         "go func() { select {} }()",
	"changes what all share":           "io.EOF = nil",
}

// TestFamily_fallsOut has one member that cannot be linked with the others. It is built as it would
// be on its own, and the others are one binary all the same.
func TestFamily_fallsOut(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	for _, tt := range []struct {
		name     string
		old, new string // in shapes.go
	}{
		{"does not compile", "area.Of(side, side)", "nothing"},
		{"does not parse", "{ return", "{ return {"},
		{"lacks what the checks call", "func Square", "func Squared"},
		{"imports what is not there", "import ", "import _ \"example.com/nowhere\"\nimport "},
		{"has an init function", "// Square", "func init() { println(1) }\n\n// Square"},
		{"panics in the value of a variable", "// Square",
			"var none []int\n\nvar _ = none[0]\n\n// Square"},
		{"exits in the value of a variable", "import ", "import \"os\"\nimport "},
		{"leaves something running", "import ", "import _ \"os\"\nimport "},
		{"changes what all share", "import ", "import \"io\"\nimport "},
		{"embeds a file", "import ", "import _ \"embed\"\nimport "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := variant(t, l, "shapes.go", tt.old, tt.new)
			if does := initialisers[tt.name]; does != "" {
				file := filepath.Join(text, "shapes.go")
				write(t, file, read(t, file)+"\nvar _ = func() int { "+does+"; return 0 }()\n")
			}
			b := builder(t, scratch)
			dirs := []string{l.Dir, text, variant(t, l, "shapes.go", "side, side", "side, side+1"),
				variant(t, l, "shapes.go", "side, side", "side, side+2")}
			got := together(t, b, l, false, dirs...)
			alone := b.Build(t.Context(), requests(l, false, false, text))[0]
			if got[1].Variant != "" || got[1].Path != alone.Path || got[1].Err != nil {
				t.Errorf("got %+v, want it as on its own: %+v", got[1], alone)
			}
			if diff := cmp.Diff(said(alone.Compile), said(got[1].Compile)); diff != "" {
				t.Errorf("the compile error (-alone +in the family):\n%s", diff)
			}
			if got[2].Variant == "" || got[2].Path != got[3].Path {
				t.Errorf("got %+v and %+v, want the others in one binary", got[2], got[3])
			}
			for _, i := range []int{0, 2, 3} {
				if o := outcomes(t, l, got[i])["TestSquare"]; (o.Verdict == run.Passed) != (i == 0) {
					t.Errorf("variant %d: got %+v", i, o)
				}
			}
		})
	}
}

func said(e *compile.CompileError) string {
	if e == nil {
		return ""
	}
	return e.Error()
}

// TestFamily_quarrel has members none of which lets another begin: all register one name.
func TestFamily_quarrel(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	register := "import \"flag\"\n\nvar shown = flag.Bool(\"shown\", false, \"\")\n\n" +
		"// Square is the area of a square.\n" +
		"func Square(side int) int { if *shown { return 0 }; return side * side + %d }\n"
	var dirs []string
	for _, more := range []string{"0", "1", "2"} {
		dir := variant(t, l, "shapes.go", "side", "side")
		write(t, filepath.Join(dir, "shapes.go"),
			"package shapes\n\n"+strings.ReplaceAll(register, "%d", more))
		dirs = append(dirs, dir)
	}
	paths := map[string]bool{}
	for i, bin := range together(t, builder(t, scratch), l, false, dirs...) {
		paths[bin.Path] = true
		if o := outcomes(t, l, bin)["TestSquare"]; (o.Verdict == run.Passed) != (i == 0) {
			t.Errorf("variant %d: got %+v", i, o)
		}
	}
	if len(paths) != 3 {
		t.Errorf("got the binaries %q, want one for each", slices.Sorted(maps.Keys(paths)))
	}
}

// TestFamily_learnersOwn has tests of a learner's beside the checks: they are in no variant.
func TestFamily_learnersOwn(t *testing.T) {
	t.Parallel()
	l := shapes(t)
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(scratch)); err != nil {
		t.Fatal(err)
	}
	l.Dir = filepath.Join(root, "labs", l.Slug)
	write(t, filepath.Join(l.Dir, "mine_test.go"), "package shapes_test\n\nfunc TestMain() { no }\n")
	wrong := variant(t, l, "shapes.go", "side, side", "side, side+1")
	for i, bin := range together(t, builder(t, root), l, false, l.Dir, wrong) {
		if bin.Variant == "" {
			t.Errorf("variant %d: got %+v, want it in the family", i, bin)
		}
	}
}
