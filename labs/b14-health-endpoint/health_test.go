package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
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

	order := probe(t, health.NewHealth(0, critical("db", errDown), optional("search", errDown)), "GET")
	wantAnswer(t, "asked while the checks of db, a critical one, and search, an optional one "+
		"behind it, returned errors", order,
		503, "down", map[string]string{"db": "down", "search": "down"},
		"the worst of what was found decides, in whatever order the checks are listed")

	for _, err := range []error{errors.New(""), secretError{}} {
		wantAnswer(t, fmt.Sprintf("asked while the check of db, a critical one, returned an error whose text is %q", err),
			probe(t, health.NewHealth(0, critical("db", err)), "GET"), 503, "down", map[string]string{"db": "down"},
			"an error is one by being there, whatever it says of itself")
	}

	odd := []string{" padded ", "", "DB/eu & <co>", "status", "checks", "名前", "a.b", `C:\new`, "a\nb\a\x7f"}
	var checks []health.Check
	states := map[string]string{}
	for _, name := range odd {
		checks = append(checks, critical(name, nil))
		states[name] = "up"
	}
	wantAnswer(t, fmt.Sprintf("asked while the checks %q were up", odd),
		probe(t, health.NewHealth(0, checks...), "GET"), 200, "ok", states,
		"a dashboard finds a check by its name, whatever that is")
}

func TestHandlersKnowNothingOfEachOther(t *testing.T) {
	const did = "made two handlers in one process, for a server that is up and one whose db is " +
		"down, both with a cacheFor of a minute, and probed "
	up := health.NewHealth(minute, critical("db", nil))
	down := health.NewHealth(minute, critical("db", errDown), optional("mail", nil))
	const why = "a process may have one for the public and one for the orchestrator; they look " +
		"at different things"
	for range 2 {
		wantAnswer(t, did+"the first", probe(t, up, "GET"), 200, "ok",
			map[string]string{"db": "up"}, why)
		wantAnswer(t, did+"the second", probe(t, down, "GET"), 503, "down",
			map[string]string{"db": "down", "mail": "up"}, why)
	}
}

func TestAnOptionalFailureDegrades(t *testing.T) {
	got := probe(t, health.NewHealth(0, critical("db", nil), optional("recommendations", errDown)),
		"GET")
	wantAnswer(t, "asked while db was up and the check of recommendations, which is not "+
		"critical, returned an error", got,
		200, "degraded", map[string]string{"db": "up", "recommendations": "down"},
		"a shop without recommendations still sells; taken out of the balancer, and on every "+
			"instance at once, it does not")

	two := probe(t, health.NewHealth(0, optional("mail", errDown), optional("search", errDown)),
		"GET")
	wantAnswer(t, "asked while the checks of mail and search, neither of them critical, both "+
		"returned errors", two, 200, "degraded", map[string]string{"mail": "down", "search": "down"},
		"what the server can work without, it can work without, however much of it is down")
}

// TestAnErrorOfAContextIsAnError: a check reports what it has found in the words of its driver.
func TestAnErrorOfAContextIsAnError(t *testing.T) {
	for _, err := range []error{context.Canceled, context.DeadlineExceeded,
		fmt.Errorf("ping: %w", context.Canceled)} {
		wantAnswer(t, fmt.Sprintf("asked while the check of db, a critical one, returned %q at once",
			err), probe(t, health.NewHealth(0, critical("db", err)), "GET"),
			503, "down", map[string]string{"db": "down"},
			"drivers have time limits of their own, and report just these errors when they "+
				"are over: the database has not answered")
	}
}

