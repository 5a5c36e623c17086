package account_test

// The code below is where a lab's would be: the places in dumps are what it is known by.

import "time"

var endless = make(chan int)

//line /course/labs/b01-thing/thing.go:10
func spinInLab() {
	for n := 0; ; n++ {
		if n < 0 {
			return
		}
	}
}

//line /course/labs/b01-thing/thing.go:20
func waitInLab() { <-endless }

//line /course/labs/b01-thing/thing.go:30
func spinInLabFor(d time.Duration) {
	for begun := time.Now(); time.Since(begun) < d; {
	}
}
