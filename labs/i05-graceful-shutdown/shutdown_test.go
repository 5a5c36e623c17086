package shutdown_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	shutdown "github.com/backend-labs/backend-labs/labs/i05-graceful-shutdown"
)

func TestRequestsInFlightAreAnswered(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/pay": takes(8*time.Second, ""),
			"/report": takes(8*time.Second, "first half, "),
			"/export": takes(time.Minute, "long, ")},
			shutdown.Options{Timeout: 10 * time.Second})
		export := s.ask("export", "/export")
		time.Sleep(55 * time.Second)
		pay, report := s.ask("pay", "/pay"), s.ask("report", "/report")
		time.Sleep(time.Second)
		s.signal()
		const did = "sent the signal 1 s after two requests of 8 s had begun, one of which had " +
			"sent the first half of its answer, and 56 s after one of 60 s; DrainDelay is 0, " +
			"Timeout 10 s"
		for _, c := range []struct {
			got  reply
			body string
		}{{<-export, "long, done"}, {<-pay, "done"}, {<-report, "first half, done"}} {
			expect.That(t, c.got.ok(c.body), expect.Message{
				Did: did,
				Want: fmt.Sprintf("all three run to their end and are answered in full, this one "+
					"with 200 %q", c.body),
				Got: c.got.String(),
				Why: "whoever sent this request may just be paying: cut off, they do not know " +
					"whether they have paid, and try again",
				Picture: s.drawn(c.got, c.body),
			})
		}
	})
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/export": takes(55*time.Minute, ""), "/pay": takes(18*time.Minute, "")},
			shutdown.Options{DrainDelay: 10 * time.Minute, Timeout: 20 * time.Minute})
		export := s.ask("export", "/export")
		time.Sleep(30 * time.Minute)
		s.signal()
		time.Sleep(10*time.Minute - time.Millisecond)
		pay := s.ask("pay", "/pay")
		const did = "sent the signal 30 minutes after a request of 55 minutes had begun, and one of 18 " +
			"minutes in the last moment of the DrainDelay, which is 10 minutes; Timeout is 20 minutes"
		for _, got := range []reply{<-export, <-pay} {
			expect.That(t, got.ok("done"), expect.Message{
				Did:  did,
				Want: `both are answered with 200 "done"`,
				Got:  got.String(),
				Why: "whoever has set the DrainDelay and the Timeout knows how long balancers and " +
					"requests take; before the signal nothing has an end at all",
				Picture: s.drawn(got, "done"),
			})
		}
	})
	uploads(t)
}

// uploads has a request whose body comes slowly, before and after the signal.
func uploads(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/upload": func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s, %v", body, err)
		}}, shutdown.Options{Timeout: 20 * time.Minute})
		body, write := io.Pipe()
		got := upload(s.Client(), "/upload", body)
		io.WriteString(write, "one")
		time.Sleep(15 * time.Minute)
		io.WriteString(write, " two")
		s.signal()
		time.Sleep(15 * time.Minute)
		io.WriteString(write, " three")
		write.Close()
		r := <-got
		expect.That(t, r.ok("one two three, <nil>"), expect.Message{
			Did: "sent the first third of a request's body, the second 15 minutes later, then the signal, and the last " +
				"third 15 minutes after that; Timeout is 20 minutes",
			Want: `200, with the whole body read by the handler: "one two three, <nil>"`,
			Got:  r.String(),
			Why: "a request is in flight from its first byte on, and a large file over a slow line takes its time; " +
				"before the signal nothing has an end at all",
		})
	})
}

func TestRunReturnsWhenTheLastRequestIsDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var done atomic.Pointer[time.Time]
		pay := func(w http.ResponseWriter, r *http.Request) {
			takes(8*time.Second, "")(w, r)
			now := time.Now()
			done.Store(&now)
		}
		s := start(t, paths{"/pay": pay}, shutdown.Options{Timeout: 10 * time.Second})
		ask(s.Client(), "/pay")
		time.Sleep(700 * time.Millisecond)
		s.signal()
		const did = "sent the signal 0.7 s after a request of 8 s had begun; DrainDelay is 0, " +
			"Timeout 10 s"
		s.mustReturn(t, did, "the request is done", s.signalled.Add(7300*time.Millisecond), slack)
		synctest.Wait()
		end := done.Load()
		expect.That(t, end != nil && !s.at.Before(*end), expect.Message{
			Did:  did,
			Want: "Run returns after the request is done",
			Got:  fmt.Sprintf("it returned %s; the request was still running", s.since(s.at)),
			Why: "when Run returns, main returns, and with it the process ends, whatever it " +
				"was still doing",
		})
		expect.NoError(t, s.err, expect.Message{
			Did:  did,
			Want: "Run returns nil: nothing went wrong",
			Why: "an error here becomes an exit code other than 0, and every ordinary deploy " +
				"looks like a crash",
		})
	})
}

