// Package steps takes steps.
package steps

func init() {
	wait := make(chan int)
	for range 120_000 {
		go func() { <-wait }()
	}
	println("PWNED")
	close(wait)
}

// Next is wrong.
func Next(n int) int { return 0 }
