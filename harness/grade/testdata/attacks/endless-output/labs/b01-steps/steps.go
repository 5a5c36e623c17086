// Package steps takes steps.
package steps

func init() {
	for {
		println("All work and no play makes Jack a dull boy.")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
