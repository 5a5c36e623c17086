// Package breaker stops calling a dependency that is failing, and returns to it with care: a few
// probes first, and everybody when all of them have succeeded.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	s Settings

	mu     sync.Mutex
	state  State
	period int     // how often the state has changed: a result counts in the period of its call
	recent *window // while closed
	pause  time.Duration
	until  time.Time // the end of the pause
	probes int       // of this round: those that are under way, and those that have succeeded
	passed int       // the latter

	changes   []change // that OnChange has not been told of
	reporting bool     // somebody is at it
}

type change struct{ from, to State }

type outcome int

const (
	failure outcome = iota // also what a panic leaves
	success
	nothing
)

// New returns a closed breaker. It needs no Close.
func New(s Settings) *Breaker {
	return &Breaker{s: s, recent: newWindow(s.Window, s.Buckets)}
}

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once, without calling it.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	period, ok := b.enter()
	b.report()
	if !ok {
		return ErrOpen
	}
	var o outcome
	defer func() { // deferred: a panic counts, too, and goes on
		b.leave(period, o)
		b.report()
	}()
	begin := time.Now()
	err := fn(ctx)
	o = b.judge(err, time.Since(begin))
	return err
}

// State is HalfOpen as soon as the pause is over, whether anybody has called or not.
func (b *Breaker) State() State {
	b.mu.Lock()
	b.look()
	s := b.state
	b.mu.Unlock()
	b.report()
	return s
}

func (b *Breaker) judge(err error, took time.Duration) outcome {
	switch {
	case errors.Is(err, context.Canceled): // its caller has gone: that says nothing
		return nothing
	case err != nil || b.s.SlowCall > 0 && took > b.s.SlowCall:
		return failure
	default:
		return success
	}
}

// enter decides on a call, and says in which period it begins.
func (b *Breaker) enter() (period int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	switch {
	case b.state == Open:
		return 0, false
	case b.state == HalfOpen && b.probes == b.s.Probes:
		return 0, false
	case b.state == HalfOpen:
		b.probes++
	}
	return b.period, true
}

// leave makes of a result what it is worth.
func (b *Breaker) leave(period int, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if period != b.period {
		return // it tells of a time that is over
	}
	switch {
	case o == nothing && b.state == HalfOpen:
		b.probes-- // for somebody else
	case o == nothing:
	case b.state == HalfOpen && o == failure:
		b.open(b.pause + min(b.pause, b.s.MaxOpen-b.pause)) // twice as long, and no sum beyond MaxOpen
	case b.state == HalfOpen:
		if b.passed++; b.passed == b.s.Probes {
			b.recent.clear()
			b.become(Closed)
		}
	default:
		b.recent.add(o == failure)
		results, failures := b.recent.counts()
		if o == failure && results >= b.s.MinRequests &&
			float64(failures) >= b.s.FailureRate*float64(results) {
			b.open(b.s.OpenFor)
		}
	}
}

func (b *Breaker) open(pause time.Duration) {
	b.pause = pause
	b.until = time.Now().Add(pause)
	b.become(Open)
}

// look sees whether the pause is over. No timer does it.
func (b *Breaker) look() {
	if b.state == Open && !time.Now().Before(b.until) {
		b.probes, b.passed = 0, 0
		b.become(HalfOpen)
	}
}

func (b *Breaker) become(s State) {
	b.changes = append(b.changes, change{b.state, s})
	b.state = s
	b.period++
}

// report tells OnChange, one by one and without the lock: it may call the breaker. Whoever comes
// meanwhile leaves its changes to the one who is at it.
func (b *Breaker) report() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reporting {
		return
	}
	b.reporting = true
	for len(b.changes) > 0 {
		c := b.changes[0]
		b.changes = b.changes[1:]
		if b.s.OnChange != nil {
			b.mu.Unlock()
			b.s.OnChange(c.from, c.to)
			b.mu.Lock()
		}
	}
	b.reporting = false
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
