package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	breaker "github.com/backend-labs/backend-labs/labs/i19-circuit-breaker"
)

var (
	errSick     = errors.New("connection refused")
	errNotFound = errors.New("no such customer")
)

func TestOpensAfterFailuresInARow(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, failures := range []int{5, 1, 2} {
			b := breaker.New(breaker.Settings{Failures: failures, OpenFor: 30 * time.Second})
			d := &dependency{err: errSick, takes: 100 * time.Millisecond}
			did := fmt.Sprintf(
				"made 20 calls, one after another, to a dependency that fails after 100 ms, "+
					"with Failures: %d", failures)
			for i := 1; i <= 20; i++ {
				start := time.Now()
				err := b.Do(t.Context(), d.call)
				took := time.Since(start)
				if i <= failures {
					expect.That(t, known.Is(err, errSick) && took == d.takes, expect.Message{
						Did: did,
						Want: fmt.Sprintf(
							"call %d reaches the dependency and gets its error: the circuit is "+
								"still closed", i),
						Got: fmt.Sprintf("call %d got %s after %v", i, describe(err), took),
						Why: "a breaker that opens too early refuses users whom the dependency " +
							"could have served",
					})
					continue
				}
				expect.That(t, known.Is(err, breaker.ErrOpen) && took == 0, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("call %d is refused with ErrOpen, in no time", i),
					Got:  fmt.Sprintf("call %d got %s after %v", i, describe(err), took),
					Why: "after that many failures in a row the next call would most likely " +
						"fail, too; its caller is better off with an error now",
				})
			}
			expect.That(t, d.calls() == failures, expect.Message{
				Did:  did,
				Want: fmt.Sprintf("the dependency is called %d times, then left alone", failures),
				Got:  fmt.Sprintf("it was called %d times", d.calls()),
				Why: "a dependency in trouble recovers when its callers stop calling; a " +
					"breaker that still calls it spares only the caller's patience",
			})
		}
	})
}

func TestASuccessStartsTheCountAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		d := &dependency{}
		did := "with Failures: 5, made 4 calls that fail and 1 that succeeds, three times over"
		for i := range 15 {
			d.err = errSick
			if i%5 == 4 {
				d.err = nil
			}
			err := b.Do(t.Context(), d.call)
			expect.That(t, known.Is(err, d.err) && d.calls() == i+1, expect.Message{
				Did: did,
				Want: fmt.Sprintf(
					"all 15 calls reach the dependency: never are there 5 failures in a row; "+
						"call %d gets %s", i+1, describe(d.err)),
				Got: fmt.Sprintf("call %d got %s; calls that reached the dependency: %d", i+1,
					describe(err), d.calls()),
				Why: "some failures are normal in a system that works. Whoever adds them up " +
					"opens the circuit of a healthy dependency sooner or later",
			})
		}
		trip(t, b, 5)
	})
}

func TestRefusedCallsDoNotExtendThePause(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		trip(t, b, 5)
		d := &dependency{}
		time.Sleep(500 * time.Millisecond)
		for i := range 30 { // at +0.5 s, +1.5 s, … +29.5 s
			refused(t, b, d, fmt.Sprintf(
				"opened the circuit for 30 s and called every second; call %d, at +%v", i+1,
				500*time.Millisecond+time.Duration(i)*time.Second))
			time.Sleep(time.Second)
		}
		err := b.Do(t.Context(), d.call)
		expect.That(t, err == nil && d.calls() == 1, expect.Message{
			Did: "opened the circuit for 30 s, was refused once a second, and called again at " +
				"+30.5 s",
			Want: "the call reaches the dependency, which has recovered: the pause is over",
			Got: fmt.Sprintf("%s; calls that reached the dependency: %d", describe(err),
				d.calls()),
			Why: "a service with users is called all the time. If each refusal starts the " +
				"pause again, it never ends, and the outage outlives its cause",
		})
	})
}

