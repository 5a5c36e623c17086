package scaleout_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	scaleout "github.com/backend-labs/backend-labs/labs/b13-scale-out"
)

// machine has some workers, each of whom does one request in 10 ms; what they are not up to waits.
// While it is down, all its requests fail at once, those in flight as well.
type machine struct {
	workers chan struct{}

	mu     sync.Mutex
	down   chan struct{} // closed while it is down
	served int
}

const work = 10 * time.Millisecond

func newMachine(workers int) *machine {
	return &machine{workers: make(chan struct{}, workers), down: make(chan struct{})}
}

func machines(n, workers int) (all []*machine, backends []scaleout.Backend) {
	for range n {
		m := newMachine(workers)
		all, backends = append(all, m), append(backends, m)
	}
	return all, backends
}

func (m *machine) Call(ctx context.Context, _ int) error {
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	select {
	case <-down:
		return scaleout.ErrDown
	default:
	}
	select {
	case m.workers <- struct{}{}:
		defer func() { <-m.workers }()
	case <-down:
		return scaleout.ErrDown
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(work):
		m.mu.Lock()
		defer m.mu.Unlock()
		m.served++
		return nil
	case <-down:
		return scaleout.ErrDown
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *machine) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.down)
}

func (m *machine) recover() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = make(chan struct{})
}

func (m *machine) done() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.served
}

func total(all []*machine) (n int) {
	for _, m := range all {
		n += m.done()
	}
	return n
}

// desk keeps each request until the check answers it, so that a check decides what is in flight
// where.
type desk struct {
	mu      sync.Mutex
	calls   int
	waiting []chan error
	fails   error // if set, requests are not kept but get this answer after 10 ms
	failed  time.Time

	deaf bool // does not listen to its context

	name string
	tl   *timeline.Timeline // where its calls are drawn; may be nil
	last timeline.Recorded  // of these the last
}

func (d *desk) Call(ctx context.Context, req int) error {
	drawn := d.tl.Begin(d.name, "request %d", req)
	d.mu.Lock()
	d.calls++
	d.last = drawn
	if fails := d.fails; fails != nil {
		d.mu.Unlock()
		time.Sleep(work)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.failed = time.Now()
		drawn.End("%v", fails)
		return fails
	}
	ticket := make(chan error, 1)
	d.waiting = append(d.waiting, ticket)
	d.mu.Unlock()
	if d.deaf {
		return <-ticket
	}
	select {
	case err := <-ticket:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer ends up to n of the requests that wait.
func (d *desk) answer(n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; n > 0 && len(d.waiting) > 0; n-- {
		d.waiting[0] <- err
		d.waiting = d.waiting[1:]
	}
}

func (d *desk) inFlight() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}

func (d *desk) called() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// failWith makes it answer all requests from now on with err; nil makes it keep them again.
func (d *desk) failWith(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = err
}

func (d *desk) failedAt() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// blame marks the machine's last call, unless ok holds.
func (d *desk) blame(ok bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !ok {
		d.last.Breaks()
	}
	return ok
}

func desks(n int) (all []*desk, backends []scaleout.Backend) {
	for range n {
		d := new(desk)
		all, backends = append(all, d), append(backends, d)
	}
	return all, backends
}

func loads(all []*desk) []int {
	n := make([]int, len(all))
	for i, d := range all {
		n[i] = d.inFlight()
	}
	return n
}

// answerer gives the answers that it was made with, one for each call, and then nil. It remembers
// what it got.
type answerer struct {
	answers []error
	takes   time.Duration // for each, 0: 1 ms
	calls   int
	req     int
	ctx     context.Context
}

func (a *answerer) Call(ctx context.Context, req int) error {
	time.Sleep(cmp.Or(a.takes, time.Millisecond))
	a.calls, a.req, a.ctx = a.calls+1, req, ctx
	if a.calls <= len(a.answers) {
		return a.answers[a.calls-1]
	}
	return nil
}

// always is an answerer that gives the same answer for longer than a check should need.
func always(err error) *answerer {
	a := &answerer{}
	for range 20 {
		a.answers = append(a.answers, err)
	}
	return a
}

// send lets the balancer do a request in the background, and waits until it has arrived somewhere.
func send(b *scaleout.Balancer, req int) <-chan error {
	end := make(chan error, 1)
	go func() { end <- b.Do(context.Background(), req) }()
	time.Sleep(time.Millisecond)
	return end
}

// clients are people who send one request after the other, each the next as soon as the last one is
// answered.
type clients struct {
	left   atomic.Int64 // requests to be sent
	failed atomic.Int64
	first  atomic.Pointer[error]
	wg     sync.WaitGroup
}

// start lets n clients send requests until total have been sent or the time is over.
func start(b *scaleout.Balancer, n, total int, length time.Duration) *clients {
	c := new(clients)
	c.left.Store(int64(total))
	end := time.Now().Add(length)
	for i := range n {
		c.wg.Go(func() {
			for time.Now().Before(end) && c.left.Add(-1) >= 0 {
				if err := b.Do(context.Background(), 4*i); err != nil {
					c.failed.Add(1)
					c.first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	return c
}

// failures waits for the clients and says which of their requests failed, "" if none.
func (c *clients) failures() string {
	c.wg.Wait()
	if n := c.failed.Load(); n > 0 {
		return fmt.Sprintf("%d requests failed, the first with %q", n, *c.first.Load())
	}
	return ""
}

var errCaller = errors.New("request 7 is not valid")
