// Package idempotency makes requests that change something safe to send again. What a handler
// writes is sent while it writes; httpsnoop lets a copy be taken of it on the way.
package idempotency

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/felixge/httpsnoop"
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
			if r.Method != "POST" && r.Method != "PATCH" {
				next.ServeHTTP(w, r)
				return
			}
			key, err := keyOf(r.Header)
			if err != nil || (key == "" && required) {
				problem(w, 400, "send an Idempotency-Key of 1 to 255 characters")
				return
			}
			if key == "" {
				next.ServeHTTP(w, r)
				return
			}
			op := digest(scope(r), r.Method, r.URL.Path, key)
			name := "idempotency:" + base64.RawURLEncoding.EncodeToString(op)
			guarded(s, name, w, r, next)
		})
	}
}

// digest is the same for the same parts only: each has its length before it.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		binary.Write(h, binary.BigEndian, uint64(len(p)))
		io.WriteString(h, p)
	}
	return h.Sum(nil)
}

func guarded(s Store, name string, w http.ResponseWriter, r *http.Request, next http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		problem(w, 400, "the body ends too early")
		return
	}
	fp := digest(r.URL.RawQuery, string(body)) // another query is another request here
	was, err := s.Begin(r.Context(), name, fp, time.Minute)
	if err != nil {
		problem(w, 503, "the store of keys cannot be reached")
		return
	}
	if was == nil {
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		first(s, name, fp, w, r, next)
		return
	}
	if !was.Done {
		problem(w, 409, "try again in a moment")
		return
	}
	if !hmac.Equal(was.Fingerprint, fp) {
		problem(w, 422, "the key belongs to another request")
		return
	}
	for field, values := range was.Header {
		w.Header()[field] = slices.Clone(values)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(was.Status)
	w.Write(was.Body)
}

// first is the request that has the key.
func first(
	s Store, name string, fp []byte, w http.ResponseWriter, r *http.Request, next http.Handler,
) {
	rec := Record{Fingerprint: fp}
	settled := false
	defer func() {
		if !settled { // a panic goes on by itself
			s.Release(context.WithoutCancel(r.Context()), name)
		}
	}()
	next.ServeHTTP(snoop(w, &rec), r)
	note(w, &rec, 200)
	switch {
	case rec.Status == 409, rec.Status == 425, rec.Status == 429, rec.Status >= 500:
		return
	}
	settled = true
	rec.Done = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	s.Complete(ctx, name, rec, 24*time.Hour)
}

// note keeps the first final status, and the headers as they are then.
func note(w http.ResponseWriter, rec *Record, status int) {
	if rec.Status != 0 || status < 200 {
		return
	}
	rec.Status, rec.Header = status, w.Header().Clone()
	rec.Header.Del("Date")
	rec.Header.Del("Set-Cookie")
}

// snoop notes what is written to w. Where w fails, the handler does not learn it: it goes on as if
// somebody listened, and so the copy is whole.
func snoop(w http.ResponseWriter, rec *Record) http.ResponseWriter {
	write := func(p []byte) (int, error) {
		note(w, rec, 200)
		rec.Body = append(rec.Body, p...)
		w.Write(p)
		return len(p), nil
	}
	return httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) { note(w, rec, status); next(status) }
		},
		Write: func(httpsnoop.WriteFunc) httpsnoop.WriteFunc { return write },
		ReadFrom: func(httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc {
			return func(src io.Reader) (int64, error) {
				return io.Copy(struct{ io.Writer }{writer(write)}, src)
			}
		},
		Flush: func(next httpsnoop.FlushFunc) httpsnoop.FlushFunc {
			return func() { note(w, rec, 200); next() }
		},
	})
}

type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

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
