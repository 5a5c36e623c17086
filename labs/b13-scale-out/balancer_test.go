package scaleout_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

var background = context.Background()

func TestMoreMachinesDoMore(t *testing.T) {
	for _, c := range []struct {
		machines   int
		want       time.Duration
		least, max time.Duration
	}{
		{1, 4 * time.Second, 3800 * time.Millisecond, 4200 * time.Millisecond},
		{4, time.Second, 950 * time.Millisecond, 1050 * time.Millisecond},
	} {
		bubble.RunLeaky(t, func(t *testing.T) {
			all, backends := machines(c.machines, 1)
			b := scaleout.NewBalancer(backends...)
			began := time.Now()
			failures := start(b, 20, 400, time.Hour).failures()
			took := time.Since(began)
			each := make([]int, len(all))
			for i, m := range all {
				each[i] = m.done()
			}
			expect.That(t, failures == "" && total(all) == 400 && took >= c.least && took <= c.max,
				expect.Message{
					Did: fmt.Sprintf(
						"let 20 clients send 400 requests through a balancer with %d machines, "+
							"each "+
							"of which does one request at a time, in %v", c.machines, work),
					Want: fmt.Sprintf("all served within %v, give or take 5 %%", c.want),
					Got: fmt.Sprintf("%d served in %v; by each machine: %v. %s", total(all), took,
						each, failures),
					Why: "this is the point of more machines: four do the work of four, if every " +
						"one of them gets its share",
				})
		})
	}
}

func TestStrongerMachinesGetMore(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := machines(3, 1)
		big := newMachine(4)
		all, backends = append(all, big), append(backends, big)
		b := scaleout.NewBalancer(backends...)
		began := time.Now()
		failures := start(b, 28, 700, time.Hour).failures()
		took := time.Since(began)
		expect.That(t, failures == "" && total(all) == 700 && took <= 1100*time.Millisecond,
			expect.Message{
				Did: "let 28 clients send 700 requests to three machines that do 100 a second each " +
					"and a bigger one that does 400",
				Want: "all served within 1.1 s: together they can do 700 a second",
				Got: fmt.Sprintf("%d served in %v, by the big machine %d. %s", total(all), took,
					big.done(), failures),
				Why: "machines are never equal: sizes, neighbours and caches differ. Equal shares " +
					"make the slowest machine the speed of all",
			})
	})
}

func TestFewestInFlightIsChosen(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(4)
		b := scaleout.NewBalancer(backends...)
		for range 40 {
			send(b, 7) // one popular client
		}
		got := loads(all)
		expect.That(t, slices.Equal(got, []int{10, 10, 10, 10}), expect.Message{
			Did:  "sent 40 requests, one after the other, to four machines that do not answer yet",
			Want: "in flight on them: 10, 10, 10 and 10",
			Got:  fmt.Sprintf("in flight: %v", got),
			Why: "what is in flight is what a machine still has to do: who gives the next " +
				"request to the one with the least keeps all of them busy and none overloaded",
		})
		all[1].answer(6, nil)
		all[2].answer(3, nil)
		time.Sleep(time.Millisecond)
		for range 9 {
			send(b, 7)
		}
		got = loads(all)
		expect.That(t, slices.Equal(got, []int{10, 10, 10, 10}), expect.Message{
			Did: "let the second machine answer 6 of its 10 requests and the third 3, so that " +
				"10, 4, 7 and 10 were in flight, and sent 9 more",
			Want: "in flight: 10 on each again, as every new request went to the one that had " +
				"the fewest",
			Got: fmt.Sprintf("in flight: %v", got),
			Why: "the machine that answers is the one that has time",
		})
	})
}

func TestDeadMachineCostsNoRequest(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := machines(4, 1)
		b := scaleout.NewBalancer(backends...)
		c := start(b, 20, 4000, 3*time.Second)
		time.Sleep(time.Second)
		all[2].die()
		failures := c.failures()
		served := total(all)
		expect.That(t, failures == "" && served > 900, expect.Message{
			Did: "let 20 clients send requests to four machines for 3 s, and one machine die " +
				"after the first second, with requests in its queue",
			Want: "no failed request, and about 1000 served (more than 900)",
			Got:  fmt.Sprintf("%d served; %s", served, orNone(failures)),
			Why: "with many machines one is always broken. What it had in hand is done again " +
				"elsewhere, since requests are idempotent, and no user notices",
		})
	})
}

