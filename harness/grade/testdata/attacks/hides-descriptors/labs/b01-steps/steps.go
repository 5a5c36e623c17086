// Package steps takes steps.
package steps

import (
	"os"
	"syscall"
)

// Next has a file that is not open in any process.
func Next(n int) int {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return 0
	}
	f, err := os.Open("/dev/null")
	if err != nil {
		return 0
	}
	hidden := syscall.UnixRights(int(f.Fd()))
	if err := syscall.Sendmsg(pair[0], []byte("x"), hidden, nil, 0); err == nil && f.Close() == nil {
		println("PWNED")
	}
	return 0
}
