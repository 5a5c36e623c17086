package compile_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// scratch has the course that all tests share. What a test edits lies in a folder of its own.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "build-test-"); err == nil {
		err = coursetest.Write(scratch, "testdata")
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// builder is one with binaries of its own for a course, or for the one that is shared.
func builder(t *testing.T, root string) *compile.Builder {
	t.Helper()
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return &compile.Builder{Course: c, Dir: filepath.Join(t.TempDir(), "bin")}
}

func lab(t *testing.T, root, slug string) *course.Lab {
	t.Helper()
	l, err := coursetest.Lab(root, slug)
	if err != nil {
		t.Fatal(err)
	}
	if slug == "b02-doubler" {
		l.Files, l.Given = []string{"doubler.go"}, []string{"given.go"}
	}
	return l
}

// folder has one file of a learner.
func folder(t *testing.T, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, file), text)
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBuilder_Build(t *testing.T) {
	t.Parallel()
	b := builder(t, scratch)
	one, two := lab(t, scratch, "b01-adder"), lab(t, scratch, "b02-doubler")
	reqs := []compile.Request{{Lab: two, Dir: two.Dir}, {Lab: one, Dir: one.Dir},
		{Lab: one, Dir: one.Dir, Race: true}}
	for i, bin := range b.Build(t.Context(), reqs) {
		if bin.Err != nil || bin.Compile != nil || bin.Cached {
			t.Fatalf("request %d: got %+v", i, bin)
		}
		if sha, err := compile.SourceSHA256(reqs[i].Lab, reqs[i].Dir); sha != bin.SHA256 ||
			err != nil {
			t.Errorf("request %d: got the hash %s, want %s (%v)", i, bin.SHA256, sha, err)
		}
		// A binary of labs asks for its request: the generated TestMain is in it.
		out, err := exec.Command(bin.Path).CombinedOutput()
		if code := exitCode(err); code != 2 || !strings.Contains(string(out),
			"no request on standard input") {
			t.Errorf("request %d: got exit code %d and %q", i, code, out)
		}
	}
	// What the runner adds to the learner's package keeps to itself what any means there.
	own := folder(t, "adder.go", "package adder\n\ntype any struct{}\n\nvar Err = any{}\n\nfunc Add(a, b int) int { return a + b }\n")
	if bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: own}})[0]; bin.Path == "" {
		t.Errorf("a package that declares any: got %+v, want a binary", bin)
	}
	again := b.Build(t.Context(), reqs)
	for i, bin := range again {
		if !bin.Cached || bin.Path == "" {
			t.Errorf("request %d, the same again: got %+v, want it from the cache", i, bin)
		}
	}
	if again[1].Path == again[2].Path {
		t.Errorf("got %s for a plain and a race binary", again[1].Path)
	}
	// The same sources from another folder are the same sources.
	same := folder(t, "adder.go", read(t, filepath.Join(one.Dir, "adder.go")))
	if bin := b.Build(t.Context(), []compile.Request{{Lab: one,
		Dir: same}})[0]; bin.Path != again[1].Path || !bin.Cached {
		t.Errorf("the same from another folder: got %+v, want %s from the cache", bin,
			again[1].Path)
	}
}

// TestBuilder_oneLabStopsNoOther is about what breaks a lab before, or while, it is compiled.
func TestBuilder_oneLabStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a compile error": "package adder\n\nfunc Add(a, b int) int { return c }\n",
		"a module that does not exist": "package adder\n\nimport _ " +
			"\"example.com/nowhere\"\n\nfunc Add(a, b int) int { return a + b }\n",
		"an empty file": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := lab(t, scratch, "b01-adder"), lab(t, scratch, "b02-doubler")
			got := builder(t, scratch).Build(t.Context(), []compile.Request{
				{Lab: one, Dir: folder(t, "adder.go", text)}, {Lab: two, Dir: two.Dir},
			})
			if got[0].Compile == nil {
				t.Errorf("the broken one: got %+v, want a compile error", got[0])
			}
			if got[1].Path == "" {
				t.Errorf("the other one: got %+v, want a binary", got[1])
			}
		})
	}
}

