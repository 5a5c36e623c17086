package backends

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// The variables that name servers that somebody else runs.
const (
	RedisURLVar    = "LABS_REDIS_URL"
	PostgresURLVar = "LABS_POSTGRES_URL"
)

// remotePostgres makes databases in a server that somebody else runs, or that "labs up" left
// running.
type remotePostgres struct {
	*pgServer
	provider string
	detail   string
}

func (r *remotePostgres) info() Info {
	return Info{Provider: r.provider, Version: r.version, Detail: r.detail}
}

func (r *remotePostgres) close() { r.closeServer() }

func (st *site) openURLPostgres(ctx context.Context) (source, *Error) {
	raw := st.Getenv(PostgresURLVar)
	if raw == "" {
		return nil, unset(Postgres, PostgresURLVar)
	}
	base, err := url.Parse(raw)
	if err != nil || base.Host == "" || base.Scheme != "postgres" && base.Scheme != "postgresql" {
		return nil, badURL(Postgres, PostgresURLVar, "postgres://user:password@host:5432/database")
	}
	r, err := st.connectPostgres(ctx, base, foreign, URL)
	if err != nil {
		return nil, unreachable(Postgres, PostgresURLVar, base.Host, err)
	}
	r.detail = base.Host
	if st.Apart {
		r.detail += ", of which labs bounds " + r.bounds()
	}
	return r, nil
}

// bounds says what of it labs can bound for a check, and what only its administrator can.
func (r *remotePostgres) bounds() string {
	if r.superuser {
		return "what a check writes and locks, not its logs, nor on all systems its memory"
	}
	return "what a check keeps in tables and locks, not temporary files, logs and memory"
}

func (st *site) connectPostgres(ctx context.Context, base *url.URL, whose ownership,
	provider string) (*remotePostgres, error) {
	r := &remotePostgres{provider: provider}
	limited, cancel := st.bounded(ctx, 15*time.Second)
	defer cancel()
	var err error
	if r.pgServer, err = openServer(limited, base, whose, provider); err != nil {
		return nil, err
	}
	if err := r.stockUp(limited, ahead(st.Slots)); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func unset(backend, variable string) *Error {
	return &Error{
		Backend: backend, Provider: URL, Kind: NotInstalled, Text: variable + " is not set",
		Remedy: "set " + variable + " to the URL of a server",
	}
}

// badURL does not quote the URL: it may hold a password.
func badURL(backend, variable, example string) *Error {
	return &Error{
		Backend: backend, Provider: URL, Kind: BadOptions,
		Text:   variable + " is not a URL of the form " + example,
		Remedy: "correct it, or unset it to let labs find another way",
	}
}

func unreachable(backend, variable, host string, err error) *Error {
	e := asError(backend, URL, err)
	if e.Err == err && e.Kind == NoStart {
		e.Kind = Unreachable
		e.Text = fmt.Sprintf("%s at %s (%s) cannot be used: %s", backend, host, variable,
			reason(err))
		e.Remedy = "is the server running, and is the password right? unset " + variable +
			" to let labs find another way"
	}
	return e
}
