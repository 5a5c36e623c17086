package scaleout_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

// TestChoosingIsOneStep lets two requests meet, many times: two callers who call at the same
// moment, and both requests in flight until both have arrived. Whoever chooses second must see what
// the first one chose. There are many machines, so that choosing takes a while. On a busy machine
// callers often come one after the other; then there are more meetings.
func TestChoosingIsOneStep(t *testing.T) {
	lockstep.Enough(1000, 3*time.Second, func() int { return meetings(t, 125) })
}

// meetings has that many rounds of meetings, and tells in how many of them the callers did meet.
func meetings(t *testing.T, rounds int) (met int) {
	t.Helper()
	const steps, machines = 20, 24
	var alone atomic.Bool
	balancers, fleets := make([]*scaleout.Balancer, rounds), make([][machines]*meeting, rounds)
	for i := range balancers {
		counters := make([]atomic.Int32, steps)
		balancers[i] = scaleout.NewBalancer()
		for k := range machines {
			fleets[i][k] = &meeting{arrived: counters, alone: &alone}
			balancers[i].Add(fleets[i][k])
		}
	}
	done, met := lockstep.Run(rounds, 2, time.Second, func(round, worker int) {
		for step := range steps {
			// Whoever of the two has noticed first that both have arrived is a little ahead. How
			// much, differs from one machine to another, so each of them is held back for a while
			// that differs from one meeting to the next.
			lockstep.Tarry(16 * [2]int{round % 32, step * 2}[worker])
			balancers[round].Do(background, step)
		}
	})
	if alone.Load() || fleets[0][0].arrived[0].Load() == 0 {
		expect.Fatal(t, expect.Message{
			Did:  "let two goroutines call Do at the same moment, with 24 idle machines",
			Want: "both requests in flight at the same time",
			Got:  "one of them did not reach a machine while the other was there",
			Why: "a balancer that lets one request through at a time makes four machines as " +
				"fast as one",
		})
	}
	for i := range done {
		for step := range steps {
			most := int32(0)
			for _, m := range fleets[i] {
				most = max(most, m.calls[step].Load())
			}
			if most > 1 {
				expect.Fatal(t, expect.Message{
					Did: "let two goroutines call Do at the same moment, again and again, with " +
						"24 machines, each request being in flight until both have arrived",
					Want: "the two requests on different machines, every time",
					Got:  fmt.Sprintf("both on the same one, at meeting %d", i*steps+step+1),
					Why: "between the look at the counters and the counting of one's own " +
						"request others look at the same counters: a burst all goes to the " +
						"machine that was idle a moment ago",
				})
			}
		}
	}
	return met
}

// meeting is one of the machines at which two requests of the same number meet.
type meeting struct {
	arrived []atomic.Int32 // by the request's number; shared by all machines
	calls   [20]atomic.Int32
	alone   *atomic.Bool // somebody waited in vain, or comes after that
}

func (m *meeting) Call(_ context.Context, step int) error {
	m.calls[step].Add(1)
	m.arrived[step].Add(1)
	for spins, began := 1, time.Now(); m.arrived[step].Load() < 2 && !m.alone.Load(); spins++ {
		if spins%10_000 == 0 { // the other one is on its way, on another core
			runtime.Gosched()
			if time.Since(began) > 3*time.Second {
				m.alone.Store(true)
			}
		}
	}
	return nil
}
