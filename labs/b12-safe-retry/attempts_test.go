package retry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
)

func TestALostGetIsSentAgain(t *testing.T) {
	for _, f := range []fault{answerLost, requestLost, unavailable} {
		bubble.Run(t, func(t *testing.T) {
			backoff := func(n int) time.Duration {
				return []time.Duration{0, 100 * time.Millisecond, 700 * time.Millisecond,
					5 * time.Minute, time.Hour}[n]
			}
			n := over(t, 5, backoff, f, f, f)
			got := n.do(t, request(t, "GET", "/price", ""))
			did := fmt.Sprintf("sent a GET; attempts 1 to 3 were %s, with at most 5 attempts, "+
				"backoff(1) = 100 ms, backoff(2) = 700 ms and backoff(3) = 5 min", f)
			expect.That(t, got.status == 200 && got.body == fine, expect.Message{
				Did:  did,
				Want: fmt.Sprintf("200 with the body %q, from attempt 4", fine),
				Got:  got.String() + "; " + n.attempts(),
				Why: "a GET changes nothing, so asking again costs nothing; without it every " +
					"lost packet is a failure that somebody sees",
			})
			want := []time.Duration{0, 100 * time.Millisecond, 800 * time.Millisecond,
				5*time.Minute + 800*time.Millisecond}
			expect.That(t, slices.Equal(n.times(), want), expect.Message{
				Did: did,
				Want: "attempts at +0s, +100ms, +800ms and +5m0.8s: backoff(n) is the wait " +
					"between attempt n and n+1, whatever Retry-After says",
				Got: n.attempts(),
				Why: "a server that has just failed needs air; how much, whoever calls has " +
					"decided, and may have promised an answer by then",
			})
		})
	}
}

func TestEveryAttemptHasTheContext(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		type key struct{}
		var seen []any
		rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.Context().Value(key{}))
			return nil, errReset
		}), 3, linear)
		r := request(t, "GET", "/", "")
		rt.RoundTrip(r.WithContext(context.WithValue(r.Context(), key{}, "of the request")))
		expect.That(t, len(seen) == 3 && seen[0] == "of the request" && seen[1] == seen[0] &&
			seen[2] == seen[0], expect.Message{
			Did: "sent a GET with a value in its context, let every attempt end with an error, and looked for the " +
				"value in each",
			Want: "3 attempts with the request's context, or one made from it",
			Got:  fmt.Sprintf("%q", seen),
			Why: "an attempt that does not know of the request's end goes on when the caller has left, " +
				"and what is traced by the context is lost from the second attempt on",
		})
	})
	for _, at := range []int{1, 2, 3} {
		bubble.Run(t, func(t *testing.T) { wantEndsWithTheRequest(t, at) })
	}
}

// wantEndsWithTheRequest cancels the request while an attempt is on its way.
func wantEndsWithTheRequest(t *testing.T, at int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempts, ended := 0, false
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		if attempts++; attempts == at {
			cancel()
			time.Sleep(time.Second)
			ended = r.Context().Err() != nil
		}
		return nil, errReset
	}), 4, linear)
	rt.RoundTrip(request(t, "GET", "/", "").WithContext(ctx))
	expect.That(t, ended && attempts == at, expect.Message{
		Did: fmt.Sprintf("sent a GET whose attempts fail, cancelled its context while attempt %d was on its way, "+
			"and looked a second later at the context of that attempt", at),
		Want: fmt.Sprintf("it has ended, too, and no attempt after the %d that were made", at),
		Got:  fmt.Sprintf("ended: %t; %d attempts", ended, attempts),
		Why: "when the caller has left, the attempt that is on its way holds a connection for nobody; it hears of " +
			"that by its context alone",
	})
}

// TestTheWaitBeginsBehindTheAttempt: an attempt that fails by a timeout takes its time.
func TestTheWaitBeginsBehindTheAttempt(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Since(start))
			if len(at) < 3 {
				time.Sleep(30 * time.Second)
				return nil, errReset
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		}), 3, func(int) time.Duration { return 10 * time.Second })
		_, err := rt.RoundTrip(request(t, "GET", "/price", ""))
		want := []time.Duration{0, 40 * time.Second, 80 * time.Second}
		expect.That(t, err == nil && slices.Equal(at, want), expect.Message{
			Did: "sent a GET whose first two attempts failed after 30 s each, with a backoff " +
				"of 10 s",
			Want: fmt.Sprintf("attempts at %v: the wait lies between two attempts", want),
			Got:  fmt.Sprintf("attempts at %v, error %v", at, err),
			Why: "a server that hangs makes every attempt slow; counted from its beginning, " +
				"the wait is over before the attempt is, and nothing is spared",
		})
	})
	for _, wait := range []time.Duration{1, 1500 * time.Microsecond, 100 * 24 * time.Hour} {
		bubble.Run(t, func(t *testing.T) { wantThisWait(t, wait) })
	}
}

