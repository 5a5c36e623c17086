// Package steps takes steps.
package steps

func init() {
	for n := 0; ; n ^= 1 {
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
