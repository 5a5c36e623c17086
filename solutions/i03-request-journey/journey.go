// Package journey follows one HTTP request from its URL to the last byte of the response.
package journey

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Env is the world outside, which knows addresses, reaches them, and says whom to trust.
type Env struct {
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial    func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
	Roots   *x509.CertPool
}

// Phase is one stage of a journey, with how long it took and, if it failed, why.
type Phase struct {
	Name string
	Dur  time.Duration
	Err  error
}

// Result is what is known of a request that has ended, well or not.
type Result struct {
	Status int
	Header http.Header
	Body   []byte
	Phases []Phase
	Reused bool
	Hops   int
}

const (
	headStart    = 300 * time.Millisecond // of an address before the next one
	maxRedirects = 5
)

// Client sends requests, and keeps connections that can be used again.
type Client struct {
	env  Env
	idle pool
}

// NewClient returns a client without connections.
func NewClient(env Env) *Client {
	return &Client{env: env}
}

// Get follows a request for the URL, with the header h, as the brief says.
func (c *Client) Get(ctx context.Context, rawURL string, h http.Header) (*Result, error) {
	res, h := &Result{}, h.Clone() // of which credentials may go on the way
	to, err := parse(rawURL)
	if err != nil {
		return res, err
	}
	for {
		if err := c.hop(ctx, to, h, res); err != nil {
			return res, fmt.Errorf("get %s: %w", to.origin, err)
		}
		location := res.Header.Get("Location")
		if !isRedirect(res.Status) || location == "" {
			return res, nil
		}
		if res.Hops == maxRedirects {
			return res, fmt.Errorf("get %s: more than %d redirects", rawURL, maxRedirects)
		}
		next, err := to.follow(location)
		if err != nil {
			return res, err
		}
		if next.origin != to.origin {
			h.Del("Authorization") // and from here on, also on the way back
			h.Del("Cookie")
		}
		res.Hops++
		to = next
	}
}

