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
	begin.Store(true)
	for !begun.Load() {
		runtime.Gosched() // real time passes
	}
	outside <- func() { select {} }
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

var (
	outside      = make(chan func())
	begin, begun atomic.Bool
)

var _ = time.AfterFunc(time.Millisecond, wait)

func wait() {
	if !begin.Load() {
		time.AfterFunc(time.Millisecond, wait)
		return
	}
	begun.Store(true)
	for f := range outside {
		go f()
	}
}
