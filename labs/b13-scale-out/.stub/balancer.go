// Package scaleout spreads requests over several machines, so that more machines do more work, and one that dies is
// missed by nobody.
package scaleout

import (
	"context"
	"errors"
)

var (
	// ErrDown is what the Call of a machine returns, as it is or wrapped, when the machine is not there.
	ErrDown = errors.New("backend down")
	// ErrNoBackend is what Do returns when the balancer has no backend at all.
	ErrNoBackend = errors.New("no backend")
)

// Backend is one machine. Backends can be compared with ==.
type Backend interface {
	// Call does the work of one request. It takes its time, and may be called many times at once.
	Call(ctx context.Context, req int) error
}

// Balancer gives each request to the backend with the fewest requests in flight. It may be used from many goroutines at
// once.
type Balancer struct {
	// Your fields.
}

// NewBalancer returns a balancer over the backends; there may be none.
func NewBalancer(backends ...Backend) *Balancer {
	return &Balancer{}
}

// Do calls one backend with ctx and req and returns what it returns: the one that has the fewest calls of this
// balancer in flight, of those that have not been down in the last 5 s. If the backend is down, it is not called
// again for 5 s, and the request goes to the next one in the same way, but to none twice: requests are idempotent.
// Any other error is the caller's. If no backend is left, Do returns an error that is ErrDown; if the balancer has
// none at all, ErrNoBackend.
func (b *Balancer) Do(ctx context.Context, req int) error {
	return nil // your code
}

// Add puts a backend to use at once. One that is there already is not added again.
func (b *Balancer) Add(x Backend) {
	// your code
}

// Remove takes a backend out of use: it gets no new requests, and those in flight go on undisturbed. One that is not
// there is not removed.
func (b *Balancer) Remove(x Backend) {
	// your code
}
