package main

import (
	"path/filepath"
	"testing"

	"github.com/backend-labs/backend-labs/harness/term"
)

// TestTyped has what is to be typed begin as the user has called labs, in every command that is named to them.
func TestTyped(t *testing.T) {
	t.Parallel()
	s, _, _ := term.Buffers()
	a := newApp(s)
	a.command = "bin/labs"
	for text, want := range map[string]string{
		"labs watch b10 checks; labs submit hands in; labs ask raises a hand": "bin/labs watch b10 checks; " +
			"bin/labs submit hands in; bin/labs ask raises a hand",
		"labs room status --json":  "bin/labs room status --json",
		"two labs and the mylabs":  "two labs and the mylabs",
		"the labs that are graded": "the labs that are graded",
	} {
		if got := a.typed(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestCommandIn is a path that means the same in another folder.
func TestCommandIn(t *testing.T) {
	t.Parallel()
	s, _, _ := term.Buffers()
	a := newApp(s)
	abs, err := filepath.Abs("bin/labs")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][3]string{
		{"labs", "elsewhere", "labs"},
		{filepath.FromSlash("bin/labs"), "elsewhere", shellWord(abs)},
		{filepath.FromSlash("bin/labs"), ".", filepath.FromSlash("bin/labs")},
	} {
		a.command = tt[0]
		if got := a.commandIn(tt[1]); got != tt[2] {
			t.Errorf("%s in %s: got %s, want %s", tt[0], tt[1], got, tt[2])
		}
	}
}
