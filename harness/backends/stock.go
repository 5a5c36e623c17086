package backends

import (
	"context"
	"sync"
)

// stock keeps a few things made ahead of time, so that whoever takes one does not wait for its
// making, and knows which ones are out.
type stock[T comparable] struct {
	make    func(context.Context) (T, error)
	destroy func(T)

	ctx  context.Context
	stop func()
	// without a buffer: a maker holds its thing until somebody takes it, so n makers are a stock of
	// n
	ready chan made[T]

	mu     sync.Mutex
	closed bool
	out    map[T]bool
	wg     sync.WaitGroup // makers, and destroyers at work
}

type made[T any] struct {
	thing T
	err   error
}

// newStock keeps n things ready, the first of which is there already. The others are made in the
// background.
func newStock[T comparable](n int, first T, makeOne func(context.Context) (T, error),
	destroy func(T)) *stock[T] {
	s := &stock[T]{make: makeOne, destroy: destroy, ready: make(chan made[T]), out: map[T]bool{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.wg.Go(func() { s.keepOneReady(&first) })
	for range n - 1 {
		s.wg.Go(func() { s.keepOneReady(nil) })
	}
	return s
}

func (s *stock[T]) keepOneReady(first *T) {
	for s.ctx.Err() == nil || first != nil {
		var thing T
		var err error
		if first != nil {
			thing, first = *first, nil
		} else {
			thing, err = s.make(s.ctx)
		}
		select {
		case s.ready <- made[T]{thing, err}:
		case <-s.ctx.Done():
			if err == nil {
				s.destroy(thing)
			}
		}
	}
}

// take waits for a thing. An error from the stock may be old, so take makes one itself before it
// believes it.
func (s *stock[T]) take(ctx context.Context) (T, error) {
	var m made[T]
	select {
	case m = <-s.ready:
	case <-s.ctx.Done():
		return m.thing, errClosed
	case <-ctx.Done():
		return m.thing, ctx.Err()
	}
	if m.err != nil {
		m.thing, m.err = s.make(ctx)
	}
	if m.err != nil {
		return m.thing, m.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.destroy(m.thing)
		return m.thing, errClosed
	}
	s.out[m.thing] = true
	return m.thing, nil
}

// giveBack destroys the thing in the background, once.
func (s *stock[T]) giveBack(thing T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out[thing] {
		delete(s.out, thing)
		s.wg.Go(func() { s.destroy(thing) })
	}
}

// close stops making, destroys what is ready or out, and waits until all is destroyed.
func (s *stock[T]) close() {
	s.stop()
	s.mu.Lock()
	s.closed = true
	for thing := range s.out {
		delete(s.out, thing)
		s.wg.Go(func() { s.destroy(thing) })
	}
	s.mu.Unlock()
	s.wg.Wait()
}
