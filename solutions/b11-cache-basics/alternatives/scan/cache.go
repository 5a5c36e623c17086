// Package cache remembers what was expensive to get: for a while, and not more than there is room for.
//
// This one is a map and nothing else. Each entry knows when it was written and the number of its last use; a full cache
// looks at all of them to find the one that goes. That costs time in proportion to the capacity, and fits on a page.
package cache

import (
	"context"
	"sync"
	"time"
)

type entry[V any] struct {
	value   V
	written time.Time
	used    uint64 // the cache's clock of uses at the last one
}

// Cache holds at most a fixed number of entries, each for a fixed time. It may be used from many goroutines at once.
type Cache[K comparable, V any] struct {
	mu       sync.Mutex
	m        map[K]entry[V]
	uses     uint64
	capacity int
	ttl      time.Duration
}

// New returns an empty cache that holds at most capacity entries, each of them for ttl.
func New[K comparable, V any](capacity int, ttl time.Duration) *Cache[K, V] {
	return &Cache[K, V]{m: map[K]entry[V]{}, capacity: capacity, ttl: ttl}
}

// Get returns the value that is stored under k and true, or the zero value and false.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[k]
	if !ok {
		return v, false
	}
	if time.Since(e.written) >= c.ttl {
		delete(c.m, k)
		return v, false
	}
	c.uses++
	e.used = c.uses
	c.m[k] = e
	return e.value, true
}

// Set stores v under k.
func (c *Cache[K, V]) Set(k K, v V) {
	if k != k {
		return // a map could not delete it any more
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if _, ok := c.m[k]; !ok && len(c.m) == c.capacity {
		c.makeRoom(now)
	}
	c.uses++
	c.m[k] = entry[V]{v, now, c.uses}
}

// makeRoom removes all that has expired or, if nothing has, the entry that was not used for longest.
func (c *Cache[K, V]) makeRoom(now time.Time) {
	var oldest K
	last := c.uses + 1
	for k, e := range c.m {
		if now.Sub(e.written) >= c.ttl {
			delete(c.m, k)
		} else if e.used < last {
			oldest, last = k, e.used
		}
	}
	if len(c.m) == c.capacity {
		delete(c.m, oldest)
	}
}

// GetOrLoad returns the stored value, or loads and stores it.
func (c *Cache[K, V]) GetOrLoad(ctx context.Context, k K, load func(context.Context, K) (V, error)) (V, error) {
	v, ok := c.Get(k)
	if ok {
		return v, nil
	}
	v, err := load(ctx, k)
	if err == nil {
		c.Set(k, v)
	}
	return v, err
}

// Len returns the number of entries that are held.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.m)
}
