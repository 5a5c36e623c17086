// Package jsonlog writes logs that machines can read: one event, one line of JSON, joined by the id of the request, and
// without what must not be in it.
package jsonlog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
)

// Options say what is written.
type Options struct {
	Level  slog.Leveler
	Redact []string
}

// NewHandler returns the handler that the README describes.
func NewHandler(w io.Writer, o Options) slog.Handler {
	_ = tree                                    // is given, below
	return slog.NewTextHandler(io.Discard, nil) // your code
}

// Middleware writes a line for each request, as the README describes it.
func Middleware(l *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := &answer{w}
			a.WriteHeader(http.StatusNotImplemented) // your code
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
