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

var outside = make(chan func())

func init() {
	go func() {
		for f := range outside {
			go f()
		}
	}()
}
