package watch

import (
	"fmt"
	"os"
	"sync"

	xterm "golang.org/x/term"
)

// Terminal is the user's terminal in raw mode: each key arrives as it is pressed, and is not shown.
type Terminal struct {
	in, out *os.File

	mu     sync.Mutex
	before *xterm.State // nil while it is as it was found
	closed bool

	redraw chan struct{}
	stop   func()
}

// OpenTerminal puts the terminal into raw mode. Close must be called, whatever happens.
func OpenTerminal(in, out *os.File) (*Terminal, error) {
	t := &Terminal{in: in, out: out, redraw: make(chan struct{}, 1)}
	if err := t.raw(); err != nil {
		return nil, err
	}
	t.stop = t.heed()
	return t, nil
}

func (t *Terminal) raw() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	state, err := xterm.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if t.before == nil {
		t.before = state
	}
	return nil
}

// restore makes the terminal what it was before.
func (t *Terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before != nil {
		xterm.Restore(int(t.in.Fd()), t.before)
		t.before = nil
	}
}

// Close restores the terminal.
func (t *Terminal) Close() {
	t.stop()
	t.mu.Lock()
	t.closed = true // a signal on its way changes nothing any more
	t.mu.Unlock()
	t.restore()
}

// Size is how large the terminal is now.
func (t *Terminal) Size() (columns, rows int) {
	columns, rows, err := xterm.GetSize(int(t.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

// Redraw tells when the size may be another one, or the user is back after the process was stopped.
func (t *Terminal) Redraw() <-chan struct{} { return t.redraw }
