// Package backendstest is what every provider of backends has to pass.
package backendstest

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/backends"
)

// Config says what to test.
type Config struct {
	// Options name the provider to test. If Dir is empty, every Set gets a folder of its own.
	Options backends.Options
	// Need is what the provider has to offer.
	Need backends.Need
	// OneDatabase says that leases of Redis wait for each other, as there is only one database.
	OneDatabase bool
	// Foreign says that the Postgres server is not labs' own: it may let roles connect to databases
	// that are not theirs.
	Foreign bool
	// Shared says that the servers go on when a Set closes.
	Shared bool
}

// Run runs the suite.
func Run(t *testing.T, c Config) {
	s := Open(t, c)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *backends.Set, Config)
	}{
		{"says where it comes from", testInfo},
		{"every lease is empty", testEmpty},
		{"two leases never see each other's data", testApart},
		{"leases at once", testConcurrent},
		{"a lease that is given back is cut off", testCutOff},
		{"what a check does to its Redis ends with it", testRedisReset},
		{"a Redis gives no way to others", testRedisTrust},
		{"keys of Redis expire", testExpiry},
		{"a role reaches its own database alone", testOwnDatabase},
		{"a database that takes too much is stopped alone", testQuota},
		{"how long a lease takes when another was ready", testWarm},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s, c) })
	}
	start := time.Now()
	s.Close()
	t.Logf("closed in %v", time.Since(start))
	t.Run("nothing is left behind", func(t *testing.T) { testNothingLeft(t, c) })
	t.Run("a done context closes the set", func(t *testing.T) { testContext(t, c) })
}

// Open opens a Set in a folder of its own that the test removes; it is closed at the end of the
// test.
func Open(t *testing.T, c Config) *backends.Set {
	t.Helper()
	if c.Options.Dir == "" {
		c.Options.Dir = filepath.Join(t.TempDir(), ".labs")
	}
	c.Options.Progress = func(line string) { t.Log("progress:", line) }
	start := time.Now()
	s, err := backends.Open(t.Context(), c.Options, c.Need)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("opened in %v", time.Since(start))
	t.Cleanup(func() { s.Close() })
	if err := s.Missing(c.Need); err != nil {
		t.Fatal(err)
	}
	return s
}

// acquire takes a lease that ends with the test.
func acquire(t *testing.T, s *backends.Set, need backends.Need) *backends.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l, err := s.Acquire(ctx, need)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Release)
	return l
}

func redisOf(t *testing.T, l *backends.Lease) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(l.Redis)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func postgresOf(t *testing.T, l *backends.Lease) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), l.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// fill writes something into the lease after making sure that there is nothing in it.
func fill(ctx context.Context, l *backends.Lease, mark string) error {
	if l.Redis != "" {
		o, err := redis.ParseURL(l.Redis)
		if err != nil {
			return err
		}
		c := redis.NewClient(o)
		defer c.Close()
		if n, err := c.DBSize(ctx).Result(); n != 0 || err != nil {
			return fmt.Errorf("a new Redis holds %d keys, %v", n, err)
		}
		if err := c.Set(ctx, "mark", mark, 0).Err(); err != nil {
			return err
		}
		if got, err := c.Get(ctx, "mark").Result(); got != mark || err != nil {
			return fmt.Errorf("got %q, %v from Redis, want %q", got, err, mark)
		}
	}
	if l.Postgres == "" {
		return nil
	}
	c, err := pgx.Connect(ctx, l.Postgres)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var tables int
	if err := c.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(
		&tables); err != nil || tables != 0 {
		return fmt.Errorf("a new database has %d tables, %v", tables, err)
	}
	if _, err := c.Exec(ctx, "CREATE TABLE mark (v text)"); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "INSERT INTO mark VALUES ($1)", mark); err != nil {
		return err
	}
	var got string
	if err := c.QueryRow(ctx, "SELECT string_agg(v, ',') FROM mark").Scan(&got); err != nil ||
		got != mark {
		return fmt.Errorf("got %q, %v from Postgres, want %q", got, err, mark)
	}
	return nil
}

