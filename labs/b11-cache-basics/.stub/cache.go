// Package cache remembers what was expensive to get: for a while, and not more than there is room for.
package cache

import (
	"context"
	"time"
)

// Cache holds at most a fixed number of entries, each for a fixed time. It may be used from many goroutines at once.
type Cache[K comparable, V any] struct {
	// Your fields.
}

// New returns an empty cache that holds at most capacity entries, each of them for ttl from the moment at which it was
// stored. capacity is at least 1 and ttl greater than 0.
func New[K comparable, V any](capacity int, ttl time.Duration) *Cache[K, V] {
	return &Cache[K, V]{}
}

// Get returns the value that is stored under k and true, or the zero value and false where there is none or where it
// has expired. A value that is found has thereby been used; its time to live does not change.
func (c *Cache[K, V]) Get(k K) (V, bool) {
	var none V
	return none, false // your code
}

// Set stores v under k, in place of what was there, for a full ttl. That counts as a use of k. If k is new and there is no
// room, an expired entry makes room or, if there is none, the entry whose last use is longest ago.
func (c *Cache[K, V]) Set(k K, v V) {
	// your code
}

// GetOrLoad returns the value that Get would find. Where there is none it calls load with ctx and k, stores what load
// returns as Set does, and returns it. An error of load is returned and not stored. While load runs, other keys are
// served as always. Callers that miss the same key at the same time may each call load.
func (c *Cache[K, V]) GetOrLoad(ctx context.Context, k K, load func(context.Context, K) (V, error)) (V, error) {
	var none V
	return none, nil // your code
}

// Len returns the number of entries that are held, never more than the capacity. Expired entries that have not been
// removed yet may be counted.
func (c *Cache[K, V]) Len() int {
	return 0 // your code
}
