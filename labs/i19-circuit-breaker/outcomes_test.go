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

var errLost = errors.New("connection lost")

func TestIsFailureDecidesWhatCounts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const answer = "\"no such customer\" is an answer: the dependency works. Counted as a " +
			"failure, a few mistyped numbers take it away from everybody"
		harmless(t, "fail with an error for which IsFailure returns false", unlessNotFound,
			errNotFound, answer)
		harmless(t, "fail with such an error, wrapped", unlessNotFound,
			fmt.Errorf("customer 7: %w", errNotFound), answer)
		harmless(t, "fail with context.DeadlineExceeded, for which IsFailure returns false",
			func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) },
			context.DeadlineExceeded, "which errors mean a sick dependency IsFailure decides. Where "+
				"callers set deadlines that are meant to be missed now and then, that is none")
		harmless(t, "fail with status 404, for which IsFailure returns false, wrapped around a "+
			"cause for which it would return true", unlessStatus404,
			&statusError{code: 404, cause: errSick}, "IsFailure is asked about the error that "+
				"the call returned: what the client put around the cause is what it decides by")
		harmless(t, "fail with an error for which IsFailure, which compares by !=, returns false",
			func(err error) bool { return err != errNotFound }, errNotFound, answer)
	})
}

func TestASuccessIsNeverAFailure(t *testing.T) {
	virtual(t, func(t *testing.T) {
		harmless(t, "succeed, where IsFailure(nil) would return true", unlessNotFound, nil,
			"IsFailure is there to judge errors. What it says about nil nobody has thought "+
				"about, and a success is a success")
	})
}

const tabClosed = "a user who closes the tab cancels the call and says nothing about the " +
	"dependency. Counted as failures, a few impatient users take it away from everybody"

func TestCancelledCallsDoNotCount(t *testing.T) {
	virtual(t, func(t *testing.T) {
		harmless(t, "end with context.Canceled, IsFailure being nil", nil, context.Canceled,
			tabClosed)
		harmless(t, "end with context.Canceled, for which IsFailure returns true", unlessNotFound,
			context.Canceled, tabClosed)
	})
}

func TestWrappedCancellationsDoNotCount(t *testing.T) {
	virtual(t, func(t *testing.T) {
		wrapped := fmt.Errorf("get customer 7: %w", context.Canceled)
		harmless(t, "end with a wrapped context.Canceled, IsFailure being nil", nil, wrapped,
			tabClosed)
		harmless(t, "end with a wrapped context.Canceled, for which IsFailure returns true",
			unlessNotFound, wrapped, tabClosed)
		harmless(t, "end with context.Canceled and another error, both wrapped in one", nil,
			fmt.Errorf("get customer 7: %w (%w)", errLost, context.Canceled), tabClosed)
		harmless(t, "end with context.Canceled, joined with another error", nil,
			errors.Join(errLost, context.Canceled), tabClosed)
		harmless(t, "end with context.Canceled, joined with context.DeadlineExceeded", nil,
			errors.Join(context.DeadlineExceeded, context.Canceled), tabClosed)
		harmless(t, "end with a list of errors, wrapped, one of which is context.Canceled", nil,
			fmt.Errorf("get customer 7: %w", errors.Join(errLost, context.Canceled)), tabClosed)
		harmless(t, "end with a list of errors, one of which is a wrapped list with a context.Canceled in it", nil,
			errors.Join(errLost, fmt.Errorf("get customer 7: %w", errors.Join(errLost, wrapped))), tabClosed)
		deep := error(context.Canceled)
		for range 50 {
			deep = fmt.Errorf("again: %w", deep)
		}
		harmless(t, "end with a context.Canceled that is wrapped 50 times", nil, deep, tabClosed)
	})
}

// alsoFailures look like a cancellation, or like no failure, and are one.
var alsoFailures = []error{
	context.DeadlineExceeded,
	fmt.Errorf("get customer 7: %w", context.DeadlineExceeded),
	errors.New("status 500: context canceled"),
	errors.Join(errSick, errLost),
	fmt.Errorf("a breaker behind this one: %w", breaker.ErrOpen),
	breaker.ErrOpen,
	(*silent)(nil),
}

// silent is an error also as a nil pointer.
type silent struct{}

func (*silent) Error() string { return "a nil pointer that is an error" }

// TestEveryOtherErrorCounts has what looks like a cancellation, or like no failure, and is one.
func TestEveryOtherErrorCounts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, err := range alsoFailures {
			counts(t, fmt.Sprintf("fail with %q", err), func(context.CancelFunc) error { return err })
		}
		counts(t, fmt.Sprintf("fail with %q after their callers have hung up", errSick),
			func(hangUp context.CancelFunc) error { hangUp(); return errSick })
		n := 0
		counts(t, "fail with another error each time", func(context.CancelFunc) error {
			n++
			return fmt.Errorf("error %d", n)
		})
	})
}

// counts makes five calls that must count. Each can end the context of its caller.
func counts(t *testing.T, calls string, fn func(context.CancelFunc) error) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		b.Do(ctx, func(context.Context) error { return fn(cancel) })
		cancel()
	}
	refused(t, b, &dependency{}, "with Failures: 5 and no IsFailure, made 5 calls that "+calls+
		"; then called again")
}

// harmless makes 100 calls that must not count, and sure that others still do.
func harmless(t *testing.T, calls string, isFailure func(error) bool, outcome error, why string) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second, IsFailure: isFailure})
	d := &dependency{err: outcome}
	for i := range 100 {
		err := b.Do(t.Context(), d.call)
		expect.That(t, known.Is(err, outcome) && d.calls() == i+1, expect.Message{
			Did: "with Failures: 5, made 100 calls that " + calls,
			Want: fmt.Sprintf(
				"all 100 reach the dependency and get %s: none of them says that it is sick",
				describe(outcome)),
			Got: fmt.Sprintf("call %d got %s; calls that reached the dependency: %d", i+1,
				describe(err), d.calls()),
			Why: why,
		})
	}
	trip(t, b, 5)
}

// unlessNotFound is an IsFailure as programs have it. It returns true for nil, about which nobody
// need ask it.
func unlessNotFound(err error) bool { return !errors.Is(err, errNotFound) }

// statusError is an error as HTTP clients have it.
type statusError struct {
	code  int
	cause error
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %v", e.code, e.cause) }
func (e *statusError) Unwrap() error { return e.cause }

// unlessStatus404 asks for the outermost that is known of an error.
func unlessStatus404(err error) bool {
	var status *statusError
	return !errors.As(err, &status) || status.code != 404
}
