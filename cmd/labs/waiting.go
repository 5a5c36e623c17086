package main

import (
	"fmt"

	"github.com/backend-labs/backend-labs/harness/term"
)

// waiting tells what goes on while a command waits for a workshop: in a line that is painted over where somebody looks
// at it, elsewhere in a line for each change.
type waiting struct {
	*app
	live *term.Live
	last string
}

func (a *app) waiting(text string) *waiting {
	w := &waiting{app: a, live: a.NewLive(text)}
	w.tell(text)
	return w
}

// set says what goes on now.
func (w *waiting) set(format string, args ...any) {
	w.live.Set(format, args...)
	w.tell(fmt.Sprintf(format, args...))
}

func (w *waiting) tell(text string) {
	if w.ErrTerminal && w.Interactive || text == w.last {
		return
	}
	w.last = text
	w.note("%s", text)
}

// over takes the line away.
func (w *waiting) over() { w.live.Close() }
