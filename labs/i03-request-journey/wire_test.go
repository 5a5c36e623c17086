package journey_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// room is what an end of a connection holds until it is read, as a socket does.
const room = 64 << 10

// end is one end of a connection in memory.
type end struct {
	*wire
	peer *end
	addr net.Addr

	inbox    []parcel // on the way to this end, or there
	size     int
	closed   bool
	readBy   time.Time
	writeBy  time.Time
	farewell farewell  // how it was closed
	gone     time.Time // when the peer knows of it
	writes   int
}

// wire is what two ends share.
type wire struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	onClose func()        // by the client
	road
}

// road is what a connection is like.
type road struct {
	latency time.Duration // of each way
	slow    time.Duration // what a Write of the client takes
	stalled bool          // nothing of the client is taken
	takes   int           // after so many writes of the client nothing more is taken, if not 0
}

type parcel struct {
	data []byte
	at   time.Time
}

// farewell is how the other end learns that a connection is closed.
type farewell int

const (
	quietly farewell = iota // it can still write, and reads the end
	reset                   // it can still write, and reading fails
	loudly                  // writing fails, too
)

// newWire returns a client's end and a server's.
func newWire(w *wire, client, server net.Addr) (*end, *end) {
	w.changed = make(chan struct{})
	c := &end{wire: w, addr: client}
	s := &end{wire: w, addr: server, peer: c}
	c.peer = s
	return c, s
}

// change tells those who wait. The caller holds mu.
func (w *wire) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// await waits for a change or, unless that is zero, a time.
func await(changed <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// sooner is the earlier of two times, of which a zero one never comes.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (e *end) Read(p []byte) (int, error) {
	for {
		n, changed, until, err := e.take(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		await(changed, until)
	}
}

// take reads what is there, or says what to wait for.
func (e *end) take(p []byte) (n int, changed <-chan struct{}, until time.Time, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return 0, nil, until, net.ErrClosed
	case passed(e.readBy):
		return 0, nil, until, os.ErrDeadlineExceeded
	case len(e.inbox) > 0 && passed(e.inbox[0].at):
		n = copy(p, e.inbox[0].data)
		e.size -= n
		if e.inbox[0].data = e.inbox[0].data[n:]; len(e.inbox[0].data) == 0 {
			e.inbox = e.inbox[1:]
		}
		e.change()
		return n, nil, until, nil
	case len(e.inbox) == 0 && passed(e.peer.gone):
		if e.peer.farewell == quietly {
			return 0, nil, until, io.EOF
		}
		return 0, nil, until, syscall.ECONNRESET
	}
	until = sooner(e.readBy, e.peer.gone)
	if len(e.inbox) > 0 {
		until = sooner(e.readBy, e.inbox[0].at)
	}
	return 0, e.changed, until, nil
}

func (e *end) Write(p []byte) (int, error) {
	if e.isClient() && e.slow > 0 {
		time.Sleep(e.slow)
	}
	total := 0
	for {
		n, changed, until, err := e.give(p[total:])
		total += n
		if err != nil || total == len(p) {
			return total, err
		}
		await(changed, until)
	}
}

// give writes as much as there is room for, or says what to wait for.
func (e *end) give(p []byte) (n int, changed <-chan struct{}, until time.Time, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return 0, nil, until, net.ErrClosed
	case passed(e.writeBy):
		return 0, nil, until, os.ErrDeadlineExceeded
	case passed(e.peer.gone) && e.peer.farewell == loudly:
		return 0, nil, until, syscall.EPIPE
	case e.isClient() && (e.stalled || e.takes > 0 && e.writes >= e.takes):
		return 0, e.changed, e.writeBy, nil
	}
	if e.peer.closed {
		n = len(p) // nobody will read it
	} else {
		n = min(len(p), room-e.peer.size)
		parcel := parcel{append([]byte(nil), p[:n]...), time.Now().Add(e.latency)}
		if n > 0 {
			e.peer.inbox = append(e.peer.inbox, parcel)
		}
		e.peer.size += n
	}
	e.writes++
	e.change()
	return n, e.changed, e.writeBy, nil
}

func (e *end) isClient() bool { return e.onClose != nil && e.addr.Network() == "client" }

func (e *end) Close() error { return e.leave(quietly) }

// leave closes the end. What is on the way still arrives before the peer knows.
func (e *end) leave(how farewell) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.closed, e.farewell, e.gone = true, how, time.Now().Add(e.latency)
	e.inbox = nil
	e.change()
	if e.isClient() {
		e.onClose()
	}
	return nil
}

// begins waits for a first byte, and tells whether what is there begins with the text.
func (e *end) begins(text string) bool {
	for {
		first, done, changed, until := e.look()
		if done {
			return bytes.HasPrefix(first, []byte(text))
		}
		await(changed, until)
	}
}

// look is what has arrived first, or what to wait for.
func (e *end) look() (first []byte, done bool, changed <-chan struct{}, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.inbox) == 0 {
		return nil, e.closed || passed(e.peer.gone), e.changed, e.peer.gone
	}
	return e.inbox[0].data, passed(e.inbox[0].at), e.changed, e.inbox[0].at
}

func (e *end) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// abandoned reports whether the other end is closed.
func (e *end) abandoned() bool { return e.peer.isClosed() }

// written is how often was written to this end.
func (e *end) written() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writes
}

func (e *end) set(f func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	f()
	e.change()
	return nil
}

func (e *end) SetReadDeadline(t time.Time) error  { return e.set(func() { e.readBy = t }) }
func (e *end) SetWriteDeadline(t time.Time) error { return e.set(func() { e.writeBy = t }) }
func (e *end) SetDeadline(t time.Time) error {
	return e.set(func() { e.readBy, e.writeBy = t, t })
}
func (e *end) LocalAddr() net.Addr  { return e.addr }
func (e *end) RemoteAddr() net.Addr { return e.peer.addr }
