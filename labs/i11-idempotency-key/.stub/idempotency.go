// Package idempotency makes requests that change something safe to send again: whoever did not get
// the answer asks once more, and gets the one that was given.
package idempotency

import (
	"context"
	"encoding/json"
	"errors"
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

// Idempotent returns the middleware, as the brief has it. scope says whose request it is.
func Idempotent(
	s Store, scope func(*http.Request) string, required bool,
) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := keyOf(r.Header); err != nil {
				problem(w, http.StatusBadRequest, err.Error())
				return
			}
			problem(w, http.StatusNotImplemented, "your code")
		})
	}
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