// TestCallersOfAHangingDependencyAreSpared measures what a breaker is for.
func TestCallersOfAHangingDependencyAreSpared(t *testing.T) {
	const (
		callers  = 100
		failures = 5
		deadline = 30 * time.Second
		// less than the deadline: the pause must not be over before it has begun
		openFor = 20 * time.Second
	)
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: failures, OpenFor: openFor})
		calls := 0
		hang := func(ctx context.Context) error {
			calls++
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Hour):
				return errors.New("called without its caller's deadline")
			}
		}
		did := fmt.Sprintf("let %d callers, one after another, call a dependency that hangs "+
			"until their deadline of %v, with Failures: %d and OpenFor: %v; whoever gets an "+
			"error falls back to a default answer",
			callers, deadline, failures, openFor)
		start := time.Now()
		answered := 0
		for range callers {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			if b.Do(ctx, hang) != nil {
				answered++ // by the fallback
			}
			cancel()
		}
		waited := time.Since(start)
		expect.That(t, calls >= failures, expect.Message{
			Did: did,
			Want: fmt.Sprintf(
				"the first %d reach the dependency: until then, nobody knows that it is sick",
				failures),
			Got: fmt.Sprintf("calls that reached the dependency: %d", calls),
		})
		expect.That(t, waited <= failures*deadline, expect.Message{
			Did: did,
			Want: fmt.Sprintf(
				"the first %d wait %v each and the others not at all: %v in total, instead of %v",
				failures, deadline, failures*deadline, callers*deadline),
			Got: fmt.Sprintf("they waited %v in total; calls that reached the dependency: %d",
				waited, calls),
			Why: "open means fail now. Each caller who waits holds a connection, memory and a " +
				"user's patience, so a slow dependency brings its callers down with it",
		})
		expect.That(t, answered == callers, expect.Message{
			Did: did,
			Want: fmt.Sprintf(
				"all %d get an answer: none of the calls can have succeeded, so each must "+
					"return an error", callers),
			Got: fmt.Sprintf(
				"%d got an answer; the calls of the others returned nil, as if they had been served", answered),
			Why: "a caller falls back when it sees an error; told that all is well, it shows " +
				"its user an empty page",
		})
	})
}

func TestAFailedTrialOpensTheCircuitAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		trip(t, b, 5)
		d := &dependency{err: errSick, takes: 10 * time.Second}
		since := "after the circuit had opened for 30 s"
		for i := 1; i <= 3; i++ {
			time.Sleep(30*time.Second - time.Millisecond)
			refused(t, b, d, "called 29.999 s "+since)
			time.Sleep(2 * time.Millisecond)
			before := d.calls()
			err := b.Do(t.Context(), d.call)
			expect.That(t, known.Is(err, errSick) && d.calls() == before+1, expect.Message{
				Did: "called 30.001 s " + since,
				Want: "the call is a trial: it reaches the dependency, which is still failing, " +
					"and gets its error",
				Got: fmt.Sprintf("%s; calls that reached the dependency: %d", describe(err),
					d.calls()-before),
				Why: "without a trial after each pause nobody finds out that the dependency is " +
					"well again",
			})
			since = fmt.Sprintf("after trial %d had failed; the trial had taken 10 s", i)
			refused(t, b, d, "called right "+since)
		}
	})
}

func TestASuccessfulTrialClosesTheCircuit(t *testing.T) {
	recovered := func(t *testing.T) (*breaker.Breaker, *dependency) {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		trip(t, b, 5)
		time.Sleep(30*time.Second + time.Millisecond)
		d := &dependency{}
		err := b.Do(t.Context(), d.call)
		expect.That(t, err == nil && d.calls() == 1, expect.Message{
			Did: "opened the circuit for 30 s, waited 30.001 s, and called the dependency, " +
				"which has recovered",
			Want: "the call is a trial: it reaches the dependency and succeeds",
			Got: fmt.Sprintf("%s; calls that reached the dependency: %d", describe(err),
				d.calls()),
			Why: "without a trial after the pause nobody finds out that the dependency is well " +
				"again",
		})
		return b, d
	}
	virtual(t, func(t *testing.T) {
		b, d := recovered(t)
		for i := 2; i <= 100; i++ {
			err := b.Do(t.Context(), d.call)
			expect.That(t, err == nil && d.calls() == i, expect.Message{
				Did: "opened the circuit, waited until the pause was over, and made 100 calls " +
					"to the dependency, which has recovered",
				Want: "all 100 succeed: the first as a trial, the others because it has closed " +
					"the circuit",
				Got: fmt.Sprintf("call %d got %s; calls that reached the dependency: %d", i,
					describe(err), d.calls()),
				Why: "a dependency that works is to be used; what the breaker refuses now is " +
					"an outage of its own making",
			})
		}

		b, d = recovered(t)
		d.err = errSick
		for i := 1; i <= 5; i++ {
			err := b.Do(t.Context(), d.call)
			expect.That(t, known.Is(err, errSick), expect.Message{
				Did: "closed the circuit with a trial that succeeded, then let calls fail, " +
					"with Failures: 5",
				Want: fmt.Sprintf(
					"failing call %d reaches the dependency: it takes 5 failures again to open "+
						"the circuit", i),
				Got: "the call got " + describe(err),
				Why: "a circuit that has closed starts with a clean slate. If old failures " +
					"still count, the first hiccup after an outage starts the next one",
			})
		}
		refused(t, b, d, "closed the circuit with a trial that succeeded, let 5 calls fail, "+
			"with Failures: 5, and called again")
	})
}

