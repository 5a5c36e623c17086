// Package breaker stops calling a dependency that is failing: its callers get an error at once instead of a timeout,
// and the dependency gets the rest that it needs to recover.
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
	// Failures in a row open the circuit. At least 1.
	Failures int

	// OpenFor is how long the circuit stays open. Then the next call is a trial. Greater than 0.
	OpenFor time.Duration

	// IsFailure tells whether an error means that the dependency is sick. Nil: every error does. Whatever it says, nil
	// is a success and context.Canceled, wrapped or not, is no failure.
	IsFailure func(error) bool
}

// The states of a breaker.
const (
	closed   = "closed"
	open     = "open"
	halfOpen = "half-open"
)

// Breaker guards one dependency. It may be used from many goroutines at once, and needs no Close.
type Breaker struct {
	settings Settings

	mu       sync.Mutex
	state    string
	failures int       // in a row, while closed
	until    time.Time // the end of the pause, while open
}

// New returns a closed breaker.
func New(s Settings) *Breaker {
	if s.IsFailure == nil {
		s.IsFailure = func(error) bool { return true }
	}
	return &Breaker{settings: s, state: closed}
}

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once, without calling fn, while the
// circuit is open.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	if !b.admit() {
		return ErrOpen
	}
	// The lock is not held here: one slow call must not hold up the others, nor the refusals.
	err := fn(ctx)
	b.record(err)
	return err
}

// admit reports whether a call may go through.
func (b *Breaker) admit() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != open {
		return true
	}
	// No timer ends the pause: whoever comes first after it finds out, and is the trial. A refusal changes nothing.
	if time.Now().Before(b.until) {
		return false
	}
	b.state = halfOpen
	return true
}

// record takes the outcome of a call into account.
func (b *Breaker) record(err error) {
	if errors.Is(err, context.Canceled) {
		return // the caller went away: that says nothing about the dependency
	}
	// An error that is no failure is an answer, and so a sign of health.
	failed := err != nil && b.settings.IsFailure(err)

	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state == open:
		// The call was let through before the circuit opened: old news, which neither closes it nor extends the pause.
	case !failed:
		b.state, b.failures = closed, 0
	default:
		b.failures++
		if b.state == halfOpen || b.failures >= b.settings.Failures {
			// From now on, when the failure is known, not from when its call began: a call that timed out may have
			// taken longer than the pause.
			b.state, b.failures, b.until = open, 0, time.Now().Add(b.settings.OpenFor)
		}
	}
}

// State is "closed", "open" during the pause, and "half-open" while a trial runs.
func (b *Breaker) State() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
