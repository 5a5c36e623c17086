package tracing_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	tracing "github.com/backend-labs/backend-labs/labs/i12-trace-propagation"
)

// A caller as the examples of the specification have it.
const (
	theirTrace  = "0af7651916cd43dd8448eb211c80319c"
	theirParent = "b7ad6b7169203331"
	valid       = "00-" + theirTrace + "-" + theirParent + "-01"
)

// wire is the other end of a Transport: it records what is sent, and answers each request with 204.
type wire struct {
	mu   sync.Mutex
	sent []*http.Request
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, r.Clone(context.Background()))
	return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func (w *wire) all() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*http.Request{}, w.sent...)
}

// call sends a request with a context through a Transport.
func call(t *testing.T, transport http.RoundTripper, ctx context.Context) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://next.test/rooms", nil)
	if err == nil {
		var res *http.Response
		if res, err = transport.RoundTrip(r); err == nil {
			res.Body.Close()
		}
	}
	expect.NoError(t, err, expect.Message{
		Did:  "sent a request with the span of its context",
		Want: "no error",
	})
}

// hop is what a traceparent says.
type hop struct{ trace, parent, flags string }

// outgoing takes the traceparent of a request apart; what is wrong with it is said instead.
func outgoing(r *http.Request) (h hop, wrong string) {
	headers := r.Header["Traceparent"]
	if len(headers) != 1 {
		return h, fmt.Sprintf("%d traceparents", len(headers))
	}
	parts := strings.Split(headers[0], "-")
	if len(headers[0]) != 55 || len(parts) != 4 || parts[0] != "00" || len(parts[1]) != 32 ||
		len(parts[2]) != 16 || strings.Trim(parts[1]+parts[2]+parts[3], "0123456789abcdef") != "" {
		return h, "traceparent: " + headers[0]
	}
	return hop{parts[1], parts[2], parts[3]}, ""
}

// sentBy is the one request that has gone out, taken apart.
func sentBy(t *testing.T, w *wire, did string) (r *http.Request, h hop) {
	t.Helper()
	all := w.all()
	expect.That(t, len(all) == 1, expect.Message{
		Did:  did,
		Want: "the one request that the handler sends",
		Got:  fmt.Sprintf("%d requests", len(all)),
	})
	h, wrong := outgoing(all[0])
	expect.That(t, wrong == "", expect.Message{
		Did:  did,
		Want: "one traceparent of version 00 on what the handler sends, such as " + valid,
		Got:  wrong,
		Why:  "the next service finds no trace that it could go on with, and begins one of its own",
	})
	return all[0], h
}

// served sends a request with these headers through Middleware, and returns the span that the
// handler finds and what a request that the handler sends looks like on the wire.
func served(t *testing.T, did string, headers http.Header) (span tracing.SpanContext, w *wire) {
	t.Helper()
	w = &wire{}
	transport := tracing.Transport(w)
	var ok bool
	h := tracing.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if span, ok = tracing.FromContext(r.Context()); ok {
			call(t, transport, r.Context())
		}
	}))
	r := httptest.NewRequest(http.MethodGet, "/bookings", nil)
	r.Header = headers
	h.ServeHTTP(httpwire.New().Writer(), r)
	expect.That(t, ok, expect.Message{
		Did:  did,
		Want: "a span in the context of the request that the handler gets",
		Got:  "FromContext finds none",
		Why:  "whatever the handler calls and logs belongs to no trace",
	})
	return span, w
}

// with are headers of a request.
func with(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func traceOf(s tracing.SpanContext) string { return hex.EncodeToString(s.TraceID[:]) }

func spanOf(s tracing.SpanContext) string { return hex.EncodeToString(s.SpanID[:]) }

func parentOf(s tracing.SpanContext) string { return hex.EncodeToString(s.Parent[:]) }

// journal is where log lines go, as JSON.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) handler() slog.Handler {
	return slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelInfo})
}

// take are the lines so far, each decoded, and forgets them.
func (j *journal) take(t *testing.T) (lines []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for d := json.NewDecoder(&j.text); ; {
		var line map[string]any
		switch err := d.Decode(&line); {
		case err == io.EOF:
			j.text.Reset()
			return lines
		case err != nil:
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

// ids are those in a log line, wherever they stand: at the top or in one of these groups.
func ids(line map[string]any, groups ...string) (trace, span any) {
	trace, span = line["trace_id"], line["span_id"]
	for _, g := range groups {
		inner, _ := line[g].(map[string]any)
		if trace == nil && inner != nil {
			trace, span = inner["trace_id"], inner["span_id"]
		}
		line = inner
	}
	return trace, span
}
