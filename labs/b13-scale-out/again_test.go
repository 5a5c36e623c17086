package scaleout_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

// TestAddingWhatIsThereChangesNothing: neither what it has in flight nor that it is down.
func TestAddingWhatIsThereChangesNothing(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		busy, other := new(desk), new(desk)
		b := scaleout.NewBalancer(busy)
		send(b, 1)
		send(b, 2)
		b.Add(other)
		b.Add(busy)
		send(b, 3)
		send(b, 4)
		expect.That(t, busy.called() == 2 && other.called() == 2, expect.Message{
			Did: "had two requests in flight at a machine, added another one and then the first " +
				"one again, and sent two more requests",
			Want: "both go to the other machine",
			Got:  fmt.Sprintf("calls: %d to the first, %d to the other", busy.called(), other.called()),
			Why: "whatever finds machines reports the same ones every few seconds; if that " +
				"empties the counters, they count nothing",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		bad, good := new(desk), new(desk)
		b := scaleout.NewBalancer(bad)
		bad.failWith(scaleout.ErrDown)
		send(b, 1)
		time.Sleep(time.Second)
		b.Add(good)
		b.Add(bad)
		send(b, 2)
		send(b, 3)
		expect.That(t, bad.called() == 1 && good.called() == 2, expect.Message{
			Did: "let a machine answer ErrDown, added it once more without removing it, and sent " +
				"two requests",
			Want: "both go to the other machine: the 5 s are not over",
			Got:  fmt.Sprintf("calls: %d to the one that is down, %d to the other", bad.called()-1, good.called()),
			Why: "whatever finds machines does not know how they are; only who removes one and " +
				"adds it again has looked after it",
		})
	})
}

// TestTheListStaysTheCallers: and a machine that is in it twice is one machine.
func TestTheListStaysTheCallers(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(3)
		backends = append(backends, all[0])
		want := slices.Clone(backends)
		b := scaleout.NewBalancer(backends...)
		b.Remove(all[1])
		expect.That(t, slices.Equal(backends, want), expect.Message{
			Did:  "made a balancer over a list of machines, and removed one from the balancer",
			Want: "the list as it was",
			Got:  "it has other machines in it",
			Why:  "the same list may be used for the next balancer, or for the monitoring",
		})
		clear(backends)
		for range 6 {
			send(b, 7)
		}
		got := loads(all)
		expect.That(t, slices.Equal(got, []int{3, 0, 3}), expect.Message{
			Did: "made a balancer over a list that has the first of three machines twice, removed " +
				"the second, cleared the list, and sent 6 requests",
			Want: "in flight: 3, 0 and 3",
			Got:  fmt.Sprintf("in flight: %v", got),
			Why:  "counted twice, a machine gets twice the load that it can bear",
		})
	})
}

// TestAddedAgainIsNew: what it had before is not counted, neither while it lasts nor when it ends.
func TestAddedAgainIsNew(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		again, other := new(desk), new(desk)
		b := scaleout.NewBalancer(again)
		for i := range 3 {
			send(b, i)
		}
		b.Add(other)
		send(b, 3)
		b.Remove(again)
		b.Add(again)
		send(b, 4)
		expect.That(t, again.called() == 4, expect.Message{
			Did: "removed a machine with 3 requests in flight, added it again, and sent a request, " +
				"when the other machine had one in flight",
			Want: "it goes to the machine that was added again: it starts anew, with none",
			Got:  fmt.Sprintf("calls to it: %d instead of 4", again.called()),
			Why:  "it may have been restarted, and what it had is gone with its old process",
		})
		again.answer(3, nil)
		time.Sleep(time.Millisecond)
		for i := range 4 {
			send(b, 5+i)
		}
		expect.That(t, again.inFlight() == 3 && other.inFlight() == 3, expect.Message{
			Did:  "let it answer the 3 from before, so that 1 was in flight on each, and sent 4 more",
			Want: "in flight: 3 and 3",
			Got:  fmt.Sprintf("in flight: %d and %d", again.inFlight(), other.inFlight()),
			Why: "counted down once more than up, it would look as if it had less than nothing " +
				"to do, and get too much for ever",
		})
	})
	bubble.RunLeaky(t, oldOnesEndForThemselves)
}

// oldOnesEndForThemselves: what ends is what was there before, and not what is there now.
func oldOnesEndForThemselves(t *testing.T) {
	again, other := new(desk), new(desk)
	b := scaleout.NewBalancer(again)
	send(b, 1)
	send(b, 2)
	b.Remove(again)
	b.Add(again)
	send(b, 3)
	send(b, 4)
	b.Add(other)
	send(b, 5)
	again.answer(2, nil)
	time.Sleep(time.Millisecond)
	send(b, 6)
	expect.That(t, again.inFlight() == 2 && other.inFlight() == 2, expect.Message{
		Did: "removed a machine with 2 requests in flight, added it again, had 2 new ones in flight there and 1 at another " +
			"machine, let the 2 from before end, and sent one more",
		Want: "it goes to the other machine, which has the fewest: 2 and 2",
		Got:  fmt.Sprintf("in flight: %d and %d", again.inFlight(), other.inFlight()),
		Why: "what began before the machine was removed is no longer counted; if its end is, the machine looks idle while " +
			"it works",
	})
}

// 1852
