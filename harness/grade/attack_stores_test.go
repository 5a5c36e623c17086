//go:build linux

package grade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.yaml.in/yaml/v3"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/backends/backendstest"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// storeAttack is a submission of testdata/attacks-on-stores, and what its attack.yaml says. It
// finds what it is after, the victim's Redis and database, in a table of its own database; a real
// one would have to guess.
type storeAttack struct {
	Name  string `yaml:"-"`
	Tries string `yaml:"tries"`
	// what it gets where it succeeds: shared, plain, superuser or unbounded
	Without  string `yaml:"without"`
	Exceeded string `yaml:"exceeded"` // what the check that did it must say, if that
}

// victim is another submission that is being judged: it has something in its Redis and its
// database.
type victim struct {
	redis, postgres string // URLs
	rdb             *redis.Client
	db              *pgx.Conn
}

func newVictim(t *testing.T, redisURL, postgresURL string) *victim {
	t.Helper()
	ctx := t.Context()
	o, err := redis.ParseURL(redisURL)
	must(t, err)
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	v := &victim{redis: redisURL, postgres: postgresURL, rdb: redis.NewClient(o)}
	v.db, err = pgx.Connect(ctx, postgresURL)
	must(t, err)
	t.Cleanup(func() { v.rdb.Close(); v.db.Close(context.Background()) })
	must(t, v.rdb.Set(ctx, "mark", "victim", 0).Err())
	_, err = v.db.Exec(ctx, "CREATE TABLE mark AS SELECT 'victim' AS v")
	must(t, err)
	return v
}

// target tells whoever attacks where the victim is.
func (v *victim) target(t *testing.T, attacker grade.Lease) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), attacker.Postgres)
	must(t, err)
	defer c.Close(t.Context())
	host, port, err := net.SplitHostPort(v.rdb.Options().Addr)
	must(t, err)
	sql := fmt.Sprintf("CREATE TABLE victim AS SELECT '%s' AS host, '%s' AS port, '%s' AS database",
		host, port, v.db.Config().Database)
	_, err = c.Exec(t.Context(), sql)
	must(t, err)
}

// watch looks every moment what has been done to the victim while the attack goes on, and once more
// at its end.
func (v *victim) watch(attack func() run.Result) (r run.Result, harm string) {
	ended := make(chan run.Result)
	go func() { ended <- attack() }()
	for {
		select {
		case r := <-ended:
			if harm == "" {
				harm = v.harmed()
			}
			return r, harm
		case <-time.After(100 * time.Millisecond):
			if harm == "" {
				harm = v.harmed()
			}
		}
	}
}

// harmed says what has been done to the victim, if anything. All of it has the time that the checks
// of labs give a call: a slow answer is none of the harms that are looked for, since all
// submissions share the machine's cores.
func (v *victim) harmed() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if got, err := v.rdb.Get(ctx, "mark").Result(); got != "victim" {
		return fmt.Sprintf("its Redis has %q, %v", got, err)
	}
	if err := v.rdb.Set(ctx, "more", "data", 0).Err(); err != nil {
		return fmt.Sprintf("its Redis takes nothing: %v", err)
	}
	var got string
	if err := v.db.QueryRow(ctx, "SELECT v FROM mark").Scan(&got); got != "victim" {
		return fmt.Sprintf("its table has %q, %v", got, err)
	}
	c, err := pgx.Connect(ctx, v.postgres)
	if err != nil {
		return fmt.Sprintf("it gets no connection: %v", err)
	}
	c.Close(ctx)
	return ""
}

// fixed are stores that give every check the same.
type fixed grade.Lease

func (f fixed) Acquire(context.Context, []string) (grade.Lease, error) {
	return grade.Lease(f),
		nil
}
func (f fixed) Info() map[string]run.Backend { return nil }

// roomy is a sandbox in which a check can open more connections than a server takes.
type roomy struct{ sandbox.Sandbox }

func (s *roomy) Run(ctx context.Context, c sandbox.Command) (sandbox.Exit, error) {
	c.Limits.Files = 1024
	return s.Sandbox.Run(ctx, c)
}

