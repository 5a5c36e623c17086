// Package leader makes one of several processes the leader, and keeps the others, and those that were it, off the disk.
package leader

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	ErrHeld  = errors.New("somebody leads already")
	ErrLost  = errors.New("the lease is lost")
	ErrStale = errors.New("a newer leader has written")
)

// Lease is the right to lead for a while.
type Lease struct {
	Token uint64
	Until time.Time
}

// Elector is one process's part in the election of a leader. All that Redis knows of a name is one hash, which never
// expires: the last token, and until when it is valid, by the server's own clock.
type Elector struct {
	rdb redis.UniversalClient
	key []string
	ttl time.Duration
}

// NewElector returns the elector of one process, which has rdb for a client of its own. clock is this machine's wall
// clock, as the network and its operators set it; it has no monotonic reading.
func NewElector(rdb redis.UniversalClient, name string, ttl time.Duration, clock func() time.Time) *Elector {
	return &Elector{rdb: rdb, key: []string{"leader/" + name}, ttl: ttl}
}

// step does one of three things: acquire (ARGV[2] is 0), renew (a token, a ttl), release (a token, no ttl).
var step = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ttl, mine = tonumber(ARGV[1]), ARGV[2]
local token = redis.call('HGET', KEYS[1], 'token')
local taken = tonumber(redis.call('HGET', KEYS[1], 'until') or '0') > now
if mine == '0' then
	if taken then return 0 end
	token = redis.call('HINCRBY', KEYS[1], 'token', 1)
elseif token ~= mine or not taken then
	return 0
end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ttl))
return tonumber(token)
`)

func (e *Elector) step(ctx context.Context, ttl time.Duration, token uint64, refused error) (uint64, time.Time, error) {
	until := time.Now().Add(ttl / 2)
	got, err := step.Run(ctx, e.rdb, e.key, ttl.Milliseconds(), token).Uint64()
	if err == nil && got == 0 {
		err = refused
	}
	return got, until, err
}

func (e *Elector) TryAcquire(ctx context.Context) (*Lease, error) {
	token, until, err := e.step(ctx, e.ttl, 0, ErrHeld)
	if err == nil && time.Until(until) <= 0 {
		err = fmt.Errorf("came too late: %w", ErrLost)
	}
	if err != nil {
		return nil, err
	}
	return &Lease{token, until}, nil
}

func (e *Elector) Renew(ctx context.Context, l *Lease) error {
	_, until, err := e.step(ctx, e.ttl, l.Token, ErrLost)
	if err == nil {
		l.Until = until
	}
	return err
}

func (e *Elector) Release(ctx context.Context, l *Lease) error {
	_, _, err := e.step(ctx, 0, l.Token, ErrLost)
	return err
}

// Lead runs work while e leads. Work has a goroutine of its own; this one looks after the lease, also when ctx has
// ended
// and work has not yet.
func Lead(ctx context.Context, e *Elector, work func(ctx context.Context, token uint64)) error {
	var l *Lease
	for l == nil {
		try, cancel := context.WithTimeout(ctx, e.ttl/2)
		got, err := e.TryAcquire(try)
		cancel()
		if ctx.Err() != nil {
			if err == nil {
				e.leave(ctx, got)
			}
			return ctx.Err()
		}
		if err != nil {
			pause(ctx, e.ttl/20)
			continue
		}
		l = got
	}
	leading, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(leading, l.Token)
	}()
	renewed := make(chan error, 1)
	renewing := false
	copied := *l
	lost := false
	for {
		next := time.After(min(e.ttl/8, max(0, time.Until(l.Until))))
		select {
		case <-done:
			ended := ctx.Err() // by now: what comes while it tidies up changes nothing
			stop()
			if renewing {
				<-renewed
			}
			e.leave(ctx, l)
			switch {
			case lost:
				return ErrLost
			default:
				return ended
			}
		case err := <-renewed:
			renewing = false
			switch {
			case err == nil:
				l.Until = copied.Until
			case errors.Is(err, ErrLost):
				lost = lost || leading.Err() == nil
				stop()
			}
		case <-next:
			if time.Until(l.Until) <= 0 {
				lost = lost || leading.Err() == nil
				stop()
				<-done
				continue
			}
			if !renewing {
				renewing = true
				go func() {
					try, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.ttl/8)
					defer cancel()
					renewed <- e.Renew(try, &copied)
				}()
			}
		}
	}
}

func (e *Elector) leave(ctx context.Context, l *Lease) {
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.ttl/4)
	defer cancel()
	e.Release(try, l)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Resource is the disk, which keeps one value.
type Resource struct {
	now atomic.Pointer[page]
}

type page struct {
	token uint64
	value string
}

// NewResource returns a disk that nobody has written to. It may be used from many goroutines.
func NewResource() *Resource {
	r := &Resource{}
	r.now.Store(&page{})
	return r
}

func (r *Resource) Write(token uint64, v string) error {
	for {
		old := r.now.Load()
		if old.token > token {
			return fmt.Errorf("token %d, after %d: %w", token, old.token, ErrStale)
		}
		if r.now.CompareAndSwap(old, &page{token, v}) {
			return nil
		}
	}
}

func (r *Resource) Read() string { return r.now.Load().value }

// Majority is the smallest number of n members of which two groups cannot be.
func Majority(n int) int {
	m := (n + 1) / 2
	if 2*m == n {
		m++
	}
	return m
}

// Elect counts votes, which has the candidate of each member that has voted, of n in all.
func Elect(votes map[string]string, n int) (leader string, ok bool) {
	for _, candidate := range votes {
		has := 0
		for _, c := range votes {
			if c == candidate {
				has++
			}
		}
		if 2*has > n {
			return candidate, true
		}
	}
	return "", false
}
