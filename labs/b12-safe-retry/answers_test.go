package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
)

// wantAnswers goes through all the statuses that there can be.
func wantAnswers(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		for status := 200; status < 600; status++ {
			if status == 502 || status == 503 || status == 504 {
				continue
			}
			attempts := 0
			rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
				attempts++
				return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
			}), 3, linear)
			res, err := rt.RoundTrip(request(t, "GET", "/documents/1", ""))
			expect.That(t, err == nil && attempts == 1 && res.StatusCode == status, expect.Message{
				Did: strings.TrimSpace(fmt.Sprintf("sent a GET, which next answered with %d %s", status,
					http.StatusText(status))),
				Want: "1 attempt, and that response",
				Got:  fmt.Sprintf("%d attempts, and the error %v", attempts, err),
				Why: "three statuses say that nobody has answered who knows; every other one, also one that no " +
					"standard has, is an answer, and each further attempt is load and nothing else",
			})
		}
	})
}

func TestOtherStatusesAreAnswers(t *testing.T) {
	wantAnswers(t)
	for _, status := range []int{202, 301, 400, 404, 408, 409, 429, 500, 501, 505, 507, 511} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, fault(status))
			got := n.do(t, request(t, "GET", "/documents/1", ""))
			expect.That(t, n.count() == 1 && got.status == status && got.body == page,
				expect.Message{
					Did: fmt.Sprintf("sent a GET, which was answered with %d %s", status,
						http.StatusText(status)),
					Want: "1 attempt, and that response with its body",
					Got:  got.String() + "; " + n.attempts(),
					Why: "the server has answered, and the same question will be answered the " +
						"same; each further attempt is load and nothing else",
				})
		})
	}
	for _, status := range []fault{unavailable, badGateway, gatewayTimeout} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, status)
			got := n.do(t, request(t, "GET", "/documents/1", ""))
			expect.That(t, n.count() == 2 && got.status == 200 && got.body == fine, expect.Message{
				Did:  fmt.Sprintf("sent a GET; attempt 1 was %s", status),
				Want: "2 attempts, the second with 200",
				Got:  got.String() + "; " + n.attempts(),
				Why: "502, 503 and 504 are about the moment: an instance that restarts, a " +
					"gateway that has not reached one; a little later it often works",
			})
		})
	}
}

func TestTheContextEndsTheWait(t *testing.T) {
	minute := func(int) time.Duration { return time.Minute }
	for _, f := range []fault{answerLost, unavailable} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 5, minute, f, f, f, f, f)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(64*time.Second, cancel)
			got := n.do(t, request(t, "GET", "/documents/1", "").WithContext(ctx))
			did := fmt.Sprintf(
				"sent a GET whose attempts were %s, with a backoff of a minute, and cancelled "+
					"its context after 64 s", f)
			expect.That(t, n.count() == 2, expect.Message{
				Did:  did,
				Want: "2 attempts, at +0s and +1m0s",
				Got:  n.attempts(),
				Why:  "whoever cancels a request does not want it to be sent any more",
			})
			expect.That(t, got.took == 64*time.Second && sentinel.Is(got.err, context.Canceled),
				expect.Message{
					Did:  did,
					Want: "context.Canceled at +1m4s, at once",
					Got:  fmt.Sprintf("%s at +%v", got, got.took),
					Why: "the user has gone or the server wants to stop; everybody who waits on " +
						"for nothing holds memory, and delays the shutdown",
				})
			for _, b := range n.bodies {
				expect.That(t, b.isClosed(), expect.Message{
					Did:  did,
					Want: "the bodies of the responses that were not returned closed",
					Got:  "one that is still open",
					Why:  "each holds its connection",
				})
			}
		})
	}
	bubble.Run(t, func(t *testing.T) {
		n := over(t, 5, minute, silent, silent)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		got := n.do(t, request(t, "GET", "/documents/1", "").WithContext(ctx))
		expect.That(t, n.count() == 1 && got.took == 3*time.Second &&
			sentinel.Is(got.err, context.DeadlineExceeded), expect.Message{
			Did:  "sent a GET with a deadline of 3 s, which was not answered",
			Want: "1 attempt, and context.DeadlineExceeded at +3s",
			Got:  fmt.Sprintf("%s at +%v; %s", got, got.took, n.attempts()),
			Why: "the deadline is for all attempts together; the caller has promised somebody " +
				"else to be done by then",
		})
	})
	bubble.Run(t, func(t *testing.T) {
		n := over(t, 5, minute, unavailable, unavailable)
		ctx, cancel := context.WithCancelCause(t.Context())
		const left = 3*time.Second + 1234567 // seldom on the second
		time.AfterFunc(left, func() { cancel(errors.New("the user has closed the page")) })
		got := n.do(t, request(t, "GET", "/documents/1", "").WithContext(ctx))
		expect.That(t, got.took == left && sentinel.Is(got.err, context.Canceled),
			expect.Message{
				Did: fmt.Sprintf("sent a GET whose attempts were %s, with a backoff of a minute, and cancelled its "+
					"context after %v with a cause of its own", unavailable, left),
				Want: fmt.Sprintf("context.Canceled at +%v: the context's error, at once", left),
				Got:  fmt.Sprintf("%s at +%v", got, got.took),
				Why: "callers ask whether it was cancelled, and not why; the cause they can read " +
					"from the context, too",
			})
	})
}

