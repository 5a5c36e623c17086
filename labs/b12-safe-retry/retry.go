// Package retry sends an HTTP request again when that can do no harm.
package retry

import (
	"errors"
	"net/http"
	"time"
)

// IsIdempotent reports whether sending the request twice has the same effect as sending it once.
//
// That is so for the methods that are defined that way: GET, HEAD, OPTIONS, TRACE, PUT and DELETE. Names of methods are
// case-sensitive, and an empty method is GET. It is also so for any request with an Idempotency-Key that is not empty:
// the server promises to execute each key only once.
func IsIdempotent(r *http.Request) bool {
	return false // your code
}

// Retrying returns a RoundTripper that sends requests through next, and sends a request again if that is harmless and
// may help: the request is idempotent, its body can be had once more, and the attempt ended with an error or with
// status 502, 503 or 504. All other statuses are answers like any other.
//
// A request is sent at most maxAttempts times, the first one included; maxAttempts is at least 1. Between attempt n and
// attempt n+1 it waits backoff(n), which is positive; n counts from 1. What is returned is the result of the last
// attempt, a response with its body unread. When the request's context ends during a wait, the context's error is
// returned at once, or one that wraps it. Once the context has ended no further attempt is made.
//
// A request has its body from GetBody for each further attempt. One that has a body but no GetBody is sent once, and when
// GetBody fails, nothing is sent any more. A body that is nil or http.NoBody is none.
//
// A response that is not returned has been read to its end and closed, so that its connection can be used again; of one
// longer than 64 KiB the rest may be left. Like every RoundTripper, this one may be used by many goroutines at once,
// changes nothing in the caller's request, and sees to it that all of the request's bodies are closed.
func Retrying(next http.RoundTripper, maxAttempts int, backoff func(attempt int) time.Duration) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("not implemented") // your code
	})
}

// roundTripper makes an http.RoundTripper of a function.
type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
