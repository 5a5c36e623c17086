package memhttp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
)

// TestListener_connections is about connections by themselves: whose they are, and what becomes of
// those that nobody accepts.
func TestListener_connections(t *testing.T) {
	t.Parallel()
	l := memhttp.Listen(t)
	from := map[string]bool{}
	for range 3 {
		c, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if c.LocalAddr().String() != s.RemoteAddr().String() ||
			c.RemoteAddr().String() != l.Addr().String() ||
			s.LocalAddr().String() != l.Addr().String() {
			t.Errorf("got %v to %v here, and %v to %v there", c.LocalAddr(), c.RemoteAddr(),
				s.LocalAddr(), s.RemoteAddr())
		}
		host, port, err := net.SplitHostPort(c.LocalAddr().String())
		if err != nil || host != "198.51.100.1" || from[port] {
			t.Errorf("got a connection from %v, %v, want one from a port of its own",
				c.LocalAddr(), err)
		}
		from[port] = true
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Dial(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v for who has given up, want that", err)
	}
	waiting, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := waiting.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v on a connection that nobody has accepted, want its end", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v from Accept, want that it is closed", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v from the second Close, want that it is closed", err)
	}
	if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v from Dial, want it refused", err)
	}
}

// TestListener_full dials more than a listener holds: it waits, like a kernel, until there is room
// or the listener is closed.
func TestListener_full(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memhttp.Listen(t)
		for range 1024 {
			if _, err := l.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := l.Dial(short); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(begun) != time.Second {
			t.Errorf("got %v after %v, want the deadline after 1s", err, time.Since(begun))
		}
		dialled := make(chan error)
		dial := func() {
			_, err := l.Dial(t.Context())
			dialled <- err
		}
		go dial()
		synctest.Wait()
		if _, err := l.Accept(); err != nil {
			t.Error(err)
		}
		if err := <-dialled; err != nil {
			t.Errorf("got %v when there is room, want a connection", err)
		}
		go dial()
		synctest.Wait()
		l.Close()
		if err := <-dialled; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v when it is closed, want it refused", err)
		}
	})
}

// TestFaults is what a client reads and writes over a connection that misbehaves.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault memhttp.Fault
		read  string // of "hello"
		err   error
		heard string // of "ask"
	}{
		"a cut before anything": {memhttp.CutAfter(0), "", syscall.ECONNRESET, "ask"},
		"a cut in the middle":   {memhttp.CutAfter(2), "he", syscall.ECONNRESET, "ask"},
		"a cut at the end":      {memhttp.CutAfter(5), "hello", io.EOF, "ask"},
		"a cut behind it":       {memhttp.CutAfter(6), "hello", io.EOF, "ask"},
		"latency":               {memhttp.Latency(time.Second), "hello", io.EOF, "ask"},
		"a hang":                {memhttp.Hang(), "", os.ErrDeadlineExceeded, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				c := tt.fault(near)
				heard := make(chan string)
				go func() {
					buf := make([]byte, 10)
					n, _ := far.Read(buf)
					far.Write([]byte("hello"))
					far.Close()
					heard <- string(buf[:n])
				}()
				c.SetDeadline(time.Now().Add(time.Minute))
				if n, err := c.Write([]byte("ask")); n != 3 || err != nil {
					t.Errorf("got %d, %v of a write, want it to seem done", n, err)
				}
				got, err := io.ReadAll(c)
				if err == nil {
					err = io.EOF
				}
				if string(got) != tt.read || !errors.Is(err, tt.err) {
					t.Errorf("got %q, %v, want %q, %v", got, err, tt.read, tt.err)
				}
				c.Close()
				if got := <-heard; got != tt.heard {
					t.Errorf("got %q at the server, want %q", got, tt.heard)
				}
			})
		})
	}
}
