// Package breaker stops calling a dependency that is failing, and returns to it with care: a few
// probes first, and everybody when all of them have succeeded.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrOpen is what a refused call gets.
var ErrOpen = errors.New("circuit breaker is open")

// State is what a breaker does with calls.
type State int

// The states.
const (
	Closed   State = iota // all are let through
	Open                  // none is
	HalfOpen              // some are, as probes
)

func (s State) String() string {
	if s < Closed || s > HalfOpen {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return [...]string{"closed", "open", "half-open"}[s]
}

// Settings say when a breaker opens, for how long, and what closes it.
type Settings struct {
	Window      time.Duration
	Buckets     int
	MinRequests int
	FailureRate float64

	OpenFor, MaxOpen time.Duration

	Probes int

	SlowCall time.Duration // 0: no call is slow

	OnChange func(from, to State) // may be nil
}

// Breaker guards one dependency. It may be used from many goroutines at once.
type Breaker struct {
	recent *window
	// Your fields.
}

// New returns a closed breaker. It needs no Close.
func New(s Settings) *Breaker {
	return &Breaker{recent: newWindow(s.Window, s.Buckets)}
}

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once, without calling it.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	return nil // your code
}

// State is HalfOpen as soon as the pause is over, whether anybody has called or not.
func (b *Breaker) State() State {
	return -1 // your code
}

// What follows is given: nothing in it need be changed.

// window counts results, and forgets them after a while: one counts for its length, give or take a
// bucket. It has no lock of its own.
type window struct {
	bucket  time.Duration // the length of one
	buckets []bucket      // a ring: each is used again and again
}

type bucket struct {
	number            int64 // of those that there were before it, since 1970
	results, failures int
}

var _ interface {
	add(failed bool)
	counts() (results, failures int)
	clear()
} = (*window)(nil)

func newWindow(length time.Duration, buckets int) *window {
	return &window{bucket: length / time.Duration(buckets), buckets: make([]bucket, buckets)}
}

// add counts a result, in the bucket of this moment.
func (w *window) add(failed bool) {
	b := &w.buckets[w.now()%int64(len(w.buckets))]
	if b.number != w.now() {
		*b = bucket{number: w.now()}
	}
	b.results++
	if failed {
		b.failures++
	}
}

// counts returns how many results there are, and how many of them are failures.
func (w *window) counts() (results, failures int) {
	for _, b := range w.buckets {
		if b.number > w.now()-int64(len(w.buckets)) {
			results += b.results
			failures += b.failures
		}
	}
	return results, failures
}

// clear forgets everything.
func (w *window) clear() { clear(w.buckets) }

func (w *window) now() int64 { return time.Now().UnixNano() / int64(w.bucket) }
