// Package clientserver has the two roles of a conversation over a network: the server, which waits to be asked, and the
// client, which asks. Requests and answers are lines.
package clientserver

import (
	"context"
	"net"
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
	return nil // your code
}

// Do connects, sends req as a line, waits for one line, closes the connection, and returns the line without its "\n".
//
// When ctx ends, Do returns an error that is ctx.Err(), whatever it is waiting for; it has no time limit of its own. It
// returns an error if the connection ends before a whole line has come, and the error of dial if that fails.
func Do(ctx context.Context, dial func(context.Context) (net.Conn, error), req string) (string, error) {
	return "", nil // your code
}

// Relay returns a handle for Serve that passes each request on to an upstream server, with Do, and returns its
// answer: a server to its clients, and a client of its upstream. It waits up to 5 s. If no answer comes, it returns a
// line that begins with "ERR". It may be called many times at once.
func Relay(dial func(context.Context) (net.Conn, error)) func(req string) (resp string) {
	return func(string) string { return "" } // your code
}
