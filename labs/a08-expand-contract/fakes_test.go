package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	migrate "github.com/backend-labs/backend-labs/labs/a08-expand-contract"
)

// patience is for whatever has an end of its own, on a machine that is busy.
const patience = 10 * time.Second

// v1 is the version that is there already. It knows full_name, and nothing else.
type v1 struct{ db *pgxpool.Pool }

const (
	v1Insert = `INSERT INTO users (full_name) VALUES ($1) RETURNING id`
	v1Select = `SELECT full_name FROM users WHERE id = $1`
	v1Update = `UPDATE users SET full_name = $2 WHERE id = $1`
)

func (v v1) create(ctx context.Context, full any) (id int64, err error) {
	return id, wrap("v1, "+v1Insert, v.db.QueryRow(ctx, v1Insert, full).Scan(&id))
}

func (v v1) get(ctx context.Context, id int64) (full *string, err error) {
	return full, wrap("v1, "+v1Select, v.db.QueryRow(ctx, v1Select, id).Scan(&full))
}

func (v v1) rename(ctx context.Context, id int64, full any) error {
	_, err := v.db.Exec(ctx, v1Update, id, full)
	return wrap("v1, "+v1Update, err)
}

// v2 is the learner's version.
type v2 struct{ db *pgxpool.Pool }

func (v v2) create(ctx context.Context, first, last string) (int64, error) {
	id, err := migrate.V2Create(ctx, v.db, first, last)
	return id, wrap("V2Create", err)
}

func (v v2) get(ctx context.Context, id int64) (names, error) {
	first, last, err := migrate.V2Get(ctx, v.db, id)
	return names{first, last}, wrap("V2Get", err)
}

func (v v2) rename(ctx context.Context, id int64, n names) error {
	return wrap("V2Rename", migrate.V2Rename(ctx, v.db, id, n.first, n.last))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// names are those of a user as v2 has them.
type names struct{ first, last string }

func (n names) String() string { return fmt.Sprintf("%q, %q", n.first, n.last) }

// full is what v1 reads.
func (n names) full() string {
	if n.last == "" {
		return n.first
	}
	return n.first + " " + n.last
}

// split is what v2 reads of what v1 wrote.
func split(full string) names {
	first, last, _ := strings.Cut(full, " ")
	return names{first, last}
}

func quote(full *string) string {
	if full == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *full)
}

// world is a table of users, and whoever has to do with it.
type world struct {
	t      *testing.T
	own    *pgxpool.Pool // of the check itself
	db     *pgxpool.Pool // that of the phases
	v1     v1
	v2     v2
	phases []migrate.Phase
	ids    []int64 // some of the users that were there before
	// what all of these are called, as far as the check has not had them renamed behind it
	original map[int64]string

	stoodStill bool // a wait was long, and perhaps the machine's fault
}

// The names under which the server knows connections of phases, and of those that are killed.
const phasesApp, killedApp = "phases", "killed"

const table = `CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, full_name text)`

// newWorld has n users, in two halves, between whose ids there is a gap.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	named := func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = phasesApp }
	w := &world{t: t, own: pg.Pool(t, pg.MaxConns(6)), db: pg.Pool(t, named), v1: v1{pg.Pool(t)}, v2: v2{pg.Pool(t)}}
	w.phases = phases(t)
	w.fill(n)
	return w
}

func phases(t *testing.T) []migrate.Phase {
	t.Helper()
	phases := migrate.Phases()
	expect.That(t, len(phases) >= 2, expect.Message{
		Did:  "called Phases",
		Want: "two at least: between the first and the last both versions work",
		Got:  fmt.Sprint(len(phases)),
		Why:  "a single step is one after which v1 fails, and before which v2 does: a downtime",
	})
	for i, p := range phases {
		last := i == len(phases)-1
		expect.That(t, p.Up != nil && (p.Down != nil || last), expect.Message{
			Did:  fmt.Sprintf("looked at phase %d of %d (%q)", i+1, len(phases), p.Name),
			Want: "an Up, and, unless it is the last one, a Down",
			Got:  fmt.Sprintf("Up is nil: %v, Down is nil: %v", p.Up == nil, p.Down == nil),
		})
	}
	return phases
}

func (w *world) fill(n int) {
	w.t.Helper()
	pg.Exec(w.t, w.own, table)
	const gap = 30_000
	w.insert(1, n/2)
	pg.Exec(w.t, w.own, `SELECT setval('users_id_seq', $1)`, n/2+gap)
	w.insert(n/2+1, n)
	pg.Exec(w.t, w.own, `ANALYZE users`)
	w.keep(max(n/50, 1))
}

