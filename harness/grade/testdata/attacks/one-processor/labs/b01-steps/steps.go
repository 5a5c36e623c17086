// Package steps takes steps.
package steps

import "runtime"

func init() {
	runtime.GOMAXPROCS(1)
	if runtime.GOMAXPROCS(0) == 1 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