// Close closes the connections that are idle.
func (c *Client) Close() {
	c.idle.closeAll()
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// hop sends the request to one target. An idle connection may have been closed by the server
// meanwhile, which is seen only when it is used; then nobody has answered, and a new one is made.
func (c *Client) hop(ctx context.Context, to target, h http.Header, res *Result) error {
	if kept := c.idle.get(to.origin); kept != nil {
		before := len(res.Phases)
		res.Reused = true
		answered, err := c.exchange(ctx, kept, to, h, res)
		if answered || ctx.Err() != nil {
			return err
		}
		res.Phases = res.Phases[:before]
	}
	res.Reused = false
	fresh, err := c.open(ctx, to, res)
	if err != nil {
		return err
	}
	_, err = c.exchange(ctx, fresh, to, h, res)
	return err
}

// open makes a new connection: from a name to addresses, to a connection, to a secure one.
func (c *Client) open(ctx context.Context, to target, res *Result) (*link, error) {
	var addrs []netip.Addr
	err := res.during("dns", func() (err error) {
		addrs, err = c.env.Resolve(ctx, to.host)
		return ended(ctx, err)
	})
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	err = res.during("connect", func() (err error) {
		conn, err = c.dial(ctx, addrs, to.port)
		return ended(ctx, err)
	})
	if err != nil || to.url.Scheme == "http" {
		return newLink(conn), err
	}
	secure := tls.Client(conn, &tls.Config{ServerName: to.host, RootCAs: c.env.Roots})
	err = res.during("tls", func() error {
		return secure.HandshakeContext(ctx) // whose error is ctx's already
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return newLink(secure), nil
}

// dial returns the first connection that one of the addresses gives. Each has a head start before
// the next one, and goes on beside it.
func (c *Client) dial(ctx context.Context, addrs []netip.Addr, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of those that were overtaken
	type attempt struct {
		conn net.Conn
		err  error
	}
	attempts := make(chan attempt)
	timer := time.NewTimer(headStart)
	start := func() {
		if len(addrs) == 0 {
			return
		}
		addr := netip.AddrPortFrom(addrs[0], port)
		addrs = addrs[1:]
		timer.Reset(headStart)
		go func() {
			conn, err := c.env.Dial(ctx, addr)
			select {
			case attempts <- attempt{conn, err}:
			case <-ctx.Done():
				if err == nil {
					conn.Close() // it came late
				}
			}
		}()
	}
	var failed []error
	total := len(addrs)
	for start(); len(failed) < total; {
		select {
		case a := <-attempts:
			if a.err == nil {
				return a.conn, nil
			}
			failed = append(failed, a.err)
			start()
		case <-timer.C:
			start()
		case <-ctx.Done():
			return nil, fmt.Errorf("no answer yet from %d addresses", total-len(failed))
		}
	}
	return nil, fmt.Errorf("none of %d addresses answers: %w", total, errors.Join(failed...))
}

// exchange sends the request over a connection and reads the response, then keeps the connection
// or closes it. It tells whether there was one byte of a response.
func (c *Client) exchange(ctx context.Context, l *link, to target, h http.Header, res *Result) (
	answered bool, err error) {

	keep := false
	stop := context.AfterFunc(ctx, func() { l.SetDeadline(time.Now()) })
	defer func() {
		if stop() && keep { // a ctx that ends later must not reach a connection that is kept
			c.idle.put(to.origin, l)
		} else {
			l.hangUp()
		}
	}()
	req := &http.Request{Method: "GET", URL: to.url, Host: to.header, Header: h}
	if err := res.during("send", func() error { return ended(ctx, req.Write(l)) }); err != nil {
		return false, err
	}
	err = res.during("wait", func() error {
		_, err := l.buffered.Peek(1)
		return ended(ctx, err)
	})
	if err != nil {
		return false, err
	}
	err = res.during("body", func() (err error) {
		keep, err = res.read(l.buffered)
		return ended(ctx, err)
	})
	return true, err
}

// hangUp closes a connection at once. What TLS closes says goodbye first, and waits until that is taken.
func (l *link) hangUp() {
	raw := l.Conn
	if secure, ok := raw.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	raw.Close()
}

// read reads a response to its end, and tells whether another one may follow it.
func (r *Result) read(from *bufio.Reader) (keep bool, err error) {
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		return false, err
	}
	body, err := io.ReadAll(resp.Body) // as far as its length or its chunks say
	if err != nil {
		return false, err
	}
	r.Status, r.Header, r.Body = resp.StatusCode, resp.Header, body
	return !resp.Close, nil
}

// ended is err, and says that it is ctx's if that has ended: a connection only says that its
// deadline has passed, and a resolver that nobody answers.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be
// changed or used.

// during runs f as the phase with that name, and records how long it took and how it ended.
func (r *Result) during(name string, f func() error) error {
	began := time.Now()
	err := f()
	r.Phases = append(r.Phases, Phase{Name: name, Dur: time.Since(began), Err: err})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// target is what a URL says of the journey.
type target struct {
	url    *url.URL
	host   string // the name to resolve and to verify, in lower case
	port   uint16
	header string // for Host
	origin string // scheme, host and port: what connections are kept for
}

// parse takes a URL apart.
func parse(rawURL string) (target, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return target{}, err
	}
	return targetOf(u)
}

// follow is the target of a Location, which may be relative.
func (t target) follow(location string) (target, error) {
	u, err := t.url.Parse(location)
	if err != nil {
		return target{}, err
	}
	return targetOf(u)
}

func targetOf(u *url.URL) (target, error) {
	usual, known := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if !known || u.Hostname() == "" {
		return target{}, fmt.Errorf("no URL of a web server: %q", u)
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), usual), 10, 16)
	if err != nil {
		return target{}, err
	}
	host := strings.ToLower(u.Hostname())
	return target{
		url:    u,
		host:   host,
		port:   uint16(port),
		header: strings.TrimSuffix(strings.ToLower(u.Host), ":"+usual),
		origin: fmt.Sprintf("%s://%s:%d", u.Scheme, host, port),
	}, nil
}

// link is a connection, and what has been read from it and not been used yet.
type link struct {
	net.Conn
	buffered *bufio.Reader
}

func newLink(c net.Conn) *link { return &link{c, bufio.NewReader(c)} }

// pool keeps idle connections. Its zero value is empty.
type pool struct {
	mu   sync.Mutex
	idle map[string][]*link // by origin
}

// get takes an idle connection of that origin out of the pool. It is nil if there is none.
func (p *pool) get(origin string) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.idle[origin]
	if len(all) == 0 {
		return nil
	}
	last := len(all) - 1
	p.idle[origin] = all[:last]
	return all[last]
}

// put keeps a connection that is idle now.
func (p *pool) put(origin string, l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = map[string][]*link{}
	}
	p.idle[origin] = append(p.idle[origin], l)
}

// closeAll closes what is idle.
func (p *pool) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, links := range p.idle {
		for _, l := range links {
			l.Close()
		}
	}
	p.idle = nil
}
