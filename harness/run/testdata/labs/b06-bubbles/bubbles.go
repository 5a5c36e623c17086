// Package bubbles does in virtual time what stops it.
package bubbles

import (
	"sync"
	"time"
)

func Leak() {
	c := make(chan int)
	go receive(c) // mark: leak starts
}

func receive(c chan int) {
	<-c // mark: leak waits
}

func Deadlock() {
	receiveNothing()
}

func receiveNothing() {
	<-make(chan int) // mark: deadlock
}

var mu sync.Mutex

func Lock() {
	mu.Lock() // mark: lock waits
	defer mu.Unlock()
	time.Sleep(time.Second) // mark: lock sleeps
}

// Double is wrong from 500 on.
func Double(n int) int {
	if n >= 500 {
		return 2*n - 1
	}
	return 2 * n
}
