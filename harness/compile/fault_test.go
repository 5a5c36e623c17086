package compile_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestBuilder_touchedChecks is about what somebody has done to the lab's own files: it is said
// which, and nobody's code is blamed.
func TestBuilder_touchedChecks(t *testing.T) {
	t.Parallel()
	const more = "\nfunc TestMine(t *testing.T) {}\n"
	for _, tt := range []struct {
		name string
		edit func(t *testing.T, dir, checks string)
		want string // of the message
		hint string
	}{
		{
			"a test of one's own", func(t *testing.T, dir,
				checks string) {
				appendTo(t, checks, more)
			},
			"adder_test.go has been changed: TestMine is not in lab.yaml",
			"move it to a file of its own (any name_test.go), or git checkout " +
				"labs/b01-adder/adder_test.go; the lab's author names it in lab.yaml",
		},
		{
			"a TestMain", func(t *testing.T, dir, checks string) {
				appendTo(t, checks,
					"\nfunc TestMain(m *testing.M) {}\n")
			},
			"adder_test.go has been changed: TestMain is not in lab.yaml",
			"move it to a file of its own",
		},
		{
			"the only check renamed", func(t *testing.T, dir, checks string) {
				write(t, checks, strings.ReplaceAll(read(t, checks), "TestAdd(", "TestPlus("))
			},
			"no file of labs/b01-adder has TestAdd, which lab.yaml names",
			"git checkout 'labs/b01-adder/*_test.go'",
		},
		{
			"a check made a helper", func(t *testing.T, dir, checks string) {
				write(t, checks, strings.ReplaceAll(read(t, checks), "TestAdd(", "add("))
			},
			"no file of labs/b01-adder has TestAdd, which lab.yaml names",
			"git checkout 'labs/b01-adder/*_test.go'",
		},
		{
			"a stray character", func(t *testing.T, dir,
				checks string) {
				appendTo(t, checks, "}\n")
			},
			"adder_test.go has been changed: ", "git checkout labs/b01-adder/adder_test.go",
		},
		{
			"a merge conflict", func(t *testing.T, dir, checks string) {
				write(t, checks, "<<<<<<< HEAD\n"+read(t, checks)+"=======\n>>>>>>> main\n")
			},
			"adder_test.go has been changed: 1:1: expected 'package'",
			"git checkout labs/b01-adder/adder_test.go",
		},
		{
			"the file deleted", func(t *testing.T, dir, checks string) { os.Remove(checks) },
			"no file of labs/b01-adder has TestAdd, which lab.yaml names",
			"git checkout 'labs/b01-adder/*_test.go'",
		},
		{
			"a link to nowhere", func(t *testing.T, dir,
				checks string) {
				os.Remove(checks)
				os.Symlink("nowhere", checks)
			},
			"no file of labs/b01-adder has TestAdd, which lab.yaml names",
			"git checkout 'labs/b01-adder/*_test.go'",
		},
		{
			"another package", func(t *testing.T, dir, checks string) {
				write(t, checks, strings.Replace(read(t, checks), "package adder_test",
					"package adder", 1))
			},
			"adder_test.go has been changed: its package is adder, not adder_test",
			"git checkout labs/b01-adder/adder_test.go",
		},
		{
			"a copy of the file", func(t *testing.T, dir, checks string) {
				write(t, filepath.Join(dir, "copy_test.go"), read(t, checks))
			},
			"TestAdd stands in adder_test.go and in copy_test.go",
			"remove the one that is not the course's",
		},
		{
			"a type error", func(t *testing.T, dir,
				checks string) {
				appendTo(t, checks, "\nvar x int = nothing\n")
			},
			"b01-adder does not compile as the course has it: adder_test.go:",
			"git status labs/b01-adder shows what has been changed",
		},
		{
			"a broken helper of the checks", func(t *testing.T, dir, checks string) {
				write(t, filepath.Join(dir, "helper_test.go"),
					"package adder_test\n\nfunc helper() int { return nothing }\n")
			},
			"b01-adder does not compile as the course has it: helper_test.go:3:28: undefined: " +
				"nothing", "git status",
		},
		{
			"the kit", func(t *testing.T, dir, checks string) {
				appendTo(t, filepath.Join(dir, "..", "..", "harness", "kit", "account",
					"account.go"), "\nvar x int = nothing\n")
			},
			"the kit does not compile: harness/kit/account/account.go:",
			"git checkout harness go.mod go.sum in ",
		},
		{
			"go.mod", func(t *testing.T, dir, checks string) {
				appendTo(t, filepath.Join(dir, "..", "..", "go.mod"), "\n<<<<<<< HEAD\n")
			},
			"the course's go.mod and go.sum are not right: ", "git checkout go.mod go.sum in ",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := coursetest.Write(root, "testdata"); err != nil {
				t.Fatal(err)
			}
			one := lab(t, root, "b01-adder")
			record(t, one.Dir, "adder.go")
			tt.edit(t, one.Dir, filepath.Join(one.Dir, "adder_test.go"))
			b := builder(t, root)
			bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: one.Dir}})[0]
			if bin.Err == nil || bin.Compile != nil || !strings.Contains(bin.Err.Error(), tt.want) {
				t.Fatalf("got %v and %+v, want an error with %q", bin.Err, bin.Compile, tt.want)
			}
			if hint := hintOf(bin.Err); !strings.Contains(hint, tt.hint) {
				t.Errorf("got the hint %q, want %q", hint, tt.hint)
			}
			if strings.Contains(bin.Err.Error(), "\n") {
				t.Errorf("got %q, want one line", bin.Err)
			}
			if err := b.Pristine(t.Context(), []*course.Lab{one}, withoutRace); err == nil ||
				hintOf(err) == "" {
				t.Errorf("got %v, want that nobody is judged by this lab", err)
			}
			if _, err := b.ChecksSHA256(one); err != nil {
				t.Errorf("got %v, want a hash: labs that are only listed are not built", err)
			}
		})
	}
}

