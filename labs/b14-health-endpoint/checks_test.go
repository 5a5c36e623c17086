package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	health "github.com/backend-labs/backend-labs/labs/b14-health-endpoint"
)

func TestAHungCheckIsDown(t *testing.T) {
	const limit = 500 * time.Millisecond
	hung := health.Check{Name: "db", Critical: true, Timeout: 50 * time.Millisecond, Func: hang(t)}
	h := health.NewHealth(0, hung, optional("mail", nil))
	for _, which := range []string{"first", "second"} {
		did := fmt.Sprintf("probed for the %s time while the check of db, with a Timeout of 50 "+
			"ms, ignored its context and never returned", which)
		var got answer
		for range 3 { // a busy machine may be late once
			if got = probe(t, h, "GET"); got.took <= limit || got.broken != "" {
				break
			}
		}
		want := fmt.Sprintf("an answer within %v that says that db is down", limit)
		why := "a prober waits a second or so; then no answer is as bad as a wrong one, and it " +
			"does not say which of your dependencies hangs"
		expect.That(t, got.broken == "" && got.took <= limit, expect.Message{
			Did: did, Want: want, Got: fmt.Sprintf("%s, after %v", got,
				got.took.Round(time.Millisecond)), Why: why,
		})
		wantAnswer(t, did, got, 503, "down", map[string]string{"db": "down", "mail": "up"}, why)
	}
}

func TestTheTimeoutReachesTheCheck(t *testing.T) {
	eachTimeoutHolds(t) // first: nothing of it may be left from real time
	ended := make(chan error, 8)
	wait := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			ended <- nil
			return ctx.Err()
		case <-time.After(ample):
			ended <- errors.New("not ended")
			return nil
		}
	}
	h := health.NewHealth(0, health.Check{Name: "db", Critical: true,
		Timeout: 50 * time.Millisecond, Func: wait})
	did := "probed while a check with a Timeout of 50 ms waited for its context to end"
	got := probe(t, h, "GET")
	wantAnswer(t, did, got, 503, "down", map[string]string{"db": "down"},
		"a check that needs longer than it may is down")
	expect.That(t, <-ended == nil, expect.Message{
		Did:  did,
		Want: "the context ends after 50 ms",
		Got:  fmt.Sprintf("%v later it had not", ample),
		Why: "nobody waits for this query any more, so it should stop; otherwise each probe of " +
			"a slow database leaves one more query behind",
	})
	left := time.Hour
	long := health.NewHealth(0, health.Check{Name: "db", Timeout: 10 * time.Minute,
		Func: func(ctx context.Context) error {
			if at, limited := ctx.Deadline(); limited {
				left = time.Until(at)
			}
			return nil
		}})
	probe(t, long, "GET")
	expect.That(t, left > 9*time.Minute, expect.Message{
		Did:  "probed a check with a Timeout of 10 minutes, and looked at its context",
		Want: "no deadline before that",
		Got:  fmt.Sprintf("a deadline in %v", left.Round(time.Second)),
		Why:  "whoever has set a Timeout knows how slow the dependency is when it is well",
	})
}

// eachTimeoutHolds has short and long ones, in virtual time.
func eachTimeoutHolds(t *testing.T) {
	t.Helper()
	for _, one := range []struct {
		timeout, needs time.Duration
		code           int
		from, to       time.Duration // when the answer is due
	}{
		{time.Millisecond, 20 * time.Second, 503, 0, 500 * time.Millisecond},
		{0, 20 * time.Second, 503, time.Second, 3 * time.Second},
		{0, 900 * time.Millisecond, 200, 0, 3 * time.Second},
		{time.Minute, 40 * time.Second, 200, 0, time.Minute},
	} {
		bubble.Run(t, func(t *testing.T) {
			h := health.NewHealth(0, health.Check{Name: "db", Critical: true, Timeout: one.timeout,
				Func: func(context.Context) error { time.Sleep(one.needs); return nil }})
			got := serve(t, h, httptest.NewRequest("GET", "/healthz", nil))
			expect.That(t, got.broken == "" && got.code == one.code && got.took >= one.from &&
				got.took <= one.to, expect.Message{
				Did: fmt.Sprintf("probed while the check of db, with a Timeout of %v, took %v",
					one.timeout, one.needs),
				Want: fmt.Sprintf("%d, after %v to %v", one.code, one.from, one.to),
				Got:  fmt.Sprintf("%s, after %v", got, got.took),
				Why: "the Timeout alone says how long a check may take; without one it is one to " +
					"three seconds, and a prober is not kept waiting for longer",
			})
			time.Sleep(time.Minute) // it comes back
		})
	}
}

// TestChecksRunAtTheSameTime has checks that wait for each other: one after the other, or a few at
// a time, they never meet.
func TestChecksRunAtTheSameTime(t *testing.T) {
	for _, n := range []int{2, 20, 200} {
		meet(t, n)
	}
}