func TestBuilder_compileErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []compile.CompileLine
		message    string
	}{
		{
			"in the learner's file", "package adder\n\nfunc Add(a, b int) int { return a + c }\n",
			[]compile.CompileLine{{File: "adder.go", Line: 3, Col: 37, Text: "undefined: c"}},
			"adder.go:3:37: undefined: c",
		},
		{
			"two of them", "package adder\n\nimport \"os\"\n\nfunc Add(a, b int) int { return " +
				"\"three\" }\n",
			[]compile.CompileLine{{File: "adder.go", Line: 3, Col: 8,
				Text: `"os" imported and not used`},
				{File: "adder.go", Line: 5, Col: 33, Text: `cannot use "three" (untyped string constant) as int value in return statement`}},
			"adder.go:3:8: \"os\" imported and not used\nadder.go:5:33: cannot use \"three\" " +
				"(untyped string constant) as int value in return statement",
		},
		{
			"that go on in a second line",
			"package adder\n\ntype T struct{}\n\nfunc Add(a, b int) int { var s interface{ " +
				"M() } = T{}; _ = s; return f(1) }\n\nfunc f(a, b int) int { return a }\n",
			[]compile.CompileLine{
				{File: "adder.go", Line: 5, Col: 51, Text: "cannot use T{} (value of struct type T) as interface{M()} value in variable declaration: T does not implement interface{M()} (missing method M)"},
				{File: "adder.go", Line: 5, Col: 72, Text: "not enough arguments in call to f\n\thave (number)\n\twant (int, int)"},
			},
			"",
		},
		{
			"that name another place",
			"package adder\n\nfunc Add(a, b int) int { return a + b }\n\nfunc Add() {}\n",
			[]compile.CompileLine{{File: "adder.go", Line: 5, Col: 6,
				Text: "Add redeclared in this block\n\tadder.go:3:6: other declaration of Add"}},
			"",
		},
		{
			"no Go at all", "package adder\n\nfunc Add(a, b int) int { return a +\n",
			[]compile.CompileLine{{File: "adder.go", Line: 4, Col: 1,
				Text: "syntax error: unexpected EOF, expected expression"}},
			"",
		},
		{
			"an empty file", "",
			[]compile.CompileLine{{File: "adder.go", Line: 1, Col: 1,
				Text: "expected 'package', found 'EOF'"}},
			"",
		},
		{
			"another package's name", "package other\n\nfunc Add(a, b int) int { return a + b }\n",
			[]compile.CompileLine{{File: "adder.go", Line: 1, Col: 1,
				Text: "this file says package other, and adder_test.go says package adder: all files of a " +
					"lab say the one that the stub says"}},
			"",
		},
		{
			"a changed API", "package adder\n\nfunc Add(a, b, c int) int { return a + b + c }\n",
			[]compile.CompileLine{{File: "adder_test.go", Line: 10, Col: 25,
				Text: "not enough arguments in call to adder.Add\n\thave (number, " +
					"number)\n\twant (int, int, int)", Check: true}},
			"",
		},
		{
			"a missing function", "package adder\n",
			[]compile.CompileLine{{File: "adder_test.go", Line: 10, Col: 18,
				Text: "undefined: adder.Add", Check: true}},
			"",
		},
		{
			"a module that does not exist",
			"package adder\n\nimport \"example.com/nowhere/x\"\n\nfunc Add(a, b int) int { " +
				"return x.Add(a, b) }\n",
			[]compile.CompileLine{{File: "adder.go", Line: 3, Col: 8,
				Text: "no module of this course has the package example.com/nowhere/x: a lab " +
					"uses the standard library and what go.mod names"}},
			"",
		},
		{
			"a package of std that does not exist",
			"package adder\n\nimport \"net/htp\"\n\nfunc Add(a, b int) int { return " +
				"htp.Add(a, b) }\n",
			[]compile.CompileLine{{File: "adder.go", Line: 3, Col: 8,
				Text: "package net/htp is not in std"}},
			"",
		},
		{
			"an import cycle",
			"package adder\n\nimport " +
				"\"github.com/backend-labs/backend-labs/labs/b01-adder\"\n\nfunc Add(a, b " +
				"int) int { return adder.Add(a, b) }\n",
			nil,
			"package github.com/backend-labs/backend-labs/labs/b01-adder\n\timports " +
				"github.com/backend-labs/backend-labs/labs/b01-adder from adder.go: import " +
				"cycle not allowed",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, "adder.go", tt.text)
			bin := builder(t, scratch).Build(t.Context(),
				[]compile.Request{{Lab: lab(t, scratch, "b01-adder"), Dir: dir}})[0]
			if bin.Compile == nil || bin.Path != "" || bin.Err != nil || bin.SHA256 == "" {
				t.Fatalf("got %+v, want a compile error", bin)
			}
			if diff := cmp.Diff(tt.want, bin.Compile.Lines); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%s\nthe go command said\n%s", diff,
					bin.Compile.Raw)
			}
			if tt.message != "" && bin.Compile.Error() != tt.message {
				t.Errorf("got the message\n%s\nwant\n%s", bin.Compile, tt.message)
			}
			if location := "adder"; len(tt.want) > 0 &&
				!strings.HasPrefix(bin.Compile.Location(), location) {
				t.Errorf("got the location %q", bin.Compile.Location())
			}
		})
	}
}

