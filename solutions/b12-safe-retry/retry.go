// Package retry sends an HTTP request again when that can do no harm.
package retry

import (
	"context"
	"io"
	"net/http"
	"time"
)

// IsIdempotent reports whether sending the request twice has the same effect as sending it once. A method that is not
// known may do anything, so the list is of those that are safe to repeat.
func IsIdempotent(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get("Idempotency-Key") != ""
}

// Retrying returns a RoundTripper that sends requests through next, and sends a request again if that is harmless and
// may help.
func Retrying(next http.RoundTripper, maxAttempts int, backoff func(attempt int) time.Duration) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		attempt := r
		for n := 1; ; n++ {
			res, err := next.RoundTrip(attempt)
			if n >= maxAttempts || !mayHelp(res, err) || !harmless(r) {
				return res, err
			}
			if res != nil {
				discard(res.Body)
			}
			if err := wait(r.Context(), backoff(n)); err != nil {
				return nil, err
			}
			if attempt, err = again(r); err != nil {
				return nil, err
			}
		}
	})
}

// mayHelp reports whether another attempt could end differently. An error says that there is no answer: it does not say
// that the server has not done the work.
func mayHelp(res *http.Response, err error) bool {
	if err != nil {
		return true
	}
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// harmless reports whether the request can be sent again as it was, and has no further effect then.
func harmless(r *http.Request) bool {
	return IsIdempotent(r) && (!hasBody(r) || r.GetBody != nil)
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// again returns a copy of the request with its body at the beginning. The first one was read by the attempt before,
// which may even now be busy with it.
func again(r *http.Request) (*http.Request, error) {
	c := r.Clone(r.Context())
	if hasBody(r) {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		c.Body = body
	}
	return c, nil
}

// discard reads what is left, so that the connection can be used for the next attempt. When there is much left, a new
// connection costs less.
func discard(body io.ReadCloser) {
	io.CopyN(io.Discard, body, 256<<10)
	body.Close()
}

// wait returns nil after d, or the context's error when it ends before that.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// roundTripper makes an http.RoundTripper of a function.
type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
