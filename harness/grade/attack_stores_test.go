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
	"sync"
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
	Dir   string `yaml:"-"`
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
	return grade.Lease(f), nil
}
func (f fixed) Info() map[string]run.Backend { return nil }

// roomy is a sandbox in which a check can open more connections than a server takes.
type roomy struct{ sandbox.Sandbox }

func (s *roomy) Run(ctx context.Context, c sandbox.Command) (sandbox.Exit, error) {
	c.Limits.Files = 1024
	return s.Sandbox.Run(ctx, c)
}

// storeLab is the lab that the attacks are about, with servers for its checks.
type storeLab struct {
	course *course.Course
	lab    *course.Lab
	bin    string // for binaries
	o      backends.Options
	set    *backends.Set
	two    sync.Mutex // held by who takes two leases: whoever has one waits for no other
}

var storesNeeded = backends.Need{Redis: true, RealRedis: true, Postgres: true}

func newStoreLab(t *testing.T) *storeLab {
	t.Helper()
	s := &storeLab{bin: t.TempDir(), o: backends.Options{Provider: backends.Local,
		Dir: backendstest.TempDir(t), Slots: 2, Apart: true}}
	if _, err := backends.Up(t.Context(), s.o, backends.Need{Postgres: true}); err != nil {
		if strings.Contains(os.Getenv("LABS_TEST_REQUIRE"), backends.Local) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { backends.Down(context.Background(), s.o) })
	var err error
	o := s.o
	o.Slots *= 2 // which are more leases, and no more connections
	s.set, err = backends.Open(t.Context(), o, storesNeeded)
	must(t, err)
	t.Cleanup(func() { s.set.Close() })
	if err := s.set.Missing(storesNeeded); err != nil {
		t.Skip(err)
	}
	s.course, err = attacked()
	must(t, err)
	s.lab, err = coursetest.Lab(s.course.Root, "b02-notes")
	must(t, err)
	s.lab.Imports = []string{"github.com/jackc/pgx/v5", "github.com/redis/go-redis/v9"}
	s.lab.Checks[0].Needs = []string{course.NeedRealRedis, course.NeedPostgres}
	return s
}

func (s *storeLab) lease(t *testing.T) grade.Lease {
	t.Helper()
	l, err := s.set.Acquire(t.Context(), storesNeeded)
	must(t, err)
	return grade.Lease{Redis: l.Redis, RedisReal: true, Postgres: l.Postgres, Exceeded: l.Exceeded,
		Release: l.Release}
}

// leases are those of two submissions that are judged at the same time.
func (s *storeLab) leases(t *testing.T) (his, mine grade.Lease) {
	t.Helper()
	s.two.Lock()
	defer s.two.Unlock()
	return s.lease(t), s.lease(t)
}

// judge grades a folder by these stores, without the policy: most attacks open connections of their
// own, which it refuses.
func (s *storeLab) judge(t *testing.T, box sandbox.Sandbox, dir string, at grade.Lease) run.Result {
	t.Helper()
	g := &grade.Grader{Builder: &compile.Builder{Course: s.course, Dir: s.bin}, Sandbox: box}
	g.Open = func(context.Context, []string) (grade.Stores, error) { return fixed(at), nil }
	return mustGrade(t, g.WithoutPolicy(), []grade.Job{{Lab: s.lab, Dir: dir}},
		grade.Options{Timeout: 20 * time.Second}, nil)[0]
}

// reference demands that the right answer passes in a sandbox.
func (s *storeLab) reference(t *testing.T, box sandbox.Sandbox) {
	t.Helper()
	own := s.lease(t)
	defer own.Release()
	if r := s.judge(t, box, s.lab.SolutionDir, own); r.Verdict != run.Passed {
		t.Fatalf("the reference: got %s: %s", r.Verdict, start(output(r)))
	}
}

