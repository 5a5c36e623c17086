// Package workshop runs a workshop on this machine: the room's database, the queue, workers, and the server of the room.
package workshop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/grader"
	"github.com/backend-labs/backend-labs/harness/workshop/queue"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/web"
)

// Options are what a workshop is made of.
type Options struct {
	Course  *course.Course
	Dir     string // the .labs folder of the course
	Version string // of labs

	Database string // sqlite:PATH or postgres://…
	Archive  string // a file to be shown again: the database must be empty

	// What a new room has; a room that is in the database already stays what it is.
	Room   room.Room
	Roster []room.Participant // who may join; nil: everybody with the code

	Addr      string         // to listen on, such as :8080
	URL       string         // by which others reach it, where that is not Addr: behind a proxy; "" for Addr
	Proxies   []netip.Prefix // whose X-Forwarded-For is believed
	Secret    string         // the instructor's, where it is chosen; "" for a random one
	Cert, Key string         // files for TLS; "" for none
	Bundle    string         // a file for those without a network; "" for none

	Workers int // submissions graded at once by this process; 0: by others alone
	Sandbox string
	Backend string
	Grade   func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error) // nil: the real one

	Log   *slog.Logger       // nil for none
	Say   func(line string)  // what takes long; nil for nobody
	Ready func(Served) error // called once, when everything is there; nil for nobody
}

// Served is what there is to tell when a workshop is being served.
type Served struct {
	Room    room.Room
	Base    string // the URL by which others reach it
	Local   string // the URL by which this machine does
	Secret  string // the instructor's
	Waiting int    // submissions that were handed in before
	Exposed bool   // it can be reached from the internet, and without TLS
	Store   *room.Store
}

// What a workshop is not served with.
var (
	ErrCertificate = errors.New("read the certificate")
	ErrOver        = errors.New("the room would be closed from the beginning")
)

// maxConnections is how many clients may be connected at once.
const maxConnections = 4096

// drain is how long submissions that are being graded may take to end when a workshop stops.
const drain = 20 * time.Second

// DefaultWorkers is how many submissions this machine grades at once: one for two cores.
func DefaultWorkers() int { return max(1, runtime.NumCPU()/2) }

// Serve serves a workshop until ctx ends, and then lets what is being graded end. Nothing that was handed in is lost,
// however it ends.
func Serve(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	alone, err := occupy(o.Database)
	if err != nil {
		return err
	}
	defer alone.Remove()
	listener, err := listen(o)
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := alone.Note(o.base(listener)); err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	s, err := room.Open(ctx, o.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	secret, err := prepare(ctx, s, o)
	if err != nil {
		return err
	}
	return serve(ctx, o, s, listener, secret)
}

// listen takes the port before anything is made.
func listen(o Options) (net.Listener, error) {
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	l = web.Limited(l, maxConnections)
	if o.Cert == "" {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrCertificate, err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}), nil
}

// base is the URL by which others reach a server, and local the one by which this machine does.
func (o Options) base(l net.Listener) string {
	if o.URL != "" {
		return strings.TrimSuffix(o.URL, "/")
	}
	base, _ := addresses(l.Addr(), o.Cert != "")
	return base
}

func (o Options) local(l net.Listener) string {
	_, local := addresses(l.Addr(), o.Cert != "")
	return local
}

// prepare makes the room, or finds it, and a secret of its instructor.
func prepare(ctx context.Context, s *room.Store, o Options) (secret string, err error) {
	if o.Archive != "" {
		f, err := os.Open(o.Archive)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return s.Restore(ctx, f)
	}
	_, err = s.Room(ctx)
	if errors.Is(err, room.ErrNoRoom) && !o.Room.Closes.IsZero() && o.Room.Closes.Before(time.Now()) {
		return "", ErrOver
	}
	o.Room.Course = batch.RevisionOf(ctx, o.Course)
	if secret, err = s.Create(ctx, o.Room); err != nil {
		return "", err
	}
	if len(o.Roster) > 0 {
		if err := s.Roster(ctx, o.Roster); err != nil {
			return "", err
		}
	}
	if o.Secret != "" {
		secret, err = o.Secret, s.Admit(ctx, o.Secret)
	}
	return secret, err
}

