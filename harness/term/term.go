// Package term is the one way to a terminal: all input and output of a command goes through a
// [Streams], which knows width, colour, and whether anybody is looking.
//
// The rules of the output. Results go to Out, progress and diagnostics to Err. On a pipe there is
// no colour and no line that is later overwritten. NO_COLOR, --no-color and TERM=dumb turn colour
// off; width is that of the terminal, 80 on a pipe. Colours are such as can be read on a light
// background and on a dark one, so that the terminal need not be asked which it has; text is in its
// own foreground. What is longer than the screen goes through a pager.
package term

import (
	"bytes"
	"io"
	"os"

	"github.com/mattn/go-colorable"
	xterm "golang.org/x/term"
)

// Streams are a command's input and output.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	// Interactive says that input and output are a terminal, ErrTerminal that Err is one.
	Interactive bool
	ErrTerminal bool
	Colour      bool
	Columns     int
	Rows        int // 0 where nobody is looking

	// Pager is the command that shows what is longer than the screen, "" for none.
	Pager string
}

// System gives the process's own streams.
func System() *Streams {
	out := xterm.IsTerminal(int(os.Stdout.Fd()))
	s := &Streams{
		In: os.Stdin, Out: NewSink(colorable.NewColorable(os.Stdout)),
		Err:         colorable.NewColorable(os.Stderr),
		Interactive: out && xterm.IsTerminal(int(os.Stdin.Fd())),
		ErrTerminal: xterm.IsTerminal(int(os.Stderr.Fd())),
		Colour:      out && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Columns:     80,
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		s.Out, s.Err = Defuse(s.Out), Defuse(s.Err)
	}
	if out {
		if w, h, err := xterm.GetSize(int(os.Stdout.Fd())); err == nil && w >= 20 {
			s.Columns, s.Rows = w, h
		}
		s.Pager = pager(os.LookupEnv)
	}
	return s
}

// Buffers gives streams for a test: what is written can be read from the buffers.
func Buffers() (s *Streams, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	return &Streams{In: new(bytes.Buffer), Out: out, Err: err, Columns: 80}, out, err
}
