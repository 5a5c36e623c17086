package term

import (
	"fmt"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Live is a line on the error stream that says what goes on, and how long it has taken so far. It
// is painted over, and gone when it is over. Where nobody is looking it is not there at all.
//
// Whoever writes to the same terminal meanwhile does so in Above.
type Live struct {
	s     *Streams
	since time.Time
	done  chan struct{}
	wait  sync.WaitGroup

	mu    sync.Mutex
	text  string
	shown bool
}

// Nothing is said of what is over within patience; the time that is shown moves at pace.
const (
	patience = time.Second
	pace     = 200 * time.Millisecond
)

// NewLive begins to measure the time. Close ends it.
func (s *Streams) NewLive(text string) *Live {
	l := &Live{s: s, since: time.Now(), text: text, done: make(chan struct{})}
	if s.ErrTerminal && s.Interactive {
		l.wait.Go(l.run)
	}
	return l
}

func (l *Live) run() {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			l.mu.Lock()
			l.paint()
			l.mu.Unlock()
		}
	}
}

// Set says what goes on now.
func (l *Live) Set(format string, args ...any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = fmt.Sprintf(format, args...)
	if l.shown {
		l.paint()
	}
}

// paint paints the line. The lock is held.
func (l *Live) paint() {
	took := time.Since(l.since)
	if took < patience || l.text == "" {
		return
	}
	line := fmt.Sprintf("%s %.1f s", l.text, took.Seconds())
	fmt.Fprint(l.s.Err, "\r"+ansi.Truncate(l.s.Paint().Faint(line), l.s.Columns-1, "…")+"\x1b[K")
	l.shown = true
}

// Above calls write, which may write to the terminal: the line makes room for it.
func (l *Live) Above(write func()) {
	if l == nil {
		write()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wipe()
	write()
}

// Wiped makes the terminal's line empty.
const Wiped = "\r\x1b[K"

func (l *Live) wipe() {
	if l.shown {
		fmt.Fprint(l.s.Err, Wiped)
		l.shown = false
	}
}

// Close takes the line away.
func (l *Live) Close() {
	if l == nil {
		return
	}
	select {
	case <-l.done:
		return
	default:
	}
	close(l.done)
	l.wait.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wipe()
}

// Plural is a number with what it counts: "1 check", "2 checks".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
