package jsonlog_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	jsonlog "github.com/backend-labs/backend-labs/labs/i16-structured-logging"
)

func TestEachLineHasTheIDOfItsRequest(t *testing.T) {
	for _, secrets := range [][]string{nil, {"password"}} {
		l, o := logger(secrets...)
		ctx := jsonlog.WithRequestID(background, "r-1")
		for i, l := range []*slog.Logger{l, l.With("a", 1)} {
			what := []string{"a logger", "one made by With"}[i]
			l.InfoContext(ctx, "x", "b", 2)
			did := "wrote with the context of request r-1 and " + what
			got, raw := one(t, did, o)
			member(t, did, got, "request_id", "r-1", "without it nobody finds the lines of one request")
			member(t, did, got, "b", 2, "")
			expect.That(t, strings.Count(raw, "request_id") == 1, expect.Message{Did: did,
				Want: "request_id once", Got: raw, Why: whyOnce})
			l.Info("x")
			got, raw = one(t, "wrote without a request", o)
			expect.That(t, got.at("request_id") == nil && !strings.Contains(raw, "request_id"),
				expect.Message{Did: "wrote without a request", Want: "no request_id", Got: raw})
		}
		sharesRecords(t, l, o)
	}
	everyIDAtEachLevel(t)
}

// everyIDAtEachLevel has ids as other services make them.
func everyIDAtEachLevel(t *testing.T) {
	t.Helper()
	o := &out{}
	l := slog.New(jsonlog.NewHandler(o, jsonlog.Options{Level: slog.LevelDebug - 4}))
	for _, id := range []string{"r-1", " r 1 ", "0", "null", "é\"\n", "R-1", strings.Repeat("4bf92f3577b34da6", 32)} {
		for _, level := range []slog.Level{slog.LevelDebug - 4, slog.LevelDebug, slog.LevelInfo, 2, slog.LevelError + 4} {
			did := fmt.Sprintf("wrote a record of %v with the context of the request %.20q", level, id)
			l.Log(jsonlog.WithRequestID(background, id), level, "x")
			got, _ := one(t, did, o)
			member(t, did, got, "request_id", id, "one looks for the id as the other services have it, and most of all "+
				"among the lines that are switched on when something is wrong")
		}
	}
}

// sharesRecords gives one record to the handler twice, as a handler that copies to two places does.
func sharesRecords(t *testing.T, l *slog.Logger, o *out) {
	t.Helper()
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "x", 0)
	for i := range 8 { // more than a record has room for without a slice
		r.AddAttrs(slog.Int(fmt.Sprint("k", i), i))
	}
	for _, id := range []string{"r-1", "r-2", ""} {
		ctx := background
		if id != "" {
			ctx = jsonlog.WithRequestID(ctx, id)
		}
		if err := l.Handler().Handle(ctx, r); err != nil {
			t.Fatal(err)
		}
		did := fmt.Sprintf("gave the same record to the handler for requests r-1, r-2 and none; now %q", id)
		got, raw := one(t, did, o)
		var want any
		if id != "" {
			want = id
		}
		member(t, did, got, "request_id", want, "a record is shared by all handlers that get it")
		expect.That(t, strings.Count(raw, "k7") == 1 && strings.Count(raw, "!BUG") == 0, expect.Message{
			Did: did, Want: "its attributes once", Got: strings.TrimSpace(raw),
			Why: "who adds to a record of others writes into their lines"})
	}
}

const whyOnce = "of a name that is there twice each reader takes another one, and some refuse the line; " +
	"of one that is not there nobody finds the lines of a request"

// access serves a request and returns the lines that were written.
func access(t *testing.T, did string, next http.HandlerFunc, r *http.Request) []line {
	t.Helper()
	l, o := logger("password")
	serve(l, next, r)
	text := o.text()
	lines, err := read(text)
	expect.That(t, err == nil && len(lines) == 1, expect.Message{Did: did,
		Want: "one line", Got: fmt.Sprintf("%d lines; %v", len(lines), err),
		Why: "requests are counted by these lines, and errors as a share of them"})
	expect.That(t, strings.Count(text, "request_id") == 1, expect.Message{Did: did,
		Want: "request_id once", Got: text, Why: whyOnce})
	return lines
}

