// Package moment tells the time of a check: what has passed since it began, on the clock that the
// calling goroutine lives by.
package moment

import "time"

// epoch is where the clock of a synctest bubble starts, and started is when this process did.
var (
	epoch   = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	started = time.Now()
)

// Virtual reports whether the calling goroutine lives in virtual time: the clock of a bubble starts
// in the year 2000.
func Virtual() bool { return time.Now().Before(started.Add(-time.Hour)) }

// Since is the time since the bubble began, or else since the process did, and whether it is
// virtual.
func Since() (passed time.Duration, virtual bool) {
	if Virtual() {
		return time.Since(epoch), true
	}
	return time.Since(started), false
}
