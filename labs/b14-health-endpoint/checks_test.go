package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
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
			var end atomic.Int64 // of the context; 0: it did not
			h := health.NewHealth(0, health.Check{Name: "db", Critical: true, Timeout: one.timeout,
				Func: func(ctx context.Context) error {
					begin := time.Now()
					context.AfterFunc(ctx, func() { end.Store(int64(time.Since(begin))) })
					time.Sleep(one.needs)
					return nil
				}})
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
			if one.code == 200 {
				return
			}
			time.Sleep(time.Minute) // it comes back
			from, to, ended := one.from, one.to, time.Duration(end.Load())
			if one.timeout > 0 {
				from, to = one.timeout, one.timeout+10*time.Millisecond
			}
			expect.That(t, ended >= from && ended <= to, expect.Message{
				Did: fmt.Sprintf("probed while the check of db, with a Timeout of %v, took %v, and looked at its context",
					one.timeout, one.needs),
				Want: fmt.Sprintf("it ends after %v to %v", from, to),
				Got:  fmt.Sprintf("it ended after %v", ended),
				Why:  "what goes on after the Timeout goes on for nobody, and keeps a connection",
			})
		})
	}
	withoutATimeout(t)
}

// withoutATimeout: a default holds for optional checks, too.
func withoutATimeout(t *testing.T) {
	t.Helper()
	for _, one := range []struct {
		needs time.Duration
		code  string
		is    string
	}{{900 * time.Millisecond, "ok", "up"}, {3100 * time.Millisecond, "degraded", "down"}} {
		bubble.Run(t, func(t *testing.T) {
			h := health.NewHealth(0, health.Check{Name: "search",
				Func: func(context.Context) error { time.Sleep(one.needs); return nil }})
			wantAnswer(t, fmt.Sprintf("probed while the check of search, an optional one without a Timeout, took %v",
				one.needs), serve(t, h, httptest.NewRequest("GET", "/healthz", nil)), 200, one.code,
				map[string]string{"search": one.is}, "without a Timeout it is one to three seconds, for each check")
			time.Sleep(time.Minute)
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
			did := fmt.Sprintf(
				"probed for the %s time while the check of cache (Critical: %t) panicked with %v",
				which, one.critical, one.value)
			got := probe(t, h, "GET")
			wantAnswer(t, did, got,
				one.code, one.status, map[string]string{"db": "up", "cache": "down"},
				"a check is code that runs while things are broken, so its bugs show at the "+
					"worst moment; it must not take the server with it")
			text, is := one.value.(string)
			expect.That(t, !is || !strings.Contains(got.body+fmt.Sprint(got.header), text), expect.Message{
				Did: did, Want: "nothing of that in the answer",
				Got: fmt.Sprintf("%s, with the headers %s", got, got.header),
				Why: "what panics carry is often made of an error, with all that it says of addresses and passwords",
			})
		}
	}
	var calls atomic.Int32
	h := health.NewHealth(0, health.Check{Name: "cache", Critical: true, Timeout: ample, Func: func(context.Context) error {
		if calls.Add(1) == 1 {
			panic("not ready")
		}
		return nil
	}})
	probe(t, h, "GET")
	wantAnswer(t, "probed while a check panicked, and again when it did not any more", probe(t, h, "GET"),
		200, "ok", map[string]string{"cache": "up"},
		"a panic says that the check has failed this time, and nothing of the next")
}

// TestALateResultCountsForNothing: not for the answer that was given up, and not for one that comes later.
func TestALateResultCountsForNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var db, search atomic.Int32
		h := health.NewHealth(time.Minute,
			health.Check{Name: "db", Critical: true, Timeout: 50 * time.Millisecond,
				Func: func(context.Context) error {
					switch db.Add(1) {
					case 1:
						time.Sleep(80 * time.Millisecond)
						return nil
					case 2:
						return errDown
					}
					return nil
				}},
			health.Check{Name: "search", Timeout: ample, Func: func(context.Context) error {
				search.Add(1)
				time.Sleep(100 * time.Millisecond)
				return nil
			}})
		const late = "a check of db, with a Timeout of 50 ms and a cacheFor of a minute, that returned nil after 80 ms"
		states := map[string]string{"db": "down", "search": "up"}
		wantAnswer(t, "probed "+late+", while another check took 100 ms", probe(t, h, "GET"), 503, "down", states,
			"it is down after its Timeout; whether others take longer has nothing to do with it")
		time.Sleep(10 * time.Second)
		wantAnswer(t, "probed again, 10 s after "+late, probe(t, h, "GET"), 503, "down", states,
			"what was found is that it took too long, and that is used for a minute like everything else")
		expect.That(t, db.Load() == 1 && search.Load() == 1, expect.Message{
			Did: "probed again, 10 s after " + late, Want: "no check run again",
			Got: fmt.Sprintf("db run %d times, search run %d times", db.Load(), search.Load()),
			Why: "a dependency that is too slow needs a rest more than any other",
		})
		time.Sleep(2 * time.Minute)
		wantAnswer(t, "probed once more, 2 minutes after "+late+", when it returned an error at once",
			probe(t, h, "GET"), 503, "down", states,
			"what a run found that was given up is as old as that run: who probes now wants to know about now")
		time.Sleep(2 * time.Minute)
		states["db"] = "up"
		wantAnswer(t, "probed a last time, 4 minutes after "+late+", when it returned nil at once",
			probe(t, h, "GET"), 200, "ok", states,
			"a check that was late once is a check like any other the next time")
	})
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
