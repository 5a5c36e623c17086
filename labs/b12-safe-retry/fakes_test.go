package retry_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	retry "github.com/backend-labs/backend-labs/labs/b12-safe-retry"
)

// fault is what happens to one attempt.
type fault int

const (
	answered       fault = iota // nothing
	requestLost                 // it never reaches the server
	answerLost                  // the server does the work, and its answer is lost
	silent                      // nothing comes back until the context ends
	unavailable    fault = http.StatusServiceUnavailable
	badGateway     fault = http.StatusBadGateway
	gatewayTimeout fault = http.StatusGatewayTimeout
)

func (f fault) String() string {
	switch f {
	case answered:
		return "answered"
	case requestLost:
		return "lost on the way to the server"
	case answerLost:
		return "executed, but its answer was lost"
	case silent:
		return "not answered"
	}
	return fmt.Sprintf("answered with %d %s", int(f), http.StatusText(int(f)))
}

// errReset is what a client sees of a connection that broke. Every loss has its own copy.
var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

type lostError struct {
	attempt int // so that no two are equal
	error
}

func (e *lostError) Error() string { return fmt.Sprintf("attempt %d: %v", e.attempt, e.error) }
func (e *lostError) Unwrap() error { return e.error }

// network is what lies between the RoundTripper under test and the server. The first attempt has
// the first fault, the second the second; when there are no more, attempts are answered. An answer
// with another status is a fault, too.
type network struct {
	http.RoundTripper // what to call: Retrying over the network
	faults            []fault
	page              string        // of the answers with another status
	takes             time.Duration // between its halves

	mu     sync.Mutex
	start  time.Time
	sent   []sent
	bodies []*tracked // of the answers
	done   []work
	conns  int
}

// sent is an attempt.
type sent struct {
	at  time.Duration
	key string
	err error // how it ended, if without an answer
}

// work is what the server did: it had the whole request.
type work struct {
	method string
	body   string
}

// page is what a server says with its 503: long enough to be noticed.
var page = strings.Repeat("come back later ", 60<<10/16)

// over puts the RoundTripper under test onto a network with these faults and a server behind it.
func over(t *testing.T, maxAttempts int, backoff func(int) time.Duration,
	faults ...fault) *network {
	t.Helper()
	n := &network{faults: faults, page: page, start: time.Now()}
	l := memhttp.Run(t, &http.Server{
		Handler: http.HandlerFunc(n.serve),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				n.mu.Lock()
				defer n.mu.Unlock()
				n.conns++
			}
		},
	})
	n.RoundTripper = retrying(t, n.through(l.Client().Transport), maxAttempts, backoff)
	return n
}

func retrying(t *testing.T, next http.RoundTripper, most int,
	backoff func(int) time.Duration) http.RoundTripper {
	t.Helper()
	rt := retry.Retrying(next, most, backoff)
	expect.That(t, rt != nil, expect.Message{Did: "called Retrying", Want: "an http.RoundTripper",
		Got: "nil"})
	return rt
}

// through is the network.
func (n *network) through(wire http.RoundTripper) http.RoundTripper {
	return function(func(r *http.Request) (*http.Response, error) {
		n.mu.Lock()
		i := len(n.sent)
		n.sent = append(n.sent, sent{at: time.Since(n.start), key: r.Header.Get("Idempotency-Key")})
		n.mu.Unlock()

		res, err := n.carry(wire, r, n.fault(i), i+1)

		n.mu.Lock()
		defer n.mu.Unlock()
		n.sent[i].err = err
		if err != nil {
			return nil, err
		}
		body := &tracked{ReadCloser: res.Body}
		n.bodies = append(n.bodies, body)
		res.Body = body
		return res, nil
	})
}

func (n *network) fault(i int) fault {
	if i < len(n.faults) {
		return n.faults[i]
	}
	return answered
}

