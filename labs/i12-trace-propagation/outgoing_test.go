package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	tracing "github.com/backend-labs/backend-labs/labs/i12-trace-propagation"
)

// spanContext is a context with a span, as a handler gets it.
func spanContext(t *testing.T, headers http.Header) context.Context {
	t.Helper()
	var ctx context.Context
	h := tracing.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() }))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = headers
	h.ServeHTTP(httpwire.New().Writer(), r)
	return ctx
}

func TestEachCallHasAnIDOfItsOwn(t *testing.T) {
	const n = 300
	ctx := spanContext(t, with("traceparent", valid))
	span, _ := tracing.FromContext(ctx)
	w := &wire{}
	transport := tracing.Transport(w)
	same, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://next.test/rooms", nil)
	if err != nil {
		t.Fatal(err)
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete}
	for i := range n {
		call(t, transport, ctx)
		call(t, tracing.Transport(w), ctx)
		same.Method = methods[i%len(methods)]
		if res, err := transport.RoundTrip(same); err == nil { // as who tries again does
			res.Body.Close()
		}
	}
	parents, traces := map[string]bool{theirParent: true, spanOf(span): true}, map[string]bool{}
	for _, r := range w.all() {
		h, wrong := outgoing(r)
		expect.That(t, wrong == "", expect.Message{
			Did:  "sent requests of several methods with the span of one request, among them " + r.Method,
			Want: "one traceparent of version 00 on each",
			Got:  wrong,
			Why:  "what the method is says nothing of how long it takes, and a call without a trace is missing in the tree",
		})
		parents[h.parent], traces[h.trace] = true, true
	}
	did := fmt.Sprintf("sent %d requests with the span of one request, some of them by another Transport, and some the "+
		"same request once more", 3*n)
	expect.That(t, len(traces) == 1 && traces[theirTrace], expect.Message{
		Did:  did,
		Want: "all in the one trace, " + theirTrace,
		Got:  fmt.Sprintf("%d traces", len(traces)),
		Why:  "the second call belongs to the same customer's request as the first",
	})
	expect.That(t, len(parents) == 3*n+2, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("%d parent ids, all different, and neither the caller's nor this service's", 3*n),
		Got:  fmt.Sprintf("%d different ones, with those two", len(parents)),
		Why: "of three calls of one service, one of which failed and was tried again, each is a line of its own in the " +
			"tree: that is how one sees that there were three",
	})
	var bytes [8]map[byte]bool
	for id := range parents {
		for k := range bytes {
			if bytes[k] == nil {
				bytes[k] = map[byte]bool{}
			}
			var b byte
			fmt.Sscanf(id[2*k:2*k+2], "%02x", &b)
			bytes[k][b] = true
		}
	}
	for k := range bytes {
		expect.That(t, len(bytes[k]) > 150, expect.Message{
			Did:  did + ", and looked at the bytes of the ids one by one",
			Want: "bytes that are random: most of the 256 values",
			Got:  fmt.Sprintf("%d values in byte %d", len(bytes[k]), k+1),
			Why:  "two instances that count send the same ids in one trace, and the calls of one hang under the other",
		})
	}
}

