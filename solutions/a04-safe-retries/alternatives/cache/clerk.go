package retries

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Clerk is one client of a server. Its calls do not overlap.
type Clerk struct {
	next   Request // but for its deadline and operation
	net    Net
	budget float64
	left   float64
}

// NewClerk returns a clerk with a name that no other has, or will have.
func NewClerk(id string, n Net, budget float64) *Clerk {
	return &Clerk{next: Request{Client: id, Seq: 1}, net: n, budget: budget, left: 10}
}

// Add adds to a counter. It returns nil when the server has done so, ErrDefinite or ErrMaybe.
func (c *Clerk) Add(ctx context.Context, key string, delta int) error {
	_, err := c.begin(ctx, Op{Kind: Add, Key: key, Delta: delta})
	return err
}

// Get returns the value of a counter, or one of the errors that Add returns.
func (c *Clerk) Get(ctx context.Context, key string) (int, error) {
	return c.begin(ctx, Op{Kind: Get, Key: key})
}

func (c *Clerk) begin(ctx context.Context, op Op) (int, error) {
	req := c.next
	req.Op = op
	req.Deadline, _ = ctx.Deadline()
	c.next.Seq++
	if c.left += c.budget; c.left > 10 && c.left > 100*c.budget {
		c.left = max(10, 100*c.budget)
	}
	if ctx.Err() != nil {
		return 0, ErrDefinite
	}
	return c.try(ctx, req, 50*time.Millisecond, ErrDefinite)
}

// try makes an attempt, and if that is not answered, a pause and the next one. failed is how the
// call ends if nothing more comes of it.
func (c *Clerk) try(ctx context.Context, req Request, pause time.Duration, failed error) (int, error) {
	type end struct {
		resp Response
		err  error
	}
	attempt, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan end, 1)
	go func() {
		resp, err := c.net.Call(attempt, req)
		ends <- end{resp, err}
	}()
	timeout := time.AfterFunc(AttemptTimeout, cancel)
	got := <-ends
	timeout.Stop()
	cancel()
	switch {
	case got.err == nil && got.resp.Err == "":
		return got.resp.Value, nil
	case got.err == nil:
		return 0, ErrMaybe
	case !errors.Is(got.err, ErrNotSent):
		failed = ErrMaybe
	}
	if c.left < 1 {
		return 0, errors.Join(failed, got.err)
	}
	woken := make(chan struct{})
	timer := time.AfterFunc(rand.N(pause+1), func() { close(woken) })
	select {
	case <-woken:
	case <-ctx.Done():
		timer.Stop()
		return 0, errors.Join(failed, context.Cause(ctx))
	}
	c.left--
	return c.try(ctx, req, min(pause*2, 2*time.Second), failed)
}
