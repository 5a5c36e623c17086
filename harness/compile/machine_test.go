package compile

import (
	"context"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestEnvironment: a learner's settings build for this machine and in the course's way, and what a
// builder sets counts more than theirs.
func TestEnvironment(t *testing.T) {
	for _, name := range foreign {
		t.Setenv(name, "theirs")
	}
	t.Setenv("GOPROXY", "theirs")
	t.Setenv("GOPRIVATE", "theirs")
	env := environment("GOPROXY=ours")
	counts := map[string]string{} // the last setting of a name is the one that counts
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		counts[name] = value
	}
	want := map[string]string{"GOOS": runtime.GOOS, "GOARCH": runtime.GOARCH, "GOWORK": "off",
		"GOFLAGS": "-mod=readonly -buildvcs=false", "GOPROXY": "ours", "GOPRIVATE": "theirs"}
	for _, name := range append([]string{"GOPROXY", "GOPRIVATE"}, foreign...) {
		if counts[name] != want[name] {
			t.Errorf("%s: got %q, want %q", name, counts[name], want[name])
		}
	}
	if slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "GOWORK=theirs") }) {
		t.Error("a setting that is not to count is still there")
	}
}

// TestBoundMemory ends a process together with what it has started, and leaves one alone that keeps
// within its limit.
func TestBoundMemory(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	cmd := exec.Command(sh, "-c", "sleep 600 & echo begun; wait; sleep 600")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	begun := make([]byte, len("begun\n"))
	if _, err := io.ReadFull(out, begun); err != nil {
		t.Fatal(err)
	}
	// The shell and its sleep have a few MiB.
	ctx, cancel := context.WithCancel(t.Context())
	within := make(chan bool)
	go func() { within <- boundMemory(ctx, cmd.Process.Pid, 1<<30) }()
	if !boundMemory(t.Context(), cmd.Process.Pid, 1) {
		t.Error("got that it has ended by itself")
	}
	if rest, err := io.ReadAll(out); len(rest) > 0 || err != nil { // as soon as nobody could write
		t.Errorf("got %q, %v of it", rest, err)
	}
	cancel()
	if <-within {
		t.Error("ended what has kept within its limit")
	}
}
