package tracing_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	tracing "github.com/backend-labs/backend-labs/labs/i12-trace-propagation"
)

// The cases are those of the W3C's test suite for Trace Context (test/test.py there), and neighbours
// of them.
func TestAValidTraceparentIsContinued(t *testing.T) {
	for _, tc := range []struct{ header, flags string }{
		{valid, "01"},
		{"00-" + theirTrace + "-" + theirParent + "-00", "00"},
		{"00-" + theirTrace + "-" + theirParent + "-02", "02"},
		{"00-" + theirTrace + "-" + theirParent + "-03", "03"},
		{"00-00000000000000000000000000000001-0000000000000001-01", "01"},
		{"00-10000000000000000000000000000000-1000000000000000-00", "00"},
		{"00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01", "01"},
		{"00-00000000000000001234567890123456-00000000abcdef01-01", "01"},
		{"01-" + theirTrace + "-" + theirParent + "-00", "00"},
		{"cc-" + theirTrace + "-" + theirParent + "-01", "01"},
		{"cc-" + theirTrace + "-" + theirParent + "-01-what-the-future-will-be-like", "01"},
		{"cc-" + theirTrace + "-" + theirParent + "-01-", "01"},
		{"fe-" + theirTrace + "-" + theirParent + "-01-X Y", "01"},
		{"cc-" + theirTrace + "-" + theirParent + "-ff", "ff"},
		{"cc-" + theirTrace + "-" + theirParent + "-84-what-the-future-will-be-like", "84"},
		{"f0-" + theirTrace + "-" + theirParent + "-01", "01"},
		{"0f-" + theirTrace + "-" + theirParent + "-01-" + strings.Repeat("a", 4000), "01"},
	} {
		did := fmt.Sprintf("received a request with traceparent: %.80s", tc.header)
		span, w := served(t, did, with("traceparent", tc.header))
		got := fmt.Sprintf("trace %s, parent %s, flags %02x", traceOf(span), parentOf(span), span.Flags)
		want := fmt.Sprintf("trace %s, parent %s, flags %s", tc.header[3:35], tc.header[36:52], tc.flags)
		expect.That(t, got == want, expect.Message{
			Did:  did,
			Want: want + ": it is valid",
			Got:  got,
			Why: "a trace that ends at one service is two halves, and whoever decided at its beginning whether it is " +
				"kept has decided for all of it",
		})
		_, h := sentBy(t, w, did)
		got = fmt.Sprintf("trace %s, flags %s", h.trace, h.flags)
		want = fmt.Sprintf("trace %s, flags %s", tc.header[3:35], tc.flags)
		expect.That(t, got == want, expect.Message{
			Did:  did + ", whose handler sends another one",
			Want: want + " in what goes out",
			Got:  got,
			Why: "flags say what the beginning of the trace has decided: with others, half of the services keep " +
				"their part of it and half do not",
		})
		expect.That(t, spanOf(span) != tc.header[36:52] && h.parent != tc.header[36:52] && span.SpanID != [8]byte{},
			expect.Message{
				Did:  did + ", whose handler sends another one",
				Want: "new ids for this service's part and for what it sends",
				Got: fmt.Sprintf("the caller is %s, this service's part %s, and what goes out names %s",
					tc.header[36:52], spanOf(span), h.parent),
				Why: "a part with its caller's id is the caller's part: two services are drawn as one",
			})
	}
}

