// Package breaker stops calling a dependency that is failing: its callers get an error at once instead of a timeout,
// and the dependency gets the rest that it needs to recover.
//
// In this one each state is an object that knows what happens next, a timer ends the pause, and only one trial runs at
// a time.
package breaker

import (
	"context"
	"errors"
	"sync"
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

// state is one state of a breaker, with what it remembers. All its methods are called under the breaker's lock.
type state interface {
	name() string
	admit(b *Breaker) bool
	success(b *Breaker)
	failure(b *Breaker)
	neither(b *Breaker)
}

// Breaker guards one dependency. It may be used from many goroutines at once.
type Breaker struct {
	settings Settings
	mu       sync.Mutex
	state    state
}

// New returns a closed breaker.
func New(s Settings) *Breaker { return &Breaker{settings: s, state: &closed{}} }

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	b.mu.Lock()
	admitted := b.state.admit(b)
	b.mu.Unlock()
	if !admitted {
		return ErrOpen
	}

	err := fn(ctx)

	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.state.success(b)
	case errors.Is(err, context.Canceled), b.settings.IsFailure != nil && !b.settings.IsFailure(err):
		b.state.neither(b)
	default:
		b.state.failure(b)
	}
	return err
}

// State is "closed", "open" or "half-open"; the latter from the end of the pause on.
func (b *Breaker) State() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.name()
}

func (b *Breaker) open() {
	b.state = open{}
	time.AfterFunc(b.settings.OpenFor, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.state = &halfOpen{}
	})
}

type closed struct{ failures int }

func (*closed) name() string        { return "closed" }
func (*closed) admit(*Breaker) bool { return true }
func (c *closed) success(*Breaker)  { c.failures = 0 }
func (*closed) neither(*Breaker)    {}
func (c *closed) failure(b *Breaker) {
	if c.failures++; c.failures >= b.settings.Failures {
		b.open()
	}
}

// open ignores outcomes: they are of calls that were let through before.
type open struct{}

func (open) name() string        { return "open" }
func (open) admit(*Breaker) bool { return false }
func (open) success(*Breaker)    {}
func (open) failure(*Breaker)    {}
func (open) neither(*Breaker)    {}

type halfOpen struct{ trying bool }

func (*halfOpen) name() string       { return "half-open" }
func (*halfOpen) success(b *Breaker) { b.state = &closed{} }
func (*halfOpen) failure(b *Breaker) { b.open() }
func (h *halfOpen) neither(*Breaker) { h.trying = false }
func (h *halfOpen) admit(*Breaker) bool {
	first := !h.trying
	h.trying = true
	return first
}
