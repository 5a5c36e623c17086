// Package limiter holds a client to one limit, however many instances of the service it talks to.
package limiter

import (
	"context"
	"fmt"
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

// decide is the limiter. Redis runs a script as one step, so no other instance can come between looking and taking.
// The time is the server's, the same for all instances, and read in the same round trip.
//
// The bucket is counted in credits, and all of it in whole numbers: a unit costs Per microseconds' worth of them, and
// each microsecond earns Rate. So nothing is ever rounded, and a full bucket is worth exactly Burst units.
var decide = redis.NewScript(`
local rate, per, burst, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full, price = burst * per, n * per

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local credit = full -- no key: a new client, or one whose bucket has filled up since
local state = redis.call('HMGET', KEYS[1], 'credit', 'at')
if state[1] then
	local elapsed = math.max(0, now - tonumber(state[2])) -- after a failover the server's clock may be behind
	credit = math.min(full, tonumber(state[1]) + elapsed * rate)
end

if credit < price then -- nothing is written: a refusal costs nothing
	return {0, math.floor(credit / per), math.ceil((price - credit) / rate)}
end
credit = credit - price
redis.call('HSET', KEYS[1], 'credit', credit, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((full - credit) / rate / 1000)) -- a full bucket need not be remembered
return {1, math.floor(credit / per), 0}
`)

// Limiter is one instance's part of the limiter. It may be used from many goroutines at once.
type Limiter struct {
	rdb    redis.UniversalClient
	limit  Limit
	policy Policy
	budget time.Duration
}

// New returns the limiter of one instance of the service, which has rdb for a client of its own. clock is this instance's
// wall clock, and not used: an instance that is a minute ahead would refill every bucket a minute early.
func New(rdb redis.UniversalClient, l Limit, p Policy, budget time.Duration, clock func() time.Time) *Limiter {
	if budget == 0 {
		budget = 50 * time.Millisecond
	}
	return &Limiter{rdb: rdb, limit: l, policy: p, budget: budget}
}

// AllowN takes n units from the bucket of key and allows, or takes nothing and denies.
func (x *Limiter) AllowN(ctx context.Context, key string, n int) (Decision, error) {
	if n < 1 {
		return Decision{}, fmt.Errorf("limiter: cannot take %d units", n)
	}
	ctx, cancel := context.WithTimeout(ctx, x.budget)
	defer cancel()

	// Run sends the script's hash, and the script itself only when the server does not know it (any more). There is one
	// key a client, so a Redis Cluster finds it on one node and spreads the clients over all of them.
	l := x.limit
	reply, err := decide.Run(ctx, x.rdb, []string{"limit:" + key}, l.Rate, l.Per.Microseconds(), l.Burst, n).Int64Slice()
	if err != nil {
		return Decision{Allowed: x.policy == FailOpen}, fmt.Errorf("limiter: decided without Redis: %w", err)
	}
	return Decision{
		Allowed:    reply[0] == 1,
		Remaining:  int(reply[1]),
		RetryAfter: time.Duration(reply[2]) * time.Microsecond,
	}, nil
}