func TestAnInvalidTraceparentBeginsATrace(t *testing.T) {
	headers := []string{
		"", "-", "garbage",
		"00-" + theirTrace + "-" + theirParent + "-01.",
		"00-" + theirTrace + "-" + theirParent + "-01-",
		"00-" + theirTrace + "-" + theirParent + "-01-what-the-future-will-be-like",
		"00-" + theirTrace + "-" + theirParent + "-1",
		"00-" + theirTrace + "-" + theirParent + "-",
		"00-" + theirTrace + "-" + theirParent,
		"00-" + theirTrace[1:] + "-" + theirParent + "-01",
		"00-" + theirTrace + "0-" + theirParent + "-01",
		"00-" + theirTrace + "-" + theirParent[1:] + "-01",
		"00-" + theirTrace + "-" + theirParent + "0-01",
		"00-" + theirTrace + "-" + theirParent + "-001",
		"0-" + theirTrace + "-" + theirParent + "-01",
		"000-" + theirTrace + "-" + theirParent + "-01",
		"00-" + theirTrace[1:] + "-" + theirParent + "-010",
		"00-" + strings.Repeat("0", 32) + "-" + theirParent + "-01",
		"00-" + theirTrace + "-" + strings.Repeat("0", 16) + "-01",
		"cc-" + strings.Repeat("0", 32) + "-" + theirParent + "-01",
		"cc-" + theirTrace + "-" + strings.Repeat("0", 16) + "-01-x",
		"00-" + strings.ToUpper(theirTrace) + "-" + theirParent + "-01",
		"00-" + theirTrace + "-" + strings.ToUpper(theirParent) + "-01",
		"00-" + theirTrace + "-" + theirParent + "-0A",
		"CC-" + theirTrace + "-" + theirParent + "-01",
		"00-." + theirTrace[1:] + "-" + theirParent + "-01",
		"00-" + theirTrace + "-." + theirParent[1:] + "-01",
		"00-" + theirTrace + "-" + theirParent + "-.0",
		"00-" + theirTrace + "-" + theirParent + "-0.",
		"00-" + theirTrace[:31] + "g-" + theirParent + "-01",
		"00-+" + theirTrace[1:] + "-" + theirParent + "-01",
		"0x-" + theirTrace + "-" + theirParent + "-01",
		".0-" + theirTrace + "-" + theirParent + "-01",
		"+1-" + theirTrace + "-" + theirParent + "-01",
		"ff-" + theirTrace + "-" + theirParent + "-01",
		"ff-" + theirTrace + "-" + theirParent + "-01-x",
		"cc-" + theirTrace + "-" + theirParent + "-01.what-the-future-will-be-like",
		"cc-" + theirTrace + "-" + theirParent + "-010",
		"cc-" + theirTrace + "-" + theirParent + "-1",
		"00_" + theirTrace + "-" + theirParent + "-01",
		"00-" + theirTrace + "_" + theirParent + "-01",
		"00-" + theirTrace + "-" + theirParent + "_01",
		"00 " + theirTrace + " " + theirParent + " 01",
		valid + "," + valid,
	}
	for _, header := range headers {
		did := fmt.Sprintf("received a request with traceparent: %q and tracestate: foo=1", header)
		span, w := served(t, did, with("traceparent", header, "tracestate", "foo=1"))
		began(t, did, span, w)
	}
	did := "received a request with tracestate: foo=1 and without a traceparent"
	span, w := served(t, did, with("tracestate", "foo=1"))
	began(t, did, span, w)
}

// began fails unless a trace begins with this span, and no tracestate is sent on.
func began(t *testing.T, did string, span tracing.SpanContext, w *wire) {
	t.Helper()
	expect.That(t, traceOf(span) != theirTrace && span.TraceID != [16]byte{} && span.Parent == [8]byte{},
		expect.Message{
			Did:  did,
			Want: "a new trace, whose id is random, and which has no parent",
			Got:  fmt.Sprintf("trace %s under the parent %s", traceOf(span), parentOf(span)),
			Why: "what cannot be read is no trace: some other service will refuse it, and the half that you have " +
				"added to it hangs under nothing",
		})
	r, h := sentBy(t, w, did)
	expect.That(t, h.trace == traceOf(span) && h.flags == fmt.Sprintf("%02x", span.Flags), expect.Message{
		Did:  did + ", whose handler sends another one",
		Want: fmt.Sprintf("trace %s and flags %02x, those of the span, in what goes out", traceOf(span), span.Flags),
		Got:  fmt.Sprintf("trace %s and flags %s", h.trace, h.flags),
		Why:  "the trace that begins here has to go on with the same id and the same flags",
	})
	expect.That(t, span.State == "" && len(r.Header["Tracestate"]) == 0, expect.Message{
		Did:  did + ", whose handler sends another one",
		Want: "neither State in the span nor a tracestate in what goes out",
		Got:  fmt.Sprintf("State %q, tracestate %q", span.State, r.Header["Tracestate"]),
		Why: "a tracestate belongs to the trace that its traceparent names: sent on with another trace, it tells some " +
			"vendor's tool things that are not so",
	})
}

