package room

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite" // and the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What may be wrong with a request. Each is the caller's to tell in a line.
var (
	ErrNewer     = errors.New("the database was made by a newer labs")
	ErrCode      = errors.New("that is not the code of this room")
	ErrName      = errors.New("a name has 1 to 80 letters, digits and signs, and nothing that cannot be seen")
	ErrTaken     = errors.New("somebody of that name is in the room already")
	ErrRoster    = errors.New("that name is not on the roster")
	ErrToken     = errors.New("nobody in this room has that token")
	ErrClosed    = errors.New("it is closed")
	ErrEnded     = errors.New("the workshop has ended")
	ErrNotFound  = errors.New("there is none")
	ErrNoRoom    = errors.New("the database has no room yet")
	ErrDuplicate = errors.New("the roster has a name twice")
	ErrRunning   = errors.New("not all of it is graded again yet")
	ErrDecided   = errors.New("that regrade was applied or dropped already")
	ErrNotEmpty  = errors.New("the database has a room already")
	ErrArchive   = errors.New("it is no archive of a workshop")
)

// Store is a room in its database. It may be used by several goroutines and, on Postgres, several machines at once.
type Store struct {
	url      string
	postgres bool
	// SQLite has one that writes and others that read meanwhile; on Postgres both are the same.
	write, read *sql.DB
	now         func() time.Time
}

// Open opens the database at a URL, sqlite:PATH or postgres://…, and brings its tables up to date. The error is
// ErrNewer where a newer version has made them.
func Open(ctx context.Context, url string) (s *Store, err error) {
	s = &Store{url: url, now: time.Now}
	if IsPostgres(url) {
		err = s.openPostgres()
	} else {
		err = s.openSQLite(strings.TrimPrefix(url, "sqlite:"))
	}
	if err != nil {
		return nil, err
	}
	if err := s.upToDate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// IsPostgres reports whether the database at a URL is a Postgres; otherwise it is a SQLite file.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// upToDate migrates. SQLite does not wait for others who make the same database at the same time, so that is done here.
func (s *Store) upToDate(ctx context.Context) error {
	for range 200 {
		err := s.migrate(ctx)
		busy, ok := errors.AsType[*sqlite.Error](err)
		if !ok || busy.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("open the database: another program has held it for ten seconds")
}

func (s *Store) openPostgres() (err error) {
	s.postgres = true
	if s.write, err = sql.Open("pgx", s.url); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.write.SetMaxOpenConns(20)
	s.write.SetMaxIdleConns(20)
	s.read = s.write
	return nil
}

func (s *Store) openSQLite(path string) (err error) {
	if path == "" {
		return errors.New("the database has no path: give sqlite:PATH or postgres://…")
	}
	// Only the owner may read it: there are people's names in it.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	open := func(more ...string) (*sql.DB, error) {
		pragmas := append([]string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, more...)
		u := url.URL{Scheme: "file", Path: filepath.ToSlash(full),
			RawQuery: url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode()}
		return sql.Open("sqlite", u.String())
	}
	if s.write, err = open(); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = open("query_only(1)"); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.read.SetMaxOpenConns(8)
	s.read.SetMaxIdleConns(8)
	return nil
}

// Close closes it.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != nil && s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	return err
}

// DB is the connection that transactions with the queue are made on. SQLite has only one of them: whoever holds a
// transaction must not ask for another.
func (s *Store) DB() *sql.DB { return s.write }

// URL is what it was opened with. It may have a password in it.
func (s *Store) URL() string { return s.url }

// Postgres reports whether it is Postgres, otherwise it is SQLite.
func (s *Store) Postgres() bool { return s.postgres }

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the number of the advisory lock by which one machine at a time brings the tables up to date.
const migrationLock = 0x6c616273

// migrate brings the tables up to date, in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer tx.Rollback()
	if s.postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
			return fmt.Errorf("open the database: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS room_version (version INTEGER NOT NULL)"); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	var version int
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM room_version").Scan(&version); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if version > len(files) {
		return ErrNewer
	}
	words := strings.NewReplacer("BLOB", "BLOB", " AUTO", " INTEGER PRIMARY KEY AUTOINCREMENT")
	if s.postgres {
		words = strings.NewReplacer("BLOB", "BYTEA", " AUTO", " BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY")
	}
	for i, name := range files[version:] {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, words.Replace(string(text))); err != nil {
			return fmt.Errorf("bring the database up to date: %w", err)
		}
		if _, err := tx.ExecContext(ctx, s.q("INSERT INTO room_version (version) VALUES (?)"), version+i+1); err != nil {
			return fmt.Errorf("bring the database up to date: %w", err)
		}
	}
	return tx.Commit()
}

// q is a query as the database wants it, with its own placeholders.
func (s *Store) q(query string) string {
	if s.postgres {
		return sqlx.Rebind(sqlx.DOLLAR, query)
	}
	return query
}

