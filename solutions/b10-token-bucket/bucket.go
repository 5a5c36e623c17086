// Package tokenbucket limits how much one client may take: short bursts pass, the long-run rate holds.
package tokenbucket

import (
	"sync"
	"time"
)

// Limiter is a token bucket. It may be used from many goroutines at once.
type Limiter struct {
	rate  float64 // tokens a second
	burst float64

	mu     sync.Mutex
	tokens float64   // as of last
	last   time.Time // when tokens was right
}

// New returns a limiter whose bucket holds at most burst tokens and gains rate tokens a second, continuously. It starts
// full. rate is greater than 0 and burst at least 1.
func New(rate float64, burst int) *Limiter {
	return &Limiter{rate: rate, burst: float64(burst), tokens: float64(burst), last: time.Now()}
}

// AllowN takes n tokens and returns true, or takes nothing and returns false. It never waits. It returns false for
// n <= 0 and for n greater than the bucket's size.
func (l *Limiter) AllowN(n int) bool {
	if n <= 0 {
		return false
	}
	// One lock over refill, comparison and taking: between any two of them another caller could see the same tokens.
	l.mu.Lock()
	defer l.mu.Unlock()

	// No timer refills the bucket: what has dripped in since the last call is worked out when somebody asks. Tokens are
	// a float, so the fraction stays in the bucket.
	now := time.Now()
	l.tokens = min(l.burst, l.tokens+now.Sub(l.last).Seconds()*l.rate)
	l.last = now

	if l.tokens < float64(n) {
		return false
	}
	l.tokens -= float64(n)
	return true
}

// Allow is AllowN(1).
func (l *Limiter) Allow() bool { return l.AllowN(1) }