// TestBuilder_changedAPI is the other side: the checks are as they were, and it is the learner who
// has changed something.
func TestBuilder_changedAPI(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := coursetest.Write(root, "testdata"); err != nil {
		t.Fatal(err)
	}
	one := lab(t, root, "b01-adder")
	record(t, one.Dir, "adder.go")
	b := builder(t, root)
	dir := folder(t, "adder.go", "package adder\n\nfunc Plus(a, b int) int { return a + b }\n")
	bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: dir}})[0]
	if bin.Err != nil || bin.Compile == nil || !bin.Compile.Lines[0].Check {
		t.Errorf("got %v and %+v, want a compile error about the checks", bin.Err, bin.Compile)
	}
	if err := b.Pristine(t.Context(), []*course.Lab{one}, withoutRace); err != nil {
		t.Errorf("got %v, want that the lab is right as the course has it", err)
	}
}

// TestBuilder_Pristine_ownStub is about a lab whose author has forgotten the stub.
func TestBuilder_Pristine_ownStub(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := coursetest.Write(root, "testdata"); err != nil {
		t.Fatal(err)
	}
	one := lab(t, root, "b01-adder")
	write(t, filepath.Join(one.Dir, "adder.go"),
		"package adder\n\nfunc Add(a, b int) int { return c }\n")
	record(t, one.Dir, "adder.go")
	err := builder(t, root).Pristine(t.Context(), []*course.Lab{one}, withoutRace)
	want, ok := errors.AsType[*compile.CourseError](err)
	if !ok || want.Lab != "b01-adder" || !strings.HasSuffix(want.Text,
		"as the course has it: adder.go:3:33: undefined: c") {
		t.Errorf("got %v, want a *compile.CourseError", err)
	}
}

