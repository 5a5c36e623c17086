package backends

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	tcpostgres "github.com/testcontainers/testcontainers-go/modules/postgres"
)

// containerPostgres is one container with one server.
type containerPostgres struct {
	*pgServer
	box    *box
	detail string
}

func (c *containerPostgres) info() Info {
	return Info{Provider: Container, Version: c.version, Detail: c.detail}
}

func (c *containerPostgres) close() {
	c.closeServer()
	c.box.remove()
}

const postgresPort = "5432/tcp"

// engineWith gives an engine that has the image.
func (st *site) engineWith(ctx context.Context, backend, variable, image string) (*engine, *Error) {
	e, missing := st.engine(ctx)
	if missing != nil {
		copied := *missing
		copied.Backend = backend
		return nil, &copied
	}
	if missing := st.haveImage(ctx, e, backend, variable, image); missing != nil {
		return nil, missing
	}
	st.used.Store(e)
	return e, nil
}

func (st *site) openContainerPostgres(ctx context.Context) (source, *Error) {
	b, base, err := st.startPostgresContainer(ctx)
	if err != nil {
		return nil, explainContainer(Postgres, err)
	}
	c := &containerPostgres{box: b, detail: "one container of " +
		st.image(PostgresImageVar, defaultPostgresImage)}
	if c.pgServer, err = openServer(ctx, base, owned, Container); err != nil {
		b.remove()
		return nil, explainContainer(Postgres, err)
	}
	if err := c.stockUp(ctx, ahead(st.Slots)); err != nil {
		c.close()
		return nil, explainContainer(Postgres, err)
	}
	return c, nil
}

func (st *site) startPostgresContainer(ctx context.Context) (*box, *url.URL, error) {
	image := st.image(PostgresImageVar, defaultPostgresImage)
	e, missing := st.engineWith(ctx, Postgres, PostgresImageVar, image)
	if missing != nil {
		return nil, nil, missing
	}
	defer st.slowly("starting Postgres in a container of %s (labs up keeps it running)", image)()
	ctx, cancel := st.bounded(ctx, 3*time.Minute)
	defer cancel()
	password := secret()
	environment := map[string]string{"POSTGRES_INITDB_ARGS": "--no-sync --wal-segsize=1"}
	inMemory := map[string]string{}
	if st.hasMemory(ctx, e) {
		const data = "/labs-data"
		environment["PGDATA"], inMemory[data] = data, fmt.Sprint("size=", memoryRoom)
	}
	options := append(st.customise(e, postgresPort),
		tcpostgres.WithUsername(adminUser), tcpostgres.WithPassword(password),
		tcpostgres.WithDatabase("postgres"),
		testcontainers.WithEnv(environment),
		testcontainers.WithCmd(append([]string{"postgres"}, settings(st.connections())...)...),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) {
			c.Ulimits = []*container.Ulimit{hardLimit("data", postgresMemory),
				hardLimit("fsize", postgresFile)}
			c.Tmpfs = inMemory
		}),
	)
	c, err := tcpostgres.Run(ctx, image, options...)
	b, err := st.started(e, c, err)
	if err != nil {
		return nil, nil, err
	}
	var base *url.URL
	_, _, err = b.address(ctx, postgresPort, func(ctx context.Context, host string,
		port int) error {
		// The server of the init phase has no port; the engine's proxy accepts a connection all the
		// same and ends it.
		if err := reachablePort(ctx, host, port); err != nil {
			return err
		}
		base = adminURL(host, port, password)
		return letsIn(ctx, base)
	})
	if err != nil {
		b.remove()
		return nil, nil, err
	}
	return b, base, nil
}

func hardLimit(name string, n int64) *container.Ulimit {
	return &container.Ulimit{Name: name, Soft: n, Hard: n}
}
