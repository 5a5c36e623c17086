package retry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

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
		wantOneAttempt(t, int64(len(stream)), "with its Content-Length")
	})
	bubble.Run(t, func(t *testing.T) { wantOneAttempt(t, -1, "of a length that is not known, ContentLength -1") })
	bubble.Run(t, func(t *testing.T) { wantOneAttempt(t, 0, "of a length that is not known, ContentLength 0") })
	bubble.Run(t, func(t *testing.T) {
		r := request(t, "PUT", "/documents/1", stream)
		r.GetBody = nil
		n := over(t, 3, linear, unavailable)
		got := n.do(t, r)
		expect.That(t, n.count() == 1 && got.status == 503 && got.body == page, expect.Message{
			Did: "sent a PUT whose body cannot be had again, as its GetBody is nil; attempt 1 was " +
				unavailable.String(),
			Want: "1 attempt, and that response with its body unread",
			Got:  got.String() + "; " + n.attempts(),
			Why: "there is no other attempt, so this answer is what the caller gets, with all that the server says " +
				"in it",
		})
	})
	for _, none := range []struct {
		what string
		body io.ReadCloser
	}{{"nil", nil}, {"http.NoBody", http.NoBody}} {
		bubble.Run(t, func(t *testing.T) {
			r := request(t, "GET", "/documents/1", "")
			r.Body, r.GetBody = none.body, nil
			n := over(t, 3, linear, answerLost)
			got := n.do(t, r)
			expect.That(t, n.count() == 2 && got.status == 200, expect.Message{
				Did:  "sent a GET whose Body is " + none.what + ", without GetBody; attempt 1 was " + answerLost.String(),
				Want: "2 attempts, the second with 200: no body needs no GetBody",
				Got:  got.String() + "; " + n.attempts(),
			})
		})
	}
}

const stream = "a stream from somewhere else"

func wantOneAttempt(t *testing.T, length int64, how string) {
	t.Helper()
	r := request(t, "PUT", "/documents/1", stream)
	r.GetBody, r.ContentLength = nil, length
	n := over(t, 3, linear, answerLost)
	got := n.do(t, r)
	expect.That(t, n.count() == 1 && isReset(got.err), expect.Message{
		Did: "sent a PUT whose body cannot be had again, as its GetBody is nil, " + how + ". It was " +
			"executed, but its answer was lost",
		Want: "1 attempt, and its error",
		Got:  got.String() + "; " + n.attempts(),
		Why: "the method says that it may be sent again, but there is nothing left to " +
			"send: the body was a stream, and it is spent",
	})
}

// TestABodyThatFailsIsNotSentAgain: the file may have been deleted since.
func TestABodyThatFailsIsNotSentAgain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const document = "the whole document"
		r := request(t, "PUT", "/documents/1", document)
		r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("open: no such file") }
		n := over(t, 3, linear, answerLost)
		got := n.do(t, r)
		for i, w := range n.work() {
			expect.That(t, i == 0 && w.body == document && got.err != nil, expect.Message{
				Did: fmt.Sprintf("sent a PUT of %q, whose GetBody returns an error; attempt 1 was %s",
					document, answerLost),
				Want: "no further attempt, and an error",
				Got:  fmt.Sprintf("%s; attempt %d sent %q; %s", got, i+1, w.body, n.attempts()),
				Why:  "a PUT without its body replaces the document with nothing",
			})
		}
		expect.That(t, n.count() <= 1, expect.Message{
			Did:  fmt.Sprintf("sent a PUT whose GetBody returns an error; attempt 1 was %s", answerLost),
			Want: "no second attempt: without its body nothing is handed to next any more",
			Got:  fmt.Sprintf("%s; %s", got, n.attempts()),
			Why:  "not every RoundTripper notices that a body is missing, and then it is an empty one",
		})
	})
	bubble.Run(t, func(t *testing.T) {
		r := request(t, "PUT", "/documents/1", "the whole document")
		r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("open: no such file") }
		n := over(t, 3, linear, unavailable)
		res, err := n.RoundTrip(r)
		got := result{err: err}
		if res != nil {
			got.status = res.StatusCode
			res.Body.Close()
		}
		expect.That(t, err != nil && n.count() <= 1, expect.Message{
			Did:  fmt.Sprintf("sent a PUT whose GetBody returns an error; attempt 1 was %s", unavailable),
			Want: "no further attempt, and an error",
			Got:  fmt.Sprintf("%s; %s", got, n.attempts()),
			Why: "what attempt 1 gave has been read and closed by then, and only an error says that a further " +
				"attempt was due and could not be made",
		})
	})
	bubble.Run(t, func(t *testing.T) { // the neighbour: a body that can be had
		n := over(t, 3, linear, answerLost)
		got := n.do(t, request(t, "PUT", "/documents/1", "the whole document"))
		expect.That(t, got.status == 200 && n.count() == 2, expect.Message{
			Did:  "sent a PUT whose body can be had again; attempt 1 was " + answerLost.String(),
			Want: "2 attempts, the second with 200", Got: got.String() + "; " + n.attempts(),
		})
	})
}

func TestTheRequestIsLeftAsItWas(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r, bodies := trackedRequest(t, "the whole document")
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
		wantClosed(t, "sent a PUT that needed 3 attempts, and looked at its bodies", *bodies)
	})
	bubble.Run(t, wantTheSameAgain)
	bubble.Run(t, wantUntouchedMeanwhile)
	bubble.Run(t, wantBodiesFromGetBody)
}