func TestOneLineForEachRequest(t *testing.T) {
	var wg sync.WaitGroup
	o := &out{yields: 2}
	l := slog.New(jsonlog.NewHandler(o, jsonlog.Options{}))
	h := jsonlog.Middleware(l)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.InfoContext(r.Context(), "inside", "n", r.URL.Query().Get("n"))
		io.WriteString(w, "done")
	}))
	for i := range 100 {
		wg.Go(func() {
			h.ServeHTTP(httpwire.New().Writer(), request(fmt.Sprint("r-", i), fmt.Sprintf("/pay/%d?n=%d", i, i)))
		})
	}
	wg.Wait()
	lines, err := read(o.text())
	did := "served 100 requests at the same time, each with a line of its handler's"
	expect.That(t, err == nil && len(lines) == 200, expect.Message{Did: did, Want: "200 lines",
		Got: fmt.Sprintf("%d, %v", len(lines), err)})
	inner, outer := map[any]any{}, map[any]any{}
	for _, l := range lines {
		if l.at("n") != nil {
			inner[l.at("request_id")] = l.at("n")
		} else {
			outer[l.at("request_id")] = l.at("path")
		}
	}
	for i := range 100 {
		id := fmt.Sprint("r-", i)
		expect.That(t, inner[id] == fmt.Sprint(i) && outer[id] == fmt.Sprint("/pay/", i), expect.Message{
			Did: did, Want: fmt.Sprintf("for request_id %s the line of the handler with n %d, and the "+
				"middleware's with path /pay/%d", id, i, i),
			Got: fmt.Sprintf("n %v and path %v", inner[id], outer[id]),
			Why: "from the line that says 500 one gets to the lines that say why by this id alone"})
	}
}

// answers are ways in which a handler answers.
var answers = []struct {
	what   string
	next   http.HandlerFunc
	status int
	bytes  int
}{
	{"does nothing", func(w http.ResponseWriter, r *http.Request) {}, 200, 0},
	{"writes 4 bytes", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") }, 200, 4},
	{"writes 70,000 bytes at once", func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 70_000))
	}, 200, 70_000},
	{"writes 3 and 4 bytes", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "one")
		io.WriteString(w, "four")
	}, 200, 7},
	{"copies 5000 bytes", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, strings.NewReader(strings.Repeat("x", 5000)))
	}, 200, 5000},
	{"answers 404", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "gone", 404) }, 404, 5},
	{"answers 201 and then 500", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(500)
	}, 201, 0},
	{"sends 103 and then 201", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(103)
		w.WriteHeader(201)
	}, 201, 0},
	{"answers 200 and then 500", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.WriteHeader(500)
	}, 200, 0},
	{"sends 104 and then 201", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(104)
		w.WriteHeader(201)
	}, 201, 0},
	{"sends 199 and then 201", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(199)
		w.WriteHeader(201)
	}, 201, 0},
	{"sends 103 and nothing else", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103) }, 200, 0},
	{"writes, and then answers 500", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "done")
		w.WriteHeader(500)
	}, 200, 4},
	{"writes no bytes, and then answers 500", func(w http.ResponseWriter, r *http.Request) {
		w.Write(nil)
		w.WriteHeader(500)
	}, 200, 0},
	{"flushes, and then answers 500", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		w.WriteHeader(500)
	}, 200, 0},
	{"flushes, and then writes 4 bytes", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		io.WriteString(w, "done")
	}, 200, 4},
	{"answers 202, flushes, and then writes 4 bytes", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(202)
		http.NewResponseController(w).Flush()
		io.WriteString(w, "done")
	}, 202, 4},
	{"answers 204", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, 204, 0},
	{"sets headers, and sends 100, 103 and 402", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(100)
		w.WriteHeader(103)
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
		w.WriteHeader(402)
		io.WriteString(w, "{}")
	}, 402, 2},
	{"answers 503", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }, 503, 0},
}

