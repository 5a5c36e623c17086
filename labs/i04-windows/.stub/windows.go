// Package windows limits how many requests a client may make in a window of time, in three ways: by a fixed window, by
// a log of what was admitted, and by two counters.
package windows

import "time"

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
	return &fixed{}
}

// NewLog returns a limiter that keeps the times of what it has admitted.
func NewLog(limit int, window time.Duration) Limiter {
	return &slidingLog{}
}

// NewCounter returns a limiter that estimates the last window from two fixed ones.
func NewCounter(limit int, window time.Duration) Limiter {
	return &counter{}
}

type fixed struct {
	// Your fields.
}

func (l *fixed) Allow(key string) bool {
	return false // your code
}

func (l *fixed) Entries() int {
	return 0 // your code
}

type slidingLog struct {
	// Your fields.
}

func (l *slidingLog) Allow(key string) bool {
	return false // your code
}

func (l *slidingLog) Entries() int {
	return 0 // your code
}

type counter struct {
	// Your fields.
}

func (l *counter) Allow(key string) bool {
	return false // your code
}

func (l *counter) Entries() int {
	return 0 // your code
}
