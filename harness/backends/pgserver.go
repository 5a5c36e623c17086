package backends

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pgServer makes databases in a Postgres server, whoever runs it.
//
// Every process that uses the server holds an advisory lock on a random key, and its databases and
// roles are named labs_<key>_<n>. So whoever finds some whose key nobody holds can remove them, on
// whatever machine they were made.
type pgServer struct {
	base      *url.URL // an administrator's; never handed out
	pool      *pgPool
	asking    sync.Mutex // for lock
	lock      *pgx.Conn
	key       uint32
	count     atomic.Int64
	version   string
	number    int // 150018
	whose     ownership
	superuser bool
	quotas    quotas
	*stock[*pgDatabase]
}

// ownership is who runs a server, and who else is in it.
type ownership int

const (
	foreign ownership = iota // somebody else runs it
	shared                   // "labs up" started it, for every command of this course
	owned                    // this process started it, for itself, and ends it with the last lease
)

type pgDatabase struct {
	name string
	url  string
}

// lockClass is the first half of the keys of the advisory locks: "labs" in ASCII.
const lockClass = 0x6c616273

// openServer connects to a server that answers. It fails with an Error of kind NotAllowed if the
// role cannot make databases and roles. What dead processes left in a server that is not owned is
// removed; in one that labs started, the databases that leases have no business in are closed to
// them.
func openServer(ctx context.Context, base *url.URL, whose ownership, provider string) (*pgServer,
	error) {
	cfg, err := pgx.ParseConfig(base.String())
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	s := &pgServer{base: base, whose: whose, key: rand.Uint32() >> 1, pool: newPGPool(cfg, 4)}
	if s.lock, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, provider); err != nil {
		s.hangUp()
		return nil, err
	}
	return s, nil
}

func (s *pgServer) prepare(ctx context.Context, provider string) error {
	var role string
	var db, roles bool
	row := s.lock.QueryRow(ctx, `SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, current_setting('server_version'),
		current_setting('server_version_num')::int FROM pg_roles WHERE rolname = current_user`)
	if err := row.Scan(&role, &s.superuser, &db, &roles, &s.version, &s.number); err != nil {
		return err
	}
	s.version, _, _ = strings.Cut(s.version, " ")
	if !s.superuser && !(db && roles) {
		return &Error{
			Backend: Postgres, Provider: provider, Kind: NotAllowed,
			Text: fmt.Sprintf(
				"the role %q may not create databases and roles in the Postgres at %s", role,
				s.base.Host),
			Remedy: fmt.Sprintf(`as its administrator: ALTER ROLE %s CREATEDB CREATEROLE`,
				quote(role)),
		}
	}
	if _, err := s.lock.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", int32(lockClass),
		int32(s.key)); err != nil {
		return err
	}
	if s.whose != owned {
		s.sweep(ctx)
	}
	if s.whose == foreign {
		return nil
	}
	_, err := s.lock.Exec(ctx,
		"REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC")
	return err
}

// stockUp starts making n databases ahead of time; it has to be called before take. It waits for
// the first.
func (s *pgServer) stockUp(ctx context.Context, n int) error {
	first, err := s.create(ctx)
	if err != nil {
		return err
	}
	s.stock = newStock(n, first, s.create, s.destroy)
	s.stock.wg.Go(func() { s.watch(s.stock.ctx) })
	return nil
}

func (s *pgServer) take(ctx context.Context) (string, func(), error) {
	db, err := s.stock.take(ctx)
	if err != nil {
		return "", nil, err
	}
	if err := s.answers(ctx); err != nil { // the database was made a while ago
		s.giveBack(db)
		return "", nil, err
	}
	s.quotas.begin(db.name)
	release := func() {
		s.quotas.end(db.name)
		s.giveBack(db)
	}
	return db.url, release, nil
}

// exceeded says what the lease of that URL has taken beyond its quota.
func (s *pgServer) exceeded(lease string) string {
	u, err := url.Parse(lease)
	if err != nil {
		return ""
	}
	return s.quotas.why(strings.TrimPrefix(u.Path, "/"))
}

func (s *pgServer) answers(ctx context.Context) error {
	s.asking.Lock()
	defer s.asking.Unlock()
	// A context that is done would close the connection, and with it give up the lock.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.lock.Ping(ctx)
}

// connectionLimit is what a role may have open at once: as many as an ordinary role has on a server
// with the default settings.
const connectionLimit = 97

// connections is what a server that labs starts allows in all: so many that no check can take those
// of another, also while the databases of checks that have ended are being removed.
func (st *site) connections() int {
	const most = 2000 // for as many cores as a machine seldom has
	return min(max(300, connectionLimit*(2*st.Slots)+10), most)
}

