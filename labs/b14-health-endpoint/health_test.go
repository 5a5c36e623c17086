package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	health "github.com/backend-labs/backend-labs/labs/b14-health-endpoint"
)

// The checks of this lab run in real time.
const (
	ample  = 5 * time.Second // no check that works takes as long, however busy the machine is
	minute = time.Minute     // the longest cacheFor: longer than the lab takes
)

var (
	errDown   = errors.New("connection refused")
	errSecret = errors.New("dial postgres://u:hunter2@db-7:5432: connection refused")
)

func TestTheStatusCodeSaysIt(t *testing.T) {
	up := probe(t, health.NewHealth(0, critical("db", nil), critical(`queue "eu"`, nil)), "GET")
	wantAnswer(t, "asked while both checks were up", up, 200, "ok",
		map[string]string{"db": "up", `queue "eu"`: "up"},
		"a balancer that is told anything but 200 takes a healthy instance out")

	down := probe(t, health.NewHealth(0, critical("db", errDown), critical(`queue "eu"`, nil)),
		"GET")
	wantAnswer(t, "asked while the check of db, a critical one, returned an error", down, 503,
		"down", map[string]string{"db": "down", `queue "eu"`: "up"},
		"balancers look at the code and not at your JSON; with a 200 they go on sending "+
			"customers to an instance that cannot serve them")

	both := probe(t, health.NewHealth(0, optional("search", errDown), critical("db", errDown),
		optional("mail", nil)), "GET")
	wantAnswer(t, "asked while the checks of search, an optional one, and db, a critical one, "+
		"returned errors", both,
		503, "down", map[string]string{"search": "down", "db": "down", "mail": "up"},
		"the worst of what was found decides, in whatever order the checks are listed")
}

func TestAnOptionalFailureDegrades(t *testing.T) {
	got := probe(t, health.NewHealth(0, critical("db", nil), optional("recommendations", errDown)),
		"GET")
	wantAnswer(t, "asked while db was up and the check of recommendations, which is not "+
		"critical, returned an error", got,
		200, "degraded", map[string]string{"db": "up", "recommendations": "down"},
		"a shop without recommendations still sells; taken out of the balancer, and on every "+
			"instance at once, it does not")
}

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
}

func TestChecksRunAtTheSameTime(t *testing.T) {
	const limit = 300 * time.Millisecond
	var checks []health.Check
	states := map[string]string{}
	for i := range 5 {
		name := fmt.Sprint("shard-", i+1)
		states[name] = "up"
		checks = append(checks, health.Check{Name: name, Critical: true, Timeout: ample,
			Func: func(context.Context) error {
				time.Sleep(100 * time.Millisecond)
				return nil
			}})
	}
	did := "probed a handler with 5 checks that take 100 ms each"
	var got answer
	for range 3 { // a busy machine may be late once
		if got = probe(t, health.NewHealth(0, checks...), "GET"); got.took <= limit {
			break
		}
	}
	wantAnswer(t, did, got, 200, "ok", states, "")
	expect.That(t, got.took <= limit, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("an answer within %v", limit),
		Got:  fmt.Sprintf("an answer after %v", got.took.Round(time.Millisecond)),
		Why: "one after the other, the times add up, and so do the timeouts: with each new " +
			"dependency the answer comes later, until the prober gives up on an instance that " +
			"is well",
	})
}

func TestAPanicIsDown(t *testing.T) {
	for _, one := range []struct {
		critical bool
		code     int
		status   string
	}{{true, 503, "down"}, {false, 200, "degraded"}} {
		h := health.NewHealth(0, critical("db", nil), health.Check{
			Name: "cache", Critical: one.critical, Timeout: ample,
			Func: func(context.Context) error { panic("nil map") },
		})
		for _, which := range []string{"first", "second"} {
			wantAnswer(t, fmt.Sprintf(
				"probed for the %s time while the check of cache (Critical: %t) panicked", which,
				one.critical), probe(t, h, "GET"),
				one.code, one.status, map[string]string{"db": "up", "cache": "down"},
				"a check is code that runs while things are broken, so its bugs show at the "+
					"worst moment; it must not take the server with it")
		}
	}
}

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
}