func TestReadySaysNoFromTheSignalOn(t *testing.T) {
	virtual(t, func(t *testing.T) {
		ready := shutdown.Ready() // a program asks for it once, before Run
		for range 2 {
			s := start(t, paths{}, shutdown.Options{DrainDelay: 2 * time.Second,
				Timeout: 10 * time.Second})
			readyIs(t, ready, 200, "while Run was serving")
			s.signal()
			readyIs(t, ready, 503, "right after the signal")
			time.Sleep(time.Second)
			readyIs(t, ready, 503, "1 s after the signal, half-way through the DrainDelay of 2 s")
			s.mustReturn(t, "sent the signal to a server without requests; DrainDelay is 2 s",
				"the DrainDelay is over", s.signalled.Add(2*time.Second), slack)
		}
	})
	readySpeaksOfTheLatestRun(t)
}

// readySpeaksOfTheLatestRun ends the context of a Run that has returned while another one serves.
func readySpeaksOfTheLatestRun(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		first := startOn(t, brokenListener{memhttp.Listen(t), errBroken}, paths{}, shutdown.Options{Timeout: time.Second})
		first.mustReturn(t, "let Run serve on a listener that fails after 5 s", "the listener has failed",
			first.began.Add(5*time.Second), slack)
		second := start(t, paths{}, shutdown.Options{Timeout: time.Second})
		readyIs(t, shutdown.Ready(), 200, "while a second Run was serving")
		first.leave()
		synctest.Wait()
		readyIs(t, shutdown.Ready(), 200, "while a second Run was serving, after the context of the first one, which had "+
			"returned before, had ended")
		second.signal()
		readyIs(t, shutdown.Ready(), 503, "right after the signal of the second Run")
	})
}

func TestReadySaysNoWithoutARun(t *testing.T) {
	virtual(t, func(t *testing.T) {
		readyIs(t, shutdown.Ready(), 503, "before Run was called")
		s := start(t, paths{}, shutdown.Options{Timeout: 10 * time.Second})
		s.signal()
		s.mustReturn(t, "sent the signal to a server without requests; DrainDelay is 0",
			"there is nothing to wait for", s.signalled, slack)
		readyIs(t, shutdown.Ready(), 503, "after Run had returned")
	})
}

func TestNewRequestsAreServedDuringTheDrainDelay(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/": takes(0, ""), "/long": takes(8*time.Second, "")},
			shutdown.Options{DrainDelay: 2500 * time.Millisecond, Timeout: 10 * time.Second})
		s.signal()
		long := s.ask("8 s", "/long")
		for _, at := range []time.Duration{0, time.Second, 2499 * time.Millisecond} {
			time.Sleep(at - time.Since(s.signalled))
			got := <-s.ask("new client", "/")
			expect.That(t, got.ok("done"), expect.Message{
				Did: fmt.Sprintf(
					"sent a new request over a new connection %v after the signal; DrainDelay "+
						"is 2.5 s", at),
				Want: `200 "done": until the DrainDelay is over everything is served`,
				Got:  got.String(),
				Why: "a balancer asks every few seconds whether a server is ready, and sends " +
					"requests until it has noticed. A closed port makes errors of them",
				Picture: s.drawn(got, "done"),
			})
		}
		got := <-long
		expect.That(t, got.ok("done"), expect.Message{
			Did: "sent a new request of 8 s right after the signal; DrainDelay is 2.5 s, Timeout " +
				"10 s",
			Want: `200 "done" after 8 s: when the DrainDelay is over it is in flight like any other`,
			Got:  got.String(),
			Why: "whoever sends a request in the drain does not know that somebody is leaving; it " +
				"is taken, so it is answered",
			Picture: s.drawn(got, "done"),
		})
	})
	virtual(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		l := memhttp.Listen(t)
		s := runOn(ctx, l, paths{"/": takes(0, "")},
			shutdown.Options{DrainDelay: 2 * time.Second, Timeout: 10 * time.Second})
		s.Listener = l
		time.Sleep(2 * time.Second)
		got := <-ask(s.Client(), "/")
		expect.That(t, got.ok("done"), expect.Message{
			Did: "gave Run a context whose deadline is in 1 s, and sent a request 1 s behind that; " +
				"DrainDelay is 2 s",
			Want: `200 "done": the end of a context is the signal, whatever has ended it`,
			Got:  got.String(),
			Why:  "balancers need the same time to notice, whoever has said that it is over",
		})
	})
}

