package backends

import (
	"context"
	"fmt"
	"net/url"

	"github.com/redis/go-redis/v9"
)

// first opens the first provider that works, or the one that was asked for, and gives its name. A
// URL needs no labs up, and what is embedded in labs cannot stay when labs ends.
func (st *site) first(ctx context.Context, backend string,
	openers map[string]func(context.Context) *Error) (passed []*Error, missing *Error) {
	for _, provider := range []string{Container, Local, Embedded} {
		if st.Provider != Auto && st.Provider != provider {
			continue
		}
		open := openers[provider]
		if open == nil {
			passed = append(passed, &Error{
				Backend: backend, Provider: provider, Kind: NotToBeHad,
				Text: fmt.Sprintf("the %s %s lives inside a command and cannot stay", provider,
					backend), Remedy: installRedis,
			})
			continue
		}
		err := open(ctx)
		if err == nil {
			return passed, nil
		}
		passed = append(passed, err)
	}
	if len(passed) == 1 {
		return nil, passed[0]
	}
	if len(passed) == 0 {
		return nil, &Error{
			Backend: backend, Provider: URL, Kind: NotToBeHad,
			Text:   "a " + backend + " named by a URL is up without labs",
			Remedy: "nothing to do; labs up is for the other providers",
		}
	}
	return nil, noneWorks(backend, passed)
}

func (i *Info) add(passed []*Error) {
	if over := passedOver(passed); over != "" {
		i.PassedOver = oneLine(over)
	}
}

func (st *site) upRedis(ctx context.Context) (*upRedis, *Error) {
	var up *upRedis
	passed, missing := st.first(ctx, Redis, map[string]func(context.Context) *Error{
		Container: func(ctx context.Context) (err *Error) {
			up,
				err = st.upContainerRedis(ctx)
			return err
		},
		Local: func(ctx context.Context) (err *Error) {
			up,
				err = st.upLocalRedis(ctx)
			return err
		},
	})
	if missing != nil {
		return nil, missing
	}
	up.add(passed)
	return up, nil
}

func (st *site) upLocalRedis(ctx context.Context) (*upRedis, *Error) {
	program, missing := st.findRedis()
	if missing != nil {
		return nil, missing
	}
	l := &localRedis{site: st, program: program}
	r, err := l.start(ctx)
	if err != nil {
		return nil, asError(Redis, Local, err)
	}
	up := &upRedis{URL: "redis://" + r.addr, upServer: upServer{Info: l.info(), Process: &r.Process,
		Dir: r.dir}}
	if up.RunID, err = redisRunID(ctx, r.addr); err != nil {
		r.discard()
		return nil, asError(Redis, Local, err)
	}
	return up, nil
}

// upContainerRedis keeps the first server for a plain go test; commands share the others.
func (st *site) upContainerRedis(ctx context.Context) (*upRedis, *Error) {
	b, slots, err := st.startRedisContainer(ctx, min(2*st.Slots+1, maxRedisSlots))
	if err != nil {
		return nil, explainContainer(Redis, err)
	}
	up := &upRedis{URL: "redis://" + slots[0].Addr, Slots: slots[1:],
		upServer: upServer{Container: b.id}}
	up.Info = Info{Provider: Container, Detail: "one container of " +
		st.image(RedisImageVar, defaultRedisImage)}
	if up.Version, err = redisVersion(ctx, slots[0].Addr); err != nil {
		b.remove()
		return nil, explainContainer(Redis, err)
	}
	return up, nil
}

func redisRunID(ctx context.Context, addr string) (string, error) {
	c := redisClient(redis.Options{Addr: addr})
	defer c.Close()
	return redisInfo(ctx, c, "server", "run_id")
}

func (st *site) upPostgres(ctx context.Context) (*upPostgres, *Error) {
	var up *upPostgres
	passed, missing := st.first(ctx, Postgres, map[string]func(context.Context) *Error{
		Container: func(ctx context.Context) (err *Error) {
			up,
				err = st.upContainerPostgres(ctx)
			return err
		},
		Local: func(ctx context.Context) *Error {
			bin, err := st.findPostgres()
			if err == nil {
				up, err = st.upBinaries(ctx, bin, Local)
			}
			return err
		},
		Embedded: func(ctx context.Context) (missing *Error) {
			bin, err := st.embeddedBinaries(ctx)
			if err != nil {
				return asError(Postgres, Embedded, err)
			}
			up, missing = st.upBinaries(ctx, bin, Embedded)
			return missing
		},
	})
	if missing != nil {
		return nil, missing
	}
	up.add(passed)
	return up, nil
}

func (st *site) upBinaries(ctx context.Context, bin, provider string) (*upPostgres, *Error) {
	defer st.slowly("starting Postgres from %s", bin)()
	server, base, err := st.startPostgres(ctx, bin, provider)
	if err != nil {
		return nil, asError(Postgres, provider, err)
	}
	up := &upPostgres{upServer: upServer{Info: Info{Provider: provider, Detail: bin},
		Process: &server.Process, Dir: server.dir}}
	if err := up.fill(ctx, base); err != nil {
		server.discard()
		return nil, asError(Postgres, provider, err)
	}
	return up, nil
}

func (st *site) upContainerPostgres(ctx context.Context) (*upPostgres, *Error) {
	b, base, err := st.startPostgresContainer(ctx)
	if err != nil {
		return nil, explainContainer(Postgres, err)
	}
	detail := "one container of " + st.image(PostgresImageVar, defaultPostgresImage)
	up := &upPostgres{upServer: upServer{Info: Info{Provider: Container, Detail: detail},
		Container: b.id}}
	if err := up.fill(ctx, base); err != nil {
		b.remove()
		return nil, explainContainer(Postgres, err)
	}
	return up, nil
}

// plainRole owns the database for a plain go test.
const plainRole = "labs_plain"

func (p *upPostgres) fill(ctx context.Context, base *url.URL) error {
	s, err := openServer(ctx, base, shared, p.Provider)
	if err != nil {
		return err
	}
	defer s.hangUp()
	db, err := s.createNamed(ctx, plainRole, "CREATEDB")
	if err != nil {
		return err
	}
	p.Admin, p.URL, p.Version = base.String(), db.url, s.version
	return nil
}
