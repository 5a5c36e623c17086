package term_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/term"
)

func TestNewPaint(t *testing.T) {
	t.Parallel()
	on, off := term.NewPaint(true), term.NewPaint(false)
	for name, style := range map[string][2]func(...any) string{
		"good": {on.Good, off.Good}, "bad": {on.Bad, off.Bad}, "warn": {on.Warn, off.Warn},
		"strong": {on.Strong, off.Strong}, "faint": {on.Faint, off.Faint},
		"accent": {on.Accent, off.Accent},
	} {
		if got := style[0]("text"); !strings.HasPrefix(got, "\x1b[") ||
			!strings.Contains(got, "text") {
			t.Errorf("%s: got %q, want it coloured", name, got)
		}
		if got := style[1]("text"); got != "text" {
			t.Errorf("%s without colour: got %q, want the text alone", name, got)
		}
	}
}

// TestBuffers is what the tests of commands get: no terminal, no colour, the width of a pipe.
func TestBuffers(t *testing.T) {
	t.Parallel()
	s, out, errs := term.Buffers()
	if s.Interactive || s.ErrTerminal || s.Colour || s.Columns != 80 {
		t.Errorf("got %+v", s)
	}
	s.Out.Write([]byte("result"))
	s.Err.Write([]byte("progress"))
	if out.String() != "result" || errs.String() != "progress" {
		t.Errorf("got %q and %q", out, errs)
	}
	if got := s.Paint().Bad("text"); got != "text" {
		t.Errorf("got %q, want no colour", got)
	}
}

// TestSystem runs where go test does: on a pipe, or in a terminal whose colours are as somebody
// wants them.
func TestSystem(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	if s := term.System(); s.Colour || s.Columns < 20 || s.In == nil || s.Out == nil ||
		s.Err == nil {
		t.Errorf("got %+v, want no colour under NO_COLOR", s)
	}
}
