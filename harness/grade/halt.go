package grade

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/mem"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// halts says when it is no use to go on with a job: each further check would only cost its
// deadline, or the machine's memory, once more.
type halts struct {
	enough bool // one failure is all that is asked for

	mu     sync.Mutex
	hung   map[string]int // by the place where they hung
	hangs  int
	full   int // checks that have used all the memory that they may
	why    string
	cancel []context.CancelFunc
}

// Whatever hangs twice at the same place hangs there in every check.
const (
	maxSame = 2
	maxFull = 2
	// maxDeadlines is how many deadlines the checks of a job may cost that never end, wherever they
	// do not: each slot has so many.
	maxDeadlines = 2
)

// begin makes the context of one check: it ends when the job is halted. done is to be called when
// the check is over.
func (h *halts) begin(ctx context.Context) (of context.Context, done func()) {
	of, cancel := context.WithCancel(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why != "" {
		cancel()
	}
	h.cancel = append(h.cancel, cancel)
	return of, cancel
}

// note takes an outcome into account; so many checks run at once.
func (h *halts) note(o run.Outcome, parallel int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case o.Verdict == run.TimedOut:
		if h.hung == nil {
			h.hung = map[string]int{}
		}
		h.hung[o.Location]++
		h.hangs++
	case o.OutOfMemory:
		h.full++
	}
	switch {
	case h.why != "":
		return
	case h.enough && (o.Verdict == run.Failed || o.Verdict == run.TimedOut):
		h.why = "another has failed, which is enough"
	case h.hung[o.Location] >= maxSame && o.Location != "":
		h.why = "two checks have hung at " + o.Location +
			", and every other would take its whole time, too"
	case h.hung[""] >= maxSame, h.hangs >= maxDeadlines*parallel:
		h.why = fmt.Sprintf("%d checks have come to no end, and every other may take its whole "+
			"time, too", h.hangs)
	case h.full >= maxFull:
		h.why = "two checks have used all the memory that they may, and every other would, too"
	default:
		return
	}
	for _, cancel := range h.cancel {
		cancel()
	}
}

// stopped is why the job goes on no more, or "".
func (h *halts) stopped() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

// clock measures for how long at least one of several things is under way.
type clock struct {
	mu    sync.Mutex
	n     int
	since time.Time
	sum   time.Duration
}

// start begins one of them; stop ends it.
func (c *clock) start() (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		c.since = time.Now()
	}
	c.n++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.n--; c.n == 0 {
			c.sum += time.Since(c.since)
		}
	}
}

func (c *clock) total() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}

// memoryFor is how much memory, in bytes, the process of one check may use before it says itself
// that it uses too much: a little less than what the sandbox would end it for, and on a learner's
// own machine half of what the machine has, for all that run at once. 0 is without bound.
func memoryFor(box sandbox.Sandbox, parallel int) int64 {
	if box.Name() != "none" {
		return sandbox.DefaultLimits.Memory / 10 * 9
	}
	return halfOfMachine() / int64(parallel)
}

var halfOfMachine = sync.OnceValue(func() int64 {
	all, err := mem.VirtualMemory()
	if err != nil {
		return 0
	}
	return int64(all.Total / 2)
})
