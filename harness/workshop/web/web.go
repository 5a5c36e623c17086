// Package web serves a room over HTTP: the API that the commands speak (package wire), pages for
// participants and for the instructor, a view for the wall, and their changes as server-sent
// events. Every route stands in one table that says who may use it.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// Options are what a server is made of.
type Options struct {
	Store   *room.Store
	Course  *course.Course
	Enqueue room.Enqueue   // puts a submission into the queue
	Version string         // of labs, for clients
	TLS     bool           // it is reached by https: cookies are then sent over nothing else
	Base    string         // the URL by which the room is reached, such as http://10.0.0.7:8080; for the join command
	Proxies []netip.Prefix // of proxies whose X-Forwarded-For is believed
	Bundle  string         // a file to serve at /bundle; "" for none

	Queue   http.Handler        // the queue's own pages, for the instructor below /river/; nil for none
	Metrics prometheus.Gatherer // for the instructor at /metrics; nil for none

	Log *slog.Logger     // nil for none
	Now func() time.Time // nil for time.Now
}

// Web serves a room. It is an [http.Handler].
type Web struct {
	Options
	routes  []route
	handler http.Handler
	hub     *hub
	limits  limits
	streams chan struct{} // has room for as many as may be open
	ended   context.Context
	end     context.CancelFunc
}

// MaxStreams is how many clients may listen to events at once; more are told to come back.
const MaxStreams = 2000

// New makes the server of a room.
func New(o Options) *Web {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &Web{Options: o, limits: newLimits(), streams: make(chan struct{}, MaxStreams)}
	w.ended, w.end = context.WithCancel(context.Background())
	w.hub = newHub(w)
	w.routes = w.table()
	w.handler = w.guarded(w.mux())
	return w
}

// ServeHTTP serves one request.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.handler.ServeHTTP(rw, w.forwarded(r))
}

// Shutdown ends the streams of events, which otherwise last for as long as their clients.
func (w *Web) Shutdown() { w.end() }

// Server is a server for a handler with all the bounds that one needs which strangers can reach.
// What writes for longer than its bound, a stream, sets its own.
func Server(h http.Handler) *http.Server {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	if w, ok := h.(*Web); ok {
		s.ErrorLog = slog.NewLogLogger(w.Log.Handler(), slog.LevelWarn)
		s.RegisterOnShutdown(w.Shutdown)
	}
	return s
}

// Limited is a listener that serves at most so many connections at once; others wait.
func Limited(l net.Listener, connections int) net.Listener {
	return netutil.LimitListener(l, connections)
}

// lab is a lab of the room by its id or name, in any letter case; room.ErrNotFound where the room has none of it.
func (w *Web) lab(ctx context.Context, name string) (*course.Lab, error) {
	r, err := w.Store.Room(ctx)
	if err != nil {
		return nil, err
	}
	l, err := w.Course.Named(name)
	if err != nil || !slices.Contains(r.Labs, l.ID) {
		return nil, room.ErrNotFound
	}
	return l, nil
}

// labs are those of a room that the course still has.
func (w *Web) labs(r room.Room) (labs []*course.Lab) {
	for _, id := range r.Labs {
		if l, err := w.Course.Named(id); err == nil {
			labs = append(labs, l)
		}
	}
	return labs
}

// gone reports whether an error only says that nobody waits for the answer any more.
func gone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && errors.Is(err, context.Canceled)
}
