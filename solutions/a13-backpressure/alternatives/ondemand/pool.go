// Package backpressure has what a backend does when work arrives faster than it can be done: it takes
// no more than it can finish in time, and lets the caller know early.
package backpressure

import (
	"container/list"
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

// Pool runs jobs on a fixed number of workers, and has room for some more that wait. Here one lock
// guards two lists, of jobs that wait for a worker and of callers that wait for a place, and a worker
// is a goroutine only while there is something to do.
type Pool struct {
	workers, room int
	mode          Mode
	kill          context.Context // ends when Close has given up
	stop          context.CancelFunc

	mu      sync.Mutex
	running int
	queue   list.List // of *task
	callers list.List // of *caller
	closed  bool
	over    chan struct{} // closed when nothing is left
	isOver  bool
}

type task struct {
	ctx   context.Context
	job   func(context.Context)
	place *list.Element // in the queue; nil once it has left it
}

type caller struct {
	task   *task
	answer chan error
}

// NewPool returns a pool of at least one worker with room for depth jobs that wait, as the brief has
// it. Who makes one calls Close.
func NewPool(workers, depth int, m Mode) *Pool {
	p := &Pool{workers: workers, room: workers + depth, mode: m, over: make(chan struct{})}
	p.kill, p.stop = context.WithCancel(context.Background())
	return p
}

// Submit hands a job in and returns nil if it was accepted, or ErrOverloaded, ErrClosed or the error
// of ctx.
func (p *Pool) Submit(ctx context.Context, job func(ctx context.Context)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &task{ctx: ctx, job: job}
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		return ErrClosed
	case p.running+p.queue.Len() < p.room:
		p.admit(t)
		p.mu.Unlock()
		return nil
	case p.mode == Shed:
		p.mu.Unlock()
		return ErrOverloaded
	}
	c := &caller{t, make(chan error, 1)}
	e := p.callers.PushBack(c)
	p.mu.Unlock()

	select {
	case err := <-c.answer:
		return err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case err := <-c.answer: // just in time
		return err
	default:
		p.callers.Remove(e)
		return ctx.Err()
	}
}

// admit gives a place to a job. The lock is held, as in what follows.
func (p *Pool) admit(t *task) {
	if p.running < p.workers {
		p.running++
		go p.work(t)
		return
	}
	t.place = p.queue.PushBack(t)
	context.AfterFunc(t.ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leave(t)
		p.settle()
	})
}

// leave takes a job out of the queue, if it is there.
func (p *Pool) leave(t *task) {
	if t.place != nil {
		p.queue.Remove(t.place)
		t.place = nil
	}
}

// settle gives the places that are free to those who wait for one, and sees whether all is over.
func (p *Pool) settle() {
	for p.callers.Len() > 0 && p.running+p.queue.Len() < p.room {
		c := p.callers.Remove(p.callers.Front()).(*caller)
		p.admit(c.task)
		c.answer <- nil
	}
	if p.closed && !p.isOver && p.running+p.queue.Len() == 0 {
		p.isOver = true
		p.stop()
		close(p.over)
	}
}

// work runs a job, and then others until there are none.
func (p *Pool) work(t *task) {
	for t != nil {
		p.run(t)
		t = p.next()
	}
}

func (p *Pool) next() *task {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.settle()
	for p.queue.Len() > 0 {
		t := p.queue.Front().Value.(*task)
		p.leave(t)
		if t.ctx.Err() == nil {
			return t
		}
	}
	p.running--
	return nil
}

func (p *Pool) run(t *task) {
	defer func() { _ = recover() }()
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	defer context.AfterFunc(p.kill, cancel)()
	t.job(ctx)
}

// Close ends the intake and waits for the jobs that were accepted, until ctx ends.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	for p.callers.Len() > 0 {
		p.callers.Remove(p.callers.Front()).(*caller).answer <- ErrClosed
	}
	p.settle()
	p.mu.Unlock()

	select {
	case <-p.over:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.queue.Len() > 0 {
		p.leave(p.queue.Front().Value.(*task))
	}
	p.stop()
	return ctx.Err()
}
