// Package steps takes steps.
package steps

// Next is the step after n.
func Next(n int) int { return 0 }
