package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
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
		opensAfterARareRun(t, time.Hour, "once an hour")
		opensAfterARareRun(t, 40*24*time.Hour, "every 40 days")
		opensAfterARareRun(t, 3*365*24*time.Hour, "every three years")
		opensAfterALongRun(t, 500)
		opensAfterALongRun(t, 70_000)
		neverOpens(t)
	})
}

// opensAfterARareRun lets calls fail that are hours or weeks apart: a run has no time in which it must end.
func opensAfterARareRun(t *testing.T, apart time.Duration, howOften string) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	d := &dependency{err: errSick}
	for range 5 {
		time.Sleep(apart)
		b.Do(t.Context(), d.call)
	}
	refused(t, b, d, fmt.Sprintf("with Failures: 5, called %s; after 5 calls, of which "+
		"%d reached the dependency and failed, called again", howOften, d.calls()))
}

func opensAfterALongRun(t *testing.T, failures int) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: failures, OpenFor: 30 * time.Second})
	reached := failing(t, b, failures)
	expect.That(t, reached == failures, expect.Message{
		Did:  fmt.Sprintf("with Failures: %d, made that many calls to a dependency that fails", failures),
		Want: "all of them reach the dependency: the circuit is still closed",
		Got:  fmt.Sprintf("%d reached it", reached),
		Why:  "a breaker for a million calls a minute is set to hundreds, or it opens every day",
	})
	refused(t, b, &dependency{}, fmt.Sprintf("with Failures: %d, called once more after that many failures", failures))
}

// neverOpens has the largest number of failures that there is, for circuits that are to stay closed.
func neverOpens(t *testing.T) {
	t.Helper()
	const calls = 1000
	b := breaker.New(breaker.Settings{Failures: math.MaxInt, OpenFor: 30 * time.Second})
	reached := failing(t, b, calls)
	expect.That(t, reached == calls && b.State() == "closed", expect.Message{
		Did: fmt.Sprintf("with the largest int as Failures, made %d calls to a dependency that fails", calls),
		Want: "all of them reach the dependency, and the circuit is closed still: it is a number of failures " +
			"that is never reached",
		Got: fmt.Sprintf("%d reached it; State is %q", reached, b.State()),
		Why: "who switches a breaker off does so by its settings; cut to fewer bits the largest number is −1",
	})
}

// failing makes calls that fail, and counts those that are let through.
func failing(t *testing.T, b *breaker.Breaker, calls int) (reached int) {
	t.Helper()
	for range calls {
		b.Do(t.Context(), func(context.Context) error { reached++; return errSick })
	}
	return reached
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
		d.err = errSick
		for range 5 {
			b.Do(t.Context(), d.call)
		}
		refused(t, b, d, did+", then let 5 calls in a row fail and called again")
		slowOnesCountWhenTheyReturn(t)
	})
}

// slowOnesCountWhenTheyReturn lets a call return after others that began later.
func slowOnesCountWhenTheyReturn(t *testing.T) {
	t.Helper()
	for _, slow := range []error{nil, errSick} {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		first, rest := &dependency{err: slow, takes: time.Second}, &dependency{err: errSick}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Do(t.Context(), first.call)
		}()
		time.Sleep(time.Millisecond)
		did := "with Failures: 5, began a slow call; let 4 calls fail; let the slow one succeed"
		if slow != nil {
			did = "with Failures: 5, began a slow call; let one succeed; let the slow one fail"
			rest.err = nil
			b.Do(t.Context(), rest.call)
			rest.err = errSick
			<-done
		}
		for range 4 {
			b.Do(t.Context(), rest.call)
		}
		<-done
		if slow != nil {
			refused(t, b, rest, did+", and 4 others; called again")
			continue
		}
		for i := range 5 {
			err := b.Do(t.Context(), rest.call)
			expect.That(t, known.Is(err, errSick), expect.Message{
				Did: did + "; let others fail", Want: fmt.Sprintf("failing call %d after it reaches "+
					"the dependency: it takes 5 again to open the circuit", i+1),
				Got: "the call got " + describe(err),
				Why: "that the dependency works is known when the call returns, and that is now",
			})
		}
		refused(t, b, rest, did+", and 5 others fail; called again")
	}
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
		longPause(t)
	})
}

