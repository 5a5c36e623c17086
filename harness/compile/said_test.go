package compile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestBuilder_causes has what the go command says where nobody's code is at fault, and what people
// are told of it.
func TestBuilder_causes(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct{ text, hint string }{
		"go: go.mod requires go >= 9.99.1 (running go 1.26.8; GOTOOLCHAIN=local)": {
			"go 1.26.8 is too old for this course: its go.mod asks for 9.99.1",
			"install Go 9.99.1 or later (https://go.dev/dl)"},
		"go: download go9.99 for linux/amd64: toolchain not available": {
			"the go command on the PATH is too old for this course, and go9.99 cannot be " +
				"downloaded: toolchain not available", "install Go by hand (https://go.dev/dl)"},
		"go: errors parsing go.mod:\ngo.mod:3: invalid go version '9.99.1': must match format 1.23": {
			"the go command on the PATH is too old for this course: its go.mod asks for 9.99.1",
			"install Go 9.99.1 or later (https://go.dev/dl)"},
		"adder.go:3:8: module lookup disabled by GOPROXY=off": {
			"modules of the course are not on this machine, and GOPROXY=off forbids to fetch them",
			"run go mod download in " + scratch + " once with GOPROXY unset"},
		`go: example.com/m@v1.0.0: Get "https://proxy.golang.org/x": dial tcp: lookup proxy: no such host`: {
			"modules of the course are not on this machine and cannot be downloaded: " +
				`Get "https://proxy.golang.org/x": dial tcp: lookup proxy: no such host`,
			"run go mod download in " + scratch + " once with a network, or set GOPROXY"},
		"go: updates to go.mod needed": {
			"the course's go.mod and go.sum are not right: updates to go.mod needed",
			"git checkout go.mod go.sum in " + scratch},
		"build cache is required, but could not be located: GOCACHE is not defined": {
			"HOME is not set, so the go command does not know where modules and builds are kept",
			"set HOME, or GOMODCACHE and GOCACHE"},
		"build cache is disabled by GOCACHE=off, but required as of Go 1.12": {
			"build cache is disabled by GOCACHE=off, and nothing can be built without one",
			"unset GOCACHE"},
		"failed to initialize build cache at /c: mkdir /c: read-only file system": {
			"the build cache cannot be written: /c: mkdir /c: read-only file system",
			"set GOCACHE to a folder that you may write to"},
		"# runtime/cgo\nwrite /tmp/x.o: no space left on device": {
			"the disk is full: /tmp/x.o: no space left on device",
			"make room on it (go clean -cache frees the build cache), or set GOCACHE and TMPDIR " +
				"to another one"},
		"compile: signal: killed": {
			"the compiler was killed, most likely because the machine ran out of memory",
			"close what needs much memory, and try again"},
		`# runtime/cgo` + "\n" + `cgo: C compiler "gcc" not found: exec: "gcc": executable file not found`: {
			`the C compiler does not work: cgo: C compiler "gcc" not found: exec: "gcc": ` +
				"executable file not found",
			"install it with its headers (apt-get install gcc libc6-dev), or set CC to one that " +
				"works"},
		`go: no such tool "compile"`: {
			`the Go installation is not complete: no such tool "compile"`,
			"unset GOROOT, or install Go again (https://go.dev/dl)"},
		"open /home/ada/go/pkg/mod/cache/lock: permission denied": {
			"the go command cannot work here: /home/ada/go/pkg/mod/cache/lock: permission denied",
			"make that folder yours with chown, or set GOCACHE, GOMODCACHE or TMPDIR to one that is"},
		"":           {"the go command made no binary of b01-adder: it said nothing", fault.Doctor},
		"two\nodd\n": {"the go command made no binary of b01-adder: two odd", fault.Doctor},
		"# github.com/backend-labs/backend-labs/harness/kit/account\n" +
			"harness/kit/account/./report.go:7:2: undefined: x": {
			"the kit does not compile: harness/kit/account/report.go:7: undefined: x",
			"git checkout harness go.mod go.sum in " + scratch},
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			one, b := lab(t, scratch, "b01-adder"), builder(t, scratch)
			b.Sandbox = says(said)
			bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: one.Dir}})[0]
			if bin.Err == nil || bin.Compile != nil {
				t.Fatalf("got %+v, want an error that is not the learner's", bin)
			}
			if got := hintOf(bin.Err); bin.Err.Error() != want.text || got != want.hint {
				t.Errorf("got  %v\nhint: %s\nwant %s\nhint: %s", bin.Err, got, want.text, want.hint)
			}
		})
	}
}

