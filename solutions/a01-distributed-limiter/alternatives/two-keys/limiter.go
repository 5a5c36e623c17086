// Package limiter holds a client to one limit, however many instances of the service it talks to.
//
// This one keeps units and time under two keys, which share a hash tag, counts in milliseconds, and stops asking a Redis
// that has failed for a moment: a circuit breaker, so that an outage costs the budget only now and then.
package limiter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limit is a token bucket: it holds at most Burst units and gains Rate units in every Per, continuously.
type Limit struct {
	Rate  int
	Per   time.Duration
	Burst int
}

// Decision is the answer to one call.
type Decision struct {
	Allowed    bool
	Remaining  int
	RetryAfter time.Duration
}

// Policy is what to decide while Redis cannot be asked.
type Policy int

// What to decide while Redis cannot be asked.
const (
	FailOpen Policy = iota
	FailClosed
)

var script = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local per_ms, burst, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local units = tonumber(redis.call('GET', KEYS[1]) or burst)
local since = tonumber(redis.call('GET', KEYS[2]) or now)
if now > since then
	units = math.min(burst, units + (now - since) * per_ms)
end
local ok, wait = 0, 0
if n <= units then
	units = units - n
	ok = 1
else
	wait = math.ceil((n - units) / per_ms)
end
local ttl = math.ceil(burst / per_ms) + 1
redis.call('SET', KEYS[1], units, 'PX', ttl)
redis.call('SET', KEYS[2], math.max(now, since), 'PX', ttl)
return {ok, math.floor(units), wait}
`)

// Limiter is one instance's part of the limiter.
type Limiter struct {
	rdb    redis.UniversalClient
	limit  Limit
	policy Policy
	budget time.Duration

	mu      sync.Mutex
	failing error     // why Redis is not asked
	until   time.Time // and until when
}

// New returns the limiter of one instance of the service.
func New(rdb redis.UniversalClient, l Limit, p Policy, budget time.Duration, _ func() time.Time) *Limiter {
	if budget == 0 {
		budget = 50 * time.Millisecond
	}
	return &Limiter{rdb: rdb, limit: l, policy: p, budget: budget}
}

// AllowN takes n units from the bucket of key and allows, or takes nothing and denies.
func (x *Limiter) AllowN(ctx context.Context, key string, n int) (Decision, error) {
	switch {
	case n < 1:
		return Decision{}, fmt.Errorf("%d units", n)
	case n > x.limit.Burst:
		return Decision{}, nil
	}
	if wait, err := x.broken(); err != nil {
		return Decision{Allowed: x.policy == FailOpen, RetryAfter: wait}, err
	}
	short, cancel := context.WithTimeout(ctx, x.budget)
	defer cancel()
	perMilli := float64(x.limit.Rate) / float64(x.limit.Per.Milliseconds())
	keys := []string{"{" + key + "}:units", "{" + key + "}:since"}
	got, err := script.Run(short, x.rdb, keys, perMilli, x.limit.Burst, n).Slice()
	if err == nil && len(got) != 3 {
		err = errors.New("not an answer")
	}
	if err != nil {
		if ctx.Err() == nil { // that the caller has gone says nothing about Redis
			x.fail(err)
		}
		return Decision{Allowed: x.policy == FailOpen}, err
	}
	left, _ := got[1].(int64)
	wait, _ := got[2].(int64)
	return Decision{got[0] == int64(1), int(left), time.Duration(wait) * time.Millisecond}, nil
}

// broken says why Redis is not asked now, and for how long.
func (x *Limiter) broken() (time.Duration, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if wait := time.Until(x.until); wait > 0 {
		return wait, x.failing
	}
	return 0, nil
}

func (x *Limiter) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failing, x.until = err, time.Now().Add(500*time.Millisecond)
}
