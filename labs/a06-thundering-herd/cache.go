// Package herd is a cache before something slow that many ask for at once.
package herd

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Load gets a value from where it is slow to get.
type Load func(ctx context.Context) ([]byte, error)

// Cache is one instance's part of the cache. It may be used from many goroutines at once.
type Cache struct {
	// Your fields.
}

// New returns the cache of one instance of the service, which has rdb for a client of its own, or nil where there is no
// Redis.
func New(rdb redis.UniversalClient, ttl, stale, lease time.Duration, jitter float64) *Cache {
	return &Cache{}
}

// Get returns the value of key: the one that is stored or, where none may be returned any more, what load gives.
func (c *Cache) Get(ctx context.Context, key string, load Load) ([]byte, error) {
	return nil, nil // your code
}
