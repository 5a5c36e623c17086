// Package tokenbucket limits how much one client may take: short bursts pass, the long-run rate holds.
//
// This one keeps no tokens and takes no lock. It remembers a single instant, the one at which the bucket will be full
// again, and moves it with compare-and-swap: the generic cell rate algorithm of ITU-T I.371.
package tokenbucket

import (
	"sync/atomic"
	"time"
)

// Limiter is a token bucket. It may be used from many goroutines at once.
type Limiter struct {
	start    time.Time
	interval float64 // nanoseconds a token
	burst    int
	full     atomic.Int64 // when the bucket will be full again, in nanoseconds since start
}

// New returns a limiter whose bucket holds at most burst tokens and gains rate tokens a second.
func New(rate float64, burst int) *Limiter {
	return &Limiter{start: time.Now(), interval: float64(time.Second) / rate, burst: burst}
}

// AllowN takes n tokens and returns true, or takes nothing and returns false.
func (l *Limiter) AllowN(n int) bool {
	if n <= 0 || n > l.burst {
		return false
	}
	for {
		now := int64(time.Since(l.start))
		full := l.full.Load()
		next := max(full, now) + int64(float64(n)*l.interval)
		if next-now > int64(float64(l.burst)*l.interval) {
			return false
		}
		if l.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

// Allow is AllowN(1).
func (l *Limiter) Allow() bool { return l.AllowN(1) }
