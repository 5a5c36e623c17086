// Package shutdown takes a server out of service without dropping a request.
//
// This one does without http.Server.Shutdown: it follows the state of every connection itself and so knows at once, not
// at the next poll, when the last request is done. Signals come over a channel, and a second one is answered here.
package shutdown

import (
	"cmp"
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say how a server leaves.
type Options struct {
	DrainDelay, Timeout time.Duration
	Closers             []func(context.Context) error
}

// Run serves h on ln until ctx ends; then it drains, and closes.
func Run(ctx context.Context, ln net.Listener, h http.Handler, o Options) (err error) {
	for _, c := range o.Closers {
		defer func() { // deferred calls run last first, whatever happens
			ctx, cancel := context.WithTimeout(context.Background(), o.Timeout)
			defer cancel()
			err = errors.Join(err, c(ctx))
		}()
	}

	requests, abort := context.WithCancel(context.Background())
	defer abort()
	conns := connections{states: map[net.Conn]http.ConnState{}, none: make(chan struct{})}
	srv := &http.Server{
		Handler:     h,
		ConnState:   conns.changed,
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	status.Store(http.StatusOK)
	defer status.Store(http.StatusServiceUnavailable)

	select {
	case err := <-served:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	status.Store(http.StatusServiceUnavailable)
	srv.SetKeepAlivesEnabled(false)
	<-time.After(o.DrainDelay)

	ln.Close()
	<-served // from here on there are no new connections
	conns.drain()
	select {
	case <-conns.none:
		return nil
	case <-time.After(o.Timeout):
		err := srv.Close()
		abort()
		return errors.Join(errors.New("requests were cut off"), err)
	}
}

// connections are those of one server.
type connections struct {
	mu       sync.Mutex
	states   map[net.Conn]http.ConnState
	draining bool
	none     chan struct{} // closed when there are none, once draining
}

// changed is the server's ConnState hook.
func (cs *connections) changed(c net.Conn, s http.ConnState) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if s == http.StateClosed || s == http.StateHijacked {
		delete(cs.states, c)
	} else {
		cs.states[c] = s
	}
	cs.sweep()
}

// drain closes idle connections, now and as they become idle.
func (cs *connections) drain() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.draining = true
	cs.sweep()
}

func (cs *connections) sweep() {
	if !cs.draining {
		return
	}
	for c, s := range cs.states {
		if s == http.StateIdle {
			c.Close()
			delete(cs.states, c)
		}
	}
	if len(cs.states) == 0 {
		select {
		case <-cs.none:
		default:
			close(cs.none)
		}
	}
}

// status is what Ready answers; 0: nothing has run yet.
var status atomic.Int32

// Ready tells a load balancer whether to send requests.
func Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(cmp.Or(int(status.Load()), http.StatusServiceUnavailable))
	})
}

// Serve is Run as a program has it. It returns the program's exit code.
func Serve(ln net.Listener, h http.Handler, o Options) (exitCode int) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, ln, h, o) }()
	for {
		select {
		case s := <-signals:
			if ctx.Err() != nil {
				log.Print("second signal, leaving at once: ", s)
				return 1
			}
			leave()
		case err := <-done:
			if err != nil {
				log.Print(err)
				return 1
			}
			return 0
		}
	}
}