func TestTracestate(t *testing.T) {
	members := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("bar%02d=%02d", i+1, i+1))
		}
		return strings.Join(list, ",")
	}
	value := "!"
	for c := byte(' '); c <= '~'; c++ {
		if c != ',' && c != '=' {
			value += string(c)
		}
	}
	value += strings.Repeat("v", 256-len(value))
	long := strings.ReplaceAll(members(32), "=", "="+strings.Repeat("v", 254))
	for _, tc := range []struct{ what, header, want string }{
		{"one member", "foo=1", "foo=1"},
		{"members that are not in the order of the alphabet", "foo=1,bar=2,baz=3", "foo=1,bar=2,baz=3"},
		{"space and tabs around members", "foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"},
		{"a key with all that a key may have", "t61@sys=x/y_-*,a_-*/z=1", "t61@sys=x/y_-*,a_-*/z=1"},
		{"a key of 256 characters", strings.Repeat("z", 256) + "=1", strings.Repeat("z", 256) + "=1"},
		{"32 members", members(32), members(32)},
		{"32 members of 263 characters", long, long},
		{"33 members", members(33), ""},
		{"a key in capital letters", "Foo=1", ""},
		{"a space in a key", "bar=2,foo bar=1", ""},
		{"a member without a key", "=1", ""},
		{"a member without a value", "bar=2,foo", ""},
		{"a key of 257 characters", strings.Repeat("z", 257) + "=1", ""},
		{"a key that begins with a sign", "bar=2,_foo=1", ""},
		{"a key with two @", "a@b@c=1", ""},
		{"a value of 256 characters, among them all that a value may have", "foo=" + value, "foo=" + value},
		{"a value of 257 characters", "foo=v" + value, ""},
		{"an empty value", "bar=2,foo=", ""},
		{"a = in a value", "foo=a=b", ""},
		{"a tab in a value", "foo=a\tb", ""},
		{"a DEL in a value", "foo=a\x7fb", ""},
		{"a letter in a value that is not ASCII", "foo=caf\u00e9", ""},
		{"no members", "", ""},
	} {
		did := "received a request with a valid traceparent and a tracestate with " + tc.what
		span, w := served(t, did, with("traceparent", valid, "tracestate", tc.header))
		expect.That(t, traceOf(span) == theirTrace, expect.Message{
			Did:  did,
			Want: "the trace goes on",
			Got:  "trace " + traceOf(span) + ", a new one",
			Why:  "the state is what vendors add to a trace; where it is broken the trace is none the worse",
		})
		r, h := sentBy(t, w, did)
		got := strings.Join(r.Header["Tracestate"], " and ")
		expect.That(t, span.State == tc.want && got == tc.want && h.trace == theirTrace, expect.Message{
			Did: did + ", whose handler sends another one",
			Want: fmt.Sprintf("State and the tracestate that goes out: %s; and the trace goes on",
				none(fmt.Sprintf("%.90s", tc.want))),
			Got: fmt.Sprintf("State %s, and in what goes out tracestate: %s, in trace %s",
				none(fmt.Sprintf("%.90s", span.State)), none(fmt.Sprintf("%.90s", got)), h.trace),
			Why: "each vendor finds its own data by the key, and what it finds first is what it wrote last: order and " +
				"spelling are not yours to change, and what nobody can read is not to be passed on",
		})
		expect.That(t, tc.want != "" || len(r.Header["Tracestate"]) == 0, expect.Message{
			Did:  did + ", whose handler sends another one",
			Want: "no tracestate in what goes out",
			Got:  fmt.Sprintf("tracestate: %q", r.Header["Tracestate"]),
			Why:  "an empty header is one that every service behind this one has to parse, and to forward",
		})
	}
	wantOneList(t)
	wantStateWhateverTheFlags(t)
}

// wantStateWhateverTheFlags demands that a trace that is not kept here has its state all the same.
func wantStateWhateverTheFlags(t *testing.T) {
	t.Helper()
	for _, flags := range []string{"00", "02", "03"} {
		did := "received a request with flags " + flags + " and tracestate: foo=1"
		span, w := served(t, did, with("traceparent", valid[:53]+flags, "tracestate", "foo=1"))
		r, _ := sentBy(t, w, did)
		got := strings.Join(r.Header["Tracestate"], " and ")
		expect.That(t, span.State == "foo=1" && got == "foo=1", expect.Message{
			Did:  did + ", whose handler sends another one",
			Want: "State and the tracestate that goes out: foo=1",
			Got:  fmt.Sprintf("State %s, and in what goes out tracestate: %s", none(span.State), none(got)),
			Why: "the flag says what one tool keeps; in the state others have their own decisions, such as how much " +
				"one trace in a hundred counts",
		})
	}
}