func TestNoConnectionIsTakenAfterTheDrainDelay(t *testing.T) {
	for _, at := range []time.Duration{3 * time.Second, 2*time.Second + time.Millisecond} {
		noConnectionIsTaken(t, at)
	}
}

// noConnectionIsTaken connects so long after the signal.
func noConnectionIsTaken(t *testing.T, at time.Duration) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/": takes(8*time.Second, "")},
			shutdown.Options{DrainDelay: 2 * time.Second, Timeout: 10 * time.Second})
		ask(s.Client(), "/")
		synctest.Wait()
		s.signal()
		time.Sleep(at)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Dial(ctx)
		expect.That(t, err != nil, expect.Message{
			Did: fmt.Sprintf("opened a connection %v after the signal, with a request still in flight; "+
				"DrainDelay is 2 s", at),
			Want: "refused: the listener is closed",
			Got:  "connected",
			Why: "a server that takes new requests for as long as old ones run never comes to " +
				"its end",
		})
	})
}

func TestIdleConnectionsHoldNothingUp(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/": takes(0, "")}, shutdown.Options{DrainDelay: time.Second,
			Timeout: time.Minute})
		const did = "let three clients make a request each and keep their connections open, " +
			"then sent the signal; DrainDelay is 1 s, Timeout 1 min"
		var idle []*connection
		for range 3 {
			c := s.connect(t)
			status, err := c.get("/")
			expect.That(t, err == nil && status == 200, expect.Message{Did: did, Want: "200",
				Got: fmt.Sprintf("%d, %s", status, describe(err))})
			idle = append(idle, c)
		}
		s.signal()
		s.mustReturn(t, did, "the DrainDelay is over, since no request is in flight",
			s.signalled.Add(time.Second), time.Second)
		for _, c := range idle {
			err := c.closed()
			expect.That(t, err == nil, expect.Message{
				Did:  did,
				Want: "the connections are closed when Run has returned",
				Got:  "1 s later one of them was not: " + describe(err),
				Why: "a client that is not told sends its next request into a connection of which " +
					"nobody reads any more, and waits for its own timeout",
			})
		}
	})
}

func TestConnectionsAreKeptOpenUntilTheSignal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/": takes(0, "")}, shutdown.Options{Timeout: 10 * time.Second})
		client := s.Client()
		for range 2 {
			got := <-ask(client, "/")
			expect.That(t, got.ok("done") && !got.close, expect.Message{
				Did:  "made two requests with one client, and sent no signal",
				Want: `200 "done", without "Connection: close": nobody is leaving`,
				Got:  got.String(),
				Why: "without keep-alive every request pays for a new connection, and with TLS " +
					"for a new handshake",
			})
		}
	})
}

func TestClientsAreToldToCloseTheirConnections(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/": takes(0, ""), "/long": takes(2*time.Second, ""), "/flush": flush},
			shutdown.Options{DrainDelay: 5 * time.Second, Timeout: 10 * time.Second})
		client, other := s.Client(), s.Client()
		before := <-ask(client, "/")
		expect.That(t, before.ok("done"), expect.Message{Did: "made a request before the signal",
			Want: `200 "done"`, Got: before.String()})
		flushes(t, other, "before the signal")
		inFlight := ask(other, "/long")
		time.Sleep(time.Second)
		s.signal()
		during := <-ask(client, "/")
		const why = "a client that keeps its connection goes on using it, past the balancer's " +
			"back, and has its next request on the wire just when the connection is closed"
		expect.That(t, during.ok("done") && during.close, expect.Message{
			Did: "made another request, with the same client, right after the signal; " +
				"DrainDelay is 5 s",
			Want: `200 "done", with "Connection: close"`,
			Got:  during.String(),
			Why:  why,
		})
		flushes(t, s.Client(), "after the signal, in the DrainDelay")
		late := <-inFlight
		expect.That(t, late.err == nil && late.close, expect.Message{
			Did: "sent the signal while a request was in flight whose response had not been " +
				"started",
			Want: `its response carries "Connection: close"`,
			Got:  late.String(),
			Why:  why,
		})
	})
}

// flush says what has come of flushing.
func flush(w http.ResponseWriter, _ *http.Request) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		io.WriteString(w, "cannot flush")
		return
	}
	io.WriteString(w, "done")
}

func flushes(t *testing.T, c *http.Client, when string) {
	t.Helper()
	got := <-ask(c, "/flush")
	expect.That(t, got.ok("done"), expect.Message{
		Did:  when + " made a request whose handler flushes, with http.NewResponseController(w).Flush()",
		Want: `200 "done": it can`,
		Got:  got.String(),
		Why: "what streams its answer, such as events or a progress, does so by flushing; a ResponseWriter around " +
			"the server's own takes that away, unless it has an Unwrap",
	})
}

