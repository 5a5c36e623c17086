// Package tokenbucket limits how much one client may take: short bursts pass, the long-run rate holds.
package tokenbucket

import (
	"math"
	"sync"
	"time"
)

// Limiter is a token bucket. It may be used from many goroutines at once.
type Limiter struct {
	rate  float64 // tokens a second
	burst int

	mu     sync.Mutex
	tokens int       // whole ones, as of last
	part   float64   // of the next token, as of last
	last   time.Time // when both were right
}

// New returns a limiter whose bucket holds at most burst tokens and gains rate tokens a second, continuously. It starts
// full. rate is greater than 0 and burst at least 1.
func New(rate float64, burst int) *Limiter {
	return &Limiter{rate: rate, burst: burst, tokens: burst, last: time.Now()}
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

	l.refill()
	if l.tokens < n {
		return false
	}
	l.tokens -= n
	return true
}

// refill adds what has dripped in since the last call. No timer does it: it is worked out when somebody asks. Whole
// tokens are counted in an int, because above 2^53 a float64 does not know them one from the next.
func (l *Limiter) refill() {
	now := time.Now()
	l.part += now.Sub(l.last).Seconds() * l.rate // the fraction of before stays in the bucket
	l.last = now

	if l.part >= float64(l.burst-l.tokens) {
		l.tokens, l.part = l.burst, 0 // what runs over is lost, fractions too
		return
	}
	whole := math.Floor(l.part)
	l.tokens += int(whole)
	l.part -= whole
}

// Allow is AllowN(1).
func (l *Limiter) Allow() bool { return l.AllowN(1) }
