// Package window holds a client to so many calls in any interval, however many instances of the service it talks to.
package window

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// exact keeps the time of each admitted call in a sorted set. Redis runs a script as one step, so nobody comes
// between counting and adding, and the time is the server's. A denied call adds nothing. Members must differ, also of
// two calls in the same microsecond, so each call brings a name of its own.
var exact = redis.NewScript(`
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) < limit then
	redis.call('ZADD', KEYS[1], now, ARGV[3])
	redis.call('PEXPIRE', KEYS[1], window / 1000)
	return {1, 0}
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {0, tonumber(oldest[2]) + window - now}
`)

// approx keeps a counter for each window of the clock, of which two matter. It takes the calls of the last one as
// spread evenly over it, which they seldom are.
var approx = redis.NewScript(`
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local this, gone = math.floor(now / window), now % window
local count = tonumber(redis.call('HGET', KEYS[1], this) or 0)
local last = tonumber(redis.call('HGET', KEYS[1], this - 1) or 0)

if count + last * (1 - gone / window) >= limit then
	return {0, window - gone} -- at the latest
end
redis.call('HDEL', KEYS[1], this - 2)
redis.call('HINCRBY', KEYS[1], this, 1)
redis.call('PEXPIRE', KEYS[1], 2 * window / 1000)
return {1, 0}
`)

// Limiter is one instance's part of the limiter. It may be used from many goroutines at once.
type Limiter struct {
	rdb    redis.UniversalClient
	limit  int
	window time.Duration
	script *redis.Script
	prefix string
}

// New returns the exact limiter of one instance of the service, which has rdb for a client of its own. clock is this
// instance's wall clock, and not used: to an instance that is a minute ahead every window would be empty.
func New(rdb redis.UniversalClient, limit int, window time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{rdb: rdb, limit: limit, window: window, script: exact, prefix: "window:"}
}

// NewApprox returns a limiter that keeps two numbers for each key, and is right most of the time.
func NewApprox(rdb redis.UniversalClient, limit int, window time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{rdb: rdb, limit: limit, window: window, script: approx, prefix: "counters:"}
}

// Allow admits a call for key, or denies it. retryAfter of a denied call is the time until the oldest admitted one that
// counts leaves the window: a call is admitted then and, if nobody else asks, not before. Of an admitted call it is 0.
func (l *Limiter) Allow(ctx context.Context, key string) (ok bool, retryAfter time.Duration, err error) {
	reply, err := l.script.Run(ctx, l.rdb, []string{l.prefix + key}, l.limit, l.window.Microseconds(), rand.Text()).Int64Slice()
	if err != nil {
		return false, 0, fmt.Errorf("window: no decision: %w", err)
	}
	return reply[0] == 1, time.Duration(reply[1]) * time.Microsecond, nil
}
