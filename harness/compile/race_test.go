package compile_test

import (
	"errors"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
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