func testInfo(t *testing.T, s *backends.Set, c Config) {
	info := s.Info()
	for kind, needed := range map[string]bool{backends.Redis: c.Need.Redis,
		backends.Postgres: c.Need.Postgres} {
		got, ok := info[kind]
		if ok != needed {
			t.Errorf("info of %s: got %v, want %v", kind, ok, needed)
		}
		if needed && (got.Provider != c.Options.Provider || got.Version == "" ||
			strings.Contains(got.Detail, "\n")) {
			t.Errorf("got info %+v of %s, want provider %s, a version, one line", got, kind,
				c.Options.Provider)
		}
		t.Logf("%s: %+v", kind, got)
	}
}

func testEmpty(t *testing.T, s *backends.Set, c Config) {
	for i := range 20 {
		l := acquire(t, s, c.Need)
		if err := fill(t.Context(), l, fmt.Sprint("lease ", i)); err != nil {
			t.Fatalf("lease %d: %v", i, err)
		}
		l.Release()
		l.Release() // harmless
	}
}

func testApart(t *testing.T, s *backends.Set, c Config) {
	if c.OneDatabase {
		t.Skip("there is only one database of Redis, so there are no two leases at once")
	}
	one, two := acquire(t, s, c.Need), acquire(t, s, c.Need)
	if err := fill(t.Context(), one, "one"); err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), two, "two"); err != nil {
		t.Fatal(err)
	}
	if c.Need.Redis {
		if err := redisOf(t, one).FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if got := redisOf(t, two).Get(t.Context(), "mark").Val(); got != "two" {
			t.Errorf("got %q in the second Redis after the first was flushed, want two", got)
		}
	}
	if c.Need.Postgres {
		if one.Postgres == two.Postgres {
			t.Errorf("two leases have the same database")
		}
	}
}

func testConcurrent(t *testing.T, s *backends.Set, c Config) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 5 {
				l, err := s.Acquire(ctx, c.Need)
				if err != nil {
					t.Error(err)
					return
				}
				if err := fill(ctx, l, fmt.Sprint(i, "/", j)); err != nil {
					t.Errorf("lease %d of goroutine %d: %v", j, i, err)
				}
				l.Release()
			}
		})
	}
	wg.Wait()
}

func testCutOff(t *testing.T, s *backends.Set, c Config) {
	l := acquire(t, s, c.Need)
	eventually := func(what string, gone func(context.Context) bool) {
		t.Helper()
		await(t, what+" is cut off", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return gone(ctx)
		})
	}
	if c.Need.Redis {
		o, _ := redis.ParseURL(l.Redis)
		o.MaxRetries = -1
		client := redis.NewClient(o)
		defer client.Close()
		conn := client.Conn()
		defer conn.Close()
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		defer eventually("a connection to Redis",
			func(ctx context.Context) bool { return conn.Ping(ctx).Err() != nil })
	}
	if c.Need.Postgres {
		conn := postgresOf(t, l)
		if err := conn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer eventually("a connection to Postgres",
			func(ctx context.Context) bool { return conn.Ping(ctx) != nil })
	}
	l.Release()
}

func testRedisReset(t *testing.T, s *backends.Set, c Config) {
	if !c.Need.RealRedis || c.Options.Provider == backends.URL {
		t.Skip("not a server of its own")
	}
	for i := range 7 { // more than there are servers in a container
		l := acquire(t, s, c.Need)
		r := redisOf(t, l)
		ctx := t.Context()
		if exists := r.ScriptExists(ctx,
			"e0e1f9fabfc9d4800c877a703b823ac0578ff8db").Val(); len(exists) != 1 || exists[0] {
			t.Fatalf("lease %d: a script of an earlier lease is loaded: %v", i, exists)
		}
		if keys, err := r.Info(ctx, "keyspace").Result(); err != nil ||
			strings.Contains(keys, "db") {
			t.Fatalf("lease %d: what an earlier lease has left is there: %v, %q", i, err, keys)
		}
		if sha := r.ScriptLoad(ctx,
			"return 1").Val(); sha != "e0e1f9fabfc9d4800c877a703b823ac0578ff8db" {
			t.Fatalf("got %s", sha)
		}
		r.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Select(ctx, 3)
			p.Set(ctx, "left", "over", 0)
			return nil
		})
		switch i {
		case 1: // a check that locks everybody out
			if err := r.Do(ctx, "ACL", "SETUSER", "default", "resetpass",
				">mine").Err(); err != nil {
				t.Log(err) // Redis 5
			}
		case 2: // a check that ends the server
			r.ShutdownNoSave(ctx)
		case 3: // a check that ends it and has its data kept
			r.ShutdownSave(ctx)
		case 4: // a check that keeps it busy
			go r.Eval(ctx, "while true do end", nil)
		case 5: // a check that takes all the memory it can get
			r.Eval(ctx, "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1e6) .. i end", nil)
		}
		l.Release()
	}
}