// wantOneList demands that several lines are what one line of them would be.
func wantOneList(t *testing.T) {
	t.Helper()
	many := "m00=1" // 31 members
	for i := range 30 {
		many += fmt.Sprintf(",m%02d=1", i+1)
	}
	for _, tc := range []struct {
		lines []string
		want  string
	}{
		{[]string{"foo=1", "bar=2"}, "foo=1,bar=2"},
		{[]string{"foo=1,bar=2", "", "baz=3"}, "foo=1,bar=2,baz=3"},
		{[]string{"foo=1", "no member", "bar=2"}, ""},
		{[]string{many, "foo=1"}, many + ",foo=1"},
		{[]string{many, "foo=1", "bar=2"}, ""}, // 33 members
	} {
		did := fmt.Sprintf("received a request with a valid traceparent and %d lines of tracestate, %q", len(tc.lines),
			tc.lines)
		headers := with("traceparent", valid)
		headers["Tracestate"] = tc.lines
		span, _ := served(t, did, headers)
		expect.That(t, span.State == tc.want && traceOf(span) == theirTrace, expect.Message{
			Did:  did,
			Want: "the State of the one list that they are: " + none(tc.want) + "; and the trace goes on",
			Got:  fmt.Sprintf("State %s, in trace %s", none(span.State), traceOf(span)),
			Why: "whoever stands between two services may split a header into lines, or join them: what it says is the " +
				"same, and the member of some vendor stands in the second line",
		})
	}
}

// none is a text, or says that there is none.
func none(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func TestIDsAreRandom(t *testing.T) {
	const n = 10000
	seen := map[string]bool{}
	var values [2][16]map[byte]bool
	h := tracing.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		span, _ := tracing.FromContext(r.Context())
		for i, id := range [][]byte{span.TraceID[:], span.SpanID[:]} {
			seen[string(id)] = true
			for k, b := range id {
				if values[i][k] == nil {
					values[i][k] = map[byte]bool{}
				}
				values[i][k][b] = true
			}
		}
	}))
	w, r := httpwire.New(), httptest.NewRequest(http.MethodGet, "/", nil)
	for range n {
		h.ServeHTTP(w.Writer(), r)
	}
	did := fmt.Sprintf("received %d requests without a traceparent", n)
	expect.That(t, len(seen) == 2*n, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("%d ids of traces and as many of parts, all different", n),
		Got:  fmt.Sprintf("%d different ids in all", len(seen)),
		Why:  "two requests with one id are one trace, and each of the two looks slow because of the other",
	})
	within := spanContext(t, with("traceparent", valid))
	was, _ := tracing.FromContext(within)
	var now tracing.SpanContext
	tracing.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		now, _ = tracing.FromContext(r.Context())
	})).ServeHTTP(w.Writer(), r.WithContext(within))
	expect.That(t, now.SpanID != was.SpanID && now.TraceID != was.TraceID, expect.Message{
		Did:  "received a request without a traceparent, in whose context another request's span lies already",
		Want: "a trace and a part of its own, as the headers have it",
		Got:  fmt.Sprintf("trace %s and part %s, those of the span that lay there", traceOf(now), spanOf(now)),
		Why:  "two services in one process, as in a test or a small installation, would be drawn as one",
	})
	for i, what := range []string{"trace", "part"} {
		for k, size := 0, []int{16, 8}[i]; k < size; k++ {
			if i == 0 && k < 9 {
				continue // some put the time there
			}
			expect.That(t, len(values[i][k]) > 200, expect.Message{
				Did:  did + ", and looked at the bytes of the ids one by one",
				Want: "bytes that are random: nearly all of the 256 values",
				Got:  fmt.Sprintf("%d values in byte %d of the ids of a %s", len(values[i][k]), k+1, what),
				Why: "ids that are counted, or made of the time, are those of other instances, too, which have begun to " +
					"count at the same number, or have the same clock",
			})
		}
	}
	wantAPartForEach(t)
}

