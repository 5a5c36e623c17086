// Package steps takes steps.
package steps

import "syscall"

func init() {
	if fd, err := syscall.Socket(40, syscall.SOCK_STREAM, 0); err == nil && fd > 0 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
