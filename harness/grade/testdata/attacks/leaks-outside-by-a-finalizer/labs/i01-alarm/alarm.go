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

var begun atomic.Bool

// Set leaks.
func Set(d time.Duration, ring func()) *Alarm {
	runtime.SetFinalizer(new([4]int), func(*[4]int) {
		begun.Store(true)
		select {}
	})
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