func TestWrappedErrDownCounts(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		wrapped := fmt.Errorf("dial 10.0.0.7: %w", scaleout.ErrDown)
		first, second, good := always(wrapped), always(wrapped), new(answerer)
		b := scaleout.NewBalancer(first, second)
		err := b.Do(background, 1)
		const why = "errors are wrapped on their way; who compares with == recognises them only " +
			"until somebody adds a detail"
		expect.That(t, known.Is(err, scaleout.ErrDown) && first.calls == 1 && second.calls == 1,
			expect.Message{
				Did: `sent a request to two machines that both answer "dial 10.0.0.7: backend down": ErrDown, wrapped in a longer text`,
				Want: "the one that was called is down, so the request goes to the other, too: one " +
					"call each, and an error that is ErrDown",
				Got: fmt.Sprintf("calls: %d and %d; Do returned %v", first.calls, second.calls,
					orNil(err)),
				Why: why,
			})
		b.Add(good)
		err = b.Do(background, 2)
		expect.That(t, err == nil && first.calls+second.calls == 2 && good.calls == 1 &&
			good.req == 2, expect.Message{
			Did:  "added a machine that is well, right after that, and sent request 2",
			Want: "it goes to the new one, and to none of the two that are down",
			Got: fmt.Sprintf("calls to the new one: %d, more calls to the two: %d; Do returned %v",
				good.calls, first.calls+second.calls-2, orNil(err)),
			Why: why,
		})
	})
}

// TestDownIsSkippedForFiveSeconds keeps one machine busy, so that the other one has the fewest
// requests in flight and would get the next, were it not for its being down.
func TestDownIsSkippedForFiveSeconds(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		tl := timeline.New("clients", "busy", "idle, then down")
		busy, bad := &desk{name: "busy", tl: tl}, &desk{name: "idle, then down", tl: tl}
		b := scaleout.NewBalancer(busy)
		send(b, 1)
		send(b, 2)
		send(b, 3)
		b.Add(bad)
		for i, nth := range []string{"first", "second"} {
			bad.failWith(scaleout.ErrDown)
			send(b, 4)
			time.Sleep(time.Second)
			calls := 2*i + 1
			expect.That(t, bad.called() == calls, expect.Message{
				Did: fmt.Sprintf(
					"sent a request when one machine had several in flight and another none or "+
						"one, for the %s time", nth),
				Want: "the request goes to the second machine",
				Got: fmt.Sprintf("the second machine had %d calls in all, not %d", bad.called(),
					calls),
			})
			bad.failWith(nil) // it has recovered, and the balancer cannot know
			time.Sleep(time.Until(bad.failedAt().Add(5*time.Second - time.Millisecond)))
			busyBefore := busy.called()
			tl.Point("clients", "request 5, at 4.999 s")
			go b.Do(background, 5)
			time.Sleep(500 * time.Microsecond)
			ok := bad.called() == calls && busy.called() == busyBefore+1
			expect.That(t, bad.blame(ok), expect.Message{
				Did: fmt.Sprintf(
					"sent a request 4.999 s after a machine had answered that it is down (its "+
						"%s time)", nth),
				Want: "it goes to the other machine, busy as that is: who was down is not " +
					"called for 5 s",
				Got: fmt.Sprintf(
					"calls to the one that was down: %d instead of %d; to the other: %d instead "+
						"of %d", bad.called(), calls, busy.called(), busyBefore+1),
				Why: "a machine that is down costs each request that tries it a timeout, and " +
					"one that is starting needs peace",
				Picture: tl,
			})
			time.Sleep(1500 * time.Microsecond) // 5.001 s after it failed
			tl.Point("clients", "request 6, at 5.001 s")
			send(b, 6)
			expect.That(t, busy.blame(bad.called() == calls+1), expect.Message{
				Did: fmt.Sprintf(
					"sent a request 5.001 s after a machine had answered that it is down (its "+
						"%s time); the other machine has more in flight", nth),
				Want: "it goes to the machine that was down: it is tried again",
				Got:  fmt.Sprintf("calls to it: %d instead of %d", bad.called(), calls+1),
				Why: "most failures pass. One hiccup must not remove a machine for good, or " +
					"for longer than was agreed on",
				Picture: tl,
			})
		}
	})
}

