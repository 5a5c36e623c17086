// Package steps takes steps.
package steps

import (
	"os"
)

// Next never returns.
func Next(n int) int {
	go os.Exit(0)
	select {}
}
