// Package alarm wakes somebody up.
package alarm

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// Alarm is a timer.
type Alarm struct{ timer *time.Timer }

// Set leaks.
func Set(d time.Duration, ring func()) *Alarm {
	var begun atomic.Bool
	runtime.AddCleanup(new([4]int), func(int) {
		go func() { select {} }()
		begun.Store(true)
	}, 0)
	for !begun.Load() {
		runtime.GC()
	}
	return &Alarm{time.AfterFunc(d, ring)}
}

// Stop stops it.
func (a *Alarm) Stop() { a.timer.Stop() }

// Wait waits for the first of two.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