// box is a sandbox that runs nothing and notes what it was asked for.
type box struct {
	exit sandbox.Exit
	err  error
	ran  sandbox.Command
	mode string // what the home says of telemetry
}

func (*box) Name() string { return "box" }

func (b *box) Run(_ context.Context, c sandbox.Command) (sandbox.Exit, error) {
	b.ran = c
	for _, setting := range c.Env {
		if home, ok := strings.CutPrefix(setting, "HOME="); ok {
			mode, _ := os.ReadFile(filepath.Join(home, ".config", "go", "telemetry", "mode"))
			b.mode = string(mode)
		}
	}
	return b.exit, b.err
}

// TestBuilder_bombs: what takes too much is a learner's doing, and what cannot be run is not.
func TestBuilder_bombs(t *testing.T) {
	t.Parallel()
	broken := errors.New("no room for another process")
	for name, tt := range map[string]struct {
		box     *box
		compile string
		err     string
	}{
		"time": {&box{exit: sandbox.Exit{TimedOut: true, Code: -1}},
			"compiling took more time than a lab may take", ""},
		"memory": {&box{exit: sandbox.Exit{OutOfMemory: true, Code: 1}},
			"compiling took more memory than a lab may take", ""},
		"the sandbox": {&box{err: broken}, "", "run the go command: no room for another process"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, b := lab(t, scratch, "b01-adder"), builder(t, scratch)
			b.Sandbox = tt.box
			bin := b.Build(t.Context(), []compile.Request{{Lab: one, Dir: one.Dir}})[0]
			switch {
			case tt.err != "" && (bin.Compile != nil || bin.Err == nil || bin.Err.Error() != tt.err):
				t.Errorf("got %+v, want the error %s", bin, tt.err)
			case tt.compile != "" && (bin.Err != nil || bin.Compile == nil ||
				bin.Compile.Error() != tt.compile || bin.Compile.Location() != ""):
				t.Errorf("got %+v, want %s", bin, tt.compile)
			}
			if left, _ := os.ReadDir(b.Dir); len(left) > 0 {
				t.Errorf("%v are left", left)
			}
		})
	}
}

// TestBuilder_sandbox: what is compiled can write to the build's own folder alone, reaches no
// network, and sees no more of others than the course.
func TestBuilder_sandbox(t *testing.T) {
	t.Parallel()
	tool, err := compile.FindToolchain(scratch)
	if err != nil {
		t.Fatal(err)
	}
	one, b, in := lab(t, scratch, "b01-adder"), builder(t, scratch), new(box)
	b.Sandbox = in
	theirs := folder(t, "adder.go", "package adder\n")
	for dir, bound := range map[string]bool{theirs: true, one.Dir: false} {
		b.Build(t.Context(), []compile.Request{{Lab: one, Dir: dir}})
		sees := func(path string) bool {
			return slices.ContainsFunc(in.ran.Binds, func(bind sandbox.Bind) bool {
				return bind.Source == path && bind.Target == path
			})
		}
		if sees(dir) != bound || !sees(filepath.Join(scratch, "labs")) || sees(scratch) {
			t.Errorf("%s: got %+v, want it bound by itself: %v", dir, in.ran.Binds, bound)
		}
		for _, bind := range in.ran.Binds {
			own := filepath.Dir(bind.Source) == b.Dir
			if bind.Writable != own || bind.Scratch != (bind.Source == tool.GOCACHE) {
				t.Errorf("got %+v, want only the build's own folder to be written to", bind)
			}
		}
	}
	for _, setting := range []string{"GOPROXY=off", "GOSUMDB=off", "GOENV=off", "GOTOOLCHAIN=local",
		"GOFLAGS=-mod=readonly -buildvcs=false"} {
		if !slices.Contains(in.ran.Env, setting) {
			t.Errorf("got %q, want %s", in.ran.Env, setting)
		}
	}
	limits := in.ran.Limits
	if in.mode != "off" || in.ran.Timeout <= 0 || in.ran.MaxOutput <= 0 || limits.Memory <= 0 ||
		limits.FileSize <= 0 || limits.Scratch <= 0 || limits.Processes <= 0 || limits.Files <= 0 {
		t.Errorf("got telemetry %q and %+v, want it off, and everything bounded", in.mode, in.ran)
	}
}

