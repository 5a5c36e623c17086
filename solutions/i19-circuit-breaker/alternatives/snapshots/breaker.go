// Package breaker stops calling a dependency that is failing: its callers get an error at once instead of a timeout,
// and the dependency gets the rest that it needs to recover.
//
// This one takes no lock. All that a breaker knows is one small value that is never changed, only replaced, with
// compare-and-swap; how one outcome leads from one value to the next is a function without side effects.
package breaker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrOpen is what a refused call gets: the circuit is open, and the dependency was not called.
var ErrOpen = errors.New("circuit breaker is open")

// Settings say when a breaker opens and for how long.
type Settings struct {
	Failures  int
	OpenFor   time.Duration
	IsFailure func(error) bool
}

// Breaker guards one dependency. It may be used from many goroutines at once.
type Breaker struct {
	settings Settings
	now      atomic.Pointer[snapshot]
}

// snapshot is what a breaker knows at one moment. The zero value is closed.
type snapshot struct {
	failures int       // in a row
	until    time.Time // the end of the pause; zero: closed
	trying   bool      // a trial has been let through since
}

// outcome is what a call says about the dependency.
type outcome int

const (
	nothing outcome = iota
	healthy
	sick
)

// New returns a closed breaker.
func New(s Settings) *Breaker {
	b := &Breaker{settings: s}
	b.now.Store(new(snapshot))
	return b
}

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	admitted := false
	b.update(func(s snapshot) snapshot {
		admitted = !time.Now().Before(s.until)
		s.trying = s.trying || admitted && !s.until.IsZero()
		return s
	})
	if !admitted {
		return ErrOpen
	}
	err := fn(ctx)
	o := b.judge(err)
	b.update(func(s snapshot) snapshot { return s.after(o, b.settings) })
	return err
}

// State is "closed", "open" or "half-open"; the latter from the end of the pause on.
func (b *Breaker) State() string {
	switch s := b.now.Load(); {
	case s.until.IsZero():
		return "closed"
	case time.Now().Before(s.until):
		return "open"
	}
	return "half-open"
}

func (b *Breaker) update(next func(snapshot) snapshot) {
	for {
		old := b.now.Load()
		s := next(*old)
		if s == *old || b.now.CompareAndSwap(old, &s) {
			return
		}
	}
}

func (b *Breaker) judge(err error) outcome {
	switch {
	case err == nil:
		return healthy
	case errors.Is(err, context.Canceled):
		return nothing
	case b.settings.IsFailure == nil || b.settings.IsFailure(err):
		return sick
	}
	return nothing
}

// after is what the breaker knows once a call has ended.
func (s snapshot) after(o outcome, set Settings) snapshot {
	isOpen := !s.until.IsZero() && !s.trying
	switch {
	case o == nothing || isOpen:
		return s
	case o == healthy:
		return snapshot{}
	case s.trying || s.failures+1 >= set.Failures:
		return snapshot{until: time.Now().Add(set.OpenFor)}
	}
	return snapshot{failures: s.failures + 1}
}
