// Package pool lends connections: a bounded number of them, which are dialled once and used often.
package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrClosed is what Acquire returns when the pool is closed.
var ErrClosed = errors.New("pool is closed")

// Conn is a connection.
type Conn struct {
	Raw any
}

// Config is what New needs to know, as the brief says.
type Config struct {
	Max         int
	IdleTimeout time.Duration
	MaxLifetime time.Duration
	Dial        func(context.Context) (*Conn, error)
	Close       func(*Conn)
}

// Pool lends connections. Whoever waits looks for itself whether it is the first in line and there
// is something to take; each change wakes all of them.
type Pool struct {
	config  Config
	mu      sync.Mutex
	changed *sync.Cond
	conns   map[*Conn]*life // idle or lent
	resting []*Conn         // the longest idle first
	places  int             // that are taken
	line    []*byte
	closed  bool
}

type life struct {
	begun time.Time
	lent  bool
	rests int         // how often it was idle
	end   *time.Timer // of the last of these
}

// New returns a pool that has no connection yet.
func New(c Config) *Pool {
	p := &Pool{config: c, conns: map[*Conn]*life{}}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// Acquire borrows a connection.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	defer context.AfterFunc(ctx, p.wake)()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.queue(ctx); err != nil {
		return nil, err
	}
	if n := len(p.resting); n > 0 {
		c := p.resting[0]
		p.resting = p.resting[1:]
		p.conns[c].end.Stop()
		p.conns[c].lent = true
		return c, nil
	}
	p.places++
	p.mu.Unlock()
	c, err := p.config.Dial(ctx)
	p.mu.Lock()
	switch {
	case err == nil && !p.closed:
		p.conns[c] = &life{begun: time.Now(), lent: true}
		return c, nil
	case err == nil:
		go p.drop(c)
		return nil, ErrClosed
	}
	p.places--
	p.changed.Broadcast()
	if p.closed {
		return nil, ErrClosed
	}
	return nil, fmt.Errorf("cannot connect: %w", err)
}

// queue waits until it is the caller's turn and there is something for it.
func (p *Pool) queue(ctx context.Context) error {
	me := new(byte)
	p.line = append(p.line, me)
	defer func() {
		p.line = slices.DeleteFunc(p.line, func(one *byte) bool { return one == me })
		p.changed.Broadcast()
	}()
	for {
		p.sweep()
		switch {
		case p.closed:
			return ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case p.line[0] == me && (len(p.resting) > 0 || p.places < p.config.Max):
			return nil
		}
		p.changed.Wait()
	}
}

func (p *Pool) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

// left is how long a connection may still be idle: for ever if that is negative.
func (p *Pool) left(l *life) time.Duration {
	left := time.Duration(-1)
	if p.config.IdleTimeout > 0 {
		left = p.config.IdleTimeout
	}
	if p.config.MaxLifetime > 0 {
		if life := max(0, p.config.MaxLifetime-time.Since(l.begun)); left < 0 || life < left {
			left = life
		}
	}
	return left
}

// sweep throws those out whose lifetime is over; their timers may not have come round yet.
func (p *Pool) sweep() {
	for _, c := range slices.Clone(p.resting) {
		if p.config.MaxLifetime > 0 && time.Since(p.conns[c].begun) > p.config.MaxLifetime {
			p.evict(c)
		}
	}
}

// evict closes one that is idle.
func (p *Pool) evict(c *Conn) {
	if i := slices.Index(p.resting, c); i >= 0 {
		p.resting = slices.Delete(p.resting, i, i+1)
		delete(p.conns, c)
		go p.drop(c)
	}
}

// drop closes a connection, and then its place is free.
func (p *Pool) drop(c *Conn) {
	p.config.Close(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places--
	p.changed.Broadcast()
}

// Release gives a connection back.
func (p *Pool) Release(c *Conn, healthy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.conns[c]
	if l == nil || !l.lent {
		panic(errors.New("pool: not lent"))
	}
	left := p.left(l)
	if !healthy || p.closed || left == 0 {
		delete(p.conns, c)
		go p.drop(c)
		return
	}
	l.lent = false
	p.resting = append(p.resting, c)
	if left < 0 {
		left = 1<<63 - 1
	}
	l.rests++
	mine := l.rests
	l.end = time.AfterFunc(left, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !l.lent && l.rests == mine {
			p.evict(c)
		}
	})
	p.changed.Broadcast()
}

// Stats counts connections, and those who wait for one.
func (p *Pool) Stats() (open, idle, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns), len(p.resting), len(p.line)
}

// Close closes the pool, and waits for its connections.
func (p *Pool) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, p.wake)()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range slices.Clone(p.resting) {
		p.conns[c].end.Stop()
		p.evict(c)
	}
	p.changed.Broadcast()
	for p.places > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.changed.Wait()
	}
	return nil
}
