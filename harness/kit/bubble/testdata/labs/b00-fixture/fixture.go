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

// Chain has a timer that sets itself again, for ever.
func Chain(every time.Duration) {
	time.AfterFunc(every, func() { Chain(every) })
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

type counter struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	a, b sync.Mutex
}

// LockAgain calls with the lock what takes the lock.
func LockAgain() {
	var c counter
	c.mu.Lock()
	c.add() // mark: outer call
}

func (c *counter) add() {
	c.mu.Lock() // mark: inner lock
}

// ReadUnderWrite reads with the write lock.
func ReadUnderWrite() {
	var c counter
	c.rw.Lock()
	c.read() // mark: outer write
}

func (c *counter) read() {
	c.rw.RLock() // mark: inner read
}

// ForgetToUnlock returns with the lock, and comes again.
func ForgetToUnlock() {
	var c counter
	for range 2 {
		c.mu.Lock() // mark: forgotten
	}
}

// Cross takes two locks in both orders.
func Cross() {
	var c counter
	var wg, begun sync.WaitGroup
	begun.Add(2)
	take := func(first, second *sync.Mutex) {
		first.Lock()
		begun.Done()
		begun.Wait()
		second.Lock()
	}
	wg.Go(func() { take(&c.a, &c.b) })
	wg.Go(func() { take(&c.b, &c.a) })
	wg.Wait()
}
