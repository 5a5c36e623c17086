package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/backend-labs/backend-labs/harness/lock"

	"github.com/redis/go-redis/v9"
)

// State is what "labs up" has left running.
type State struct {
	Redis     string // the URL for a plain go test, "" if none is up
	RealRedis bool
	Postgres  string
	Info      map[string]Info // as Set.Info
}

// Server is one that is up, with how to reach it.
type Server struct {
	Backend string `json:"backend"` // redis, postgres
	URL     string `json:"url"`
	Client  string `json:"client"` // a command line that connects to it
	Info
}

// Servers lists what is up, Redis first.
func (s State) Servers() []Server {
	list := []Server{}
	if i, ok := s.Info[Redis]; ok {
		list = append(list, Server{Redis, s.Redis, "redis-cli -u " + s.Redis, i})
	}
	if i, ok := s.Info[Postgres]; ok {
		list = append(list, Server{Postgres, s.Postgres, "psql '" + s.Postgres + "'", i})
	}
	return list
}

func (u *upState) public() State {
	s := State{Info: map[string]Info{}}
	if u.Redis != nil {
		s.Redis, s.RealRedis, s.Info[Redis] = u.Redis.URL, true, u.Redis.Info
	}
	if u.Postgres != nil {
		s.Postgres, s.Info[Postgres] = u.Postgres.URL, u.Postgres.Info
	}
	return s
}

// Up starts what need asks for and leaves it running for later commands and for a plain go test,
// which find it through files in Dir. What is up already and answers stays. The database for a
// plain go test belongs to a role that may create others.
//
// If something cannot be started, the error is an [*Error] or joins two, and the State says what is
// up all the same.
func Up(ctx context.Context, o Options, need Need) (State, error) {
	o.Lasting = true
	st, err := newSite(o)
	if err != nil {
		return State{}, err
	}
	st.up = true
	defer st.close()
	unlock, err := st.lockUp(ctx)
	if err != nil {
		return State{}, err
	}
	defer unlock()
	st.sweepSoon(ctx)
	u := st.loadUp()
	var errs []error
	if u.Redis != nil && !u.Redis.answers(ctx) {
		errs = append(errs, st.takeDown(ctx, Redis, &u.Redis.upServer))
		u.Redis = nil
	}
	if u.Postgres != nil && !u.Postgres.answers(ctx) {
		errs = append(errs, st.takeDown(ctx, Postgres, &u.Postgres.upServer))
		u.Postgres = nil
	}
	before := *u
	if u.Redis == nil && (need.Redis || need.RealRedis) {
		var missing *Error
		if u.Redis, missing = st.upRedis(ctx); missing != nil {
			errs = append(errs, missing)
		}
	}
	if u.Postgres == nil && need.Postgres {
		var missing *Error
		if u.Postgres, missing = st.upPostgres(ctx); missing != nil {
			errs = append(errs, missing)
		}
	}
	if err := st.saveUp(u); err != nil {
		st.giveUp(ctx, u, before)
		return State{}, unwritable(st.Dir, err)
	}
	return u.public(), errors.Join(errs...)
}

// giveUp ends what has come to what was up before: nobody could find it later.
func (st *site) giveUp(ctx context.Context, u *upState, before upState) {
	ctx = context.WithoutCancel(ctx)
	if before.Redis == nil && u.Redis != nil {
		st.takeDown(ctx, Redis, &u.Redis.upServer)
	}
	if before.Postgres == nil && u.Postgres != nil {
		st.takeDown(ctx, Postgres, &u.Postgres.upServer)
	}
	st.removeContainers()
}

// Down ends what "labs up" left running and says what that was.
func Down(ctx context.Context, o Options) (removed []string, err error) {
	st, err := newSite(o)
	if err != nil {
		return nil, err
	}
	st.up = true
	defer st.close()
	unlock, err := st.lockUp(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	u := st.loadUp()
	if u.Redis != nil {
		err = errors.Join(err, st.takeDown(ctx, Redis, &u.Redis.upServer))
		removed = append(removed, fmt.Sprintf("redis %s (%s)", u.Redis.Version, u.Redis.Provider))
	}
	if u.Postgres != nil {
		err = errors.Join(err, st.takeDown(ctx, Postgres, &u.Postgres.upServer))
		removed = append(removed, fmt.Sprintf("postgres %s (%s)", u.Postgres.Version,
			u.Postgres.Provider))
	}
	if err != nil {
		return nil, err // and the state stays, to try again
	}
	if err := st.saveUp(&upState{}); err != nil {
		return removed, err
	}
	more, _ := st.sweepJournals(ctx)
	return append(removed, more...), nil
}

// Running is what "labs up" has left running and answers now.
func Running(ctx context.Context, o Options) State {
	st, err := newSite(o)
	if err != nil {
		return State{Info: map[string]Info{}}
	}
	defer st.close()
	u := st.loadUp()
	if u.Redis != nil && !u.Redis.answers(ctx) {
		u.Redis = nil
	}
	if u.Postgres != nil && !u.Postgres.answers(ctx) {
		u.Postgres = nil
	}
	return u.public()
}

// lockUp lets one Up or Down at a time do its work.
func (st *site) lockUp(ctx context.Context) (unlock func(), err error) {
	defer st.slowly("waiting for another labs up or labs down")()
	for {
		held, err := lock.Try(filepath.Join(st.runDir(), "up.lock"))
		if err != nil {
			return nil, err
		}
		if held != nil {
			return held.Release, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// takeDown ends one server, as far as it still runs.
func (st *site) takeDown(ctx context.Context, backend string, s *upServer) error {
	if s.Process != nil {
		quit := sigquit
		if backend == Redis {
			quit = syscall.SIGKILL
		}
		(&child{Process: *s.Process, quit: quit}).end()
	}
	if s.Dir != "" {
		if err := removeTemp(s.Dir); err != nil {
			return err
		}
	}
	if s.Container != "" {
		e, missing := st.engine(ctx)
		if missing != nil {
			return missing
		}
		return e.removeContainer(ctx, s.Container)
	}
	return nil
}

func (r *upRedis) answers(ctx context.Context) bool {
	o, err := redis.ParseURL(r.URL)
	return err == nil && answersRedis(ctx, o.Addr, r.RunID)
}

func (p *upPostgres) answers(ctx context.Context) bool {
	base, err := url.Parse(p.Admin)
	return err == nil && letsIn(ctx, base) == nil
}
