// Package clientserver has the two roles of a conversation over a network: the server, which waits to be asked, and the
// client, which asks. Requests and answers are lines.
//
// This one keeps a table of open connections, closes those that are silent for two hours, reads without bufio, and lets a goroutine wait for the client's answer.
package clientserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// server is what Serve knows while it runs.
type server struct {
	handle func(string) string
	mu     sync.Mutex
	open   map[net.Conn]struct{} // nil when no more are wanted
	group  sync.WaitGroup
}

// Serve answers each line that comes over a connection of ln, until ctx ends.
func Serve(ctx context.Context, ln net.Listener, handle func(req string) (resp string)) error {
	s := &server{handle: handle, open: map[net.Conn]struct{}{}}
	broken := make(chan error, 1)
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		broken <- s.accept(ln)
	}()
	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
		if ctx.Err() != nil {
			err = nil
		}
	}
	ln.Close()
	s.hangUp()
	s.group.Wait()
	return err
}

func (s *server) accept(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		s.mu.Lock()
		if s.open == nil {
			c.Close()
		} else {
			s.open[c] = struct{}{}
			s.group.Add(1)
			go s.converse(c)
		}
		s.mu.Unlock()
	}
}

func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
	s.open = nil
}

func (s *server) converse(c net.Conn) {
	defer s.group.Done()
	defer func() {
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, c)
	}()
	in := lines{conn: c}
	for {
		c.SetReadDeadline(time.Now().Add(2 * time.Hour)) // whoever is silent for longer has gone
		req, err := in.next()
		if err != nil {
			return
		}
		if _, err := fmt.Fprintln(c, s.handle(req)); err != nil {
			return
		}
	}
}

// lines cuts what comes over a connection into lines.
type lines struct {
	conn net.Conn
	rest []byte
}

func (l *lines) next() (string, error) {
	var chunk [4096]byte
	for seen := 0; ; {
		if i := bytes.IndexByte(l.rest[seen:], '\n'); i >= 0 && seen+i <= 1<<16 {
			line := string(l.rest[:seen+i])
			l.rest = l.rest[seen+i+1:]
			return line, nil
		} else if len(l.rest) > 1<<16 {
			return "", errors.New("line too long")
		}
		seen = len(l.rest)
		n, err := l.conn.Read(chunk[:])
		l.rest = append(l.rest, chunk[:n]...)
		if n == 0 && err != nil {
			return "", fmt.Errorf("after %d bytes of a line: %w", seen, err)
		}
	}
}

// Do asks one question.
func Do(ctx context.Context, dial func(context.Context) (net.Conn, error), req string) (string, error) {
	c, err := dial(ctx)
	if err != nil {
		return "", err
	}
	type result struct {
		resp string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		var r result
		if _, r.err = c.Write(append([]byte(req), '\n')); r.err == nil {
			r.resp, r.err = (&lines{conn: c}).next()
		}
		got <- r
	}()
	select {
	case r := <-got:
		c.Close()
		return r.resp, r.err
	case <-ctx.Done():
		c.Close() // ends the goroutine
		return "", fmt.Errorf("waiting for an answer: %w", ctx.Err())
	}
}

// Relay returns a handle that asks somebody else.
func Relay(dial func(context.Context) (net.Conn, error)) func(req string) (resp string) {
	return func(req string) string {
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(5*time.Second))
		defer cancel()
		resp, err := Do(ctx, dial, req)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return "ERR the upstream did not answer in time"
		case err != nil:
			return "ERR " + strings.Join(strings.Fields(err.Error()), " ")
		}
		return resp
	}
}
