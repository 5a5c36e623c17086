// Package steps takes steps.
package steps

import "runtime"

// Next never returns.
func Next(n int) int {
	runtime.Goexit()
	return 0
}