func TestTransportTakesThePlaceOfStaleHeaders(t *testing.T) {
	for _, tc := range []struct{ what, state, want string }{
		{"and a State", "foo=1,bar=2", "foo=1,bar=2"},
		{"and no State", "", ""},
	} {
		ctx := spanContext(t, with("traceparent", valid, "tracestate", tc.state))
		w := &wire{}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://next.test/rooms?n=2",
			strings.NewReader("two beds"))
		if err != nil {
			t.Fatal(err)
		}
		stale := "00-11111111111111111111111111111111-2222222222222222-01"
		r.Header = http.Header{"Traceparent": {stale, stale}, "Tracestate": {"old=1", "older=1"}, "Accept": {"text/csv"}}
		before := r.Header.Clone()
		res, err := tracing.Transport(w).RoundTrip(r)
		did := "sent a request with a span " + tc.what + ", on which a traceparent and a tracestate lie already, twice each"
		expect.That(t, err == nil && res.StatusCode == http.StatusNoContent, expect.Message{
			Did: did, Want: "the answer of the base, 204", Got: fmt.Sprint(res, err),
		})
		out, h := sentBy(t, w, did)
		expect.That(t, h.trace == theirTrace && strings.Join(out.Header["Tracestate"], " and ") == tc.want &&
			(tc.want != "" || len(out.Header["Tracestate"]) == 0), expect.Message{
			Did:  did,
			Want: "one traceparent, of trace " + theirTrace + ", and tracestate: " + none(tc.want),
			Got:  fmt.Sprintf("trace %s, and tracestate: %q", h.trace, out.Header["Tracestate"]),
			Why: "a proxy copies the headers of what it has received: what lies there is the hop before, and a part " +
				"that names it is drawn under the wrong service",
		})
		body, _ := io.ReadAll(out.Body)
		rest := out.Header.Clone()
		rest.Del("Traceparent")
		rest.Del("Tracestate")
		sent := fmt.Sprint(out.Method, " ", out.URL, " ", string(body), " ", out.ContentLength, " ", rest)
		want := "POST http://next.test/rooms?n=2 two beds 8 map[Accept:[text/csv]]"
		expect.That(t, sent == want, expect.Message{
			Did: did, Want: "all else as it was: " + want, Got: sent,
			Why: "tracing must not be what breaks a request",
		})
		expect.That(t, fmt.Sprint(r.Header) == fmt.Sprint(before), expect.Message{
			Did:  did + ", and looked at the request afterwards",
			Want: "its headers as they were: a RoundTripper must not change what it is given",
			Got:  fmt.Sprint(r.Header),
			Why: "whoever sends a request again, or sends it to two servers at once, finds ids on it that are not its " +
				"own, or two goroutines that write into one map",
		})
	}
	wantStateTaken(t)
	wantAllElse(t)
}

// wantStateTaken sends a request on which a tracestate lies alone, and looks whether it lies there afterwards.
func wantStateTaken(t *testing.T) {
	t.Helper()
	for _, state := range []string{"foo=1", ""} {
		ctx := spanContext(t, with("traceparent", valid, "tracestate", state))
		w := &wire{}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://next.test/rooms", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Tracestate", "old=1")
		_, err = tracing.Transport(w).RoundTrip(r)
		did := "sent a request on which a tracestate lies already, old=1, and no traceparent; its span has State " +
			none(state)
		out, _ := sentBy(t, w, did)
		got := strings.Join(out.Header["Tracestate"], " and ")
		expect.That(t, err == nil && got == state && (state != "" || len(out.Header["Tracestate"]) == 0), expect.Message{
			Did: did, Want: "tracestate: " + none(state), Got: "tracestate: " + none(got),
			Why: "what lies there came with another trace",
		})
		expect.That(t, fmt.Sprint(r.Header) == "map[Tracestate:[old=1]]", expect.Message{
			Did:  did + "; looked at the request afterwards",
			Want: "its headers as they were: a RoundTripper must not change what it is given",
			Got:  fmt.Sprint(r.Header),
		})
	}
}

// base is a RoundTripper of one function.
type base func(*http.Request) (*http.Response, error)

func (b base) RoundTrip(r *http.Request) (*http.Response, error) { return b(r) }

// wantAllElse sends a request that has more than headers and a body.
func wantAllElse(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(spanContext(t, with("traceparent", valid)))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://10.0.0.7:8080/rooms",
		io.NopCloser(strings.NewReader("two beds")))
	if err != nil {
		t.Fatal(err)
	}
	r.Host, r.Close, r.ContentLength = "rooms.example", true, -1
	r.Header["Accept"] = []string{"text/csv", "text/html;q=0.5"}
	r.Trailer, r.TransferEncoding = http.Header{"Checksum": {"7"}}, []string{"chunked"}
	describe := func(r *http.Request) string {
		return fmt.Sprintf("%s %s to the host %s, Accept: %s, length %d in %v, trailer %v, close %v", r.Method, r.URL,
			r.Host, strings.Join(r.Header["Accept"], " and "), r.ContentLength, r.TransferEncoding, r.Trailer, r.Close)
	}
	want, got := describe(r), ""
	answer := &http.Response{StatusCode: http.StatusTeapot, Header: http.Header{}, Body: http.NoBody}
	res, err := tracing.Transport(base(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		got = describe(r)
		if string(body) != "two beds" {
			got += ", and another body"
		}
		if cancel(); r.Context().Err() == nil {
			got += ", and a context that does not end with that of the request"
		}
		return answer, nil
	})).RoundTrip(r)
	did := "sent a request with a span: " + want
	expect.That(t, got == want, expect.Message{
		Did: did, Want: "the same, with two headers more", Got: got,
		Why: "a request that is put together anew has what one thought of; the rest is missed by whoever needs it, such as " +
			"the server that knows itself by its Host",
	})
	expect.That(t, err == nil && res.StatusCode == http.StatusTeapot, expect.Message{
		Did: did, Want: "the answer of the base, 418", Got: fmt.Sprint(res, err),
	})
}

