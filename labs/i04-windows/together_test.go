package windows_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/heap"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	windows "github.com/backend-labs/backend-labs/labs/i04-windows"
)

const whyTogether = "a server asks its limiter from all of its requests at once; what gets " +
	"through beyond the limit arrives when the load is highest"

func TestManyCallersAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			thousand(t, k)
		}
	})
	for _, k := range kinds {
		meet(t, k)
		meetAtAnEdge(t, k)
	}
}

// thousand lets goroutines call with one key, and with keys of their own.
func thousand(t *testing.T, k kind) {
	t.Helper()
	const callers, limit = 1000, 100
	l := k.make(limit, time.Minute)
	until(nextEdge(time.Minute))
	gate := make(chan struct{})
	var one, own atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			<-gate
			if l.Allow("alice") {
				one.Add(1)
			}
			if l.Allow(fmt.Sprint("client ", i)) {
				own.Add(1)
			}
			if f, ok := l.(windows.Footprint); ok && i%100 == 0 {
				f.Entries()
			}
		})
	}
	close(gate)
	wg.Wait()
	expect.That(t, one.Load() == limit && own.Load() == callers, expect.Message{
		Did: fmt.Sprintf("let %d goroutines call %s(%d, 1m) at one instant, once with the same key "+
			"and once with one of their own", callers, k.name, limit),
		Want: fmt.Sprintf("exactly %d admitted with the same key, all with their own", limit),
		Got:  fmt.Sprintf("%d and %d", one.Load(), own.Load()),
		Why:  whyTogether,
	})
}

// century is a window in which no edge comes up while a check runs in real time.
const century = 100 * 365 * 24 * time.Hour

// meet lets two callers arrive within nanoseconds of each other.
func meet(t *testing.T, k kind) {
	t.Helper()
	const rounds, limit, calls = 500, 20, 30
	lockstep.Enough(2000, 2*time.Second, func() int {
		ls := make([]windows.Limiter, rounds)
		for i := range ls {
			ls[i] = k.make(limit, century)
		}
		counts := make([]atomic.Int32, rounds)
		done, together := lockstep.Run(rounds, 2, time.Second, func(round, _ int) {
			counts[round].Add(int32(admitted(ls[round], "alice", calls)))
		})
		for i := range done {
			n := counts[i].Load()
			expect.That(t, n == limit, expect.Message{
				Did: fmt.Sprintf("let 2 goroutines make %d requests each of %s(%d, a century) at "+
					"the same moment, with many limiters", calls, k.name, limit),
				Want: fmt.Sprintf("exactly %d admitted by each", limit),
				Got:  fmt.Sprintf("%d admitted by one of them", n),
				Why:  whyTogether,
			})
		}
		return together
	})
}

// meetAtAnEdge lets two callers be the first in a window that come with a key known from the one before.
func meetAtAnEdge(t *testing.T, k kind) {
	t.Helper()
	const rounds, limit, before, calls = 1000, 20, 4, 30
	least, most := limit-before, limit-before
	switch k.name {
	case fixed.name:
		least, most = limit, limit
	case counter.name: // its estimate, of 3.99…, may be rounded down
		most++
	}
	lockstep.Enough(2000, 2*time.Second, func() int {
		ls := almostThrough(k, limit, before, rounds)
		counts := make([]atomic.Int32, rounds)
		done, together := lockstep.Run(rounds, 2, time.Second, func(round, _ int) {
			counts[round].Add(int32(admitted(ls[round], "alice", calls)))
		})
		for i := range done {
			n := int(counts[i].Load())
			expect.That(t, n >= least && n <= most, expect.Message{
				Did: fmt.Sprintf("made %d requests of %s(%d, half a century), and then, when its next "+
					"window had just begun, let 2 goroutines make %d each at the same moment, with many "+
					"limiters", before, k.name, limit, calls),
				Want: fmt.Sprintf("%s admitted by each in the new window", span(least, most)),
				Got:  fmt.Sprintf("%d admitted by one of them", n),
				Why: "two callers may find at once that a window is over. If each sets the count back, what " +
					"the other has counted by then is lost; if the new number is seen before the new count, " +
					"the old one decides",
			})
		}
		return together
	})
}

// almostThrough returns limiters whose first window since 1970 has just ended, and had so many
// requests of alice. The next lasts as long again.
func almostThrough(k kind, limit, before, n int) []windows.Limiter {
	for lead := 20 * time.Millisecond; ; lead *= 2 {
		edge := time.Now().Add(lead)
		ls := make([]windows.Limiter, n)
		for i := range ls {
			ls[i] = k.make(limit, time.Duration(edge.UnixNano()))
			admitted(ls[i], "alice", before)
		}
		if time.Now().Before(edge) {
			until(edge)
			return ls
		}
	}
}

func TestAllowNeverWaits(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			l := k.make(1, time.Minute)
			begin := time.Now()
			ok := [3]bool{l.Allow("alice"), l.Allow("alice"), l.Allow("alice")}
			took := time.Since(begin)
			expect.That(t, took == 0 && ok[0] && !ok[2], expect.Message{
				Did:  fmt.Sprintf("made 3 requests of %s(1, 1m) at one instant", k.name),
				Want: "the first admitted, the others not, all in no time",
				Got: fmt.Sprintf("%s, %s, %s, after %v", verdict(ok[0]), verdict(ok[1]),
					verdict(ok[2]), took.Round(time.Millisecond)),
				Why: "a limiter that waits keeps the request, its connection and its memory; the " +
					"queue that was to be prevented is then inside the limiter",
			})
		}
	})
}

// TestNothingRunsInTheBackground is the one check that looks at what is left: see virtual.
func TestNothingRunsInTheBackground(t *testing.T) {
	for _, keys := range []int{1, 2000} {
		bubble.Run(t, func(t *testing.T) {
			for _, k := range kinds {
				l := k.make(100, time.Hour)
				expect.That(t, l.Allow("alice"), expect.Message{
					Did:  "made the first request of a new " + k.name,
					Want: "admitted",
					Got:  "denied",
				})
				crowd(l, keys-1)
			}
		})
	}
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			isCollected(t, k)
		}
	})
}

// isCollected looks whether a limiter goes when nobody holds it: one that a timer is to come back to
// stays, with all of its keys.
func isCollected(t *testing.T, k kind) {
	t.Helper()
	const keys, rounds, most = 1000, 4, 100 << 10
	grown := heap.Rise(rounds, most, func() func(int) {
		return func(int) { useOnce(k, keys) }
	})
	expect.That(t, grown <= most, expect.Message{
		Did: fmt.Sprintf("made a %s(100, 1h), called it once with each of %d keys of 100 bytes, let go "+
			"of it, and so again; collected garbage each time, and looked at the heap", k.name, keys),
		Want: fmt.Sprintf("in %d rounds at most %d KiB more: the limiter of a round is gone after it",
			rounds, most>>10),
		Got: fmt.Sprintf("%d KiB more", grown>>10),
		Why: "there is no Close, so whoever has no use for a limiter any more lets go of it; what is " +
			"still to run holds it, and all that it knows",
	})
}

//go:noinline
func useOnce(k kind, keys int) {
	l := k.make(100, time.Hour)
	for i := range keys {
		l.Allow(fmt.Sprintf("%0100d", i))
	}
}
