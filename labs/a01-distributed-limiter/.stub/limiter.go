// Package limiter holds a client to one limit, however many instances of the service it talks to.
package limiter

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limit is a token bucket: it holds at most Burst units and gains Rate units in every Per, continuously.
type Limit struct {
	Rate  int           // at least 1
	Per   time.Duration // at least a second, in whole milliseconds
	Burst int           // at least 1
}

// Decision is the answer to one call.
type Decision struct {
	Allowed    bool
	Remaining  int           // whole units left after this decision
	RetryAfter time.Duration // when denied: until the same call would be allowed, if nobody else asks; else 0
}

// Policy is what to decide while Redis cannot be asked.
type Policy int

const (
	FailOpen   Policy = iota // allow: the limit is lost for a while, the service is not
	FailClosed               // deny: nothing passes unlimited
)

// Limiter is one instance's part of the limiter. All instances that share a Redis share the limits. It may be used from
// many goroutines at once.
type Limiter struct {
	// Your fields.
}

// New returns the limiter of one instance of the service.
//
// rdb is this instance's client; it heeds the deadline of a context. budget is the most time that a decision may take,
// 50 ms where it is 0; after that, or when Redis fails, p decides. clock is this instance's wall clock. It may be wrong
// by minutes, and differently on each instance.
func New(rdb redis.UniversalClient, l Limit, p Policy, budget time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{}
}

// AllowN takes n units from the bucket of key and allows, or takes nothing and denies. n < 1 is an error. n > Burst is
// denied. While Redis cannot be asked the decision is that of the policy, and the error says what is wrong with Redis.
func (x *Limiter) AllowN(ctx context.Context, key string, n int) (Decision, error) {
	return Decision{}, nil // your code
}
