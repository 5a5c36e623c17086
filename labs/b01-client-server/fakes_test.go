package clientserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	clientserver "github.com/backend-labs/backend-labs/labs/b01-client-server"
)

const (
	limit = 64 << 10 // bytes of a line
	soon  = 10 * time.Millisecond
)

// server is a Serve under way.
type server struct {
	*memhttp.Listener
	stop context.CancelFunc
	done chan struct{}
	err  error // what Serve returned, once done is closed
	at   time.Time
}

// start calls Serve with a listener in memory.
func start(t *testing.T, handle func(string) string) *server {
	t.Helper()
	l := memhttp.Listen(t)
	return startOn(t, l, l, handle)
}

// startOn calls Serve with ln, whose clients come over l.
func startOn(t *testing.T, l *memhttp.Listener, ln net.Listener,
	handle func(string) string) *server {
	t.Helper()
	s := serve(t, l, ln, handle)
	t.Cleanup(s.stop)
	return s
}

// serve is startOn with a context that does not end with the check.
func serve(t *testing.T, l *memhttp.Listener, ln net.Listener,
	handle func(string) string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{Listener: l, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = clientserver.Serve(ctx, ln, handle)
		s.at = time.Now()
	}()
	time.Sleep(time.Millisecond)
	select {
	case <-s.done:
		expect.Fatal(t, expect.Message{
			Did:  "called Serve with a context that has not ended",
			Want: "it serves until the context ends",
			Got:  "it returned at once: " + orNil(s.err),
		})
	default:
	}
	return s
}

// client is a client by hand. What it does takes at most a minute.
type client struct {
	net.Conn
	r       *bufio.Reader
	refused error // it could not connect
}

func (s *server) client(t *testing.T) *client {
	t.Helper()
	conn, err := s.Dial(t.Context())
	if err != nil {
		conn, _ = net.Pipe()
		conn.Close()
	}
	return &client{conn, bufio.NewReaderSize(conn, 1<<17), err}
}

