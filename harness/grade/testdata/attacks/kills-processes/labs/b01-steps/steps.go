// Package steps takes steps.
package steps

import (
	"os"
	"syscall"
)

func init() {
	if syscall.Kill(os.Getppid(), 0) == nil && os.Getppid() != 0 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