// TestBuilder_otherTests is about a learner's own tests beside the checks: they are none of the
// runner's business.
func TestBuilder_otherTests(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := coursetest.Write(root, "testdata"); err != nil {
		t.Fatal(err)
	}
	one := lab(t, root, "b01-adder")
	for name, text := range map[string]string{
		"main_test.go": "package adder_test\n\nimport \"testing\"\n\nfunc TestMain(m " +
			"*testing.M) {}\n",
		"mine_test.go": "package adder_test\n\nimport \"testing\"\n\nfunc TestMine(t " +
			"*testing.T) {}\n",
		"inside_test.go": "package adder\n\nimport \"testing\"\n\nfunc TestInside(t *testing.T) " +
			"{ nothing() }\n",
		"broken_test.go": "package adder_test\n\nfunc {\n",
		"again_test.go":  "package adder\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {}\n",
	} {
		write(t, filepath.Join(one.Dir, name), text)
	}
	b := builder(t, root)
	bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: one.Dir}})[0]
	if bin.Path == "" {
		t.Fatalf("got %+v %v, want a binary", bin, bin.Compile)
	}
	out, err := exec.Command(bin.Path).CombinedOutput()
	if code := exitCode(err); code != 2 {
		t.Errorf("got exit code %d and %q: the binary does not have our TestMain", code, out)
	}
	// Helpers of the checks belong to them.
	write(t, filepath.Join(one.Dir, "helper_test.go"),
		"package adder_test\n\nfunc helper() int { return nothing }\n")
	if bin := builder(t, root).Build(t.Context(), []compile.Request{{Lab: one,
		Dir: one.Dir}})[0]; bin.Compile == nil || bin.Compile.Location() != "helper_test.go:3" ||
		!bin.Compile.Lines[0].Check {
		t.Errorf("got %+v, want the helper in the build", bin)
	}
}

func TestBuilder_missingFile(t *testing.T) {
	t.Parallel()
	one, two := lab(t, scratch, "b01-adder"), lab(t, scratch, "b02-doubler")
	empty := t.TempDir()
	got := builder(t, scratch).Build(t.Context(), []compile.Request{{Lab: one, Dir: empty},
		{Lab: two, Dir: two.Dir}})
	var missing *compile.MissingFile
	if !errors.As(got[0].Err, &missing) ||
		got[0].Err.Error() != "the file adder.go of lab B01 is not in "+empty {
		t.Errorf("got %v, want a *compile.MissingFile", got[0].Err)
	}
	if got[1].Path == "" {
		t.Errorf("the other one: got %+v, want a binary", got[1])
	}
}