// TestAttacks_Stores grades attacks on the data of another submission. None may reach it; and each
// does where both have what they would have without backends of their own.
func TestAttacks_Stores(t *testing.T) {
	if raceEnabled {
		t.Skip("make unit runs this without the race detector, like the other attacks")
	}
	dir := backendstest.TempDir(t)
	o := backends.Options{Provider: backends.Local, Dir: dir, Slots: 2, Apart: true}
	need := backends.Need{Redis: true, RealRedis: true, Postgres: true}
	if _, err := backends.Up(t.Context(), o, backends.Need{Postgres: true}); err != nil {
		if strings.Contains(os.Getenv("LABS_TEST_REQUIRE"), backends.Local) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { backends.Down(context.Background(), o) })
	set, err := backends.Open(t.Context(), o, need)
	must(t, err)
	t.Cleanup(func() { set.Close() })
	if err := set.Missing(need); err != nil {
		t.Skip(err)
	}
	lease := func() grade.Lease {
		l, err := set.Acquire(t.Context(), need)
		must(t, err)
		return grade.Lease{Redis: l.Redis, RedisReal: true, Postgres: l.Postgres,
			Exceeded: l.Exceeded, Release: l.Release}
	}

	c, err := attacked()
	must(t, err)
	l, err := coursetest.Lab(c.Root, "b02-notes")
	must(t, err)
	l.Imports = []string{"github.com/jackc/pgx/v5", "github.com/redis/go-redis/v9"}
	l.Checks[0].Needs = []string{course.NeedRealRedis, course.NeedPostgres}
	bin := t.TempDir()
	judge := func(t *testing.T, dir string, stores grade.Stores) run.Result {
		t.Helper()
		g := &grade.Grader{Builder: &compile.Builder{Course: c, Dir: bin}, Sandbox: &roomy{new(sandbox.NS)}}
		g.Open = func(context.Context, []string) (grade.Stores, error) { return stores, nil }
		return mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir}},
			grade.Options{Timeout: 20 * time.Second}, nil)[0]
	}

	own := lease()
	if r := judge(t, l.SolutionDir, fixed(own)); r.Verdict != run.Passed {
		t.Fatalf("the reference: got %s: %s", r.Verdict, start(output(r)))
	}
	own.Release()

	files, err := filepath.Glob("testdata/attacks-on-stores/*/attack.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d attacks, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		a := storeAttack{Name: filepath.Base(filepath.Dir(file))}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		must(t, dec.Decode(&a))
		t.Run(a.Name, func(t *testing.T) {
			t.Logf("it %s", a.Tries)
			dir := t.TempDir()
			must(t, os.Chmod(dir, 0o755))
			must(t, os.CopyFS(dir, os.DirFS(filepath.Join(filepath.Dir(file), "labs",
				"b02-notes"))))
			attack := func(at grade.Lease, v *victim) (succeeds bool, how string) {
				v.target(t, at)
				r, harm := v.watch(func() run.Result { return judge(t, dir, fixed(at)) })
				text := fmt.Sprintf(
					"%s, and the other submission is hurt like this: %q; it says: %s", r.Verdict,
					harm, start(output(r)))
				if r.Verdict == run.InfraError || r.Verdict == run.Rejected ||
					r.Verdict == run.BuildFailed {
					t.Fatalf("it was not run: %s", text)
				}
				return r.Verdict == run.Passed || harm != "" ||
					strings.Contains(output(r), "PWNED"), text
			}

			his, mine := lease(), lease()
			yes, how := attack(mine, newVictim(t, his.Redis, his.Postgres))
			if yes || !strings.Contains(how, a.Exceeded) {
				t.Errorf("with backends of its own: %s; want it to say %q", how, a.Exceeded)
			}
			mine.Release()
			his.Release()

			his, mine = lease(), lease()
			defer his.Release()
			defer mine.Release()
			his.Redis = plainRedis(t)
			switch a.Without {
			case "shared":
				mine.Redis = his.Redis + "/1"
			case "plain":
				mine.Redis = plainRedis(t)
			case "superuser":
				mine.Postgres = asAdministrator(t, o.Dir, mine.Postgres)
			case "unbounded":
				mine.Exceeded, mine.Postgres = nil, unbounded(t, o.Dir, mine.Postgres)
			default:
				t.Fatalf("there is no way to be without %q", a.Without)
			}
			if yes, how := attack(mine, newVictim(t, his.Redis, his.Postgres)); !yes {
				t.Errorf("it does not succeed with a %s backend either, so it proves nothing: %s",
					a.Without, how)
			}
		})
	}
}

// plainRedis is a server as it comes, for the time of the test.
func plainRedis(t *testing.T) (url string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", t.TempDir())
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	for range 200 {
		if c.Ping(t.Context()).Err() == nil {
			return "redis://" + addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not start")
	return ""
}

// unbounded is the address of a new database in the server of that one, to which nothing is a bound
// but what bounds the server.
func unbounded(t *testing.T, dir, database string) string {
	t.Helper()
	admin, err := url.Parse(asAdministrator(t, dir, database))
	must(t, err)
	admin.Path = "/postgres"
	c, err := pgx.Connect(t.Context(), admin.String())
	must(t, err)
	t.Cleanup(func() { c.Close(context.Background()) })
	for _, statement := range []string{"CREATE ROLE unbounded LOGIN PASSWORD 'unbounded'",
		"CREATE DATABASE unbounded OWNER unbounded TEMPLATE template0"} {
		_, err := c.Exec(t.Context(), statement)
		must(t, err)
	}
	t.Cleanup(func() {
		c.Exec(context.Background(), "DROP DATABASE unbounded WITH (FORCE)")
		c.Exec(context.Background(), "DROP ROLE unbounded")
	})
	u, err := url.Parse(database)
	must(t, err)
	u.User, u.Path = url.UserPassword("unbounded", "unbounded"), "/unbounded"
	return u.String()
}

// asAdministrator is the address of that database for the administrator of the server.
func asAdministrator(t *testing.T, dir, database string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "backends.json"))
	must(t, err)
	var up struct{ Postgres struct{ Admin string } }
	must(t, json.Unmarshal(data, &up))
	admin, err := url.Parse(up.Postgres.Admin)
	must(t, err)
	u, err := url.Parse(database)
	must(t, err)
	u.User = admin.User
	return u.String()
}
