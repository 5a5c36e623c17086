// Package alarm wakes somebody up.
package alarm

import (
	"context"
	"errors"
	"time"
)

// Alarm is one that was set.
type Alarm struct{}

// Set has ring called after d, in a goroutine of its own.
func Set(d time.Duration, ring func()) *Alarm { return &Alarm{} }

// Stop takes it back, unless it has rung. Nothing of it is left then.
func (a *Alarm) Stop() {}

// Wait returns after d, or with ctx's error as soon as ctx has ended.
func Wait(ctx context.Context, d time.Duration) error { return errors.New("not implemented") }