func TestWhatWasFoundGrowsOld(t *testing.T) {
	for _, one := range []struct{ cacheFor, wait time.Duration }{{0, 0},
		{50 * time.Millisecond, 120 * time.Millisecond}} {
		var broken atomic.Bool
		db := func(context.Context) error {
			if broken.Load() {
				return errDown
			}
			return nil
		}
		h := health.NewHealth(one.cacheFor, health.Check{Name: "db", Critical: true, Timeout: ample,
			Func: db})
		for _, turn := range []struct {
			broken         bool
			code           int
			status, of, is string
		}{{false, 200, "ok", "up", "was up"}, {true, 503, "down", "down", "broke"},
			{false, 200, "ok", "up", "came back"}} {
			broken.Store(turn.broken)
			time.Sleep(one.wait)
			wantAnswer(t, fmt.Sprintf("probed %v after db %s, with a cacheFor of %v", one.wait,
				turn.is, one.cacheFor), probe(t, h, "GET"),
				turn.code, turn.status, map[string]string{"db": turn.of},
				"what was found a while ago says nothing about now; an instance must leave the "+
					"balancer when it breaks, and come back when it is well")
		}
	}
}

func TestErrorsStayInside(t *testing.T) {
	for _, one := range []struct {
		what string
		f    func(context.Context) error
	}{
		{"returned the error", func(context.Context) error { return errSecret }},
		{"panicked with", func(context.Context) error { panic(errSecret) }},
	} {
		for _, isCritical := range []bool{true, false} {
			orders := health.Check{Name: "orders", Critical: isCritical, Timeout: ample,
				Func: one.f}
			got := probe(t, health.NewHealth(0, orders), "GET")
			did := fmt.Sprintf("probed while the check of orders (Critical: %t) %s %q", isCritical,
				one.what, errSecret)
			code, status := 503, "down"
			if !isCritical {
				code, status = 200, "degraded"
			}
			head := fmt.Sprint(got.header)
			for _, word := range []string{"dial", "postgres", "hunter2", "db-7", "5432",
				"refused"} {
				expect.That(t, !strings.Contains(got.body+head, word), expect.Message{
					Did:  did,
					Want: "an answer that has not one word of it",
					Got:  fmt.Sprintf("%q in the answer: %s, headers %s", word, got, head),
					Why: "a health endpoint has no login, and often the whole internet can " +
						"reach it; the errors of drivers contain addresses, users and passwords",
				})
			}
			wantAnswer(t, did, got, code, status, map[string]string{"orders": "down"}, "")
		}
	}
}

