// Package steps takes steps.
package steps

import "net"

func init() {
	if _, err := net.Dial("unix", "@labs-attack-47113"); err == nil {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
