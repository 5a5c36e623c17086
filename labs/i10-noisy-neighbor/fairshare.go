// Package fairshare keeps one client from taking what is there for all: it gives each a share, and
// remembers no more of them than it has room for.
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
	_, _ = o.tell, limitBody // are given, below
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotImplemented) // your code
		})
	}
}

// ClientKey is equal for two requests if and only if the README says that they are of the same
// client.
func ClientKey(r *http.Request, trusted []netip.Prefix) string {
	return "" // your code
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
