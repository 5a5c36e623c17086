// Package fairshare keeps one client from taking what is there for all: it gives each a share, and
// remembers no more of them than it has room for.
package fairshare

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
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

// Protect is the middleware that the README describes.
func Protect(o Options) func(http.Handler) http.Handler {
	b := newBooks(o)
	return func(next http.Handler) http.Handler {
		next = limitBody(next, o.MaxBody)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, left, wait := b.enter(ClientKey(r, o.TrustedProxies))
			o.tell(w.Header(), left, wait)
			if c == nil {
				http.Error(w, "too many requests", http.StatusTooManyRequests)
				return
			}
			defer b.leave(c) // deferred: a panic frees the slot, too
			next.ServeHTTP(w, r)
		})
	}
}

// ClientKey is equal for two requests if and only if the README says that they are of the same
// client.
func ClientKey(r *http.Request, trusted []netip.Prefix) string {
	if id := Principal(r.Context()); id != "" {
		return "principal " + id
	}
	a := address(r, trusted)
	if a.Is6() { // a household or a virtual machine has a /64: 2⁶⁴ addresses to choose from
		p, _ := a.Prefix(64)
		return "address " + p.String()
	}
	return "address " + a.String()
}

// address goes from the peer towards the client, proxy by proxy: each trusted one vouches for the
// entry to the left of its own, which it has written itself. What lies further left anybody may
// have written.
func address(r *http.Request, trusted []netip.Prefix) netip.Addr {
	isTrusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	client, _ := parse(r.RemoteAddr)
	entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, entry := range slices.Backward(entries) {
		a, ok := parse(entry)
		if !isTrusted(client) || !ok {
			break
		}
		client = a
	}
	return client
}

// parse reads an address with or without a port and brackets.
func parse(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap(), err == nil
}

// client is what is remembered of one.
type client struct {
	key      string
	tokens   float64
	asOf     time.Time // when tokens was right
	inFlight int
	place    *list.Element
}

// books remember the clients that differ from a new one.
type books struct {
	o    Options
	full time.Duration // after which any bucket is full

	mu      sync.Mutex
	clients map[string]*client
	order   *list.List // of the clients, by asOf
}

func newBooks(o Options) *books {
	full := time.Duration(math.Ceil(float64(o.Burst) / o.Rate * float64(time.Second)))
	return &books{o: o, full: full, clients: map[string]*client{}, order: list.New()}
}

// enter lets a request in, or returns nil and after how many seconds to come again; and the tokens
// that are left.
func (b *books) enter(key string) (c *client, left, wait int) {
	// One lock over looking and taking: in between another request could see the same token.
	b.mu.Lock()
	defer b.mu.Unlock()

	c = b.find(key)
	if c == nil {
		return nil, 0, 1 // nobody can tell when there will be room
	}
	if c.inFlight >= b.o.MaxInFlight {
		return nil, int(c.tokens), 1
	}
	if c.tokens < 1 {
		return nil, 0, int(math.Ceil((1 - c.tokens) / b.o.Rate)) // rounded down it would fail again
	}
	c.tokens--
	c.inFlight++
	return c, int(c.tokens), 0
}

func (b *books) leave(c *client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.inFlight--
}

// find returns the client with what it has now, a new one if there is room, or nil.
func (b *books) find(key string) *client {
	now := time.Now()
	c := b.clients[key]
	if c == nil {
		if !b.room(now) {
			return nil
		}
		c = &client{key: key, tokens: float64(b.o.Burst), asOf: now}
		c.place = b.order.PushBack(c)
		b.clients[key] = c
	}
	b.refill(c, now)
	return c
}

// refill adds what has come in since the last time: no timer does it.
func (b *books) refill(c *client, now time.Time) {
	gained := now.Sub(c.asOf).Seconds() * b.o.Rate
	c.tokens = min(c.tokens+gained, float64(b.o.Burst))
	c.asOf = now
	b.order.MoveToBack(c.place)
}

// room makes room for one more, if need be by forgetting a client whose bucket is full: if it comes
// back, it gets a full one. Whoever forgets any other forgives what that one owes.
func (b *books) room(now time.Time) bool {
	for len(b.clients) >= b.o.MaxClients {
		oldest := b.order.Front().Value.(*client)
		if now.Sub(oldest.asOf) < b.full {
			return false
		}
		if oldest.inFlight > 0 {
			b.refill(oldest, now) // and so goes behind the others: its slots must be remembered
			continue
		}
		b.order.Remove(oldest.place)
		delete(b.clients, oldest.key)
	}
	return true
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
