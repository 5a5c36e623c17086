// Package shutdown takes a server out of service without dropping a request.
package shutdown

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Options say how a server leaves.
type Options struct {
	// DrainDelay is how long the server goes on taking new requests after the signal. Load balancers need that long to
	// notice that it is not ready any more.
	DrainDelay time.Duration

	// Timeout is how long requests that are in flight when the DrainDelay is over may still take. It is also how long
	// each closer may take. Greater than 0.
	Timeout time.Duration

	// Closers release what the requests use: a worker, a cache, a connection pool. They are registered in the order in
	// which these were opened, so they are called last first.
	Closers []func(context.Context) error
}

// Run serves h on ln until ctx ends, which is the signal to leave. Then:
//
//  1. At once, Ready says 503. Every response that is started from now on tells its client to close the connection.
//  2. For DrainDelay, new connections and requests are still served.
//  3. Then ln is closed. Requests in flight go on undisturbed, idle connections are closed.
//  4. When Timeout has passed since then, the requests that are still running are cut off: their connections are
//     closed and their contexts cancelled.
//  5. The closers are called one after another, last registered first, in any case and whatever the others return.
//     Each gets a context of its own that lasts Timeout.
//
// Run returns when all of that is done: nil, or an error that says that requests were cut off and wraps those of the
// closers. If ln fails, Run does not wait for the signal: it calls the closers and returns an error that wraps ln's.
func Run(ctx context.Context, ln net.Listener, h http.Handler, o Options) error {
	return nil // your code
}

// Ready tells a load balancer whether to send requests: 200 while the latest Run is serving, 503 before it, from its
// signal on, and after it.
func Ready() http.Handler {
	return http.NotFoundHandler() // your code
}

// Serve is Run as a program has it: SIGTERM and SIGINT are the signal to leave. It returns the exit code of the
// program: 0 if Run returned nil, another one if not. A second signal, whenever it comes, ends the program within a
// second, with an exit code other than 0 or by that signal.
func Serve(ln net.Listener, h http.Handler, o Options) (exitCode int) {
	return 0 // your code
}
