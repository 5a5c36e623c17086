// Package limiter holds a client to one limit, however many instances of the service it talks to.
package limiter

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limit is a token bucket: it holds at most Burst units and gains Rate units in every Per.
type Limit struct {
	Rate  int
	Per   time.Duration
	Burst int
}

// Decision is the answer to one call.
type Decision struct {
	Allowed bool
	// Remaining is how many whole units are left after the decision, allowed or denied.
	Remaining int
	// RetryAfter of a denied call is the time after which the same call is allowed, if nobody else asks. It is never too
	// short, and at most 10 ms too long. Of an allowed call it is 0.
	RetryAfter time.Duration
}

// Policy is what to decide while Redis cannot be asked.
type Policy int

const (
	FailOpen   Policy = iota // allow, so that the service goes on without a limit
	FailClosed               // deny, so that nothing passes without a limit
)

// Limiter is one instance's part of the limiter. It may be used from many goroutines at once.
type Limiter struct {
	// Your fields.
}

// New returns the limiter of one instance of the service, which has rdb for a client of its own. clock is this instance's
// wall clock.
func New(rdb redis.UniversalClient, l Limit, p Policy, budget time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{}
}

// AllowN takes n units from the bucket of key and allows, or takes nothing and denies.
func (x *Limiter) AllowN(ctx context.Context, key string, n int) (Decision, error) {
	return Decision{}, nil // your code
}