func TestWithoutABaseItIsTheDefaultOne(t *testing.T) {
	w := &wire{}
	before := http.DefaultTransport
	http.DefaultTransport = w
	defer func() { http.DefaultTransport = before }()
	call(t, tracing.Transport(nil), spanContext(t, with("traceparent", valid)))
	_, h := sentBy(t, w, "sent a request by Transport(nil), with another http.DefaultTransport")
	expect.That(t, h.trace == theirTrace, expect.Message{
		Did:  "sent a request by Transport(nil)",
		Want: "the trace of its context, " + theirTrace,
		Got:  h.trace,
	})
}

func TestRequestsDoNotMix(t *testing.T) {
	const requests, calls = 200, 20
	bubble.Run(t, func(t *testing.T) {
		w, lines := &wire{}, &journal{}
		transport, log := tracing.Transport(w), slog.New(tracing.LogHandler(lines.handler()))
		h := tracing.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mine := r.Header.Get("traceparent")[3:35]
			for range calls {
				time.Sleep(time.Millisecond)
				req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://next.test/"+mine, nil)
				if err != nil {
					return
				}
				if res, err := transport.RoundTrip(req); err == nil {
					res.Body.Close()
				}
				log.InfoContext(r.Context(), "called", "mine", mine)
			}
		}))
		var all sync.WaitGroup
		for i := range requests {
			all.Go(func() {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header = with("traceparent", fmt.Sprintf("00-%032x-%016x-01", i+1, i+1))
				h.ServeHTTP(httpwire.New().Writer(), r)
			})
		}
		all.Wait()
		did := fmt.Sprintf("served %d requests of different traces at once, whose handlers send and log %d times each",
			requests, calls)
		strangers := func(what, mine, got string) {
			t.Helper()
			expect.That(t, mine == got, expect.Message{
				Did:  did,
				Want: what + " in the trace of its own request",
				Got:  fmt.Sprintf("one of request %s in trace %s", strings.TrimLeft(mine, "0"), none(strings.TrimLeft(got, "0"))),
				Why: "the calls of one customer hang under another's request: the tree shows a slow service that was " +
					"never called, and somebody else's data",
			})
		}
		for _, r := range w.all() {
			h, _ := outgoing(r)
			strangers("each request that is sent", r.URL.Path[1:], h.trace)
		}
		written := lines.take(t)
		for _, line := range written {
			got, _ := line["trace_id"].(string)
			strangers("each line of the log", line["mine"].(string), got)
		}
		expect.That(t, len(w.all()) == requests*calls && len(written) == requests*calls, expect.Message{
			Did:  did,
			Want: fmt.Sprintf("%d requests sent and %d lines", requests*calls, requests*calls),
			Got:  fmt.Sprintf("%d and %d", len(w.all()), len(written)),
		})
	})
}

func TestWorkBesideTheRequestBelongsToItsTrace(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		lines := &journal{}
		log := slog.New(tracing.LogHandler(lines.handler()))
		type seen struct {
			span tracing.SpanContext
			ok   bool
			err  error
		}
		var within tracing.SpanContext
		beside := make(chan seen, 1)
		began := make(chan struct{})
		l := memhttp.Serve(t, tracing.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			within, _ = tracing.FromContext(r.Context())
			tracing.Go(r.Context(), func(ctx context.Context) {
				close(began)
				time.Sleep(time.Minute)
				span, ok := tracing.FromContext(ctx)
				log.InfoContext(ctx, "mailed")
				beside <- seen{span, ok, ctx.Err()}
			})
		})))
		r, err := http.NewRequest(http.MethodGet, memhttp.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = with("traceparent", valid, "tracestate", "foo=1")
		sent := time.Now()
		res, err := l.Client().Do(r)
		took := time.Since(sent)
		did := "had a handler send a mail by Go and return, and looked on a minute later"
		expect.That(t, err == nil && took < time.Second, expect.Message{
			Did:  did,
			Want: "the answer at once",
			Got:  fmt.Sprintf("%v after %v", err, took),
			Why:  "what runs beside the request is there so that the client need not wait for it",
		})
		res.Body.Close()
		time.Sleep(2 * time.Minute)
		select {
		case <-began:
		default:
			expect.Fatal(t, expect.Message{Did: did, Want: "the function has run", Got: "it was never called"})
		}
		s := <-beside
		expect.That(t, s.ok && s.span == within, expect.Message{
			Did:  did,
			Want: "the span of the request in its context, " + spanOf(within) + " of trace " + traceOf(within),
			Got:  fmt.Sprintf("a span: %v, %s of trace %s", s.ok, spanOf(s.span), traceOf(s.span)),
			Why:  "a mail that is never sent is looked for in the trace of the request that should have sent it",
		})
		expect.That(t, s.err == nil, expect.Message{
			Did:  did,
			Want: "a context that has not ended",
			Got:  fmt.Sprint(s.err),
			Why: "the context of a request ends when its handler returns: with it, the work ends that was to go on, " +
				"and most of the time just before it is done",
		})
		written := lines.take(t)
		expect.That(t, len(written) == 1 && written[0]["trace_id"] == theirTrace && written[0]["span_id"] == spanOf(within),
			expect.Message{
				Did:  did,
				Want: "a log line with trace_id " + theirTrace + " and span_id " + spanOf(within),
				Got:  fmt.Sprint(written),
				Why:  "whoever looks for the mail asks the log for the trace",
			})
	})
}

