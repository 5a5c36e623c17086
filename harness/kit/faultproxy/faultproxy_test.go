package faultproxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/faultproxy"
)

func TestPass(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	say(t, c, "hello\n")
	if got := hear(t, c); got != "HELLO\n" {
		t.Errorf("got %q, want HELLO", got)
	}
	if in, out := p.Passed(faultproxy.ToServer), p.Passed(faultproxy.ToClient); in != 6 ||
		out != 6 {
		t.Errorf("passed %d and %d bytes, want 6 and 6", in, out)
	}
}

func TestTurns(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	for _, line := range []string{"one\n", "three\n", "last\n"} {
		say(t, c, line)
		hear(t, c)
	}
	if got, want := p.Turns(), [][2]int{{4, 4}, {10, 10}}; !slices.Equal(got, want) {
		t.Errorf("got turns at %v, want %v", got, want)
	}
}

func TestPass_UnixUpstream(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("socket files differ there")
	}
	dir, err := os.MkdirTemp("", "fp") // t.TempDir may be too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := faultproxy.New(t, "unix", upper(t, "unix", filepath.Join(dir, "s")))
	c := dial(t, p)
	say(t, c, "hello\n")
	if got := hear(t, c); got != "HELLO\n" {
		t.Errorf("got %q, want HELLO", got)
	}
}

func TestPass_HalfClose(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	say(t, c, "no line end")
	c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "NO LINE END" || err != nil {
		t.Errorf("got %q, %v after closing one way, want the answer and a clean end", got, err)
	}
}

func TestDelay(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	const each = 20 * time.Millisecond
	p.Delay(each)
	start := time.Now()
	say(t, c, "hello\n")
	hear(t, c)
	if took := time.Since(start); took < 2*each {
		t.Errorf("there and back took %v, want at least %v", took, 2*each)
	}
}

func TestBlackhole(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	say(t, c, "first\n")
	hear(t, c)
	p.Blackhole()
	say(t, c, "second\n")
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v from a black hole, want nothing until the deadline", n, err)
	}
	p.Pass()
	c.SetReadDeadline(time.Time{})
	if got := hear(t, c); got != "SECOND\n" {
		t.Errorf("got %q when the network was back, want SECOND", got)
	}
}

func TestReset(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	say(t, c, "hello\n")
	hear(t, c)
	p.Reset()
	wantBroken(t, c)
	// the reset may come before Dial has returned
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		defer c.Close()
		wantBroken(t, c)
	}
	p.Pass()
	c = dial(t, p)
	say(t, c, "again\n")
	if got := hear(t, c); got != "AGAIN\n" {
		t.Errorf("got %q on a new connection when the server was back, want AGAIN", got)
	}
}

func TestDropResponses(t *testing.T) {
	log := make(chan string, 10)
	p := faultproxy.New(t, "tcp", serve(t, "tcp", "127.0.0.1:0",
		func(line string) string { log <- line; return line }))
	p.DropResponses()
	c := dial(t, p)
	say(t, c, "do it\n")
	wantBroken(t, c)
	select {
	case got := <-log:
		if got != "do it\n" {
			t.Errorf("the server got %q, want the whole request", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("the request did not reach the server")
	}
}

func TestCutAfter(t *testing.T) {
	for k := range 7 {
		p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
		c := dial(t, p)
		say(t, c, "before\n")
		hear(t, c)
		p.CutAfter(faultproxy.ToClient, k)
		say(t, c, "hello\n")
		got, _ := io.ReadAll(c)
		if string(got) != "HELLO\n"[:min(k, 6)] {
			t.Errorf("cut after byte %d of the answer: got %q", k, got)
		}
		c = dial(t, p) // it happens once
		say(t, c, "after\n")
		if got := hear(t, c); got != "AFTER\n" {
			t.Errorf("got %q on the next connection, want AFTER", got)
		}
	}
}

func TestCutAfter_ToServer(t *testing.T) {
	for k := range 7 {
		log := make(chan string, 1)
		p := faultproxy.New(t, "tcp", serve(t, "tcp", "127.0.0.1:0",
			func(line string) string { log <- line; return "" }))
		p.CutAfter(faultproxy.ToServer, k)
		c := dial(t, p)
		say(t, c, "hello\n")
		if k > 0 {
			select {
			case got := <-log:
				if got != "hello\n"[:k] {
					t.Errorf("cut after byte %d of the request: the server got %q", k, got)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("cut after byte %d: nothing reached the server", k)
			}
		}
		wantBroken(t, c)
	}
}

func TestManyAtOnce(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for range 10 {
				c, err := net.Dial("tcp", p.Addr())
				if err != nil {
					continue
				}
				c.SetDeadline(time.Now().Add(10 * time.Second))
				io.WriteString(c, "hello\n")
				bufio.NewReader(c).ReadString('\n')
				c.Close()
			}
		})
	}
	for k := range 50 {
		p.CutAfter(faultproxy.Direction(k%2), k%7)
		p.Reset()
		p.Delay(time.Millisecond)
		p.DropResponses()
		p.Blackhole()
		p.Pass()
	}
	clients.Wait()
}

func TestClose_EndsABlackhole(t *testing.T) {
	p := faultproxy.New(t, "tcp", upper(t, "tcp", "127.0.0.1:0"))
	c := dial(t, p)
	p.Blackhole()
	say(t, c, "hello\n")
	p.Close()
	wantBroken(t, c)
}

// upper is a server that answers each line in capitals.
func upper(t *testing.T, network, addr string) string {
	return serve(t, network, addr, func(line string) string {
		b := []byte(line)
		for i, c := range b {
			if 'a' <= c && c <= 'z' {
				b[i] = c - 32
			}
		}
		return string(b)
	})
}

// serve answers each line, and what comes without a line end before the connection ends, and
// returns its address.
func serve(t *testing.T, network, addr string, answer func(line string) string) string {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					line, err := r.ReadString('\n')
					if line != "" {
						io.WriteString(c, answer(line))
					}
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, p *faultproxy.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatalf("send: %v", err)
	}
}

func hear(t *testing.T, c net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("receive: %v (got %q)", err, line)
	}
	return line
}

// wantBroken reads until the connection has ended, in whatever way, and wants no byte before that.
func wantBroken(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	n, err := c.Read(make([]byte, 100))
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v, want a broken connection", n, err)
	}
}
