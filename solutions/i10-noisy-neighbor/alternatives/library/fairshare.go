// Package fairshare keeps one client from taking what is there for all: it puts a limiter of
// golang.org/x/time/rate and a semaphore before each client, and sweeps out those that are as good
// as new.
package fairshare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options say what a client may have.
type Options struct {
	Rate           float64
	Burst          int
	MaxInFlight    int
	MaxClients     int
	MaxBody        int64
	TrustedProxies []netip.Prefix
}

// share is what one client has.
type share struct {
	bucket *rate.Limiter
	slots  chan struct{} // as many as may be in flight
}

// shares are those of all clients.
type shares struct {
	o     Options
	mu    sync.Mutex
	of    map[string]share
	sweep time.Time // before then there is nothing to be swept out
}

// Protect is the middleware that the README describes.
func Protect(o Options) func(http.Handler) http.Handler {
	all := &shares{o: o, of: map[string]share{}}
	return func(next http.Handler) http.Handler {
		counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all.serve(w, r, next)
		})
		return limitBody(counted, o.MaxBody) // a body that is too large costs no token
	}
}

func (all *shares) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	s, left, wait := all.ask(ClientKey(r, all.o.TrustedProxies))
	all.o.tell(w.Header(), left, wait)
	if wait > 0 {
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	}
	defer all.done(s)
	next.ServeHTTP(w, r)
}

func (all *shares) ask(key string) (s share, left, wait int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	now := time.Now()
	s, ok := all.of[key]
	if !ok {
		if len(all.of) >= all.o.MaxClients && !all.swept(now) {
			return s, 0, 1
		}
		s.bucket = rate.NewLimiter(rate.Limit(all.o.Rate), all.o.Burst)
		s.slots = make(chan struct{}, all.o.MaxInFlight)
		all.of[key] = s
	}
	tokens := s.bucket.TokensAt(now)
	if tokens < 1 {
		return s, 0, int(math.Ceil((1 - tokens) / all.o.Rate))
	}
	select {
	case s.slots <- struct{}{}:
		s.bucket.AllowN(now, 1)
		return s, int(s.bucket.TokensAt(now)), 0
	default:
		return s, int(tokens), 1
	}
}

func (all *shares) done(s share) {
	all.mu.Lock()
	defer all.mu.Unlock()
	<-s.slots
	all.sweep = time.Time{} // it may be the one that can be swept out now
}

// swept reports whether there is room after a sweep.
func (all *shares) swept(now time.Time) bool {
	if now.Before(all.sweep) {
		return false
	}
	soonest := time.Duration(math.MaxInt64)
	for key, s := range all.of {
		missing := float64(all.o.Burst) - s.bucket.TokensAt(now)
		switch {
		case len(s.slots) > 0:
		case missing <= 0:
			delete(all.of, key)
		default:
			soonest = min(soonest, time.Duration(missing/all.o.Rate*float64(time.Second)))
		}
	}
	if len(all.of) < all.o.MaxClients {
		return true
	}
	all.sweep = now.Add(soonest)
	return false
}

// ClientKey is equal for two requests if and only if the README says that they are of the same
// client.
func ClientKey(r *http.Request, trusted []netip.Prefix) string {
	if id := Principal(r.Context()); id != "" {
		return "user:" + id
	}
	at, _ := read(r.RemoteAddr)
	rest := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for proxy(at, trusted) && rest != "" {
		comma := strings.LastIndexByte(rest, ',')
		before, ok := read(rest[comma+1:])
		if !ok {
			break
		}
		at, rest = before, rest[:max(comma, 0)]
	}
	bits := at.BitLen()
	if bits == 128 {
		bits = 64
	}
	network, _ := at.Prefix(bits)
	return "network:" + network.String()
}

func proxy(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// read tries the ways in which an address may be written.
func read(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	for _, text := range []string{s, s + ":0"} {
		if a, err := netip.ParseAddr(text); err == nil {
			return a.Unmap(), true
		}
		if a, err := netip.ParseAddrPort(text); err == nil {
			return a.Addr().Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be
// changed.

type principal struct{}

// WithPrincipal returns the context of a request by id: an authenticator has made sure of that.
func WithPrincipal(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, principal{}, id)
}

// Principal returns who the request is by, or "".
func Principal(ctx context.Context) string {
	id, _ := ctx.Value(principal{}).(string)
	return id
}

// tell sets the headers that say what the client may still do: it has left whole tokens. It is to
// come again after wait seconds, or is not refused if wait is 0.
func (o Options) tell(h http.Header, left, wait int) {
	window := int64(math.Ceil(float64(o.Burst) / o.Rate))
	h.Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, o.Burst, window))
	h.Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, wait))
	if wait > 0 {
		h.Set("Retry-After", strconv.Itoa(wait))
	}
}

// limitBody serves with next, and holds the bodies of requests to most bytes.
func limitBody(next http.Handler, most int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > most {
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		body := &bounded{ReadCloser: http.MaxBytesReader(w, r.Body, most)}
		answer := &answered{ResponseWriter: w}
		limited := *r // as http.MaxBytesHandler does it: r is the caller's
		limited.Body = body
		next.ServeHTTP(answer, &limited)
		if body.over && !answer.yes {
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		}
	})
}

// bounded is a body that knows whether it was too large.
type bounded struct {
	io.ReadCloser
	over bool
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		b.over = true
	}
	return n, err
}

// answered is a ResponseWriter that knows whether there was an answer.
type answered struct {
	http.ResponseWriter
	yes bool
}

func (a *answered) WriteHeader(status int) {
	a.yes = a.yes || status >= 200
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(p []byte) (int, error) {
	a.yes = true
	return a.ResponseWriter.Write(p)
}

// FlushError is what an http.ResponseController calls.
func (a *answered) FlushError() error {
	a.yes = true
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets an http.ResponseController reach what is not known here.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
