// Package journey follows one HTTP request from its URL to the last byte of the response.
//
// Here one address is tried after another, and what is overtaken is given up. The stages of a Get
// are the methods of a trip, and a watcher beside each closes its connection when ctx ends.
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
	"slices"
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

// Client sends requests, and keeps connections that can be used again.
type Client struct {
	env  Env
	mu   sync.Mutex
	idle []*line
}

// line is a connection to an origin.
type line struct {
	origin string
	raw    net.Conn // what is closed
	conn   net.Conn // what is spoken over
	in     *bufio.Reader
}

// NewClient returns a client without connections.
func NewClient(env Env) *Client { return &Client{env: env} }

// Close closes the connections that are idle.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.idle {
		l.conn.Close()
	}
	c.idle = nil
}

// take takes an idle connection, the one that has waited longest.
func (c *Client) take(origin string) *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.idle, func(l *line) bool { return l.origin == origin })
	if i < 0 {
		return nil
	}
	l := c.idle[i]
	c.idle = slices.Delete(c.idle, i, i+1)
	return l
}

// trip is one Get.
type trip struct {
	*Client
	ctx   context.Context
	to    target
	res   Result
	began time.Time
	home  bool // the credentials have not been left behind
	all   http.Header
}

// Get follows a request for the URL, with the header h, as the brief says.
func (c *Client) Get(ctx context.Context, rawURL string, h http.Header) (*Result, error) {
	t := &trip{Client: c, ctx: ctx, all: h, home: true}
	var err error
	for t.to, err = parse(rawURL); err == nil; {
		if err = t.hop(); err != nil {
			break
		}
		var goes bool
		if goes, err = t.next(); !goes {
			break
		}
	}
	return &t.res, err
}

// next goes where the response sends it, if anywhere.
func (t *trip) next() (bool, error) {
	followed := []int{301, 302, 303, 307, 308}
	where := t.res.Header.Get("Location")
	if where == "" || !slices.Contains(followed, t.res.Status) {
		return false, nil
	}
	if t.res.Hops++; t.res.Hops > 5 {
		t.res.Hops = 5
		return false, errors.New("going round in circles")
	}
	to, err := t.to.follow(where)
	t.home = t.home && to.origin == t.to.origin
	t.to = to
	return err == nil, err
}

// stage notes the end of a phase, which is the beginning of the next one.
func (t *trip) stage(name string, err error) error {
	if err != nil && t.ctx.Err() != nil {
		err = fmt.Errorf("%s of %s: %w", name, t.to.origin, t.ctx.Err())
	}
	now := time.Now()
	t.res.Phases = append(t.res.Phases, Phase{name, now.Sub(t.began), err})
	t.began = now
	return err
}

func (t *trip) hop() error {
	t.began = time.Now()
	if l := t.take(t.to.origin); l != nil {
		mark := len(t.res.Phases)
		err := t.over(l)
		last := t.res.Phases[len(t.res.Phases)-1]
		if err == nil || last.Name == "body" || t.ctx.Err() != nil {
			t.res.Reused = true
			return err
		}
		t.res.Phases, t.began = t.res.Phases[:mark], time.Now()
	}
	t.res.Reused = false
	l, err := t.reach()
	if err != nil {
		return err
	}
	return t.over(l)
}

// reach makes a connection.
func (t *trip) reach() (*line, error) {
	addrs, err := t.env.Resolve(t.ctx, t.to.host)
	if t.stage("dns", err) != nil {
		return nil, t.failure()
	}
	conn, err := t.dial(addrs)
	if t.stage("connect", err) != nil {
		return nil, t.failure()
	}
	l := &line{origin: t.to.origin, raw: conn, conn: conn}
	if t.to.url.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: t.to.host, RootCAs: t.env.Roots})
		release := watch(t.ctx, conn)
		err := secure.Handshake()
		release()
		if t.stage("tls", err) != nil {
			conn.Close()
			return nil, t.failure()
		}
		l.conn = secure
	}
	l.in = bufio.NewReader(l.conn)
	return l, nil
}

// failure is the error of the last phase.
func (t *trip) failure() error { return t.res.Phases[len(t.res.Phases)-1].Err }

// dial gives each address 300 ms before it takes the next, and the last as long as it needs.
func (t *trip) dial(addrs []netip.Addr) (conn net.Conn, err error) {
	err = errors.New("a name without addresses")
	for i, addr := range addrs {
		ctx, cancel := context.WithCancel(t.ctx)
		if i < len(addrs)-1 {
			ctx, cancel = context.WithTimeout(t.ctx, 300*time.Millisecond)
		}
		conn, err = t.env.Dial(ctx, netip.AddrPortFrom(addr, t.to.port))
		cancel()
		if err == nil || t.ctx.Err() != nil {
			break
		}
	}
	return conn, err
}

// over sends the request and reads the response.
func (t *trip) over(l *line) error {
	release := watch(t.ctx, l.raw)
	keep, err := t.talk(l)
	if !release() || !keep || err != nil {
		l.raw.Close() // TLS would say goodbye, and wait for somebody to take it
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, l)
	return nil
}

func (t *trip) talk(l *line) (keep bool, err error) {
	_, err = io.WriteString(l.conn, t.request())
	if err := t.stage("send", err); err != nil {
		return false, err
	}
	if _, err = l.in.ReadByte(); err == nil {
		err = l.in.UnreadByte()
	}
	if err := t.stage("wait", err); err != nil {
		return false, err
	}
	resp, err := http.ReadResponse(l.in, &http.Request{Method: http.MethodGet})
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
	}
	if err := t.stage("body", err); err != nil {
		return false, err
	}
	t.res.Status, t.res.Header, t.res.Body = resp.StatusCode, resp.Header, body
	return !resp.Close && resp.ProtoMinor > 0, nil
}

// request is the request as text.
func (t *trip) request() string {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", t.to.url.RequestURI(), t.to.header)
	for name, values := range t.all {
		if !t.home && (name == "Authorization" || name == "Cookie") {
			continue
		}
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	return b.String() + "\r\n"
}

// watch closes a connection when ctx ends, until it is released, which tells whether it is still
// open.
func watch(ctx context.Context, conn net.Conn) (release func() bool) {
	over, open := make(chan struct{}), make(chan bool)
	go func() {
		select {
		case <-over:
			open <- true
		case <-ctx.Done():
			conn.Close()
			open <- false
		}
	}()
	return func() bool {
		close(over)
		return <-open
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
