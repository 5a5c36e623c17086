package retries

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
	purse      = 10 // retries that a clerk has to begin with
	savings    = 100
)

// Clerk is one client of a server. Its calls do not overlap.
type Clerk struct {
	id      string
	net     Net
	budget  float64
	seq     uint64
	retries float64 // that may still be made
}

// NewClerk returns a clerk with a name that no other has, or will have.
func NewClerk(id string, n Net, budget float64) *Clerk {
	return &Clerk{id: id, net: n, budget: budget, retries: purse}
}

// Add adds to a counter. It returns nil when the server has done so, ErrDefinite or ErrMaybe.
func (c *Clerk) Add(ctx context.Context, key string, delta int) error {
	_, err := c.do(ctx, Op{Kind: Add, Key: key, Delta: delta})
	return err
}

// Get returns the value of a counter, or one of the errors that Add returns.
func (c *Clerk) Get(ctx context.Context, key string) (int, error) {
	return c.do(ctx, Op{Kind: Get, Key: key})
}

// do makes one call: a request, and as many attempts as it takes.
func (c *Clerk) do(ctx context.Context, op Op) (int, error) {
	c.seq++
	c.retries = min(c.retries+c.budget, max(purse, savings*c.budget))
	deadline, _ := ctx.Deadline()
	req := Request{Client: c.id, Seq: c.seq, Deadline: deadline, Op: op}

	outcome := ErrDefinite // until something may have left this machine
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", outcome, err)
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		resp, err := c.attempt(ctx, req)
		if err == nil && resp.Err == "" {
			return resp.Value, nil
		}
		if err == nil { // what is refused now may have been executed as an earlier copy
			return 0, fmt.Errorf("%w: the server says %q", ErrMaybe, resp.Err)
		}
		if !errors.Is(err, ErrNotSent) {
			outcome = ErrMaybe
		}
		if c.retries < 1 {
			return 0, fmt.Errorf("%w: no retries left: %w", outcome, err)
		}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("%w: %w", outcome, err)
		}
		c.retries--
	}
}

// attempt sends a request once.
func (c *Clerk) attempt(ctx context.Context, req Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	return c.net.Call(ctx, req)
}
