// Package faultproxy is a TCP proxy that breaks connections on demand. A check puts it between the
// code under test and a real server, and decides from outside what the network does: nothing,
// latency, silence, a reset, a cut at an exact byte. All of it may be changed while connections are
// open, from any goroutine.
//
// It uses real sockets, so it has no place in virtual time.
package faultproxy

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Direction is one of the two ways through the proxy.
type Direction int

const (
	ToServer Direction = iota // what the client sends
	ToClient                  // what the server answers
)

func (d Direction) String() string { return [...]string{"to the server", "to the client"}[d] }

type mode int

const (
	pass mode = iota
	blackhole
	reset
	dropResponses
)

// Proxy listens on a port of its own and passes on to one server.
type Proxy struct {
	network, upstream string
	listener          net.Listener
	running           sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond // of mode, or that a link was closed
	mode    mode
	delay   time.Duration
	links   map[*link]bool
	passed  [2]int // bytes, by Direction
	turns   [][2]int
	last    Direction // of the last bytes
	cut     struct {
		armed bool
		dir   Direction
		left  int // bytes
	}
}

// New starts a proxy to the server at addr ("tcp", "127.0.0.1:5432" or "unix",
// "/run/postgresql/.s.PGSQL.5432"). It passes everything on until it is told otherwise, and ends
// with the test.
func New(t testing.TB, network, addr string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	p := &Proxy{network: network, upstream: addr, listener: l, links: map[*link]bool{}}
	p.changed.L = &p.mu
	p.running.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Addr is where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Pass lets everything through again, at once. Connections that have been cut stay cut.
func (p *Proxy) Pass() { p.set(pass, 0) }

// Delay makes whatever is sent arrive d later, in either direction.
func (p *Proxy) Delay(d time.Duration) { p.set(pass, d) }

// Blackhole lets nothing through and tells nobody. As in TCP, what was sent meanwhile arrives after
// a Pass.
func (p *Proxy) Blackhole() { p.set(blackhole, 0) }

// Reset breaks all connections, and every new one until a Pass: a server that has crashed, or, seen
// by the server, a client that has.
func (p *Proxy) Reset() {
	p.set(reset, 0)
	p.closeLinks()
}

// DropResponses passes requests on and cuts the connection in place of an answer: the server has
// done the work, and the client does not know.
func (p *Proxy) DropResponses() { p.set(dropResponses, 0) }

// CutAfter lets k more bytes through in one direction, counted over all connections from this call
// on, and cuts the connection that carries the k-th, both ways, right behind it; k = 0 is in front
// of the next byte. It happens once; other and new connections are not affected.
func (p *Proxy) CutAfter(dir Direction, k int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut.armed, p.cut.dir, p.cut.left = true, dir, max(k, 0)
}

// Passed is the number of bytes that have been let through in one direction so far, over all
// connections.
func (p *Proxy) Passed(dir Direction) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[dir]
}

// Turns are the moments at which the client began to send after the server had answered, each as
// the bytes that had passed until then, by Direction. In a protocol of questions and answers these
// are the ends of the answers, and what passed between two of them is one exchange.
func (p *Proxy) Turns() [][2]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.turns)
}

// Close ends the proxy and all of its connections. It is called at the end of the test, and may be
// called before.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Reset()
	p.running.Wait()
}

func (p *Proxy) set(m mode, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.delay = m, delay
	p.changed.Broadcast()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve connects one client with the server until one of them or the proxy ends it.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout(p.network, p.upstream, 5*time.Second)
	if err != nil {
		closeHard(client)
		return
	}
	l := &link{client: client, server: server, done: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = true
	refused := p.mode == reset
	p.mu.Unlock()
	if refused {
		p.closeLinks()
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(l, ToServer, server, client) })
	both.Go(func() { p.pump(l, ToClient, client, server) })
	both.Wait()
	l.close(closeSoft)
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pump copies in one direction. The end of what src sends is passed on as such, so the other
// direction may go on.
func (p *Proxy) pump(l *link, dir Direction, dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		p.awaitPassage(l)
		if n > 0 && !p.forward(l, dir, dst, buf[:n]) {
			l.close(closeSoft)
			return
		}
		if errors.Is(err, io.EOF) {
			if half, ok := dst.(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			}
			return
		}
		if err != nil {
			l.close(closeSoft)
			return
		}
	}
}

// awaitPassage holds up whatever has been read, the end of the connection included, while the
// network is a black hole.
func (p *Proxy) awaitPassage(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mode == blackhole && !l.closed() {
		p.changed.Wait()
	}
}

// forward writes what may pass of one chunk, and reports whether the connection lives on.
func (p *Proxy) forward(l *link, dir Direction, dst net.Conn, chunk []byte) bool {
	p.mu.Lock()
	lives := p.mode != reset && (p.mode != dropResponses || dir != ToClient)
	if !lives {
		chunk = nil
	}
	if p.cut.armed && p.cut.dir == dir && len(chunk) > 0 {
		if p.cut.left <= len(chunk) {
			chunk, lives, p.cut.armed = chunk[:p.cut.left], false, false
		}
		p.cut.left -= len(chunk)
	}
	if len(chunk) > 0 {
		if dir == ToServer && p.last == ToClient {
			p.turns = append(p.turns, p.passed)
		}
		p.last = dir
		p.passed[dir] += len(chunk)
	}
	delay := p.delay
	p.mu.Unlock()

	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-l.done:
			return false
		}
	}
	if _, err := dst.Write(chunk); err != nil {
		return false
	}
	return lives
}

func (p *Proxy) closeLinks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close(closeHard)
	}
	p.changed.Broadcast()
}

// link is one connection of a client with its connection to the server.
type link struct {
	client, server net.Conn
	once           sync.Once
	done           chan struct{}
}

func (l *link) close(how func(net.Conn)) {
	l.once.Do(func() {
		close(l.done)
		how(l.client)
		how(l.server)
	})
}

func (l *link) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// closeSoft lets what has been written arrive.
func closeSoft(c net.Conn) { c.Close() }

// closeHard sends a reset where the kind of socket has one.
func closeHard(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
