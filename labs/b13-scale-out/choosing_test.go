package scaleout_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

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
	bubble.RunLeaky(t, oneOfMany)
	bubble.RunLeaky(t, failedOverCounts)
	for _, fewest := range []int{0, 2} {
		bubble.RunLeaky(t, func(t *testing.T) { failsOverToTheFewest(t, fewest) })
	}
}

// failsOverToTheFewest has the machine in the middle of three go down.
func failsOverToTheFewest(t *testing.T, fewest int) {
	t.Helper()
	all, backends := desks(3)
	b := scaleout.NewBalancer(backends...)
	for range 9 {
		send(b, 7)
	}
	all[fewest].answer(2, nil)
	all[1].answer(3, nil)
	all[1].failWith(scaleout.ErrDown)
	time.Sleep(time.Millisecond)
	send(b, 8)
	time.Sleep(2 * work)
	want := []int{3, 0, 3}
	want[fewest] = 2
	got := loads(all)
	expect.That(t, slices.Equal(got, want), expect.Message{
		Did: fmt.Sprintf("had 3 machines with 3, 0 and 3 requests in flight, of which machine %d answered 2, and sent a "+
			"request, which came to the second machine and was told ErrDown", fewest+1),
		Want: fmt.Sprintf("it goes on to the one with the fewest: %v", want),
		Got:  fmt.Sprintf("in flight: %v", got),
		Why: "all requests of a machine that dies go over at once; given to just any other, or to the next in the list, " +
			"they are too much for it, and it is the next to die",
	})
}

// oneOfMany: among many machines, too, it is the one with the fewest.
func oneOfMany(t *testing.T) {
	all, backends := desks(100)
	b := scaleout.NewBalancer(backends...)
	for range 300 {
		send(b, 7)
	}
	got := loads(all)
	expect.That(t, slices.Min(got) == 3 && slices.Max(got) == 3, expect.Message{
		Did:  "sent 300 requests, one after the other, to a hundred machines that do not answer yet",
		Want: "3 in flight on each",
		Got:  fmt.Sprintf("in flight: %v", got),
		Why: "a choice between two or three that were drawn by lot is an approximation; this contract " +
			"says which machine it is",
	})
	for _, i := range []int{57, 99, 0} {
		all[i].answer(1, nil)
		time.Sleep(time.Millisecond)
		send(b, 7)
		expect.That(t, all[i].inFlight() == 3, expect.Message{
			Did:  fmt.Sprintf("let machine %d of a hundred answer one of its 3 requests, and sent another one", i+1),
			Want: "it goes to that machine, which has the fewest",
			Got:  fmt.Sprintf("in flight on it: %d", all[i].inFlight()),
			Why:  "the machine that answers is the one that has time",
		})
	}
}

// failedOverCounts: a request that comes from a machine that is down is one more in flight.
func failedOverCounts(t *testing.T) {
	all, backends := desks(2)
	b := scaleout.NewBalancer(backends...)
	send(b, 1)
	send(b, 2)
	bad := &desk{fails: scaleout.ErrDown}
	b.Add(bad)
	for i := range 4 {
		send(b, 3)
		time.Sleep(2 * work)
		send(b, 4)
		got := loads(all)
		expect.That(t, bad.called() == i+1 && got[0] == got[1], expect.Message{
			Did: "sent two requests to two machines and an idle third one; the first came to the third, " +
				"was told ErrDown, and went on",
			Want: "as many in flight on the one of the two as on the other, afterwards",
			Got:  fmt.Sprintf("in flight: %v; calls to the third: %d, after %d times", got, bad.called(), i+1),
			Why:  "that a request was somewhere else before makes it no lighter for the machine that has it",
		})
		time.Sleep(6 * time.Second)
	}
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
	bubble.RunLeaky(t, wentOnElsewhere)
}

// wentOnElsewhere has requests fail over, and last.
func wentOnElsewhere(t *testing.T) {
	was, other := new(desk), new(desk)
	b := scaleout.NewBalancer(was)
	send(b, 1)
	send(b, 2)
	b.Add(other)
	was.answer(2, scaleout.ErrDown)
	time.Sleep(5100 * time.Millisecond)
	send(b, 3)
	send(b, 4)
	expect.That(t, was.inFlight() == 2 && other.inFlight() == 2, expect.Message{
		Did: "had two requests in flight at a machine, which ended with ErrDown and went on to another one, where they " +
			"lasted; and sent two more when the 5 s were over",
		Want: "these go to the first machine, which has none in flight: 2 and 2",
		Got:  fmt.Sprintf("in flight: %d and %d", was.inFlight(), other.inFlight()),
		Why: "a request is in flight where it is, until that Call returns; counted where it was before, too, it keeps " +
			"work away from a machine that has recovered",
	})
}

// TestInFlightUntilTheCallReturns: also when its caller has given up.
func TestInFlightUntilTheCallReturns(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		deaf, other := &desk{deaf: true}, new(desk)
		b := scaleout.NewBalancer(deaf)
		ctx, cancel := context.WithCancel(background)
		for i := range 2 {
			go b.Do(ctx, i)
		}
		time.Sleep(time.Millisecond)
		b.Add(other)
		send(b, 2)
		cancel()
		time.Sleep(time.Millisecond)
		send(b, 3)
		expect.That(t, deaf.called() == 2 && other.called() == 2, expect.Message{
			Did: "cancelled two requests whose machine does not listen and is still at work, and " +
				"sent another one, when the other machine had one in flight",
			Want: "it goes to the other machine: a request is in flight until its Call returns",
			Got:  fmt.Sprintf("calls to the one that is at work: %d instead of 2", deaf.called()),
			Why: "what nobody waits for any more is work all the same; whoever does not count it " +
				"gives more and more to the machine that hangs",
		})
		deaf.answer(2, nil)
	})
}

func TestThousandAtOnce(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		all, backends := desks(4)
		b := scaleout.NewBalancer(backends...)
		before := runtime.NumGoroutine()
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
		const few = 100 // the balancer may have some of its own
		left := runtime.NumGoroutine() - before
		expect.That(t, left <= few, expect.Message{
			Did:  "let the machines answer all 1000 requests, and counted goroutines a second later",
			Want: "none is left of a Do that has returned",
			Got:  fmt.Sprintf("%d more than before", left),
			Why: "a goroutine that stays behind holds its memory for ever; one for each request, and the " +
				"balancer dies of the traffic that it has served well",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		const many = 1500
		one := new(desk)
		b := scaleout.NewBalancer(one)
		for i := range many {
			go b.Do(background, i)
		}
		time.Sleep(time.Second)
		expect.That(t, one.inFlight() == many, expect.Message{
			Did: fmt.Sprintf("let %d goroutines call Do at once, with a single machine that does not answer "+
				"yet", many),
			Want: "all of them at the machine",
			Got:  fmt.Sprintf("%d are there", one.inFlight()),
			Why: "how much a machine can bear is for the machine to say; who waits in the balancer " +
				"waits for the calls of others",
		})
		one.answer(many, nil)
	})
}