func TestGoWithoutASpan(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := make(chan string, 1)
		tracing.Go(ctx, func(ctx context.Context) {
			time.Sleep(time.Minute)
			_, ok := tracing.FromContext(ctx)
			got <- fmt.Sprintf("a span: %v, error: %v", ok, ctx.Err())
		})
		var text string
		select {
		case text = <-got:
		case <-time.After(time.Hour):
			text = "f never ran"
		}
		_, ok := tracing.FromContext(t.Context())
		expect.That(t, text == "a span: false, error: <nil>" && !ok, expect.Message{
			Did:  "called Go with a context that carries no span and ends after a second, and looked on a minute later",
			Want: "no span, and a context that has not ended",
			Got:  text,
			Why:  "a span that is not the request's is worse than none",
		})
		tracing.Go(ctx, func(ctx context.Context) { got <- fmt.Sprintf("f runs, error: %v", ctx.Err()) })
		select {
		case text = <-got:
		case <-time.After(time.Hour):
			text = "f never ran"
		}
		expect.That(t, text == "f runs, error: <nil>", expect.Message{
			Did:  "called Go with a context that had ended before",
			Want: "f runs, with a context that has not ended",
			Got:  text,
			Why:  "the client may go at any moment, also just before the handler starts what has to be done all the same",
		})
	})
}

func TestLogLinesCarryTheIDs(t *testing.T) {
	ctx := spanContext(t, with("traceparent", "00-00000000000000001234567890abcdef-0000000000000001-00"))
	span, _ := tracing.FromContext(ctx)
	lines := &journal{}
	log := slog.New(tracing.LogHandler(lines.handler()))
	check := func(what string, want map[string]any, groups ...string) {
		t.Helper()
		written := lines.take(t)
		expect.That(t, len(written) == 1, expect.Message{
			Did: "logged " + what, Want: "one line", Got: fmt.Sprintf("%d lines", len(written)),
		})
		trace, id := ids(written[0], groups...)
		expect.That(t, trace == traceOf(span) && id == spanOf(span), expect.Message{
			Did:  "logged " + what + " with the span of a request in the context",
			Want: fmt.Sprintf("trace_id %s and span_id %s", traceOf(span), spanOf(span)),
			Got:  fmt.Sprint(written[0]),
			Why:  "from a slow part of the tree one goes to its log lines, by these two ids",
		})
		for key, value := range want {
			expect.That(t, fmt.Sprint(written[0][key]) == fmt.Sprint(value), expect.Message{
				Did:  "logged " + what,
				Want: fmt.Sprintf("%s: %v, as without LogHandler", key, value),
				Got:  fmt.Sprint(written[0]),
				Why:  "the line is there for what it says; the ids are in addition to that",
			})
		}
	}
	log.InfoContext(ctx, "booked", "room", 7)
	check("a line", map[string]any{"msg": "booked", "room": 7, "level": "INFO"})
	many := []any{"a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6, "g", 7}
	log.WarnContext(ctx, "booked", many...)
	check("a line with seven attributes", map[string]any{"a": 1, "g": 7, "level": "WARN"})
	log.With("service", "rooms").InfoContext(ctx, "booked", "room", 7)
	check("a line by a logger that has been given an attribute by With", map[string]any{"service": "rooms", "room": 7})
	log.With("service", "rooms").With("zone", "eu").InfoContext(ctx, "booked")
	check("a line by a logger that has been given two attributes", map[string]any{"service": "rooms", "zone": "eu"})
	log.WithGroup("db").InfoContext(ctx, "asked", "rows", 7)
	check("a line in a group", nil, "db")
	log.WithGroup("db").With("table", "rooms").InfoContext(ctx, "asked", "rows", 7)
	check("a line by a logger with a group and an attribute in it", nil, "db")
	log.Handler().WithGroup("db").WithAttrs([]slog.Attr{slog.Int("shard", 3)})
	log.InfoContext(ctx, "booked")
	check("a line by the logger that others have come of", map[string]any{"shard": "<nil>", "db": "<nil>"})

	debug := slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})
	slog.New(tracing.LogHandler(debug)).DebugContext(ctx, "asked", "rows", 7)
	check("a line for debugging to a handler that writes such", map[string]any{"level": "DEBUG", "rows": 7})

	log.DebugContext(ctx, "too much")
	log.InfoContext(t.Context(), "started", "port", 80)
	written := lines.take(t)
	_, has := written[0]["trace_id"]
	_, hasSpan := written[0]["span_id"]
	expect.That(t, len(written) == 1 && !has && !hasSpan && fmt.Sprint(written[0]["port"]) == "80", expect.Message{
		Did:  "logged a line at a level below the handler's, and one without a span in the context",
		Want: "one line, without trace_id and span_id",
		Got:  fmt.Sprint(written),
		Why:  "ids of zeros belong to no trace, and whoever asks for them finds all that is logged at the start",
	})
}

