// Package doubler doubles.
package doubler

// Double doubles a number.
func Double(n int) int { return 2 * n }