func TestIsFailureDecidesWhatCounts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const answer = "\"no such customer\" is an answer: the dependency works. Counted as a " +
			"failure, a few mistyped numbers take it away from everybody"
		harmless(t, "fail with an error for which IsFailure returns false", unlessNotFound,
			errNotFound, answer)
		harmless(t, "fail with such an error, wrapped", unlessNotFound,
			fmt.Errorf("customer 7: %w", errNotFound), answer)
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
	})
}

// TestTheCallPassesThroughUnchanged: whoever puts a breaker around a call must not have to change
// anything else.
func TestTheCallPassesThroughUnchanged(t *testing.T) {
	type key struct{}
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "trace 7"))
		defer cancel()
		var value any
		var before, after error
		called := false
		err := b.Do(ctx, func(ctx context.Context) error {
			called = true
			value, before = ctx.Value(key{}), ctx.Err()
			cancel()
			after = ctx.Err()
			return nil
		})
		expect.That(t, called && err == nil, expect.Message{
			Did:  "made a call that succeeds, through a new breaker",
			Want: "fn is called, and Do returns nil",
			Got:  fmt.Sprintf("fn called: %v; Do returned %s", called, describe(err)),
		})
		expect.That(t, value == "trace 7" && before == nil && after == context.Canceled,
			expect.Message{
				Did: "called Do with a context that carries a value, and cancelled it while fn was " +
					"running",
				Want: "fn sees the value and, then, the cancellation: it was given the context of " +
					"its call",
				Got: fmt.Sprintf("value: %v; error before the cancellation: %v; after it: %v",
					value,
					before, after),
				Why: "deadlines, cancellation and traces travel in the context; cut off from it, " +
					"the call goes on when nobody waits for it any more",
			})
		for _, want := range []error{errSick, fmt.Errorf("get customer 7: %w", errSick)} {
			err := b.Do(t.Context(), func(context.Context) error { return want })
			expect.That(t, err == want, expect.Message{
				Did:  fmt.Sprintf("made a call that fails with %s", describe(want)),
				Want: "Do returns the very same error",
				Got:  "it returned " + describe(err),
				Why: "the caller decides by this error what to do next; changed, it is not " +
					"recognised any more",
			})
		}
	})
}

func TestStateSaysWhatTheBreakerDoes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: 2, OpenFor: 30 * time.Second})
		state := func(when string, want ...string) {
			t.Helper()
			got := b.State()
			if slices.Contains(want, got) {
				return
			}
			expect.Fatal(t, expect.Message{
				Did:  "asked for the State of a breaker with Failures: 2 and OpenFor: 30 s " + when,
				Want: strings.Join(want, " or "),
				Got:  fmt.Sprintf("%q", got),
				Why: "dashboards and alerts show this word; during an outage it is what people " +
					"decide by",
			})
		}
		call := func(d *dependency, meanwhile func()) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				b.Do(t.Context(), d.call)
			}()
			time.Sleep(d.takes / 2)
			meanwhile()
			<-done
		}
		sick := &dependency{err: errSick, takes: time.Second}
		well := &dependency{takes: time.Second}
		state("before the first call", "closed")
		call(sick, func() { state("while the first call was running", "closed") })
		state("after one failure", "closed")
		call(sick, func() { state("while the second call was running", "closed") })
		state("after two failures", "open")
		time.Sleep(30*time.Second - time.Millisecond)
		state("29.999 s after it had opened", "open")
		time.Sleep(2 * time.Millisecond)
		state("30.001 s after it had opened", "open", "half-open")
		call(sick, func() { state("while a trial was running", "half-open") })
		state("after the trial had failed", "open")
		time.Sleep(30*time.Second + time.Millisecond)
		call(well, func() { state("while the second trial was running", "half-open") })
		state("after the second trial had succeeded", "closed")
	})
}

