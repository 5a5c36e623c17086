package compile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

func TestToolchain_race(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, platform, enabled string
		toolchain               compile.Toolchain
		want                    string // the reason, "" where it can be had
	}{
		{"all there", "linux/amd64", "", compile.Toolchain{CC: "sh", CGOENABLED: "1"}, ""},
		{"a compiler with flags", "linux/amd64", "1", compile.Toolchain{CC: "sh -m64", CGOENABLED: "1"}, ""},
		{"no compiler", "linux/arm64", "", compile.Toolchain{CC: "no-such-cc", CGOENABLED: "0"}, "no C compiler (no-such-cc) on the PATH"},
		{"nothing known of a compiler", "windows/amd64", "", compile.Toolchain{CGOENABLED: "0"}, "no C compiler (gcc) on the PATH"},
		{"cgo off by the environment", "linux/amd64", "0", compile.Toolchain{CC: "sh", CGOENABLED: "0"}, "CGO_ENABLED=0 is set, and it needs cgo"},
		{"cgo off by the go command's file", "linux/amd64", "", compile.Toolchain{CC: "sh", CGOENABLED: "0"}, "cgo is switched off"},
		{"a system without one", "linux/arm", "", compile.Toolchain{CC: "sh", CGOENABLED: "1"}, "Go has none for linux/arm"},
		{"a system that needs no compiler", "darwin/arm64", "0", compile.Toolchain{CGOENABLED: "0"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := compile.RaceOf(tt.toolchain, tt.platform, tt.enabled)
			no, ok := errors.AsType[*compile.NoRace](err)
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (!ok || no.Reason != tt.want):
				t.Errorf("got %v, want %q", err, tt.want)
			case ok && no.Hint() == "":
				t.Error("got no remedy")
			}
		})
	}
}

// TestMended builds what sets memory to zero, and looks whether the race detector sees it; and what looks by a pool
// whether the race detector is there.
func TestMended(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t, "testdata/zeroes")
	l, err := coursetest.Lab(c.Root, "b01-zeroes")
	if err != nil {
		t.Fatal(err)
	}
	b := &compile.Builder{Course: c, Dir: t.TempDir()}
	if err := b.Race(); err != nil {
		t.Skip(err)
	}
	built := b.Build(t.Context(), []compile.Request{{Lab: l, Dir: l.Dir, Race: true}})[0]
	if built.Path == "" {
		t.Fatal(built.Err, built.Compile)
	}
	for _, check := range l.Checks {
		p := run.Process{Binary: built.Path, Test: check.Test, Race: true, Seed: 1,
			Timeout: time.Minute, Sandbox: sandbox.None{}}
		o, err := p.Run(t.Context())
		want := check.Test != "TestThePoolKeepsNothing"
		if raced := strings.HasPrefix(o.Message, "data race: "); err != nil || raced != want {
			t.Errorf("%s: got %s, %q, %v, want a race: %v", check.Test, o.Verdict, o.Message, err, want)
		}
	}
}

// TestMended_stacks has panics told by libraries that put the stack into the text, in which the check stands, and looks
// for what a pool of a library has kept.
func TestMended_stacks(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t, "testdata/names")
	l, err := coursetest.Lab(c.Root, "b01-names")
	if err != nil {
		t.Fatal(err)
	}
	b := &compile.Builder{Course: c, Dir: t.TempDir()}
	built := b.Build(t.Context(), []compile.Request{{Lab: l, Dir: l.Dir}})[0]
	if built.Path == "" {
		t.Fatal(built.Err, built.Compile)
	}
	for _, check := range l.Checks {
		p := run.Process{Binary: built.Path, Test: check.Test, Seed: 1, Timeout: time.Minute, Sandbox: sandbox.None{}}
		if o, err := p.Run(t.Context()); err != nil || o.Verdict != run.Passed {
			t.Errorf("%s: got %s, %v, with\n%s", check.Test, o.Verdict, err, o.Output)
		}
	}
}