// TestBuilder_theirWords is about code that quotes what the go command says where the machine is at
// fault.
func TestBuilder_theirWords(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"no space left on device", "go.mod requires go >= 9 (running go 1)", "signal: killed",
		"dial tcp: no such host",
		"/tmp/x: permission denied", "failed to initialize build cache at /x",
		"module lookup disabled by GOPROXY=off",
		"open /x: value too large for defined data type",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			one := lab(t, scratch, "b01-adder")
			dir := folder(t, "adder.go", "package adder\n\nfunc Add(a, b int) int { return \""+
				words+"\" }\n\nvar _ int = f(`\n"+words+"\n`)\n\nfunc f(int) int { return 1 }\n")
			bin := builder(t, scratch).Build(t.Context(),
				[]compile.Request{{Lab: one, Dir: dir}})[0]
			if bin.Err != nil || bin.Compile == nil {
				t.Errorf("got %+v, want a compile error", bin)
			}
		})
	}
}

// says is a sandbox in which the go command says that, and fails.
type says string

func (says) Name() string { return "says" }

func (s says) Run(_ context.Context, c sandbox.Command) (sandbox.Exit, error) {
	_, err := io.WriteString(c.Output, string(s))
	return sandbox.Exit{Code: 1}, err
}

// TestBuilder_cache is about a build cache that cannot be used: the go command says so of the
// import that it was about to read, in a line like a compiler's.
func TestBuilder_cache(t *testing.T) {
	t.Parallel()
	tool, err := compile.FindToolchain(scratch)
	if err != nil {
		t.Fatal(err)
	}
	library, entry := filepath.Join(tool.GOROOT, "src"), strings.Repeat("18", 32)+"-d"
	for said, want := range map[string]string{
		"adder.go:3:8: open /home/ada/.cache/go-build/18/18-d: value too large for defined data " +
			"type": "/home/ada/.cache/go-build/18/18-d: value too large for defined data type",
		"labs/b01-adder/zz_labs_begin.go:5:8: open /cache of all/18/18-d: permission denied": "" +
			"/cache of all/18/18-d: permission denied",
		"adder.go:3:8: open /cache of all/18/" + entry + ": permission denied": "what it makes cannot be kept " +
			"in the build cache: /cache of all/18/" + entry + ": permission denied",
		"package adder\n\tadder.go:3:8: write /c/18/18-d: input/output error": "/c/18/18-d: " +
			"input/output error",
		"adder.go:3:8: package bytes is not in std (" + filepath.Join(library, "bytes") + ")": "" +
			"what it reads of the package bytes cannot be kept in the build cache",
		"adder.go:3:8: package archive is not in std (" + filepath.Join(library, "archive") + ")": "",
		"adder.go:3:8: undefined: open\nadder.go:4:8: open /c/18/18-d: permission denied":         "",
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			one, b := lab(t, scratch, "b01-adder"), builder(t, scratch)
			b.Dir, b.Sandbox = t.TempDir(), says(said+"\n")
			bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: one.Dir}})[0]
			if want == "" {
				if bin.Err != nil || bin.Compile == nil {
					t.Errorf("got %v and %+v, want a compile error", bin.Err, bin.Compile)
				}
				return
			}
			if bin.Err == nil || bin.Compile != nil || bin.Err.Error() != "the go command cannot "+
				"work here: "+want || !strings.Contains(hintOf(bin.Err), "set GOCACHE") {
				t.Errorf("got %v and %+v, want that %s is nobody's code", bin.Err, bin.Compile, want)
			}
		})
	}
}

func hintOf(err error) string {
	_, hint, _ := strings.Cut(fault.Message(err), "\nhint: ")
	return hint
}

// record makes the file as it is now the lab's recorded stub.
func record(t *testing.T, dir, name string) {
	t.Helper()
	stub := filepath.Join(dir, ".stub")
	if err := os.MkdirAll(stub, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(stub, name), read(t, filepath.Join(dir, name)))
}

func withoutRace(*course.Lab) bool { return false }
