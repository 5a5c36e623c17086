// Package counter counts.
package counter

import "sync/atomic"

// Counter has a field that races.
type Counter struct {
	n    atomic.Int64
	last int64
}

// Add adds.
func (c *Counter) Add() int {
	n := c.n.Add(1)
	c.last = n
	return int(n)
}
