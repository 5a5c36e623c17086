package bubbles_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	bubbles "github.com/backend-labs/backend-labs/labs/b06-bubbles"
)

func TestLeak(t *testing.T) {
	bubble.Run(t, func(*testing.T) { bubbles.Leak() }) // mark: leaks
}

func TestDeadlock(t *testing.T) {
	bubble.Run(t, func(*testing.T) { bubbles.Deadlock() }) // mark: deadlocks
}

func TestLock(t *testing.T) {
	bubble.Run(t, func(*testing.T) {
		done := make(chan bool)
		for range 2 {
			go func() { bubbles.Lock(); done <- true }()
		}
		<-done
		<-done
	})
}

func TestProperty(t *testing.T) {
	bubble.Property(t, func(rt *rapid.T) int { return rapid.IntRange(0, 600).Draw(rt, "n") }, func(n int) *expect.Message { // mark: property
		if got := bubbles.Double(n); got != 2*n {
			return &expect.Message{Did: fmt.Sprintf("doubled %d", n), Want: fmt.Sprint(2 * n), Got: fmt.Sprint(got)}
		}
		return nil
	})
}

func TestOutsideBefore(t *testing.T) {
	bubbles.Leak()
	bubble.Run(t, func(*testing.T) {})
}

func TestOutsideMeanwhile(t *testing.T) {
	calls, done := make(chan func()), make(chan bool)
	go func() {
		for f := range calls {
			f()
			done <- true
		}
	}()
	bubble.RunLeaky(t, func(*testing.T) {
		calls <- bubbles.Leak
		<-done
	})
}
