// Package fairshare keeps one client from taking what is there for all. Of each client only one
// moment is remembered: when its bucket will be full. Those for whom there is no room share a
// bucket.
package fairshare

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
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

// client differs from a new one while its bucket is not full or requests of it are in flight.
type client struct {
	key      string
	full     time.Time // when its bucket will be
	inFlight int
	known    bool // it is in the table: false for the one that newcomers share
	index    int  // in the heap
}

// table remembers clients. Those with nothing in flight are in a heap: at its top is who is full
// first.
type table struct {
	Options
	each time.Duration // the time for a token

	mu      sync.Mutex
	clients map[string]*client
	idle    byFull
	shared  client
}

// Protect is the middleware that the README describes.
func Protect(o Options) func(http.Handler) http.Handler {
	each := time.Duration(float64(time.Second) / o.Rate)
	t := &table{Options: o, each: each, clients: map[string]*client{}}
	return func(next http.Handler) http.Handler {
		return t.serve(limitBody(next, o.MaxBody))
	}
}

func (t *table) serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, left, wait := t.begin(ClientKey(r, t.TrustedProxies), time.Now())
		if wait > 0 {
			t.tell(w.Header(), left, int(math.Ceil(wait.Seconds())))
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		defer t.end(c)
		t.tell(w.Header(), left, 0)
		next.ServeHTTP(w, r)
	})
}

// begin takes a token first, and then a slot.
func (t *table) begin(key string, now time.Time) (_ *client, left int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.take(key, now)
	full := c.full
	if full.Before(now) {
		full = now
	}
	full = full.Add(t.each)
	over := full.Sub(now) - time.Duration(t.Burst)*t.each
	if over > 0 {
		t.put(c)
		return nil, 0, over
	}
	c.full = full
	left = int(-over / t.each)
	if c.inFlight == t.MaxInFlight {
		t.put(c)
		return nil, left, time.Second
	}
	c.inFlight++
	return c, left, 0
}

func (t *table) end(c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.inFlight--
	t.put(c)
}

// take finds a client and has it out of the heap, where it may not change.
func (t *table) take(key string, now time.Time) *client {
	if c := t.clients[key]; c != nil {
		if c.inFlight == 0 {
			heap.Remove(&t.idle, c.index)
		}
		return c
	}
	if len(t.clients) >= t.MaxClients {
		if len(t.idle) == 0 || t.idle[0].full.After(now) {
			return &t.shared
		}
		delete(t.clients, heap.Pop(&t.idle).(*client).key)
	}
	c := &client{key: key, known: true}
	t.clients[key] = c
	return c
}

func (t *table) put(c *client) {
	if c.known && c.inFlight == 0 {
		heap.Push(&t.idle, c)
	}
}

// byFull is a heap of clients.
type byFull []*client

func (h byFull) Len() int           { return len(h) }
func (h byFull) Less(i, j int) bool { return h[i].full.Before(h[j].full) }
func (h byFull) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *byFull) Push(v any) {
	c := v.(*client)
	c.index = len(*h)
	*h = append(*h, c)
}

func (h *byFull) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}

// ClientKey is equal for two requests if and only if the README says that they are of the same
// client.
func ClientKey(r *http.Request, trusted []netip.Prefix) string {
	if id := Principal(r.Context()); id != "" {
		return "@" + id
	}
	hops := []string{r.RemoteAddr}
	for _, line := range r.Header["X-Forwarded-For"] {
		hops = append(hops, strings.Split(line, ",")...)
	}
	hops = append(hops[1:], hops[0])
	var client netip.Addr
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(bare(hops[i]))
		if err != nil {
			break
		}
		client = a.Unmap()
		if !among(trusted, client) {
			break
		}
	}
	if client.Is4() {
		return client.String()
	}
	network, _ := client.Prefix(64)
	return network.String()
}

// bare takes off what may stand around an address.
func bare(s string) string {
	s = strings.TrimSpace(s)
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}

func among(all []netip.Prefix, a netip.Addr) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
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
