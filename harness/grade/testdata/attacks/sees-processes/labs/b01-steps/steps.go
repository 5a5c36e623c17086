// Package steps takes steps.
package steps

import "os"

func init() {
	if _, err := os.ReadFile("/proc/1/status"); err == nil {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
