package backends

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Status is what one provider has to say about one backend.
type Status struct {
	Backend  string `json:"backend"`
	Provider string `json:"provider"`
	OK       bool   `json:"ok"`
	// Detail is where it would come from or, if not OK, why not; Hint is what to do about that, and
	// Kind of what kind it is.
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
	Kind   Kind   `json:"kind,omitempty"`
}

// Probe looks at every provider of each backend, in the order of auto, and starts none: an image
// that is not here may be pulled when it is needed, binaries that are not here may be downloaded.
// It takes a few seconds at most.
func Probe(ctx context.Context, o Options) []Status {
	st, err := newSite(o)
	if err != nil {
		e := asError("", "", err)
		return []Status{{Detail: e.Error(), Hint: e.Hint()}}
	}
	defer st.close()
	probes := []struct {
		backend, provider string
		probe             func(context.Context) (string, *Error)
	}{
		{Redis, URL, st.probeURLRedis},
		{Redis, Container, st.probeContainer(Redis, RedisImageVar, defaultRedisImage)},
		{Redis, Local, st.probeLocalRedis},
		{Redis, Embedded, func(context.Context) (string, *Error) {
			return "miniredis inside labs; not for checks that need a real server", nil
		}},
		{Postgres, URL, st.probeURLPostgres},
		{Postgres, Container, st.probeContainer(Postgres, PostgresImageVar, defaultPostgresImage)},
		{Postgres, Local, st.probeLocalPostgres},
		{Postgres, Embedded, st.probeEmbeddedPostgres},
	}
	list := make([]Status, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() {
			list[i] = Status{Backend: p.backend, Provider: p.provider, OK: true}
			detail, err := p.probe(ctx)
			list[i].Detail = detail
			if err != nil {
				list[i].OK, list[i].Detail, list[i].Hint, list[i].Kind = false, err.Error(),
					err.Hint(), err.Kind
			}
		})
	}
	wg.Wait()
	return list
}

func (st *site) probeURLRedis(ctx context.Context) (string, *Error) {
	src, err := st.openURLRedis(ctx)
	if err != nil {
		return "", err
	}
	defer src.close()
	return src.info().Version + " at " + src.info().Detail, nil
}

func (st *site) probeURLPostgres(ctx context.Context) (string, *Error) {
	src, err := st.openURLPostgres(ctx)
	if err != nil {
		return "", err
	}
	defer src.close()
	return src.info().Version + " at " + src.info().Detail, nil
}

func (st *site) probeContainer(backend, variable, otherwise string) func(context.Context) (string,
	*Error) {
	return func(ctx context.Context) (string, *Error) {
		image := st.image(variable, otherwise)
		e, missing := st.engine(ctx)
		if missing != nil {
			return "", missing
		}
		ctx, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		present, err := e.has(ctx, image)
		switch {
		case err != nil:
			return "", asError(backend, Container, err)
		case present:
			return fmt.Sprintf("%s at %s", image, e.host), nil
		}
		return "", &Error{
			Backend: backend, Provider: Container, Kind: NoImage,
			Text: fmt.Sprintf("the image %s is not here", image),
			Remedy: fmt.Sprintf("docker pull %s, if a registry can be reached; labs tries that itself "+
				"when the image is needed", image),
		}
	}
}

func (st *site) probeLocalRedis(context.Context) (string, *Error) {
	program, missing := st.findRedis()
	if missing != nil {
		return "", missing
	}
	return st.versionOf(Redis, program)
}

func (st *site) probeLocalPostgres(context.Context) (string, *Error) {
	bin, missing := st.findPostgres()
	if missing != nil {
		return "", missing
	}
	return st.versionOf(Postgres, filepath.Join(bin, "postgres"))
}

func (st *site) versionOf(backend, program string) (string, *Error) {
	version, err := programVersion(program)
	if err != nil {
		return "", asError(backend, Local, err)
	}
	if _, err := serverUser(); err != nil {
		return "", asError(backend, Local, err)
	}
	return fmt.Sprintf("%s (%s)", version, program), nil
}

func (st *site) probeEmbeddedPostgres(ctx context.Context) (string, *Error) {
	home, err := st.embeddedHome()
	if err != nil {
		return "", asError(Postgres, Embedded, err)
	}
	if complete(filepath.Join(home, "bin")) {
		return home, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := reachable(ctx, st.mirror()); err != nil {
		return "", asError(Postgres, Embedded, noDownload(st.mirror(), err))
	}
	return fmt.Sprintf("Postgres %s would be downloaded from %s, once", embeddedVersion,
		st.mirror()), nil
}
