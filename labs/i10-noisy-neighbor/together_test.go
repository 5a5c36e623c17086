package fairshare_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

const whyTogether = "a client that opens many connections sends at the same moment; what gets " +
	"through beyond the limit comes just when it is needed"

// TestManyAtTheSameMoment lets two requests of a client arrive within nanoseconds of each other, in
// real time.
func TestManyAtTheSameMoment(t *testing.T) {
	const rounds, burst, calls = 300, 5, 4
	lockstep.Enough(500, 600*time.Millisecond, func() int {
		served := make([]atomic.Int32, rounds)
		hs := make([]http.Handler, rounds)
		for i := range hs {
			next := func(http.ResponseWriter, *http.Request) { served[i].Add(1) }
			hs[i] = fairshare.Protect(bucket(1e-6, burst))(http.HandlerFunc(next))
		}
		alice := by("alice", "203.0.113.7")
		requests := [2]*http.Request{alice(), alice()}
		done, together := lockstep.Run(rounds, 2, time.Second, func(round, worker int) {
			for range calls {
				hs[round].ServeHTTP(&nowhere{header: http.Header{}}, requests[worker])
			}
		})
		for i := range done {
			n := served[i].Load()
			expect.That(t, n == burst, expect.Message{
				Did: fmt.Sprintf("let 2 goroutines make %d requests each of one client at the same "+
					"moment, with Burst %d; of many servers", calls, burst),
				Want: fmt.Sprintf("exactly %d are served by each", burst),
				Got:  fmt.Sprintf("%d by one of them", n), Why: whyTogether})
		}
		return together
	})
}

// TestSlotsAtTheSameMoment has many short requests of one client, of which one may run at a time.
func TestSlotsAtTheSameMoment(t *testing.T) {
	const rounds, calls = 300, 4
	var running, most atomic.Int32
	next := func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		runtime.Gosched()
		running.Add(-1)
		io.WriteString(w, "done")
	}
	o := narrow(1)
	o.Rate, o.Burst = 1e9, 1<<30
	h := fairshare.Protect(o)(http.HandlerFunc(next))
	alice := by("alice", "203.0.113.7")
	requests := [2]*http.Request{alice(), alice()}
	did := "let 2 goroutines make requests of one client at the same moment, many times over, with " +
		"MaxInFlight 1"
	lockstep.Enough(500, 600*time.Millisecond, func() int {
		_, together := lockstep.Run(rounds, 2, time.Second, func(_, worker int) {
			for range calls {
				h.ServeHTTP(&nowhere{header: http.Header{}}, requests[worker])
			}
		})
		return together
	})
	expect.That(t, most.Load() == 1, expect.Message{Did: did, Want: "one runs at a time",
		Got: fmt.Sprintf("%d ran at the same time", most.Load()), Why: whyTogether})
	a := send(h, alice())
	expect.That(t, a.status == http.StatusOK, expect.Message{
		Did:  did + ", and one more when all had ended",
		Want: "200: its slot is free", Got: a.String(),
		Why: "a slot that gets lost between two requests is lost until the next restart"})
}