// attack grades one beside a victim that has the other lease.
func (s *storeLab) attack(t *testing.T, dir string, his, mine grade.Lease) (succeeds bool,
	how string) {
	t.Helper()
	v := newVictim(t, his.Redis, his.Postgres)
	v.target(t, mine)
	r, harm := v.watch(func() run.Result {
		return s.judge(t, &roomy{new(sandbox.NS)}, dir, mine)
	})
	how = fmt.Sprintf("%s, and the other submission is hurt like this: %q; it says: %s", r.Verdict,
		harm, start(output(r)))
	if r.Verdict == run.InfraError || r.Verdict == run.Rejected || r.Verdict == run.BuildFailed {
		t.Fatalf("it was not run: %s", how)
	}
	return r.Verdict == run.Passed || harm != "" || strings.Contains(output(r), "PWNED"), how
}

// without takes away what keeps two submissions apart.
func (s *storeLab) without(t *testing.T, what string, his, mine *grade.Lease) {
	t.Helper()
	his.Redis = plainRedis(t)
	switch what {
	case "shared":
		mine.Redis = his.Redis + "/1"
	case "plain":
		mine.Redis = plainRedis(t)
	case "superuser":
		mine.Postgres = asAdministrator(t, s.o.Dir, mine.Postgres)
	case "unbounded":
		mine.Exceeded, mine.Postgres = nil, unbounded(t, s.o.Dir, mine.Postgres)
	default:
		t.Fatalf("there is no way to be without %q", what)
	}
}

// TestAttacks_Stores grades attacks on the data of another submission. None may reach it; and each
// does where both have what they would have without backends of their own.
func TestAttacks_Stores(t *testing.T) {
	if raceEnabled {
		t.Skip("make graded runs this without the race detector, like the other attacks")
	}
	s := newStoreLab(t)
	s.reference(t, &roomy{new(sandbox.NS)})
	all := storeAttacks(t)
	t.Run("with backends of its own", func(t *testing.T) {
		for _, a := range all {
			t.Run(a.Name, func(t *testing.T) {
				t.Parallel() // what one does is no harm to any other
				t.Logf("it %s", a.Tries)
				his, mine := s.leases(t)
				defer his.Release()
				defer mine.Release()
				if yes, how := s.attack(t, a.submission(t), his, mine); yes ||
					!strings.Contains(how, a.Exceeded) {
					t.Errorf("got %s; want it to say %q", how, a.Exceeded)
				}
			})
		}
	})
	for _, a := range all {
		t.Run(a.Name, func(t *testing.T) {
			his, mine := s.leases(t)
			defer his.Release()
			defer mine.Release()
			s.without(t, a.Without, &his, &mine)
			if yes, how := s.attack(t, a.submission(t), his, mine); !yes {
				t.Errorf("it does not succeed with a %s backend either, so it proves nothing: %s",
					a.Without, how)
			}
		})
	}
}

// TestLandlock_Stores has checks with stores in the sandbox in which there are no bridges: those of
// this machine can be had, and no others.
func TestLandlock_Stores(t *testing.T) {
	s := newStoreLab(t)
	box, err := sandbox.ForGrading(t.Context(), "landlock", filepath.Join(s.course.Root, "go.mod"))
	if err != nil {
		t.Skip(err)
	}
	s.reference(t, box)
	for _, address := range []string{"redis://192.0.2.1:6379", "redis://[::1]:6379",
		"redis://localhost:6379"} {
		own := s.lease(t)
		own.Redis = address
		r := s.judge(t, box, s.lab.SolutionDir, own)
		own.Release()
		c := r.Checks[0]
		if r.Verdict != run.InfraError || c.Verdict != run.NotJudged || c.Points != 0 ||
			c.Message != (&sandbox.NoBridge{Sandbox: "landlock"}).Error() {
			t.Errorf("%s: got %s, of the check %s: %q; want it not judged, and why", address,
				r.Verdict, c.Verdict, c.Message)
		}
	}
}

func storeAttacks(t *testing.T) (all []storeAttack) {
	t.Helper()
	files, err := filepath.Glob("testdata/attacks-on-stores/*/attack.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d attacks, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		a := storeAttack{Name: filepath.Base(filepath.Dir(file)), Dir: filepath.Dir(file)}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		must(t, dec.Decode(&a))
		all = append(all, a)
	}
	return all
}

// submission is the attack as it is handed in.
func (a storeAttack) submission(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(a.Dir, "labs", "b02-notes"))))
	return dir
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
