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

// Pool lends connections.
type Pool struct {
	config Config

	// mu is never held while something is dialled or closed: that takes as long as it takes.
	mu     sync.Mutex
	count  int // being dialled, lent, idle or being closed: what the server sees
	lent   map[*Conn]held
	idle   []held
	line   []ticket // while somebody is in it nothing is idle
	closed bool
	empty  chan struct{} // closed when the pool is, and count has come to 0
}

// held is a connection that the pool knows.
type held struct {
	conn *Conn
	born time.Time
	idle time.Time // since when, if it is
}

// ticket is a place in the line. It has room for one grant, so whoever grants never waits.
type ticket chan grant

// grant is a connection, or leave to dial one if there is none in it, or an error.
type grant struct {
	held held
	err  error
}

// New returns a pool that has no connection yet.
func New(c Config) *Pool {
	return &Pool{config: c, lent: map[*Conn]held{}, empty: make(chan struct{})}
}

// Acquire borrows a connection.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	// Everybody goes through the line, also who is served at once: so nobody passes anybody.
	t := make(ticket, 1)
	p.line = append(p.line, t)
	p.serve()
	p.mu.Unlock()

	select {
	case g := <-t:
		return p.take(ctx, g)
	case <-ctx.Done():
		p.leave(t)
		return nil, ctx.Err()
	}
}

// take makes a connection of what was granted.
func (p *Pool) take(ctx context.Context, g grant) (*Conn, error) {
	if g.err != nil || g.held.conn != nil {
		return g.held.conn, g.err
	}
	c, err := p.config.Dial(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && p.closed:
		p.free()
		return nil, ErrClosed
	case err != nil:
		p.free()
		return nil, fmt.Errorf("dial: %w", err)
	case p.closed:
		p.retire(c)
		return nil, ErrClosed
	}
	p.lent[c] = held{conn: c, born: time.Now()}
	return c, nil
}

// leave takes a ticket out of the line. If it was served in this very moment, what it got goes to
// the next.
func (p *Pool) leave(t ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.line, t); i >= 0 {
		p.line = slices.Delete(p.line, i, i+1)
		return
	}
	switch g := <-t; {
	case g.err != nil:
	case g.held.conn == nil:
		p.free()
	default:
		p.back(g.held)
	}
}

// Release gives a connection back.
func (p *Pool) Release(c *Conn, healthy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.lent[c]
	if !ok {
		panic("pool: release of a connection that is not lent")
	}
	if !healthy {
		delete(p.lent, c)
		p.retire(c)
		return
	}
	h.idle = time.Now()
	p.back(h)
}

// back takes a lent connection that can still be used.
func (p *Pool) back(h held) {
	delete(p.lent, h.conn)
	if p.closed || p.old(h) {
		p.retire(h.conn)
		return
	}
	p.idle = append(p.idle, h)
	p.serve()
}

func (p *Pool) old(h held) bool {
	over := func(limit time.Duration, since time.Time) bool {
		return limit > 0 && time.Since(since) > limit
	}
	return over(p.config.IdleTimeout, h.idle) || over(p.config.MaxLifetime, h.born)
}

// serve grants what there is to those in line, in their order.
func (p *Pool) serve() {
	for len(p.line) > 0 {
		var g grant
		switch last := len(p.idle) - 1; {
		case last >= 0:
			g.held = p.idle[last]
			p.idle = p.idle[:last]
			if p.old(g.held) {
				p.retire(g.held.conn)
				continue
			}
			p.lent[g.held.conn] = g.held
		case p.count < p.config.Max:
			p.count++
		default:
			return
		}
		p.line[0] <- g
		p.line = p.line[1:]
	}
}

// retire closes a connection behind everybody's back. It counts until that is done.
func (p *Pool) retire(c *Conn) {
	go func() {
		p.config.Close(c)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free()
	}()
}

// free gives the place of a connection that is no more to the next in line.
func (p *Pool) free() {
	p.count--
	p.serve()
	p.settle()
}

// settle tells those who wait for the end of the pool that it has come.
func (p *Pool) settle() {
	if p.closed && p.count == 0 {
		close(p.empty)
	}
}

// Stats counts connections, and those who wait for one.
func (p *Pool) Stats() (open, idle, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.lent), len(p.idle), len(p.line)
}

// Close closes the pool, and waits for its connections.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.shut()
	}
	p.mu.Unlock()
	select {
	case <-p.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shut sends everybody in line away, and closes what is idle.
func (p *Pool) shut() {
	p.closed = true
	for _, t := range p.line {
		t <- grant{err: ErrClosed}
	}
	p.line = nil
	for _, h := range p.idle {
		p.retire(h.conn)
	}
	p.idle = nil
	p.settle()
}
