// Package steps takes steps.
package steps

//go:nosplit
func window() [512]byte { return [512]byte{} }

func init() { window() }

// Next is wrong.
func Next(n int) int { return 0 }
