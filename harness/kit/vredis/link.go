package vredis

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Link is the network between one client and the server. Everything about it may be changed while
// commands are under way. The commands that set a connection up (HELLO, AUTH, SELECT, CLIENT) are
// neither recorded nor counted nor slow.
type Link struct {
	mu    sync.Mutex
	state state
	rtt   time.Duration
	limit bool // cut after left more commands
	left  int
	late  time.Duration // what is published to the client
	lost  bool
	conns map[*conn]struct{}
	log   []Command
	trips int
}

type state int

const (
	up state = iota
	hung
	down
)

// Command is one command that has reached the server.
type Command struct {
	At   time.Time
	Name string // upper case
	Args []string
}

// String is the command as one would type it, long arguments cut.
func (c Command) String() string {
	words := []string{c.Name}
	for _, a := range c.Args {
		words = append(words, shown(a))
	}
	return strings.Join(words, " ")
}

// maxShown is how many bytes of an argument are shown.
const maxShown = 40

// shown is an argument in one line.
func shown(arg string) string {
	switch {
	case len(arg) > maxShown:
		return strconv.Quote(strings.ToValidUTF8(arg[:maxShown], "")) + "…"
	case strings.ContainsAny(arg, "\r\n"):
		return strconv.Quote(arg)
	}
	return arg
}

// RTT makes every round trip take d from now on: the server acts at once, the answer arrives d
// later.
func (l *Link) RTT(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rtt = d
}

// Hang makes the server take what the client sends and never answer, also on new connections.
func (l *Link) Hang() { l.set(hung) }

// Cut breaks the connections and refuses new ones: the process at the other end is gone, or a cable
// is.
func (l *Link) Cut() { l.set(down) }

// CutAfter lets k more commands reach the server and then cuts the link, so that the answer to the
// last of them is lost. It is also what the server sees of a client that dies after its k-th
// command.
func (l *Link) CutAfter(k int) {
	l.mu.Lock()
	l.limit, l.left = true, k
	l.mu.Unlock()
	if k <= 0 {
		l.Cut()
	}
}

// Late makes what is published to channels that the client has subscribed to arrive d later from now
// on. Two messages change places if the second one is less late.
func (l *Link) Late(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = d
}

// Lose throws away what is published to channels that the client has subscribed to, or no longer.
// Nothing breaks: neither side notices.
func (l *Link) Lose(lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = lost
}

// Heal makes the link work again, for new connections. One that hung or broke stays useless.
func (l *Link) Heal() { l.set(up) }

func (l *Link) set(s state) {
	l.mu.Lock()
	l.state = s
	if s == up {
		l.limit, l.late, l.lost = false, 0, false
	}
	var broken []*conn
	if s == down {
		for c := range l.conns {
			c.broken = true
			broken = append(broken, c)
		}
	}
	l.mu.Unlock()
	for _, c := range broken {
		c.end(io.EOF)
	}
}

// Commands lists what has reached the server since the last Forget.
func (l *Link) Commands() []Command {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Command(nil), l.log...)
}

// Trips counts the round trips since the last Forget. A pipeline is one.
func (l *Link) Trips() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trips
}

// Forget starts the record of commands and trips anew.
func (l *Link) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log, l.trips = nil, 0
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

func (l *Link) dialer(next dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.mu.Lock()
		refused := l.state == down
		l.mu.Unlock()
		if refused {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		inner, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: inner, link: l, news: make(chan struct{}, 1)}
		go c.pump()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.conns == nil {
			l.conns = make(map[*conn]struct{})
		}
		l.conns[c] = struct{}{}
		return c, nil
	}
}

// conn is one connection over a link, used as go-redis does: by one reader and one writer at a
// time.
type conn struct {
	net.Conn
	link    *Link
	partial []byte // what has been written of a command that is not complete yet
	stuck   bool   // something was swallowed while the link hung: nothing more will come
	broken  bool   // the link was cut; guarded by link.mu
	news    chan struct{}

	mu       sync.Mutex
	in       []byte    // what has come from the server
	err      error     // why nothing more will
	asked    bool      // commands have been sent and no answer has been read since
	due      time.Time // when the answer to them may arrive
	deadline time.Time // of reads
}

// Write passes complete commands on, and as many of them as the link lets through.
func (c *conn) Write(p []byte) (int, error) {
	c.partial = append(c.partial, p...)
	for {
		cmd, size := parse(c.partial)
		if size == 0 {
			return len(p), nil
		}
		verdict, last := c.pass(cmd)
		switch {
		case verdict == hung || c.stuck:
			c.stuck = true
		case verdict == down:
			return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
		default:
			if _, err := c.Conn.Write(c.partial[:size]); err != nil {
				return 0, err
			}
		}
		c.partial = c.partial[size:]
		if last {
			c.link.Cut()
		}
	}
}

