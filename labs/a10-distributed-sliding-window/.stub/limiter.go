// Package window holds a client to so many calls in any interval, however many instances of the service it talks to.
package window

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limiter is one instance's part of the limiter. It may be used from many goroutines at once.
type Limiter struct {
	// Your fields.
}

// New returns the exact limiter of one instance of the service, which has rdb for a client of its own. clock is this
// instance's wall clock.
func New(rdb redis.UniversalClient, limit int, window time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{}
}

// NewApprox returns a limiter that keeps two numbers for each key, and is right most of the time.
func NewApprox(rdb redis.UniversalClient, limit int, window time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{} // your code, if you like
}

// Allow admits a call for key, or denies it. retryAfter of a denied call is the time until the oldest admitted one that
// counts leaves the window: a call is admitted then and, if nobody else asks, not before. Of an admitted call it is 0.
func (l *Limiter) Allow(ctx context.Context, key string) (ok bool, retryAfter time.Duration, err error) {
	return false, 0, nil // your code
}