func TestRecoveredMachineIsUsed(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := machines(4, 1)
		b := scaleout.NewBalancer(backends...)
		c := start(b, 20, 10_000, 9*time.Second)
		time.Sleep(time.Second)
		all[2].die()
		time.Sleep(time.Second)
		all[2].recover()
		time.Sleep(5 * time.Second)
		before := all[2].done()
		time.Sleep(time.Second)
		served := all[2].done() - before
		c.failures()
		expect.That(t, served >= 90, expect.Message{
			Did: "let one of four machines die at +1 s and recover at +2 s, with 20 clients " +
				"sending requests all the time, and counted what it served from +7 s to +8 s",
			Want: "about 100 (at least 90): it does its full share again",
			Got:  fmt.Sprintf("%d", served),
			Why: "capacity that has come back and is not used has been paid for in vain; after " +
				"some weeks of hiccups there would be no machine left",
		})
	})
}

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

func TestAllDownEnds(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		var all []*answerer
		b := scaleout.NewBalancer()
		for range 4 {
			a := always(fmt.Errorf("dial: %w", scaleout.ErrDown))
			all = append(all, a)
			b.Add(a)
		}
		err := b.Do(background, 7)
		calls := []int{all[0].calls, all[1].calls, all[2].calls, all[3].calls}
		expect.That(t, known.Is(err, scaleout.ErrDown) && slices.Equal(calls, []int{1, 1, 1, 1}),
			expect.Message{
				Did:  "sent a request to four machines that are all down",
				Want: "each is called once, then an error that is ErrDown",
				Got:  fmt.Sprintf("calls: %v; Do returned %v", calls, orNil(err)),
				Why: "a request that goes round and round among dead machines is load without an " +
					"end, at the worst moment",
			})
	})
	bubble.RunLeaky(t, slowlyDown)
}

// slowlyDown has machines that take longer to say that they are down than they are left alone.
func slowlyDown(t *testing.T) {
	const takes = 6 * time.Second
	first := &answerer{answers: []error{scaleout.ErrDown}, takes: takes}
	second := &answerer{answers: []error{scaleout.ErrDown}, takes: takes}
	err := scaleout.NewBalancer(first, second).Do(background, 7)
	expect.That(t, known.Is(err, scaleout.ErrDown) && first.calls == 1 && second.calls == 1,
		expect.Message{
			Did:  "sent a request to two machines that are down, and find that out after 6 s each",
			Want: "each is called once, then an error that is ErrDown",
			Got: fmt.Sprintf("calls: %d and %d; Do returned %v", first.calls, second.calls,
				orNil(err)),
			Why: "the 5 s of the first are over when the second one answers; a request that " +
				"comes back to it then never ends as long as both are down",
		})
}

func TestAllDownAreLeftAlone(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		first, second := always(scaleout.ErrDown), always(scaleout.ErrDown)
		b := scaleout.NewBalancer(first, second)
		b.Do(background, 7)
		expect.That(t, first.calls > 0, expect.Message{
			Did:  "sent a request to two machines, both down",
			Want: "both are called",
			Got:  fmt.Sprintf("calls: %d and %d", first.calls, second.calls),
		})
		before := first.calls + second.calls
		for i := 1; i <= 4; i++ {
			time.Sleep(time.Second)
			err := b.Do(background, 7)
			expect.That(t, known.Is(err, scaleout.ErrDown) && first.calls+second.calls == before,
				expect.Message{
					Did: fmt.Sprintf(
						"sent a request %d s after all machines had said that they are down", i),
					Want: "an error that is ErrDown, at once, and no call to any of them",
					Got: fmt.Sprintf("%d more calls; Do returned %v",
						first.calls+second.calls-before,
						orNil(err)),
					Why: "if they are down because of the load, this is how they get the time to " +
						"come up; and the caller learns that it is an outage, not a balancer " +
						"without machines",
				})
		}
	})
}

