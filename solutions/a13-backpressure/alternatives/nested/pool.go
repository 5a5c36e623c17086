// Package backpressure has what a backend does when work arrives faster than it can be done: it takes
// no more than it can finish in time, and lets the caller know early.
package backpressure

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
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

// Pool runs jobs on a fixed number of workers, and has room for some more that wait. Here each job that
// is accepted has a goroutine, which waits for its turn: two bulkheads, one within the other.
type Pool struct {
	mode     Mode
	places   *semaphore.Weighted // the outer one
	closing  context.Context     // ends with Close
	shut     context.CancelFunc
	tooLate  context.Context // ends when Close has given up
	giveUp   context.CancelFunc
	accepted sync.WaitGroup

	mu     sync.Mutex
	free   int             // workers
	line   []chan struct{} // of those who wait for one
	closed bool
}

// NewPool returns a pool of at least one worker with room for depth jobs that wait, as the brief has
// it. Who makes one calls Close.
func NewPool(workers, depth int, m Mode) *Pool {
	p := &Pool{mode: m, places: semaphore.NewWeighted(int64(workers + depth)), free: workers}
	p.closing, p.shut = context.WithCancel(context.Background())
	p.tooLate, p.giveUp = context.WithCancel(context.Background())
	return p
}

// Submit hands a job in and returns nil if it was accepted, or ErrOverloaded, ErrClosed or the error
// of ctx.
func (p *Pool) Submit(ctx context.Context, job func(ctx context.Context)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if err := p.take(ctx); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.places.Release(1)
		return fmt.Errorf("submit: %w", ErrClosed)
	}
	turn := make(chan struct{})
	if p.free > 0 {
		p.free--
		close(turn)
	} else {
		p.line = append(p.line, turn)
	}
	p.accepted.Go(func() {
		defer p.places.Release(1)
		<-turn
		defer p.next()
		defer func() { _ = recover() }()
		if ctx.Err() == nil && p.tooLate.Err() == nil {
			job(ctx)
		}
	})
	return nil
}

func (p *Pool) take(ctx context.Context) error {
	switch {
	case p.closing.Err() != nil:
		return ErrClosed
	case p.places.TryAcquire(1):
		return nil
	case p.mode == Shed:
		return ErrOverloaded
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.closing, cancel)()
	err := p.places.Acquire(waiting, 1)
	if err != nil && ctx.Err() == nil {
		return ErrClosed
	}
	return err
}

// next lets the first in line have the worker that has become free.
func (p *Pool) next() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) == 0 {
		p.free++
		return
	}
	close(p.line[0])
	p.line = p.line[1:]
}

// Close ends the intake and waits for the jobs that were accepted, until ctx ends.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.shut()
	over := make(chan struct{})
	go func() {
		p.accepted.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		p.giveUp()
		return fmt.Errorf("close: %w", ctx.Err())
	}
}
