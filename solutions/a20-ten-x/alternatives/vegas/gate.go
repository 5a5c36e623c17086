// Package gate lets as many requests in as the service behind it can answer in time, and finds out by itself how many
// that are. Here it reckons as TCP Vegas does: how much longer than at best a call takes says how many are waiting.
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
	options Options

	lock   sync.Mutex
	limit  int
	taken  int
	best   time.Duration // the shortest call so far
	round  round
	counts Counts
	off    time.Time // the earliest time at which the switch may go off; zero while it is off
}

// round is what the calls since the last decision have said.
type round struct {
	calls int
	took  time.Duration // together
	full  bool          // at some time nearly all places were taken
}

// NewGate returns a gate.
func NewGate(o Options) *Gate {
	return &Gate{options: o, limit: min(max(6, o.Min), o.Max), best: o.Target}
}

// Do calls fn with ctx and returns what it returns, or refuses, with an ErrShed.
func (g *Gate) Do(ctx context.Context, p Priority, fn func(ctx context.Context) error) (err error) {
	start := time.Now()
	if !g.take(p, start) {
		return ErrShed{time.Duration((1.5 + rand.Float64()) * float64(time.Second))}
	}
	left := true
	defer func() {
		g.lock.Lock()
		defer g.lock.Unlock()
		g.taken--
		if !left && !errors.Is(err, context.Canceled) {
			g.learn(time.Since(start))
		}
	}()
	err = fn(ctx)
	left = false
	return err
}

func (g *Gate) take(p Priority, now time.Time) bool {
	g.lock.Lock()
	defer g.lock.Unlock()
	free := g.limit - g.taken
	ok := free > 0
	if p > Critical {
		ok = free > min(g.limit-1, max(2, g.limit/3))
	}
	g.counts.Add(now, !ok)
	g.flip(now)
	if ok {
		g.taken++
		g.round.full = g.round.full || g.taken+max(2, g.limit/3) >= g.limit
	}
	return ok
}

// learn decides when as many calls have ended as are let in at a time.
func (g *Gate) learn(took time.Duration) {
	g.best = min(g.best, took)
	g.round.calls++
	g.round.took += took
	if g.round.calls < g.limit {
		return
	}
	mean := g.round.took / time.Duration(g.round.calls)
	waiting := float64(g.limit) * (1 - float64(g.best)/float64(max(1, mean)))
	switch {
	case waiting > 5:
		g.limit--
	case waiting < 4 && g.round.full:
		g.limit += 1 + g.limit/10
	}
	g.limit = min(max(g.limit, g.options.Min), g.options.Max)
	g.round = round{}
}

func (g *Gate) flip(now time.Time) {
	if all, shed := g.counts.Last(now, time.Second); g.off.IsZero() && all >= 20 && float64(shed) > 0.05*float64(all) {
		g.off = now.Add(5 * time.Second)
	}
	all, shed := g.counts.Last(now, 5*time.Second)
	if !g.off.IsZero() && !now.Before(g.off) && (shed == 0 || float64(shed) < 0.01*float64(all)) {
		g.off = time.Time{}
	}
}

// Limit is how many calls may be in flight now.
func (g *Gate) Limit() int {
	g.lock.Lock()
	defer g.lock.Unlock()
	return g.limit
}

// Degraded says whether optional features are to be left out.
func (g *Gate) Degraded() bool {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.flip(time.Now())
	return !g.off.IsZero()
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
