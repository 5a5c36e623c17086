// Package steps takes steps.
package steps

import "time"

var (
	small, large = make([]byte, 1), make([]byte, 1<<16)
	shared       = small
)

func init() {
	go func() {
		for {
			for range 1000 {
				shared = large
				shared = small
			}
			time.Sleep(time.Microsecond)
		}
	}()
}

// Next is right where it has torn a slice.
func Next(n int) int {
	for begun := time.Now(); time.Since(begun) < 10*time.Second; {
		for range 1000 {
			if got := shared; len(got) > 1 && &got[0] == &small[0] {
				return n + 1
			}
		}
	}
	return 0
}