// TestEveryProberIsAnswered has a real server between: it is what makes a HEAD of a handler's
// answer.
func TestEveryProberIsAnswered(t *testing.T) {
	for _, one := range []struct {
		err  error
		code int
	}{{nil, 200}, {errDown, 503}} {
		client := memhttp.Run(t, &http.Server{
			Handler:  health.NewHealth(0, critical("db", one.err)),
			ErrorLog: log.New(io.Discard, "", 0),
		}).Client()
		for _, method := range []string{"GET", "HEAD"} {
			req, err := http.NewRequestWithContext(t.Context(), method, memhttp.URL+"/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(req)
			did := fmt.Sprintf("probed a server with %s /healthz while the check of db returned %v",
				method, one.err)
			expect.NoError(t, err, expect.Message{Did: did, Want: fmt.Sprint(one.code)})
			res.Body.Close()
			expect.That(t, res.StatusCode == one.code, expect.Message{
				Did:  did,
				Want: fmt.Sprintf("%d", one.code),
				Got:  res.Status,
				Why: "many probers want only the code, and ask with HEAD; refused, they take " +
					"the instance for broken",
			})
			cached := strings.ToLower(res.Header.Get("Cache-Control"))
			expect.That(t, strings.Contains(cached, "no-store"), expect.Message{
				Did:  did,
				Want: "the header Cache-Control: no-store",
				Got:  fmt.Sprintf("Cache-Control: %q", cached),
				Why: "a proxy on the way may keep the answer, and go on saying that an " +
					"instance is well when it has long been dead",
			})
		}
	}
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

func TestZeroHasAMeaning(t *testing.T) {
	none := probe(t, health.NewHealth(0), "GET")
	wantAnswer(t, "probed a handler without any checks", none, 200, "ok", nil,
		"a server that depends on nothing, and answers, is well")

	quick := health.Check{Name: "db", Critical: true, Func: func(ctx context.Context) error {
		select {
		case <-time.After(20 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	wantAnswer(t, "probed while a check without a Timeout took 20 ms",
		probe(t, health.NewHealth(minute, quick), "GET"), 200, "ok", map[string]string{"db": "up"},
		"a field that was left out should do something sensible: no time at all is not")
}

func critical(name string, err error) health.Check {
	return health.Check{Name: name, Critical: true, Timeout: ample,
		Func: func(context.Context) error { return err }}
}

func optional(name string, err error) health.Check {
	return health.Check{Name: name, Timeout: ample,
		Func: func(context.Context) error { return err }}
}

// hang returns a check that ignores its context and does not return before the end of the test.
func hang(t *testing.T) func(context.Context) error {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return func(context.Context) error { <-end; return nil }
}

// answer is what a prober got.
type answer struct {
	code   int
	header http.Header
	body   string
	took   time.Duration
	broken string // no answer at all: why
}

func (a answer) String() string {
	if a.broken != "" {
		return "no answer: " + a.broken
	}
	return fmt.Sprintf("%d %s with the body %s", a.code, http.StatusText(a.code),
		strings.TrimSpace(a.body))
}

// patience is how long a prober waits.
const patience = 10 * time.Second

// probe asks once, without a network.
func probe(t *testing.T, h http.Handler, method string) answer {
	t.Helper()
	got := make(chan answer, 1)
	go func() { got <- serve(t, h, httptest.NewRequest(method, "/healthz", nil)) }()
	return receive(t, got)
}

func receive(t *testing.T, from <-chan answer) answer {
	t.Helper()
	select {
	case a := <-from:
		return a
	case <-time.After(patience):
		return answer{broken: fmt.Sprintf("the prober gave up after %v", patience), took: patience}
	}
}

func serve(t *testing.T, h http.Handler, r *http.Request) (a answer) {
	if h == nil {
		return answer{broken: "NewHealth returned nil"}
	}
	w := httptest.NewRecorder()
	begin := time.Now()
	defer func() {
		a = answer{code: w.Code, header: w.Header(), body: w.Body.String(), took: time.Since(begin)}
		if p := recover(); p != nil {
			a = answer{broken: fmt.Sprintf("the handler panicked: %v", p)}
		}
	}()
	h.ServeHTTP(w, r)
	return a
}

// wantAnswer demands this code, and JSON with this status and these checks.
func wantAnswer(t *testing.T, did string, a answer, code int, status string,
	checks map[string]string, why string) {
	t.Helper()
	names, _ := json.Marshal(checks)
	m := expect.Message{
		Did:  did,
		Want: fmt.Sprintf("%d, the status %q, and for the checks %s", code, status, names),
		Got:  a.String(),
		Why:  why,
	}
	if len(checks) == 0 {
		m.Want = fmt.Sprintf("%d and the status %q", code, status)
	}
	expect.That(t, a.broken == "" && a.code == code, m)

	var body map[string]any
	err := json.Unmarshal([]byte(a.body), &body)
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	expect.That(t, err == nil && kind == "application/json", expect.Message{
		Did:  did,
		Want: "a JSON object with the Content-Type application/json",
		Got:  fmt.Sprintf("%s with the Content-Type %q", a, a.header.Get("Content-Type")),
		Why:  "people and dashboards read the body to find out what is broken",
	})
	expect.That(t, body["status"] == status, m)
	all, _ := body["checks"].(map[string]any)
	for name, want := range checks {
		one, _ := all[name].(map[string]any)
		expect.That(t, one["status"] == want, m)
	}
	expect.That(t, len(all) == len(checks), m)
}
