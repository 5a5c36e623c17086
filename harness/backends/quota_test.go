package backends_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/backends/backendstest"
)

// A table whose rows take a page each, and 20 MiB of them.
const (
	table = "CREATE TABLE t (v text); ALTER TABLE t ALTER v SET STORAGE PLAIN"
	rows  = "INSERT INTO t SELECT repeat('x', 5000) FROM generate_series(1, 2500)"
)

// takers take more of a Postgres than a check may. Each does so until it is stopped, or has so much
// that nobody has stopped it.
var takers = map[string]struct {
	connections int
	first, more string // statements: once, then again and again
	want        string
}{
	"tables": {1, table, rows,
		`^it had written \d+ MiB to its database; a check may write 256 MiB$`},
	"a transaction that never commits": {1, "BEGIN; " + table, rows,
		`^it had written \d+ MiB to its database; `},
	"large objects": {1, "",
		"SELECT lo_from_bytea(0, b) FROM generate_series(1, 10), (SELECT string_agg(" +
			"sha512(convert_to(i::text, 'UTF8')), '') b FROM generate_series(1, 16000) i) blocks",
		`^it had written \d+ MiB to its database; `},
	"temporary files": {8, "BEGIN; SET LOCAL work_mem = '64kB'; DECLARE c CURSOR FOR " +
		"SELECT repeat(md5(i::text), 8) v FROM generate_series(1, 200000) i ORDER BY 1; FETCH 1 c",
		"SELECT pg_sleep(0.1)",
		`^it had written \d+ MiB to its database, \d+ of them in temporary files; `},
	"memory": {8, "BEGIN; SET LOCAL work_mem = '600MB'; DECLARE c CURSOR FOR " +
		"SELECT repeat(md5(i::text), 8) v FROM generate_series(1, 400000) i ORDER BY 1; FETCH 1 c",
		"SELECT pg_sleep(0.1)",
		`^its connections took \d+ MiB of PostgreSQL's memory; those of a check may take 768 MiB$`},
	"locks": {1, "", "SELECT pg_advisory_lock(i) FROM generate_series(1, 20000) i",
		`^it held \d+ locks in PostgreSQL; a check may hold 10000$`},
}

// TestQuota wants what one lease takes to be stopped, and to be nothing to another.
func TestQuota(t *testing.T) {
	needs(t, backends.Local)
	need := backends.Need{Postgres: true}
	s := open(t, backends.Options{Provider: backends.Local, Slots: 2}, need)
	for name, taker := range takers {
		t.Run(name, func(t *testing.T) {
			other, err := s.Acquire(t.Context(), need)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Release()
			l, err := s.Acquire(t.Context(), need)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			for range taker.connections {
				wg.Go(func() { takeOn(ctx, l.Postgres, taker.first, taker.more) })
			}
			wg.Wait()
			if got := l.Exceeded(); !regexp.MustCompile(taker.want).MatchString(got) {
				t.Errorf("got %q, want %s", got, taker.want)
			}
			if _, err := pgx.Connect(t.Context(), l.Postgres); err == nil {
				t.Error("it gets another connection")
			}
			if why := other.Exceeded(); why != "" {
				t.Errorf("the other one is stopped, too: %s", why)
			}
			c, err := pgx.Connect(t.Context(), other.Postgres)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			if _, err := c.Exec(t.Context(), "CREATE TABLE t AS SELECT 1"); err != nil {
				t.Errorf("the other one cannot go on: %v", err)
			}
		})
	}
}

// takeOn takes over one connection until it fails.
func takeOn(ctx context.Context, url, first, more string) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(ctx, first, pgx.QueryExecModeSimpleProtocol); err != nil {
		return
	}
	for err == nil {
		_, err = c.Exec(ctx, more)
	}
}

