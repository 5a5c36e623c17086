package scaleout_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

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

func TestWhatWasUnderWayBringsNobodyBack(t *testing.T) {
	bubble.RunLeaky(t, aRefusalBringsNobodyBack)
	bubble.RunLeaky(t, func(t *testing.T) {
		failing, other := new(desk), new(desk)
		b := scaleout.NewBalancer(failing)
		send(b, 1)
		underWay := send(b, 2)
		failing.answer(1, scaleout.ErrDown)
		time.Sleep(time.Millisecond)
		failing.answer(1, nil)
		err := <-underWay
		expect.That(t, err == nil, expect.Message{
			Did: "had two requests in flight at a machine, of which one ended with ErrDown, and " +
				"let it answer the other",
			Want: "the answer arrives: calls that a machine has already go on",
			Got:  fmt.Sprintf("Do returned %v", orNil(err)),
			Why: "a machine that refuses new requests often finishes what it has; to cut that " +
				"short makes failures of requests that were as good as done",
		})
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

// aRefusalBringsNobodyBack: an error of the caller's was under way as well.
func aRefusalBringsNobodyBack(t *testing.T) {
	failing, other := new(desk), new(desk)
	b := scaleout.NewBalancer(failing)
	send(b, 1)
	refused := send(b, 2)
	failing.answer(1, scaleout.ErrDown)
	time.Sleep(time.Millisecond)
	failing.answer(1, errors.New("no such order"))
	<-refused
	b.Add(other)
	send(b, 3)
	send(b, 4)
	expect.That(t, failing.called() == 2 && other.called() == 2, expect.Message{
		Did: "had two requests in flight at a machine, of which one ended with ErrDown and the " +
			"other, a moment later, with an error of its caller's; added a second machine and " +
			"sent two more",
		Want: "both go to the second machine: the first is left alone for 5 s",
		Got: fmt.Sprintf("calls to the first: %d, to the second: %d", failing.called(),
			other.called()),
		Why: "that it could still refuse what it had says nothing about the next request",
	})
}

// TestEachErrDownCountsAnew: the last one that comes in says until when.
func TestEachErrDownCountsAnew(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		failing, other := new(desk), new(desk)
		b := scaleout.NewBalancer(failing)
		send(b, 1)
		send(b, 2)
		failing.answer(1, scaleout.ErrDown)
		time.Sleep(3 * time.Second)
		failing.answer(1, scaleout.ErrDown)
		time.Sleep(time.Millisecond)
		b.Add(other)
		send(b, 3)
		time.Sleep(4 * time.Second)
		send(b, 4)
		expect.That(t, failing.called() == 2 && other.called() == 2, expect.Message{
			Did: "had two requests in flight at a machine, which ended with ErrDown, the second 3 s " +
				"after the first, and sent another one 4 s after the second",
			Want: "it goes to the other machine: 5 s from when that Call returned are not over",
			Got:  fmt.Sprintf("calls to the one that is down: %d instead of 2", failing.called()),
			Why:  "a machine that was down 4 s ago is not known to be better than one that just was",
		})
		time.Sleep(1100 * time.Millisecond)
		send(b, 5)
		expect.That(t, failing.called() == 3, expect.Message{
			Did:  "sent another request 5.1 s after the second ErrDown",
			Want: "it goes to the machine that was down",
			Got:  fmt.Sprintf("calls to it: %d instead of 3", failing.called()),
		})
	})
}

// TestNobodyIsAskedTwice: also when the table of machines has changed meanwhile.
func TestNobodyIsAskedTwice(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		b := scaleout.NewBalancer()
		calls := 0
		var flaky scaleout.Backend
		flaky = &during{func() error {
			if calls++; calls > 10 {
				return nil // enough
			}
			b.Remove(flaky) // while it is being called somebody takes it out and in again
			b.Add(flaky)
			return scaleout.ErrDown
		}}
		b.Add(flaky)
		err := b.Do(background, 7)
		expect.That(t, calls == 1 && known.Is(err, scaleout.ErrDown), expect.Message{
			Did: "sent a request to the only machine, which was removed and added again while the " +
				"request was there, and then answered with ErrDown",
			Want: "one call, and ErrDown: no request goes to the same machine twice",
			Got:  fmt.Sprintf("%d calls; Do returned %v", calls, orNil(err)),
			Why: "a deployment takes machines out and in all the time; a request that goes to the " +
				"same one again and again has no end",
		})
	})
}

