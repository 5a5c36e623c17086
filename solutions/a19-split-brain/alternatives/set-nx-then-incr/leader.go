// Package leader makes one of several processes the leader, and keeps the others, and those that were it, off the disk.
package leader

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
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
	owner string // what the lock says while it is this lease's
}

// Elector is one process's part in the election of a leader. It uses no scripts.
type Elector struct {
	rdb         redis.UniversalClient
	lock, token string
	ttl         time.Duration
}

// NewElector returns the elector of one process, which has rdb for a client of its own. clock is this machine's wall
// clock, as the network and its operators set it; it has no monotonic reading.
func NewElector(rdb redis.UniversalClient, name string, ttl time.Duration, clock func() time.Time) *Elector {
	return &Elector{rdb: rdb, lock: "lock:" + name, token: "token:" + name, ttl: ttl}
}

var errLate = errors.New("the lease was over before it was known")

// TryAcquire takes the lock and then draws the token. That is two steps, and safe only because of the last look at the
// clock: a token that was drawn when the lock could be lost is thrown away.
func (e *Elector) TryAcquire(ctx context.Context) (*Lease, error) {
	l := &Lease{Until: time.Now().Add(e.ttl * 9 / 10), owner: rand.Text()}
	taken, err := e.rdb.SetNX(ctx, e.lock, l.owner, e.ttl).Result()
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, ErrHeld
	}
	token, err := e.rdb.Incr(ctx, e.token).Uint64()
	if err != nil {
		return nil, err
	}
	l.Token = token
	if time.Until(l.Until) <= 0 {
		return nil, errLate
	}
	return l, nil
}

// own does something to the lock, as one step, if it is l's: a transaction that fails if anything has changed since.
func (e *Elector) own(ctx context.Context, l *Lease, do func(redis.Pipeliner) *redis.BoolCmd) error {
	err := e.rdb.Watch(ctx, func(tx *redis.Tx) error {
		switch owner, err := tx.Get(ctx, e.lock).Result(); {
		case errors.Is(err, redis.Nil) || err == nil && owner != l.owner:
			return ErrLost
		case err != nil:
			return err
		}
		var done *redis.BoolCmd
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			done = do(p)
			return nil
		})
		if err == nil && !done.Val() {
			return ErrLost
		}
		return err
	}, e.lock)
	if errors.Is(err, redis.TxFailedErr) {
		return ErrLost
	}
	return err
}

func (e *Elector) Renew(ctx context.Context, l *Lease) error {
	until := time.Now().Add(e.ttl * 9 / 10)
	err := e.own(ctx, l, func(p redis.Pipeliner) *redis.BoolCmd { return p.PExpire(ctx, e.lock, e.ttl) })
	if err == nil {
		l.Until = until
	}
	return err
}

func (e *Elector) Release(ctx context.Context, l *Lease) error {
	return e.own(ctx, l, func(p redis.Pipeliner) *redis.BoolCmd { return p.PExpire(ctx, e.lock, -time.Second) })
}

// Lead runs work while e leads. A context with a deadline cannot be prolonged, so there is one for each lease, and a
// goroutine that ends the work's when none is left.
func Lead(ctx context.Context, e *Elector, work func(ctx context.Context, token uint64)) error {
	l, err := e.within(ctx, e.ttl/2)
	for err != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(e.ttl / 10):
		}
		l, err = e.within(ctx, e.ttl/2)
	}
	if ctx.Err() != nil { // it came too late
		goodbye, cancel := context.WithTimeout(context.Background(), e.ttl/3)
		defer cancel()
		e.Release(goodbye, l)
		return ctx.Err()
	}
	leading, stop := context.WithCancelCause(ctx)
	lost := errors.New("the lease is over") // not that of a Lead whose work this is
	untils := make(chan time.Time)
	var both sync.WaitGroup
	first := l.Until
	both.Go(func() { guard(leading, first, untils, func() { stop(lost) }) })
	both.Go(func() {
		for wait(leading, e.ttl/5) {
			try, cancel := context.WithTimeout(leading, e.ttl*2/5)
			err := e.Renew(try, l)
			cancel()
			if errors.Is(err, ErrLost) {
				stop(lost)
			}
			if err == nil {
				select {
				case untils <- l.Until:
				case <-leading.Done():
				}
			}
		}
	})
	work(leading, l.Token)
	result := leading.Err()
	if context.Cause(leading) == lost {
		result = ErrLost
	}
	stop(context.Canceled)
	both.Wait()
	goodbye, cancel := context.WithTimeout(context.Background(), e.ttl/3)
	defer cancel()
	e.Release(goodbye, l)
	return result
}

func (e *Elector) within(ctx context.Context, d time.Duration) (*Lease, error) {
	try, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return e.TryAcquire(try)
}

// guard ends the work's context when the lease is over.
func guard(ctx context.Context, until time.Time, untils <-chan time.Time, stop func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case until = <-untils:
		case <-time.After(time.Until(until)):
			stop()
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Resource is the disk, which keeps one value.
type Resource struct {
	all chan disk
}

type disk struct {
	token uint64
	value string
}

// NewResource returns a disk that nobody has written to. It may be used from many goroutines.
func NewResource() *Resource {
	r := &Resource{make(chan disk, 1)}
	r.all <- disk{}
	return r
}

func (r *Resource) Write(token uint64, v string) error {
	d := <-r.all
	defer func() { r.all <- d }()
	if d.token > token {
		return ErrStale
	}
	d = disk{token, v}
	return nil
}

func (r *Resource) Read() string {
	d := <-r.all
	r.all <- d
	return d.value
}

func Majority(n int) int {
	return (n + 2) / 2
}

// Elect counts votes, which has the candidate of each member that has voted, of n in all.
func Elect(votes map[string]string, n int) (leader string, ok bool) {
	count := map[string]int{}
	for _, candidate := range votes {
		count[candidate]++
		if count[candidate] >= Majority(n) {
			return candidate, true
		}
	}
	return "", false
}
