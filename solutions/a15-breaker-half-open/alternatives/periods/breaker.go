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

// Breaker guards one dependency. It may be used from many goroutines at once. Here each time between
// two changes is a value of its own: a call keeps the one in which it began and tells it how it went,
// and one that is over does not listen any more.
type Breaker struct {
	s Settings

	mu      sync.Mutex
	current period
	news    [][2]State // for OnChange

	telling sync.Mutex // held by the one who calls OnChange
}

// period is the time between two changes. Its methods are called with the lock held.
type period interface {
	state() State
	enter() bool
	leave(o outcome)
}

type outcome string

const (
	good    outcome = "good"
	bad     outcome = "bad"
	neither outcome = "neither"
)

// New returns a closed breaker. It needs no Close.
func New(s Settings) *Breaker {
	b := &Breaker{s: s}
	b.current = &normal{b, newWindow(s.Window, s.Buckets)}
	return b
}

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once, without calling it.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	b.look()
	b.mu.Lock()
	p := b.current
	ok := p.enter()
	b.mu.Unlock()
	if !ok {
		return ErrOpen
	}
	begin := time.Now()
	defer func() {
		if v := recover(); v != nil {
			b.tell(p, bad)
			panic(v)
		}
	}()
	err := fn(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		b.tell(p, neither)
	case err != nil, b.s.SlowCall != 0 && time.Since(begin) > b.s.SlowCall:
		b.tell(p, bad)
	default:
		b.tell(p, good)
	}
	return err
}

// State is HalfOpen as soon as the pause is over, whether anybody has called or not.
func (b *Breaker) State() State { return b.look().state() }

// look returns the current period.
func (b *Breaker) look() period {
	b.mu.Lock()
	if r, ok := b.current.(*rest); ok && time.Since(r.since) >= r.length {
		b.begin(&round{Breaker: b, places: b.s.Probes, missing: b.s.Probes, last: r.length})
	}
	p := b.current
	b.mu.Unlock()
	b.report()
	return p
}

func (b *Breaker) tell(p period, o outcome) {
	b.mu.Lock()
	if p == b.current {
		p.leave(o)
	}
	b.mu.Unlock()
	b.report()
}

func (b *Breaker) begin(p period) {
	b.news = append(b.news, [2]State{b.current.state(), p.state()})
	b.current = p
}

func (b *Breaker) report() {
	for b.waiting() && b.telling.TryLock() {
		for {
			b.mu.Lock()
			if len(b.news) == 0 {
				b.telling.Unlock() // under the other lock, so that nothing is left lying
				b.mu.Unlock()
				break
			}
			n := b.news[0]
			b.news = b.news[1:]
			b.mu.Unlock()
			if b.s.OnChange != nil {
				b.s.OnChange(n[0], n[1])
			}
		}
	}
}

func (b *Breaker) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.news) > 0
}

// normal is the closed circuit.
type normal struct {
	*Breaker
	results *window
}

func (*normal) state() State { return Closed }
func (*normal) enter() bool  { return true }

// leave judges after each result, also a good one.
func (n *normal) leave(o outcome) {
	if o == neither {
		return
	}
	n.results.add(o == bad)
	all, failed := n.results.counts()
	if all >= n.s.MinRequests && float64(failed)/float64(all) >= n.s.FailureRate {
		n.begin(&rest{n.Breaker, time.Now(), n.s.OpenFor})
	}
}

// rest is the pause.
type rest struct {
	*Breaker
	since  time.Time
	length time.Duration
}

func (*rest) state() State  { return Open }
func (*rest) enter() bool   { return false }
func (*rest) leave(outcome) {}

// round is one of probes.
type round struct {
	*Breaker
	places, missing int
	last            time.Duration // the pause before
}

func (*round) state() State { return HalfOpen }

func (r *round) enter() bool {
	if r.places == 0 {
		return false
	}
	r.places--
	return true
}

func (r *round) leave(o outcome) {
	switch o {
	case neither:
		r.places++
	case bad:
		length := r.s.MaxOpen
		if r.last < length/2 {
			length = 2 * r.last
		}
		r.begin(&rest{r.Breaker, time.Now(), length})
	case good:
		if r.missing--; r.missing == 0 {
			r.begin(&normal{r.Breaker, newWindow(r.s.Window, r.s.Buckets)})
		}
	}
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
