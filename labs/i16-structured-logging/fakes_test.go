package jsonlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	jsonlog "github.com/backend-labs/backend-labs/labs/i16-structured-logging"
)

// out is what a log is written to. Two must not call it at once.
type out struct {
	yields   int // how often a Write gives way to others
	inside   atomic.Int32
	overlaps atomic.Int32
	writes   atomic.Int32
	chunks   [][]byte
}

func (o *out) Write(p []byte) (int, error) {
	if o.inside.Add(1) > 1 {
		o.overlaps.Add(1)
		for o.inside.Load() > 1 && o.yields > 0 {
			runtime.Gosched()
			break
		}
	}
	for range o.yields {
		runtime.Gosched()
	}
	o.writes.Add(1)
	if o.overlaps.Load() == 0 { // else it is a race, which is told in other words
		o.chunks = append(o.chunks, bytes.Clone(p))
	}
	o.inside.Add(-1)
	return len(p), nil
}

// text is all that was written since the last call.
func (o *out) text() string {
	defer func() { o.chunks = nil }()
	return string(bytes.Join(o.chunks, nil))
}

// line is one record, read.
type line map[string]any

// read reads lines, with numbers as they are written.
func read(text string) (lines []line, err error) {
	for raw := range strings.Lines(text) {
		d := json.NewDecoder(strings.NewReader(raw))
		d.UseNumber()
		var l line
		if err := d.Decode(&l); err != nil {
			return lines, fmt.Errorf("%q is no JSON object: %w", raw, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return lines, fmt.Errorf("%q is more than one JSON object", raw)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// at is the member at the end of a path with dots, or nil.
func (l line) at(path string) any {
	var v any = map[string]any(l)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// asJSON is a value as JSON, for comparisons and messages.
func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// logger returns a logger and what it writes to.
func logger(secrets ...string) (*slog.Logger, *out) {
	o := &out{}
	return slog.New(jsonlog.NewHandler(o, jsonlog.Options{Redact: secrets})), o
}

// one demands that exactly one line was written, and returns it with its text.
func one(t *testing.T, did string, o *out) (line, string) {
	t.Helper()
	writes := len(o.chunks)
	text := o.text()
	lines, err := read(text)
	if err == nil && writes == 1 && len(lines) == 1 && strings.HasSuffix(text, "}\n") {
		return lines[0], text
	}
	got := fmt.Sprintf("%d calls of Write: %q", writes, text)
	if err != nil {
		got = err.Error()
	}
	expect.Fatal(t, expect.Message{Did: did, Want: "one line with one JSON object, in one Write",
		Got: got, Why: "what collects logs reads them line by line, and what it cannot read it throws away"})
	return nil, ""
}

// member demands the value of one member.
func member(t *testing.T, did string, l line, path string, want any, why string) {
	t.Helper()
	got := asJSON(l.at(path))
	expect.That(t, got == asJSON(want), expect.Message{Did: did,
		Want: fmt.Sprintf("%s: %s", path, asJSON(want)),
		Got:  fmt.Sprintf("%s: %s, in %s", path, got, asJSON(l)), Why: why})
}

// request has an id and a path.
func request(id, target string) *http.Request {
	r := httptest.NewRequest("POST", target, nil)
	return r.WithContext(jsonlog.WithRequestID(r.Context(), id))
}

// serve lets the middleware serve a request, and returns what a panic was.
func serve(l *slog.Logger, next http.HandlerFunc, r *http.Request) (w *httpwire.Record, p any) {
	w = httpwire.New()
	defer func() { p = recover() }()
	jsonlog.Middleware(l)(next).ServeHTTP(w.Writer(), r)
	return w, nil
}

var background = context.Background()
