package shutdown_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	shutdown "github.com/backend-labs/backend-labs/labs/i05-graceful-shutdown"
)

// slack is how much later than necessary Run may notice that something has ended: net/http looks
// every half second.
const slack = 600 * time.Millisecond

// virtual runs f in virtual time. What a Run that never returns leaves behind has been told
// already.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// server is a Run under way.
type server struct {
	*memhttp.Listener
	leave     context.CancelFunc
	began     time.Time
	signalled time.Time // zero: not yet
	done      chan struct{}
	err       error // what Run returned, once done is closed
	at        time.Time
	tl        *timeline.Timeline // the signal, Run, and the requests of [server.ask]
}

// The lanes of a server's timeline besides those of requests.
const (
	platform = "platform"
	process  = "process"
)

// start calls Run and waits until it serves.
func start(t *testing.T, h http.Handler, o shutdown.Options) *server {
	t.Helper()
	l := memhttp.Listen(t)
	s := startOn(t, l, h, o)
	s.Listener = l
	return s
}

func startOn(t *testing.T, ln net.Listener, h http.Handler, o shutdown.Options) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := runOn(ctx, ln, h, o)
	s.leave = cancel
	synctest.Wait()
	select {
	case <-s.done:
		expect.Fatal(t, expect.Message{
			Did:  "called Run with a context that had not ended",
			Want: "it serves until the context ends",
			Got:  "it returned at once: " + describe(s.err),
		})
	default:
	}
	return s
}

// runOn calls Run and does not wait for anything.
func runOn(ctx context.Context, ln net.Listener, h http.Handler, o shutdown.Options) *server {
	s := &server{began: time.Now(), done: make(chan struct{}), tl: timeline.New(platform, process)}
	run := s.tl.Begin(process, "Run")
	go func() {
		defer close(s.done)
		s.err = shutdown.Run(ctx, ln, h, o)
		s.at = time.Now()
		run.End("returns %v", s.err)
	}()
	return s
}

// signal ends Run's context.
func (s *server) signal() {
	s.signalled = time.Now()
	s.tl.Point(platform, "the signal")
	s.leave()
	synctest.Wait() // until everybody has taken notice
}

// mustReturn waits until Run returns, and ends the check if that is too late. It is due because of
// the reason.
func (s *server) mustReturn(t *testing.T, did, reason string, due time.Time, late time.Duration) {
	t.Helper()
	m := expect.Message{
		Did:  did,
		Want: fmt.Sprintf("Run returns when %s: %s, or up to %v later", reason, s.since(due), late),
	}
	select {
	case <-s.done:
	case <-time.After(time.Until(due) + time.Minute):
		m.Got = "a minute after that it had not returned"
		m.Why = "the deploy waits for this process until somebody kills it, with all that it " +
			"has not finished"
		expect.Fatal(t, m)
	}
	m.Got = "it returned " + s.since(s.at)
	m.Why = "a platform waits only so long for a process to leave, and then kills it"
	expect.That(t, !s.at.After(due.Add(late)), m)
}

// mustNotReturnBefore ends the check if Run, which has returned, did so too early.
func (s *server) mustNotReturnBefore(t *testing.T, did, reason string, earliest time.Time) {
	t.Helper()
	expect.That(t, !s.at.Before(earliest), expect.Message{
		Did:  did,
		Want: fmt.Sprintf("Run does not return before %s", reason),
		Got:  fmt.Sprintf("it returned %s", s.since(s.at)),
		Why: "when Run returns, main returns, and with it the process ends, whatever it was " +
			"still doing",
	})
}

func (s *server) since(at time.Time) string {
	if s.signalled.IsZero() {
		return fmt.Sprintf("%v after Run was called", at.Sub(s.began))
	}
	return fmt.Sprintf("%v after the signal", at.Sub(s.signalled))
}

// reply is what a client got.
type reply struct {
	status int
	body   string
	close  bool // the client was told to close the connection
	err    error
	end    timeline.Recorded // of the request, if it is drawn
}

// ask sends a request and does not wait for the answer.
func ask(c *http.Client, path string) <-chan reply {
	got := make(chan reply, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", memhttp.URL+path, nil)
		if err != nil {
			panic(err)
		}
		res, err := c.Do(req)
		if err != nil {
			got <- reply{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		got <- reply{status: res.StatusCode, body: string(body), close: res.Close, err: err}
	}()
	return got
}

// upload sends a request with a body and does not wait for the answer.
func upload(c *http.Client, path string, body io.Reader) <-chan reply {
	got := make(chan reply, 1)
	go func() {
		res, err := c.Post(memhttp.URL+path, "text/plain", body)
		if err != nil {
			got <- reply{err: err}
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		got <- reply{status: res.StatusCode, body: string(text), close: res.Close, err: err}
	}()
	return got
}

// ask asks the server over a connection of its own, and records it on a lane of that name.
func (s *server) ask(lane, path string) <-chan reply {
	asked, got := s.tl.Begin(lane, "GET"), ask(s.Client(), path)
	drawn := make(chan reply, 1)
	go func() {
		r := <-got
		if r.err != nil {
			r.end = asked.End("cut off, or refused")
		} else {
			r.end = asked.End("%d", r.status)
		}
		drawn <- r
	}()
	return drawn
}

// drawn is the picture; the end of the request is marked in it if that was not answered with this
// body.
func (s *server) drawn(r reply, body string) *timeline.Timeline {
	if !r.ok(body) {
		r.end.Breaks()
	}
	return s.tl
}

func (r reply) ok(body string) bool { return r.err == nil && r.status == 200 && r.body == body }

func (r reply) String() string {
	if r.err != nil && r.status != 0 {
		return fmt.Sprintf("%d, then after %q the connection broke: %v", r.status, r.body, r.err)
	}
	if r.err != nil {
		return "no answer: " + r.err.Error()
	}
	kept := `without "Connection: close"`
	if r.close {
		kept = `with "Connection: close"`
	}
	return fmt.Sprintf("%d %q, %s", r.status, r.body, kept)
}

// connection is one of a client that keeps it open.
type connection struct {
	net.Conn
	in *bufio.Reader
}

func (s *server) connect(t *testing.T) *connection {
	t.Helper()
	c, err := s.Dial(t.Context())
	expect.NoError(t, err, expect.Message{Did: "opened a connection before the signal",
		Want: "it is taken"})
	t.Cleanup(func() { c.Close() })
	return &connection{c, bufio.NewReader(c)}
}

// get sends a request and reads the whole answer.
func (c *connection) get(path string) (status int, err error) {
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n", path); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// closed is nil if the server has closed the connection, or does so within a second.
func (c *connection) closed() error {
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return errors.New("nothing came for a second")
}

// paths is a handler for each path.
type paths map[string]http.HandlerFunc

func (p paths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := p[r.URL.Path]; ok {
		h(w, r)
		return
	}
	http.NotFound(w, r)
}

const never = 1000 * time.Hour

// takes answers "done" after that time, or says why its context ended before. The first part is
// sent at once.
func takes(d time.Duration, first string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if first != "" {
			io.WriteString(w, first)
			http.NewResponseController(w).Flush()
		}
		if err := sleep(r.Context(), d); err != nil {
			io.WriteString(w, err.Error())
			return
		}
		io.WriteString(w, "done")
	}
}

// sleep waits, unless the context ends before or has ended already.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// journal is a list of what happened, in order.
type journal struct {
	mu     sync.Mutex
	events []string
}

func (j *journal) add(event string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, event)
}

func (j *journal) list() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}

func describe(err error) string {
	if err == nil {
		return "no error"
	}
	return fmt.Sprintf("the error %q", err)
}
