// Package pool lends connections: a bounded number of them, which are dialled once and used often.
package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// Pool lends connections. Who is in the turnstile is the first in line, and waits there for an
// idle connection or an empty place; the others wait for the turnstile. A select takes something
// or gives up, never both, so nothing is lost.
type Pool struct {
	config  Config
	turn    chan struct{}
	idle    chan *member
	empty   chan struct{} // places without a connection
	over    chan struct{}
	waiting atomic.Int64

	mu     sync.Mutex
	lent   map[*Conn]*member
	closed bool
}

type member struct {
	conn          *Conn
	born, resting time.Time
}

// New returns a pool that has no connection yet.
func New(c Config) *Pool {
	p := &Pool{
		config: c,
		turn:   make(chan struct{}, 1),
		idle:   make(chan *member, c.Max),
		empty:  make(chan struct{}, c.Max),
		over:   make(chan struct{}),
		lent:   map[*Conn]*member{},
	}
	for range c.Max {
		p.empty <- struct{}{}
	}
	return p
}

// Acquire borrows a connection.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	m, err := p.next(ctx)
	if err != nil {
		return nil, err
	}
	if m == nil {
		c, err := p.config.Dial(ctx)
		if err != nil {
			p.empty <- struct{}{}
			if p.isClosed() {
				return nil, ErrClosed
			}
			return nil, fmt.Errorf("dial: %w", err)
		}
		m = &member{conn: c, born: time.Now()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go p.hangUp(m)
		return nil, ErrClosed
	}
	p.lent[m.conn] = m
	return m.conn, nil
}

// next waits for a connection, or for a place to dial one: then it is nil.
func (p *Pool) next(ctx context.Context) (*member, error) {
	if p.isClosed() {
		return nil, ErrClosed
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.over:
		return nil, ErrClosed
	}
	for {
		m, err := p.whichever(ctx)
		if m == nil || err != nil || p.fresh(m) {
			return m, err
		}
		go p.hangUp(m)
	}
}

func (p *Pool) whichever(ctx context.Context) (*member, error) {
	select {
	case m := <-p.idle:
		return m, nil
	default:
	}
	select {
	case m := <-p.idle:
		return m, nil
	case <-p.empty:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.over:
		return nil, ErrClosed
	}
}

func (p *Pool) fresh(m *member) bool {
	idle, life := p.config.IdleTimeout, p.config.MaxLifetime
	return (idle == 0 || time.Since(m.resting) <= idle) && (life == 0 || time.Since(m.born) <= life)
}

func (p *Pool) hangUp(m *member) {
	p.config.Close(m.conn)
	p.empty <- struct{}{}
}

func (p *Pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Release gives a connection back. It waits until one that is not kept is closed.
func (p *Pool) Release(c *Conn, healthy bool) {
	if m := p.settle(c, healthy); m != nil {
		p.hangUp(m)
	}
}

// settle puts a connection back, or returns it if it is to be closed.
func (p *Pool) settle(c *Conn, healthy bool) *member {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.lent[c]
	if m == nil {
		panic(fmt.Sprintf("pool: connection %p is not lent", c))
	}
	delete(p.lent, c)
	m.resting = time.Now()
	if !healthy || p.closed || !p.fresh(m) {
		return m
	}
	p.idle <- m
	return nil
}

// Stats counts connections, and those who wait for one.
func (p *Pool) Stats() (open, idle, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle = len(p.idle)
	return len(p.lent) + idle, idle, int(p.waiting.Load())
}

// Close closes the pool, and waits for its connections.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.over)
	}
	for rest := len(p.idle); rest > 0; rest-- {
		select {
		case m := <-p.idle:
			go p.hangUp(m)
		default: // somebody who was just served has it, and will hang up
		}
	}
	p.mu.Unlock()
	for range p.config.Max {
		select {
		case <-p.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
