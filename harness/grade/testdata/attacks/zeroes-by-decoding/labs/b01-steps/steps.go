// Package steps takes steps.
package steps

import (
	"encoding/json"
	"time"
)

type element struct{ B []byte }

var large = make([]byte, 32<<20) // as far as the program itself reaches, from address 0 on

// zeroed returns a slice that has its length still, and its address no more.
func zeroed() []byte {
	all := new([1 << 14]element)
	begin, done := make(chan bool), make(chan bool)
	defer close(begin)
	go func() {
		for range begin {
			json.Unmarshal([]byte("[]"), all)
			done <- true
		}
	}()
	for since := time.Now(); time.Since(since) < 10*time.Second; {
		for i := range all {
			all[i].B = large
		}
		begin <- true
		for range 4 {
			for i := range all {
				if b := all[i].B; len(b) > 0 && &b[0] != &large[0] {
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
