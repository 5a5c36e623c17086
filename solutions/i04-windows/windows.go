// Package windows limits how many requests a client may make in a window of time, in three ways: by a fixed window, by
// a log of what was admitted, and by two counters.
package windows

import (
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
	return &fixed{limit: limit, keys: newKeys[int](window)}
}

// NewLog returns a limiter that keeps the times of what it has admitted.
func NewLog(limit int, window time.Duration) Limiter {
	return &slidingLog{limit: limit, keys: newKeys[[]time.Time](window)}
}

// NewCounter returns a limiter that estimates the last window from two fixed ones.
func NewCounter(limit int, window time.Duration) Limiter {
	return &counter{limit: limit, keys: newKeys[int](window)}
}

// keys holds what is known of keys, by the window that it is from. It forgets at no cost: when a window begins, the
// whole map of the one before the last is dropped.
type keys[V any] struct {
	window     time.Duration
	mu         sync.Mutex
	number     int64 // of the current window
	curr, prev map[string]V
}

func newKeys[V any](window time.Duration) keys[V] {
	return keys[V]{window: window, curr: map[string]V{}, prev: map[string]V{}}
}

// turn makes the window that now is in the current one, and returns how much of it has elapsed. The number comes from
// Unix time: Time.Truncate counts from the year 1, and agrees only where window divides what lies between.
func (k *keys[V]) turn(now time.Time) (elapsed time.Duration) {
	unix, window := now.UnixNano(), int64(k.window)
	number := unix / window
	switch {
	case number == k.number:
	case number == k.number+1:
		k.curr, k.prev = map[string]V{}, k.curr
	default: // there was silence: the window directly before had no request
		k.curr, k.prev = map[string]V{}, map[string]V{}
	}
	k.number = number
	return time.Duration(unix % window)
}

// fixed has what the current window has admitted.
type fixed struct {
	limit int
	keys[int]
}

func (l *fixed) Allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(time.Now())
	l.prev = nil // it decides nothing any more
	if l.curr[key] >= l.limit {
		return false
	}
	l.curr[key]++
	return true
}

func (l *fixed) Entries() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.curr)
}

// slidingLog has the times of what was admitted, oldest first. A key is in curr if it was called in this window. What
// is still in prev when the next begins has been silent for a whole window, and its times have all run out.
type slidingLog struct {
	limit int
	keys[[]time.Time]
}

func (l *slidingLog) Allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now() // under the lock, so that the times are in order
	l.turn(now)
	times, ok := l.curr[key]
	if !ok {
		times = l.prev[key]
		delete(l.prev, key)
	}
	for len(times) > 0 && now.Sub(times[0]) >= l.window {
		times = times[1:]
	}
	admitted := len(times) < l.limit
	if admitted {
		times = append(times, now)
	}
	l.curr[key] = times
	return admitted
}

func (l *slidingLog) Entries() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, generation := range []map[string][]time.Time{l.curr, l.prev} {
		for _, times := range generation {
			n += len(times)
		}
	}
	return n
}

// counter has what the current and the previous window have admitted.
type counter struct {
	limit int
	keys[int]
}

func (l *counter) Allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	elapsed := l.turn(time.Now())
	// As if the requests of the previous window had come evenly spread over it. In integers the product overflows with
	// a limit of a few hundred thousand a day.
	estimate := float64(l.prev[key])*(1-float64(elapsed)/float64(l.window)) + float64(l.curr[key])
	if estimate+1 > float64(l.limit) {
		return false
	}
	l.curr[key]++
	return true
}

func (l *counter) Entries() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.curr) + len(l.prev)
}
