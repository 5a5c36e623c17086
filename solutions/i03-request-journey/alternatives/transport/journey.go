// Package journey follows one HTTP request from its URL to the last byte of the response.
//
// Here http.Transport does what it does: it sends, receives, keeps connections and replaces those
// that are dead. Left over are the dialling, the stopwatch, and the redirects.
package journey

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// Client sends requests, and keeps connections that can be used again.
type Client struct {
	env Env
	rt  *http.Transport
}

// NewClient returns a client without connections.
func NewClient(env Env) *Client {
	c := &Client{env: env}
	c.rt = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dial(ctx.Value(hopKey{}).(*hop))
		},
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dialTLS(ctx.Value(hopKey{}).(*hop))
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: 1000,
	}
	return c
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.rt.CloseIdleConnections() }

// Get follows a request for the URL, with the header h, as the brief says.
func (c *Client) Get(ctx context.Context, rawURL string, h http.Header) (*Result, error) {
	res, h := &Result{}, h.Clone()
	to, err := parse(rawURL)
	for err == nil {
		hop := &hop{ctx: ctx, to: to}
		err = c.send(hop, h, res)
		res.Phases = append(res.Phases, hop.phases...)
		location := res.Header.Get("Location")
		if err != nil || location == "" || !followed[res.Status] {
			break
		}
		if res.Hops == 5 {
			return res, errors.New("five redirects are enough")
		}
		from := to
		if to, err = from.follow(location); to.origin != from.origin {
			h.Del("Authorization")
			h.Del("Cookie")
		}
		res.Hops++
	}
	return res, err
}

var followed = map[int]bool{301: true, 302: true, 303: true, 307: true, 308: true}

// send makes one request.
func (c *Client) send(o *hop, h http.Header, res *Result) error {
	ctx := httptrace.WithClientTrace(context.WithValue(o.ctx, hopKey{}, o), o.trace(res))
	there := *o.to.url
	there.Host, there.Fragment = fmt.Sprintf("%s:%d", o.to.host, o.to.port), ""
	req := (&http.Request{Method: "GET", URL: &there, Host: o.to.header, Header: h}).WithContext(ctx)
	if h == nil {
		req.Header = http.Header{}
	}
	var body []byte
	resp, err := c.rt.RoundTrip(req)
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	o.settle()
	if err = o.close(err); err != nil {
		return err
	}
	res.Status, res.Header, res.Body = resp.StatusCode, resp.Header, body
	return nil
}

// hop is the stopwatch of one request. It hears from the goroutines of the Transport, too.
type hop struct {
	ctx context.Context
	to  target

	mu     sync.Mutex
	phases []Phase
	name   string // of the phase that is running, if any
	began  time.Time
	closed bool
	conn   atomic.Pointer[guarded]
}

type hopKey struct{}

// enter ends the phase that is running, and begins one.
func (o *hop) enter(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.end(nil)
	o.name, o.began = name, time.Now()
}

// end ends the phase that is running. The caller holds mu.
func (o *hop) end(err error) {
	if o.name != "" {
		o.phases = append(o.phases, Phase{o.name, time.Since(o.began), err})
		o.name = ""
	}
}

// close ends the hop.
func (o *hop) close(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil && o.ctx.Err() != nil {
		err = fmt.Errorf("%w: the request was given up", o.ctx.Err())
	}
	o.end(err)
	o.closed = true
	return err
}

func (o *hop) trace(res *Result) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			res.Reused = info.Reused
			conn := info.Conn.(*guarded)
			conn.stop()
			conn.hop.Store(o)
			o.conn.Store(conn)
			if info.Reused {
				o.restart()
			}
			o.enter("send")
		},
		GotFirstResponseByte: func() {
			o.settle()
			o.enter("body")
		},
	}
}

// restart forgets what has been: another connection is made.
func (o *hop) restart() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.phases, o.name = nil, ""
	}
}

// wrote notes that the request, or a part of it, has been written. (The hook WroteRequest is called
// before the buffer is emptied.)
func (o *hop) wrote() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	switch {
	case o.closed:
	case o.name == "send":
		o.end(nil)
		o.name, o.began = "wait", now
	case o.name == "wait": // there was more of it
		o.phases[len(o.phases)-1].Dur += now.Sub(o.began)
		o.began = now
	}
}

// settle waits until a Write that has ended has been noted, too: the answer may be quicker.
func (o *hop) settle() {
	if g := o.conn.Load(); g != nil {
		g.writing.Lock()
		defer g.writing.Unlock()
	}
}

// guarded is a connection that is closed when its ctx ends before anybody uses it, and that tells
// of what is written to it.
type guarded struct {
	net.Conn
	stop    func() bool
	hop     atomic.Pointer[hop]
	writing sync.Mutex
}

func guard(ctx context.Context, conn net.Conn) net.Conn {
	return &guarded{Conn: conn, stop: context.AfterFunc(ctx, func() { conn.Close() })}
}

func (g *guarded) Write(p []byte) (int, error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	n, err := g.Conn.Write(p)
	if o := g.hop.Load(); o != nil && err == nil {
		o.wrote()
	}
	return n, err
}

func (c *Client) dial(o *hop) (net.Conn, error) {
	conn, err := c.connect(o)
	if err != nil {
		return nil, err
	}
	return guard(o.ctx, conn), nil
}

func (c *Client) dialTLS(o *hop) (net.Conn, error) {
	conn, err := c.connect(o)
	if err != nil {
		return nil, err
	}
	o.enter("tls")
	secure := tls.Client(conn, &tls.Config{ServerName: o.to.host, RootCAs: c.env.Roots})
	if err := secure.HandshakeContext(o.ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return guard(o.ctx, secure), nil
}

// connect resolves the name, and begins with one address after another until one answers.
func (c *Client) connect(o *hop) (net.Conn, error) {
	o.restart()
	o.enter("dns")
	addrs, err := c.env.Resolve(o.ctx, o.to.host)
	if err != nil {
		return nil, err
	}
	o.enter("connect")
	ctx, cancel := context.WithCancel(o.ctx)
	defer cancel()
	r := &race{dial: c.env.Dial, won: make(chan net.Conn), lost: make(chan error, len(addrs))}
	return r.run(ctx, addrs, o.to.port)
}

// race is several attempts to connect.
type race struct {
	dial func(context.Context, netip.AddrPort) (net.Conn, error)
	won  chan net.Conn
	lost chan error // has room for all
}

func (r *race) run(ctx context.Context, addrs []netip.Addr, port uint16) (net.Conn, error) {
	var last error
	for running := 0; len(addrs) > 0 || running > 0; {
		var later <-chan time.Time
		if len(addrs) > 0 {
			go r.attempt(ctx, netip.AddrPortFrom(addrs[0], port))
			addrs = addrs[1:]
			running++
		}
		if len(addrs) > 0 {
			later = time.After(300 * time.Millisecond)
		}
		select {
		case conn := <-r.won:
			return conn, nil
		case last = <-r.lost:
			running--
		case <-later:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, cmp.Or(last, errors.New("no addresses"))
}

func (r *race) attempt(ctx context.Context, addr netip.AddrPort) {
	conn, err := r.dial(ctx, addr)
	if err != nil {
		r.lost <- err
		return
	}
	select {
	case r.won <- conn:
	case <-ctx.Done():
		conn.Close()
	}
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