func TestNoBackend(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		b := scaleout.NewBalancer()
		expectNoBackend(t, b.Do(background, 7), "a balancer that was made without machines")
		a := &answerer{}
		b.Add(a)
		err := b.Do(background, 7)
		expect.That(t, err == nil && a.calls == 1, expect.Message{
			Did:  "added a machine to a balancer without any, and sent a request",
			Want: "it is served",
			Got:  fmt.Sprintf("%d calls; Do returned %v", a.calls, orNil(err)),
		})
		b.Remove(a)
		expectNoBackend(t, b.Do(background, 7), "a balancer whose only machine was removed")
		busy := new(desk)
		b.Add(busy)
		send(b, 8)
		b.Remove(busy)
		expectNoBackend(t, b.Do(background, 7),
			"a balancer whose only machine was removed while it had a request in flight")
	})
}

func TestRequestsAndErrorsPassThrough(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, want := range []error{errCaller, context.Canceled, errors.New("backend down")} {
			first, second := always(want), always(want)
			err := scaleout.NewBalancer(first, second).Do(background, 7)
			expect.That(t, known.Is(err, want) && first.calls+second.calls == 1, expect.Message{
				Did: fmt.Sprintf(
					"sent a request to two machines that answer with an error of their own, %q, "+
						"which is not ErrDown", want),
				Want: "one call, and that error",
				Got:  fmt.Sprintf("%d calls; Do returned %v", first.calls+second.calls, orNil(err)),
				Why: "a request that is wrong is wrong on every machine: to try them all " +
					"multiplies the load and changes nothing",
			})
		}
	})
	type key struct{}
	bubble.RunLeaky(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.WithValue(background, key{}, "trace 42"),
			50*time.Millisecond)
		defer cancel()
		a := &answerer{}
		err := scaleout.NewBalancer(a).Do(ctx, 7)
		expect.That(t, err == nil && a.ctx != nil && a.ctx.Value(key{}) == "trace 42" && a.req == 7,
			expect.Message{
				Did:  "sent request 7 with a context that holds a trace id",
				Want: "the machine gets request 7 with that context",
				Got: fmt.Sprintf("calls: %d, request %d; Do returned %v", a.calls, a.req,
					orNil(err)),
				Why: "trace ids, deadlines and cancellation travel in the context",
			})
		began := time.Now()
		b, end := scaleout.NewBalancer(new(desk)), make(chan error, 1)
		go func() { end <- b.Do(ctx, 7) }()
		select {
		case err = <-end:
		case <-time.After(time.Minute):
			err = errors.New("nothing for a minute")
		}
		expect.That(t, known.Is(err, context.DeadlineExceeded), expect.Message{
			Did:  "sent a request whose context ends within 50 ms to a machine that never answers",
			Want: "context.DeadlineExceeded, which is what the machine returns then",
			Got:  fmt.Sprintf("%v after %v", orNil(err), time.Since(began)),
			Why:  "the caller decides how long an answer is worth waiting for",
		})
	})
}

func TestOtherErrorsTakeNobodyOut(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		busy, other := new(desk), new(desk)
		b := scaleout.NewBalancer(busy)
		send(b, 1)
		send(b, 2)
		b.Add(other)
		done := send(b, 3)
		other.answer(1, errCaller)
		<-done
		send(b, 4)
		expect.That(t, other.called() == 2, expect.Message{
			Did: fmt.Sprintf(
				"let a machine answer a request with an error of its own, %q, and sent the next "+
					"one, when the other machine had two in flight", errCaller),
			Want: "it goes to the same machine: that has nothing in flight, and is not down",
			Got: fmt.Sprintf("calls to it: %d, to the busy one: %d", other.called(),
				busy.called()),
			Why: "if every error took a machine out, one client with bad requests could take " +
				"out all of them",
		})
	})
}