// longPause has the longest that there is, for circuits that are closed by a restart.
func longPause(t *testing.T) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: math.MaxInt64})
	d := &dependency{err: errSick}
	for range 5 {
		b.Do(t.Context(), d.call)
	}
	did := "let 5 calls fail, with Failures: 5 and the longest time.Duration as OpenFor, 292 years; " +
		"called "
	refused(t, b, d, did+"at once")
	time.Sleep(365 * 24 * time.Hour)
	refused(t, b, d, did+"a year later")
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
		for _, pause := range []time.Duration{
			30 * time.Second, 1500 * time.Millisecond, 1500 * time.Microsecond, 1500 * time.Nanosecond,
		} {
			trialsFail(t, pause)
		}
		for _, err := range alsoFailures {
			aTrialFailsWith(t, fmt.Sprintf("ends with %q", err), func(context.CancelFunc) error { return err })
		}
		aTrialFailsWith(t, fmt.Sprintf("ends with %q after its caller has hung up", errSick),
			func(hangUp context.CancelFunc) error { hangUp(); return errSick })
		aTrialAfterYears(t)
	})
}

// aTrialAfterYears has nobody call for long after a pause.
func aTrialAfterYears(t *testing.T) {
	t.Helper()
	for _, idle := range []time.Duration{25 * time.Hour, 3 * 365 * 24 * time.Hour} {
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
		trip(t, b, 5)
		time.Sleep(idle)
		d := &dependency{err: errSick}
		b.Do(t.Context(), d.call)
		refused(t, b, d, fmt.Sprintf("opened the circuit for 30 s, let one call fail %v later, the first since then, and called again", idle))
	}
}

// trialsFail lets three trials fail, one after another, and looks at the moments before and after
// the end of each pause.
func trialsFail(t *testing.T, pause time.Duration) {
	t.Helper()
	edge := min(time.Millisecond, pause/10)
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: pause})
	trip(t, b, 5)
	tl := timeline.New("caller", "dependency")
	tl.Point("caller", "the circuit has opened for %v", pause)
	d := &dependency{err: errSick, takes: 10 * time.Second, tl: tl}
	since := fmt.Sprintf("after the circuit had opened for %v", pause)
	for i := 1; i <= 3; i++ {
		time.Sleep(pause - edge)
		refused(t, b, d, fmt.Sprintf("called %v %s", pause-edge, since))
		time.Sleep(2 * edge)
		before := d.calls()
		err := b.Do(t.Context(), d.call)
		ok := known.Is(err, errSick) && d.calls() == before+1
		d.got(err, ok)
		expect.That(t, ok, expect.Message{
			Did: fmt.Sprintf("called %v %s", pause+edge, since),
			Want: "the call is a trial: it reaches the dependency, which is still failing, " +
				"and gets its error",
			Got: fmt.Sprintf("%s; calls that reached the dependency: %d", describe(err),
				d.calls()-before),
			Why: "without a trial after each pause nobody finds out that the dependency is " +
				"well again",
			Picture: tl,
		})
		since = fmt.Sprintf("after trial %d had failed; the trial had taken 10 s, and OpenFor "+
			"is %v", i, pause)
		refused(t, b, d, "called right "+since)
	}
}

// aTrialFailsWith lets a trial end with an error that is a failure, as it would be of a closed circuit.
func aTrialFailsWith(t *testing.T, ends string, fn func(hangUp context.CancelFunc) error) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	trip(t, b, 5)
	time.Sleep(30*time.Second + time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.Do(ctx, func(context.Context) error { return fn(cancel) })
	did := "with Failures: 5, OpenFor: 30 s and no IsFailure, opened the circuit; made a trial that " + ends
	d := &dependency{}
	refused(t, b, d, did+"; called again")
	time.Sleep(30*time.Second - time.Millisecond)
	refused(t, b, d, did+"; called again 29.999 s later")
	time.Sleep(2 * time.Millisecond)
	err := b.Do(t.Context(), d.call)
	expect.That(t, err == nil && d.calls() == 1, expect.Message{
		Did:  did + "; called again 30.001 s later",
		Want: "the call is the next trial: it reaches the dependency and succeeds",
		Got:  fmt.Sprintf("%s; calls that reached it: %d", describe(err), d.calls()),
		Why:  "a trial that fails costs one pause, and no more",
	})
}

