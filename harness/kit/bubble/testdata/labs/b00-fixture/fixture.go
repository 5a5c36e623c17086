// Package fixture does in a bubble what a learner's code may do. It lies below a folder labs, which is what tells a
// learner's code. The marks at the ends of lines are what the tests look the lines up by.
package fixture

import (
	"context"
	"sync"
	"time"
)

// Leak starts a goroutine that nothing ends.
func Leak() {
	c := make(chan int)
	go receive(c) // mark: leak starts
}

func receive(c chan int) {
	<-c // mark: leak waits
}

// LeakMany starts several.
func LeakMany(n int) {
	for range n {
		Leak()
	}
}

// Stoppable starts a goroutine that ends with ctx.
func Stoppable(ctx context.Context) {
	go func() {
		<-ctx.Done()
	}()
}

// Ends starts a goroutine that ends by itself after a while.
func Ends(after time.Duration) {
	go func() { // mark: ends late starts
		time.Sleep(after) // mark: ends late
	}()
}

// Deadlock waits for what nobody sends.
func Deadlock() {
	<-make(chan int) // mark: deadlock
}

// WaitForGroup waits for a worker that waits.
func WaitForGroup() {
	var wg sync.WaitGroup
	jobs := make(chan int)
	wg.Go(func() {
		for range jobs { // mark: worker waits
		}
	})
	wg.Wait() // mark: group waits
}

// Store holds its lock while it sleeps.
type Store struct{ mu sync.Mutex }

// Get takes as long as what it asks.
func (s *Store) Get() {
	s.mu.Lock() // mark: lock waits
	defer s.mu.Unlock()
	time.Sleep(time.Second) // mark: lock sleeps
}

// Panic panics.
func Panic() { panic("boom") }

// Double is wrong from 1000 on.
func Double(n int) int { return min(2*n, 1999) }
