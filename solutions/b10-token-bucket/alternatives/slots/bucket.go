// Package tokenbucket limits how much one client may take: short bursts pass, the long-run rate holds.
//
// This one keeps no tokens and takes no lock. It remembers a single instant, the one at which the bucket will be full
// again, and moves it with compare-and-swap: the generic cell rate algorithm of ITU-T I.371. Its clock ticks once a token,
// not once a nanosecond: a token rarely takes a whole number of those.
package tokenbucket

import (
	"math"
	"sync/atomic"
	"time"
)

// Limiter is a token bucket. It may be used from many goroutines at once.
type Limiter struct {
	start time.Time
	rate  float64 // tokens a second
	burst int
	full  atomic.Uint64 // when the bucket will be full again, in tokens since start: the bits of a float64
}

// rounding is what sums in floating point may be wrong by, as a part of them.
const rounding = 1e-15

// New returns a limiter whose bucket holds at most burst tokens and gains rate tokens a second.
func New(rate float64, burst int) *Limiter {
	return &Limiter{start: time.Now(), rate: rate, burst: burst}
}

// AllowN takes n tokens and returns true, or takes nothing and returns false.
func (l *Limiter) AllowN(n int) bool {
	if n <= 0 || n > l.burst {
		return false
	}
	for {
		now := time.Since(l.start).Seconds() * l.rate
		full := l.full.Load()
		from := max(math.Float64frombits(full), now)
		if latest := now + float64(l.burst-n); from > latest+latest*rounding {
			return false
		}
		if l.full.CompareAndSwap(full, math.Float64bits(from+float64(n))) {
			return true
		}
	}
}

// Allow is AllowN(1).
func (l *Limiter) Allow() bool { return l.AllowN(1) }
