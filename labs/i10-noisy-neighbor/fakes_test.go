package fairshare_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

// virtual runs f in virtual time. There is no Close, so what is left behind is the business of one
// check alone.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// proxies are trusted in all checks.
var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("2001:db8:aa::/48"), netip.MustParsePrefix("2001:db8:bb::1/128")}

// options are wide: a check makes narrow what it is about.
func options() fairshare.Options {
	return fairshare.Options{Rate: 1000, Burst: 10_000, MaxInFlight: 1000, MaxClients: 10_000,
		MaxBody: 1 << 20, TrustedProxies: proxies}
}

// ok answers 200.
var ok = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "done")
})

// protected is a handler that answers 200 behind the middleware.
func protected(o fairshare.Options) http.Handler { return fairshare.Protect(o)(ok) }

// caller makes requests of one client.
type caller func() *http.Request

// at is a client at an address; each request comes from another port.
func at(addr string) caller {
	var port atomic.Int64
	return func() *http.Request {
		return &http.Request{Method: "GET", URL: &url.URL{Path: "/price"}, RequestURI: "/price",
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "shop.example",
			Header: http.Header{}, Body: http.NoBody, RemoteAddr: peer(addr, 10_000+port.Add(1)%50_000)}
	}
}

// peer is an address as net/http writes it in RemoteAddr.
func peer(addr string, port int64) string {
	if strings.Contains(addr, ":") {
		return fmt.Sprintf("[%s]:%d", addr, port)
	}
	return fmt.Sprintf("%s:%d", addr, port)
}

// by is a client that an authenticator has recognised.
func by(id, addr string) caller {
	from := at(addr)
	return func() *http.Request {
		r := from()
		return r.WithContext(fairshare.WithPrincipal(r.Context(), id))
	}
}

// stranger is the i-th of very many addresses.
func stranger(i int) caller {
	return at(netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}).String())
}

// answer is what a client got.
type answer struct {
	status   int
	header   http.Header
	body     string
	panicked any
	took     time.Duration
}

func (a answer) String() string {
	if a.panicked != nil {
		return fmt.Sprintf("a panic with %v", a.panicked)
	}
	return fmt.Sprint(a.status)
}

// send makes a request.
func send(h http.Handler, r *http.Request) (a answer) {
	begin := time.Now()
	w := httpwire.New()
	defer func() {
		a.panicked = recover()
		a.took = time.Since(begin)
		a.status, a.header, a.body = w.Status(), w.Header(), w.Body()
	}()
	h.ServeHTTP(w.Writer(), r)
	return a
}

// admitted makes n requests at one instant and counts those that are served.
func admitted(h http.Handler, c caller, n int) (got int) {
	for range n {
		if send(h, c()).status == http.StatusOK {
			got++
		}
	}
	return got
}

// slow is a handler that takes a while, and knows how many requests it has.
type slow struct {
	takes   time.Duration
	end     func(r *http.Request) // what it does at last; may be nil
	tl      *timeline.Timeline    // where it is drawn; may be nil
	mu      sync.Mutex
	running int
	most    int
}

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.count(1)
	defer s.count(-1)
	time.Sleep(s.takes)
	if s.end != nil {
		s.end(r)
	}
	io.WriteString(w, "done")
}

func (s *slow) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running += n
	s.most = max(s.most, s.running)
	s.tl.Holds("handler", "%d running", s.running)
}

// now is how many requests are being handled.
func (s *slow) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// peak is how many requests were being handled at most.
func (s *slow) peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// nowhere is a ResponseWriter that keeps nothing but the status.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(status int)      { w.status = status }

// flood makes a request with each of n addresses, and forgets the answers.
func flood(h http.Handler, n int) {
	for i := range n {
		h.ServeHTTP(&nowhere{header: http.Header{}}, stranger(i)())
	}
}

// crowd makes requests that run side by side.
type crowd struct {
	wg      sync.WaitGroup
	mu      sync.Mutex
	answers []answer
}

// send begins n requests and returns when all of them are under way or answered.
func (c *crowd) send(h http.Handler, n int, request caller) {
	for range n {
		r := request()
		c.wg.Go(func() {
			a := send(h, r)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.answers = append(c.answers, a)
		})
	}
	time.Sleep(time.Millisecond)
}

// got are the answers so far.
func (c *crowd) got() []answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]answer(nil), c.answers...)
}

// statuses counts the answers with each status, for a message.
func statuses(all []answer) string {
	counts := map[string]int{}
	for _, a := range all {
		counts[a.String()]++
	}
	if len(all) == 0 {
		return "no answer"
	}
	return strings.TrimPrefix(fmt.Sprint(counts), "map")
}
