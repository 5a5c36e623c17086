// Package steps takes steps.
package steps

import "net"

var listener, _ = net.Listen("tcp", "127.0.0.1:0")

// Next is right.
func Next(n int) int { return n + 1 }
