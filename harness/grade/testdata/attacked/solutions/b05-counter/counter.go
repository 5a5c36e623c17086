package counter

import "sync"

// Counter has a lock.
type Counter struct {
	mu sync.Mutex
	n  int
}

// Add adds under the lock.
func (c *Counter) Add() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}
