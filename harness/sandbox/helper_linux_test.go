package sandbox_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestHelper has the small program as the first process of a sandbox.
func TestHelper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	labs, helper := filepath.Join(dir, "labs"), filepath.Join(dir, sandbox.HelperName)
	if got := sandbox.HelperBeside(labs); got != "" {
		t.Errorf("got %s, want none: there is none", got)
	}
	build := exec.Command("go", "build", "-o", helper,
		"github.com/backend-labs/backend-labs/cmd/labs-sandbox")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := sandbox.HelperBeside(labs); got != helper {
		t.Fatalf("got %q, want %s", got, helper)
	}
	var out bytes.Buffer
	box := &sandbox.NS{Helper: helper}
	exit, err := box.Run(t.Context(), sandbox.Command{
		Path: probeBinary(t), Env: []string{"PROBE=hello"}, Output: &out, MaxOutput: 1 << 10,
		Timeout: 20 * time.Second, Grace: time.Second,
	})
	if err != nil || exit.Code != 0 || out.String() != "pid 1 in /tmp" {
		t.Errorf("got %q, %+v, %v; want pid 1 in /tmp", out.String(), exit, err)
	}
	other := "#!/bin/sh\necho " + sandbox.Stamp()[1:] + "0\n"
	if err := os.Remove(helper); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(helper, []byte(other), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := sandbox.HelperBeside(labs); got != "" {
		t.Errorf("got %s, want none: it is of another source", got)
	}
}
