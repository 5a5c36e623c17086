// Package clientserver has the two roles of a conversation over a network: the server, which waits to be asked, and the
// client, which asks. Requests and answers are lines.
package clientserver

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	maxLine  = 64 << 10
	patience = 5 * time.Second // of a Relay with its upstream
)

// Serve accepts connections from ln and answers each line that a client sends with what handle returns for it, a line
// again. It serves all clients at the same time, and each one's requests one after the other. A line has up to 65,536
// bytes, its "\n" not counted; a connection with a longer one is closed. Whatever happens to one connection, the others
// go on.
//
// When ctx ends, Serve closes ln and all connections, waits for the calls of handle that are running, and returns
// nil. When ln fails while ctx lives, it closes all connections and returns the error. In both cases no goroutine is
// left.
func Serve(ctx context.Context, ln net.Listener, handle func(req string) (resp string)) error {
	serving, stop := context.WithCancel(ctx)
	closeAtEnd(serving, ln) // Accept does not know about contexts
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil // it was us
			}
			return err
		}
		clients.Go(func() { answer(serving, conn, handle) })
	}
}

// answer serves one client, for as long as it wants to ask. Its errors are nobody else's business.
func answer(ctx context.Context, conn net.Conn, handle func(string) string) {
	defer conn.Close()
	defer closeAtEnd(ctx, conn)()
	r := bufio.NewReaderSize(conn, maxLine+1)
	for {
		req, err := readLine(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, handle(req)+"\n"); err != nil {
			return
		}
	}
}

// Do connects, sends req as a line, waits for one line, closes the connection, and returns the line without its "\n".
//
// When ctx ends, Do returns an error that is ctx.Err(), whatever it is waiting for; it has no time limit of its own. It
// returns an error if the connection ends before a whole line has come, and the error of dial if that fails.
func Do(ctx context.Context, dial func(context.Context) (net.Conn, error), req string) (string, error) {
	conn, err := dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer closeAtEnd(ctx, conn)()
	resp, err := exchange(conn, req)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // "use of closed network connection" is only how it came to be known
	}
	return resp, err
}

func exchange(conn net.Conn, req string) (string, error) {
	if _, err := io.WriteString(conn, req+"\n"); err != nil {
		return "", err
	}
	return readLine(bufio.NewReaderSize(conn, maxLine+1))
}

// Relay returns a handle for Serve that passes each request on to an upstream server, with Do, and returns its
// answer: a server to its clients, and a client of its upstream. It waits up to 5 s. If no answer comes, it returns a
// line that begins with "ERR". It may be called many times at once.
func Relay(dial func(context.Context) (net.Conn, error)) func(req string) (resp string) {
	return func(req string) string {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		resp, err := Do(ctx, dial, req)
		if err != nil {
			return "ERR " + strings.ReplaceAll(err.Error(), "\n", " ") // two lines would be two answers
		}
		return resp
	}
}

// readLine reads up to the next "\n", however many reads that takes. r's buffer is the limit of what a line may be. A
// line that the stream ends in is an error.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", err
	}
	return string(line[:len(line)-1]), nil
}

// closeAtEnd closes c when ctx ends: that wakes whoever waits in one of its methods.
func closeAtEnd(ctx context.Context, c io.Closer) (stop func() bool) {
	return context.AfterFunc(ctx, func() { c.Close() })
}
