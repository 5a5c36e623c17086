// Package memhttp is a network in memory for HTTP in virtual time: a net.Listener whose connections
// are the two ends of a net.Pipe, and clients for it. A real socket stops the clock of a bubble; a
// pipe does not, and its deadlines are virtual. Servers and clients of net/http work over it
// unchanged.
//
//	bubble.Run(t, func(t *testing.T) {
//		l := memhttp.Serve(t, handler)
//		res, err := l.Client().Get(memhttp.URL + "/orders")
//		…
//	})
//
// A pipe has no buffer: a write returns when the other end has read it.
package memhttp

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func init() {
	account.Keep("http.DefaultClient", &http.DefaultClient)
	account.Keep("*http.DefaultClient", http.DefaultClient)
	account.Keep("http.DefaultTransport", &http.DefaultTransport)
	account.Keep("http.DefaultServeMux", &http.DefaultServeMux)
	account.Keep("http.NoBody", &http.NoBody)
	account.Keep("http.ErrServerClosed", &http.ErrServerClosed)
	account.Keep("http.ErrAbortHandler", &http.ErrAbortHandler)
	account.Keep("http.ErrHandlerTimeout", &http.ErrHandlerTimeout)
	account.Keep("http.ErrUseLastResponse", &http.ErrUseLastResponse)
	account.Keep("http.ErrNoCookie", &http.ErrNoCookie)
}

// URL is the address of every server: the clients of a [Listener] reach it under any name.
const URL = "http://server.test"

// Listener is a net.Listener in memory.
type Listener struct {
	backlog chan net.Conn
	closed  chan struct{}
	close   sync.Once

	mu      sync.Mutex
	open    []net.Conn
	clients []*http.Client
}

// Listen returns a listener for one check. When the check ends, the listener, its clients and what
// is left of their connections are closed, and a virtual second passes: net/http keeps goroutines
// that long.
func Listen(t testing.TB) *Listener {
	l := &Listener{backlog: make(chan net.Conn, 1024), closed: make(chan struct{})}
	t.Cleanup(func() {
		l.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, c := range l.clients {
			c.CloseIdleConnections()
		}
		for _, c := range l.open {
			c.Close()
		}
		if expect.Virtual() {
			time.Sleep(time.Second)
		}
	})
	return l
}

// Serve runs a server with this handler until the check ends.
func Serve(t testing.TB, h http.Handler) *Listener {
	return Run(t, &http.Server{Handler: h})
}

// Run runs the server until the check ends.
func Run(t testing.TB, s *http.Server) *Listener {
	l := Listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return l
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, l.error("accept", net.ErrClosed)
	}
}

// Close stops listening. Connections that have not been accepted are reset, as they are in a
// kernel.
func (l *Listener) Close() error {
	err := l.error("close", net.ErrClosed)
	l.close.Do(func() {
		close(l.closed)
		l.reset()
		err = nil
	})
	return err
}

func (l *Listener) reset() {
	for {
		select {
		case c := <-l.backlog:
			c.Close()
		default:
			return
		}
	}
}

var (
	serverAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}
	clientAddr = net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 49152}
)

// Addr is the server's address, from the block that is reserved for examples.
func (l *Listener) Addr() net.Addr { return serverAddr }

func (l *Listener) error(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: serverAddr, Err: err}
}

// Dial connects to the listener. Like a kernel, it does not wait for Accept. Once the listener is
// closed, the error is syscall.ECONNREFUSED. Every connection comes from a port of its own of the
// same client address.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, l.error("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.error("dial", ctx.Err())
	default:
	}
	near, far := net.Pipe()
	from := clientAddr
	from.Port += l.track(near) % 16384
	select {
	case l.backlog <- conn{far, serverAddr, &from}:
	case <-l.closed:
		return nil, l.error("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.error("dial", ctx.Err())
	}
	select {
	case <-l.closed:
		l.reset() // closed in between: nobody will accept it
	default:
	}
	return conn{near, &from, serverAddr}, nil
}

// track remembers a connection, so that it is closed in the end, and returns how many there have
// been before.
func (l *Listener) track(c net.Conn) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, c)
	return len(l.open) - 1
}

// conn is one end of a pipe that has addresses.
type conn struct {
	net.Conn
	local, remote net.Addr
}

func (c conn) LocalAddr() net.Addr  { return c.local }
func (c conn) RemoteAddr() net.Addr { return c.remote }

// Client returns a client with a pool of connections of its own. Each of its connections has the
// faults.
func (l *Listener) Client(faults ...Fault) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := l.Dial(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range faults {
			c = f(c)
		}
		l.track(c)
		return c, nil
	}
	c := &http.Client{Transport: &http.Transport{DialContext: dial}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients = append(l.clients, c)
	return c
}

// Raw sends the text as it is over a connection of its own and returns what comes back, until the
// server closes the connection or is silent for that long. It is for what a client of net/http
// would not send.
func (l *Listener) Raw(t testing.TB, text string, silence time.Duration) string {
	t.Helper()
	c, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go io.WriteString(c, text) // ends at the latest when the connection is closed
	var got []byte
	buf := make([]byte, 4096)
	for {
		c.SetReadDeadline(time.Now().Add(silence))
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return string(got)
		}
	}
}

// Fault makes a client's connection misbehave.
type Fault func(net.Conn) net.Conn

// Latency delays each write of the client by d, so a request and its answer take d together.
func Latency(d time.Duration) Fault {
	return func(c net.Conn) net.Conn { return slow{c, d} }
}

type slow struct {
	net.Conn
	delay time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	time.Sleep(s.delay)
	return s.Conn.Write(p)
}

// CutAfter lets the client read n bytes of what the server sends; when more comes, the connection
// is reset. With n = 0 the work is done and the answer is lost.
func CutAfter(n int) Fault {
	return func(c net.Conn) net.Conn { return &cut{c, n} }
}

type cut struct {
	net.Conn
	left int
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left == 0 {
		if _, err := c.Conn.Read(make([]byte, 1)); err != nil {
			return 0, err
		}
		c.Close()
		return 0, &net.OpError{Op: "read", Net: "tcp", Addr: serverAddr, Err: syscall.ECONNRESET}
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// Hang is a network that drops every packet: what the client writes goes nowhere, and nothing ever
// comes back. Deadlines and Close work.
func Hang() Fault {
	return func(c net.Conn) net.Conn {
		silent, _ := net.Pipe()
		return hung{silent, c}
	}
}

type hung struct {
	net.Conn // a pipe that nobody writes to
	server   net.Conn
}

func (h hung) Write(p []byte) (int, error) { return len(p), nil }

func (h hung) Close() error {
	h.server.Close()
	return h.Conn.Close()
}