// TestATrialWithoutAnOutcomeIsNotTheLast leaves open what such a trial decides: the circuit may
// close, open again or stay half-open. It may not stay as it is for good.
func TestATrialWithoutAnOutcomeIsNotTheLast(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, err := range []error{context.Canceled, errNotFound} {
			afterATrialWithoutAnOutcome(t, err)
		}
	})
}

func afterATrialWithoutAnOutcome(t *testing.T, outcome error) {
	t.Helper()
	b := breaker.New(breaker.Settings{
		Failures: 5, OpenFor: 30 * time.Second, IsFailure: unlessNotFound,
	})
	trip(t, b, 5)
	d := &dependency{err: outcome}
	const trials = 4
	for range trials {
		time.Sleep(30*time.Second + time.Millisecond)
		b.Do(t.Context(), d.call)
	}
	time.Sleep(30*time.Second + time.Millisecond)
	tried := d.calls()
	d.err = nil
	err := b.Do(t.Context(), d.call)
	expect.That(t, tried == trials && err == nil && d.calls() == trials+1, expect.Message{
		Did: fmt.Sprintf("opened the circuit for 30 s; called each 30.001 s, %d times; each call ends "+
			"with %s, which is no failure; and called once more 30.001 s later", trials,
			describe(outcome)),
		Want: "all calls reach the dependency, and the last, which succeeds, returns nil",
		Got: fmt.Sprintf("%d of the calls reached the dependency; the last returned %s",
			d.calls(), describe(err)),
		Why: "one user who closes the tab in the wrong second would switch the dependency off " +
			"until somebody restarts the service",
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
		did := "closed the circuit with a trial that succeeded, let 5 calls fail, with Failures: 5"
		refused(t, b, d, did+", and called again")
		time.Sleep(30*time.Second - time.Millisecond)
		refused(t, b, d, did+", and called again 29.999 s later")
		time.Sleep(2 * time.Millisecond)
		d.err = nil
		before := d.calls()
		err := b.Do(t.Context(), d.call)
		expect.That(t, err == nil && d.calls() == before+1, expect.Message{
			Did:  did + ", and called again 30.001 s later; OpenFor is 30 s",
			Want: "the call is a trial: it reaches the dependency and succeeds",
			Got:  fmt.Sprintf("%s; calls that reached it: %d", describe(err), d.calls()-before),
			Why: "the second outage of a day is no worse than the first; how long the pause is the " +
				"settings say",
		})
		aTrialCloses(t, nil, "succeeded after an hour", "a trial that succeeds closes the circuit, however long it takes",
			func(context.CancelFunc) { time.Sleep(time.Hour) })
		aTrialCloses(t, nil, "succeeded after its caller had hung up", "what the call returned says that the "+
			"dependency works; whether somebody still waits for it does not matter",
			func(hangUp context.CancelFunc) { hangUp() })
		aTrialCloses(t, unlessNotFound, "succeeded, where IsFailure(nil) would return true",
			"a success is a success, and the end of the outage", func(context.CancelFunc) {})
		allTogetherAfterATrial(t)
		nobodyWaitsForATrial(t)
	})
}

// aTrialCloses lets a trial do something and succeed. It can end the context of its caller.
func aTrialCloses(
	t *testing.T, isFailure func(error) bool, succeeded, why string, fn func(hangUp context.CancelFunc),
) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second, IsFailure: isFailure})
	trip(t, b, 5)
	time.Sleep(30*time.Second + time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.Do(ctx, func(context.Context) error { fn(cancel); return nil })
	d := &dependency{err: errSick}
	for i := 1; i <= 5; i++ {
		err := b.Do(t.Context(), d.call)
		expect.That(t, known.Is(err, errSick), expect.Message{
			Did: "with Failures: 5 and OpenFor: 30 s, closed the circuit with a trial that " + succeeded +
				", then let calls fail",
			Want: fmt.Sprintf("failing call %d reaches the dependency: it takes 5 failures again", i),
			Got:  "the call got " + describe(err),
			Why:  why,
		})
	}
}

