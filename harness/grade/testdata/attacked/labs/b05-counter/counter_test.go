package counter_test

import (
	"sync"
	"testing"

	counter "github.com/backend-labs/backend-labs/labs/b05-counter"
)

const goroutines, each = 8, 20_000

// TestAdd counts from many goroutines.
func TestAdd(t *testing.T) {
	var c counter.Counter
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				c.Add()
			}
		})
	}
	wg.Wait()
	if got := c.Add(); got != goroutines*each+1 {
		t.Errorf("got %d, want %d", got, goroutines*each+1)
	}
}