// keep has the names of all users in memory, where no statement of a phase reaches them, and the ids
// of each n-th.
func (w *world) keep(n int) {
	w.t.Helper()
	w.original, w.ids = map[int64]string{}, nil
	ids := column[int64](w.t, w.own, `SELECT id FROM users ORDER BY id`)
	for i, full := range column[string](w.t, w.own, `SELECT full_name FROM users ORDER BY id`) {
		w.original[ids[i]] = full
		if (i+1)%n == 0 {
			w.ids = append(w.ids, ids[i])
		}
	}
}

// insert adds users number from to to: one, two or three words, not all of them ASCII.
func (w *world) insert(from, to int) {
	w.t.Helper()
	pg.Exec(w.t, w.own, `INSERT INTO users (full_name) SELECT CASE i % 4 WHEN 0 THEN 'Cher' || i
		WHEN 1 THEN 'Ann' || i || ' Lee' WHEN 2 THEN 'Zoë' || i || ' van der Meer' ELSE 'Bo ' || i END
		FROM generate_series($1::int, $2::int) AS i`, from, to)
}

func column[T any](t *testing.T, db *pgxpool.Pool, sql string, args ...any) []T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}

// name is what a message calls a phase.
func (w *world) name(i int) string {
	return fmt.Sprintf("phase %d of %d (%.40q)", i+1, len(w.phases), w.phases[i].Name)
}

func (w *world) last(i int) bool { return i == len(w.phases)-1 }

// errHangs is what a call returns that does not return.
var errHangs = errors.New("has not returned, long after its context had ended")

// call calls a function that may hang, with a context that ends in time.
func call(ctx context.Context, patience time.Duration, f func(context.Context, *pgxpool.Pool) error,
	db *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx, db) }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience + 2*time.Second):
		return errHangs
	}
}

// up does a phase.
func (w *world) up(i int) {
	w.t.Helper()
	w.upIn(i, patience)
}

func (w *world) upIn(i int, patience time.Duration) {
	w.t.Helper()
	err := call(w.t.Context(), patience, w.phases[i].Up, w.db)
	expect.NoError(w.t, err, expect.Message{
		Did:  fmt.Sprintf("called Up of %s, and gave it %v", w.name(i), patience),
		Want: "it succeeds",
		Why:  "a step that fails half-way leaves somebody to mend it by hand, at night",
	})
}

// down takes phase i back, and those before it down to the one that is to.
func (w *world) down(i, to int) {
	w.t.Helper()
	for ; i >= to; i-- {
		err := call(w.t.Context(), patience, w.phases[i].Down, w.db)
		expect.NoError(w.t, err, expect.Message{
			Did:  fmt.Sprintf("called Down of %s", w.name(i)),
			Want: "it succeeds",
			Why:  "it is called when something is on fire already",
		})
	}
}

// want ends the check if something went wrong.
func (w *world) want(wrong string, m expect.Message) {
	w.t.Helper()
	if wrong != "" {
		m.Got = wrong
		expect.Fatal(w.t, m)
	}
}

// columns are those of users, in the order of their names.
func (w *world) columns() string {
	w.t.Helper()
	return pg.Value[string](w.t, w.own, `SELECT coalesce(string_agg(a.attname || ' ' ||
		format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
		', ' ORDER BY a.attname), 'no table users')
		FROM pg_attribute a WHERE a.attrelid = to_regclass('users') AND a.attnum > 0 AND NOT a.attisdropped`)
}

const (
	columnsBefore = "full_name text, id bigint not null"
	columnsAfter  = "first_name text, id bigint not null, last_name text"
)

// talk has the versions that are there make, read and rename users. It returns what is wrong, or "".
func (w *world) talk(ctx context.Context, one, two bool, old ...int64) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ids := old
	if one {
		id, err := w.v1.create(ctx, "Ida Bell Wells")
		if err != nil {
			return err.Error()
		}
		ids = append(ids[:len(ids):len(ids)], id)
		if wrong := w.says(ctx, id, "Ida Bell Wells", split("Ida Bell Wells"), one, two); wrong != "" {
			return "v1 made a user: " + wrong
		}
		if _, err := w.v1.create(ctx, "Ida Bell Wells"); err != nil { // and nobody renames this one
			return err.Error()
		}
	}
	if two {
		n := names{"Mary Jane", "Watson"}
		id, err := w.v2.create(ctx, n.first, n.last)
		if err != nil {
			return err.Error()
		}
		ids = append(ids[:len(ids):len(ids)], id)
		if wrong := w.says(ctx, id, n.full(), n, one, two); wrong != "" {
			return "v2 made a user: " + wrong
		}
	}
	for _, id := range ids {
		if two {
			n := names{"Anna Maria", "von Trapp"}
			if err := w.v2.rename(ctx, id, n); err != nil {
				return err.Error()
			}
			if wrong := w.says(ctx, id, n.full(), n, one, two); wrong != "" {
				return "v2 renamed a user: " + wrong
			}
		}
		if one {
			full := fmt.Sprintf("Ada K. Lovelace %d", id)
			if err := w.v1.rename(ctx, id, full); err != nil {
				return err.Error()
			}
			if wrong := w.says(ctx, id, full, split(full), one, two); wrong != "" {
				return "v1 renamed a user: " + wrong
			}
		}
	}
	return ""
}

