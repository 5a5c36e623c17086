package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	breaker "github.com/backend-labs/backend-labs/labs/i19-circuit-breaker"
)

// TestTheCallPassesThroughUnchanged: whoever puts a breaker around a call must not have to change
// anything else.
func TestTheCallPassesThroughUnchanged(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, trial := range []bool{false, true} {
			contextIsTheCallers(t, ready(t, trial), trial)
			contextOutlivesTheCall(t, ready(t, trial), trial)
			errorsAreTheCalls(t, trial)
			contextHasEnded(t, ready(t, trial), trial)
		}
	})
}

// ready is a breaker whose next call is let through: as a trial, or because it is closed.
func ready(t *testing.T, trial bool) *breaker.Breaker {
	t.Helper()
	b := breaker.New(breaker.Settings{
		Failures: 2, OpenFor: 30 * time.Second, IsFailure: unlessNotFound,
	})
	if trial {
		trip(t, b, 2)
		time.Sleep(30*time.Second + time.Millisecond)
	}
	return b
}

// through says how a call goes through a breaker that is ready.
func through(trial bool) string {
	if trial {
		return "as the trial after a pause of 30 s"
	}
	return "through a closed breaker"
}

func errorsAreTheCalls(t *testing.T, trial bool) {
	t.Helper()
	for _, want := range []error{
		errSick, fmt.Errorf("get customer 7: %w", errSick), errNotFound,
		fmt.Errorf("get customer 7: %w", errNotFound), context.Canceled,
		fmt.Errorf("get customer 7: %w", context.Canceled), errors.Join(errLost, context.Canceled),
		fmt.Errorf("get customer 7: %w", context.DeadlineExceeded),
		fmt.Errorf("a breaker behind this one: %w", breaker.ErrOpen), breaker.ErrOpen,
	} {
		b := ready(t, trial)
		for i := range 2 { // the second opens the circuit, where it counts
			called := false
			err := b.Do(t.Context(), func(context.Context) error { called = true; return want })
			if !called && i == 1 {
				break // a trial that failed, or ended with neither
			}
			expect.That(t, err == want, expect.Message{
				Did: fmt.Sprintf("made a call that fails with %q, %s with Failures: 2; call %d", want,
					through(trial), i+1),
				Want: "Do returns the very same error",
				Got:  "it returned " + describe(err),
				Why: "the caller decides by this error what to do next; changed, it is not " +
					"recognised any more",
			})
		}
	}
}

// contextIsTheCallers lets a caller hang up while its call goes on.
func contextIsTheCallers(t *testing.T, b *breaker.Breaker, trial bool) {
	t.Helper()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "trace 7"))
	defer cancel()
	var value any
	var before, after error
	called, start := false, time.Now()
	err := b.Do(ctx, func(ctx context.Context) error {
		called = true
		value, before = ctx.Value(key{}), ctx.Err()
		cancel()
		after = ctx.Err()
		time.Sleep(time.Second)
		return nil
	})
	took := time.Since(start)
	expect.That(t, called && err == nil && took == time.Second, expect.Message{
		Did: "made a call " + through(trial) + "; its caller hangs up, and the call succeeds " +
			"nevertheless, after 1 s",
		Want: "fn is called, and Do returns nil after 1 s, when fn has returned nil",
		Got: fmt.Sprintf("fn called: %v; Do returned %s after %v", called, describe(err),
			took),
		Why: "what the call did is known when it returns. A breaker that leaves earlier reports a " +
			"failure of something that is still being done, and will be",
	})
	expect.That(t, value == "trace 7" && before == nil && after == context.Canceled,
		expect.Message{
			Did: "called Do with a context that carries a value, " + through(trial) + ", and cancelled " +
				"it while fn was running",
			Want: "fn sees the value and, then, the cancellation: it was given the context of " +
				"its call",
			Got: fmt.Sprintf("value: %v; error before the cancellation: %v; after it: %v",
				value, before, after),
			Why: "deadlines, cancellation and traces travel in the context; cut off from it, " +
				"the call goes on when nobody waits for it any more",
		})
}

// contextOutlivesTheCall looks at what fn was given when Do has returned.
func contextOutlivesTheCall(t *testing.T, b *breaker.Breaker, trial bool) {
	t.Helper()
	var given context.Context
	b.Do(t.Context(), func(ctx context.Context) error { given = ctx; return nil })
	if given == nil {
		return // said already
	}
	_, bounded := given.Deadline()
	expect.That(t, !bounded && given.Err() == nil, expect.Message{
		Did: "called Do with a context without a deadline, " + through(trial) + ", and looked at the " +
			"context that fn was given: during the call and after it",
		Want: "it has no deadline, and does not end with the call",
		Got: fmt.Sprintf("%s it has a deadline: %v; its error after the call: %v", through(trial), bounded,
			given.Err()),
		Why: "how long a call may take its caller knows; and what a call returns, such as the body " +
			"of a response, is often read after it, under the same context",
	})
	expect.That(t, given == t.Context(), expect.Message{
		Did:  "called Do with a context, " + through(trial) + ", and compared it with the one that fn was given",
		Want: "it is the same one",
		Got:  "another one",
		Why: "one that is derived from it is kept by it until it ends; where the caller lives as long as the process, each call " +
			"leaves one behind",
	})
}

// contextHasEnded makes calls whose callers are gone before they begin.
func contextHasEnded(t *testing.T, b *breaker.Breaker, trial bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &dependency{}
	err := b.Do(ctx, d.call)
	expect.That(t, err == nil && d.calls() == 1, expect.Message{
		Did: "called Do with a context that was cancelled before, " + through(trial) + "; fn does " +
			"not mind and returns nil",
		Want: "fn is called, and Do returns nil",
		Got:  fmt.Sprintf("%s; calls that reached fn: %d", describe(err), d.calls()),
		Why: "what a cancelled context means is up to the call: some answer from memory, others " +
			"have work to finish. A breaker has one question only, and it is not about the caller",
	})
	full := breaker.New(breaker.Settings{Failures: 1, OpenFor: 30 * time.Second})
	trip(t, full, 1)
	refusedIn(ctx, t, full, d, "opened the circuit, and called with a context that was cancelled before")
}