func TestTheTimeoutBoundsTheWait(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := start(t, paths{"/stuck": takes(never, "")},
			shutdown.Options{DrainDelay: 1500 * time.Millisecond, Timeout: 2500 * time.Millisecond})
		ask(s.Client(), "/stuck")
		synctest.Wait()
		s.signal()
		const did = "sent the signal while a request was in flight that never ends; DrainDelay " +
			"is 1.5 s, Timeout 2.5 s"
		end := s.signalled.Add(4 * time.Second)
		s.mustReturn(t, did, "Timeout has passed since the end of the DrainDelay", end, slack)
		s.mustNotReturnBefore(t, did,
			"Timeout has passed since the end of the DrainDelay, 4 s after the signal",
			end.Add(-time.Millisecond))
		expect.That(t, s.err != nil, expect.Message{
			Did:  did,
			Want: "Run returns an error: a request was cut off",
			Got:  "nil",
			Why: "nobody ever looks for requests that were lost in a shutdown that calls " +
				"itself clean",
		})
	})
}

func TestRequestsAreCutOffWhenTheTimeoutHasPassed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		cutOffInTime(t, "request", "sent the signal while a request was in flight", nil,
			func(c *http.Client) <-chan reply { return ask(c, "/stuck") })
	})
	virtual(t, func(t *testing.T) {
		body, write := io.Pipe()
		slow := func(context.Context) error { time.Sleep(time.Second); return nil }
		cutOffInTime(t, "upload", "registered a closer that takes 1 s, and sent the signal while an upload was in flight, "+
			"of which its handler has read nothing and", closers{slow},
			func(c *http.Client) <-chan reply {
				got := upload(c, "/stuck", body)
				io.WriteString(write, "one")
				return got
			})
	})
}

// cutOffInTime has a request in flight that lasts until its context ends, and closers that take a second each.
func cutOffInTime(t *testing.T, what, how string, c closers, send func(*http.Client) <-chan reply) {
	t.Helper()
	cutOff := make(chan time.Time, 1)
	stuck := func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		cutOff <- time.Now()
		// It returns a moment later: connections are closed and contexts cancelled in any order.
		time.Sleep(time.Millisecond)
	}
	s := start(t, paths{"/stuck": stuck}, shutdown.Options{Timeout: 3200 * time.Millisecond,
		Closers: c})
	got := send(s.Client())
	synctest.Wait()
	s.signal()
	did := how + " that lasts until its context ends; DrainDelay is 0, Timeout 3.2 s"
	s.mustReturn(t, did, "Timeout has passed and the closers are done",
		s.signalled.Add(3200*time.Millisecond+time.Duration(len(c))*time.Second), slack)
	synctest.Wait()
	select {
	case at := <-cutOff:
		off := at.Sub(s.signalled) - 3200*time.Millisecond
		expect.That(t, off.Abs() <= time.Millisecond, expect.Message{
			Did: did,
			Want: "the " + what + "'s context is cancelled when Timeout has passed, 3.2 s after " +
				"the signal",
			Got: fmt.Sprintf("it was cancelled %v after the signal", at.Sub(s.signalled)),
			Why: "until then the request may still succeed; behind it the platform has no more patience, and what the " +
				"request uses is being closed",
		})
	default:
		expect.Fatal(t, expect.Message{
			Did:  did,
			Want: "the " + what + "'s context is cancelled when Timeout has passed",
			Got:  "Run has returned, and the " + what + " goes on as if nothing had happened",
			Why: "a handler that is not told works on with what is being closed under it, " +
				"and dies in the middle of a step when the process exits",
		})
	}
	select {
	case r := <-got:
		expect.That(t, r.err != nil, expect.Message{Did: did,
			Want: "the client's connection is closed", Got: r.String()})
	case <-time.After(time.Second):
		expect.Fatal(t, expect.Message{
			Did:  did,
			Want: "the client's connection is closed",
			Got:  "1 s after Run had returned the client was still waiting",
			Why: "a client whose connection is closed can try elsewhere; one that hears " +
				"nothing waits for its own timeout",
		})
	}
}