// says asks the versions that are there for a user. It returns what is wrong, or "".
func (w *world) says(ctx context.Context, id int64, full string, n names, one, two bool) string {
	if one {
		got, err := w.v1.get(ctx, id)
		if err != nil {
			return err.Error()
		}
		if got == nil || *got != full {
			return fmt.Sprintf("v1 reads %s for %q", quote(got), full)
		}
	}
	if two {
		got, err := w.v2.get(ctx, id)
		if err != nil {
			return err.Error()
		}
		if got != n {
			return fmt.Sprintf("v2 reads %v for %v", got, n)
		}
	}
	return ""
}

// untouched looks whether v1's users, whom nobody has renamed, are as they were, for v1 or for v2.
func (w *world) untouched(one, all bool) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for _, id := range w.ids {
		full := w.original[id]
		if wrong := w.says(ctx, id, full, split(full), one, true); wrong != "" {
			return fmt.Sprintf("user %d: %s", id, wrong)
		}
	}
	if !all {
		return ""
	}
	return w.wrongNames()
}

// wrongNames looks into the table as it is after the last phase. It returns what is wrong, or "".
func (w *world) wrongNames() string {
	w.t.Helper()
	type row struct{ first, last *string }
	is := map[int64]row{}
	ids := column[int64](w.t, w.own, `SELECT id FROM public.users ORDER BY id`)
	firsts := column[*string](w.t, w.own, `SELECT first_name FROM public.users ORDER BY id`)
	lasts := column[*string](w.t, w.own, `SELECT last_name FROM public.users ORDER BY id`)
	if len(firsts) != len(ids) || len(lasts) != len(ids) {
		return fmt.Sprintf("users has %d ids, %d first names and %d last names", len(ids), len(firsts), len(lasts))
	}
	for i, id := range ids {
		is[id] = row{firsts[i], lasts[i]}
	}
	wrong, first := 0, int64(0)
	for id, full := range w.original {
		if (names{known(is[id].first), known(is[id].last)}) == split(full) {
			continue
		}
		if wrong++; wrong == 1 || id < first {
			first = id
		}
	}
	if wrong == 0 {
		return ""
	}
	full, got := w.original[first], is[first]
	return fmt.Sprintf("user %d, %s: first_name %s, last_name %s (and %d more)", first, literal(&full), literal(got.first),
		literal(got.last), wrong-1)
}

// known is a text, "" for NULL.
func known(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// literal is a text as SQL has it.
func literal(s *string) string {
	if s == nil {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(*s, "'", "''") + "'"
}

// statements watches what the phases send to the database.
type statements struct {
	app    string      // the application_name that the server knows them by
	before func(n int) // is called before statement n, from 1 on, is sent

	mu     sync.Mutex
	n      int
	conns  []net.Conn
	killed bool
	cancel context.CancelFunc
}

func (s *statements) option(c *pgxpool.Config) {
	c.ConnConfig.Tracer = s
	c.ConnConfig.RuntimeParams["application_name"] = s.app
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.killed {
			conn.Close()
			return nil, errors.New("this process is dead")
		}
		s.conns = append(s.conns, conn)
		return conn, nil
	}
}

// kill ends the process: what it has open is closed, and it opens nothing any more.
func (s *statements) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	s.cancel()
	for _, conn := range s.conns {
		conn.Close()
	}
}

func (s *statements) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

func (s *statements) next() {
	s.mu.Lock()
	dead := s.killed
	if !dead {
		s.n++
	}
	n := s.n
	s.mu.Unlock()
	if !dead && s.before != nil {
		s.before(n)
	}
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if d.SQL != "-- ping" && d.SQL != ";" { // the pool's own
		s.next()
	}
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	s.next()
	return ctx
}

func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (s *statements) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn,
	_ pgx.TraceCopyFromStartData) context.Context {
	s.next()
	return ctx
}

func (s *statements) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}
