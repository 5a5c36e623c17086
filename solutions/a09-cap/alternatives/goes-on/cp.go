package store

import (
	"context"
	"sync"
	"time"
)

const (
	patience = 950 * time.Millisecond // of a caller
	endeavor = 10 * time.Second       // of an operation, whether or not somebody waits for it
	again    = 150 * time.Millisecond // what is not answered by then is sent again
)

// CPNode is one of n nodes that are one register for each key, together. It may be used from many goroutines at once.
// An operation goes on when its caller has been told that it is not done: perhaps it will be.
type CPNode struct {
	id, n int
	net   Net

	mu    sync.Mutex
	given uint64
	data  map[string]entry
}

// entry has a number that no other Put of its key has: it ends in the node's id.
type entry struct {
	number uint64
	val    string
}

type question struct {
	key  string
	news entry // the zero one asks, and tells nothing
}

// NewCP returns node id of n, which are numbered from 0, and answers its messages from now on.
func NewCP(id, n int, net Net) *CPNode {
	c := &CPNode{id: id, n: n, net: net, data: map[string]entry{}}
	net.Handle(id, func(_ int, m any) any {
		q := m.(question)
		c.mu.Lock()
		defer c.mu.Unlock()
		if q.news.number > c.data[q.key].number {
			c.data[q.key] = q.news
		}
		return c.data[q.key]
	})
	return c
}

// Put writes a value. ErrUnavailable leaves open whether it was written, or will be.
func (c *CPNode) Put(ctx context.Context, key, val string) error {
	_, err := within(ctx, func() (string, error) {
		newest, _, err := c.majority(question{key: key})
		if err == nil {
			_, _, err = c.majority(question{key, entry{c.after(newest.number), val}})
		}
		return "", err
	})
	return err
}

// Get reads the value of a key, "" if it has never been written, or returns ErrUnavailable.
func (c *CPNode) Get(ctx context.Context, key string) (string, error) {
	return within(ctx, func() (string, error) {
		newest, all, err := c.majority(question{key: key})
		if err == nil && !all {
			_, _, err = c.majority(question{key, newest})
		}
		return newest.val, err
	})
}

// within is what f returns, if it does so while the caller waits.
func within(ctx context.Context, f func() (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	type result struct {
		val string
		err error
	}
	done := make(chan result, 1)
	go func() {
		val, err := f()
		done <- result{val, err}
	}()
	defer cancel()
	select {
	case r := <-done:
		return r.val, r.err
	case <-ctx.Done():
		return "", ErrUnavailable
	}
}

func (c *CPNode) after(number uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := uint64(c.n)
	c.given = (max(c.given, number)/n+1)*n + uint64(c.id)
	return c.given
}

// majority returns the newest of the first answers that are more than half, and whether all of these are the same.
func (c *CPNode) majority(q question) (newest entry, all bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), endeavor)
	defer cancel()
	came := make(chan entry, c.n)
	for to := range c.n {
		go func() {
			for ctx.Err() == nil {
				ctx, cancel := context.WithTimeout(ctx, again)
				answer, err := c.net.Call(ctx, c.id, to, q)
				cancel()
				if err == nil {
					came <- answer.(entry)
					return
				}
			}
		}()
	}
	same := 0
	for range c.n/2 + 1 {
		select {
		case e := <-came:
			if e.number > newest.number {
				newest, same = e, 0
			}
			if e == newest {
				same++
			}
		case <-ctx.Done():
			return entry{}, false, ErrUnavailable
		}
	}
	return newest, same > c.n/2, nil
}
