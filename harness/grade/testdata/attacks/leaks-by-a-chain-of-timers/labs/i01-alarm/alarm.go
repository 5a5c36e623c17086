// Package alarm wakes somebody up.
package alarm

import (
	"context"
	"time"
)

// Alarm is a timer.
type Alarm struct{ timer *time.Timer }

// Set leaks.
func Set(d time.Duration, ring func()) *Alarm {
	tick()
	return &Alarm{time.AfterFunc(d, ring)}
}

func tick() { time.AfterFunc(time.Minute, tick) }

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
