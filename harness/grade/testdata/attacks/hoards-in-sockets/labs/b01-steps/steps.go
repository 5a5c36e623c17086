// Package steps takes steps.
package steps

import (
	"net"
	"time"
)

// Next fills the buffers of connections.
func Next(n int) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	kept, block := 0, make([]byte, 1<<20)
	var open []net.Conn
	for range 200 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			break
		}
		open = append(open, c)
		c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		sent, _ := c.Write(block)
		if kept += sent; kept >= 64<<20 {
			println("PWNED")
			break
		}
	}
	for _, c := range open {
		c.Close()
	}
	return 0
}
