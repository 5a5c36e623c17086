// Package backpressure has what a backend does when work arrives faster than it can be done: it takes
// no more than it can finish in time, and lets the caller know early.
package backpressure

import (
	"context"
	"errors"
	"sync"
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
	mode    Mode
	places  chan struct{} // has one for each accepted job that is not over
	closing chan struct{} // closed by Close
	tooLate chan struct{} // closed when a Close has given up
	over    chan struct{} // closed when the last worker has ended
	workers sync.WaitGroup

	mu     sync.Mutex // over what follows, and while something is put into the queue
	queue  chan task  // has room for whoever has a place, so putting never waits
	closed bool
	gaveUp bool
}

type task struct {
	ctx context.Context
	job func(context.Context)
}

// NewPool returns a pool of at least one worker with room for depth jobs that wait, as the brief has
// it. Who makes one calls Close.
func NewPool(workers, depth int, m Mode) *Pool {
	p := &Pool{
		mode:    m,
		places:  make(chan struct{}, workers+depth),
		closing: make(chan struct{}),
		tooLate: make(chan struct{}),
		over:    make(chan struct{}),
		queue:   make(chan task, workers+depth),
	}
	for range workers {
		p.workers.Go(p.work)
	}
	return p
}

// Submit hands a job in and returns nil if it was accepted, or ErrOverloaded, ErrClosed or the error
// of ctx.
func (p *Pool) Submit(ctx context.Context, job func(ctx context.Context)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.take(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		<-p.places
		return ErrClosed
	}
	p.queue <- task{ctx, job}
	return nil
}

// take takes a place. A queue of its own would not do: what a worker has just taken from it is not
// over, and what no worker has had the time to take is not waiting.
func (p *Pool) take(ctx context.Context) error {
	select {
	case <-p.closing:
		return ErrClosed
	default:
	}
	select {
	case p.places <- struct{}{}:
		return nil
	default:
	}
	if p.mode == Shed {
		return ErrOverloaded
	}
	select {
	case p.places <- struct{}{}:
		return nil
	case <-p.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Pool) work() {
	for t := range p.queue {
		p.run(t)
	}
}

func (p *Pool) run(t task) {
	defer func() { <-p.places }()
	defer func() { _ = recover() }() // in a real program: log it, with its stack
	select {
	case <-p.tooLate:
	case <-t.ctx.Done(): // nobody waits for it any more
	default:
		t.job(t.ctx)
	}
}

// Close ends the intake and waits for the jobs that were accepted, until ctx ends.
func (p *Pool) Close(ctx context.Context) error {
	p.stop()
	select {
	case <-p.over:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gaveUp {
		p.gaveUp = true
		close(p.tooLate)
	}
	return ctx.Err()
}

func (p *Pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	close(p.closing)
	close(p.queue) // Submit sends under the same lock, so never into a closed one
	go func() {
		p.workers.Wait()
		close(p.over)
	}()
}