// wantThisWait has a backoff of an unusual size.
func wantThisWait(t *testing.T, wait time.Duration) {
	t.Helper()
	var at []time.Duration
	start := time.Now()
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		at = append(at, time.Since(start))
		return nil, errReset
	}), 3, func(int) time.Duration { return wait })
	rt.RoundTrip(request(t, "GET", "/price", ""))
	want := []time.Duration{0, wait, 2 * wait}
	expect.That(t, slices.Equal(at, want), expect.Message{
		Did:  fmt.Sprintf("sent a GET whose attempts fail at once, 3 at most, with a backoff of %v", wait),
		Want: fmt.Sprintf("attempts at %v", want),
		Got:  fmt.Sprintf("attempts at %v", at),
		Why:  "how long a wait is the caller has decided, to the nanosecond and to the day",
	})
}

// TestEveryErrorIsWorthAnotherAttempt: whatever it is, there is no answer.
func TestEveryErrorIsWorthAnotherAttempt(t *testing.T) {
	for _, lost := range []error{
		errors.New("tls: handshake failure"), io.EOF, io.ErrUnexpectedEOF,
		&net.DNSError{Err: "no such host", Name: "shop", IsNotFound: true},
		context.DeadlineExceeded, fmt.Errorf("next's own time is up: %w", context.Canceled),
		&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, x509.HostnameError{
			Certificate: new(x509.Certificate), Host: "shop"}, net.ErrClosed, os.ErrDeadlineExceeded,
		http.ErrSchemeMismatch, http.ErrServerClosed, http.ErrAbortHandler, http.ErrHandlerTimeout,
		syscall.ECONNREFUSED, syscall.ENETUNREACH, os.ErrPermission,
	} {
		bubble.Run(t, func(t *testing.T) {
			attempts := 0
			rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
				if attempts++; attempts == 1 {
					return nil, lost
				}
				return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
			}), 3, linear)
			_, err := rt.RoundTrip(request(t, "GET", "/price", ""))
			expect.That(t, err == nil && attempts == 2, expect.Message{
				Did: fmt.Sprintf("sent a GET, whose context has not ended; attempt 1 ended with "+
					"the error %q of next", lost),
				Want: "2 attempts, the second with 200",
				Got:  fmt.Sprintf("%d attempts, and the error %v", attempts, err),
				Why: "next may have time limits of its own, for each attempt: only the request's " +
					"context says whether its caller has given up",
			})
		})
	}
}

func TestMaxAttemptsIsAllThereAre(t *testing.T) {
	for _, most := range []int{1, 2, 4, 15} {
		for _, f := range []fault{answerLost, unavailable} {
			bubble.Run(t, func(t *testing.T) {
				n := over(t, most, linear, slices.Repeat([]fault{f}, 20)...)
				got := n.do(t, request(t, "GET", "/documents/1", ""))
				did := fmt.Sprintf("sent a GET with maxAttempts = %d; every attempt was %s",
					most, f)
				expect.That(t, n.count() == most, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("exactly that many, %d, the first attempt included", most),
					Got:  n.attempts(),
					Why: "when a server is down everybody repeats: what is allowed here " +
						"multiplies its load just then",
				})
				last := n.times()[most-1]
				due := time.Duration(most*(most-1)/2) * 100 * time.Millisecond
				expect.That(t, last == due, expect.Message{
					Did:  did + "; backoff(n) was n × 100 ms",
					Want: fmt.Sprintf("the last attempt at +%v: behind backoff(1) to backoff(%d)", due, most-1),
					Got:  n.attempts(),
					Why:  "backoff decides how long each wait is, the last one, too",
				})
				expect.That(t, got.took == last, expect.Message{
					Did: did,
					Want: fmt.Sprintf("the result as soon as the last attempt has ended, at +%v",
						last),
					Got: fmt.Sprintf("the result at +%v", got.took),
					Why: "after the last attempt there is nothing to wait for",
				})
				if f == unavailable {
					expect.That(t, got.status == 503 && got.body == page, expect.Message{
						Did: did, Want: "the last response, 503, with its body unread",
						Got: got.String(),
						Why: "what the server says with it, a Retry-After for instance, is for " +
							"the caller",
					})
					return
				}
				expect.That(t, sentinel.Is(got.err, n.lastError()), expect.Message{
					Did:  did,
					Want: fmt.Sprintf("the error of attempt %d, or one that wraps it", most),
					Got:  got.String(),
					Why: "the caller looks into the error for what to do next: a name that " +
						"does not resolve, a certificate that has expired, a reset",
				})
			})
		}
	}
	for _, most := range []int{300, math.MaxInt} {
		bubble.Run(t, func(t *testing.T) { wantPatience(t, most) })
	}
	bubble.Run(t, wantOwnAttempts)
	wantTheLast(t, unavailable, answerLost)
	wantTheLast(t, answerLost, unavailable)
	wantTheLast(t, unavailable, badGateway)
	bubble.Run(t, wantUnread)
}

