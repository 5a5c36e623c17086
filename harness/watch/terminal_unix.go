//go:build unix

package watch

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// heed listens to the signals that concern the screen.
func (t *Terminal) heed() (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGCONT)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				if s == syscall.SIGCONT {
					t.raw() // the shell has put the terminal in its own order
				}
				t.wake()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// Suspend stops the process, as Ctrl-Z does where keys are not read raw, and returns when it goes
// on.
func (t *Terminal) Suspend() {
	t.out.WriteString("\r\n" + showCursor)
	t.restore()
	back := make(chan os.Signal, 1)
	signal.Notify(back, syscall.SIGCONT)
	defer signal.Stop(back)
	syscall.Kill(0, syscall.SIGTSTP)
	select {
	case <-back:
	case <-time.After(200 * time.Millisecond): // without a shell above there is no stopping
	}
	t.raw()
}

func (t *Terminal) wake() {
	select {
	case t.redraw <- struct{}{}:
	default:
	}
}
