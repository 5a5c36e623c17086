// Package cache remembers what was expensive to get: for a while, and not more than there is room for.
package cache

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Cache holds at most a fixed number of entries, each for a fixed time. It may be used from many goroutines at once.
type Cache[K comparable, V any] struct {
	capacity int
	ttl      time.Duration

	mu      sync.Mutex // no RWMutex: a Get moves its entry, so it writes
	entries map[K]*entry[K, V]
	byUse   *list.List // of *entry, the last used in front
	byWrite *list.List // of *entry, the last written in front: all live equally long, so the back expires first
}

type entry[K comparable, V any] struct {
	key        K
	value      V
	expires    time.Time
	use, write *list.Element
}

// New returns an empty cache that holds at most capacity entries, each of them for ttl from the moment at which it was
// stored. capacity is at least 1 and ttl greater than 0.
func New[K comparable, V any](capacity int, ttl time.Duration) *Cache[K, V] {
	return &Cache[K, V]{
		capacity: capacity,
		ttl:      ttl,
		entries:  make(map[K]*entry[K, V]),
		byUse:    list.New(),
		byWrite:  list.New(),
	}
}

// Get returns the value that is stored under k and true, or the zero value and false where there is none or where it
// has expired. A value that is found has thereby been used; its time to live does not change.
func (c *Cache[K, V]) Get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok || e.expired() {
		var none V
		return none, false
	}
	c.byUse.MoveToFront(e.use)
	return e.value, true
}

// Set stores v under k, in place of what was there, for a full ttl. That counts as a use of k. If k is new and there is no
// room, an expired entry makes room or, if there is none, the entry whose last use is longest ago.
func (c *Cache[K, V]) Set(k K, v V) {
	if k != k {
		return // NaN: no look-up would ever find it, and no delete
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.entries[k]; ok {
		c.remove(old)
	}
	if len(c.entries) >= c.capacity {
		c.evict()
	}
	e := &entry[K, V]{key: k, value: v, expires: time.Now().Add(c.ttl)}
	e.use, e.write = c.byUse.PushFront(e), c.byWrite.PushFront(e)
	c.entries[k] = e
}

// GetOrLoad returns the value that Get would find. Where there is none it calls load with ctx and k, stores what load
// returns as Set does, and returns it. An error of load is returned and not stored. While load runs, other keys are
// served as always. Callers that miss the same key at the same time may each call load.
func (c *Cache[K, V]) GetOrLoad(ctx context.Context, k K, load func(context.Context, K) (V, error)) (V, error) {
	if v, ok := c.Get(k); ok {
		return v, nil
	}
	v, err := load(ctx, k) // without the lock: the origin is slow, that is why there is a cache
	if err != nil {
		var none V
		return none, err
	}
	c.Set(k, v)
	return v, nil
}

// Len returns the number of entries that are held, never more than the capacity. Expired entries that have not been
// removed yet may be counted.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// evict removes one entry, the oldest if it is dead anyway.
func (c *Cache[K, V]) evict() {
	victim := c.byWrite.Back().Value.(*entry[K, V])
	if !victim.expired() {
		victim = c.byUse.Back().Value.(*entry[K, V])
	}
	c.remove(victim)
}

func (c *Cache[K, V]) remove(e *entry[K, V]) {
	delete(c.entries, e.key)
	c.byUse.Remove(e.use)
	c.byWrite.Remove(e.write)
}

func (e *entry[K, V]) expired() bool { return !time.Now().Before(e.expires) }
