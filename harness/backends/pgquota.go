package backends

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// All databases lie in one server, on one disk, so what one check takes is missing to the others.
// A quota is what a database may take; the watch looks every moment what each leased one has, and
// puts a stop to it alone: its role may no longer log in, its connections end, and whoever holds
// the lease is told why.
//
// What the server bounds itself is in roleSettings and settings.
const (
	quotaDisk   = 256 << 20 // of tables, indexes, large objects and temporary files
	quotaMemory = 768 << 20 // of all its connections together, beyond what the server shares
	quotaLocks  = 10_000    // held at once; the server's table of locks is one for all databases
	quotaNotify = 128 << 20 // of notifications that wait for somebody who listens, and does not read
	quotaPause  = 200 * time.Millisecond
)

// roleSettings bound what one connection of a check's role can do between two looks of the watch.
// Only a superuser may change them. What the server says of a check's errors is the check's text,
// as much of it as it likes: none of it is logged.
var roleSettings = []string{
	"temp_file_limit = '64MB'", "log_min_messages = fatal", "log_min_error_statement = panic",
}

// usage is what a database has at one moment.
type usage struct {
	name                      string
	disk, temp, locks, memory int64
}

// exceeds says in one line what of it is more than the quota, or nothing.
func (u usage) exceeds() string {
	switch {
	case u.disk+u.temp > quotaDisk:
		line := fmt.Sprintf("it had written %d MiB to its database", (u.disk+u.temp)>>20)
		if u.temp > 0 {
			line += fmt.Sprintf(", %d of them in temporary files", u.temp>>20)
		}
		return line + fmt.Sprintf("; a check may write %d MiB", quotaDisk>>20)
	case u.memory > quotaMemory:
		return fmt.Sprintf("its connections took %d MiB of PostgreSQL's memory; those of a check "+
			"may take %d MiB", u.memory>>20, quotaMemory>>20)
	case u.locks > quotaLocks:
		return fmt.Sprintf("it held %d locks in PostgreSQL; a check may hold %d", u.locks,
			quotaLocks)
	}
	return ""
}

// quotas are the leased databases of a server, by name, and what is wrong with each, or "".
type quotas struct {
	mu  sync.Mutex
	out map[string]string
}

func (q *quotas) begin(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.out == nil {
		q.out = map[string]string{}
	}
	q.out[name] = ""
}

func (q *quotas) end(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.out, name)
}

// names are the databases that are leased now.
func (q *quotas) names() (names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name := range q.out {
		names = append(names, name)
	}
	return names
}

func (q *quotas) why(name string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.out[name]
}

// note keeps the first thing that is wrong, and reports whether anything is.
func (q *quotas) note(name, why string) (stop bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before, leased := q.out[name]
	if leased && before == "" {
		q.out[name] = why
	}
	return leased && q.out[name] != ""
}

// watch holds the leased databases to their quotas until ctx is done.
func (s *pgServer) watch(ctx context.Context) {
	w := &pgWatch{server: s}
	defer w.hangUp()
	tick := time.NewTicker(quotaPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if names := s.quotas.names(); len(names) > 0 {
			w.look(ctx, names)
		}
	}
}

// pgWatch is the connection of a watch: one of the administrator's, for which there is always room.
type pgWatch struct {
	server *pgServer
	conn   *pgx.Conn
}

func (w *pgWatch) hangUp() {
	if w.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.conn.Close(ctx)
		w.conn = nil
	}
}

// look holds the databases to their quotas once. What cannot be seen this time is seen the next.
func (w *pgWatch) look(ctx context.Context, names []string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if w.conn == nil {
		conn, err := pgx.ConnectConfig(ctx, w.server.pool.config)
		if err != nil {
			return
		}
		w.conn = conn
	}
	all, err := w.usages(ctx, names)
	if err != nil {
		if w.conn.IsClosed() {
			w.conn = nil
		}
		return
	}
	for _, u := range all {
		if w.server.quotas.note(u.name, u.exceeds()) {
			w.stop(ctx, u.name)
		}
	}
	w.clearQueue(ctx, names)
}

// clearQueue stops who keeps the queue of notifications from being emptied, which is one for all
// databases: it fills the disk, and where it is full nobody can notify anybody. It waits for the
// oldest transaction of those that listen; no view tells who listens, so it is the oldest one of
// all, unless it has only just begun. If that was not it, it is the next one's turn soon.
func (w *pgWatch) clearQueue(ctx context.Context, names []string) {
	const room = 8 << 30 // what the queue can hold
	var used float64
	err := w.conn.QueryRow(ctx, "SELECT pg_notification_queue_usage()").Scan(&used)
	if err != nil || used*room <= quotaNotify {
		return
	}
	var name string
	err = w.conn.QueryRow(ctx, `SELECT datname FROM pg_stat_activity WHERE datname = ANY($1)
		AND xact_start < now() - interval '1 second' ORDER BY xact_start LIMIT 1`,
		names).Scan(&name)
	why := fmt.Sprintf("%d MiB of notifications waited in PostgreSQL for the end of its "+
		"transaction; %d MiB may", int64(used*room)>>20, quotaNotify>>20)
	if err == nil && w.server.quotas.note(name, why) {
		w.stop(ctx, name)
	}
}

// stop ends what a database's role does, and lets it do no more.
func (w *pgWatch) stop(ctx context.Context, name string) {
	w.conn.Exec(ctx, "ALTER ROLE "+quote(name)+" NOLOGIN")
	w.conn.Exec(ctx,
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
}

// usagesQuery gives the usage of the databases $1. What only a superuser may see is the rest: the
// name of a temporary file tells whose it is, and on Linux a process's status what it has in memory
// that it shares with nobody (proc(5)). A file may vanish while it is looked at; then the query
// fails, and there is another look soon.
const (
	usagesQuery = `
		SELECT datname, pg_database_size(oid),
			(SELECT count(*) FROM pg_locks WHERE database = d.oid), %s
		FROM pg_database d WHERE datname = ANY($1)`
	noneSeen = `0::bigint, 0::bigint`
	tempSeen = `(SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_tmpdir() f
			JOIN pg_stat_activity a ON a.pid::text = substring(f.name FROM '^pgsql_tmp([0-9]+)')
			WHERE a.datid = d.oid),
		(SELECT coalesce(sum(substring(pg_read_file('/proc/' || pid || '/status', 0, 4096, true)
				FROM 'RssAnon:[^0-9]*([0-9]+)')::bigint), 0)::bigint * 1024
			FROM pg_stat_activity a WHERE a.datid = d.oid)`
)

func (w *pgWatch) usages(ctx context.Context, names []string) ([]usage, error) {
	more := noneSeen
	if w.server.superuser && w.server.number >= 120000 {
		more = tempSeen
	}
	rows, err := w.conn.Query(ctx, fmt.Sprintf(usagesQuery, more), names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (u usage, err error) {
		err = row.Scan(&u.name, &u.disk, &u.locks, &u.temp, &u.memory)
		return u, err
	})
}
