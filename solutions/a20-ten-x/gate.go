// Package gate lets as many requests in as the service behind it can answer in time, and finds out by itself how many
// that are.
package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Gate stands in front of a service. It may be used from many goroutines at once, and needs no Close.
type Gate struct {
	o Options

	mu       sync.Mutex
	limit    float64
	inFlight int
	lowered  time.Time // when the limit was lowered the last time
	counts   Counts
	degraded bool
	since    time.Time // when it became degraded
}

// NewGate returns a gate.
func NewGate(o Options) *Gate {
	return &Gate{o: o, limit: float64(min(o.Max, max(o.Min, 10)))}
}

// Do calls fn with ctx and returns what it returns, or refuses, with an ErrShed.
func (g *Gate) Do(ctx context.Context, p Priority, fn func(ctx context.Context) error) error {
	began := time.Now()
	full, ok := g.enter(p, began)
	if !ok {
		// Spread, so that those who are refused together do not come back together.
		return ErrShed{RetryAfter: time.Second + rand.N(2*time.Second)}
	}
	err := errors.New("panicked")
	defer func() { g.leave(began, full, err) }()
	err = fn(ctx)
	return err
}

// enter takes a place, if there is one for that priority. It says as well whether the limit is nearly reached.
func (g *Gate) enter(p Priority, now time.Time) (full, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	limit := int(g.limit)
	if p != Critical {
		limit -= limit / 3 // the rest is kept for what is critical
	}
	ok = g.inFlight < limit
	g.counts.Add(now, !ok)
	g.look(now)
	if ok {
		g.inFlight++
	}
	return g.inFlight >= limit-1, ok
}

// leave gives the place back, and learns from how long it was taken.
func (g *Gate) leave(began time.Time, full bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	now := time.Now()
	switch {
	case errors.Is(err, context.Canceled):
		// Its caller left. That says nothing about the service.
	case now.Sub(began) > g.o.Target:
		// Once for all those that have suffered from the same limit.
		if began.After(g.lowered) {
			g.limit = max(float64(g.o.Min), g.limit*0.9)
			g.lowered = now
		}
	case full: // a limit that nobody needs says nothing, and does not grow
		g.limit = min(float64(g.o.Max), g.limit+1/g.limit)
	}
}

// look turns the switch.
func (g *Gate) look(now time.Time) {
	if !g.degraded {
		calls, shed := g.counts.Last(now, time.Second)
		if calls >= 20 && shed*20 > calls {
			g.degraded, g.since = true, now
		}
		return
	}
	calls, shed := g.counts.Last(now, 5*time.Second)
	if now.Sub(g.since) >= 5*time.Second && (shed == 0 || shed*100 < calls) {
		g.degraded = false
	}
}

// Limit is how many calls may be in flight now.
func (g *Gate) Limit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int(g.limit)
}

// Degraded says whether optional features are to be left out.
func (g *Gate) Degraded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look(time.Now())
	return g.degraded
}

// What follows is given.

// Priority is what a request is worth to the business.
type Priority int

// The priorities, from the highest.
const (
	Critical   Priority = iota // a payment
	Normal                     // a page
	BestEffort                 // a thumbnail, a recommendation
)

// Options are the bounds between which a gate may move.
type Options struct {
	Min, Max int           // of Limit: 1 ≤ Min ≤ Max
	Target   time.Duration // a latency with which all is still well
}

// ErrShed is what a refused call gets.
type ErrShed struct {
	RetryAfter time.Duration // before that it is of no use to come back
}

func (e ErrShed) Error() string {
	return fmt.Sprintf("too much to do: come back in %v", e.RetryAfter)
}

// Counts counts calls, and those that were refused, in tenths of a second, and remembers the last ten seconds. It has
// no lock.
type Counts struct {
	slots [100]struct {
		tenth       int64
		calls, shed int
	}
}

// Add counts a call.
func (c *Counts) Add(now time.Time, shed bool) {
	tenth := now.UnixNano() / int64(100*time.Millisecond)
	s := &c.slots[tenth%int64(len(c.slots))]
	if s.tenth != tenth {
		s.tenth, s.calls, s.shed = tenth, 0, 0
	}
	s.calls++
	if shed {
		s.shed++
	}
}

// Last sums up the time until now, up to ten seconds: all calls, and the refused ones among them.
func (c *Counts) Last(now time.Time, d time.Duration) (calls, shed int) {
	tenth := now.UnixNano() / int64(100*time.Millisecond)
	oldest := tenth - int64(d/(100*time.Millisecond))
	for _, s := range c.slots {
		if s.tenth > oldest && s.tenth <= tenth {
			calls += s.calls
			shed += s.shed
		}
	}
	return calls, shed
}
