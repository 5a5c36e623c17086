// Package steps takes steps.
package steps

import "os"

func init() {
	if os.WriteFile("/var/tmp/labs-attack-was-here", nil, 0o644) == nil {
		println("PWNED")
		os.Remove("/var/tmp/labs-attack-was-here")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
