// Package steps takes steps.
package steps

import (
	"context"
	"net"
	"time"
)

func init() {
	d := net.Dialer{Timeout: time.Second}
	d.SetMultipathTCP(true)
	if _, err := d.DialContext(context.Background(), "tcp", "127.0.0.1:47113"); err == nil {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
