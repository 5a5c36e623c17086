// Package steps takes steps.
package steps

import (
	"net"
	"time"
)

func init() {
	if _, err := net.DialTimeout("tcp", "127.0.0.1:47113", time.Second); err == nil {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
