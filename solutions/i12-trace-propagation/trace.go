// Package tracing carries the trace of a request from service to service.
package tracing

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
)

// SpanContext says of which trace a request is a part, and of which part of that.
type SpanContext struct {
	TraceID [16]byte
	SpanID  [8]byte // this service's part
	Parent  [8]byte // the caller's part; zero where the trace begins
	Flags   byte
	State   string // the members of tracestate, joined by ","
}

// spanKey is under which a context carries a SpanContext.
type spanKey struct{}

// Middleware finds out which trace a request belongs to, or begins one, and has next serve it.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span, ok := parse(r.Header.Get("Traceparent"))
		if ok {
			span.State, _ = parseState(strings.Join(r.Header.Values("Tracestate"), ","))
		} else {
			span = SpanContext{}
			rand.Read(span.TraceID[:])
		}
		rand.Read(span.SpanID[:])
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), spanKey{}, span)))
	})
}

// parse reads a traceparent, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.
func parse(header string) (s SpanContext, ok bool) {
	if len(header) < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return s, false
	}
	version := header[:2]
	if version == "ff" || len(header) > 55 && (version == "00" || header[55] != '-') {
		return s, false
	}
	var v, flags [1]byte
	ok = unhex(v[:], version) && unhex(s.TraceID[:], header[3:35]) && unhex(s.Parent[:], header[36:52]) &&
		unhex(flags[:], header[53:55])
	s.Flags = flags[0]
	return s, ok && s.TraceID != [16]byte{} && s.Parent != [8]byte{}
}

// unhex decodes digits, which have to be in lower case.
func unhex(dst []byte, digits string) bool {
	_, err := hex.Decode(dst, []byte(digits))
	return err == nil && digits == strings.ToLower(digits)
}

// Transport sends each request with the trace of its context. Where base is nil, it is
// http.DefaultTransport.
func Transport(base http.RoundTripper) http.RoundTripper {
	return transport{cmp.Or(base, http.DefaultTransport)}
}

type transport struct{ base http.RoundTripper }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	span, ok := FromContext(r.Context())
	if !ok {
		return t.base.RoundTrip(r)
	}
	r = r.Clone(r.Context()) // a RoundTripper must not change what it is given
	var id [8]byte
	rand.Read(id[:])
	r.Header.Set("Traceparent", "00-"+hex.EncodeToString(span.TraceID[:])+"-"+hex.EncodeToString(id[:])+"-"+
		hex.EncodeToString([]byte{span.Flags}))
	r.Header.Del("Tracestate")
	if span.State != "" {
		r.Header.Set("Tracestate", span.State)
	}
	return t.base.RoundTrip(r)
}

// FromContext is the span that a context carries, if it carries one.
func FromContext(ctx context.Context) (SpanContext, bool) {
	span, ok := ctx.Value(spanKey{}).(SpanContext)
	return span, ok
}

// LogHandler passes records on to h, with the ids of the span that their context carries.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ h slog.Handler }

func (l logHandler) Handle(ctx context.Context, r slog.Record) error {
	if span, ok := FromContext(ctx); ok {
		r = r.Clone() // others may have it, too
		r.AddAttrs(slog.String("trace_id", hex.EncodeToString(span.TraceID[:])),
			slog.String("span_id", hex.EncodeToString(span.SpanID[:])))
	}
	return l.h.Handle(ctx, r)
}

func (l logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return l.h.Enabled(ctx, level)
}

func (l logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{l.h.WithAttrs(attrs)}
}

func (l logHandler) WithGroup(name string) slog.Handler { return logHandler{l.h.WithGroup(name)} }

// Go runs f beside a request.
func Go(ctx context.Context, f func(ctx context.Context)) {
	go f(context.WithoutCancel(ctx))
}

// What follows is given.

// parseState returns the value of a tracestate header as it is passed on, or "" and false if it is
// invalid.
func parseState(header string) (state string, ok bool) {
	var members []string
	for member := range strings.SplitSeq(header, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		if !found || !validKey(key) || !validValue(value) {
			return "", false
		}
		members = append(members, member)
	}
	if len(members) > 32 {
		return "", false
	}
	return strings.Join(members, ","), true
}

// validKey reports whether a key is one by the grammar of W3C Trace Context, section 3.3.1.3.1.
func validKey(key string) bool {
	if key == "" || len(key) > 256 || !strings.Contains(lower+digits, key[:1]) {
		return false
	}
	return strings.Trim(key, lower+digits+"_-*/@") == "" && strings.Count(key, "@") <= 1
}

// validValue is the same for a value.
func validValue(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return value != "" && len(value) <= 256
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)