// allTogetherAfterATrial makes many calls at once when the circuit has closed again.
func allTogetherAfterATrial(t *testing.T) {
	t.Helper()
	const callers = 100
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	trip(t, b, 5)
	time.Sleep(30*time.Second + time.Millisecond)
	d := &dependency{}
	b.Do(t.Context(), d.call)
	d = &dependency{takes: time.Second}
	start := time.Now()
	served := together(callers, func() bool { return b.Do(t.Context(), d.call) == nil })
	took := time.Since(start)
	expect.That(t, served == callers && d.calls() == callers && took == d.takes, expect.Message{
		Did: fmt.Sprintf("closed the circuit with a trial that succeeded, and let %d goroutines call at one "+
			"instant; each call takes 1 s and succeeds", callers),
		Want: "all reach the dependency, run side by side, and are done after 1 s: the circuit is closed",
		Got: fmt.Sprintf("%d returned nil, %d reached the dependency; they were done after %v", served, d.calls(),
			took),
		Why: "closed is closed. What the breaker still refuses or holds up is an outage of its own making",
	})
}

// nobodyWaitsForATrial calls while a trial hangs. The call may be another trial, or be refused.
func nobodyWaitsForATrial(t *testing.T) {
	t.Helper()
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	trip(t, b, 5)
	time.Sleep(30*time.Second + time.Millisecond)
	trial, other := &dependency{takes: time.Hour}, &dependency{}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { b.Do(t.Context(), trial.call) })
	time.Sleep(time.Second) // it is under way
	start := time.Now()
	err := b.Do(t.Context(), other.call)
	took := time.Since(start)
	let := err == nil && other.calls() == 1 || known.Is(err, breaker.ErrOpen) && other.calls() == 0
	expect.That(t, let && took == 0, expect.Message{
		Did:  "called while a trial was running that took an hour; a call takes no time",
		Want: "at once either ErrOpen, the dependency not being called, or what the call returns: nil",
		Got:  fmt.Sprintf("%s after %v; calls that reached the dependency: %d", describe(err), took, other.calls()),
		Why: "one slow call holds up no other. Whoever waits for the trial of somebody else holds a connection, " +
			"memory and a user's patience, as before there was a breaker",
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
		time.Sleep(time.Hour)
		state("an hour after it had opened, without a call since", "open", "half-open")
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
		settingsOfItsOwn(t)
	})
}

// settingsOfItsOwn makes a second breaker beside the first, with other settings in each respect.
func settingsOfItsOwn(t *testing.T) {
	t.Helper()
	first := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	breaker.New(breaker.Settings{
		Failures: 1000, OpenFor: time.Millisecond, IsFailure: func(error) bool { return false },
	})
	d := &dependency{err: errSick}
	for range 5 {
		first.Do(t.Context(), d.call)
	}
	did := "made a breaker with Failures: 5, OpenFor: 30 s and no IsFailure, and then one with " +
		"other settings; let 5 calls fail through the first one, and called through it again"
	refused(t, first, d, did)
	time.Sleep(30*time.Second - time.Millisecond)
	refused(t, first, d, did+", once more after 29.999 s")
}