func meet(t *testing.T, n int) {
	t.Helper()
	var checks []health.Check
	var here sync.WaitGroup
	here.Add(n)
	all, tired := make(chan struct{}), make(chan struct{})
	go func() { here.Wait(); close(all) }()
	var once sync.Once
	states := map[string]string{}
	for i := range n {
		name := fmt.Sprint("shard-", i+1)
		states[name] = "up"
		var first sync.Once
		checks = append(checks, health.Check{Name: name, Critical: i%2 == 0, Timeout: ample,
			Func: func(context.Context) error {
				first.Do(here.Done)
				select {
				case <-all:
					return nil
				case <-tired:
				case <-time.After(ample / 2):
					once.Do(func() { close(tired) })
				}
				return errors.New("the others did not come")
			}})
	}
	wantAnswer(t, fmt.Sprintf("probed a handler with %d checks, each of which waits until all "+
		"of them are running", n),
		probe(t, health.NewHealth(0, checks...), "GET"), 200, "ok", states,
		"one after the other, or a few at a time, the times add up, and so do the timeouts: with "+
			"each new dependency the answer comes later, until the prober gives up on an "+
			"instance that is well")
}

// TestOneCheckDoesNotEndAnother: each looks at something else.
func TestOneCheckDoesNotEndAnother(t *testing.T) {
	slow := health.Check{Name: "search", Timeout: ample, Func: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
			return nil
		}
	}}
	wantAnswer(t, "probed while the check of db, a critical one, failed at once, and that of "+
		"search, with a Timeout of 5 s, succeeded after 100 ms",
		probe(t, health.NewHealth(0, critical("db", errDown), slow), "GET"), 503, "down",
		map[string]string{"db": "down", "search": "up"},
		"whoever is woken at night looks here for what is broken; a check that was cut short "+
			"sends them to the wrong place")
}

func TestAPanicIsDown(t *testing.T) {
	for _, one := range []struct {
		critical bool
		value    any
		code     int
		status   string
	}{
		{true, "nil map", 503, "down"}, {false, "nil map", 200, "degraded"},
		{true, errors.New("index out of range"), 503, "down"}, {true, 42, 503, "down"},
		{true, nil, 503, "down"}, {true, http.ErrAbortHandler, 503, "down"},
	} {
		h := health.NewHealth(0, critical("db", nil), health.Check{
			Name: "cache", Critical: one.critical, Timeout: ample,
			Func: func(context.Context) error { panic(one.value) },
		})
		for _, which := range []string{"first", "second"} {
			wantAnswer(t, fmt.Sprintf(
				"probed for the %s time while the check of cache (Critical: %t) panicked with %v",
				which, one.critical, one.value), probe(t, h, "GET"),
				one.code, one.status, map[string]string{"db": "up", "cache": "down"},
				"a check is code that runs while things are broken, so its bugs show at the "+
					"worst moment; it must not take the server with it")
		}
	}
}

// TestALatecomerDoesNoHarm: nobody waits any more when it comes back.
func TestALatecomerDoesNoHarm(t *testing.T) {
	bubble.Run(t, func(t *testing.T) { // which says so if a goroutine is left
		h := health.NewHealth(0, health.Check{Name: "db", Critical: true,
			Timeout: 20 * time.Millisecond, Func: func(context.Context) error {
				time.Sleep(time.Second)
				return nil
			}})
		wantAnswer(t, "probed while the check of db took a second, with a Timeout of 20 ms",
			probe(t, h, "GET"), 503, "down", map[string]string{"db": "down"}, "")
		time.Sleep(2 * time.Second)
	})
	for _, late := range []struct {
		how string
		end func() error
	}{
		{"returned nil", func() error { return nil }},
		{"returned an error", func() error { return errDown }},
		{"panicked", func() error { panic("late") }},
	} {
		release, gone := make(chan struct{}), make(chan struct{})
		var once sync.Once
		h := health.NewHealth(0, health.Check{Name: "db", Critical: true,
			Timeout: 20 * time.Millisecond, Func: func(context.Context) (err error) {
				defer once.Do(func() { close(gone) })
				<-release
				return late.end()
			}})
		wantAnswer(t, "probed while the check of db took longer than its Timeout of 20 ms",
			probe(t, h, "GET"), 503, "down", map[string]string{"db": "down"}, "")
		close(release)
		<-gone
		time.Sleep(20 * time.Millisecond) // whoever takes its result may fall over it now
		got := probe(t, h, "GET")
		expect.That(t, got.broken == "" && got.code != 0, expect.Message{
			Did:  "probed once more when the check, long over its Timeout, had " + late.how,
			Want: "an answer", Got: got.String(),
			Why: "what was given up comes back one day; it must find a place to put its " +
				"result, or not look for one",
		})
	}
}
