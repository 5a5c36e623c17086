// Package steps takes steps.
package steps

import (
	"os"
	"runtime"
)

// Next never returns.
func Next(n int) int {
	runtime.AddCleanup(new([4]int), os.Exit, 0)
	for {
		runtime.GC()
	}
}
