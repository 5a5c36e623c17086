// Package scaleout spreads requests over several machines, so that more machines do more work, and one that dies is
// missed by nobody.
package scaleout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
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

// skipFor is how long a backend that was down is left alone: long enough not to pay for it with every request, short
// enough that it is back in use soon after its recovery.
const skipFor = 5 * time.Second

// Balancer gives each request to the backend with the fewest requests in flight. It may be used from many goroutines at
// once.
type Balancer struct {
	mu    sync.Mutex // guards what is below, and is never held during a Call
	seats []*seat
}

// seat is what the balancer knows of a backend.
type seat struct {
	backend   Backend
	inFlight  int
	downUntil time.Time
}

// NewBalancer returns a balancer over the backends; there may be none.
func NewBalancer(backends ...Backend) *Balancer {
	b := new(Balancer)
	for _, x := range backends {
		b.Add(x)
	}
	return b
}

// Do calls one backend with ctx and req and returns what it returns: the one that has the fewest calls of this
// balancer in flight, of those that have not been down in the last 5 s. If the backend is down, it is not called
// again for 5 s, and the request goes to the next one in the same way, but to none twice: requests are idempotent.
// Any other error is the caller's. If no backend is left, Do returns an error that is ErrDown; if the balancer has
// none at all, ErrNoBackend.
func (b *Balancer) Do(ctx context.Context, req int) error {
	var tried []Backend // not seats: a backend that was removed and added meanwhile has another one
	for {
		s, err := b.take(tried)
		if err != nil {
			return err
		}
		err = b.call(ctx, s, req)
		if !errors.Is(err, ErrDown) {
			return err
		}
		tried = append(tried, s.backend)
	}
}

// take chooses a backend and counts the request in the same step: whoever chooses next must see it.
func (b *Balancer) take(tried []Backend) (*seat, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seats) == 0 && len(tried) == 0 {
		return nil, ErrNoBackend
	}
	now := time.Now()
	var best *seat
	for _, s := range b.seats {
		if now.Before(s.downUntil) || slices.Contains(tried, s.backend) {
			continue
		}
		if best == nil || s.inFlight < best.inFlight {
			best = s
		}
	}
	if best == nil {
		return nil, ErrDown
	}
	best.inFlight++
	return best, nil
}

// call does the request. However it ends, it is not in flight afterwards.
func (b *Balancer) call(ctx context.Context, s *seat, req int) (err error) {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s.inFlight--
		if errors.Is(err, ErrDown) {
			s.downUntil = time.Now().Add(skipFor)
		}
	}()
	return s.backend.Call(ctx, req)
}

// Add puts a backend to use at once. One that is there already is not added again.
func (b *Balancer) Add(x Backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.seats, func(s *seat) bool { return s.backend == x }) {
		b.seats = append(b.seats, &seat{backend: x})
	}
}

// Remove takes a backend out of use: it gets no new requests, and those in flight go on undisturbed. One that is not
// there is not removed.
func (b *Balancer) Remove(x Backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// The seat lives on with the calls that hold it.
	b.seats = slices.DeleteFunc(b.seats, func(s *seat) bool { return s.backend == x })
}
