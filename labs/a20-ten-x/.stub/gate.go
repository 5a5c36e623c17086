// Package gate lets as many requests in as the service behind it can answer in time, and finds out by itself how many
// that are.
package gate

import (
	"context"
	"fmt"
	"time"
)

// Gate stands in front of a service. It may be used from many goroutines at once, and needs no Close.
type Gate struct {
	// Your fields.
}

// NewGate returns a gate.
func NewGate(o Options) *Gate {
	return &Gate{}
}

// Do calls fn with ctx and returns what it returns, or refuses, with an ErrShed.
func (g *Gate) Do(ctx context.Context, p Priority, fn func(ctx context.Context) error) error {
	return nil // your code
}

// Limit is how many calls may be in flight now.
func (g *Gate) Limit() int {
	return 0 // your code
}

// Degraded says whether optional features are to be left out.
func (g *Gate) Degraded() bool {
	return false // your code
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
