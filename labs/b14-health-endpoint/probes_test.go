package health_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	health "github.com/backend-labs/backend-labs/labs/b14-health-endpoint"
)

func TestProbesShareWhatWasFound(t *testing.T) {
	const probers = 200
	var db, search atomic.Int32
	slow := func(runs *atomic.Int32, err error) func(context.Context) error {
		return func(context.Context) error {
			runs.Add(1)
			time.Sleep(30 * time.Millisecond)
			return err
		}
	}
	h := health.NewHealth(minute,
		health.Check{Name: "db", Critical: true, Timeout: ample, Func: slow(&db, nil)},
		health.Check{Name: "search", Timeout: ample, Func: slow(&search, errDown)})
	gate := make(chan struct{})
	answers := make([]answer, probers)
	var all sync.WaitGroup
	for i := range probers {
		all.Go(func() {
			<-gate
			answers[i] = serve(t, h, httptest.NewRequest("GET", "/healthz", nil))
		})
	}
	close(gate)
	all.Wait()
	later := probe(t, h, "GET")

	did := fmt.Sprintf("probed %d times at the same moment, and once more after that, with a "+
		"cacheFor of a minute", probers)
	for _, a := range append(answers, later) {
		wantAnswer(t, did, a, 200, "degraded", map[string]string{"db": "up", "search": "down"},
			"each prober wants the same answer")
	}
	expect.That(t, db.Load() == 1 && search.Load() == 1, expect.Message{
		Did:  did,
		Want: "each check run once, the one that is up and the one that is down",
		Got:  fmt.Sprintf("db run %d times, search run %d times", db.Load(), search.Load()),
		Why: "balancers, orchestrators and monitors probe each instance every few seconds, and " +
			"anybody may do so as often as he likes: the health check becomes the load, just " +
			"when the database has enough of it",
	})
	for _, other := range []struct{ what, target, header, value string }{
		{"with ?verbose=1 behind the path", "/healthz?verbose=1", "", ""},
		{"with ?t=1699999999 behind the path", "/healthz?t=1699999999", "", ""},
		{"with Cache-Control: no-cache", "/healthz", "Cache-Control", "no-cache"},
		{"with Pragma: no-cache", "/healthz", "Pragma", "no-cache"},
		{"with If-None-Match: *", "/healthz", "If-None-Match", "*"},
		{"with Accept: text/plain", "/healthz", "Accept", "text/plain"},
	} {
		r := httptest.NewRequest("GET", other.target, nil)
		if other.header != "" {
			r.Header.Set(other.header, other.value)
		}
		did := fmt.Sprintf("probed %s, within a cacheFor of a minute", other.what)
		wantAnswer(t, did, serve(t, h, r), 200, "degraded", map[string]string{"db": "up", "search": "down"},
			"each prober wants the same answer")
		expect.That(t, db.Load() == 1 && search.Load() == 1, expect.Message{
			Did:  did,
			Want: "no check run again",
			Got:  fmt.Sprintf("db run %d times, search run %d times", db.Load(), search.Load()),
			Why: "what a prober writes into its request must not decide how often the database is asked: anybody can write " +
				"something else each time",
		})
	}
}

// TestProbesShareTheNextRoundToo: and not just the first one after the start.
func TestProbesShareTheNextRoundToo(t *testing.T) {
	const probers, cacheFor = 50, 500 * time.Millisecond
	var runs atomic.Int32
	h := health.NewHealth(cacheFor, health.Check{Name: "db", Critical: true, Timeout: ample,
		Func: func(context.Context) error {
			runs.Add(1)
			time.Sleep(30 * time.Millisecond)
			return nil
		}})
	var got int32
	for range 3 { // a busy machine may be late once
		probe(t, h, "GET")
		time.Sleep(cacheFor + 20*time.Millisecond)
		runs.Store(0)
		gate := make(chan struct{})
		var all sync.WaitGroup
		for range probers {
			all.Go(func() {
				<-gate
				serve(t, h, httptest.NewRequest("GET", "/healthz", nil))
			})
		}
		close(gate)
		all.Wait()
		if got = runs.Load(); got == 1 {
			return
		}
	}
	expect.Fatal(t, expect.Message{
		Did: fmt.Sprintf("probed once, and %d times at the same moment when what was found was older than the cacheFor "+
			"of %v", probers, cacheFor),
		Want: "the check run once for all of them",
		Got:  fmt.Sprintf("run %d times", got),
		Why: "what was found grows old for all probers at the same moment: if each of them looks then, the database is " +
			"asked by all, again and again",
	})
}

func TestAFailureIsSharedToo(t *testing.T) {
	for _, one := range []struct {
		how  string
		find func(context.Context) error
	}{
		{"was down", func(context.Context) error { return errDown }},
		{"panicked", func(context.Context) error { panic("nil map") }},
		{"hung", hang(t)},
	} {
		isShared(t, one.how, one.find)
	}
}

