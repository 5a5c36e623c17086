// Package pg gives a check a PostgreSQL database of its own, empty and real, and connection pools
// to it.
//
// Under the runner the database is made and dropped by it. Under a plain "go test" it is made here,
// on the server that LABS_POSTGRES_URL names or "labs up" has left running, and dropped when the
// test ends. Time is real, so everything here has a deadline: what hangs becomes a failure that
// says so.
package pg

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// patience is for statements of the check itself and for the server; none of them takes long.
const patience = 5 * time.Second

// Missing is what a check says that has no server to go to.
const Missing = "this check needs PostgreSQL: run `labs up` first (or `labs check`, which " +
	"starts one)"

var (
	mu    sync.Mutex
	known = map[testing.TB]string{} // DSN
)

// DSN is the connection string of the database that belongs to this test alone. It is empty at the
// first call, and the same at every later one.
func DSN(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if dsn, ok := known[t]; ok {
		return dsn
	}
	request, byRunner := account.Current()
	dsn := request.Postgres
	switch {
	case dsn == "":
		t.Fatal(Missing)
	case !byRunner:
		dsn = create(t, dsn)
	}
	known[t] = dsn
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		delete(known, t)
	})
	return dsn
}

// create makes a database under a random name on the server, and returns the server's connection
// string with that name in it.
func create(t testing.TB, server string) string {
	t.Helper()
	name := "labs_" + strings.ToLower(rand.Text())
	// template0, because a session of somebody else's in template1 would make this fail.
	if err := once(server, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("%s\nThe server that it was told of does not do: %v", Missing, err)
	}
	t.Cleanup(func() {
		if err := once(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(server, name)
}

// once runs one statement on a connection of its own.
func once(dsn, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	conn, err := connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// withDatabase is the connection string with another database, in either of the two forms that
// there are.
func withDatabase(dsn, name string) string {
	if u, err := url.Parse(dsn); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		u.Path = "/" + name
		q := u.Query()
		q.Del("dbname")
		q.Del("database")
		u.RawQuery = q.Encode()
		return u.String()
	}
	return dsn + " dbname=" + name // the last one counts
}

// Option changes a pool.
type Option func(*pgxpool.Config)

// MaxConns sets how many connections the pool may open; 4 without it. Servers allow about 100 to
// all of their clients together.
func MaxConns(n int) Option { return func(c *pgxpool.Config) { c.MaxConns = int32(n) } }

// Pool is a new pool of connections to the test's database. It is closed, see [Close], when the
// test ends.
func Pool(t testing.TB, opts ...Option) *pgxpool.Pool {
	t.Helper()
	return open(t, config(t, opts))
}

// PoolVia is a [Pool] whose connections go through the proxy at addr, which must lead to [Server].
func PoolVia(t testing.TB, addr string, opts ...Option) *pgxpool.Pool {
	t.Helper()
	c := config(t, opts)
	c.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	return open(t, c)
}

// Server is the network ("tcp" or "unix") and the address at which the test's server listens.
func Server(t testing.TB) (network, addr string) {
	t.Helper()
	c := config(t, nil).ConnConfig
	return pgconn.NetworkAddress(c.Host, c.Port)
}

func config(t testing.TB, opts []Option) *pgxpool.Config {
	t.Helper()
	c, err := parse(DSN(t))
	if err != nil {
		t.Fatalf("the connection string of the test's database: %v", err)
	}
	c.MaxConns = 4
	c.ConnConfig.ConnectTimeout = patience
	// Whatever a submission has set for its role or its database: a function of its own that stands
	// before the server's would answer what the check asks.
	c.ConnConfig.RuntimeParams["search_path"] = "public"
	for _, o := range opts {
		o(c)
	}
	return c
}

func open(t testing.TB, c *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := newPool(c)
	if err != nil {
		t.Fatalf("open a pool: %v", err)
	}
	t.Cleanup(func() { Close(t, pool) })
	return pool
}

// Close closes a pool before the end of the test, which saves the server's connections. It waits
// for those that are in use. One that is never given back is a finding: a transaction that was
// neither committed nor rolled back, or rows that were neither read to the end nor closed.
func Close(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	wait := patience
	if t.Failed() {
		wait = 100 * time.Millisecond // it has something more important to say
	}
	select {
	case <-closed:
	case <-time.After(wait):
		if s := pool.Stat(); !t.Failed() && s.AcquiredConns() > 0 {
			expect.Fail(t, expect.Message{
				Did:  "closed the pool when all calls had returned",
				Want: "all of its connections given back",
				Got:  fmt.Sprintf("%d still in use %v later", s.AcquiredConns(), wait),
				Why: "each transaction that is neither committed nor rolled back, and each " +
					"result that is not read to its end, keeps a connection; when the pool has " +
					"none left, every request waits for ever",
			})
		}
	}
}

// Exec runs a statement of the check's own, or several without arguments, and ends the check if
// that fails.
func Exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := pool.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Count returns the one number that a query of the check's own gives, and ends the check if there
// is none.
func Count(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	return Value[int](t, pool, sql, args...)
}

// Value returns the one value that a query of the check's own gives, and ends the check if there is
// none.
func Value[T any](t testing.TB, pool *pgxpool.Pool, sql string, args ...any) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := pool.QueryRow(ctx, sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// The constructors of pgx are called from functions that are not inlined: inlined into a check they
// would have much of pgx compiled again with every edit of the lab.

//go:noinline
func newPool(c *pgxpool.Config) (*pgxpool.Pool, error) {
	return pgxpool.NewWithConfig(context.Background(), c)
}

//go:noinline
func parse(dsn string) (*pgxpool.Config, error) { return pgxpool.ParseConfig(dsn) }

//go:noinline
func connect(ctx context.Context, dsn string) (*pgx.Conn, error) { return pgx.Connect(ctx, dsn) }