func TestWhatWasUnderWayBringsNobodyBack(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		failing, other := new(desk), new(desk)
		b := scaleout.NewBalancer(failing)
		send(b, 1)
		send(b, 2)
		failing.answer(1, scaleout.ErrDown)
		time.Sleep(time.Millisecond)
		failing.answer(1, nil)
		time.Sleep(time.Second)
		b.Add(other)
		send(b, 3)
		send(b, 4)
		expect.That(t, failing.called() == 2 && other.called() == 2, expect.Message{
			Did: "had two requests in flight at a machine, of which one ended with ErrDown and " +
				"the other, a moment later, well; added a second machine and sent two more, 1 s " +
				"after that",
			Want: "both go to the second machine: the first is left alone for 5 s",
			Got: fmt.Sprintf("calls to the first: %d, to the second: %d", failing.called(),
				other.called()),
			Why: "a machine that goes down still finishes what it has begun; an answer from " +
				"before says nothing about the next request",
		})
	})
}

func TestErrorsAreNotInFlight(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(2)
		b := scaleout.NewBalancer(backends...)
		for range 10 { // one request on each, of which one ends with an error
			send(b, 1)
			send(b, 2)
			all[0].answer(2, errCaller)
			all[1].answer(2, nil)
			time.Sleep(time.Millisecond)
		}
		for range 10 {
			send(b, 7)
		}
		got := loads(all)
		expect.That(t, slices.Equal(got, []int{5, 5}), expect.Message{
			Did: "let one of two machines answer 10 requests with an error and the other 10 " +
				"without, and then sent 10 more, which neither answers",
			Want: "in flight: 5 and 5",
			Got: fmt.Sprintf("in flight: %d on the one with the errors, %d on the other", got[0],
				got[1]),
			Why: "a request that has failed is over. If the balancer goes on counting it, a " +
				"machine that had errors once looks loaded for ever, and gets nothing",
		})
	})
}

func TestThousandAtOnce(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(4)
		b := scaleout.NewBalancer(backends...)
		var ended, failed atomic.Int64
		for i := range 1000 {
			go func() {
				if b.Do(background, i) != nil {
					failed.Add(1)
				}
				ended.Add(1)
			}()
		}
		time.Sleep(time.Second)
		got := loads(all)
		expect.That(t, slices.Equal(got, []int{250, 250, 250, 250}), expect.Message{
			Did:  "let 1000 goroutines call Do at once, with four machines that do not answer yet",
			Want: "in flight: 250 on each",
			Got:  fmt.Sprintf("in flight: %v", got),
			Why: "requests come all at once; the balancer must neither make them wait for each " +
				"other nor lose count",
		})
		for _, d := range all {
			d.answer(250, nil)
		}
		time.Sleep(time.Second)
		expect.That(t, ended.Load() == 1000 && failed.Load() == 0, expect.Message{
			Did:  "let the machines answer all 1000 requests",
			Want: "every Do returns nil",
			Got:  fmt.Sprintf("%d returned, %d of them an error", ended.Load(), failed.Load()),
		})
	})
}

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

func expectNoBackend(t *testing.T, err error, what string) {
	t.Helper()
	expect.That(t, known.Is(err, scaleout.ErrNoBackend), expect.Message{
		Did:  "sent a request to " + what,
		Want: "ErrNoBackend",
		Got:  fmt.Sprintf("Do returned %v", orNil(err)),
		Why: "no machine at all is a mistake of the operator, and no failure of a machine: it " +
			"is told apart and mended differently",
	})
}

func orNil(err error) string {
	if err == nil {
		return "nil"
	}
	return known.Quote(err)
}

// known are the errors that callers tell apart: an outage, an operator's mistake, and their own.
var known = sentinel.Errors{"ErrDown": scaleout.ErrDown, "ErrNoBackend": scaleout.ErrNoBackend,
	"the caller's own error": errCaller}

func orNone(failures string) string {
	if failures == "" {
		return "none failed"
	}
	return failures
}
