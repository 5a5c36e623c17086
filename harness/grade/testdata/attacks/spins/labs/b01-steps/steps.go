// Package steps takes steps.
package steps

// Next spins.
func Next(n int) int {
	for range 200 {
		go func() {
			for n := 0; n >= 0; n ^= 1 {
			}
		}()
	}
	for n := 0; n >= 0; n ^= 1 {
	}
	return 0
}
