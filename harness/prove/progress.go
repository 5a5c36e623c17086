package prove

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/term"
)

// Progress is how far a proof is.
type Progress struct {
	Labs, LabsDone int // all, and those that are proved
	// what is being done, such as "the references of B10"; empty at the end
	What               string
	Compiling          bool // no check of this step has begun
	Checks, ChecksDone int  // runs of checks in this step, and those that are done
}

// String is the progress as one line.
func (p Progress) String() string {
	text := p.What
	switch {
	case p.Compiling:
		text += ": compiling"
	case p.Checks > 0:
		text += fmt.Sprintf(": %d of %s", p.ChecksDone, count(p.Checks, "check"))
	}
	return text
}

// When a Meter speaks: whoever waits for less needs no word, and in a log one line every half
// minute is enough.
const (
	firstWord = 2 * time.Second
	interval  = 30 * time.Second
)

// Meter shows progress: on a terminal one line that changes, after two seconds; elsewhere a line
// every half minute.
type Meter struct {
	out     io.Writer
	columns int // of the terminal, 0 where there is none
	started time.Time
	done    chan struct{}
	stopped sync.WaitGroup

	mu  sync.Mutex // for now, and for what is written
	now Progress
}

// NewMeter begins to show progress on out, a terminal with so many columns, or no terminal if there
// are 0. Close ends it.
func NewMeter(out io.Writer, columns int) *Meter {
	m := &Meter{out: out, columns: columns, started: time.Now(), done: make(chan struct{})}
	m.stopped.Go(m.run)
	return m
}

// Set says how far the proof is.
func (m *Meter) Set(p Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = p
}

// Say writes a line that stays.
func (m *Meter) Say(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.columns > 0 {
		line = term.Wiped + line
	}
	fmt.Fprintln(m.out, line)
}

// Close removes the line from a terminal.
func (m *Meter) Close() {
	close(m.done)
	m.stopped.Wait()
	if m.columns > 0 && time.Since(m.started) >= firstWord {
		fmt.Fprint(m.out, term.Wiped)
	}
}

func (m *Meter) run() {
	wait, next := interval, interval
	if m.columns > 0 {
		wait, next = firstWord, time.Second/4
	}
	for {
		select {
		case <-m.done:
			return
		case <-time.After(wait):
			m.show()
		}
		wait = next
	}
}

func (m *Meter) show() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now
	if now.What == "" {
		return
	}
	took := time.Since(m.started).Truncate(time.Second)
	line := fmt.Sprintf("· %v: %d of %s proved; %v", took, now.LabsDone, count(now.Labs, "lab"),
		now)
	if m.columns == 0 {
		fmt.Fprintln(m.out, line)
		return
	}
	fmt.Fprint(m.out, term.Wiped, ansi.Truncate(line, m.columns-1, "…"))
}