func (n *network) carry(wire http.RoundTripper, r *http.Request, f fault,
	attempt int) (*http.Response, error) {
	lost := &lostError{attempt, errReset}
	switch f {
	case requestLost:
		swallow(r.Body)
		return nil, lost
	case silent:
		swallow(r.Body)
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	c := r.Clone(r.Context())
	if f > silent {
		c.Header.Set("X-Answer", fmt.Sprint(int(f)))
	}
	res, err := wire.RoundTrip(c)
	if err == nil && f == answerLost {
		swallow(res.Body)
		return nil, lost
	}
	return res, err
}

// swallow reads and closes what a body is left of.
func swallow(body io.ReadCloser) {
	if body != nil {
		io.Copy(io.Discard, body)
		body.Close()
	}
}

// serve is the server. It does what it is asked, even when its answer then is a 504.
func (n *network) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // half a request
	}
	n.mu.Lock()
	n.done = append(n.done, work{r.Method, string(body)})
	times := len(n.done)
	n.mu.Unlock()
	w.Header().Set("X-Times", fmt.Sprint(times))
	if a := r.Header.Get("X-Answer"); a != "" {
		var status int
		fmt.Sscan(a, &status)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		io.WriteString(w, n.page[:len(n.page)/2])
		if n.takes > 0 {
			http.NewResponseController(w).Flush()
			time.Sleep(n.takes)
		}
		io.WriteString(w, n.page[len(n.page)/2:])
		return
	}
	io.WriteString(w, fine)
}

const fine = "done, and here is the answer"

// tracked is a body that remembers that it was closed.
type tracked struct {
	io.ReadCloser
	mu     sync.Mutex
	closed bool
}

func (b *tracked) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.ReadCloser.Close()
}

func (b *tracked) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// result is what one RoundTrip came to.
type result struct {
	status int
	body   string
	err    error
	took   time.Duration
}

func (r result) String() string {
	if r.err != nil {
		return fmt.Sprintf("the error %q", r.err)
	}
	body := r.body
	if len(body) > 40 {
		body = body[:40] + "…"
	}
	return fmt.Sprintf("%d with the body %q", r.status, body)
}

// do makes one request of the RoundTripper under test and reads the answer.
func (n *network) do(t *testing.T, r *http.Request) (got result) {
	t.Helper()
	begin := time.Now()
	res, err := n.RoundTrip(r)
	got = result{err: err, took: time.Since(begin)}
	expect.That(t, (res == nil) != (err == nil), expect.Message{
		Did:  fmt.Sprintf("sent a %s through the RoundTripper", method(r)),
		Want: "either a response or an error",
		Got:  fmt.Sprintf("a response: %t, an error: %t", res != nil, err != nil),
		Why:  "with both, the caller ignores one of them; with none, it crashes",
	})
	if err != nil {
		return got
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	expect.NoError(t, err, expect.Message{
		Did: fmt.Sprintf("sent a %s through the RoundTripper and read the body of the response "+
			"that came back", method(r)),
		Want: "the body, unread and open",
		Got:  fmt.Sprintf("after %d bytes the error %q", len(body), fmt.Sprint(err)),
		Why:  "the response that is returned belongs to the caller, who wants to read it",
	})
	got.status, got.body = res.StatusCode, string(body)
	return got
}

// attempts tells what was sent, and when.
func (n *network) attempts() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.sent) == 0 {
		return "nothing was sent"
	}
	var list []string
	for i, s := range n.sent {
		how := n.fault(i).String()
		if s.err != nil && n.fault(i) == answered {
			how = fmt.Sprintf("failed with %q", s.err)
		}
		list = append(list, fmt.Sprintf("attempt %d at +%v %s", i+1, s.at, how))
	}
	return strings.Join(list, ", ")
}

func (n *network) times() []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	var at []time.Duration
	for _, s := range n.sent {
		at = append(at, s.at)
	}
	return at
}

// lastError is how the last attempt ended.
func (n *network) lastError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent[len(n.sent)-1].err
}

func (n *network) count() int { return len(n.times()) }

func (n *network) work() []work {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.done)
}

// request makes a request. Its body, unless empty, can be had again.
func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = bytes.NewReader([]byte(body))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, memhttp.URL+path, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func method(r *http.Request) string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

// linear waits 100 ms, 200 ms, …
func linear(n int) time.Duration { return time.Duration(n) * 100 * time.Millisecond }

// function makes an http.RoundTripper of a function.
type function func(r *http.Request) (*http.Response, error)

func (f function) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func isReset(err error) bool { return sentinel.Is(err, syscall.ECONNRESET) }