func TestErrorsStayInside(t *testing.T) {
	for _, one := range []struct {
		what string
		f    func(context.Context) error
	}{
		{"returned the error", func(context.Context) error { return errSecret }},
		{"panicked with", func(context.Context) error { panic(errSecret) }},
		{"returned, within an error of a context,", func(context.Context) error {
			return fmt.Errorf("%w: %w", errSecret, context.DeadlineExceeded)
		}},
		{"returned an error of its own type with the text", func(context.Context) error { return secretError{} }},
		{"returned an error with the code 28P01 and the text", func(context.Context) error {
			return fmt.Errorf("ping: %w", &codedError{errSecret})
		}},
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
				"refused", "deadline", "secretError", "28P01", "ping"} {
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
	for _, panics := range []bool{false, true} {
		told := secrecy.Told(100, func(secret string) string {
			err := fmt.Errorf("password=%s: %w", secret, errSecret)
			got := probe(t, health.NewHealth(0, health.Check{Name: "orders", Critical: true, Timeout: ample,
				Func: func(context.Context) error {
					if panics {
						panic(err)
					}
					return err
				}}), "GET")
			return got.body + fmt.Sprint(got.header)
		})
		expect.That(t, told == "", expect.Message{
			Did: fmt.Sprintf("probed while the check of orders failed with another password in its error "+
				"each time (by a panic: %t)", panics),
			Want: "the same answer, whatever is in the error, and in whatever form",
			Got:  told,
			Why:  "what is written in another way is read by whoever knows the way back",
		})
	}
}

type secretError struct{}

func (secretError) Error() string { return errSecret.Error() }

// codedError has what drivers give their errors, to be asked for.
type codedError struct{ error }

func (e *codedError) Unwrap() error    { return e.error }
func (e *codedError) Code() string     { return "28P01" }
func (e *codedError) SQLState() string { return "28P01" }
func (e *codedError) Reason() string   { return "28P01" }
func (e *codedError) Detail() string   { return "28P01" }
func (e *codedError) String() string   { return "28P01" }

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
	bothUseOneResult(t)
}

// bothUseOneResult: what was found is the same for whoever asks with HEAD and with GET.
func bothUseOneResult(t *testing.T) {
	t.Helper()
	var runs atomic.Int32
	client := memhttp.Run(t, &http.Server{
		Handler: health.NewHealth(minute, health.Check{Name: "db", Critical: true, Timeout: ample,
			Func: func(context.Context) error { runs.Add(1); return errDown }}),
		ErrorLog: log.New(io.Discard, "", 0),
	}).Client()
	const did = "probed a server with HEAD, with GET and with HEAD again, with a cacheFor of a minute, while db was down"
	for _, method := range []string{"HEAD", "GET", "HEAD"} {
		req, err := http.NewRequestWithContext(t.Context(), method, memhttp.URL+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		expect.NoError(t, err, expect.Message{Did: did, Want: "three answers"})
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if method == "GET" {
			wantAnswer(t, did, answer{code: res.StatusCode, header: res.Header, body: string(body)}, 503, "down",
				map[string]string{"db": "down"}, "who asks with GET wants the body, whoever came before")
		}
		expect.That(t, res.StatusCode == 503, expect.Message{
			Did: did, Want: "503 each time", Got: res.Status + " for " + method,
			Why: "what was found does not depend on how it is asked for",
		})
	}
	expect.That(t, runs.Load() == 1, expect.Message{
		Did:  did,
		Want: "the check run once",
		Got:  fmt.Sprintf("run %d times", runs.Load()),
		Why:  "a HEAD is a probe like any other: it uses what was found, and what it finds is used",
	})
}

func TestZeroHasAMeaning(t *testing.T) {
	for _, cacheFor := range []time.Duration{0, minute} {
		wantAnswer(t, "probed a handler without any checks",
			probe(t, health.NewHealth(cacheFor), "GET"), 200, "ok", nil,
			"a server that depends on nothing, and answers, is well")
	}

	slow := health.Check{Name: "db", Critical: true, Func: func(ctx context.Context) error {
		select {
		case <-time.After(500 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	hung := health.Check{Name: "search", Func: hang(t)}
	wantAnswer(t, "probed while a check of db without a Timeout took 500 ms, and one of search, "+
		"without a Timeout, too, never returned",
		probe(t, health.NewHealth(minute, slow, hung), "GET"), 200, "degraded",
		map[string]string{"db": "up", "search": "down"},
		"a field that was left out should do something sensible: no time at all is not, nor is "+
			"all the time in the world")
}
