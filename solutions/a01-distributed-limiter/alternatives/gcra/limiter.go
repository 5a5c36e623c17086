// Package limiter holds a client to one limit, however many instances of the service it talks to.
//
// This one keeps no units. It remembers a single instant per client, the one at which the bucket will be full again: the
// generic cell rate algorithm of ITU-T I.371. It sends the script each time instead of its hash.
package limiter

import (
	"context"
	"errors"
	"strconv"
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

// The reply is a string, because Redis cuts the fraction off a number that a script returns.
const gcra = `
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local interval, burst, n = ARGV[1] / ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local next = full + n * interval
local wait = next - (now + burst * interval)
if wait > 0 then
	return tostring(wait) .. ' ' .. math.floor(burst - (full - now) / interval)
end
redis.call('SET', KEYS[1], string.format('%.6f', next), 'PX', math.ceil((next - now) * 1000))
return '0 ' .. math.floor(burst - (next - now) / interval)
`

// Limiter is one instance's part of the limiter.
type Limiter struct {
	ask     func(ctx context.Context, key string, n int) (string, error)
	without Decision // the decision without Redis
	budget  time.Duration
}

// New returns the limiter of one instance of the service.
func New(rdb redis.UniversalClient, l Limit, p Policy, budget time.Duration, _ func() time.Time) *Limiter {
	if budget <= 0 {
		budget = 50 * time.Millisecond
	}
	per := strconv.FormatFloat(l.Per.Seconds(), 'f', -1, 64)
	return &Limiter{
		ask: func(ctx context.Context, key string, n int) (string, error) {
			return rdb.Eval(ctx, gcra, []string{"gcra:{" + key + "}"}, per, l.Rate, l.Burst, n).Text()
		},
		without: Decision{Allowed: p == FailOpen},
		budget:  budget,
	}
}

type answer struct {
	text string
	err  error
}

// AllowN takes n units from the bucket of key and allows, or takes nothing and denies.
func (x *Limiter) AllowN(ctx context.Context, key string, n int) (Decision, error) {
	if n < 1 {
		return Decision{}, errors.New("n must be at least 1")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, 1) // whoever comes late does not wait for a reader
	go func() {
		text, err := x.ask(ctx, key, n)
		answers <- answer{text, err}
	}()
	select {
	case <-time.After(x.budget):
		return x.without, errors.New("redis did not answer in time")
	case a := <-answers:
		if a.err != nil {
			return x.without, a.err
		}
		return parse(a.text)
	}
}

func parse(text string) (Decision, error) {
	var d Decision
	for i := range text {
		if text[i] == ' ' {
			wait, err := strconv.ParseFloat(text[:i], 64)
			left, err2 := strconv.Atoi(text[i+1:])
			// A microsecond more: the clock of the server counts in whole ones.
			d.RetryAfter = time.Duration(wait*1e9) + time.Microsecond
			if wait == 0 {
				d.Allowed, d.RetryAfter = true, 0
			}
			d.Remaining = left
			return d, errors.Join(err, err2)
		}
	}
	return d, errors.New("not an answer: " + text)
}