func TestBreakersAreIndependent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		settings := breaker.Settings{Failures: 5, OpenFor: 30 * time.Second}
		search, payment := breaker.New(settings), breaker.New(settings)
		trip(t, search, 5)
		did := "opened the breaker of one dependency, and made 20 calls to another one, which " +
			"works, through its own breaker"
		d := &dependency{}
		for i := range 20 {
			err := payment.Do(t.Context(), d.call)
			expect.That(t, err == nil && d.calls() == i+1, expect.Message{
				Did:  did,
				Want: "all 20 succeed",
				Got: fmt.Sprintf("call %d got %s; calls that reached the dependency: %d", i+1,
					describe(err), d.calls()),
				Why: "if one dependency's failures open another one's circuit, the breaker " +
					"spreads the outage that it is there to contain",
			})
		}
		refused(t, search, d, "called through the first breaker again, after the other "+
			"dependency's 20 successes")
	})
}

func TestManyCallersAtOnce(t *testing.T) {
	const callers = 1000
	virtual(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{
			Failures: callers,
			OpenFor:  30 * time.Second,
			IsFailure: func(error) bool {
				for range 10 {
					runtime.Gosched() // let other calls end meanwhile
				}
				return true
			},
		})
		d := &dependency{err: errSick, takes: time.Second}
		start := time.Now()
		failed := together(callers, func() bool {
			return known.Is(b.Do(t.Context(), d.call),
				errSick)
		})
		took := time.Since(start)
		expect.That(t, failed == callers && d.calls() == callers, expect.Message{
			Did: fmt.Sprintf(
				"let %d goroutines call at one instant through a closed breaker; each call "+
					"takes 1 s and fails", callers),
			Want: "all are let through, since nothing has failed yet, and get the dependency's " +
				"error",
			Got: fmt.Sprintf("%d reached the dependency, %d got its error", d.calls(), failed),
			Why: "a closed breaker must not be in the way",
		})
		expect.That(t, took == d.takes, expect.Message{
			Did: fmt.Sprintf(
				"let %d goroutines call at one instant through a closed breaker; each call "+
					"takes 1 s", callers),
			Want: "they run side by side and are done after 1 s",
			Got:  fmt.Sprintf("they were done after %v", took),
			Why: "a breaker that lets one call through at a time is a bottleneck in front of a " +
				"dependency that works",
		})
		start = time.Now()
		rejected := together(callers, func() bool {
			return known.Is(b.Do(t.Context(), d.call),
				breaker.ErrOpen)
		})
		took = time.Since(start)
		expect.That(t, rejected == callers && d.calls() == callers && took == 0, expect.Message{
			Did: fmt.Sprintf(
				"let %d calls fail at one instant, with Failures: %d, and then %d goroutines "+
					"call again", callers, callers, callers),
			Want: "the circuit is open: all are refused with ErrOpen, in no time, and none " +
				"reaches the dependency",
			Got: fmt.Sprintf("%d were refused, %d reached the dependency, after %v", rejected,
				d.calls()-callers, took),
			Why: "failures come all at once, from very many requests. Those that get lost " +
				"while others are counted keep the circuit closed just when it is needed",
		})
	})

	// Where no code of the check's runs between looking and counting, a failure is lost only when
	// two calls end within nanoseconds of each other. So two goroutines let calls fail at the same
	// moment, many times over, in real time.
	const breakers, pairs = 200, 10
	fail := func(context.Context) error { return errSick }
	lockstep.Enough(10_000, 3*time.Second, func() int {
		bs := make([]*breaker.Breaker, breakers)
		for i := range bs {
			bs[i] = breaker.New(breaker.Settings{Failures: 2 * pairs, OpenFor: time.Hour})
		}
		rounds, together := lockstep.Run(breakers*pairs, 2, time.Second, func(round, _ int) {
			bs[round/pairs].Do(context.Background(), fail)
		})
		for _, b := range bs[:rounds/pairs] {
			if err := b.Do(context.Background(), fail); !known.Is(err, breaker.ErrOpen) {
				expect.Fatal(t, expect.Message{
					Did: fmt.Sprintf(
						"let 2 goroutines make a failing call each at the same moment, %d times "+
							"over, with Failures: %d, through many breakers", pairs, 2*pairs),
					Want: "each circuit is open then: the next call gets ErrOpen",
					Got: fmt.Sprintf(
						"the next call through one of them got %s: of two failures that came at "+
							"the same time, one was not counted", describe(err)),
					Why: "the breaker is asked by all requests of the server at once, and " +
						"failures come all at once, too",
				})
			}
		}
		return together
	})
}