// pass decides what becomes of a command, records it if it gets through, and says whether the link
// breaks after it.
func (c *conn) pass(cmd Command) (verdict state, last bool) {
	l := c.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.broken {
		return down, false
	}
	if l.state != up || c.stuck || isSetUp(cmd.Name) {
		return l.state, false
	}
	if l.limit {
		l.left--
		last = l.left == 0
	}
	l.log = append(l.log, cmd)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked {
		c.asked = true
		c.due = cmd.At.Add(l.rtt)
		l.trips++
	}
	return up, last
}

// pump takes what the server sends as soon as it does. The pipe to the miniature has no buffer: a
// server that waited until its answer was read would not read the rest of a pipeline.
func (c *conn) pump() {
	buf := make([]byte, 4096)
	for {
		n, err := c.Conn.Read(buf)
		c.arrive(bytes.Clone(buf[:n]))
		if err != nil {
			c.change(func() {
				if c.err == nil {
					c.err = err
				}
			})
			return
		}
	}
}

// arrive passes on what has come from the server, and what was published when its time has come.
func (c *conn) arrive(p []byte) {
	for size := published(p); size > 0; size = published(p) {
		c.link.mu.Lock()
		late, lost := c.link.late, c.link.lost
		c.link.mu.Unlock()
		message := p[:size]
		p = p[size:]
		switch {
		case lost:
		case late > 0:
			time.AfterFunc(late, func() { c.append(message) })
		default:
			c.append(message)
		}
	}
	c.append(p)
}

func (c *conn) append(p []byte) {
	c.change(func() {
		if c.err == nil {
			c.in = append(c.in, p...)
		}
	})
}

// published is the size of the message of a channel that b begins with, or 0.
func published(b []byte) int {
	for _, kind := range []byte("*>") { // RESP2 and 3
		m, size := array(b, kind)
		switch m.Name {
		case "MESSAGE", "PMESSAGE", "SMESSAGE":
			return size
		}
	}
	return 0
}

// change lets f change what Read looks at, and wakes it.
func (c *conn) change(f func()) {
	c.mu.Lock()
	f()
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// Read waits for the answer, and then for its time to arrive.
func (c *conn) Read(p []byte) (int, error) {
	for {
		n, wait, err := c.take(p)
		if wait == 0 {
			return n, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-c.news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take gives what has arrived, or else how long to wait for it at most.
func (c *conn) take(p []byte) (n int, wait time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	arrived := len(c.in) > 0 && !now.Before(c.due)
	switch {
	case !c.deadline.IsZero() && !now.Before(c.deadline):
		return 0, 0, os.ErrDeadlineExceeded
	case arrived:
		n = copy(p, c.in)
		c.in = c.in[n:]
		c.asked = false
		return n, 0, nil
	case len(c.in) == 0 && c.err != nil:
		return 0, 0, c.err
	}
	wait = time.Hour
	if len(c.in) > 0 {
		wait = min(wait, c.due.Sub(now))
	}
	if !c.deadline.IsZero() {
		wait = min(wait, c.deadline.Sub(now))
	}
	return 0, wait, nil
}

// SetDeadline sets the deadline of reads and writes.
func (c *conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of reads.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return nil
}

// Close ends the connection.
func (c *conn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.end(net.ErrClosed)
}

// end makes reads return err from now on. What has arrived and was not read is lost.
func (c *conn) end(err error) error {
	c.change(func() { c.in, c.err = nil, err })
	return c.Conn.Close()
}

func isSetUp(name string) bool {
	switch name {
	case "HELLO", "AUTH", "SELECT", "CLIENT", "READONLY":
		return true
	}
	return false
}

// parse takes the first command of b, an array of bulk strings in RESP, and its size; 0 when it is
// not complete.
func parse(b []byte) (Command, int) { return array(b, '*') }

func array(b []byte, kind byte) (Command, int) {
	n, at, ok := number(b, 0, kind)
	if !ok {
		return Command{}, 0
	}
	words := make([]string, 0, n)
	for range n {
		size, from, ok := number(b, at, '$')
		if !ok || len(b) < from+size+2 {
			return Command{}, 0
		}
		words = append(words, string(b[from:from+size]))
		at = from + size + 2
	}
	if len(words) == 0 {
		return Command{}, at
	}
	return Command{At: time.Now(), Name: strings.ToUpper(words[0]), Args: words[1:]}, at
}

// number reads "<kind><digits>\r\n" at position at and gives the position after it.
func number(b []byte, at int, kind byte) (n, next int, ok bool) {
	if at >= len(b) || b[at] != kind {
		return 0, 0, false
	}
	end := bytes.Index(b[at:], []byte("\r\n"))
	if end < 0 {
		return 0, 0, false
	}
	n, err := strconv.Atoi(string(b[at+1 : at+end]))
	return n, at + end + 2, err == nil && n >= 0
}
