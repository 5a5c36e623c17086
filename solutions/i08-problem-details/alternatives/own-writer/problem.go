// Package problem answers with errors that programs can read. The problem is built by one chain of
// classifiers, encoded member by member, and the panic is caught by a writer of its own.
package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Problem is what a client gets to know of an error.
type Problem struct {
	Type, Title string
	Status      int
	Detail      string
	Instance    string
	Ext         map[string]any
}

type member struct {
	name  string
	value any
}

// classifier says what an error is, or that it is nothing that it knows.
type classifier func(error) (p Problem, own []member, ok bool)

var (
	mu          sync.RWMutex
	classifiers []classifier
)

// Register makes p the answer to errors that are target.
func Register(target error, p Problem) {
	mu.Lock()
	defer mu.Unlock()
	classifiers = append(classifiers, func(err error) (Problem, []member, bool) {
		return p, nil, errors.Is(err, target)
	})
}

func invalid(err error) (Problem, []member, bool) {
	fields, ok := errors.AsType[Invalid](err)
	if !ok {
		return Problem{}, nil, false
	}
	list := make([]map[string]string, len(fields))
	for i, f := range fields {
		list[i] = map[string]string{"detail": f.Detail, "pointer": f.Pointer}
	}
	return Problem{Type: "tag:example.com,2026:invalid", Title: "Please correct the fields below", Status: 422},
		[]member{{"errors", list}}, true
}

func classify(err error) (Problem, []member) {
	mu.RLock()
	all := append([]classifier{invalid}, classifiers...)
	mu.RUnlock()
	for _, c := range all {
		if p, own, ok := c(err); ok {
			return p, own
		}
	}
	return Problem{Status: 500}, nil
}

func instanceOf(r *http.Request) string { return "urn:req:" + RequestID(r.Context()) }

// Write answers with the problem that err is.
func Write(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	p, own := classify(err)
	if wait, ok := waiting(err); ok {
		own = append(own, member{"retry_after", wait})
		w.Header().Set("retry-after", fmt.Sprint(wait))
	}
	answer(w, p, instanceOf(r), own)
	if p.Status > 499 {
		report(r, err, log)
	}
}

func report(r *http.Request, err error, log *slog.Logger) {
	log.With(slog.Group("http", "method", r.Method, "id", instanceOf(r))).
		LogAttrs(r.Context(), slog.LevelError, "problem", slog.String("err", err.Error()))
}

func waiting(err error) (seconds int, ok bool) {
	type patient interface {
		error
		RetryAfter() time.Duration
	}
	if p, ok := errors.AsType[patient](err); ok && p.RetryAfter() > 0 {
		d := p.RetryAfter()
		return int(math.Ceil(d.Truncate(time.Second).Seconds())) + min(1, int(d%time.Second)), true
	}
	return 0, false
}

// answer writes the members in an order that people like to read, those of the standard first.
func answer(w http.ResponseWriter, p Problem, instance string, own []member) {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	members := []member{{"type", p.Type}, {"title", p.Title}, {"status", p.Status}, {"instance", instance}}
	if p.Detail != "" {
		members = append(members, member{"detail", p.Detail})
	}
	taken := map[string]bool{"detail": true}
	for _, m := range append(slices.Clone(members), own...) {
		taken[m.name] = true
	}
	members = append(members, own...)
	for name, value := range p.Ext {
		if !taken[name] {
			members = append(members, member{name, value})
		}
	}
	var body bytes.Buffer
	for i, m := range members {
		body.WriteByte("{,"[min(i, 1)])
		for k, part := range []any{m.name, m.value} {
			data, _ := json.Marshal(part)
			body.Write(data)
			if k == 0 {
				body.WriteByte(':')
			}
		}
	}
	body.WriteByte('}')
	for name := range w.Header() {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Cache-Control":
			w.Header().Del(name)
		}
	}
	w.Header()["Content-Type"] = []string{"application/problem+json"}
	w.WriteHeader(p.Status)
	io.Copy(w, &body)
}

// watched is a writer that knows whether an answer has begun.
type watched struct {
	http.ResponseWriter
	begun bool
}

func (w *watched) WriteHeader(status int) {
	w.begun = w.begun || status > 199
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

func (w *watched) FlushError() error {
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Recover serves with next, and turns its panics into problems.
func Recover(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ours := &watched{ResponseWriter: w}
		v := caught(func() { next.ServeHTTP(ours, r) })
		switch {
		case v == nil:
		case v == http.ErrAbortHandler:
			panic(http.ErrAbortHandler)
		case ours.begun:
			report(r, fmt.Errorf("panicked: %v", v), log)
			panic(http.ErrAbortHandler)
		default:
			Write(w, r, errors.New(fmt.Sprint(v)), log)
		}
	})
}

func caught(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// Parse reads the problem in a response of 400 or more.
func Parse(resp *http.Response) (*Problem, error) {
	p := &Problem{Type: "about:blank", Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/problem+json") {
		return p, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return p, nil
	}
	for name, into := range map[string]*string{"type": &p.Type, "title": &p.Title, "detail": &p.Detail,
		"instance": &p.Instance} {
		if v := raw[name]; len(v) > 0 && v[0] == '"' {
			json.Unmarshal(v, into)
		}
		delete(raw, name)
	}
	delete(raw, "status")
	for name, v := range raw {
		var value any
		json.Unmarshal(v, &value)
		if p.Ext == nil {
			p.Ext = map[string]any{}
		}
		p.Ext[name] = value
	}
	return p, nil
}

// FieldError is one field of a request that is not as it should be.
type FieldError struct {
	Pointer string `json:"pointer"` // where, as a JSON Pointer in a fragment: #/lines/1/qty
	Detail  string `json:"detail"`  // what is wrong, for people
}

// Invalid is the error of a request with invalid fields. It may be wrapped.
type Invalid []FieldError

// Error counts the fields.
func (v Invalid) Error() string { return fmt.Sprintf("%d invalid fields", len(v)) }

type requestID struct{}

// WithRequestID returns a context in which a request has that id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestID{}, id)
}

// RequestID returns the id of the request, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}