func TestOtherHandlersMayGetTheSameRecord(t *testing.T) {
	contexts := []context.Context{spanContext(t, with("traceparent", valid)), spanContext(t, with())}
	lines := &journal{}
	h := tracing.LogHandler(lines.handler())
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "booked", 0)
	for i := range 10 {
		record.AddAttrs(slog.Int(fmt.Sprint("a", i), i))
	}
	for _, ctx := range contexts {
		if err := h.Handle(ctx, record); err != nil {
			t.Error(err)
		}
	}
	written := lines.take(t)
	for i, ctx := range contexts {
		span, _ := tracing.FromContext(ctx)
		got := fmt.Sprint(written[i])
		expect.That(t, written[i]["trace_id"] == traceOf(span) && !strings.Contains(got, "BUG"), expect.Message{
			Did: "handed one record to LogHandler twice, with two spans, as a handler does that passes records on to " +
				"several others",
			Want: "each time the ids of the span, and nothing of the other",
			Got:  got,
			Why:  "copies of a record share their attributes: what one handler appends may stand in another's line",
		})
	}
	record.Attrs(func(a slog.Attr) bool {
		expect.That(t, a.Key != "trace_id", expect.Message{
			Did: "looked at the record afterwards", Want: "the attributes that it had", Got: a.String(),
		})
		return true
	})
}

func TestWhatIsLoggedIsAsWithoutLogHandler(t *testing.T) {
	lines := &journal{}
	slog.New(tracing.LogHandler(lines.handler())).InfoContext(spanContext(t, with("traceparent", valid)), "booked")
	written := lines.take(t)
	expect.That(t, len(written) == 1 && written[0]["trace_id"] == theirTrace, expect.Message{
		Did:  "logged a line with a span",
		Want: "one line, with trace_id " + theirTrace,
		Got:  fmt.Sprint(written),
	})
	err := slogtest.TestHandler(tracing.LogHandler(lines.handler()), func() []map[string]any { return lines.take(t) })
	expect.That(t, err == nil, expect.Message{
		Did:  "ran testing/slogtest on LogHandler over a slog.JSONHandler",
		Want: "no complaint, as about the JSONHandler itself",
		Got:  strings.ReplaceAll(fmt.Sprint(err), "\n", "; "),
		Why:  "attributes and groups that get lost are what the line was written for",
	})
	wantTheRecord(t)
	wantLoggersApart(t)
	wantWithNothing(t)
}

