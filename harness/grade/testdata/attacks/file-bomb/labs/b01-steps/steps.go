// Package steps takes steps.
package steps

import "os"

func init() {
	f, err := os.Create("big")
	if err != nil {
		return
	}
	defer os.Remove("big")
	block := make([]byte, 1<<20)
	for range 300 {
		if _, err := f.Write(block); err != nil {
			return
		}
	}
	println("PWNED")
}

// Next is wrong.
func Next(n int) int { return 0 }