// change runs f in a transaction after which [Store.Changed] is greater.
func (s *Store) change(ctx context.Context, f func(t *tx) error) error {
	begun, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to write to the database: %w", err)
	}
	defer begun.Rollback()
	t := &tx{Tx: begun, s: s, ctx: ctx}
	if err := f(t); err != nil {
		return err
	}
	// the last, since it is what others may have to wait for
	shard := 0
	if s.postgres {
		shard = rand.IntN(shards)
	}
	if _, err := t.exec(bump, shard); err != nil {
		return err
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// Statement is one INSERT, UPDATE or DELETE, with ? for its arguments.
type Statement struct {
	Query string
	Args  []any
}

// Write runs statements, each of which writes to another table, in one transaction after which [Store.Changed] is greater.
// It says how many rows the first has written. On Postgres all of it is one statement and so one way there and back:
// graders write a lot.
func (s *Store) Write(ctx context.Context, all ...Statement) (rows int64, err error) {
	if !s.postgres {
		err = s.change(ctx, func(t *tx) error {
			for i, st := range all {
				n, err := t.exec(st.Query, st.Args...)
				if err != nil {
					return err
				}
				if i == 0 {
					rows = n
				}
			}
			return nil
		})
		return rows, err
	}
	// Shards of its own: the parts of a statement are run in any order, and [Store.change] has its shard last.
	all = append(all, Statement{bump, []any{shards + rand.IntN(shards)}})
	var parts []string
	var args []any
	for i, st := range all {
		parts = append(parts, fmt.Sprintf("q%d AS (%s RETURNING 1)", i, st.Query))
		args = append(args, st.Args...)
	}
	query := s.q("WITH " + strings.Join(parts, ", ") + " SELECT COUNT(*) FROM q0")
	if err := s.write.QueryRowContext(ctx, query, args...).Scan(&rows); err != nil {
		return 0, fmt.Errorf("write to the database: %w", err)
	}
	return rows, nil
}

// shards is over how many rows those who write at once are spread, and bump the statement that makes one of them grow.
const (
	shards = 16
	bump   = "INSERT INTO changes (shard, n) VALUES (?, 1) ON CONFLICT (shard) DO UPDATE SET n = changes.n + 1"
)

// tx is a transaction with queries that have ? for their arguments.
type tx struct {
	*sql.Tx
	s   *Store
	ctx context.Context
}

// exec runs a statement and says how many rows it has changed.
func (t *tx) exec(query string, args ...any) (rows int64, err error) {
	r, err := t.ExecContext(t.ctx, t.s.q(query), args...)
	if err != nil {
		return 0, fmt.Errorf("write to the database: %w", err)
	}
	return r.RowsAffected()
}

// one scans the only row of a query; ErrNotFound where there is none.
func (t *tx) one(query string, args []any, into ...any) error {
	return found(t.QueryRowContext(t.ctx, t.s.q(query), args...).Scan(into...))
}

// one is the same outside of a transaction.
func (s *Store) one(ctx context.Context, query string, args []any, into ...any) error {
	return found(s.read.QueryRowContext(ctx, s.q(query), args...).Scan(into...))
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// scanner is a row that can be scanned.
type scanner interface{ Scan(...any) error }

// all gives each row of a query to f.
func (s *Store) all(ctx context.Context, query string, args []any, f func(scanner) error) error {
	rows, err := s.read.QueryContext(ctx, s.q(query), args...)
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("read the database: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// Clock is the database's own time in microseconds, as an expression of SQL. Several machines write to one database, and
// their clocks differ; this one is the same for all.
func (s *Store) Clock() string {
	if s.postgres {
		return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
	}
	return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
}

// Mark is a moment of the database's own clock. What is written after it was taken, or was being written then, is new
// since then. 0 is before everything.
type Mark int64

// since is the condition by which only what is new is read; where everything is, an index would make that slower.
func (m Mark) since(column string) string {
	if m <= 0 {
		return ""
	}
	return fmt.Sprintf(" WHERE %s >= %d", column, m)
}

// slack is how long a transaction may take for what it writes to be new since a mark that was taken meanwhile.
const slack = time.Minute

// Mark is the moment of now.
func (s *Store) Mark(ctx context.Context) (m Mark, err error) {
	err = s.one(ctx, "SELECT "+s.Clock(), nil, &m)
	return m - Mark(slack.Microseconds()), err
}

// Changed is a number that grows whenever anything in the room has changed that somebody may see.
func (s *Store) Changed(ctx context.Context) (n int64, err error) {
	err = s.one(ctx, "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM changes", nil, &n)
	return n, err
}

// micros is a time as it is stored, and moment the other way round.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// bit is a truth value as it is stored.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
