package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	retry "github.com/backend-labs/backend-labs/labs/b12-safe-retry"
)

func TestALostGetIsSentAgain(t *testing.T) {
	for _, lost := range []fault{answerLost, requestLost} {
		bubble.Run(t, func(t *testing.T) {
			backoff := func(n int) time.Duration {
				return []time.Duration{0, 100, 700,
					5000}[n] * time.Millisecond
			}
			n := over(t, 4, backoff, lost, lost)
			got := n.do(t, request(t, "GET", "/price", ""))
			did := fmt.Sprintf(
				"sent a GET over a network on which attempts 1 and 2 were %s, with at most 4 "+
					"attempts, backoff(1) = 100 ms and backoff(2) = 700 ms", lost)
			expect.That(t, got.status == 200 && got.body == fine, expect.Message{
				Did:  did,
				Want: fmt.Sprintf("200 with the body %q, from attempt 3", fine),
				Got:  got.String() + "; " + n.attempts(),
				Why: "a GET changes nothing, so asking again costs nothing; without it every " +
					"lost packet is a failure that somebody sees",
			})
			want := []time.Duration{0, 100 * time.Millisecond, 800 * time.Millisecond}
			expect.That(t, slices.Equal(n.times(), want), expect.Message{
				Did: did,
				Want: "attempts at +0s, +100ms and +800ms: backoff(n) is the wait between " +
					"attempt n and n+1",
				Got: n.attempts(),
				Why: "a server that has just failed needs air; clients that repeat at once, " +
					"all together, keep it down",
			})
		})
	}
}

func TestAPostIsSentOnce(t *testing.T) {
	for _, lost := range []fault{answerLost, requestLost} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, lost)
			got := n.do(t, request(t, "POST", "/charges", `{"amount":4200}`))
			did := fmt.Sprintf("sent POST /charges without an Idempotency-Key; it was %s", lost)
			expect.That(t, n.count() == 1, expect.Message{
				Did:  did,
				Want: "1 attempt: from here nobody can tell whether it was executed",
				Got: fmt.Sprintf("%s; the server has made %d charges", n.attempts(),
					len(n.work())),
				Why: "an error says that there is no answer, not that nothing was done; sent " +
					"again, the customer is charged twice",
			})
			expect.That(t, isReset(got.err), expect.Message{
				Did:  did,
				Want: fmt.Sprintf("the error of that attempt, %q", errReset),
				Got:  got.String(),
				Why: "whether to send it again is now for somebody who can find out what has " +
					"happened",
			})
		})
	}
}

func TestAGatewayDoesNotKnowEither(t *testing.T) {
	for _, status := range []fault{unavailable, badGateway, gatewayTimeout} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, status)
			got := n.do(t, request(t, "POST", "/charges", `{"amount":4200}`))
			expect.That(t, n.count() == 1 && got.status == int(status) && got.body == page,
				expect.Message{
					Did: fmt.Sprintf(
						"sent POST /charges without an Idempotency-Key; the charge was made, and "+
							"the request %s", status),
					Want: "1 attempt, and that response",
					Got: fmt.Sprintf("%s; %s; the server has made %d charges", got, n.attempts(),
						len(n.work())),
					Why: "such an answer often comes from a gateway whose connection to the server " +
						"broke: it knows no better than you whether the work was done",
				})
		})
	}
}

func TestAKeyMakesAPostRepeatable(t *testing.T) {
	const order = `{"amount":4200,"currency":"EUR"}`
	for _, verb := range []string{"POST", "PATCH"} {
		bubble.Run(t, func(t *testing.T) {
			r := request(t, verb, "/charges", order)
			r.Header.Set("Idempotency-Key", "order-8841")
			n := over(t, 4, linear, answerLost, requestLost, unavailable)
			got := n.do(t, r)
			did := fmt.Sprintf(
				"sent a %s with Idempotency-Key: order-8841; attempt 1 was %s, attempt 2 %s, "+
					"attempt 3 %s", verb, answerLost, requestLost, unavailable)
			expect.That(t, n.count() == 4 && got.status == 200, expect.Message{
				Did:  did,
				Want: "4 attempts, the last one with 200",
				Got:  got.String() + "; " + n.attempts(),
				Why: "with a key the server recognises a request that it has seen, and " +
					"executes it only once; that makes it idempotent, whatever its method",
			})
			for i, s := range n.sent {
				expect.That(t, s.key == "order-8841", expect.Message{
					Did:  did,
					Want: "the key order-8841 on every attempt",
					Got:  fmt.Sprintf("attempt %d with the key %q", i+1, s.key),
					Why: "the key is how the server knows that this is the order that it has " +
						"already; under any other it is one more order",
				})
			}
			for _, w := range n.work() {
				expect.That(t, w.body == order, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("every attempt with the body %s", order),
					Got:  fmt.Sprintf("the server received %q", w.body),
					Why: "one key stands for one order; a server that sees it with another " +
						"body refuses it",
				})
			}
		})
	}
	bubble.Run(t, func(t *testing.T) {
		r := request(t, "POST", "/charges", order)
		r.Header.Set("Idempotency-Key", "")
		n := over(t, 4, linear, answerLost)
		n.do(t, r)
		expect.That(t, n.count() == 1, expect.Message{
			Did: "sent a POST whose Idempotency-Key is empty; it was executed, but its answer " +
				"was lost",
			Want: "1 attempt: an empty key is none",
			Got:  n.attempts(),
			Why:  "a server cannot tell two orders apart by a key that both lack",
		})
	})
}