// wantLoggersApart makes two loggers of one that has had so many steps, and writes with the first of them.
func wantLoggersApart(t *testing.T) {
	t.Helper()
	ctx, lines := spanContext(t, with("traceparent", valid)), &journal{}
	log := slog.New(tracing.LogHandler(lines.handler()))
	for n := range 9 {
		first, second := log.With("of", "first"), log.With("of", "second")
		inner, other := log.WithGroup("first"), log.WithGroup("second")
		first.InfoContext(ctx, "booked")
		second.InfoContext(ctx, "booked")
		inner.InfoContext(ctx, "booked", "of", "first")
		other.InfoContext(ctx, "booked", "of", "second")
		for i, line := range lines.take(t) {
			name := []string{"first", "second"}[i%2]
			if group, ok := line[name].(map[string]any); ok {
				line["of"] = group["of"]
			}
			expect.That(t, line["of"] == name, expect.Message{
				Did: fmt.Sprintf("made of a logger that had been through With %d times two more, with two attributes or two "+
					"groups, called first and second, and logged with the %s one", n, name),
				Want: "what belongs to that one, and nothing of its sibling",
				Got:  fmt.Sprint(line),
				Why: "loggers are made for each request from one that all of them share: where two of them share what they " +
					"have collected, the customer of one request stands in the line of another",
			})
		}
		log = log.With(fmt.Sprint("a", n), n)
	}
}

// wantWithNothing demands the ids behind a WithAttrs or a WithGroup that adds nothing, too.
func wantWithNothing(t *testing.T) {
	t.Helper()
	ctx := spanContext(t, with("traceparent", valid))
	for what, with := range map[string]func(slog.Handler) slog.Handler{
		"WithAttrs(nil)": func(h slog.Handler) slog.Handler { return h.WithAttrs(nil) },
		`WithGroup("")`:  func(h slog.Handler) slog.Handler { return h.WithGroup("") },
	} {
		lines := &journal{}
		slog.New(with(tracing.LogHandler(lines.handler()))).InfoContext(ctx, "booked")
		written := lines.take(t)
		expect.That(t, strings.Contains(fmt.Sprint(written), "trace_id:"+theirTrace), expect.Message{
			Did:  "called " + what + " of what LogHandler returns, and logged a line with a span",
			Want: "one line, with trace_id " + theirTrace,
			Got:  fmt.Sprint(written),
			Why:  "what adds nothing takes nothing away",
		})
	}
}

// tenant is what a handler below looks for in the context.
type tenant struct{}

// below keeps what it is given, and has debug lines of one tenant alone.
type below struct {
	slog.Handler
	got *string
}

func (b below) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || ctx.Value(tenant{}) != nil
}

func (b below) Handle(ctx context.Context, r slog.Record) error {
	*b.got += fmt.Sprint(r.Time.UTC(), " ", r.Level, " ", r.Message, ", at ", r.PC, ", of ", ctx.Value(tenant{}))
	return errFull
}

var errFull = errors.New("the disk is full")

func (b below) WithAttrs([]slog.Attr) slog.Handler { return b }
func (b below) WithGroup(string) slog.Handler      { return b }

// wantTheRecord demands that the handler below gets what the logger has been given, but for the ids.
func wantTheRecord(t *testing.T) {
	t.Helper()
	for _, traced := range []bool{true, false} {
		ctx := t.Context()
		if traced {
			ctx = spanContext(t, with("traceparent", valid))
		}
		for _, at := range []time.Time{time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC), {}} {
			wantTheRecordOf(t, context.WithValue(ctx, tenant{}, "tenant-7"), traced, at)
		}
	}
}

func wantTheRecordOf(t *testing.T, ctx context.Context, traced bool, at time.Time) {
	t.Helper()
	r := slog.NewRecord(at, slog.LevelDebug, "booked", 4711)
	did := fmt.Sprintf("logged a line for debugging, with a span: %v, over a handler that has such lines of one tenant "+
		"alone, and asks the context for it", traced)
	if at.IsZero() {
		did = fmt.Sprintf("handed on a record without a time, with a span: %v", traced)
	}
	var want, got string
	below{got: &want}.Handle(ctx, r)
	h := tracing.LogHandler(below{got: &got})
	var err error
	if h.Enabled(ctx, slog.LevelDebug) {
		err = h.Handle(ctx, r)
	}
	expect.That(t, got == want, expect.Message{
		Did:  did,
		Want: "what that handler gets without LogHandler: " + want,
		Got:  none(got),
		Why: "the time, the place in the code and the context are a part of what is logged: handlers below show them, " +
			"and decide by them. A record without a time is written without one",
	})
	expect.That(t, errors.Is(err, errFull), expect.Message{
		Did:  did + "; that handler can write nothing, and says so",
		Want: "its error: " + errFull.Error(),
		Got:  fmt.Sprint(err),
		Why:  "whoever writes what is lost here to another place has to be told of it",
	})
}