func TestTheLineSaysWhatWasAnswered(t *testing.T) {
	for _, tt := range answers {
		did := "served a handler that " + tt.what
		got := access(t, did, tt.next, request("r-1", "/pay?card=4711"))[0]
		why := "alerts and bills are made of these numbers"
		member(t, did, got, "status", tt.status, why)
		member(t, did, got, "bytes", tt.bytes, why)
		member(t, did, got, "method", "POST", why)
		member(t, did, got, "request_id", "r-1", why)
		passedOn(t, did, tt.next)
		member(t, did, got, "path", "/pay", "what is behind the question mark are search words, names and "+
			"tokens, and another text each time")
	}
	breaksOff(t)
	goesAway(t)
	asItCame(t)
}

// passedOn compares what a client gets through the middleware with what the handler sends.
func passedOn(t *testing.T, did string, next http.HandlerFunc) {
	t.Helper()
	sent := httpwire.New()
	next(sent.Writer(), request("r-1", "/pay"))
	l, _ := logger()
	got, _ := serve(l, next, request("r-1", "/pay"))
	expect.That(t, got.Status() == sent.Status() && got.Body() == sent.Body(), expect.Message{Did: did,
		Want: fmt.Sprintf("the client gets the status %d and %d bytes of body", sent.Status(), len(sent.Body())),
		Got:  fmt.Sprintf("the status %d and %d bytes", got.Status(), len(got.Body())),
		Why:  "what watches a request must not change what it watches"})
	want, headers := sent.Header(), got.Header()
	for name := range headers {
		if strings.HasPrefix(name, "X-") && want[name] == nil {
			delete(headers, name) // such as an id of the request, which clients may be told
		}
	}
	expect.That(t, asJSON(headers) == asJSON(want), expect.Message{Did: did,
		Want: "the client gets the headers " + asJSON(want), Got: asJSON(headers),
		Why: "what watches a request must not change what it watches"})
	direct, through := &interims{quiet: quiet{http.Header{}}}, &interims{quiet: quiet{http.Header{}}}
	next(direct, request("r-1", "/pay"))
	jsonlog.Middleware(l)(next).ServeHTTP(through, request("r-1", "/pay"))
	expect.That(t, slices.Equal(direct.before(), through.before()), expect.Message{Did: did,
		Want: fmt.Sprintf("the client gets, before the final status: %v", direct.before()),
		Got:  fmt.Sprint(through.before()),
		Why:  "early hints are no status for the log, but a browser waits for them"})
}

// interims keeps each status.
type interims struct {
	quiet
	all []int
}

func (i *interims) WriteHeader(status int) { i.all = append(i.all, status) }

// before is what came before the final one.
func (i *interims) before() []int {
	for n, status := range i.all {
		if status >= 200 {
			return i.all[:n]
		}
	}
	return i.all
}

// asItCame has paths that look as if they could be tidied up.
func asItCame(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/", "/pay/", "/a//b/../c/.", "/Pay;v=1"} {
		got := access(t, "served "+path, func(http.ResponseWriter, *http.Request) {}, request("r-1", path+"?card=4711"))[0]
		member(t, "served a request for "+path+"?card=4711", got, "path", path,
			"requests for odd paths are those that one looks for, and a path that was made another one is not found")
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"} {
		for _, path := range []string{"/", "/health", "/healthz", "/livez", "/readyz", "/ping", "/metrics", "/favicon.ico", "/static/a.css"} {
			r := request("r-1", path)
			r.Method = method
			did := fmt.Sprintf("served a request %s %s, of which the handler makes POST /other", method, path)
			got := access(t, did, func(_ http.ResponseWriter, r *http.Request) {
				r.Method, r.URL.Path = "POST", "/other"
			}, r)[0]
			const why = "the line tells of the request that came; what a router or a filter makes of it is its own business"
			member(t, did, got, "method", method, why)
			member(t, did, got, "path", path, why)
		}
	}
}