// thousandsAtOnce has more calls under way than anybody has thought of.
func thousandsAtOnce(t *testing.T) {
	t.Helper()
	const callers = 5000
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	d := &dependency{takes: time.Second}
	served := together(callers, func() bool { return b.Do(t.Context(), d.call) == nil })
	expect.That(t, served == callers, expect.Message{
		Did:  fmt.Sprintf("let %d goroutines call at one instant through a closed breaker; each call takes 1 s and succeeds", callers),
		Want: "all are served",
		Got:  fmt.Sprintf("%d were", served),
		Why:  "how many calls may run is the question of a bulkhead; a breaker asks only whether they fail",
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
		besideSlowCalls(t)
		thousandsAtOnce(t)
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

// besideSlowCalls makes calls while others hang, more of them than failures open the circuit.
func besideSlowCalls(t *testing.T) {
	t.Helper()
	const slow = 20
	b := breaker.New(breaker.Settings{Failures: 5, OpenFor: 30 * time.Second})
	hang, sick := &dependency{takes: time.Hour}, &dependency{err: errSick}
	var wg sync.WaitGroup
	defer wg.Wait()
	for range slow {
		wg.Go(func() { b.Do(t.Context(), hang.call) })
	}
	time.Sleep(time.Second) // they are under way
	start := time.Now()
	for range 5 {
		b.Do(t.Context(), sick.call)
	}
	took := time.Since(start)
	did := fmt.Sprintf("with Failures: 5, made 5 calls that fail at once while %d others hang", slow)
	expect.That(t, hang.calls() == slow && sick.calls() == 5 && took == 0, expect.Message{
		Did:  did,
		Want: "all of them reach the dependency at once, and the 5 are done in no time",
		Got: fmt.Sprintf("%d of those that hang reached it, and %d of the 5, which took %v",
			hang.calls(), sick.calls(), took),
		Why: "a call that hangs must cost its own caller only; the breaker is there to keep it so",
	})
	refused(t, b, sick, did+", and then another one")
}

// TestNothingRunsInTheBackground is the one check that looks at what is left: see virtual.
func TestNothingRunsInTheBackground(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		breaker.New(breaker.Settings{Failures: 5, OpenFor: time.Hour})
		b := breaker.New(breaker.Settings{Failures: 5, OpenFor: time.Hour})
		trip(t, b, 5)
		d := &dependency{}
		b.Do(t.Context(), d.call) // is refused
		for _, outcome := range []error{errSick, context.Canceled, nil} {
			// each is that of a trial
			time.Sleep(time.Hour + time.Millisecond)
			d.err = outcome
			b.Do(t.Context(), d.call)
		}
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
	tl    *timeline.Timeline // where its calls are drawn; may be nil
}

func (d *dependency) call(context.Context) error {
	d.n.Add(1)
	drawn := d.tl.Begin("dependency", "called")
	time.Sleep(d.takes)
	drawn.End("%s", describe(d.err))
	return d.err
}

// got draws what a caller got, and marks it if it is not what it should be.
func (d *dependency) got(err error, ok bool) {
	drawn := d.tl.Point("caller", "got %s", describe(err))
	if !ok {
		drawn.Breaks()
	}
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

// refused makes one call that must not be let through.
func refused(t *testing.T, b *breaker.Breaker, d *dependency, did string) {
	t.Helper()
	refusedIn(t.Context(), t, b, d, did)
}

func refusedIn(ctx context.Context, t *testing.T, b *breaker.Breaker, d *dependency, did string) {
	t.Helper()
	before := d.calls()
	err := b.Do(ctx, d.call)
	ok := refusals.Is(err, breaker.ErrOpen) && d.calls() == before
	d.got(err, ok)
	expect.That(t, ok, expect.Message{
		Did:  did,
		Want: "refused with ErrOpen, and the dependency is not called: the circuit is open",
		Got: fmt.Sprintf("%s; calls that reached the dependency: %d", describe(err),
			d.calls()-before),
		Why: "the pause is the rest that the dependency needs to recover; calls that come " +
			"through meanwhile keep it down",
		Picture: d.tl,
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

func describe(err error) string {
	switch {
	case err == nil:
		return "no error"
	case refusals.Is(err, breaker.ErrOpen):
		return "ErrOpen"
	}
	return "the error " + refusals.Quote(err)
}

// known are the errors that a caller must tell apart: nobody was asked, or somebody has failed.
var known = sentinel.Errors{"ErrOpen": breaker.ErrOpen, "the dependency's error": errSick}

// refusals: one is nothing else besides.
var refusals = sentinel.Errors{"ErrOpen": breaker.ErrOpen, "the dependency's error": errSick,
	"context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded}