// testRedisTrust tries what nobody needs who has a Redis for himself.
func testRedisTrust(t *testing.T, s *backends.Set, c Config) {
	if !c.Need.RealRedis || c.Options.Provider == backends.URL {
		t.Skip("not a server of its own")
	}
	victim, l := acquire(t, s, c.Need), acquire(t, s, c.Need)
	if err := fill(t.Context(), victim, "victim"); err != nil {
		t.Fatal(err)
	}
	r, ctx := redisOf(t, l), t.Context()
	if err := r.Set(ctx, "mark", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(redisOf(t, victim).Options().Addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]any{
		{"REPLICAOF", host, port}, {"SLAVEOF", host, port}, {"REPLICAOF", "127.0.0.1", "6379"},
		{"MIGRATE", host, port, "mark", 0, 1000, "COPY", "REPLACE"},
		{"CLUSTER", "MEET", host, port}, {"MODULE", "LOAD", "/tmp/evil.so"}, {"DEBUG", "SLEEP", "0"},
		{"CONFIG", "SET", "dir", "/"}, {"CONFIG", "SET", "maxmemory", "0"}, {"CONFIG", "GET", "*"},
		{"SAVE"}, {"BGSAVE"}, {"BGREWRITEAOF"},
	} {
		if err := r.Do(ctx, command...).Err(); err == nil ||
			!strings.Contains(err.Error(), "unknown command") {
			t.Errorf("%v: got %v, want that there is no such command", command, err)
		}
	}
	big := strings.Repeat("x", 10<<20)
	full := false
	for i := range 50 {
		full = full || r.Set(ctx, fmt.Sprint("big", i), big, 0).Err() != nil
	}
	if !full {
		t.Error("a Redis takes 500 MB")
	}
	if got, err := redisOf(t, victim).Get(ctx, "mark").Result(); got != "victim" || err != nil {
		t.Errorf("got %q, %v from the other Redis, want victim", got, err)
	}
}

func testExpiry(t *testing.T, s *backends.Set, c Config) {
	if !c.Need.Redis {
		t.Skip("no Redis")
	}
	r := redisOf(t, acquire(t, s, c.Need))
	r.Set(t.Context(), "short", "lived", 30*time.Millisecond)
	await(t, "the key has expired", func() bool {
		return r.Exists(t.Context(),
			"short").Val() == 0
	})
}

func testOwnDatabase(t *testing.T, s *backends.Set, c Config) {
	if !c.Need.Postgres {
		t.Skip("no Postgres")
	}
	need := backends.Need{Postgres: true}
	one, two := acquire(t, s, need), acquire(t, s, need)
	conn := postgresOf(t, one)
	var name, encoding, collation string
	var super, createDB, createRole bool
	err := conn.QueryRow(t.Context(), `SELECT current_database(), pg_encoding_to_char(encoding), datcollate, rolsuper, rolcreatedb, rolcreaterole
		FROM pg_database, pg_roles WHERE datname = current_database() AND rolname = current_user`).
		Scan(&name, &encoding, &collation, &super, &createDB, &createRole)
	if err != nil {
		t.Fatal(err)
	}
	if super || createDB || createRole || encoding != "UTF8" || collation != "C" {
		t.Errorf("got superuser %v, createdb %v, createrole %v, %s, %s; want none of the "+
			"rights, UTF8, C", super, createDB, createRole, encoding, collation)
	}
	if _, err := conn.Exec(t.Context(),
		"CREATE SCHEMA mine; CREATE TEMPORARY TABLE t (v int); CREATE TYPE mine.colour AS ENUM "+
			"('red')"); err != nil {
		t.Errorf("the owner of a database may not use it freely: %v", err)
	}
	others := []string{mustParse(t, two.Postgres).Path}
	if !c.Foreign {
		others = append(others, "/postgres", "/template1")
	}
	for _, other := range others {
		u := mustParse(t, one.Postgres)
		u.Path = other
		if c, err := pgx.Connect(t.Context(), u.String()); err == nil {
			c.Close(t.Context())
			t.Errorf("the role of %s may connect to %s", name, other)
		}
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func testNothingLeft(t *testing.T, c Config) {
	if c.Options.Dir == "" {
		c.Options.Dir = filepath.Join(t.TempDir(), ".labs")
	}
	before := files(c.Options.Dir)
	atFirst := len(goroutines())
	temp := TempDir(t)
	s := Open(t, c)
	held := acquire(t, s, c.Need) // and never given back
	if err := fill(t.Context(), held, "held"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), c.Need); err == nil {
		t.Error("a closed Set gives leases")
	}
	if !awaited(func() bool { return len(goroutines()) <= atFirst }) {
		t.Errorf("goroutines are left behind:\n%s", strings.Join(goroutines(), "\n\n"))
	}
	for _, path := range append(files(c.Options.Dir), files(temp)...) {
		if !slices.Contains(before, path) && !strings.HasSuffix(path, ".lock") {
			t.Errorf("%s is left behind", path)
		}
	}
	if !c.Shared {
		for _, u := range []string{held.Redis, held.Postgres} {
			if u != "" && listening(mustParse(t, u).Host) {
				t.Errorf("somebody still listens on %s", mustParse(t, u).Host)
			}
		}
	}
}

// goroutines lists those that work for a Set; one that starts children lives as long as the
// process.
func goroutines() (list []string) {
	stacks := make([]byte, 1<<22)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		ours := false
		for _, pkg := range []string{"harness/backends.", "moby/moby", "testcontainers",
			"jackc/pgx", "redis/go-redis", "miniredis"} {
			ours = ours || strings.Contains(stack, pkg)
		}
		if ours && !strings.Contains(stack, "backends.init.") {
			list = append(list, stack)
		}
	}
	return list
}

func files(dir string) (list []string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return nil
	})
	return list
}