func TestEveryAttemptSendsTheWholeBody(t *testing.T) {
	document := strings.Repeat("0123456789abcdef", 100<<10/16)
	for _, length := range []struct {
		how   string
		bytes int64
	}{{"in chunks, without a Content-Length", -1},
		{"with its Content-Length", int64(len(document))}} {
		for _, f := range []fault{answerLost, unavailable} {
			bubble.Run(t, func(t *testing.T) {
				r := request(t, "PUT", "/documents/1", document)
				r.ContentLength = length.bytes
				n := over(t, 3, linear, f)
				got := n.do(t, r)
				did := fmt.Sprintf("sent a PUT of 100 KiB %s; attempt 1 was %s", length.how, f)
				why := "the first attempt has read the body to its end, and a reader does not " +
					"go back by itself; a PUT of what is left replaces the document with nothing"
				done := n.work()
				stored := "nothing"
				if len(done) > 0 {
					stored = fmt.Sprintf("%d bytes", len(done[len(done)-1].body))
				}
				expect.That(t, len(done) == 2 && done[0].body == document &&
					done[1].body == document, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("2 attempts, each with all %d bytes", len(document)),
					Got: fmt.Sprintf(
						"%s; the server received %d whole requests, and the document that it "+
							"has is %s", n.attempts(), len(done), stored),
					Why: why,
				})
				expect.That(t, n.count() == 2 && got.status == 200, expect.Message{
					Did: did, Want: "200 from attempt 2", Got: got.String() + "; " + n.attempts(),
					Why: why,
				})
			})
		}
	}
}

func TestABodyThatIsGoneIsNotSentAgain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := request(t, "PUT", "/documents/1", "a stream from somewhere else")
		r.GetBody = nil
		n := over(t, 3, linear, answerLost)
		got := n.do(t, r)
		expect.That(t, n.count() == 1 && isReset(got.err), expect.Message{
			Did: "sent a PUT whose body cannot be had again: its GetBody is nil. It was " +
				"executed, but its answer was lost",
			Want: "1 attempt, and its error",
			Got:  got.String() + "; " + n.attempts(),
			Why: "the method says that it may be sent again, but there is nothing left to " +
				"send: the body was a stream, and it is spent",
		})
	})
	for what, none := range map[string]io.ReadCloser{"nil": nil, "http.NoBody": http.NoBody} {
		bubble.Run(t, func(t *testing.T) {
			r := request(t, "GET", "/documents/1", "")
			r.Body = none
			n := over(t, 3, linear, answerLost)
			got := n.do(t, r)
			expect.That(t, n.count() == 2 && got.status == 200, expect.Message{
				Did:  "sent a GET whose Body is " + what + "; attempt 1 was " + answerLost.String(),
				Want: "2 attempts, the second with 200: no body needs no GetBody",
				Got:  got.String() + "; " + n.attempts(),
			})
		})
	}
}

func TestIdempotentMethodsAreSentAgain(t *testing.T) {
	for _, verb := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", ""} {
		name := verb
		if verb == "" {
			name = `"", which is GET`
		}
		why := "RFC 9110 defines this method as idempotent: when it is executed twice, the " +
			"state of the server is the same as after once"
		got := retry.IsIdempotent(&http.Request{Method: verb})
		expect.That(t, got, expect.Message{
			Did: "asked IsIdempotent for a request with the method " + name, Want: "true",
			Got: "false", Why: why,
		})
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, answerLost)
			r := request(t, "GET", "/documents/1", "")
			r.Method = verb
			got := n.do(t, r)
			expect.That(t, n.count() == 2 && got.status == 200, expect.Message{
				Did: fmt.Sprintf("sent a request with the method %s; attempt 1 was %s", name,
					answerLost),
				Want: "2 attempts, the second with 200",
				Got:  got.String() + "; " + n.attempts(),
				Why:  why,
			})
		})
	}
}

