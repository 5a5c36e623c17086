// Package idempotency makes requests that change something safe to send again: whoever did not get
// the answer asks once more, and gets the one that was given.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
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

const (
	lockFor = 60 * time.Second
	keepFor = 24 * time.Hour
	saveFor = 5 * time.Second // how long the store may take for what follows the work
)

// Idempotent returns the middleware, as the brief has it. scope says whose request it is.
func Idempotent(
	s Store, scope func(*http.Request) string, required bool,
) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return &guard{store: s, scope: scope, required: required, next: next}
	}
}

type guard struct {
	store    Store
	scope    func(*http.Request) string
	required bool
	next     http.Handler
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodPatch {
		g.next.ServeHTTP(w, r)
		return
	}
	key, err := keyOf(r.Header)
	switch {
	case err != nil:
		problem(w, http.StatusBadRequest, err.Error())
	case key != "":
		g.serve(w, r, key)
	case g.required:
		problem(w, http.StatusBadRequest, "this request needs an Idempotency-Key")
	default:
		g.next.ServeHTTP(w, r)
	}
}

// serve answers a request with a key: it is the first, or one of those that come too early, ask for
// something else, or get what the first has got.
func (g *guard) serve(w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // half an order is no order
		problem(w, http.StatusBadRequest, "the body could not be read to its end")
		return
	}
	fingerprint := sha256.Sum256(body)
	// Quoted, the parts cannot run into each other.
	id := fmt.Sprintf("%q %q %q %q", g.scope(r), r.Method, r.URL.Path, key)
	existing, err := g.store.Begin(r.Context(), id, fingerprint[:], lockFor)
	switch {
	case err != nil: // it may have been done already: without the store nobody knows
		problem(w, http.StatusServiceUnavailable, "please try again later")
	case existing == nil:
		again := r.WithContext(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		rec := &recorder{ResponseWriter: w}
		g.work(rec, again, id, fingerprint[:])
		rec.send() // remembered first: whoever got it need not ask again too early
	case !bytes.Equal(existing.Fingerprint, fingerprint[:]):
		problem(w, http.StatusUnprocessableEntity, "this key was used for another request")
	case !existing.Done:
		problem(w, http.StatusConflict, "the first request with this key is still at work")
	default:
		replay(w, existing)
	}
}

// work lets the handler work and remembers what comes of it. What has been done is done, so this
// does not end when the client goes.
func (g *guard) work(rec *recorder, r *http.Request, id string, fingerprint []byte) {
	returned := false
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), saveFor)
		defer cancel()
		if !returned || !final(rec.status) {
			g.store.Release(ctx, id) // if it fails, the key is free after lockFor
			return
		}
		// If it fails, the key must stay taken: the work has been done.
		g.store.Complete(ctx, id, Record{Fingerprint: fingerprint, Done: true,
			Status: rec.status, Header: rec.header.Clone(), Body: rec.body.Bytes()}, keepFor)
	}()
	g.next.ServeHTTP(rec, r)
	rec.WriteHeader(http.StatusOK) // unless there is a status
	returned = true
}

// final tells whether an outcome stays as it is, however often one asks.
func final(status int) bool {
	switch status {
	case http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status < 500
}

// replay gives the answer of the first request once more.
func replay(w http.ResponseWriter, rec *Record) {
	header := rec.Header.Clone()
	header.Del("Date")       // of the first answer
	header.Del("Set-Cookie") // may be a session that has ended since
	maps.Copy(w.Header(), header)
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(rec.Status)
	w.Write(rec.Body)
}

// recorder keeps an answer until it is sent.
type recorder struct {
	http.ResponseWriter
	status int         // 0 until there is one
	header http.Header // as it was then: what is set later is not sent
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	switch {
	case r.status != 0: // the first one counts
	case status < 200: // the answer is still to come
		r.ResponseWriter.WriteHeader(status)
	default:
		r.status, r.header = status, r.Header().Clone()
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *recorder) send() {
	clear(r.Header())
	maps.Copy(r.Header(), r.header)
	r.ResponseWriter.WriteHeader(r.status)
	r.ResponseWriter.Write(r.body.Bytes())
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