// wantAPartForEach sends one request several times, as a client does that tries again, and looks whether the id of a
// part has been taken from one of the other ids.
func wantAPartForEach(t *testing.T) {
	t.Helper()
	for _, header := range []string{valid, ""} {
		did := "received a request without a traceparent"
		if header != "" {
			did = "received a request with the traceparent " + header
		}
		parts := map[[8]byte]bool{}
		for range 10 {
			span, _ := served(t, did, with("traceparent", header))
			parts[span.SpanID] = true
			for what, id := range map[string][]byte{"the beginning of the TraceID": span.TraceID[:8],
				"the end of the TraceID": span.TraceID[8:], "the Parent": span.Parent[:]} {
				expect.That(t, string(id) != string(span.SpanID[:]), expect.Message{
					Did:  did,
					Want: "a SpanID that is random: nothing of it is known from other ids",
					Got:  fmt.Sprintf("trace %s and part %s: that is %s", traceOf(span), spanOf(span), what),
					Why: "whoever knows one id then knows another, and services that do the same have one part " +
						"between them",
				})
			}
		}
		expect.That(t, len(parts) == 10, expect.Message{
			Did:  did + ", ten times the same",
			Want: "ten parts, each with a SpanID of its own",
			Got:  fmt.Sprintf("%d different ids", len(parts)),
			Why: "a client that tries again, or two services that are called with one header, do work twice: with one id it " +
				"is drawn as one, and nobody sees the attempt that was slow",
		})
	}
}

func TestTheHandlerGetsTheRequestAsItCame(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "tenant-7"))
	for _, header := range []string{valid, "garbage"} {
		headers := with("traceparent", header, "tracestate", "foo=1", "accept", "text/csv")
		var got string
		var theirs http.ResponseWriter
		h := tracing.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			theirs = w
			var body bytes.Buffer
			body.ReadFrom(r.Body)
			got = fmt.Sprint(r.Method, " ", r.URL, " ", body.String(), " ", r.Header, " ", r.Context().Value(key{}))
			cancel()
			if _, ok := tracing.FromContext(r.Context()); !ok {
				got += ", and no span"
			}
			if r.Context().Err() == nil {
				got += ", and its context does not end with the client's"
			}
		}))
		r := httptest.NewRequestWithContext(ctx, http.MethodPut, "/bookings/7?x=1", strings.NewReader("two beds"))
		r.Header = headers.Clone()
		w := httpwire.New()
		h.ServeHTTP(w.Writer(), r)
		want := fmt.Sprint(http.MethodPut, " /bookings/7?x=1 two beds ", headers, " tenant-7")
		expect.That(t, got == want && theirs == w.Writer(), expect.Message{
			Did:  "received PUT /bookings/7?x=1 with a body, headers, a value in its context, and traceparent: " + header,
			Want: want + ", and the ResponseWriter of the server",
			Got:  fmt.Sprintf("%s; the ResponseWriter is the server's: %v", got, theirs == w.Writer()),
			Why: "who adds tracing to a service must be able to do so on a Friday: nothing else may change, and least of " +
				"all that work stops when the client has gone",
		})
		ctx, cancel = context.WithCancel(context.WithValue(t.Context(), key{}, "tenant-7"))
	}
	cancel()
}

func TestNothingOfGarbageIsPassedOn(t *testing.T) {
	for what, header := range map[string]string{
		"a line break and a header behind it": valid + "\r\nX-Evil: 1",
		"4 KiB of letters":                    strings.Repeat("evil", 1024),
		"a markup":                            "00-<script>evil()</script>-" + theirParent + "-01",
		"a valid one, and more behind it":     valid + "-evil",
		"one that is valid but for its state": "ff-" + theirTrace + "-" + theirParent + "-01",
	} {
		var lines journal
		w := &wire{}
		log := slog.New(tracing.LogHandler(lines.handler()))
		before := slog.Default()
		slog.SetDefault(log)
		defer slog.SetDefault(before)
		h := tracing.Middleware(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			log.InfoContext(r.Context(), "booked")
			call(t, tracing.Transport(w), r.Context())
			fmt.Fprint(rw, "done")
		}))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = http.Header{"Traceparent": {header}, "Tracestate": {"evil=" + theirParent}}
		rec := httpwire.New()
		h.ServeHTTP(rec.Writer(), r)
		out, _ := sentBy(t, w, "received a traceparent with "+what)
		for where, text := range map[string]string{
			"what the handler sends":    fmt.Sprint(out.Header),
			"the headers of the answer": fmt.Sprint(rec.Header()),
			"the body of the answer":    rec.Body(),
			"the log":                   fmt.Sprint(lines.take(t)),
		} {
			low := strings.ToLower(text)
			expect.That(t, !strings.Contains(low, "evil") && !strings.Contains(low, theirTrace) &&
				!strings.Contains(low, theirParent), expect.Message{
				Did:  "received a traceparent with " + what + ", and a tracestate",
				Want: "nothing of them in " + where,
				Got:  fmt.Sprintf("%.200s", text),
				Why: "whoever may have this service repeat what he likes writes lines into its log and headers into " +
					"its requests",
			})
		}
	}
}
