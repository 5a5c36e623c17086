// Package backpressure has what a backend does when work arrives faster than it can be done: it takes
// no more than it can finish in time, and lets the caller know early.
package backpressure

import (
	"context"
	"errors"
)

// Mode is what Submit does where there is no place.
type Mode int

// The modes.
const (
	Shed  Mode = iota // refuse at once, for callers who can come again
	Block             // wait, for callers who are to slow down
)

var (
	// ErrOverloaded is what a pool with Shed returns where there is no place.
	ErrOverloaded = errors.New("overloaded")

	// ErrClosed is what Submit returns after Close.
	ErrClosed = errors.New("the pool is closed")
)

// Pool runs jobs on a fixed number of workers, and has room for some more that wait.
type Pool struct {
	// Your fields.
}

// NewPool returns a pool of at least one worker with room for depth jobs that wait, as the brief has
// it. Who makes one calls Close.
func NewPool(workers, depth int, m Mode) *Pool {
	return &Pool{}
}

// Submit hands a job in and returns nil if it was accepted, or ErrOverloaded, ErrClosed or the error
// of ctx.
func (p *Pool) Submit(ctx context.Context, job func(ctx context.Context)) error {
	return nil // your code
}

// Close ends the intake and waits for the jobs that were accepted, until ctx ends.
func (p *Pool) Close(ctx context.Context) error {
	return nil // your code
}