func (s *pgServer) create(ctx context.Context) (*pgDatabase, error) {
	name := fmt.Sprintf("labs_%08x_%d", s.key, s.count.Add(1))
	return s.createNamed(ctx, name, "")
}

// createNamed makes a role and a database of the same name that only it may connect to.
func (s *pgServer) createNamed(ctx context.Context, name, roleOptions string) (*pgDatabase, error) {
	password := secret()
	statements := []string{fmt.Sprintf("CREATE ROLE %s LOGIN %s CONNECTION LIMIT %d PASSWORD '%s'",
		name, roleOptions, connectionLimit, password)}
	if !s.superuser {
		// or the database cannot be given to it
		statements = append(statements, "GRANT "+name+" TO CURRENT_USER")
	}
	create := "CREATE DATABASE " + name + " OWNER " + name +
		" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
	if s.number >= 150000 {
		create += " LOCALE_PROVIDER libc"
		if s.whose != foreign {
			create += " STRATEGY file_copy" // the quicker one where fsync is off
		}
	}
	statements = append(statements, create, "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC")
	if s.superuser {
		for _, setting := range roleSettings {
			statements = append(statements, "ALTER ROLE "+name+" SET "+setting)
		}
	}
	for _, statement := range statements {
		if err := s.pool.exec(ctx, statement); err != nil {
			s.dropNamed(name)
			return nil, err
		}
	}
	return &pgDatabase{name, withDatabase(s.base, name, password, name)}, nil
}

// destroy removes the database and its role. A server that is about to end is not cleaned first.
func (s *pgServer) destroy(db *pgDatabase) {
	if s.whose == owned && s.stock.ctx.Err() != nil {
		return
	}
	s.dropNamed(db.name)
}

func (s *pgServer) dropNamed(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), statementLimit)
	defer cancel()
	drop := "DROP DATABASE IF EXISTS " + name
	if s.number >= 130000 {
		drop += " WITH (FORCE)"
	} else {
		s.pool.exec(ctx, "ALTER DATABASE "+name+" CONNECTION LIMIT 0")
		s.pool.exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	}
	if s.pool.exec(ctx, drop) == nil {
		s.pool.exec(ctx, "DROP ROLE IF EXISTS "+name)
	}
}

// sweep removes the databases and roles of processes that have ended: nobody holds their key, and
// nobody is connected.
func (s *pgServer) sweep(ctx context.Context) (removed []string) {
	rows, err := s.lock.Query(ctx, `
		SELECT name FROM (SELECT datname AS name FROM pg_database UNION SELECT rolname FROM pg_roles) AS names
		WHERE name ~ '^labs_[0-9a-f]{8}_[0-9]+$'
		AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = name)`)
	if err != nil {
		return nil
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil
	}
	held := map[uint32]bool{}
	rows, err = s.lock.Query(ctx,
		"SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = $1",
		int64(lockClass))
	if err != nil {
		return nil
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil
	}
	for _, k := range keys {
		held[uint32(k)] = true
	}
	for _, name := range names {
		key, _ := strconv.ParseUint(name[len("labs_"):len("labs_")+8], 16, 32)
		if !held[uint32(key)] {
			s.dropNamed(name)
			removed = append(removed, "database "+name)
		}
	}
	return removed
}

// closeServer gives up the server. Whoever runs it ends it.
func (s *pgServer) closeServer() {
	if s.stock != nil {
		s.stock.close()
	}
	s.hangUp()
}

func (s *pgServer) hangUp() {
	s.pool.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.lock.Close(ctx)
}

// awaitServer connects until the server lets us in, ctx is done or gaveUp is closed.
func awaitServer(ctx context.Context, base *url.URL, gaveUp <-chan struct{}) error {
	ctx, cancel := until(ctx, gaveUp)
	defer cancel()
	for {
		if err := dialling(ctx, base.Host, gaveUp); err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, base.String())
		if err == nil {
			return conn.Close(ctx)
		}
		if closed(gaveUp) { // another program has the port, and does not answer
			return errGaveUp
		}
		// starting up, shutting down
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code != "57P03" &&
			e.Code != "57P01" {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-gaveUp:
			return errGaveUp
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// letsIn tries to connect once.
func letsIn(ctx context.Context, base *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, base.String())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// adminURL is the URL of a server that labs starts.
func adminURL(host string, port int, password string) *url.URL {
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword(adminUser, password),
		Host: net.JoinHostPort(host, strconv.Itoa(port)),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
}

const adminUser = "labs_admin"

// withDatabase is the URL of another role and database of the same server.
func withDatabase(base *url.URL, role, password, database string) string {
	u := *base
	u.User = url.UserPassword(role, password)
	u.Path = "/" + database
	query := u.Query()
	for _, key := range []string{"user", "password", "dbname", "database"} {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func quote(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }
