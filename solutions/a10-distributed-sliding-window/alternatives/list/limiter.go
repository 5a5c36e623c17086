// Package window holds a client to so many calls in any interval, however many instances of the service it talks to.
package window

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limiter is one instance's part of the limiter. This one keeps a list of the last admitted calls, the newest in
// front, and never trims it by time: a call is admitted if the one that was admitted limit calls ago has left the
// window.
type Limiter struct {
	decide func(ctx context.Context, key string) ([]any, error)
}

var list = redis.NewScript(`
local limit, window, t = ARGV[1] + 0, ARGV[2] + 0, redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local oldest = redis.call('LINDEX', KEYS[1], limit - 1)
if oldest and oldest + window > now then
	return {'no', tostring(oldest + window - now)}
end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, limit - 1)
redis.call('PEXPIRE', KEYS[1], 2 * window - 1)
return {'yes', '0'}
`)

// New returns the exact limiter of one instance of the service, which has rdb for a client of its own. clock is this
// instance's wall clock.
func New(rdb redis.UniversalClient, limit int, window time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{func(ctx context.Context, key string) ([]any, error) {
		return list.Run(ctx, rdb, []string{key}, limit, window.Milliseconds()).Slice()
	}}
}

// NewApprox returns a limiter that keeps one number for each key: the time at which, at an even pace, the limit would
// be used up (GCRA). It lets almost twice the limit through within a window, after a pause.
func NewApprox(rdb redis.UniversalClient, limit int, window time.Duration, clock func() time.Time) *Limiter {
	return &Limiter{func(ctx context.Context, key string) ([]any, error) {
		return pace.Run(ctx, rdb, []string{"pace " +
			"" + key}, window.Microseconds()/int64(limit), window.Microseconds()).Slice()
	}}
}

var pace = redis.NewScript(`
local step, window, t = ARGV[1] + 0, ARGV[2] + 0, redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + step
if at > now + window then
	return {'no', tostring(math.ceil((at - now - window) / 1000))}
end
redis.call('SET', KEYS[1], at, 'PX', math.ceil((at - now) / 1000))
return {'yes', '0'}
`)

// Allow admits a call for key, or denies it. retryAfter of a denied call is the time until the oldest admitted one that
// counts leaves the window: a call is admitted then and, if nobody else asks, not before. Of an admitted call it is 0.
func (l *Limiter) Allow(ctx context.Context, key string) (ok bool, retryAfter time.Duration, err error) {
	reply, err := l.decide(ctx, key)
	if err != nil {
		return false, 0, err
	}
	retryAfter, err = time.ParseDuration(reply[1].(string) + "ms")
	return reply[0] == "yes", retryAfter, err
}