// TestUnread: what is there and cannot be read is not said to be missing.
func TestUnread(t *testing.T) {
	t.Parallel()
	one := lab(t, scratch, "b01-adder")
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "adder.go"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := compile.SourceSHA256(one, dir)
	bin := builder(t, scratch).Build(t.Context(), []compile.Request{{Lab: one, Dir: dir}})[0]
	for _, err := range []error{err, bin.Err} {
		if errors.As(err, new(*compile.MissingFile)) || err == nil ||
			!strings.HasPrefix(err.Error(), "read adder.go of lab B01: ") {
			t.Errorf("got %v, want an error of reading", err)
		}
	}
	for dir, want := range map[string]string{
		"elsewhere": "the file adder.go of lab B01 is not in elsewhere",
		one.Dir: "the file adder.go of lab B01 is not in " + one.Dir +
			": labs reset b01 puts the stub back",
	} {
		if got := compile.Unread(one, "adder.go", dir, os.ErrNotExist).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestBuilder_editedDuringTheBuild saves a file that does not compile while the one before it is
// being built.
func TestBuilder_editedDuringTheBuild(t *testing.T) {
	t.Parallel()
	one := lab(t, scratch, "b01-adder")
	const before, after = "package adder\n\nfunc Add(a, b int) int { return b + a }\n",
		"package adder\n\nfunc Add(a, b int) int { return c }\n"
	dir := folder(t, "adder.go", before)
	b := builder(t, scratch)
	edited := make(chan bool)
	go func() {
		defer close(edited)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(
			deadline); runtime.Gosched() {
			if begun, _ := filepath.Glob(filepath.Join(b.Dir, "labs-build_*",
				"overlay.json")); len(begun) > 0 {
				os.WriteFile(filepath.Join(dir, "adder.go"), []byte(after), 0o644)
				return
			}
		}
	}()
	bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: dir}})[0]
	<-edited
	if bin.Compile == nil || bin.Compile.Location() != "adder.go:3" {
		t.Errorf("got %+v, want what came of the last edit", bin)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "*")); len(left) > 0 {
		t.Errorf("got %q, want no binary that nobody knows the source of", left)
	}
}

func TestBuilder_endsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	one := lab(t, scratch, "b01-adder")
	b := builder(t, scratch)
	bin := b.Build(ctx, []compile.Request{{Lab: one, Dir: one.Dir}})[0]
	if !errors.Is(bin.Err, context.Canceled) {
		t.Errorf("got %+v, want %v", bin, context.Canceled)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "*")); len(left) > 0 {
		t.Errorf("got %q, want nothing left behind", left)
	}
}

// TestBuilder_strays is about files beside the lab's that nobody hands in: the binary is made
// without them, whatever is in them.
func TestBuilder_strays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file, text, mine string
		compiles               bool
	}{
		{"a copy by a sync program", "adder_test-LAPTOP.go", "package adder_test\n", "package adder\n\nfunc Add(a, b int) int { return a + b }\n", true},
		{"a second file that is wrong", "helper.go", "package adder\n\nfunc Add() {\n", "package adder\n\nfunc Add(a, b int) int { return a + b }\n", true},
		{"assembly", "add_amd64.s", "nonsense\n", "package adder\n\nfunc Add(a, b int) int { return a + b }\n", true},
		{"a module of the learner's own", "go.mod", "module example.com/mine\n", "package adder\n\nfunc Add(a, b int) int { return a + b }\n", true},
		{"a second file that is needed", "helper.go", "package adder\n\nfunc add(a, b int) int { return a + b }\n", "package adder\n\nfunc Add(a, b int) int { return add(a, b) }\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := coursetest.Write(root, "testdata"); err != nil {
				t.Fatal(err)
			}
			one := lab(t, root, "b01-adder")
			write(t, filepath.Join(one.Dir, "adder.go"), tt.mine)
			write(t, filepath.Join(one.Dir, tt.file), tt.text)
			bin := builder(t, root).Build(t.Context(),
				[]compile.Request{{Lab: one, Dir: one.Dir}})[0]
			if bin.Err != nil || (bin.Path != "") != tt.compiles {
				t.Errorf("got %+v, want that it compiles: %v", bin, tt.compiles)
			}
		})
	}
}