func isShared(t *testing.T, how string, find func(context.Context) error) {
	t.Helper()
	var runs atomic.Int32
	h := health.NewHealth(minute, health.Check{Name: "db", Critical: true, Timeout: 50 * time.Millisecond,
		Func: func(ctx context.Context) error { runs.Add(1); return find(ctx) }})
	did := fmt.Sprintf("probed 5 times, one after the other, while db, a critical one, %s, with "+
		"a cacheFor of a minute", how)
	for range 5 {
		wantAnswer(t, did, probe(t, h, "GET"), 503, "down", map[string]string{"db": "down"}, "")
	}
	expect.That(t, runs.Load() == 1, expect.Message{
		Did: did, Want: "the check run once: what was found is used, up or down",
		Got: fmt.Sprintf("run %d times", runs.Load()),
		Why: "a database that is down has enough to do; probes that come through to it just " +
			"then keep it there",
	})
}

func TestAProberThatHangsUpChangesNothing(t *testing.T) {
	started, release, gaveUp := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once, stopped sync.Once
	t.Cleanup(func() { stopped.Do(func() { close(release) }) })
	var noticed sync.Once
	db := func(ctx context.Context) error {
		once.Do(func() { close(started) })
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			noticed.Do(func() { close(gaveUp) })
			return ctx.Err()
		}
	}
	h := health.NewHealth(minute, health.Check{Name: "db", Critical: true, Timeout: ample,
		Func: db})
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	first := make(chan answer, 1)
	go func() {
		first <- serve(t, h, httptest.NewRequestWithContext(ctx, "GET", "/healthz",
			nil))
	}()
	select {
	case <-started:
	case a := <-first:
		wantAnswer(t, "probed once", a, 200, "ok", map[string]string{"db": "up"}, "")
	case <-time.After(ample):
		expect.Fatal(t, expect.Message{Did: "probed once", Want: "the check of db runs",
			Got: fmt.Sprintf("%v later it did not", ample)})
	}
	second := make(chan answer, 1)
	go func() { second <- serve(t, h, httptest.NewRequest("GET", "/healthz", nil)) }()
	time.Sleep(50 * time.Millisecond) // time enough for the second prober to wait, too

	hangUp()
	select {
	case <-gaveUp: // the check has noticed: now what was found must not be kept
		select {
		case <-first:
		case <-time.After(ample):
		}
	case <-time.After(500 * time.Millisecond):
	}
	stopped.Do(func() { close(release) }) // and from here on db is up

	why := "anybody can open a connection and close it; if that counts as an outage of the " +
		"database, anybody can take the instance out of the balancer"
	wantAnswer(t, "let a first prober hang up while the check of db was running, and looked at "+
		"what a second one was told, which had come meanwhile",
		receive(t, second), 200, "ok", map[string]string{"db": "up"}, why)
	wantAnswer(t, "let a prober hang up while the check of db was running, and probed again "+
		"when db was up, with a cacheFor of a minute",
		probe(t, h, "GET"), 200, "ok", map[string]string{"db": "up"}, why)
}

// TestALonelyProberMayHangUp: what runs, runs for those who come after, too.
func TestALonelyProberMayHangUp(t *testing.T) {
	started, ended := make(chan struct{}), make(chan error, 8)
	var once sync.Once
	var runs atomic.Int32
	h := health.NewHealth(minute, health.Check{Name: "db", Critical: true, Timeout: ample,
		Func: func(ctx context.Context) error {
			runs.Add(1)
			once.Do(func() { close(started) })
			select {
			case <-ctx.Done():
				ended <- ctx.Err()
				return ctx.Err()
			case <-time.After(300 * time.Millisecond):
				ended <- nil
				return nil
			}
		}})
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	first := make(chan answer, 1)
	go func() { first <- serve(t, h, httptest.NewRequestWithContext(ctx, "GET", "/healthz", nil)) }()
	did := "let the only prober hang up while the check of db was running, which takes 300 ms " +
		"and has a Timeout of 5 s"
	select {
	case <-started:
	case <-time.After(ample):
		expect.Fatal(t, expect.Message{Did: did, Want: "the check of db runs", Got: "it did not"})
	}
	hangUp()
	select {
	case <-first: // it may also be answered in the end
	case <-time.After(100 * time.Millisecond):
	}
	meanwhile := probe(t, h, "GET")
	err := <-ended
	expect.That(t, err == nil, expect.Message{
		Did: did, Want: "its context ends after the Timeout, and for no other reason",
		Got: fmt.Sprint("it ended at once: ", err),
		Why: "a check that was cut short has found nothing, and the next prober is told just that",
	})
	wantAnswer(t, did+", and probed again", meanwhile, 200, "ok", map[string]string{"db": "up"}, "")
	wantAnswer(t, did+", and probed again", probe(t, h, "GET"), 200, "ok",
		map[string]string{"db": "up"}, "")
	expect.That(t, runs.Load() == 1, expect.Message{
		Did:  did + ", and probed again, while it was running and afterwards, with a cacheFor of a minute",
		Want: "the check run once",
		Got:  fmt.Sprintf("run %d times", runs.Load()),
		Why: "what runs, runs for those who come after, too: started anew for each, a slow database gets a query for " +
			"every prober that is impatient",
	})
}