// goesAway has a client that is gone before the handler has answered.
func goesAway(t *testing.T) {
	t.Helper()
	r := request("r-1", "/pay")
	ctx, cancel := context.WithCancel(r.Context())
	did := "served a request whose client went away, with a handler that answered 201 all the same, and 4 bytes"
	got := access(t, did, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		expect.That(t, sentinel.Is(r.Context().Err(), context.Canceled), expect.Message{
			Did:  "served a request whose client went away, and looked at the context that the handler has",
			Want: "it has ended: context.Canceled", Got: fmt.Sprint(r.Context().Err()),
			Why: "a handler that is not told goes on to work for nobody"})
		w.WriteHeader(201)
		io.WriteString(w, "done")
	}, r.WithContext(ctx))[0]
	why := "what the server has done is done, whether or not anybody waits for it: requests that clients give up are " +
		"those that one looks for"
	member(t, did, got, "status", 201, why)
	member(t, did, got, "bytes", 4, why)
}

// breaksOff has a connection that ends in the middle of an answer.
func breaksOff(t *testing.T) {
	t.Helper()
	l, o := logger()
	jsonlog.Middleware(l)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 70_000))
		w.Write(make([]byte, 70_000))
	})).ServeHTTP(&short{quiet{http.Header{}}, 10}, request("r-1", "/pay"))
	did := "wrote 70,000 bytes twice to a connection that breaks after 10 bytes"
	got, _ := one(t, did, o)
	member(t, did, got, "status", 200, "with the first byte 200 has been sent; that the rest did not arrive is no other "+
		"status")
	member(t, did, got, "bytes", 10, "what the client has got is how much was written, not how much "+
		"was meant to be")
}

// quiet is a ResponseWriter that keeps nothing.
type quiet struct{ header http.Header }

func (q quiet) Header() http.Header         { return q.header }
func (q quiet) Write(p []byte) (int, error) { return len(p), nil }
func (q quiet) WriteHeader(int)             {}

// short takes so many bytes and no more.
type short struct {
	quiet
	left int
}

func (s *short) Write(p []byte) (int, error) {
	n := min(len(p), s.left)
	s.left -= n
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

func TestTheLineSaysHowLongItTook(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, d := range []time.Duration{250 * time.Millisecond, 2500 * time.Microsecond, 3 * time.Second} {
			took(t, fmt.Sprintf("served a handler that takes %v", d), d,
				func(http.ResponseWriter, *http.Request) { time.Sleep(d) })
			took(t, fmt.Sprintf("served a handler that takes %v, and then answers", d), d,
				func(w http.ResponseWriter, _ *http.Request) { time.Sleep(d); io.WriteString(w, "done") })
			took(t, fmt.Sprintf("served a handler that answers, and takes %v to return", d), d,
				func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(200)
					io.WriteString(w, "done")
					http.NewResponseController(w).Flush()
					time.Sleep(d)
				})
		}
	})
}

// took demands what the line says of a request that takes d.
func took(t *testing.T, did string, d time.Duration, next http.HandlerFunc) {
	t.Helper()
	got := access(t, did, next, request("r-1", "/pay"))[0]
	n, ok := got.at("dur_ms").(json.Number)
	ms, err := n.Float64()
	want := float64(d) / float64(time.Millisecond)
	expect.That(t, ok && err == nil && ms > want-1 && ms < want+1, expect.Message{Did: did,
		Want: fmt.Sprintf("dur_ms: %v, a number, to the millisecond", want),
		Got:  fmt.Sprintf("dur_ms: %s", asJSON(got.at("dur_ms"))),
		Why:  "a text like 250ms cannot be compared, and the slowest requests not be found"})
}

func TestAPanicHasALine(t *testing.T) {
	for _, tt := range []struct {
		what   string
		begin  func(w http.ResponseWriter)
		status int
	}{
		{"panics", func(http.ResponseWriter) {}, 500},
		{"sends 103 and panics", func(w http.ResponseWriter) { w.WriteHeader(103) }, 500},
		{"answers 201 and panics", func(w http.ResponseWriter) { w.WriteHeader(201) }, 201},
		{"answers 1000, which is no status, so that WriteHeader panics", func(w http.ResponseWriter) { w.WriteHeader(1000) }, 500},
		{"writes and panics", func(w http.ResponseWriter) { io.WriteString(w, "half") }, 200},
		{"writes no bytes and panics", func(w http.ResponseWriter) { w.Write(nil) }, 200},
		{"flushes and panics", func(w http.ResponseWriter) { http.NewResponseController(w).Flush() }, 200},
	} {
		for _, value := range []any{"boom", errors.New("boom"), http.ErrAbortHandler} {
			did := fmt.Sprintf("served a handler that %s with %T(%v)", tt.what, value, value)
			got := access(t, did, func(w http.ResponseWriter, r *http.Request) {
				tt.begin(w)
				panic(value)
			}, request("r-1", "/pay"))[0]
			member(t, did, got, "status", tt.status, "the worst of all requests must not be the one "+
				"that is not there")
			member(t, did, got, "request_id", "r-1", "")
		}
	}
}

