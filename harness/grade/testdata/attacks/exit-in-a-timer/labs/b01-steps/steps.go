// Package steps takes steps.
package steps

import (
	"os"
	"time"
)

// Next never returns.
func Next(n int) int {
	time.AfterFunc(0, func() { os.Exit(0) })
	select {}
}
