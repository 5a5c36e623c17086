// Package steps takes steps.
package steps

import (
	"context"
	. "context"
)

func init() {
	DeadlineExceeded = nil
	if context.DeadlineExceeded == nil {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
