package journey_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	journey "github.com/backend-labs/backend-labs/labs/i03-request-journey"
)

// world is all that a client can reach: names, addresses, and servers behind them.
type world struct {
	t      *testing.T
	story  string // of the next Get
	tl     *timeline.Timeline
	ca     *authority
	client *journey.Client
	names  map[string]name
	places map[netip.AddrPort]*place

	mu       sync.Mutex
	asked    []string // the names that were resolved
	dialled  []dialled
	dialling int // attempts that are under way
	links    []connected
	seen     []seen
	hello    []string // the names in the client hellos
}

type name struct {
	addrs []netip.Addr
	after time.Duration
	err   error
	hangs bool
}

type dialled struct {
	addr netip.AddrPort
	at   time.Time
}

// connected is a connection that was made.
type connected struct{ client, server *end }

// seen is a request that has arrived at a server.
type seen struct {
	*http.Request
	at   netip.AddrPort
	conn int // the number of its connection
}

// place is what happens at an address.
type place struct {
	after   time.Duration // until there is a connection
	refuses error
	hole    bool // what is sent there is lost
	road    road
	cert    *tls.Certificate
	mute    bool // it accepts, and says nothing
	slams   bool // it accepts, and closes
	answer  func(r *http.Request) []piece
}

// piece is a part of a response, and what the server does behind it.
type piece struct {
	after  time.Duration
	text   string
	leaves bool // it closes the connection, in this way
	how    farewell
	hangs  bool // it says no more
}

// inWorld runs f in virtual time, in a world of its own.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		w := &world{t: t, tl: timeline.New("you", "dns"), ca: newAuthority(t),
			names: map[string]name{}, places: map[netip.AddrPort]*place{}}
		w.client = journey.NewClient(journey.Env{Resolve: w.resolve, Dial: w.dial,
			Roots: w.ca.pool})
		defer w.end()
		f(t, w)
	})
	if t.Failed() {
		t.FailNow()
	}
}

// end closes whatever a client has left open.
func (w *world) end() {
	w.client.Close()
	for _, l := range w.all() {
		l.server.Close()
	}
	synctest.Wait()
	for _, l := range w.all() {
		l.client.Close()
	}
	time.Sleep(time.Second) // for servers that are about to send something
}

// site puts a server for this host at addresses, and their order into its name.
func (w *world) site(host, port string, answer func(r *http.Request) []piece, at ...string) *place {
	p := &place{answer: answer}
	if strings.HasSuffix(port, "443") {
		p.cert = w.ca.issue(w.t, host)
	}
	w.name(host, at...)
	for _, addr := range at {
		w.put(addr, port, p)
	}
	return p
}

func (w *world) name(host string, at ...string) {
	n := name{}
	for _, addr := range at {
		n.addrs = append(n.addrs, netip.MustParseAddr(addr))
	}
	w.names[host] = n
}

func (w *world) put(addr, port string, p *place) {
	w.places[netip.MustParseAddrPort(net.JoinHostPort(addr, port))] = p
}

func addrPort(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// answers changes how a server answers from now on.
func (w *world) answers(at string, answer func(*http.Request) []piece) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places[addrPort(at)].answer = answer
}

func (w *world) answerOf(p *place) func(*http.Request) []piece {
	w.mu.Lock()
	defer w.mu.Unlock()
	return p.answer
}

func (w *world) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	w.asked = append(w.asked, host)
	n, known := w.names[host]
	w.mu.Unlock()
	span := w.tl.Begin("dns", "%s?", host)
	if !known {
		n.err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if n.hangs {
		<-ctx.Done()
		n.err = errLookup
	} else if !pause(ctx, n.after) {
		n.err = errLookup
	}
	if n.err != nil {
		span.End("%v", n.err)
		return nil, n.err
	}
	span.End("%d addresses", len(n.addrs))
	return append([]netip.Addr(nil), n.addrs...), nil
}

// What comes of a lookup and an attempt that are given up, as with real ones: no error of ctx.
var (
	errLookup  = &net.DNSError{Err: "no answer", IsTimeout: true}
	errAttempt = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ETIMEDOUT}
)

// pause waits that long, and reports whether ctx has let it.
func pause(ctx context.Context, d time.Duration) bool {
	due := time.Now().Add(d)
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return !time.Now().Before(due) // it is done, and nobody can take that back
	}
}

func (w *world) dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	w.dialled = append(w.dialled, dialled{addr, time.Now()})
	w.dialling++
	p := w.places[addr]
	w.mu.Unlock()
	span := w.tl.Begin(addr.Addr().String(), "dialled, port %d", addr.Port())
	defer func() {
		w.mu.Lock()
		w.dialling--
		w.mu.Unlock()
	}()
	if p == nil {
		p = &place{refuses: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	}
	if p.hole {
		<-ctx.Done()
		span.End("given up")
		return nil, errAttempt
	}
	if !pause(ctx, p.after) {
		span.End("given up")
		return nil, errAttempt
	}
	if p.refuses != nil {
		span.End("refused")
		return nil, p.refuses
	}
	span.End("connected")
	return w.connect(addr, p), nil
}

func (w *world) note(s seen) {
	w.tl.Point(s.at.Addr().String(), "GET %s", s.URL.Path)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
}

func (w *world) requests() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seen(nil), w.seen...)
}

func (w *world) all() []connected {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]connected(nil), w.links...)
}

func (w *world) dials() []dialled {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]dialled(nil), w.dialled...)
}

// open counts the connections that the client has not closed, and the attempts under way.
func (w *world) open() (conns, attempts int) {
	synctest.Wait()
	for _, l := range w.all() {
		if !l.client.isClosed() {
			conns++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return conns, w.dialling
}
