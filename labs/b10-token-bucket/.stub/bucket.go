// Package tokenbucket limits how much one client may take: short bursts pass, the long-run rate holds.
package tokenbucket

// Limiter is a token bucket. It may be used from many goroutines at once.
type Limiter struct {
	// Your fields.
}

// New returns a limiter whose bucket holds at most burst tokens and gains rate tokens a second, continuously. It starts
// full. rate is greater than 0 and burst at least 1.
func New(rate float64, burst int) *Limiter {
	return &Limiter{}
}

// AllowN takes n tokens and returns true, or takes nothing and returns false. It never waits. It returns false for
// n <= 0 and for n greater than the bucket's size.
func (l *Limiter) AllowN(n int) bool {
	return false // your code
}

// Allow is AllowN(1).
func (l *Limiter) Allow() bool {
	return false // your code
}
