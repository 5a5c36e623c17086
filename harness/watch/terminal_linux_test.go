package watch

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal: what the user types is written to keyboard.
func pty(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { tty.Close() })
	return keyboard, tty
}

func settings(t *testing.T, tty *os.File) unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	must(t, err)
	return *s
}

func TestTerminal_IsRestored(t *testing.T) {
	for name, use := range map[string]func(term *Terminal){
		"after its use":     func(*Terminal) {},
		"after two returns": func(term *Terminal) { term.raw(); term.raw() },
		"also by a late signal": func(
			term *Terminal) {
			term.Close()
			term.raw()
			term.stop = func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, tty := pty(t)
			before := settings(t, tty)
			term, err := OpenTerminal(tty, tty)
			must(t, err)
			if settings(t, tty) == before {
				t.Error("the terminal is not in raw mode")
			}
			use(term)
			term.Close()
			if got := settings(t, tty); got != before {
				t.Errorf("before %+v, after %+v", before, got)
			}
		})
	}
}

func TestTerminal_KeysAndSize(t *testing.T) {
	keyboard, tty := pty(t)
	must(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 72, Row: 31}))
	term, err := OpenTerminal(tty, tty)
	must(t, err)
	defer term.Close()
	if columns, rows := term.Size(); columns != 72 || rows != 31 {
		t.Errorf("the size is %d × %d, want 72 × 31", columns, rows)
	}
	keys := ReadKeys(tty)
	for typed, want := range map[string]rune{"h": 'h', "\x03": ctrlC, "\x1b[A": Up, "\r": '\r'} {
		_, err := keyboard.WriteString(typed)
		must(t, err)
		if got := <-keys; got != want {
			t.Errorf("typed %q, got %q, want %q", typed, got, want)
		}
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	select {
	case <-term.Redraw():
	case <-time.After(20 * time.Second):
		t.Error("a new size is not told")
	}
}