// TestFailingOverLooksAgain: while a machine fails, others come and go.
func TestFailingOverLooksAgain(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		type key struct{}
		failing, gone, added := new(desk), new(desk), new(answerer)
		b := scaleout.NewBalancer(failing)
		ended := make(chan error, 1)
		go func() { ended <- b.Do(context.WithValue(background, key{}, "trace 42"), 7) }()
		time.Sleep(time.Millisecond)
		b.Add(gone)
		b.Remove(gone)
		b.Add(added)
		failing.answer(1, scaleout.ErrDown)
		time.Sleep(time.Second)
		var err error
		select {
		case err = <-ended:
		default:
			err = errors.New("nothing within a second")
		}
		expect.That(t, err == nil && added.calls == 1 && gone.called() == 0, expect.Message{
			Did: "while a request was at a machine that then answered ErrDown, added a second " +
				"machine and removed it again, and added a third",
			Want: "it goes to the third, which is there now",
			Got: fmt.Sprintf("calls to the second: %d, to the third: %d; Do returned %v",
				gone.called(), added.calls, orNil(err)),
			Why: "a list that was made when the request came in knows neither the machine that " +
				"was switched off since, nor the one that was added because of the outage",
		})
		expect.That(t, added.req == 7 && added.ctx.Value(key{}) == "trace 42", expect.Message{
			Did:  "looked at what the third machine was given",
			Want: "request 7, with the context of Do",
			Got:  fmt.Sprintf("request %d", added.req),
			Why:  "the second machine needs all that the first one was told",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		failing, gone, left := new(desk), new(desk), new(answerer)
		b := scaleout.NewBalancer(failing)
		ended := make(chan error, 1)
		go func() { ended <- b.Do(background, 7) }()
		time.Sleep(time.Millisecond)
		b.Add(gone)
		b.Add(left)
		b.Remove(gone)
		failing.answer(1, scaleout.ErrDown)
		<-ended
		expect.That(t, gone.called() == 0 && left.calls == 1, expect.Message{
			Did: "while a request was at a machine that then answered ErrDown, added two and " +
				"removed the first of them",
			Want: "it goes to the one that is left",
			Got:  fmt.Sprintf("calls: %d and %d", gone.called(), left.calls),
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		removed, left := new(desk), new(answerer)
		b := scaleout.NewBalancer(removed)
		ended := send(b, 7)
		b.Add(left)
		b.Remove(removed)
		removed.answer(1, scaleout.ErrDown)
		err := <-ended
		expect.That(t, err == nil && left.calls == 1, expect.Message{
			Did: "while a request was at a machine, added another one and removed the first, which " +
				"then answered ErrDown",
			Want: "it goes to the other one",
			Got:  fmt.Sprintf("calls to it: %d; Do returned %v", left.calls, orNil(err)),
			Why: "a machine that is switched off a little early is why requests go to another one " +
				"at all",
		})
	})
	bubble.RunLeaky(t, removedSinceItBegan)
	bubble.RunLeaky(t, errorOfTheSecond)
}

// removedSinceItBegan has a machine that was there when the request came, and is not when it looks for another one.
func removedSinceItBegan(t *testing.T) {
	gone, left := new(desk), new(desk)
	b := scaleout.NewBalancer(gone)
	send(b, 1)
	failing := new(desk)
	b.Add(failing)
	done := send(b, 2)
	gone.answer(1, nil)
	b.Add(left)
	b.Remove(gone)
	time.Sleep(time.Millisecond)
	failing.answer(1, scaleout.ErrDown)
	time.Sleep(time.Millisecond)
	left.answer(1, nil)
	time.Sleep(time.Millisecond)
	var err error
	select {
	case err = <-done:
	default:
		err = errors.New("nothing")
	}
	expect.That(t, err == nil && gone.called() == 1 && left.called() == 1, expect.Message{
		Did: "while a request was at one of two machines, which then answered ErrDown, added a third machine and removed " +
			"the other one, which was there when the request came",
		Want: "it goes to the third",
		Got: fmt.Sprintf("calls to the one that was removed: %d, to the third: %d; Do returned %v",
			gone.called()-1, left.called(), orNil(err)),
		Why: "a machine is removed to be switched off: a request that has been on its way for long knows nothing of that",
	})
}

// errorOfTheSecond is what the first machine's error must not be mixed with.
func errorOfTheSecond(t *testing.T) {
	for _, want := range []error{errCaller, scaleout.ErrNoBackend} {
		first := always(scaleout.ErrDown)
		b := scaleout.NewBalancer(first)
		second := always(want)
		ended := make(chan error, 1)
		go func() { ended <- b.Do(background, 7) }()
		time.Sleep(time.Millisecond / 2)
		b.Add(second)
		err := <-ended
		expect.That(t, known.Is(err, want) && second.calls == 1, expect.Message{
			Did: fmt.Sprintf("sent a request to a machine that answers ErrDown, and to another one then, which answers "+
				"with an error of its own, %q", want),
			Want: "that error, and not ErrDown",
			Got:  fmt.Sprintf("Do returned %v", orNil(err)),
			Why: "an error that is both is taken for an outage by whoever asks for that first, such as a balancer in front " +
				"of this one; then a request that is wrong takes out whom it meets",
		})
	}
}

// during does something while it is called.
type during struct{ do func() error }

func (d *during) Call(context.Context, int) error { return d.do() }
