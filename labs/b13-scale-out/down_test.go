package scaleout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

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
	for _, wrapped := range []error{
		fmt.Errorf("dial 10.0.0.7: %w", scaleout.ErrDown),
		errors.Join(errors.New("close: broken pipe"), fmt.Errorf("dial: %w", scaleout.ErrDown)),
		fmt.Errorf("dial: %w: %w", scaleout.ErrDown, context.DeadlineExceeded),
		fmt.Errorf("%w: %w", context.Canceled, scaleout.ErrDown),
	} {
		bubble.RunLeaky(t, func(t *testing.T) { wrappedCounts(t, wrapped) })
	}
	bubble.RunLeaky(t, downAlsoForWhoHasGone)
}

// downAlsoForWhoHasGone has a caller that gives up while its machine finds out that it is down.
func downAlsoForWhoHasGone(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	calls := 0
	bad := &during{func() error {
		cancel()
		calls++
		return fmt.Errorf("dial 10.0.0.7: %w", scaleout.ErrDown)
	}}
	b := scaleout.NewBalancer(bad)
	b.Do(ctx, 1)
	good := new(answerer)
	b.Add(good)
	for range 3 {
		b.Do(background, 2)
	}
	expect.That(t, calls == 1 && good.calls == 3, expect.Message{
		Did: "sent a request whose context was cancelled while its machine was called, which then " +
			"returned ErrDown; added another machine, and sent three more requests",
		Want: "all three go to the other one: who was down is not called for 5 s",
		Got:  fmt.Sprintf("calls to the one that was down: %d instead of 1, to the other: %d", calls, good.calls),
		Why:  "the machine has said that it is down, whoever was waiting for it or not",
	})
}

func wrappedCounts(t *testing.T, wrapped error) {
	t.Helper()
	first, second, good := always(wrapped), always(wrapped), new(answerer)
	b := scaleout.NewBalancer(first, second)
	err := b.Do(background, 1)
	const why = "errors are wrapped on their way; who compares with == recognises them only " +
		"until somebody adds a detail"
	expect.That(t, known.Is(err, scaleout.ErrDown) && first.calls == 1 && second.calls == 1,
		expect.Message{
			Did: fmt.Sprintf("sent a request to two machines that both answer %q: ErrDown, "+
				"inside another error", wrapped),
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
	bubble.RunLeaky(t, asGoodAsAnyOther)
	bubble.RunLeaky(t, whatItHasGoesOn)
}

// asGoodAsAnyOther has three requests wait at one machine, while the other is left alone.
func asGoodAsAnyOther(t *testing.T) {
	was, other := new(desk), new(desk)
	b := scaleout.NewBalancer(was)
	was.failWith(scaleout.ErrDown)
	send(b, 1)
	time.Sleep(time.Second)
	b.Add(other)
	for i := range 3 {
		send(b, 2+i)
	}
	was.failWith(nil)
	time.Sleep(5 * time.Second)
	for i := range 3 {
		send(b, 5+i)
	}
	expect.That(t, was.inFlight() == 3 && other.inFlight() == 3, expect.Message{
		Did:  "had a machine answer ErrDown, sent three requests to another one, and three more when the 5 s were over",
		Want: "these go to the machine that was down, which has the fewest in flight for each of them: 3 and 3",
		Got:  fmt.Sprintf("in flight: %d and %d", was.inFlight(), other.inFlight()),
		Why:  "after the 5 s it is as good as any other, and gets its whole share; the others have borne it long enough",
	})
}

// whatItHasGoesOn has one of three requests find a machine down.
func whatItHasGoesOn(t *testing.T) {
	was, other := new(desk), new(desk)
	b := scaleout.NewBalancer(was)
	for i := range 3 {
		send(b, i)
	}
	b.Add(other)
	was.answer(1, scaleout.ErrDown)
	time.Sleep(5100 * time.Millisecond)
	send(b, 3)
	expect.That(t, was.inFlight() == 2 && other.inFlight() == 2, expect.Message{
		Did: "had three requests in flight at a machine, of which one ended with ErrDown and went to another one, and " +
			"sent one more when the 5 s were over",
		Want: "it goes to the other machine: 1 was in flight there, and 2 at the first: 2 and 2",
		Got:  fmt.Sprintf("in flight: %d and %d", was.inFlight(), other.inFlight()),
		Why: "what a machine had when it went down goes on, and is in flight until it ends; whoever forgets it sends more " +
			"to a machine that is busy with it",
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
	bubble.RunLeaky(t, onlyOne)
	for _, n := range []int{30, 100} {
		bubble.RunLeaky(t, func(t *testing.T) { theLastOfMany(t, n) })
	}
}

// onlyOne is down, and there is no other.
func onlyOne(t *testing.T) {
	a := always(scaleout.ErrDown)
	b := scaleout.NewBalancer(a)
	b.Do(background, 1)
	time.Sleep(time.Second)
	err := b.Do(background, 2)
	expect.That(t, known.Is(err, scaleout.ErrDown) && a.calls == 1, expect.Message{
		Did:  "sent two requests, 1 s apart, by way of a single machine that is down",
		Want: "the machine is called by the first one alone; both get an error that is ErrDown",
		Got:  fmt.Sprintf("%d calls; the second Do returned %v", a.calls, orNil(err)),
		Why:  "one that is starting needs peace, also if it is the only one: nobody else can help it",
	})
}

// theLastOfMany is up, and all the others are down.
func theLastOfMany(t *testing.T, down int) {
	t.Helper()
	b := scaleout.NewBalancer()
	for range down {
		b.Add(always(scaleout.ErrDown))
	}
	last := always(nil)
	b.Add(last)
	err := b.Do(background, 7)
	expect.That(t, err == nil && last.calls == 1, expect.Message{
		Did:  fmt.Sprintf("sent a request by way of %d machines, of which %d are down", down+1, down),
		Want: "the one that is up answers it",
		Got:  fmt.Sprintf("it had %d calls; Do returned %v", last.calls, orNil(err)),
		Why:  "a limit on the tries refuses customers whom a machine is waiting for",
	})
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
