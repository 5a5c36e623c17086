// Package tracing carries the trace of a request from service to service.
package tracing

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
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

type carrier struct {
	context.Context
	span *SpanContext
}

type carried struct{}

func (c carrier) Value(key any) any {
	if key == (carried{}) {
		return c.span
	}
	return c.Context.Value(key)
}

var (
	current = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$`)
	later   = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)`)
)

// Middleware finds out which trace a request belongs to, or begins one, and has next serve it.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := received(r.Header)
		if s == nil {
			s = &SpanContext{Flags: 1}
			binary.NativeEndian.PutUint64(s.TraceID[:], rand.Uint64())
			binary.NativeEndian.PutUint64(s.TraceID[8:], rand.Uint64())
		}
		s.SpanID = newID()
		next.ServeHTTP(w, r.WithContext(carrier{r.Context(), s}))
	})
}

// received is the span of a caller, or nil.
func received(h http.Header) *SpanContext {
	text := h.Get("traceparent")
	form := later
	switch {
	case strings.HasPrefix(text, "00"):
		form = current
	case strings.HasPrefix(text, "ff"):
		return nil
	}
	found := form.FindStringSubmatch(text)
	if found == nil {
		return nil
	}
	s := new(SpanContext)
	trace, _ := hex.DecodeString(found[1])
	parent, _ := hex.DecodeString(found[2])
	flags, _ := hex.DecodeString(found[3])
	copy(s.TraceID[:], trace)
	copy(s.Parent[:], parent)
	s.Flags = flags[0]
	if s.TraceID == [16]byte{} || s.Parent == [8]byte{} {
		return nil
	}
	if state, ok := parseState(strings.Join(h.Values("tracestate"), ",")); ok {
		s.State = state
	}
	return s
}

func newID() (id [8]byte) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64N(1<<64-1)+1)
	return id
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Transport sends each request with the trace of its context. Where base is nil, it is
// http.DefaultTransport.
func Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		copied := *r
		copied.Header = http.Header{}
		for name, values := range r.Header {
			if name != "Traceparent" && name != "Tracestate" {
				copied.Header[name] = values
			}
		}
		if s, ok := FromContext(r.Context()); ok {
			copied.Header.Set("traceparent", fmt.Sprintf("00-%x-%x-%02x", s.TraceID, newID(), s.Flags))
			if s.State != "" {
				copied.Header.Set("tracestate", s.State)
			}
		}
		return base.RoundTrip(&copied)
	})
}

// FromContext is the span that a context carries, if it carries one.
func FromContext(ctx context.Context) (SpanContext, bool) {
	s, _ := ctx.Value(carried{}).(*SpanContext)
	if s == nil {
		return SpanContext{}, false
	}
	return *s, true
}

// LogHandler passes records on to h, with the ids of the span that their context carries. They stand
// outside of all groups: these are opened once the ids are there.
func LogHandler(h slog.Handler) slog.Handler { return &outside{h: h} }

type outside struct {
	h     slog.Handler
	later []func(slog.Handler) slog.Handler
}

func (o *outside) Enabled(ctx context.Context, l slog.Level) bool { return o.h.Enabled(ctx, l) }

func (o *outside) Handle(ctx context.Context, r slog.Record) error {
	h := o.h
	if s, ok := FromContext(ctx); ok {
		h = h.WithAttrs([]slog.Attr{slog.String("trace_id", fmt.Sprintf("%x", s.TraceID)),
			slog.String("span_id", fmt.Sprintf("%x", s.SpanID))})
	}
	for _, do := range o.later {
		h = do(h)
	}
	return h.Handle(ctx, r)
}

func (o *outside) and(do func(slog.Handler) slog.Handler) slog.Handler {
	return &outside{o.h, append(slices.Clip(o.later), do)}
}

func (o *outside) WithAttrs(attrs []slog.Attr) slog.Handler {
	return o.and(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (o *outside) WithGroup(name string) slog.Handler {
	return o.and(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

// Go runs f beside a request.
func Go(ctx context.Context, f func(ctx context.Context)) {
	beside := context.Background()
	if s, ok := FromContext(ctx); ok {
		beside = carrier{beside, &s}
	}
	go f(beside)
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
