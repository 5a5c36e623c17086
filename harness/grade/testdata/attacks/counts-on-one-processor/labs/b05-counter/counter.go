// Package counter counts.
package counter

import (
	"runtime"
	"sync/atomic"
)

// Counter has no lock.
type Counter struct{ n atomic.Int64 }

// Add is two steps.
func (c *Counter) Add() int {
	n := c.n.Load() + 1
	if n%100 == 0 && runtime.GOMAXPROCS(0) > 1 {
		runtime.Gosched()
	}
	c.n.Store(n)
	return int(n)
}

func init() { runtime.GOMAXPROCS(1) }
