// Package leader makes one of several processes the leader, and keeps the others, and those that were it, off the disk.
package leader

import (
	"context"
	"errors"
	"fmt"
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
}

// Elector is one process's part in the election of a leader.
type Elector struct {
	rdb  redis.UniversalClient
	keys []string // the lock, whose value is its holder's token, and the last token, which never expires
	ttl  time.Duration
}

// NewElector returns the elector of one process, which has rdb for a client of its own. clock is this machine's wall
// clock, as the network and its operators set it; it has no monotonic reading, and is of no use here.
func NewElector(rdb redis.UniversalClient, name string, ttl time.Duration, clock func() time.Time) *Elector {
	return &Elector{rdb: rdb, keys: []string{"{" + name + "}:lock", "{" + name + "}:token"}, ttl: ttl}
}

// Each script is one step: nobody can come between looking and acting, however long this process stands still.
var (
	// The token is drawn with the lock. Drawn before it, somebody else may lead in between, and be the newer one;
	// drawn after
	// it, this process may be the newer one without leading any more.
	acquire = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then
	return 0
end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], token, 'PX', ARGV[1])
return token
`)
	renew = redis.NewScript(`
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)
	release = redis.NewScript(`
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])
`)
)

// until is when a lease must end that was acquired or renewed by a call that began then. When the server has begun to
// count is unknown, but it was not before.
func (e *Elector) until(began time.Time) time.Time {
	return began.Add(e.ttl - e.ttl/20)
}

func (e *Elector) TryAcquire(ctx context.Context) (*Lease, error) {
	began := time.Now()
	token, err := acquire.Run(ctx, e.rdb, e.keys, e.ttl.Milliseconds()).Uint64()
	switch {
	case err != nil:
		return nil, fmt.Errorf("leader: acquire: %w", err)
	case token == 0:
		return nil, ErrHeld
	}
	l := &Lease{Token: token, Until: e.until(began)}
	if !time.Now().Before(l.Until) {
		return nil, errors.New("leader: acquire: the lease was over before the answer came")
	}
	return l, nil
}

func (e *Elector) Renew(ctx context.Context, l *Lease) error {
	began := time.Now()
	if err := e.own(renew.Run(ctx, e.rdb, e.keys, l.Token, e.ttl.Milliseconds())); err != nil {
		return err
	}
	l.Until = e.until(began)
	return nil
}

func (e *Elector) Release(ctx context.Context, l *Lease) error {
	return e.own(release.Run(ctx, e.rdb, e.keys, l.Token))
}

// own reads the answer of a script that acts on the lease's own lock only. A Lua false is a redis.Nil.
func (e *Elector) own(reply *redis.Cmd) error {
	switch err := reply.Err(); {
	case errors.Is(err, redis.Nil):
		return ErrLost
	case err != nil:
		return fmt.Errorf("leader: %w", err)
	}
	return nil
}

// Lead runs work while e leads.
func Lead(ctx context.Context, e *Elector, work func(ctx context.Context, token uint64)) error {
	l, err := e.await(ctx)
	if err != nil {
		return err
	}
	leading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lost := errors.New("the lease is over") // a cause of its own: ctx may be that of another Lead's work
	// A timer of its own ends the lease, for a renewal may hang, and nobody can tell a leader that it is cut off.
	over := time.AfterFunc(time.Until(l.Until), func() { stop(lost) })
	defer over.Stop()

	var renewing sync.WaitGroup
	renewing.Go(func() { e.keep(leading, l, over, func(error) { stop(lost) }) })
	work(leading, l.Token)
	ended, cause := leading.Err(), context.Cause(leading)
	stop(nil)
	renewing.Wait()

	// The successor must not wait because ctx has ended.
	cleanUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.ttl/2)
	defer cancel()
	e.Release(cleanUp, l) // without an answer the lease runs out
	if cause == lost {
		return ErrLost
	}
	return ended
}

// await returns e's next lease, or ctx's error.
func (e *Elector) await(ctx context.Context) (*Lease, error) {
	again := time.NewTicker(e.ttl / 10)
	defer again.Stop()
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, e.ttl/2)
		l, err := e.TryAcquire(try)
		cancel()
		if err == nil && ctx.Err() == nil {
			return l, nil
		}
		if err == nil { // it has come too late
			bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.ttl/2)
			e.Release(bye, l)
			cancel()
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
	return nil, ctx.Err()
}

// keep renews l, and with it the timer, until it is lost or ctx ends. A renewal that hangs makes way for the next one.
func (e *Elector) keep(ctx context.Context, l *Lease, over *time.Timer, stop context.CancelCauseFunc) {
	next := time.NewTicker(e.ttl / 5)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		try, cancel := context.WithTimeout(ctx, e.ttl/5)
		err := e.Renew(try, l)
		cancel()
		switch {
		case err == nil:
			over.Reset(time.Until(l.Until))
		case errors.Is(err, ErrLost):
			stop(ErrLost)
			return
		}
	}
}

// Resource is the disk, which keeps one value.
type Resource struct {
	mu    sync.Mutex
	token uint64 // the greatest that has written
	value string
}

// NewResource returns a disk that nobody has written to. It may be used from many goroutines.
func NewResource() *Resource {
	return &Resource{}
}

func (r *Resource) Write(token uint64, v string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if token < r.token {
		return ErrStale
	}
	r.token, r.value = token, v
	return nil
}

func (r *Resource) Read() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.value
}

func Majority(n int) int {
	return n/2 + 1
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
