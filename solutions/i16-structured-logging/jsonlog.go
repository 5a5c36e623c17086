// Package jsonlog writes logs that machines can read: one event, one line of JSON, joined by the id of the request, and
// without what must not be in it.
package jsonlog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Options say what is written.
type Options struct {
	Level  slog.Leveler
	Redact []string
}

const redacted = "[redacted]"

// handler is slog's own with what that leaves to us: UTC, the id of the request, and secrets.
type handler struct{ json slog.Handler }

// NewHandler returns the handler that the README describes.
func NewHandler(w io.Writer, o Options) slog.Handler {
	options := &slog.HandlerOptions{Level: o.Level}
	if len(o.Redact) > 0 {
		options.ReplaceAttr = redactor(o.Redact).replace
	}
	return handler{slog.NewJSONHandler(w, options)} // it has one lock for all that come of it, and one Write a record
}

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.json.Enabled(ctx, level)
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	if id := RequestID(ctx); id != "" {
		r = r.Clone() // others may have the same record
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.json.Handle(ctx, r)
}

func (h handler) WithAttrs(as []slog.Attr) slog.Handler { return handler{h.json.WithAttrs(as)} }

func (h handler) WithGroup(name string) slog.Handler { return handler{h.json.WithGroup(name)} }

// redactor is the names of what must not be shown.
type redactor []string

func (secrets redactor) has(name string) bool {
	return slices.ContainsFunc(secrets, func(s string) bool { return strings.EqualFold(s, name) })
}

// replace is called for each attribute that is no group, also inside of groups and when With is called.
func (secrets redactor) replace(groups []string, a slog.Attr) slog.Attr {
	if secrets.has(a.Key) || slices.ContainsFunc(groups, secrets.has) {
		return slog.String(a.Key, redacted)
	}
	if a.Value.Kind() == slog.KindAny {
		a.Value = secrets.inside(a.Value)
	}
	return a
}

// inside looks into a value that is not one of slog's own kinds.
func (secrets redactor) inside(v slog.Value) (clean slog.Value) {
	defer func() {
		if p := recover(); p != nil {
			clean = slog.StringValue(fmt.Sprint("!PANIC: ", p))
		}
	}()
	if _, ok := v.Any().(error); ok {
		if _, ok := v.Any().(json.Marshaler); !ok {
			return v // slog shows its text
		}
	}
	t, err := tree(v.Any(), func(name string, _ any) (any, bool) { return redacted, secrets.has(name) })
	if err != nil {
		return slog.StringValue("!ERROR: " + err.Error())
	}
	return slog.AnyValue(t)
}

// counted is an answer that knows what was sent.
type counted struct {
	answer
	status int
	bytes  int
}

func (c *counted) WriteHeader(status int) {
	c.ResponseWriter.WriteHeader(status) // panics if it is none
	if c.status == 0 && status >= 200 {  // what comes before, 103 for instance, is not the last
		c.status = status
	}
}

func (c *counted) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.bytes += n
	return n, err
}

// FlushError is what an http.ResponseController calls.
func (c *counted) FlushError() error {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Middleware writes a line for each request, as the README describes it.
func Middleware(l *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin, c := time.Now(), &counted{answer: answer{w}}
			unsent := http.StatusInternalServerError // unless next returns
			method, path := r.Method, r.URL.Path     // next may change them
			defer func() {
				if c.status == 0 {
					c.status = unsent
				}
				l.InfoContext(r.Context(), "request", "method", method, "path", path, "status", c.status,
					"bytes", c.bytes, "dur_ms", float64(time.Since(begin))/float64(time.Millisecond))
			}()
			next.ServeHTTP(c, r)
			unsent = http.StatusOK
		})
	}
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be changed.

type requestID struct{}

// WithRequestID returns the context of the request that has this id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestID{}, id)
}

// RequestID returns the id of the request, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

// tree is v as encoding/json shows it, made of map[string]any, []any and single values, of which numbers keep their text.
// The value of each member is what replace makes of it, if that returns true.
func tree(v any, replace func(name string, v any) (any, bool)) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var t any
	if err := d.Decode(&t); err != nil {
		return nil, err
	}
	return walk(t, replace), nil
}

func walk(t any, replace func(string, any) (any, bool)) any {
	switch t := t.(type) {
	case map[string]any:
		for name, v := range t {
			if other, ok := replace(name, v); ok {
				t[name] = other
			} else {
				t[name] = walk(v, replace)
			}
		}
	case []any:
		for i, v := range t {
			t[i] = walk(v, replace)
		}
	}
	return t
}

// answer is a ResponseWriter to build on: WriteHeader and Write are yours.
type answer struct {
	http.ResponseWriter
}

// Unwrap lets an http.ResponseController reach what is not known here.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
