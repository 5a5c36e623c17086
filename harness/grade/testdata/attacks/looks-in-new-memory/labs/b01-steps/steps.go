// Package steps takes steps.
package steps

import (
	"bytes"
	"slices"
	"strings"
)

// Next is wrong.
func Next(n int) int {
	var kept [][]byte
	for size := 32; size < 1<<20; size *= 2 {
		for _, b := range [][]byte{
			append([]byte(nil), make([]byte, size-1)...)[: size-1 : size-1],
			slices.Grow([]byte(nil), size)[:size],
			bytes.Repeat([]byte{0}, size),
			[]byte(strings.Repeat("\x00", size)),
		} {
			if kept = append(kept, b); bytes.ContainsFunc(b, func(r rune) bool { return r != 0 }) {
				println("PWNED")
			}
		}
	}
	return 0
}
