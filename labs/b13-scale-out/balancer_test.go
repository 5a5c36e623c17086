package scaleout_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

var background = context.Background()

func TestRequestsAndErrorsPassThrough(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, want := range []error{errCaller, context.Canceled, context.DeadlineExceeded,
			errors.New("backend down"), scaleout.ErrNoBackend} {
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
		patient := &desk{}
		done := send(scaleout.NewBalancer(patient), 8)
		time.Sleep(time.Hour)
		patient.answer(1, nil)
		time.Sleep(time.Millisecond)
		select {
		case err = <-done:
		default:
			err = errors.New("nothing")
		}
		expect.That(t, err == nil, expect.Message{
			Did:  "sent a request without a deadline to a machine that takes an hour for it",
			Want: "nil, an hour later",
			Got:  orNil(err),
			Why: "how long an answer is worth waiting for the caller decides, and who sets no " +
				"deadline has decided, too",
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
	for _, own := range []error{errCaller, context.DeadlineExceeded} {
		bubble.RunLeaky(t, func(t *testing.T) {
			busy, other := new(desk), new(desk)
			b := scaleout.NewBalancer(busy)
			send(b, 1)
			send(b, 2)
			b.Add(other)
			done := send(b, 3)
			other.answer(1, own)
			<-done
			send(b, 4)
			expect.That(t, other.called() == 2, expect.Message{
				Did: fmt.Sprintf(
					"let a machine answer a request with an error of its own, %q, and sent the "+
						"next one, when the other machine had two in flight", own),
				Want: "it goes to the same machine: that has nothing in flight, and is not down",
				Got: fmt.Sprintf("calls to it: %d, to the busy one: %d", other.called(),
					busy.called()),
				Why: "if every error took a machine out, one client with bad requests, or with a " +
					"deadline that is too short, could take out all of them",
			})
		})
	}
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
