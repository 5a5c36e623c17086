// Package cache remembers what was expensive to get: for a while, and not more than there is room for.
//
// This one has no lock. One goroutine owns the entries, a slice in the order of their use, and everybody else sends it
// what is to be done; a timer for each entry takes it away when its time has come.
package cache

import (
	"context"
	"slices"
	"time"
)

type entry[K comparable, V any] struct {
	key   K
	value V
	timer *time.Timer
}

// Cache holds at most a fixed number of entries, each for a fixed time. It may be used from many goroutines at once.
type Cache[K comparable, V any] struct {
	capacity int
	ttl      time.Duration
	jobs     chan func()
	entries  []*entry[K, V] // owned by the goroutine that does the jobs; the last used is the last
}

// New returns an empty cache that holds at most capacity entries, each of them for ttl.
func New[K comparable, V any](capacity int, ttl time.Duration) *Cache[K, V] {
	c := &Cache[K, V]{capacity: capacity, ttl: ttl, jobs: make(chan func())}
	go func() {
		for job := range c.jobs {
			job()
		}
	}()
	return c
}

// do lets the owner do a job, and waits until it has.
func (c *Cache[K, V]) do(job func()) {
	done := make(chan struct{})
	c.jobs <- func() { job(); close(done) }
	<-done
}

// take removes the entry of k, if there is one, and returns it. Only for jobs.
func (c *Cache[K, V]) take(k K) *entry[K, V] {
	i := slices.IndexFunc(c.entries, func(e *entry[K, V]) bool { return e.key == k })
	if i < 0 {
		return nil
	}
	e := c.entries[i]
	c.entries = slices.Delete(c.entries, i, i+1)
	return e
}

// Get returns the value that is stored under k and true, or the zero value and false.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) {
	c.do(func() {
		if e := c.take(k); e != nil {
			c.entries = append(c.entries, e)
			v, ok = e.value, true
		}
	})
	return v, ok
}

// Set stores v under k.
func (c *Cache[K, V]) Set(k K, v V) {
	c.do(func() {
		old := c.take(k)
		if old == nil && len(c.entries) == c.capacity {
			old = c.entries[0] // not by its key: NaN is not equal to itself
			c.entries = slices.Delete(c.entries, 0, 1)
		}
		if old != nil {
			old.timer.Stop()
		}
		e := &entry[K, V]{key: k, value: v}
		e.timer = time.AfterFunc(c.ttl, func() {
			c.do(func() { c.entries = slices.DeleteFunc(c.entries, func(x *entry[K, V]) bool { return x == e }) })
		})
		c.entries = append(c.entries, e)
	})
}

// GetOrLoad returns the stored value, or loads and stores it.
func (c *Cache[K, V]) GetOrLoad(ctx context.Context, k K, load func(context.Context, K) (V, error)) (V, error) {
	if v, ok := c.Get(k); ok {
		return v, nil
	}
	v, err := load(ctx, k)
	if err == nil {
		c.Set(k, v)
	}
	return v, err
}

// Len returns the number of entries that are held.
func (c *Cache[K, V]) Len() (n int) {
	c.do(func() { n = len(c.entries) })
	return n
}