// wantPatience has an outage that ends before the attempts do.
func wantPatience(t *testing.T, most int) {
	t.Helper()
	attempts := 0
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		if attempts++; attempts < 300 {
			return nil, errReset
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}), most, linear)
	_, err := rt.RoundTrip(request(t, "GET", "/documents/1", ""))
	expect.That(t, err == nil && attempts == 300, expect.Message{
		Did:  fmt.Sprintf("sent a GET with maxAttempts = %d; the first 299 attempts failed", most),
		Want: "200 from attempt 300",
		Got:  fmt.Sprintf("error %v after %d attempts", err, attempts),
		Why: "a job at night may say: as often as it takes. What it may need costs nothing before it is needed, " +
			"and how much that is only the caller knows",
	})
}

// wantTheLast has two attempts that end differently.
func wantTheLast(t *testing.T, first, last fault) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		n := over(t, 2, linear, first, last)
		got := n.do(t, request(t, "GET", "/documents/1", ""))
		want := fmt.Sprintf("%d with its body", int(last))
		ok := got.status == int(last) && got.body == page
		if last == answerLost {
			want = "the error of attempt 2, or one that wraps it"
			ok = got.err != nil && sentinel.Is(got.err, n.lastError())
		}
		expect.That(t, ok, expect.Message{
			Did:  fmt.Sprintf("sent a GET with maxAttempts = 2; attempt 1 was %s, attempt 2 %s", first, last),
			Want: "what the last attempt gave: " + want,
			Got:  got.String(),
			Why:  "the caller acts on what holds now; what an attempt before it gave is over",
		})
	})
}

// wantUnread has answers of whose body nothing must be read before the caller does.
func wantUnread(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		method string
		status int
		at     int
	}{{"GET", 503, 2}, {"POST", 503, 1}, {"GET", 404, 1}} {
		var bodies []*counted
		rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
			bodies = append(bodies, &counted{Reader: strings.NewReader(page)})
			return &http.Response{StatusCode: c.status, Body: bodies[len(bodies)-1], Request: r}, nil
		}), 2, linear)
		res, err := rt.RoundTrip(request(t, c.method, "/documents/1", ""))
		if err == nil {
			res.Body.Close()
		}
		last := bodies[len(bodies)-1]
		expect.That(t, err == nil && len(bodies) == c.at && last.read == 0, expect.Message{
			Did:  fmt.Sprintf("sent a %s with maxAttempts = 2, whose attempts are answered with %d", c.method, c.status),
			Want: fmt.Sprintf("the answer to attempt %d, of which nothing has been read", c.at),
			Got:  fmt.Sprintf("error %v, %d attempts, %d bytes of the last answer read", err, len(bodies), last.read),
			Why: "it may be a gigabyte, or a stream that goes on for hours: the caller decides what is read of it, " +
				"and when",
		})
	}
}

// counted is a body that counts what is read of it.
type counted struct {
	io.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func (c *counted) Close() error { return nil }

// wantOwnAttempts has many requests at the same time, each of which needs all its attempts.
func wantOwnAttempts(t *testing.T) {
	t.Helper()
	const callers, most = 20, 3
	var mu sync.Mutex
	seen := map[string]int{}
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path]++
		if seen[r.URL.Path] < most {
			return nil, errReset
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}), most, linear)
	start := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET",
				fmt.Sprintf("%s/%d", memhttp.URL, i), nil)
			_, errs[i] = rt.RoundTrip(req)
		})
	}
	wg.Wait()
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	expect.That(t, failed == 0, expect.Message{
		Did: fmt.Sprintf("sent %d GETs at the same time through one RoundTripper with "+
			"maxAttempts = %d; of each, the first two attempts failed", callers, most),
		Want: "each succeeds with its attempt 3",
		Got:  fmt.Sprintf("%d failed", failed),
		Why: "one RoundTripper serves all requests of a program, so what it counts, it must " +
			"count for each request alone",
	})
	expect.That(t, time.Since(start) == linear(1)+linear(2), expect.Message{
		Did: fmt.Sprintf("sent %d GETs at the same time through one RoundTripper; of each, the first two attempts "+
			"failed at once, and backoff(n) was n × 100 ms", callers),
		Want: fmt.Sprintf("all done after %v", linear(1)+linear(2)),
		Got:  fmt.Sprintf("the last one after %v", time.Since(start)),
		Why:  "a request that waits must not keep others waiting: they have nothing to do with it",
	})
}
