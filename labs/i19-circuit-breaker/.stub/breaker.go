// Package breaker stops calling a dependency that is failing: its callers get an error at once instead of a timeout,
// and the dependency gets the rest that it needs to recover.
package breaker

import (
	"context"
	"errors"
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

// Breaker guards one dependency. It may be used from many goroutines at once, and needs no Close.
type Breaker struct {
	// Your fields.
}

// New returns a closed breaker.
func New(s Settings) *Breaker {
	return &Breaker{}
}

// Do calls fn with ctx and returns its error unchanged, or returns ErrOpen at once, without calling fn, while the
// circuit is open. Calls that are let through may run at the same time.
//
// Failures in a row open the circuit; a success in between starts the count again. The pause of OpenFor begins when the
// last of these failures is known, and refused calls do not extend it. The first call after it is a trial: its success
// closes the circuit, its failure opens it for another full OpenFor.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	return nil // your code
}

// State is "closed", "open" during the pause, and "half-open" while a trial runs. Between the pause and the trial it is
// "open" or "half-open", as you like.
func (b *Breaker) State() string {
	return "" // your code
}