// send sends text, each piece after a pause, in the background. The result is there when all of it
// has been read.
func (c *client) send(pause time.Duration, pieces ...string) <-chan error {
	sent := make(chan error, 1)
	c.SetWriteDeadline(time.Now().Add(time.Minute))
	go func() {
		for i, piece := range pieces {
			if i > 0 {
				time.Sleep(pause)
			}
			if _, err := io.WriteString(c, piece); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	return sent
}

// line is the next line with its "\n", or what there is of it and why there is not more.
func (c *client) line() string {
	c.SetReadDeadline(time.Now().Add(time.Minute))
	line, err := c.r.ReadString('\n')
	switch {
	case err == nil:
		return line
	case c.refused != nil:
		return "(it could not connect: " + c.refused.Error() + ")"
	case timeout(err):
		return line + "(nothing for a minute)"
	default:
		return line + "(the connection was closed)"
	}
}

// rest is what comes within d, and how it ends.
func (c *client) rest(d time.Duration) (got string, closed bool) {
	c.SetReadDeadline(time.Now().Add(d))
	text, err := io.ReadAll(c.r)
	return string(text), !timeout(err)
}

// ask sends a request and returns the answer, and how long that took.
func (c *client) ask(req string) (resp string, took time.Duration) {
	began := time.Now()
	c.send(0, req+"\n")
	return c.line(), time.Since(began)
}

func timeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// peer is the other side of a client's connection, and what it saw of the client.
type peer struct {
	mu    sync.Mutex
	got   string // all that the client sent
	dials int
	open  int // connections that the client has not closed
}

// dial makes connections at whose other end do is at work. When do returns true, what else the
// client sends is read until it closes, but for a minute at most.
func (p *peer) dial(do func(conn net.Conn, r *bufio.Reader) bool) func(context.Context) (net.Conn,
	error) {
	return func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dials++
		p.open++
		go func() {
			defer far.Close()
			r := bufio.NewReader(io.TeeReader(far, p))
			if do(far, r) {
				far.SetReadDeadline(time.Now().Add(time.Minute))
				io.Copy(io.Discard, r)
			}
		}()
		return &dialled{Conn: near, peer: p}, nil
	}
}

// dialled is the client's end of a connection, which tells its peer when it is closed.
type dialled struct {
	net.Conn
	peer *peer
	once sync.Once
}

func (d *dialled) Close() error {
	d.once.Do(func() {
		d.peer.mu.Lock()
		defer d.peer.mu.Unlock()
		d.peer.open--
	})
	return d.Conn.Close()
}

func (p *peer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got += string(b)
	return len(b), nil
}

func (p *peer) seen() (got string, dials, open int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got, p.dials, p.open
}

// says answers the first line with text, after a while, and waits for the client to close.
func says(after time.Duration, pieces ...string) func(net.Conn, *bufio.Reader) bool {
	return func(conn net.Conn, r *bufio.Reader) bool {
		if _, err := r.ReadString('\n'); err != nil {
			return false
		}
		for _, piece := range pieces {
			time.Sleep(after)
			io.WriteString(conn, piece)
		}
		return true
	}
}

// hangsUp answers the first line with text and closes the connection.
func hangsUp(text string) func(net.Conn, *bufio.Reader) bool {
	return func(conn net.Conn, r *bufio.Reader) bool {
		r.ReadString('\n')
		io.WriteString(conn, text)
		return false
	}
}

// slowly is dial, which takes that long.
func slowly(d time.Duration, dial func(context.Context) (net.Conn, error),
) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		select {
		case <-time.After(d):
			return dial(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// hanging is a dial that waits until its context ends.
func hanging(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// result is what a call came to.
type result struct {
	resp string
	err  error
	took time.Duration
}

func (r result) String() string {
	if r.err != nil {
		return fmt.Sprintf("the error %q after %v", r.err, r.took)
	}
	return fmt.Sprintf("%q after %v", short(r.resp), r.took)
}

// within calls f, and gives up after ten days.
func within(t *testing.T, did string, f func() (string, error)) result {
	t.Helper()
	got := make(chan result, 1)
	began := time.Now()
	go func() {
		resp, err := f()
		got <- result{resp, err, time.Since(began)}
	}()
	select {
	case r := <-got:
		return r
	case <-time.After(10 * 24 * time.Hour):
		expect.Fatal(t, expect.Message{
			Did:  did,
			Want: "it returns",
			Got:  "ten days later it had not returned",
			Why: "a server that does not answer then takes its clients down with it, one " +
				"waiting request after the other",
		})
		panic("not reached")
	}
}

// listener hands out what it is given, and then fails with err, or waits for Close.
type listener struct {
	*memhttp.Listener
	fail   chan error
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	resets bool     // the connections that are accepted
	ends   bool     // the connections that are accepted say with their last bytes that they have ended
	late   net.Conn // accepted in the moment of Close
}

func (l *listener) Accept() (net.Conn, error) {
	type accepted struct {
		conn net.Conn
		err  error
	}
	next := make(chan accepted, 1)
	go func() {
		conn, err := l.Listener.Accept()
		next <- accepted{conn, err}
	}()
	var a accepted
	select {
	case a = <-next:
	case err := <-l.fail:
		return nil, err
	case <-l.closed:
		a.err = net.ErrClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case a.err == nil && l.resets:
		return reset{a.conn}, nil
	case a.err == nil && l.ends:
		return atOnce{a.conn}, nil
	case a.err != nil && l.late != nil: // closing it has ended both of the waits
		a.conn, a.err, l.late = l.late, nil, nil
	}
	return a.conn, a.err
}

// reset makes the connections that are accepted from now on break, or not.
func (l *listener) reset(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resets = yes
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// reset is a connection that is reset as soon as something has been sent over it.
type reset struct{ net.Conn }

func (r reset) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if n > 0 {
		r.Close()
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return n, err
}

// atOnce is a connection that has ended behind the first line, and says so together with it.
type atOnce struct{ net.Conn }

func (a atOnce) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if n > 0 && p[n-1] == '\n' {
		return n, io.EOF
	}
	return n, err
}

// upper is strings.ToUpper for bytes that need not be text.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// requests remembers what handle was called with, and answers <request>.
type requests struct {
	mu  sync.Mutex
	all []string
}

func (r *requests) handle(req string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, req)
	return "<" + req + ">"
}

func (r *requests) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return "not called"
	}
	return "called with " + quoted(r.all)
}

func quoted(lines []string) string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = fmt.Sprintf("%q", short(line))
	}
	return strings.Join(all, ", ")
}

// told is a request of any length in an answer that keeps to the limit.
func told(req string) string {
	if len(req) <= 60 {
		return req
	}
	return fmt.Sprintf("%s, checksum %08x", short(req), crc32.ChecksumIEEE([]byte(req)))
}

// short is a text that fits into a message.
func short(s string) string {
	if len(s) <= 60 {
		return s
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:10], len(s))
}

func orNil(err error) string {
	if err == nil {
		return "nil"
	}
	return fmt.Sprintf("the error %q", err)
}
