package store

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// patience is how long an operation tries at most, in both of its rounds together.
const patience = 900 * time.Millisecond

// CPNode is one of n nodes that are one register for each key, together. It may be used from many goroutines at once.
type CPNode struct {
	id, n int
	net   Net

	mu   sync.Mutex
	last uint64 // the highest number that this node has given to a Put
	data map[string]stamped
}

// stamped is a value and its place in the order of all Puts of its key. Two Puts that begin at the same moment count to
// the same number; then the node decides. A node gives no number twice.
type stamped struct {
	val    string
	number uint64
	node   int
}

func (s stamped) compare(o stamped) int {
	return cmp.Or(cmp.Compare(s.number, o.number), cmp.Compare(s.node, o.node))
}

// The two questions that nodes ask.
type (
	load struct{ key string }
	keep struct {
		key string
		stamped
	}
)

// NewCP returns node id of n, which are numbered from 0, and answers its messages from now on.
func NewCP(id, n int, net Net) *CPNode {
	c := &CPNode{id: id, n: n, net: net, data: map[string]stamped{}}
	net.Handle(id, c.answer)
	return c
}

func (c *CPNode) answer(_ int, m any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m := m.(type) {
	case load:
		return c.data[m.key]
	case keep:
		if m.compare(c.data[m.key]) > 0 {
			c.data[m.key] = m.stamped
		}
	}
	return nil
}

// Put writes a value. ErrUnavailable leaves open whether it was written, or will be.
func (c *CPNode) Put(ctx context.Context, key, val string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	newest, err := c.newest(ctx, key)
	if err != nil {
		return err
	}
	_, err = c.majority(ctx, keep{key, stamped{val, c.after(newest.number), c.id}})
	return err
}

// Get reads the value of a key, "" if it has never been written, or returns ErrUnavailable.
func (c *CPNode) Get(ctx context.Context, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	newest, err := c.newest(ctx, key)
	if err != nil {
		return "", err
	}
	// Perhaps only one node has it yet. Whoever reads after this Get may ask others, and must not read what was before:
	// so a majority has to have it before it is shown to anybody.
	if _, err := c.majority(ctx, keep{key, newest}); err != nil {
		return "", err
	}
	return newest.val, nil
}

// newest asks a majority, of which at least one was in the majority that the last Put has reached.
func (c *CPNode) newest(ctx context.Context, key string) (newest stamped, err error) {
	answers, err := c.majority(ctx, load{key})
	for _, a := range answers {
		if a := a.(stamped); a.compare(newest) > 0 {
			newest = a
		}
	}
	return newest, err
}

// after returns a number above this one, and above all that this node has given.
func (c *CPNode) after(number uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, number) + 1
	return c.last
}

// majority asks all nodes and returns the first answers that are more than half.
func (c *CPNode) majority(ctx context.Context, m any) ([]any, error) {
	came := make(chan any, c.n)
	for to := range c.n {
		go func() {
			if answer, err := c.net.Call(ctx, c.id, to, m); err == nil {
				came <- answer
			}
		}()
	}
	var answers []any
	for len(answers) <= c.n/2 {
		select {
		case answer := <-came:
			answers = append(answers, answer)
		case <-ctx.Done():
			return nil, ErrUnavailable
		}
	}
	return answers, nil
}
