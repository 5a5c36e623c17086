package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

var providers = []string{backends.Auto, backends.URL, backends.Container, backends.Local, backends.Embedded}

func checkProvider(name string) error {
	if slices.Contains(providers, name) {
		return nil
	}
	return &usageError{fmt.Errorf("--backend %q is none of auto, url, container, local, embedded", name), "auto takes the first that works"}
}

func (a *app) backendOptions(w *workspace.Workspace, provider string) backends.Options {
	return backends.Options{Provider: provider, Dir: w.Dir, Progress: func(line string) { a.note("%s", line) }}
}

// stores are the backends of one command, started when they are first needed and kept until it ends: a run that is
// cancelled does not take them along.
type stores struct {
	options backends.Options
	ctx     context.Context // ends with close
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

// newStores starts nothing yet. apart is for checks of code that is not to be trusted.
func newStores(a *app, w *workspace.Workspace, provider string, apart bool) *stores {
	s := &stores{options: a.backendOptions(w, provider), sets: map[string]*opening{}}
	s.options.Apart = apart
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// open starts what the needs ask for. It is the Open of a [grade.Grader].
func (s *stores) open(ctx context.Context, needs []string) (grade.Stores, error) {
	redis, postgres := needOf(needs)
	var waits []*opening
	for kind, need := range map[string]backends.Need{backends.Redis: redis, backends.Postgres: postgres} {
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

func (s *stores) start(kind string, need backends.Need) *opening {
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
func (s *stores) Acquire(ctx context.Context, needs []string) (grade.Lease, error) {
	redis, postgres := needOf(needs)
	var lease grade.Lease
	var release []func()
	lease.Release = func() {
		for _, f := range release {
			f()
		}
	}
	for kind, need := range map[string]backends.Need{backends.Redis: redis, backends.Postgres: postgres} {
		if need == (backends.Need{}) {
			continue
		}
		l, err := s.start(kind, need).acquire(ctx, need)
		if err != nil {
			lease.Release()
			return grade.Lease{}, unavailable(err)
		}
		release = append(release, l.Release)
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

// notHere are the kinds of errors that say that a machine does not have a backend; the others say that something that it
// has is broken.
var notHere = []backends.Kind{
	backends.NotInstalled, backends.NoEngine, backends.NoDownload, backends.NotReal, backends.NotToBeHad,
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
func (s *stores) Info() map[string]run.Backend {
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
			all[kind] = run.Backend{Provider: i.Provider, Version: i.Version, Detail: i.Detail}
		}
	}
	return all
}

// close ends what was started.
func (s *stores) close() {
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