// TestNothingRunsInTheBackground is the one check that looks at what is left: see virtual.
func TestNothingRunsInTheBackground(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: time.Hour})
		trip(t, b, 5)
	})
}

// virtual runs f in virtual time. A breaker has no Close, so what it leaves behind is the business
// of one check alone, and does not fail all the others with it.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// dependency stands for the service behind the breaker.
type dependency struct {
	err   error         // what a call returns
	takes time.Duration // how long it takes
	n     atomic.Int64
}

func (d *dependency) call(context.Context) error {
	d.n.Add(1)
	time.Sleep(d.takes)
	return d.err
}

// calls is how many calls have reached the dependency.
func (d *dependency) calls() int { return int(d.n.Load()) }

// trip lets calls fail until the circuit opens. Exactly when it does is the business of the first
// check, so this one takes what comes: with one thing wrong, one check fails and not all of them.
func trip(t *testing.T, b *breaker.Breaker, failures int) {
	t.Helper()
	d := &dependency{err: errSick}
	for i := range 3 * failures {
		err := b.Do(t.Context(), d.call)
		reached := d.calls() == i+1
		switch {
		case i == 0 && !reached:
			expect.Fatal(t, expect.Message{
				Did:  fmt.Sprintf("called through a closed breaker with Failures: %d", failures),
				Want: "the call reaches the dependency, which fails",
				Got:  "the dependency was not called; Do returned " + describe(err),
			})
		case !reached || known.Is(err, breaker.ErrOpen):
			return
		}
	}
	expect.Fatal(t, expect.Message{
		Did:  fmt.Sprintf("let %d calls in a row fail, with Failures: %d", 3*failures, failures),
		Want: "the circuit opens",
		Got:  fmt.Sprintf("all %d calls reached the dependency", d.calls()),
		Why:  "calls to a dependency that fails every time help nobody, and keep it from recovering",
	})
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

// refused makes one call that must not be let through.
func refused(t *testing.T, b *breaker.Breaker, d *dependency, did string) {
	t.Helper()
	before := d.calls()
	err := b.Do(t.Context(), d.call)
	expect.That(t, known.Is(err, breaker.ErrOpen) && d.calls() == before, expect.Message{
		Did:  did,
		Want: "refused with ErrOpen, and the dependency is not called: the circuit is open",
		Got: fmt.Sprintf("%s; calls that reached the dependency: %d", describe(err),
			d.calls()-before),
		Why: "the pause is the rest that the dependency needs to recover; calls that come " +
			"through meanwhile keep it down",
	})
}

// together lets n goroutines call f at one instant and counts how often it returned true.
func together(n int, f func() bool) int {
	var yes atomic.Int64
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-gate
			if f() {
				yes.Add(1)
			}
		})
	}
	close(gate)
	wg.Wait()
	return int(yes.Load())
}

// unlessNotFound is an IsFailure as programs have it. It returns true for nil, about which nobody
// need ask it.
func unlessNotFound(err error) bool { return !errors.Is(err, errNotFound) }

func describe(err error) string {
	switch {
	case err == nil:
		return "no error"
	case known.Is(err, breaker.ErrOpen):
		return "ErrOpen"
	}
	return "the error " + known.Quote(err)
}

// known are the errors that a caller must tell apart: nobody was asked, or somebody has failed.
var known = sentinel.Errors{"ErrOpen": breaker.ErrOpen, "the dependency's error": errSick}
