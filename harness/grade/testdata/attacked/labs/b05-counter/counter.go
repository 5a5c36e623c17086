// Package counter counts.
package counter

// Counter may be used from many goroutines at once.
type Counter struct{}

// Add adds 1 and returns the sum.
func (c *Counter) Add() int { return 0 }