// TestBuilder_prune: of each lab the binaries that were used last stay, and any that a command at
// work may have been given.
func TestBuilder_prune(t *testing.T) {
	t.Parallel()
	b := builder(t, scratch)
	b.Sandbox = says("")
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	binary := func(name string, age time.Duration) {
		path := filepath.Join(b.Dir, name)
		write(t, path, "")
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for i, name := range []string{"b01-adder@0", "b01-adder@1-race", "b01-adder@2", "b01-adder@3"} {
		binary(name, time.Duration(i)*time.Minute)
		want = append(want, name)
	}
	for _, name := range []string{"b01-adder@4", "b01-adder@5"} { // the fifth and the sixth
		binary(name, time.Hour)
		want = append(want, name)
	}
	binary("b01-adder@6", 2*time.Hour)
	binary("b01-adder@7-race", 3*time.Hour)
	binary("b02-doubler@0", 4*time.Hour)
	want = append(want, "b02-doubler@0")
	one := lab(t, scratch, "b01-adder")
	reqs := []compile.Request{{Lab: one, Dir: one.Dir}}
	b.Build(t.Context(), reqs)
	if got := names(t, b.Dir); !slices.Equal(got, want) {
		t.Errorf("left: %q, want %q", got, want)
	}
	for i := range 4 {
		name := "b01-adder@young" + string(rune('0'+i))
		binary(name, time.Duration(i)*time.Second)
	}
	b.Build(t.Context(), reqs)
	want = []string{"b01-adder@0", "b01-adder@1-race", "b01-adder@2", "b01-adder@3",
		"b01-adder@young0", "b01-adder@young1", "b01-adder@young2", "b01-adder@young3",
		"b02-doubler@0"}
	if got := names(t, b.Dir); !slices.Equal(got, want) {
		t.Errorf("left of many that are young: %q, want %q", got, want)
	}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

// TestBuilder_Pristine_order: the lab that is told of is the first in the order of the labs, though
// another one cannot be built either, and the race detector is for those that ask for it.
func TestBuilder_Pristine_order(t *testing.T) {
	t.Parallel()
	one, two := lab(t, scratch, "b01-adder"), lab(t, scratch, "b02-doubler")
	for _, l := range []*course.Lab{one, two} {
		l.Given = append(l.Given, "gone.go")
	}
	b := builder(t, scratch)
	for _, labs := range [][]*course.Lab{{one, two}, {two, one}} {
		var asked []string
		err := b.Pristine(t.Context(), labs, func(l *course.Lab) bool {
			asked = append(asked, l.Slug)
			return true
		})
		if e, ok := errors.AsType[*compile.CourseError](err); !ok || e.Lab != labs[0].Slug ||
			e.Text != "gone.go, which lab.yaml gives, is not there" {
			t.Errorf("got %v, want what is wrong with %s", err, labs[0].Slug)
		}
		if len(asked) != 2 {
			t.Errorf("asked for the race detector of %q, want both", asked)
		}
	}
}

// TestBuilder_Try has courses of which nothing can be built.
func TestBuilder_Try(t *testing.T) {
	t.Setenv("GOTOOLCHAIN", "local")
	root := t.TempDir()
	b := &compile.Builder{Course: &course.Course{Root: root}, Dir: t.TempDir()}
	running := strings.TrimPrefix(compile.GoVersion(), "go")
	for _, tt := range []struct{ mod, text, hint string }{
		{"module x\n\ngo 9.99.1\n", "go " + running + " is too old for this course: its go.mod " +
			"asks for 9.99.1",
			"unset GOTOOLCHAIN (it is local), or install Go 9.99.1 or later (https://go.dev/dl)"},
		{"module x\n\ngo 1.21\n", "the course does not build: stat " + root +
			"/harness/kit/account: directory not found",
			"git status in " + root + " shows what has been changed"},
	} {
		write(t, filepath.Join(root, "go.mod"), tt.mod)
		err := b.Try(t.Context())
		if err == nil || filepath.ToSlash(err.Error()) != filepath.ToSlash(tt.text) ||
			hintOf(err) != tt.hint {
			t.Errorf("got  %v\nhint: %s\nwant %s\nhint: %s", err, hintOf(err), tt.text, tt.hint)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := b.Try(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	t.Setenv("PATH", "")
	if err := b.Try(t.Context()); err == nil ||
		err.Error() != "there is no go command on the PATH" {
		t.Errorf("got %v, want that there is no go command", err)
	}
}
