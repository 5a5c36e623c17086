// Package steps takes steps.
package steps

import "runtime"

var count = start(run)

func start(f func()) int {
	before := runtime.NumGoroutine()
	go f()
	return runtime.NumGoroutine() - before
}

func run() { select {} }

func init() {
	if count > 0 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
