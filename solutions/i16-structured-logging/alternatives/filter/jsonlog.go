// Package jsonlog writes logs that machines can read. What must not be in a line is taken out of it when it is written:
// whatever an attribute was, there it is JSON.
package jsonlog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Options say what is written.
type Options struct {
	Level  slog.Leveler
	Redact []string
}

// NewHandler returns the handler that the README describes.
func NewHandler(w io.Writer, o Options) slog.Handler {
	secrets := map[string]bool{}
	for _, name := range o.Redact {
		secrets[strings.ToLower(name)] = true
	}
	if len(secrets) > 0 {
		w = filter{w, secrets}
	}
	return joined{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level})}
}

// filter is between slog and the writer. slog calls it with a whole line, one at a time.
type filter struct {
	w       io.Writer
	secrets map[string]bool
}

func (f filter) Write(p []byte) (int, error) {
	t, err := tree(json.RawMessage(p), func(name string, _ any) (any, bool) {
		return "[redacted]", f.secrets[strings.ToLower(name)]
	})
	if err != nil {
		return 0, err
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(t); err != nil {
		return 0, err
	}
	if _, err := f.w.Write(line.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// joined adds what joins a line to others, and the clock that all share.
type joined struct{ slog.Handler }

func (j joined) Handle(ctx context.Context, r slog.Record) error {
	again := slog.NewRecord(r.Time.UTC(), r.Level, r.Message, r.PC)
	if id := RequestID(ctx); id != "" {
		again.AddAttrs(slog.String("request_id", id))
	}
	r.Attrs(func(a slog.Attr) bool {
		again.AddAttrs(a)
		return true
	})
	return j.Handler.Handle(ctx, again)
}

func (j joined) WithAttrs(as []slog.Attr) slog.Handler { return joined{j.Handler.WithAttrs(as)} }

func (j joined) WithGroup(name string) slog.Handler { return joined{j.Handler.WithGroup(name)} }

// sent is an answer that knows what was sent.
type sent struct {
	answer
	status, bytes int
}

func (s *sent) begin(status int) {
	if s.status == 0 && status >= 200 {
		s.status = status
	}
}

func (s *sent) WriteHeader(status int) {
	s.answer.WriteHeader(status)
	s.begin(status)
}

func (s *sent) Write(p []byte) (int, error) {
	s.begin(http.StatusOK)
	n, err := s.answer.Write(p)
	s.bytes += n
	return n, err
}

// FlushError is what an http.ResponseController calls.
func (s *sent) FlushError() error {
	s.begin(http.StatusOK)
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Middleware writes a line for each request, as the README describes it. A panic ends in it, with a 500 if it still can.
func Middleware(l *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := &sent{answer: answer{w}}
			begin, method, path := time.Now(), r.Method, r.URL.Path
			defer func() {
				level := slog.LevelInfo
				if p := recover(); p != nil {
					level = slog.LevelError
					if s.status == 0 {
						s.WriteHeader(http.StatusInternalServerError)
					}
				}
				s.begin(http.StatusOK)
				l.LogAttrs(r.Context(), level, method, slog.String("method", method),
					slog.String("path", path), slog.Int("status", s.status), slog.Int("bytes", s.bytes),
					slog.Float64("dur_ms", time.Since(begin).Seconds()*1000))
			}()
			next.ServeHTTP(s, r)
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
