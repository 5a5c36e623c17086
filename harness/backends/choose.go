package backends

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/docker"
)

// candidate is one provider of one backend.
type candidate struct {
	provider string
	open     func(context.Context) (source, *Error)
}

func (st *site) redisCandidates() []candidate {
	return []candidate{
		{URL, st.openURLRedis},
		{Container, st.openContainerRedis},
		{Local, st.openLocalRedis},
		{Embedded, func(context.Context) (source, *Error) { return openMiniature(), nil }},
	}
}

func (st *site) postgresCandidates() []candidate {
	return []candidate{
		{URL, st.openURLPostgres},
		{Container, st.openContainerPostgres},
		{Local, st.openLocalPostgres},
		{Embedded, st.openEmbeddedPostgres},
	}
}

func (st *site) openRedis(ctx context.Context) (source, *Error) {
	if src := st.uppedRedis(ctx); src != nil {
		return src, nil
	}
	return st.choose(ctx, Redis, st.redisCandidates())
}

func (st *site) openPostgres(ctx context.Context) (source, *Error) {
	if src := st.uppedPostgres(ctx); src != nil {
		return src, nil
	}
	return st.choose(ctx, Postgres, st.postgresCandidates())
}

// choose opens the first provider that works, or the one that was asked for.
func (st *site) choose(ctx context.Context, backend string, candidates []candidate) (source,
	*Error) {
	var passed []*Error
	for _, c := range candidates {
		if st.Provider != Auto && st.Provider != c.provider {
			continue
		}
		src, err := c.open(ctx)
		if err == nil {
			st.tellPassed(passed)
			return &chosen{src, passed}, nil
		}
		if st.Provider != Auto || ctx.Err() != nil {
			return nil, err
		}
		passed = append(passed, err)
	}
	return nil, noneWorks(backend, passed)
}

// chosen is a source that says which providers were passed over.
type chosen struct {
	source
	passed []*Error
}

func (c *chosen) info() Info {
	i := c.source.info()
	i.PassedOver = oneLine(passedOver(c.passed))
	return i
}

// tellPassed says once, when a backend is found, why not from a provider before that somebody means
// to have: one that is there and does not work. That there is none is nothing to be told with every
// run.
func (st *site) tellPassed(passed []*Error) {
	for _, e := range passed {
		engine, _ := errors.AsType[*docker.Error](e)
		if e.Kind == NotInstalled || e.Kind == NoEngine && (engine == nil || !engine.There()) {
			continue
		}
		st.sayOnce("passed over " + e.Provider + ": " + e.Error() + "; labs doctor has more")
	}
}

// sayOnce says what is as true of Redis as of Postgres, which are often opened apart, once in this
// process.
func (st *site) sayOnce(line string) {
	if _, before := saidOnce.LoadOrStore(st.Dir+"\n"+line, true); !before {
		st.say("%s", line)
	}
}

var saidOnce sync.Map // state folder and line

// passedOver is what was wrong with the providers before. That no URL is set is nothing worth
// saying.
func passedOver(errs []*Error) string {
	var list []string
	for _, e := range errs {
		if e.Provider != URL || e.Kind != NotInstalled {
			list = append(list, fmt.Sprintf("%s: %s", e.Provider, e.Error()))
		}
	}
	return strings.Join(list, "; ")
}

func noneWorks(backend string, errs []*Error) *Error {
	e := &Error{Backend: backend, Kind: NotToBeHad,
		Text: fmt.Sprintf("no %s is to be had here: %s", backend, passedOver(errs))}
	for _, one := range errs {
		e.Err = errors.Join(e.Err, one)
	}
	install, variable := installRedis, RedisURLVar
	if backend == Postgres {
		install, variable = installPostgres, PostgresURLVar
	}
	e.Remedy = fmt.Sprintf("start Docker, or %s, or set %s", install, variable)
	return e
}
