// Package retry sends an HTTP request again when that can do no harm.
//
// This one calls itself with one attempt less, decides beforehand how many there can be, and keeps what it will not
// return in memory no longer than it must.
package retry

import (
	"io"
	"net/http"
	"slices"
	"time"
)

var idempotent = []string{"", "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}

// IsIdempotent reports whether sending the request twice has the same effect as sending it once.
func IsIdempotent(r *http.Request) bool {
	return slices.Contains(idempotent, r.Method) || r.Header.Get("Idempotency-Key") != ""
}

type transport struct {
	next    http.RoundTripper
	most    int
	backoff func(attempt int) time.Duration
}

// Retrying returns a RoundTripper that sends requests through next, and again if that is harmless.
func Retrying(next http.RoundTripper, maxAttempts int, backoff func(attempt int) time.Duration) http.RoundTripper {
	return &transport{next, maxAttempts, backoff}
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	most := t.most
	empty := r.Body == nil || r.Body == http.NoBody
	if !IsIdempotent(r) || !empty && r.GetBody == nil {
		most = 1
	}
	if most > 1 && !empty {
		defer r.Body.Close() // every attempt has a body of its own
	}
	return t.attempt(r, 1, most)
}

func (t *transport) attempt(r *http.Request, n, most int) (*http.Response, error) {
	copied := *r
	if most > 1 && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		copied.Body = body
	}
	res, err := t.next.RoundTrip(&copied)
	ended := r.Context().Err() != nil // what came all the same is the caller's
	if n == most || ended || err == nil && !slices.Contains([]int{502, 503, 504}, res.StatusCode) {
		return res, err
	}
	if err == nil {
		io.ReadAll(res.Body)
		res.Body.Close()
	}
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(t.backoff(n)):
		return t.attempt(r, n+1, most)
	}
}