// TestAnEndedRequestLeavesNothingOpen: also not a body that was to be sent next.
func TestAnEndedRequestLeavesNothingOpen(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r, bodies := trackedRequest(t, "the whole document")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(64*time.Second, cancel)
		n := over(t, 5, func(int) time.Duration { return time.Minute },
			answerLost, answerLost, answerLost)
		got := n.do(t, r.WithContext(ctx))
		did := "sent a PUT whose answers were lost, with a backoff of a minute, and cancelled " +
			"its context after 64 s"
		expect.That(t, n.count() == 2 && got.took == 64*time.Second, expect.Message{
			Did: did, Want: "2 attempts, and the end at +1m4s",
			Got: fmt.Sprintf("%s at +%v; %s", got, got.took, n.attempts()),
		})
		wantClosed(t, did, *bodies)
	})
	bubble.Run(t, func(t *testing.T) {
		r, bodies := trackedRequest(t, "the whole document")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n := over(t, 5, linear)
		got := n.do(t, r.WithContext(ctx))
		const did = "sent a PUT whose context had ended before"
		expect.That(t, got.err != nil && n.count() <= 1, expect.Message{
			Did: did, Want: "an error, and 1 attempt at most", Got: got.String() + "; " + n.attempts(),
		})
		wantClosed(t, did, *bodies)
	})
	bubble.Run(t, func(t *testing.T) {
		r, bodies := trackedRequest(t, "the whole document")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r = r.WithContext(ctx)
		opens := r.GetBody
		r.GetBody = func() (io.ReadCloser, error) {
			cancel()
			return opens()
		}
		n := over(t, 5, linear, answerLost)
		got := n.do(t, r)
		const did = "sent a PUT whose first answer was lost, and whose context was cancelled while GetBody made the next body"
		expect.That(t, got.err != nil && n.count() <= 2, expect.Message{
			Did: did, Want: "an error, and 2 attempts at most", Got: got.String() + "; " + n.attempts(),
		})
		wantClosed(t, did, *bodies)
	})
}

func TestAbandonedAnswersFreeTheirConnection(t *testing.T) {
	for _, size := range []int{100, len(page), 64 << 10} {
		bubble.Run(t, func(t *testing.T) { abandoned(t, strings.Repeat("x", size), 0) })
	}
	bubble.Run(t, func(t *testing.T) { abandoned(t, page, 3*time.Second) })
	bubble.Run(t, wantClosedThoughBroken)
	bubble.Run(t, wantNoErrorOfClose)
}

// closesBadly is a body whose Close fails.
type closesBadly struct{ io.Reader }

func (closesBadly) Close() error { return errReset }

// wantNoErrorOfClose has an answer that can be read, and whose Close fails.
func wantNoErrorOfClose(t *testing.T) {
	t.Helper()
	attempts := 0
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		if attempts++; attempts == 1 {
			return &http.Response{StatusCode: 503, Body: closesBadly{strings.NewReader("come back")}, Request: r}, nil
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}), 3, linear)
	_, err := rt.RoundTrip(request(t, "GET", "/documents/1", ""))
	expect.That(t, err == nil && attempts == 2, expect.Message{
		Did:  "sent a GET; attempt 1 was answered with a 503 whose body can be read, but whose Close fails",
		Want: "200 from attempt 2",
		Got:  fmt.Sprintf("error %v, %d attempts", err, attempts),
		Why:  "what becomes of an answer that nobody wants is no reason to give up: the attempt after it may be answered",
	})
}

// wantClosedThoughBroken has an answer that breaks off.
func wantClosedThoughBroken(t *testing.T) {
	t.Helper()
	broken := &tracked{ReadCloser: io.NopCloser(io.MultiReader(strings.NewReader("come ba"), iotest.ErrReader(errReset)))}
	attempts := 0
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		if attempts++; attempts == 1 {
			return &http.Response{StatusCode: 503, Body: broken, Request: r}, nil
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}), 3, linear)
	_, err := rt.RoundTrip(request(t, "GET", "/documents/1", ""))
	expect.That(t, err == nil && attempts == 2 && broken.isClosed(), expect.Message{
		Did:  "sent a GET; attempt 1 was answered with a 503 whose body breaks off after 7 bytes",
		Want: "200 from attempt 2, and that body closed",
		Got:  fmt.Sprintf("error %v, %d attempts, closed: %t", err, attempts, broken.isClosed()),
		Why:  "a body is closed however its reading ends: until then it holds its connection, even one that is broken",
	})
}

func abandoned(t *testing.T, page string, takes time.Duration) {
	t.Helper()
	n := over(t, 5, linear, unavailable, badGateway, gatewayTimeout)
	n.page, n.takes = page, takes
	got := n.do(t, request(t, "GET", "/documents/1", ""))
	did := fmt.Sprintf("sent a GET; attempts 1 to 3 were answered with a 5xx and a page of "+
		"%d bytes, attempt 4 with 200", len(page))
	if takes > 0 {
		did += fmt.Sprintf("; the second half of each page came %v after the first", takes)
	}
	expect.That(t, got.status == 200 && n.count() == 4, expect.Message{
		Did: did, Want: "200 from attempt 4", Got: got.String() + "; " + n.attempts(),
	})
	open := 0
	for _, b := range n.bodies {
		if !b.isClosed() {
			open++
		}
	}
	expect.That(t, open == 0, expect.Message{
		Did:  did,
		Want: "the bodies of the three responses that were not returned closed",
		Got:  fmt.Sprintf("%d still open", open),
		Why: "a body that nobody closes holds its connection for ever: after a bad hour " +
			"the process has no file descriptors left",
	})
	n.mu.Lock()
	conns := n.conns
	n.mu.Unlock()
	expect.That(t, conns == 1, expect.Message{
		Did:  did + ", and counted the connections that the client opened",
		Want: "1, used for all attempts",
		Got:  fmt.Sprint(conns),
		Why: "a connection can be used again only when the answer on it has been read to " +
			"the end; otherwise each retry costs a new handshake, of a server that is in " +
			"trouble already",
	})
}
