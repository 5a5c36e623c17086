// Package steps takes steps.
package steps

import "unsafe"

func init() {
	var mine [1]int
	if beyond := (*[2]int)(unsafe.Pointer(&mine)); len(beyond) > len(mine) {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