func TestPatchIsSentOnce(t *testing.T) {
	wantSentOnce(t, "PATCH", "a PATCH is a list of changes, such as \"append x\"; done twice, x "+
		"is there twice")
}

func TestAnUnknownMethodIsSentOnce(t *testing.T) {
	wantSentOnce(t, "FROB", "nobody knows what it does, so nobody knows what it does twice; "+
		"only what is known to be harmless may be repeated")
	wantSentOnce(t, "put", "names of methods are case-sensitive: put is not PUT, but a method "+
		"that nobody knows")
}

func wantSentOnce(t *testing.T, verb, why string) {
	t.Helper()
	got := retry.IsIdempotent(&http.Request{Method: verb})
	expect.That(t, !got, expect.Message{
		Did: "asked IsIdempotent for a request with the method " + verb, Want: "false", Got: "true",
		Why: why,
	})
	bubble.Run(t, func(t *testing.T) {
		n := over(t, 3, linear, answerLost)
		got := n.do(t, request(t, verb, "/documents/1", "append x"))
		expect.That(t, n.count() == 1 && isReset(got.err), expect.Message{
			Did:  fmt.Sprintf("sent a %s without an Idempotency-Key; it was %s", verb, answerLost),
			Want: "1 attempt, and its error",
			Got: fmt.Sprintf("%s; %s; the server has executed it %d times", got, n.attempts(),
				len(n.work())),
			Why: why,
		})
	})
}

func TestOtherStatusesAreAnswers(t *testing.T) {
	for _, status := range []int{400, 404, 409, 429, 500, 501} {
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

func TestMaxAttemptsIsAllThereAre(t *testing.T) {
	for _, most := range []int{1, 2, 4} {
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
				var lost *lostError
				expect.That(t, errors.As(got.err, &lost) && lost.attempt == most, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("the error of attempt %d, or one that wraps it", most),
					Got:  got.String(),
					Why: "the caller looks into the error for what to do next: a name that " +
						"does not resolve, a certificate that has expired, a reset",
				})
			})
		}
	}
	bubble.Run(t, wantOwnAttempts)
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
}

func TestAbandonedAnswersFreeTheirConnection(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		n := over(t, 5, linear, unavailable, badGateway, gatewayTimeout)
		got := n.do(t, request(t, "GET", "/documents/1", ""))
		did := fmt.Sprintf("sent a GET; attempts 1 to 3 were answered with a 5xx and a page of "+
			"%d bytes, attempt 4 with 200", len(page))
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
	})
}

func TestTheRequestIsLeftAsItWas(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const text = "the whole document"
		var bodies []*tracked
		body := func() (io.ReadCloser, error) {
			b := &tracked{ReadCloser: io.NopCloser(bytes.NewReader([]byte(text)))}
			bodies = append(bodies, b)
			return b, nil
		}
		r := request(t, "PUT", "/documents/1", text)
		r.Body, _ = body()
		r.GetBody = body
		first := r.Body
		r.Header.Set("Idempotency-Key", "k")
		n := over(t, 3, linear, answerLost, requestLost)
		got := n.do(t, r)
		did := "sent a PUT that needed 3 attempts, and looked at the caller's request"
		expect.That(t, got.status == 200 && n.count() == 3, expect.Message{
			Did: did, Want: "200 from attempt 3", Got: got.String() + "; " + n.attempts(),
		})
		why := "net/http demands it of every RoundTripper: the attempt before may still be " +
			"reading the body on another goroutine, and the caller may look at the request"
		expect.That(t, r.Body == first, expect.Message{Did: did,
			Want: "its Body is the one that it had", Got: "another one", Why: why})
		expect.That(t, len(r.Header) == 1 && r.Header.Get("Idempotency-Key") == "k", expect.Message{
			Did: did, Want: "the headers that it had, Idempotency-Key: k and no other",
			Got: fmt.Sprint(r.Header), Why: why,
		})
		for i, b := range bodies {
			which := "the body of the request"
			if i > 0 {
				which = fmt.Sprintf("body %d from GetBody", i)
			}
			expect.That(t, b.isClosed(), expect.Message{
				Did:  "sent a PUT that needed 3 attempts, and looked at its bodies",
				Want: "each of them closed",
				Got:  which + " is still open",
				Why: "a body may be a file or a pipe; its owner relies on the RoundTripper to " +
					"close it",
			})
		}
	})
}

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
}
