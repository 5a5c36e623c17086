package retries

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Clerk is one client of a server. Its calls do not overlap.
type Clerk struct {
	id    string
	net   Net
	seq   uint64
	purse purse
}

// NewClerk returns a clerk with a name that no other has, or will have.
func NewClerk(id string, n Net, budget float64) *Clerk {
	return &Clerk{id: id, net: n, seq: 100, purse: purse{coins: 10, wage: budget}}
}

// purse is a budget of retries.
type purse struct{ coins, wage float64 }

func (p *purse) earn() { p.coins = math.Min(p.coins+p.wage, math.Max(10, 100*p.wage)) }

func (p *purse) empty() bool { return p.coins < 1 }

func (p *purse) pay() { p.coins-- }

// Add adds to a counter. It returns nil when the server has done so, ErrDefinite or ErrMaybe.
func (c *Clerk) Add(ctx context.Context, key string, delta int) error {
	_, err := c.call(ctx, Op{Add, key, delta})
	return err
}

// Get returns the value of a counter, or one of the errors that Add returns.
func (c *Clerk) Get(ctx context.Context, key string) (int, error) {
	return c.call(ctx, Op{Get, key, 0})
}

func (c *Clerk) call(ctx context.Context, op Op) (int, error) {
	c.seq += 10
	c.purse.earn()
	req := Request{Client: c.id, Seq: c.seq, Op: op}
	if d, ok := ctx.Deadline(); ok {
		req.Deadline = d
	}
	sent := false
	for n := 0; ctx.Err() == nil; n++ {
		if n > 0 {
			if c.purse.empty() || !pause(ctx, n) {
				break
			}
			c.purse.pay()
		}
		one, cancel := context.WithTimeout(ctx, AttemptTimeout)
		resp, err := c.net.Call(one, req)
		cancel()
		sent = sent || !errors.Is(err, ErrNotSent)
		if err != nil || resp.Err == busy {
			continue
		}
		if resp.Err != "" {
			break
		}
		return resp.Value, nil
	}
	if sent {
		return 0, fmt.Errorf("%v of %q: %w", op.Kind, op.Key, ErrMaybe)
	}
	return 0, fmt.Errorf("%v of %q: %w", op.Kind, op.Key, ErrDefinite)
}

// pause waits before the n-th retry. If ctx ends before the pause does, it does not even begin.
func pause(ctx context.Context, n int) bool {
	most := 50 * time.Millisecond << min(n-1, 10)
	d := time.Duration(rand.Float64() * float64(min(most, 2*time.Second)))
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
