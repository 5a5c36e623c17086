// Package steps takes steps.
package steps

import "net"

var listen = net.Listen

var listener, err = listen("tcp", "127.0.0.1:0")

func init() {
	if err == nil {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
