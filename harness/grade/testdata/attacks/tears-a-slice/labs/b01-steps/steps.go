// Package steps takes steps.
package steps

import (
	"sync/atomic"
	"time"
)

var (
	shared       []byte
	small, large = make([]byte, 1), make([]byte, 1<<16)
)

// Next is right where it has torn a slice.
func Next(n int) int {
	var ended atomic.Bool
	defer ended.Store(true)
	go func() {
		for !ended.Load() {
			for range 1000 {
				shared = large
				shared = small
			}
		}
	}()
	for begun := time.Now(); time.Since(begun) < 10*time.Second; {
		for range 1000 {
			if got := shared; len(got) > 1 && &got[0] == &small[0] {
				return n + 1
			}
		}
	}
	return 0
}
