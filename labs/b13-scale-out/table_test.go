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

func TestAddedMachineIsUsedAtOnce(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := machines(4, 1)
		b := scaleout.NewBalancer(backends...)
		c := start(b, 20, 10_000, 3*time.Second)
		time.Sleep(time.Second)
		before := total(all)
		fifth := newMachine(1)
		all = append(all, fifth)
		b.Add(fifth)
		time.Sleep(time.Second)
		served := total(all) - before
		failures := c.failures()
		expect.That(t, before >= 380 && served >= 490 && failures == "", expect.Message{
			Did: "let 20 clients send requests to four machines that do 100 a second each, and " +
				"added a fifth after one second",
			Want: "about 400 served in the first second, and at least 490 in the next",
			Got: fmt.Sprintf("%d, then %d, of which the fifth machine served %d in all. %s",
				before, served, fifth.done(), failures),
			Why: "machines are added when the load is highest; one that stays idle then helps " +
				"nobody",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(2)
		b := scaleout.NewBalancer(backends...)
		b.Add(all[0])
		for range 12 {
			send(b, 7)
		}
		got := loads(all)
		expect.That(t, slices.Equal(got, []int{6, 6}), expect.Message{
			Did:  "added a machine that was there already, and sent 12 requests to the two machines",
			Want: "in flight: 6 and 6",
			Got:  fmt.Sprintf("in flight: %v", got),
			Why: "whatever finds machines reports them more than once; counted twice, a " +
				"machine gets twice the load that it can bear",
		})
		b.Remove(all[0])
		before := all[0].called()
		send(b, 7)
		expect.That(t, all[0].called() == before, expect.Message{
			Did:  "removed the machine that had been added twice, and sent a request",
			Want: "it goes to the other machine",
			Got:  "it went to the one that was removed",
		})
	})
}

func TestRemovedMachineGetsNothingNew(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(2)
		b := scaleout.NewBalancer(backends...)
		sent := make([]<-chan error, 4)
		for i := range sent {
			sent[i] = send(b, i)
		}
		expect.That(t, all[0].inFlight()+all[1].inFlight() == 4, expect.Message{
			Did:  "sent 4 requests to two machines",
			Want: "all of them in flight",
			Got:  fmt.Sprintf("in flight: %v", loads(all)),
		})
		b.Remove(all[0])
		b.Remove(new(desk)) // one that was never there
		before := all[0].called()
		for range 10 {
			send(b, 7)
			time.Sleep(time.Second)
		}
		expect.That(t, all[0].called() == before && all[1].called() == 14-before, expect.Message{
			Did: fmt.Sprintf(
				"removed one of two machines, which had %d requests in flight, and sent 10 more "+
					"within 10 s", before),
			Want: "none of them to the machine that was removed",
			Got: fmt.Sprintf("%d of them to it, %d to the other", all[0].called()-before,
				all[1].called()-4+before),
			Why: "a machine is removed to be switched off: what it gets afterwards is lost",
		})
		all[0].answer(4, nil)
		all[1].answer(14, nil)
		time.Sleep(time.Millisecond)
		for _, done := range sent {
			select {
			case err := <-done:
				expect.NoError(t, err, expect.Message{
					Did:  "removed a machine that had requests in flight, and let it answer them",
					Want: "the answers arrive as if nothing had happened",
					Why:  "scaling down must not cost anybody an answer: what has begun is finished",
				})
			default:
				expect.Fatal(t, expect.Message{
					Did: "removed a machine that had requests in flight, and let both machines " +
						"answer what they had",
					Want: "every Do returns",
					Got:  "one has not",
				})
			}
		}
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		busy, other := new(desk), new(desk)
		b := scaleout.NewBalancer(busy)
		send(b, 1)
		send(b, 2)
		b.Add(other)
		other.failWith(scaleout.ErrDown)
		send(b, 3)
		time.Sleep(time.Second)
		other.failWith(nil)
		b.Remove(other)
		b.Add(other)
		send(b, 4)
		expect.That(t, other.called() == 2, expect.Message{
			Did: "removed a machine a second after it was down, added it again, and sent a " +
				"request, when the other machine had three in flight",
			Want: "it goes to the machine that was added: Add puts it to use at once",
			Got: fmt.Sprintf("calls to it: %d, the one that found it down included",
				other.called()),
			Why: "whoever repairs a machine and adds it again knows more than the balancer " +
				"remembers",
		})
	})
}
