// Package nologs finds out what a service suffers from that has no logs, and leaves something behind
// that will know the next time.
package nologs

import (
	"context"
	"time"
)

// Diagnose finds out what the service suffers from, if anything.
func Diagnose(ctx context.Context, t Target) (Finding, error) {
	return Finding{}, nil // your code
}

// What follows is given.

// Target is a service that runs, and what it can be asked. Each call is a burden on it.
type Target interface {
	// Goroutines are the stacks of all goroutines, as text: a goroutine profile with debug=2.
	Goroutines(ctx context.Context) (string, error)
	// CPUProfile takes d. Samples reads what it, Heap and Mutex return.
	CPUProfile(ctx context.Context, d time.Duration) ([]byte, error)
	// Heap is the memory in use, by where it was allocated. Garbage is collected first.
	Heap(ctx context.Context) ([]byte, error)
	// Mutex is how long others have waited for locks since the service started, by where these were
	// given back in the end.
	Mutex(ctx context.Context) ([]byte, error)
	// Metrics are counters and gauges; the README lists them.
	Metrics(ctx context.Context) (map[string]float64, error)
	// Restart ends the service and starts it again.
	Restart(ctx context.Context) error
}

// Cause is what a service suffers from.
type Cause string

// The causes.
const (
	Healthy        Cause = "healthy"
	GoroutineLeak  Cause = "goroutine leak"  // goroutines that nothing ends, more and more of them
	Deadlock       Cause = "deadlock"        // two that wait for each other's lock
	PoolExhausted  Cause = "pool exhausted"  // all connections to the database are in use, for long
	HotLoop        Cause = "hot loop"        // a function that comes to no end, and uses the CPU
	MemoryLeak     Cause = "memory leak"     // memory that nothing gives back, more and more of it
	LockContention Cause = "lock contention" // many that take turns at one lock
	SlowDependency Cause = "slow dependency" // another service that does not answer
)

// Finding is what is wrong, where, and what shows it.
type Finding struct {
	Cause    Cause
	Function string // one of Candidates
	Evidence []string
}
