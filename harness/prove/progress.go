package prove

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress is how far a proof is.
type Progress struct {
	Labs, LabsDone     int    // all, and those that are proved
	What               string // what is being done, such as "the references of B10"; empty at the end
	Checks, ChecksDone int    // runs of checks in this step, and those that are done
}

// String is the progress as one line.
func (p Progress) String() string {
	text := p.What
	if p.Checks > 0 {
		text += fmt.Sprintf(": %d of %s", p.ChecksDone, count(p.Checks, "check"))
	}
	return text
}

// When a Meter speaks: whoever waits for less needs no word, and in a log one line every half minute is enough.
const (
	firstWord = 2 * time.Second
	interval  = 30 * time.Second
)

// Meter shows progress: on a terminal a bar, after two seconds; elsewhere a line every half minute.
type Meter struct {
	out      io.Writer
	terminal bool
	started  time.Time
	done     chan struct{}
	stopped  sync.WaitGroup

	mu  sync.Mutex
	now Progress
	bar *progressbar.ProgressBar
}

// NewMeter begins to show progress on out. Close ends it.
func NewMeter(out io.Writer, terminal bool) *Meter {
	m := &Meter{out: out, terminal: terminal, started: time.Now(), done: make(chan struct{})}
	m.stopped.Go(m.run)
	return m
}

// Set says how far the proof is.
func (m *Meter) Set(p Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = p
}

// Close removes the bar.
func (m *Meter) Close() {
	close(m.done)
	m.stopped.Wait()
	if m.bar != nil {
		m.bar.Finish()
	}
}

func (m *Meter) run() {
	wait := interval
	if m.terminal {
		wait = firstWord
	}
	for {
		select {
		case <-m.done:
			return
		case <-time.After(wait):
			m.show()
		}
		if m.terminal {
			wait = time.Second / 4
		}
	}
}

func (m *Meter) show() {
	m.mu.Lock()
	now := m.now
	m.mu.Unlock()
	switch {
	case now.What == "":
	case !m.terminal:
		took := time.Since(m.started).Round(time.Second)
		fmt.Fprintf(m.out, "· %v: %d of %s proved; %v\n", took, now.LabsDone, count(now.Labs, "lab"), now)
	default:
		if m.bar == nil {
			m.bar = progressbar.NewOptions(now.Labs, progressbar.OptionSetWriter(m.out), progressbar.OptionShowCount(),
				progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))
		}
		m.bar.Describe(now.String())
		m.bar.Set(now.LabsDone)
	}
}
