//go:build unix

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// shell is a command for None that runs a script.
func shell(t *testing.T, script string) (c sandbox.Command, out *bytes.Buffer) {
	t.Helper()
	out = new(bytes.Buffer)
	return sandbox.Command{
		Path: "/bin/sh", Args: []string{"-c", script}, Dir: t.TempDir(),
		Env:    []string{"PATH=/usr/bin:/bin"},
		Output: out, MaxOutput: 1 << 16, Timeout: time.Minute, Grace: time.Second,
	}, out
}

func TestNone_Run(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string
		stdin        string
		timeout      time.Duration
		want         sandbox.Exit // without Wall
		output       string
	}{
		{name: "passes on both kinds of output", script: "echo one; echo two >&2", output: "one\ntwo\n"},
		{name: "tells the exit code", script: "exit 7", want: sandbox.Exit{Code: 7}},
		{name: "tells the signal", script: "kill -TERM $$", want: sandbox.Exit{Code: -1, Signal: "terminated"}},
		{name: "gives standard input", script: "cat", stdin: "hello", output: "hello"},
		{name: "does not mind input that nobody reads", script: "exit 0", stdin: strings.Repeat("x", 1<<20)},
		{name: "gives the environment that is named and no other", script: "echo ${HOME-none}", output: "none\n"},
		{name: "stops what takes too long", script: "exec sleep 600", timeout: 100 * time.Millisecond, want: sandbox.Exit{Code: -1, Signal: "quit", TimedOut: true}},
		{name: "kills what does not listen", script: "trap '' QUIT; while :; do :; done", timeout: 100 * time.Millisecond, want: sandbox.Exit{Code: -1, Signal: "killed", TimedOut: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, out := shell(t, tt.script)
			c.Stdin = []byte(tt.stdin)
			if tt.timeout > 0 {
				c.Timeout, c.Grace = tt.timeout, 100*time.Millisecond
			}
			got, err := sandbox.None{}.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if got.Wall <= 0 || got.Wall < tt.timeout {
				t.Errorf("got a wall time of %v", got.Wall)
			}
			got.Wall = 0
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if out.String() != tt.output {
				t.Errorf("got the output %q, want %q", out, tt.output)
			}
		})
	}
}

func TestNone_reportsOverAPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, _ := shell(t, "echo reported >&3")
	c.Report = w
	if got := sandbox.PrepareReport(w); got != 3 {
		t.Errorf("got descriptor %d, want 3", got)
	}
	if _, err := (sandbox.None{}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	// The end of the pipe is seen only if Run has closed the write end.
	if got, err := io.ReadAll(r); string(got) != "reported\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestNone_nothingOutlivesIt leaves a process behind that holds a pipe: it is at its end once that
// process is dead.
func TestNone_nothingOutlivesIt(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, out := shell(t, "sleep 600 & echo started")
	c.Report = w
	begin := time.Now()
	if _, err := (sandbox.None{}).Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 30*time.Second ||
		!strings.HasPrefix(out.String(), "started") {
		t.Errorf("took %v with the output %q: a process in the background must not hold up the end",
			took, out)
	}
	r.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want %v: the process in the background is still there", err, io.EOF)
	}
}

func TestNone_endsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, _ := shell(t, "echo >&3; exec sleep 600")
	c.Report = w
	go func() {
		r.Read(make([]byte, 1)) // it has begun
		cancel()
	}()
	if exit, err := (sandbox.None{}).Run(ctx, c); !errors.Is(err, context.Canceled) ||
		exit.TimedOut {
		t.Errorf("got %+v, %v, want %v", exit, err, context.Canceled)
	}
}

func TestNone_cannotStart(t *testing.T) {
	t.Parallel()
	c, _ := shell(t, "")
	c.Path = "/no/such/program"
	if _, err := (sandbox.None{}).Run(t.Context(), c); err == nil ||
		!strings.Contains(err.Error(), "start /no/such/program") {
		t.Errorf("got %v, want an error that names the program", err)
	}
}
