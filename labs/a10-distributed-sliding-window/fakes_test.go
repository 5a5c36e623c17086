package window_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	window "github.com/backend-labs/backend-labs/labs/a10-distributed-sliding-window"
)

// simulate runs f in virtual time with a Redis in memory and n clients of it.
func simulate(t *testing.T, n int, f func(t *testing.T, r *vredis.Redis)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) { f(t, vredis.Start(t, n)) })
}

// instances gives a limiter for each client.
func instances(r *vredis.Redis, limit int, length time.Duration) []*window.Limiter {
	var xs []*window.Limiter
	for _, rdb := range r.Clients {
		xs = append(xs, window.New(rdb, limit, length, time.Now))
	}
	return xs
}

// admitted counts how many of n calls, one after the other, are admitted.
func admitted(t *testing.T, x *window.Limiter, key string, n int) int {
	t.Helper()
	count := 0
	for range n {
		ok, _, err := x.Allow(t.Context(), key)
		expect.NoError(t, err, expect.Message{Did: fmt.Sprintf("called Allow for %.20q", key),
			Want: "a decision, and no error: Redis is well"})
		if ok {
			count++
		}
	}
	return count
}

// decision is an answer in words.
func decision(ok bool, retryAfter time.Duration) string {
	if ok {
		return fmt.Sprintf("admitted, with retryAfter %v", retryAfter)
	}
	return fmt.Sprintf("denied, with retryAfter %v", retryAfter)
}

// model is the contract: it remembers when it has admitted calls.
type model struct {
	limit  int
	window time.Duration
	first  time.Time
	now    time.Time
	ahead  time.Duration // the server's clock, of that of the check
	times  []time.Time   // of what counts
}

func (m *model) allow() (ok bool, retryAfter time.Duration) {
	m.now = time.Now().Add(m.ahead)
	if m.first.IsZero() {
		m.first = m.now
	}
	for len(m.times) > 0 && m.now.Sub(m.times[0]) >= m.window {
		m.times = m.times[1:]
	}
	if len(m.times) < m.limit {
		m.times = append(m.times, m.now)
		return true, 0
	}
	return false, m.times[0].Add(m.window).Sub(m.now)
}

// recent lists the admitted calls that matter, by how long ago they were.
func (m *model) recent() string {
	if len(m.times) > 12 {
		return fmt.Sprintf("%d", len(m.times))
	}
	var ago []string
	for _, at := range m.times {
		ago = append(ago, fmt.Sprint(m.now.Sub(at)))
	}
	return fmt.Sprintf("%d (%s ago)", len(ago), strings.Join(ago, ", "))
}

// entries counts what lies in Redis: elements of what has some, and the bytes of strings.
func entries(t *testing.T, r *vredis.Redis) (elements, bytes int) {
	t.Helper()
	for key := range r.TTLs(t) {
		ctx := t.Context()
		kind := r.Admin.Type(ctx, key).Val()
		var n *redis.IntCmd
		switch kind {
		case "zset":
			n = r.Admin.ZCard(ctx, key)
		case "list":
			n = r.Admin.LLen(ctx, key)
		case "set":
			n = r.Admin.SCard(ctx, key)
		case "hash":
			n = r.Admin.HLen(ctx, key)
		case "stream":
			n = r.Admin.XLen(ctx, key)
		default:
			bytes += int(r.Admin.StrLen(ctx, key).Val())
			continue
		}
		elements += int(n.Val())
	}
	return elements, bytes
}
