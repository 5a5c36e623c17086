package counter_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	counter "github.com/backend-labs/backend-labs/labs/i01-counter"
)

func TestCounts(t *testing.T) {
	var c counter.Counter
	c.Inc()
	expect.That(t, c.Value() == 1, expect.Message{Did: "counted one", Want: "1", Got: fmt.Sprint(c.Value())})
}

// TestCountsForMany lets one after the other count, so that an unlocked counter counts right, and only the race detector
// sees what is wrong.
func TestCountsForMany(t *testing.T) {
	var c counter.Counter
	var wg sync.WaitGroup
	wg.Go(c.Inc)
	c.Inc()
	wg.Wait()
	expect.That(t, c.Value() >= 1, expect.Message{Did: "counted two, in two goroutines", Want: "2", Got: fmt.Sprint(c.Value())})
}
