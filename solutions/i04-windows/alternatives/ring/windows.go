// Package windows limits how many requests a client may make in a window of time, in three ways: by a fixed window, by
// a log of what was admitted, and by two counters.
//
// Here the three are one limiter with a state of its own for each key. Now and then it looks for states that no longer
// count. Time is a number of nanoseconds, the log a ring, and the estimate a whole number.
package windows

import (
	"maps"
	"math/bits"
	"sync"
	"time"
)

// Limiter decides which requests may pass.
type Limiter interface {
	// Allow reports whether one more request of key is admitted now.
	Allow(key string) bool
}

// Footprint tells how much a limiter remembers.
type Footprint interface {
	// Entries is what is stored, over all keys: a number of requests is one entry, the time of a request is one.
	Entries() int
}

// NewFixed returns a limiter that counts in fixed windows.
func NewFixed(limit int, window time.Duration) Limiter {
	return newClients(window, func(w int64) state { return &bucket{limit: limit, window: w} })
}

// NewLog returns a limiter that keeps the times of what it has admitted.
func NewLog(limit int, window time.Duration) Limiter {
	return newClients(window, func(w int64) state { return &ring{limit: limit, window: w} })
}

// NewCounter returns a limiter that estimates the last window from two fixed ones.
func NewCounter(limit int, window time.Duration) Limiter {
	return newClients(window, func(w int64) state { return &pair{limit: uint64(limit), window: w} })
}

// state is what is known of one key.
type state interface {
	allow(now int64) bool
	over(now int64) bool // whether nothing of it counts any more
	entries() int
}

// clients has the states of all keys.
type clients struct {
	mu     sync.Mutex
	window int64
	fresh  func(window int64) state
	states map[string]state
	swept  int64 // when it last looked for states that are over
}

func newClients(window time.Duration, fresh func(int64) state) *clients {
	return &clients{window: int64(window), fresh: fresh, states: map[string]state{}}
}

func (c *clients) Allow(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UnixNano()
	if now-c.swept >= c.window {
		c.swept = now
		maps.DeleteFunc(c.states, func(_ string, s state) bool { return s.over(now) })
	}
	s, ok := c.states[key]
	if !ok {
		s = c.fresh(c.window)
		c.states[key] = s
	}
	return s.allow(now)
}

func (c *clients) Entries() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UnixNano()
	for _, s := range c.states {
		if !s.over(now) {
			n += s.entries()
		}
	}
	return n
}

// bucket counts one window.
type bucket struct {
	limit, n       int
	window, number int64
}

func (b *bucket) allow(now int64) bool {
	if number := now / b.window; number != b.number {
		b.number, b.n = number, 0
	}
	if b.n == b.limit {
		return false
	}
	b.n++
	return true
}

func (b *bucket) over(now int64) bool { return now/b.window != b.number }
func (b *bucket) entries() int        { return 1 }

// ring has the last times, at most limit of them. The next one to be overwritten is the oldest.
type ring struct {
	limit, oldest int
	window        int64
	times         []int64
}

func (r *ring) allow(now int64) bool {
	if len(r.times) < r.limit {
		r.times = append(r.times, now)
		return true
	}
	if now-r.times[r.oldest] < r.window {
		return false
	}
	r.times[r.oldest] = now
	r.oldest = (r.oldest + 1) % r.limit
	return true
}

func (r *ring) over(now int64) bool {
	newest := (r.oldest + len(r.times) - 1) % len(r.times)
	return now-r.times[newest] >= r.window
}

func (r *ring) entries() int { return len(r.times) }

// pair counts two windows.
type pair struct {
	limit, curr, prev uint64
	window, number    int64
}

func (p *pair) allow(now int64) bool {
	switch number := now / p.window; number - p.number {
	case 0:
	case 1:
		p.prev, p.curr, p.number = p.curr, 0, number
	default:
		p.prev, p.curr, p.number = 0, 0, number
	}
	high, low := bits.Mul64(p.prev, uint64(p.window-now%p.window)) // 128 bits: the product may not fit into 64
	weighted, _ := bits.Div64(high, low, uint64(p.window))
	if weighted+p.curr >= p.limit {
		return false
	}
	p.curr++
	return true
}

func (p *pair) over(now int64) bool { return now/p.window-p.number > 1 }
func (p *pair) entries() int        { return 2 }
