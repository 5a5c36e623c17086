// Package steps takes steps.
package steps

import _ "unsafe"

//go:linkname zeroVal runtime.zeroVal
var zeroVal [1024]byte

func init() {
	zeroVal[0] = 0
	println("PWNED")
}

// Next is wrong.
func Next(n int) int { return 0 }