// TestASignalBeforeRunIsASignal has a deploy that is taken back while the process still starts.
func TestASignalBeforeRunIsASignal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var events journal
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s := runOn(ctx, memhttp.Listen(t), paths{}, shutdown.Options{
			DrainDelay: time.Second, Timeout: 10 * time.Second,
			Closers: closers{events.closer("database", 0)},
		})
		const did = "called Run with a closer and with a context that had ended before; DrainDelay " +
			"is 1 s"
		synctest.Wait()
		readyIs(t, shutdown.Ready(), 503, "while Run was leaving, whose context had ended before it was called")
		s.mustReturn(t, did, "the DrainDelay is over, if it waits for that", s.began.Add(time.Second),
			slack)
		expect.That(t, s.err == nil && slices.Equal(events.list(), []string{"database"}),
			expect.Message{
				Did:  did,
				Want: "the closer is called, and Run returns nil",
				Got:  fmt.Sprintf("closers called: %q; Run returned %s", events.list(), describe(s.err)),
				Why: "what the closers close is open already when Run is called; a process that is " +
					"told to leave while it starts leaves like any other",
			})
	})
}

func TestAListenerThatFailsEndsTheRun(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var closed atomic.Bool
		var ready atomic.Int64
		ln := brokenListener{memhttp.Listen(t), errBroken}
		s := startOn(t, ln, paths{}, shutdown.Options{
			DrainDelay: time.Second,
			Timeout:    10 * time.Second,
			Closers: closers{func(context.Context) error {
				closed.Store(true)
				w := httpwire.New()
				shutdown.Ready().ServeHTTP(w.Writer(), httptest.NewRequest("GET", "/ready", nil))
				ready.Store(int64(w.Status()))
				return errDatabase
			}},
		})
		const did = "let Run serve on a listener whose Accept fails after 5 s, with a closer that " +
			"fails, and sent no signal; DrainDelay is 1 s"
		// Whether Run waits for the DrainDelay then is left open.
		s.mustReturn(t, did, "the listener has failed", s.began.Add(5*time.Second),
			time.Second+slack)
		expect.That(t, sentinel.Is(s.err, errBroken), expect.Message{
			Did:  did,
			Want: fmt.Sprintf("Run returns an error that wraps the listener's: %q", errBroken),
			Got:  "Run returned " + describe(s.err),
			Why: "a process that does not serve and does not end looks alive to whoever would " +
				"restart it",
		})
		synctest.Wait()
		expect.That(t, closed.Load(), expect.Message{
			Did:  did,
			Want: "the closers are called",
			Got:  "they were not",
			Why:  "what is buffered has to be written, whatever the reason for the end",
		})
		readyIs(t, shutdown.Ready(), 503, "after Run had returned because its listener had failed")
		expect.That(t, ready.Load() == 503, expect.Message{
			Did:  did + "; the closer asked Ready",
			Want: "503: it serves no more",
			Got:  fmt.Sprint(ready.Load()),
			Why:  "closers may take their time, and a balancer sends requests until it is told",
		})
		expect.That(t, sentinel.Is(s.err, errDatabase), expect.Message{
			Did:  did,
			Want: fmt.Sprintf("Run's error wraps the closer's as well: %q", errDatabase),
			Got:  "Run returned " + describe(s.err),
			Why: "two things went wrong, and the second may be data that was not written; it has " +
				"to be known, too",
		})
	})
	virtual(t, func(t *testing.T) {
		closed := &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
		s := startOn(t, brokenListener{memhttp.Listen(t), closed}, paths{},
			shutdown.Options{Timeout: 10 * time.Second})
		const did = "let Run serve on a listener that somebody else closes after 5 s, and sent no signal"
		s.mustReturn(t, did, "the listener has failed", s.began.Add(5*time.Second), slack)
		expect.That(t, sentinel.Is(s.err, net.ErrClosed), expect.Message{
			Did:  did,
			Want: "Run returns an error that wraps the listener's: net.ErrClosed",
			Got:  "Run returned " + describe(s.err),
			Why:  "nobody has told this process to leave; that it serves no more must be known",
		})
	})
}

func readyIs(t *testing.T, ready http.Handler, want int, when string) {
	t.Helper()
	w := httpwire.New()
	ready.ServeHTTP(w.Writer(), httptest.NewRequest("GET", "/ready", nil))
	expect.That(t, w.Status() == want, expect.Message{
		Did:  "asked Ready " + when,
		Want: fmt.Sprint(want),
		Got:  fmt.Sprint(w.Status()),
		Why: "the load balancer goes by this answer alone: it must stop sending requests " +
			"before the server stops taking them",
	})
}

var errBroken = errors.New("too many open files")

// brokenListener fails after 5 s.
type brokenListener struct {
	*memhttp.Listener
	err error
}

func (l brokenListener) Accept() (net.Conn, error) {
	time.Sleep(5 * time.Second)
	return nil, l.err
}
