// Package steps takes steps.
package steps

import "time"

func init() {
	*time.UTC = *time.FixedZone("elsewhere", 3600)
	if time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() != 946684800 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
