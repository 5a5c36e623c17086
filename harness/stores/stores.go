// Package stores lets checks have the stores of package backends: it is what package grade asks
// for, made of what that package provides.
package stores

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Stores are the backends of one command, started when they are first needed and kept until it
// ends: a run that is cancelled does not take them along.
type Stores struct {
	options backends.Options
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc

	mu   sync.Mutex
	sets map[string]*opening // by backends.Redis and backends.Postgres
}

// opening is a Set that is being opened, or has been when done is closed.
type opening struct {
	done chan struct{}
	set  *backends.Set
	err  error
}

// New starts nothing yet. The backends are to be closed with Close.
func New(o backends.Options) *Stores {
	s := &Stores{options: o, sets: map[string]*opening{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Open starts what the needs ask for. It is the Open of a [grade.Grader].
func (s *Stores) Open(ctx context.Context, needs []string) (grade.Stores, error) {
	redis, postgres := needOf(needs)
	var waits []*opening
	for kind, need := range map[string]backends.Need{backends.Redis: redis,
		backends.Postgres: postgres} {
		if need != (backends.Need{}) {
			waits = append(waits, s.start(kind, need))
		}
	}
	for _, o := range waits {
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if o.err != nil {
			return nil, o.err
		}
	}
	return s, nil
}

func (s *Stores) start(kind string, need backends.Need) *opening {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.sets[kind]; o != nil {
		return o
	}
	o := &opening{done: make(chan struct{})}
	s.sets[kind] = o
	go func() {
		defer close(o.done)
		o.set, o.err = backends.Open(s.ctx, s.options, need)
	}()
	return o
}

// needOf splits what checks need by backend.
func needOf(needs []string) (redis, postgres backends.Need) {
	for _, n := range needs {
		switch n {
		case course.NeedRedis:
			redis.Redis = true
		case course.NeedRealRedis:
			redis.Redis, redis.RealRedis = true, true
		case course.NeedPostgres:
			postgres.Postgres = true
		}
	}
	return redis, postgres
}

// Acquire leases what one check needs.
func (s *Stores) Acquire(ctx context.Context, needs []string) (grade.Lease, error) {
	redis, postgres := needOf(needs)
	var lease grade.Lease
	var release []func()
	var exceeded []func() string
	lease.Exceeded = func() string {
		var all []string
		for _, f := range exceeded {
			if why := f(); why != "" {
				all = append(all, why)
			}
		}
		return strings.Join(all, "; ")
	}
	lease.Release = func() {
		for _, f := range release {
			f()
		}
	}
	for kind, need := range map[string]backends.Need{backends.Redis: redis,
		backends.Postgres: postgres} {
		if need == (backends.Need{}) {
			continue
		}
		l, err := s.start(kind, need).acquire(ctx, need)
		if err != nil {
			lease.Release()
			return grade.Lease{}, unavailable(err)
		}
		release, exceeded = append(release, l.Release), append(exceeded, l.Exceeded)
		if kind == backends.Redis {
			lease.Redis, lease.RedisReal = l.Redis, l.RealRedis
		} else {
			lease.Postgres = l.Postgres
		}
	}
	return lease, nil
}

func (o *opening) acquire(ctx context.Context, need backends.Need) (*backends.Lease, error) {
	select {
	case <-o.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if o.err != nil {
		return nil, o.err
	}
	return o.set.Acquire(ctx, need)
}

// notHere are the kinds of errors that say that a machine does not have a backend; the others say
// that something that it has is broken.
var notHere = []backends.Kind{
	backends.NotInstalled, backends.NoEngine, backends.NoDownload, backends.NotReal,
	backends.NotToBeHad,
}

// unavailable tells what is not to be had here from what is broken.
func unavailable(err error) error {
	e, ok := errors.AsType[*backends.Error](err)
	switch {
	case !ok:
		return err
	case slices.Contains(notHere, e.Kind):
		return &grade.Unavailable{Reason: e.Error(), Remedy: e.Hint()}
	}
	return fmt.Errorf("%w; %s", err, e.Hint())
}

// Info says what was used.
func (s *Stores) Info() map[string]run.Backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]run.Backend{}
	for _, o := range s.sets {
		select {
		case <-o.done:
		default:
			continue
		}
		if o.set == nil {
			continue
		}
		for kind, i := range o.set.Info() {
			all[kind] = run.Backend{Provider: i.Provider, Version: i.Version, Detail: i.Detail,
				PassedOver: i.PassedOver}
		}
	}
	return all
}

// Close ends what was started.
func (s *Stores) Close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.sets {
		<-o.done
		if o.set != nil {
			o.set.Close()
		}
	}
}