// wantUntouchedMeanwhile looks at the caller's request whenever somebody else is asked for something.
func wantUntouchedMeanwhile(t *testing.T) {
	t.Helper()
	r, _ := trackedRequest(t, "the whole document")
	first, getBody := r.Body, r.GetBody
	r.Header.Set("Idempotency-Key", "k")
	look := func(when string) {
		t.Helper()
		expect.That(t, r.Body == first && len(r.Header) == 1 && r.Header.Get("Idempotency-Key") == "k", expect.Message{
			Did:  "sent a PUT that needed 3 attempts, and looked at the caller's request " + when,
			Want: "the Body that it had, and the headers Idempotency-Key: k and no other",
			Got:  fmt.Sprintf("the same Body: %t; headers %v", r.Body == first, r.Header),
			Why: "put back afterwards is too late: the attempt before may still be reading the body, and another " +
				"goroutine may look at the request at any moment",
		})
	}
	r.GetBody = func() (io.ReadCloser, error) {
		look("when GetBody was called")
		return getBody()
	}
	attempts := 0
	rt := retrying(t, function(func(a *http.Request) (*http.Response, error) {
		attempts++
		look(fmt.Sprintf("during attempt %d", attempts))
		swallow(a.Body)
		return nil, errReset
	}), 3, func(n int) time.Duration {
		look(fmt.Sprintf("when backoff(%d) was called", n))
		return linear(n)
	})
	rt.RoundTrip(r)
}

// wantBodiesFromGetBody counts the bodies that were had from GetBody and read.
func wantBodiesFromGetBody(t *testing.T) {
	t.Helper()
	const text = "the whole document"
	r := request(t, "PUT", "/documents/1", text)
	var bodies []*counted
	r.GetBody = func() (io.ReadCloser, error) {
		bodies = append(bodies, &counted{Reader: strings.NewReader(text)})
		return bodies[len(bodies)-1], nil
	}
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		swallow(r.Body)
		return nil, errReset
	}), 4, linear)
	rt.RoundTrip(r)
	read := 0
	for _, b := range bodies {
		if b.read == len(text) {
			read++
		}
	}
	expect.That(t, read >= 3, expect.Message{
		Did:  "sent a PUT that needed 4 attempts, and counted the bodies that GetBody gave and that were read",
		Want: "3 at least: one for each attempt behind the first",
		Got:  fmt.Sprintf("%d, of %d that it gave", read, len(bodies)),
		Why: "a body may be a film of a gigabyte. It can be had again from where it lies, and whoever keeps it in " +
			"memory instead needs that much for each request that is under way",
	})
}

// wantTheSameAgain has a request with all that a request has besides its method.
func wantTheSameAgain(t *testing.T) {
	t.Helper()
	r := request(t, "PUT", "/documents/1?part=2&part=3", "the whole document")
	r.Close = true
	r.Trailer = http.Header{"Checksum": {"17"}}
	r.TransferEncoding = []string{"identity"}
	r.Host = "shop.example"
	r.Header["Cookie"] = []string{"cart=7", "theme=dark"}
	r.Header["X-Empty"] = []string{""}
	want := r.Clone(r.Context())
	attempts := 0
	rt := retrying(t, function(func(r *http.Request) (*http.Response, error) {
		attempts++
		swallow(r.Body)
		same := r.URL.String() == want.URL.String() && r.Host == want.Host && r.Method == want.Method &&
			r.ContentLength == want.ContentLength && r.Close == want.Close &&
			slices.Equal(r.TransferEncoding, want.TransferEncoding) && slices.Equal(r.Trailer["Checksum"], []string{"17"})
		for name, values := range want.Header {
			same = same && slices.Equal(r.Header[name], values)
		}
		expect.That(t, same, expect.Message{
			Did:  fmt.Sprintf("sent a PUT whose attempts fail, and looked at attempt %d", attempts),
			Want: "the request: " + all(want),
			Got:  all(r),
			Why: "what is sent again is the same request. One that lacks something is another one, which was never " +
				"asked for, and is answered by another server, or for another user",
		})
		return nil, errReset
	}), 3, linear)
	rt.RoundTrip(r)
	expect.That(t, attempts == 3, expect.Message{Did: "sent a PUT whose attempts fail, 3 at most",
		Want: "3 attempts", Got: fmt.Sprint(attempts)})
}

// all is what a request has besides its body.
func all(r *http.Request) string {
	return fmt.Sprintf("%s, host %s, %s, headers %v, ContentLength %d, TransferEncoding %v, Trailer %v, Close %t",
		r.Method, r.Host, r.URL, r.Header, r.ContentLength, r.TransferEncoding, r.Trailer, r.Close)
}

// trackedRequest is a PUT whose bodies are all noted.
func trackedRequest(t *testing.T, text string) (*http.Request, *[]*tracked) {
	t.Helper()
	var bodies []*tracked
	r := request(t, "PUT", "/documents/1", text)
	r.GetBody = func() (io.ReadCloser, error) {
		b := &tracked{ReadCloser: io.NopCloser(strings.NewReader(text))}
		bodies = append(bodies, b)
		return b, nil
	}
	r.Body, _ = r.GetBody()
	return r, &bodies
}

func wantClosed(t *testing.T, did string, bodies []*tracked) {
	t.Helper()
	for i, b := range bodies {
		which := "the body of the request"
		if i > 0 {
			which = fmt.Sprintf("body %d from GetBody", i)
		}
		expect.That(t, b.isClosed(), expect.Message{
			Did:  did,
			Want: "each of its bodies closed",
			Got:  which + " is still open",
			Why: "a body may be a file or a pipe; its owner relies on the RoundTripper to " +
				"close it",
		})
	}
}
