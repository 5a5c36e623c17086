package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestMain makes this binary labs-sandbox itself where the environment says so.
func TestMain(m *testing.M) {
	if os.Getenv("LABS_SANDBOX_TEST") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestLabsSandbox starts it as labs does to see whether it is of the same build, and as somebody
// may by hand.
func TestLabsSandbox(t *testing.T) {
	t.Parallel()
	const byHand = "labs-sandbox: labs starts this program; see labs grade --help\n"
	for name, tt := range map[string]struct {
		args           []string
		stdout, stderr string
		code           int
	}{
		"the stamp":            {[]string{sandbox.StampArgument}, sandbox.Stamp() + "\n", "", 0},
		"nothing":              {nil, "", byHand, 2},
		"help":                 {[]string{"--help"}, "", byHand, 2},
		"the stamp, and more":  {[]string{sandbox.StampArgument, "x"}, "", byHand, 2},
		"a program to execute": {[]string{"/bin/true"}, "", byHand, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], tt.args...)
			cmd.Env = append(os.Environ(), "LABS_SANDBOX_TEST=1")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != tt.code ||
				stdout.String() != tt.stdout || stderr.String() != tt.stderr {
				t.Errorf("got exit code %d, %q and %q; want %d, %q and %q", code, &stdout, &stderr,
					tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}
