// Package shutdown takes a server out of service without dropping a request.
package shutdown

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
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

// Run serves h on ln until ctx ends, which is the signal to leave; then it drains, and closes.
func Run(ctx context.Context, ln net.Listener, h http.Handler, o Options) error {
	// Requests live by a context of their own: the signal is no reason to abort them.
	requests, cutOff := context.WithCancel(context.Background())
	defer cutOff()
	srv := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return requests }}

	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	serving.Store(true)

	// Serve returns as soon as Shutdown begins, so it is not what Run waits for in the end.
	var err error
	select {
	case err = <-failed:
		serving.Store(false)
	case <-ctx.Done():
		serving.Store(false)
		srv.SetKeepAlivesEnabled(false)
		time.Sleep(o.DrainDelay)
	}
	err = errors.Join(err, drain(srv, cutOff, o.Timeout))
	// Only now nobody uses any more what the closers close.
	return errors.Join(err, closeAll(o.Closers, o.Timeout))
}

// drain stops accepting and waits for the requests in flight, but not for ever.
func drain(srv *http.Server, cutOff context.CancelFunc, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout) // of its own: the signal has ended the other
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		srv.Close() // first: whoever is told below must not answer as if it had succeeded
		cutOff()
		return fmt.Errorf("requests were still running after %v and have been cut off: %w", timeout, err)
	}
	return nil
}

// closeAll calls every closer, last registered first: what was opened later may use what was opened before.
func closeAll(closers []func(context.Context) error, timeout time.Duration) error {
	var errs []error
	for _, c := range slices.Backward(closers) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		errs = append(errs, c(ctx))
		cancel()
	}
	return errors.Join(errs...)
}

var serving atomic.Bool

// Ready tells a load balancer whether to send requests.
func Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !serving.Load() {
			http.Error(w, "not serving", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ready\n")
	})
}

// Serve is Run as a program has it. It returns the program's exit code.
func Serve(ln net.Listener, h http.Handler, o Options) (exitCode int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal nobody listens for a second one, so that has its usual effect: it ends the process.
	context.AfterFunc(ctx, stop)

	if err := Run(ctx, ln, h, o); err != nil {
		slog.Error("shutdown was not clean", "err", err)
		return 1
	}
	return 0
}