// TestQuota_Notifications has one lease keep the queue of notifications full, which is one for the
// whole server.
func TestQuota_Notifications(t *testing.T) {
	needs(t, backends.Local)
	need := backends.Need{Postgres: true}
	s := open(t, backends.Options{Provider: backends.Local, Slots: 2}, need)
	var leases [2]*backends.Lease
	for i := range leases {
		l, err := s.Acquire(t.Context(), need)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
		leases[i] = l
	}
	greedy, other := leases[0], leases[1]
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	deaf, err := pgx.Connect(ctx, greedy.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close(context.Background())
	for _, statement := range []string{"LISTEN news", "BEGIN", "SELECT 1"} {
		if _, err := deaf.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	takeOn(ctx, greedy.Postgres, "",
		"SELECT count(pg_notify('news', i || repeat('x', 7900))) FROM generate_series(1, 2000) i")
	if why := greedy.Exceeded(); !strings.Contains(why, "MiB of notifications waited") {
		t.Errorf("got %q, want it to be stopped for the notifications", why)
	}
	if why := other.Exceeded(); why != "" {
		t.Errorf("the other one is stopped, too: %s", why)
	}
	c, err := pgx.Connect(ctx, other.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(ctx, "NOTIFY news"); err != nil {
		t.Errorf("the other one cannot notify: %v", err)
	}
}

// TestQuota_ServersFiles wants what is no database's, the log of changes and the text log, to stay
// small whatever a check does, and what a check says not to be in the log at all.
func TestQuota_ServersFiles(t *testing.T) {
	needs(t, backends.Local)
	o := backends.Options{Provider: backends.Local, Slots: 1, Lasting: true, // on the disk
		Dir: backendstest.TempDir(t)}
	need := backends.Need{Postgres: true}
	s := open(t, o, need)
	l, err := s.Acquire(t.Context(), need)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	c, err := pgx.Connect(t.Context(), l.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, statement := range []string{
		"SET log_min_messages = debug5", "SET log_statement = 'all'", "SET temp_file_limit = -1",
		"ALTER ROLE CURRENT_USER RESET log_min_messages", "SET log_min_error_statement = error",
	} {
		if _, err := c.Exec(t.Context(), statement); err == nil &&
			!strings.HasPrefix(statement, "ALTER") {
			t.Errorf("a check may: %s", statement)
		}
	}
	c.Close(t.Context())
	if c, err = pgx.Connect(t.Context(), l.Postgres); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%.60s: %v", statement, err)
		}
	}
	exec(table)
	for range 40 { // 20 MiB of changes each, and none of them is kept
		exec(rows)
		exec("TRUNCATE t")
		exec("DO $$ BEGIN RAISE LOG '%', repeat('said by a check ', 100000); END $$")
		c.Exec(t.Context(), "SELECT 1/0 /* "+strings.Repeat("said by a check ", 10_000)+" */")
	}
	if n := sizeBelow(t, o.Dir, "pg_wal"); n > 256<<20 {
		t.Errorf("%d MiB of changes are kept", n>>20)
	}
	if n := sizeBelow(t, o.Dir, "log"); n > 1<<20 {
		t.Errorf("the log has %d MiB", n>>20)
	}
	if why := l.Exceeded(); why != "" {
		t.Errorf("it is stopped: %s", why)
	}
}

// TestQuota_RedisLog wants the log of a Redis to stay small, which a script can write to.
func TestQuota_RedisLog(t *testing.T) {
	needs(t, backends.Local)
	o := backends.Options{Provider: backends.Local, Slots: 1,
		Dir: backendstest.TempDir(t)}
	need := backends.Need{Redis: true, RealRedis: true}
	l, err := open(t, o, need).Acquire(t.Context(), need)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	options, err := redis.ParseURL(l.Redis)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries = -1
	c := redis.NewClient(options)
	defer c.Close()
	for range 100 {
		if err := c.Eval(t.Context(), "local s = string.rep('x', 1000) "+
			"for i = 1, 1000 do redis.log(redis.LOG_WARNING, s) end", nil).Err(); err != redis.Nil {
			break
		}
	}
	if n := sizeBelow(t, o.Dir, "log"); n > 33<<20 {
		t.Errorf("the log has %d MiB", n>>20)
	}
}

// sizeBelow adds up the files of that name, or in folders of that name, below a folder.
// of those options.
func sizeBelow(t *testing.T, dir, name string) (n int64) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if filepath.Base(path) == name || filepath.Base(filepath.Dir(path)) == name {
			if info, err := d.Info(); err == nil {
				n += info.Size()
				found++
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Fatalf("no %s below %s: %v", name, dir, fmt.Sprint(err))
	}
	return n
}
