// Package store keeps a number.
package store

// Keep gives the number back.
func Keep(n int) int { return 0 }