func TestAResponseControllerWorks(t *testing.T) {
	l, _ := logger()
	var flush, deadline error
	w, _ := serve(l, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "one")
		flush = http.NewResponseController(w).Flush()
		deadline = http.NewResponseController(w).SetReadDeadline(time.Now())
	}, request("r-1", "/events"))
	expect.That(t, flush == nil && w.Flushed(), expect.Message{
		Did:  "flushed behind the middleware, by an http.ResponseController",
		Want: "what was written is sent at once", Got: fmt.Sprintf("%v, flushed: %v", flush, w.Flushed()),
		Why: "a wrapper that hides what is below it turns a stream of events into one late answer"})
	expect.That(t, sentinel.Is(deadline, http.ErrNotSupported), expect.Message{
		Did:  "set a deadline for reading, which a recorder does not know",
		Want: "http.ErrNotSupported", Got: fmt.Sprint(deadline)})
	for _, tt := range []struct {
		what string
		call func(c *http.ResponseController) error
	}{
		{"SetReadDeadline", func(c *http.ResponseController) error { return c.SetReadDeadline(time.Now()) }},
		{"SetWriteDeadline", func(c *http.ResponseController) error { return c.SetWriteDeadline(time.Now()) }},
		{"EnableFullDuplex", func(c *http.ResponseController) error { return c.EnableFullDuplex() }},
		{"Hijack", func(c *http.ResponseController) error { _, _, err := c.Hijack(); return err }},
		{"Flush", func(c *http.ResponseController) error { return c.Flush() }},
	} {
		controls(t, l, tt.what, tt.call)
	}
}

// controls calls a method of an http.ResponseController over connections that know it, and over one that does not.
func controls(t *testing.T, l *slog.Logger, what string, call func(c *http.ResponseController) error) {
	t.Helper()
	through := func(under http.ResponseWriter) (err error) {
		jsonlog.Middleware(l)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err = call(http.NewResponseController(w))
		})).ServeHTTP(under, request("r-1", "/x"))
		return err
	}
	const why = "a handler that is told that all went well goes on sending to nobody; one that is told that it cannot be done " +
		"does it in another way"
	for _, fails := range []error{nil, errGone} {
		under := &everything{quiet: quiet{http.Header{}}, err: fails}
		err := through(under)
		expect.That(t, errors.Is(err, fails) && under.called == what, expect.Message{
			Did:  fmt.Sprintf("called %s by an http.ResponseController; the connection below knows it, and returns: %v", what, fails),
			Want: fmt.Sprintf("the connection is asked, and what it returns comes back: %v", fails),
			Got:  fmt.Sprintf("%v, asked for: %q", err, under.called), Why: why})
	}
	err := through(&quiet{http.Header{}})
	expect.That(t, sentinel.Is(err, http.ErrNotSupported), expect.Message{
		Did:  fmt.Sprintf("called %s by an http.ResponseController; the connection below does not know it", what),
		Want: "http.ErrNotSupported", Got: fmt.Sprint(err), Why: why})
}

var errGone = errors.New("the connection is gone")

// everything is a connection that knows all of it, and returns err.
type everything struct {
	quiet
	err    error
	called string
}

func (e *everything) FlushError() error                { return e.call("Flush") }
func (e *everything) SetReadDeadline(time.Time) error  { return e.call("SetReadDeadline") }
func (e *everything) SetWriteDeadline(time.Time) error { return e.call("SetWriteDeadline") }
func (e *everything) EnableFullDuplex() error          { return e.call("EnableFullDuplex") }

func (e *everything) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, e.call("Hijack")
}

func (e *everything) call(what string) error {
	e.called = what
	return e.err
}
