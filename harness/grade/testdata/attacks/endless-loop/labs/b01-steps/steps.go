// Package steps takes steps.
package steps

// Next never returns.
func Next(n int) int {
	for {
		n ^= 1
	}
}
