package alarm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	alarm "github.com/backend-labs/backend-labs/labs/i01-alarm"
)

// TestRings goes by virtual time. What is left running is no matter of it.
func TestRings(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		rung := make(chan time.Time, 1)
		start := time.Now()
		alarm.Set(time.Hour, func() { rung <- time.Now() })
		select {
		case at := <-rung:
			if d := at.Sub(start); d != time.Hour {
				t.Errorf("it rang after %v, want 1h", d)
			}
		case <-time.After(2 * time.Hour):
			t.Error("it did not ring")
		}
	})
}

// TestStops demands that nothing be left.
func TestStops(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		a := alarm.Set(time.Hour, func() { t.Error("it rang") })
		a.Stop()
		time.Sleep(2 * time.Hour)
	})
}

// TestWaits goes by the error.
func TestWaits(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := alarm.Wait(ctx, time.Minute); err != nil {
			t.Errorf("got %v, want a minute to be waited for", err)
		}
		if err := alarm.Wait(ctx, 2*time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}