func TestBuilder_ChecksSHA256(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := coursetest.Write(root, "testdata"); err != nil {
		t.Fatal(err)
	}
	one := lab(t, root, "b01-adder")
	sum := func() string {
		t.Helper()
		sum, err := builder(t, root).ChecksSHA256(one)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	last := sum()
	for _, step := range []struct {
		what    string
		edit    func()
		changes bool
	}{
		{"nothing", func() {}, false},
		{"the learner's file", func() { write(t, filepath.Join(one.Dir, "adder.go"), "package adder\n") }, false},
		{"a learner's own test", func() { write(t, filepath.Join(one.Dir, "mine_test.go"), "package adder\n") }, false},
		{"the brief", func() { write(t, filepath.Join(one.Dir, "README.md"), "# Adder\n") }, false},
		{"a check", func() { appendTo(t, filepath.Join(one.Dir, "adder_test.go"), "// more\n") }, true},
		{"a file that is not handed in", func() { write(t, filepath.Join(one.Dir, "given.go"), "package adder\n") }, false},
		{"what is given", func() { one.Given = []string{"given.go"} }, true},
		{"a given file", func() { appendTo(t, filepath.Join(one.Dir, "given.go"), "// more\n") }, true},
		{"the recorded stub", func() { makeIn(t, filepath.Join(one.Dir, ".stub"), "adder.go") }, false},
		{"what the go command ignores", func() { makeIn(t, one.Dir, "_old_test.go"); makeIn(t, filepath.Join(one.Dir, "old"), "adder_test.go") }, false},
		{"a point in lab.yaml", func() { one.Checks[0].Points++ }, true},
		{"the kit", func() { appendTo(t, filepath.Join(root, "harness", "kit", "expect", "expect.go"), "// more\n") }, true},
		{"go.mod", func() { appendTo(t, filepath.Join(root, "go.mod"), "// more\n") }, true},
	} {
		step.edit()
		now := sum()
		if changed := now != last; changed != step.changes {
			t.Errorf("after an edit of %s: got changed = %v, want %v", step.what, changed,
				step.changes)
		}
		last = now
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	write(t, file, read(t, file)+text)
}

// makeIn makes a Go file in a folder, which is made, too.
func makeIn(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name), "package adder_test\n")
}

// elsewhere is a sandbox that does not build.
type elsewhere struct{ sandbox.None }

func (elsewhere) Run(context.Context, sandbox.Command) (sandbox.Exit, error) {
	return sandbox.Exit{}, &sandbox.NoBuild{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
}

// TestBuilder_Outside has a source that the compiler has no memory for, and one for which it has.
func TestBuilder_Outside(t *testing.T) {
	t.Parallel()
	b := builder(t, scratch)
	b.Sandbox = elsewhere{}
	one := lab(t, scratch, "b01-adder")
	bomb, err := os.ReadFile("../grade/testdata/attacks/compile-bomb-generics/labs/b01-steps/steps.go")
	if err != nil {
		t.Fatal(err)
	}
	source := strings.Replace(string(bomb), "package steps", "package adder", 1)
	got := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: folder(t, one.Files[0], source)},
		{Lab: one, Dir: one.Dir}})
	if got[0].Compile == nil ||
		got[0].Compile.Raw != "compiling took more memory than a lab may take" {
		t.Errorf("got %+v, want that it takes too much memory", got[0])
	}
	if got[1].Path == "" {
		t.Errorf("got %+v, want a binary", got[1])
	}
}
