// Package idempotency makes requests that change something safe to send again. Here a repetition
// waits for the first answer instead of being refused, and a handler writes into an answer of its
// own, of which nothing is sent before it is complete.
package idempotency

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Record is what a Store keeps for a key.
type Record struct {
	Fingerprint []byte
	Done        bool
	Status      int
	Header      http.Header
	Body        []byte
}

// Store is shared by all instances of a service. Each method is one atomic step, and heeds ctx. The
// one in memory keeps and returns the very values that it is given.
type Store interface {
	// Begin takes the key for ttl and returns nil if it is free. Else it returns what is there: while
	// the first request is at work, that is its fingerprint alone.
	Begin(ctx context.Context, key string, fp []byte, ttl time.Duration) (existing *Record, err error)
	// Complete replaces what is kept for the key, for ttl from now on.
	Complete(ctx context.Context, key string, rec Record, ttl time.Duration) error
	// Release frees the key.
	Release(ctx context.Context, key string) error
}

// Idempotent returns the middleware, as the brief has it. scope says whose request it is.
func Idempotent(
	s Store, scope func(*http.Request) string, required bool,
) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.Contains([]string{http.MethodPost, http.MethodPatch}, r.Method) {
				next.ServeHTTP(w, r)
				return
			}
			key, err := keyOf(r.Header)
			if err == nil && key == "" && !required {
				next.ServeHTTP(w, r)
				return
			}
			if err == nil && key == "" {
				err = errors.New("the header Idempotency-Key is missing")
			}
			var body bytes.Buffer
			if err == nil {
				_, err = io.Copy(&body, r.Body)
			}
			if err != nil {
				problem(w, http.StatusBadRequest, err.Error())
				return
			}
			// The query belongs to the operation here.
			op := operation(scope(r), r.Method, r.URL.Path, r.URL.RawQuery, key)
			o := once{s, op, fingerprint(body.Bytes())}
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(&body)
			o.serve(w, r, next)
		})
	}
}

// operation is what a request does, as one string, in which no part can hold what ends it.
func operation(parts ...string) string {
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~", "~0"), "\x00", "~1")
	}
	return strings.Join(parts, "\x00")
}

// fingerprint is good enough against mistakes: a client that wants to deceive itself may.
func fingerprint(body []byte) []byte {
	h := fnv.New128a()
	h.Write(body)
	return h.Sum(nil)
}

// once is one operation in the store.
type once struct {
	store Store
	op    string
	print []byte
}

func (o once) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	for {
		rec, err := o.store.Begin(r.Context(), o.op, o.print, time.Minute)
		switch {
		case err != nil:
			problem(w, http.StatusServiceUnavailable, "the store of keys does not answer")
			return
		case rec == nil:
			o.run(r, next).writeTo(w)
			return
		case !bytes.Equal(rec.Fingerprint, o.print):
			problem(w, http.StatusUnprocessableEntity, "another body came with this key")
			return
		case rec.Done:
			a := answer{header: rec.Header.Clone(), status: rec.Status}
			a.body.Write(rec.Body)
			a.header.Set("Idempotency-Replayed", "true")
			a.writeTo(w)
			return
		}
		select {
		case <-r.Context().Done():
			problem(w, http.StatusConflict, "the first request is still at work")
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// run lets the handler work and stores what comes of it, whoever still waits for it.
func (o once) run(r *http.Request, next http.Handler) *answer {
	ctx := context.WithoutCancel(r.Context())
	a := &answer{header: http.Header{}}
	defer func() {
		if value := recover(); value != nil {
			o.store.Release(ctx, o.op)
			panic(value)
		}
	}()
	next.ServeHTTP(a, r.WithContext(ctx)) // the work does not stop half way, either
	a.status = cmp.Or(a.status, http.StatusOK)
	if a.status >= 500 || slices.Contains([]int{409, 425, 429}, a.status) {
		o.store.Release(ctx, o.op)
		return a
	}
	rec := Record{Fingerprint: o.print, Done: true, Status: a.status, Header: http.Header{},
		Body: bytes.Clone(a.body.Bytes())}
	for name, values := range a.effective() {
		if name != "Date" && name != "Set-Cookie" {
			rec.Header[name] = slices.Clone(values)
		}
	}
	o.store.Complete(ctx, o.op, rec, 24*time.Hour)
	return a
}

// answer is an http.ResponseWriter in memory.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status > 199 { // 1xx is for whoever can send it at once
		a.status, a.sent = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// effective are the headers that count.
func (a *answer) effective() http.Header {
	if a.sent != nil {
		return a.sent
	}
	return a.header
}

func (a *answer) writeTo(w http.ResponseWriter) {
	for name, values := range a.effective() {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	a.body.WriteTo(w)
}

// What follows is given.

// keyOf returns the key of a request, with or without the quotes that RFC 8941 puts around a
// string: 1 to 255 visible characters or spaces. Without the header it is "".
func keyOf(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.Trim(values[0], " \t")
	if strings.HasPrefix(key, `"`) {
		if len(key) < 2 || !strings.HasSuffix(key, `"`) {
			return "", errors.New("the Idempotency-Key has a quote without its counterpart")
		}
		key = key[1 : len(key)-1]
	}
	if len(key) < 1 || len(key) > 255 {
		return "", errors.New("the Idempotency-Key must have 1 to 255 characters")
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return "", errors.New("the Idempotency-Key must be visible ASCII")
		}
	}
	return key, nil
}

// problem answers with an error that programs can read (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"title": http.StatusText(status), "status": status, "detail": detail})
}