// TempDir makes a folder that every user of this machine can reach, unlike that of t.TempDir, the
// one for temporary files for the time of the test.
func TempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "backends-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	return dir
}

func listening(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func testContext(t *testing.T, c Config) {
	if c.Options.Dir == "" {
		c.Options.Dir = filepath.Join(t.TempDir(), ".labs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := backends.Open(ctx, c.Options, c.Need)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cancel()
	await(t, "the Set is closed", func() bool { return s.Missing(c.Need) != nil })
}

// testWarm measures, for the log: a bound would fail on a busy machine.
func testWarm(t *testing.T, s *backends.Set, c Config) {
	var took []time.Duration
	for range 8 {
		time.Sleep(200 * time.Millisecond) // the check that runs in between
		start := time.Now()
		l := acquire(t, s, c.Need)
		took = append(took, time.Since(start).Round(10*time.Microsecond))
		l.Release()
	}
	t.Logf("%v", took)
}

// await polls for what happens in other processes.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !awaited(done) {
		t.Fatalf("not within 20 s: %s", what)
	}
}

func awaited(done func() bool) bool {
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func testQuota(t *testing.T, s *backends.Set, c Config) {
	if !c.Need.Postgres {
		t.Skip("it is about Postgres")
	}
	need := backends.Need{Postgres: true}
	greedy, other := acquire(t, s, need), acquire(t, s, need)
	db := postgresOf(t, greedy)
	const table = "CREATE TABLE t (v text); ALTER TABLE t ALTER v SET STORAGE PLAIN"
	_, err := db.Exec(t.Context(), table, pgx.QueryExecModeSimpleProtocol)
	for n := 0; n < 100 && err == nil; n++ { // 2 GiB in all, a page for each row
		_, err = db.Exec(t.Context(),
			"INSERT INTO t SELECT repeat('x', 5000) FROM generate_series(1, 2500)")
	}
	if why := greedy.Exceeded(); !strings.HasPrefix(why, "it had written ") {
		t.Errorf("got %q and %v; want it to be stopped for what it has written", why, err)
	}
	if why := other.Exceeded(); why != "" {
		t.Errorf("the other one is stopped, too: %s", why)
	}
	if _, err := postgresOf(t, other).Exec(t.Context(), "CREATE TABLE t ()"); err != nil {
		t.Errorf("the other one cannot go on: %v", err)
	}
}
