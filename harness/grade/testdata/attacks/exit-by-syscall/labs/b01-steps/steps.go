// Package steps takes steps.
package steps

import "syscall"

// Next never returns.
func Next(n int) int {
	syscall.Exit(0)
	return 0
}
