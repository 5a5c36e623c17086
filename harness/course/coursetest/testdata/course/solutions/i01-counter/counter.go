// Package counter counts.
package counter

import "sync"

// Counter counts. It may be used by many at once.
type Counter struct {
	mu sync.Mutex
	n  int
}

// Inc counts one more.
func (c *Counter) Inc() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

// Value is how many there were.
func (c *Counter) Value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