// serve runs everything until ctx ends or one of it breaks.
func serve(ctx context.Context, o Options, s *room.Store, listener net.Listener, secret string) error {
	q, err := queue.New(ctx, s)
	if err != nil {
		return err
	}
	r, err := s.Room(ctx)
	if err != nil {
		return err
	}
	ui, err := q.UI(ctx, "/river")
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	base, local := o.base(listener), o.local(listener)
	secure := strings.HasPrefix(base, "https://")
	server := web.Server(web.New(web.Options{Store: s, Course: o.Course, Enqueue: q.Enqueue, Version: o.Version,
		TLS: secure, Proxies: o.Proxies, Base: base, Bundle: o.Bundle, Queue: ui, Metrics: metrics, Log: o.Log}))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(end); err != nil {
			return server.Close()
		}
		return nil
	})
	if o.Workers > 0 && r.Ended.IsZero() {
		group.Go(func() error { return work(ctx, o, s, r, metrics) })
	}
	if o.Ready != nil {
		waiting, _, _, _, err := s.Queue(ctx)
		if err == nil {
			err = o.Ready(Served{Room: r, Base: base, Local: local, Secret: secret, Waiting: waiting,
				Exposed: !secure && exposed(listener.Addr()), Store: s})
		}
		if err != nil {
			group.Go(func() error { return err })
		}
	}
	return group.Wait()
}

// work grades what is handed in.
func work(ctx context.Context, o Options, s *room.Store, r room.Room, metrics prometheus.Registerer) error {
	grade := o.Grade
	if grade == nil {
		g, err := grader.New(ctx, grader.Options{Course: o.Course, Dir: o.Dir, Sandbox: o.Sandbox, Backend: o.Backend,
			Slots: o.Workers, Say: o.Say})
		if err != nil {
			return err
		}
		defer g.Close()
		if err := g.Warm(ctx, r.Labs); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		o.Say("ready to grade")
		grade = g.Grade
	}
	return queue.Work(ctx, s, queue.Options{Slots: o.Workers, Grade: grade, Drain: drain, Log: o.Log, Metrics: metrics})
}

// Worker is a machine that grades for a workshop that another one serves.
type Worker struct {
	Course   *course.Course
	Dir      string
	Database string // postgres://…
	Slots    int
	Name     string
	Sandbox  string
	Backend  string
	Log      *slog.Logger
	Say      func(line string)
}

// ErrOneMachine says that a database cannot be used by several machines.
var ErrOneMachine = errors.New("workers of their own need a Postgres database: postgres://…")

// Run grades until ctx ends, then drains.
func (w Worker) Run(ctx context.Context) error {
	s, err := room.Open(ctx, w.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	if !s.Postgres() {
		return ErrOneMachine
	}
	r, err := awaited(ctx, s, w.Say)
	if err != nil {
		return err
	}
	return work(ctx, Options{Course: w.Course, Dir: w.Dir, Sandbox: w.Sandbox, Backend: w.Backend, Workers: w.Slots,
		Log: w.Log, Say: w.Say}, s, r, nil)
}

// awaited is the room, as soon as there is one: workers may be started before the server that makes it.
func awaited(ctx context.Context, s *room.Store, say func(string)) (room.Room, error) {
	for said := false; ; said = true {
		r, err := s.Room(ctx)
		if !errors.Is(err, room.ErrNoRoom) {
			return r, err
		}
		if !said {
			say("the database has no room yet; waiting for labs workshop to make it")
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// addresses are the URLs of a listener for others and for this machine.
func addresses(addr net.Addr, secure bool) (base, local string) {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + addr.String(), scheme + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		u := scheme + net.JoinHostPort(host, port)
		return u, u
	}
	local = scheme + net.JoinHostPort("127.0.0.1", port)
	if ip := ownAddress(); ip != "" {
		return scheme + net.JoinHostPort(ip, port), local
	}
	return local, local
}

// ownAddress is an address of this machine by which others in the room may reach it: a private one before a public one,
// IPv4 before IPv6; "" where there is none.
func ownAddress() (best string) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	rank := 0
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		r := 1
		if n.IP.To4() != nil {
			r += 2
		}
		if n.IP.IsPrivate() {
			r++
		}
		if strings.HasPrefix(n.IP.String(), "172.17.") { // Docker's own
			r = 1
		}
		if r > rank {
			best, rank = n.IP.String(), r
		}
	}
	return best
}

// exposed reports whether a listener has an address that is not private.
func exposed(addr net.Addr) bool {
	t, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	public := func(ip net.IP) bool { return ip.IsGlobalUnicast() && !ip.IsPrivate() }
	if !t.IP.IsUnspecified() {
		return public(t.IP)
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && public(n.IP) {
			return true
		}
	}
	return false
}
