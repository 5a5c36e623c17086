package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// CPNode agrees with the others on each state of a key, by Paxos: a Put is a change of the state that was chosen last,
// and so is a Get, one that changes nothing.
type CPNode struct {
	id, n int
	net   Net

	mu       sync.Mutex
	proposer int // whom it asks

	given uint64 // the highest number of a ballot or of a Put
	cells map[string]cell
	turns map[string]chan struct{} // one operation a key at a time
}

type ballot struct {
	number uint64
	node   int
}

func (b ballot) compare(o ballot) int {
	return cmp.Or(cmp.Compare(b.number, o.number), cmp.Compare(b.node, o.node))
}

// state is the value of a key and, for each node, the last of its Puts that is in it.
type state struct {
	val  string
	puts map[int]uint64
}

// cell is what an acceptor knows of a key.
type cell struct {
	promised, accepted ballot
	state              state
}

type prepare struct {
	key string
	at  ballot
}

type accept struct {
	key   string
	at    ballot
	state state
}

// vote is the answer to both.
type vote struct {
	yes  bool
	cell cell
}

// NewCP returns node id of n, which are numbered from 0, and answers its messages from now on.
func NewCP(id, n int, net Net) *CPNode {
	c := &CPNode{id: id, n: n, net: net, cells: map[string]cell{}, turns: map[string]chan struct{}{}}
	net.Handle(id, func(from int, m any) any {
		if op, ok := m.(operation); ok {
			return c.propose(op)
		}
		return c.answer(m)
	})
	return c
}

func (c *CPNode) answer(m any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m := m.(type) {
	case prepare:
		old := c.cells[m.key]
		if m.at.compare(old.promised) <= 0 {
			return vote{false, old}
		}
		c.cells[m.key] = cell{m.at, old.accepted, old.state}
		return vote{true, old}
	case accept:
		old := c.cells[m.key]
		if m.at.compare(old.promised) < 0 {
			return vote{false, old}
		}
		c.cells[m.key] = cell{m.at, m.at, m.state}
		return vote{true, old}
	}
	return nil
}

// operation is what a node asks another to do for it: two that propose at the same time get in each other's way, so
// all ask the same one as long as it answers.
type operation struct {
	key, val string
	put      bool
	origin   int
	number   uint64 // of a Put among those of its origin
}

// done is the answer.
type done struct {
	val string
	err error
}

// Put writes a value. ErrUnavailable leaves open whether it was written, or will be.
func (c *CPNode) Put(ctx context.Context, key, val string) error {
	_, err := c.ask(ctx, operation{key, val, true, c.id, c.number(0)})
	return err
}

// Get reads the value of a key, "" if it has never been written, or returns ErrUnavailable.
func (c *CPNode) Get(ctx context.Context, key string) (string, error) {
	return c.ask(ctx, operation{key: key})
}

func (c *CPNode) ask(ctx context.Context, op operation) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 950*time.Millisecond)
	defer cancel()
	for busy := false; ctx.Err() == nil; {
		c.mu.Lock()
		to := c.proposer
		c.mu.Unlock()
		short, cancel := context.WithTimeout(ctx, 450*time.Millisecond)
		answer, err := c.net.Call(short, c.id, to, op)
		cancel()
		if d, ok := answer.(done); ok && err == nil {
			if d.err == nil {
				return d.val, nil
			}
			if busy = !busy; busy {
				continue // it is there, and has much to do: another one would get in its way
			}
		}
		c.mu.Lock()
		if c.proposer == to {
			c.proposer = (to + 1) % c.n
		}
		c.mu.Unlock()
	}
	return "", fmt.Errorf("%s: %w", op.key, ErrUnavailable)
}

// propose does an operation, which may have been done before: at the request of somebody who lost the answer.
func (c *CPNode) propose(op operation) done {
	ctx, cancel := context.WithTimeout(context.Background(), 320*time.Millisecond) // the answer is in time, too
	defer cancel()
	s, err := c.change(ctx, op.key, func(s state) state {
		if !op.put || s.puts[op.origin] >= op.number {
			return s
		}
		puts := map[int]uint64{op.origin: op.number}
		for node, number := range s.puts {
			puts[node] = max(puts[node], number)
		}
		return state{op.val, puts}
	})
	return done{s.val, err}
}

func (c *CPNode) change(ctx context.Context, key string, f func(state) state) (state, error) {
	c.mu.Lock()
	if c.turns[key] == nil {
		c.turns[key] = make(chan struct{}, 1)
	}
	turn := c.turns[key]
	c.mu.Unlock()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		if s, ok := c.attempt(ctx, key, f); ok {
			return s, nil
		}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
			return state{}, ctx.Err()
		}
	}
}

func (c *CPNode) attempt(ctx context.Context, key string, f func(state) state) (state, bool) {
	c.mu.Lock()
	promised := c.cells[key].promised
	c.mu.Unlock()
	at := ballot{c.number(promised.number), c.id}
	cells, ok := c.majority(ctx, prepare{key, at})
	var newest cell
	for _, cell := range cells {
		if cell.accepted.compare(newest.accepted) > 0 {
			newest = cell
		}
	}
	if !ok {
		return state{}, false
	}
	next := f(newest.state)
	_, ok = c.majority(ctx, accept{key, at, next})
	return next, ok
}

// number returns one above that, and above all that this node has given or seen.
func (c *CPNode) number(above uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = max(c.given, above) + 1
	return c.given
}

// majority returns once more than half have said yes, or so many no that this cannot be any more.
func (c *CPNode) majority(ctx context.Context, m any) (cells []cell, ok bool) {
	votes := make(chan vote, c.n)
	for to := range c.n {
		go func() {
			if v, err := c.net.Call(ctx, c.id, to, m); err == nil {
				votes <- v.(vote)
			}
		}()
	}
	for no := 0; no <= (c.n-1)/2; {
		select {
		case v := <-votes:
			if !v.yes {
				c.number(v.cell.promised.number)
				no++
				continue
			}
			if cells = append(cells, v.cell); len(cells) > c.n/2 {
				return cells, true
			}
		case <-ctx.Done():
			return nil, false
		}
	}
	return nil, false
}
