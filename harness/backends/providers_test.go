package backends_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/backends/backendstest"
)

// both is what every provider but embedded has.
var both = backends.Need{Redis: true, RealRedis: true, Postgres: true}

func TestLocal(t *testing.T) {
	needs(t, backends.Local)
	backendstest.Run(t, backendstest.Config{Options: backends.Options{Provider: backends.Local,
		Slots: 3}, Need: both})
}

func TestContainer(t *testing.T) {
	needs(t, backends.Container)
	backendstest.Run(t, backendstest.Config{Options: backends.Options{Provider: backends.Container,
		Slots: 2}, Need: both})
}

// TestContainer_PortsAreLocal wants the ports of containers to be closed to the network, where that
// is possible.
func TestContainer_PortsAreLocal(t *testing.T) {
	needs(t, backends.Container)
	t.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	need := backends.Need{Redis: true}
	l, err := open(t, backends.Options{Provider: backends.Container, Slots: 1},
		need).Acquire(t.Context(), need)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if !listening(t, l.Redis) {
		t.Fatal("nobody listens on " + l.Redis)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.To4() == nil {
			continue
		}
		if open := net.JoinHostPort(ip.IP.String(), mustParse(t, l.Redis).Port()); listening(t,
			"redis://"+open) {
			t.Errorf("somebody listens on %s, too", open)
		}
	}
}

// TestUp_Container runs the suite in servers that several commands share.
func TestUp_Container(t *testing.T) {
	needs(t, backends.Container)
	o := backends.Options{Provider: backends.Container, Slots: 2, Dir: t.TempDir()}
	up(t, o)
	backendstest.Run(t, backendstest.Config{Options: o, Need: both, Shared: true})
}

// TestUp_Local does so, too.
func TestUp_Local(t *testing.T) {
	needs(t, backends.Local)
	o := backends.Options{Provider: backends.Local, Slots: 2, Dir: t.TempDir()}
	up(t, o)
	backendstest.Run(t, backendstest.Config{Options: o, Need: both, Shared: true})
}

// up is labs up, and labs down at the end of the test.
func up(t *testing.T, o backends.Options) backends.State {
	t.Helper()
	t.Cleanup(func() {
		if _, err := backends.Down(context.Background(), o); err != nil {
			t.Error(err)
		}
	})
	state, err := backends.Up(t.Context(), o, both)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// urls starts servers and gives an environment that names them.
func urls(t *testing.T) func(string) string {
	t.Helper()
	needs(t, backends.Local)
	o := backends.Options{Provider: backends.Local, Slots: 2, Dir: t.TempDir()}
	state := up(t, o)
	return environment(backends.RedisURLVar+"="+state.Redis,
		backends.PostgresURLVar+"="+backends.AdminURL(o))
}

func TestURL(t *testing.T) {
	env := urls(t)
	backendstest.Run(t, backendstest.Config{
		Options: backends.Options{Provider: backends.URL, Slots: 3, Getenv: env}, Need: both,
		Foreign: true, Shared: true,
	})
	// Nothing of all that is left in the servers.
	conn := connect(t, env(backends.PostgresURLVar))
	var left int
	if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_database WHERE datname ~ '^labs_[0-9a-f]{8}') +
		(SELECT count(*) FROM pg_roles WHERE rolname ~ '^labs_[0-9a-f]{8}')`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d databases and roles are left, %v", left, err)
	}
	if keyspace := client(t, env(backends.RedisURLVar)).Info(t.Context(),
		"keyspace").Val(); strings.Contains(keyspace, "keys=") {
		t.Errorf("keys are left: %s", keyspace)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// redisServer runs one with a configuration of its own, until the test ends.
func redisServer(t *testing.T, args ...string) (url string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		skip(t, backends.URL, err.Error())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command(program, append([]string{"--port", fmt.Sprint(port), "--save", "", "--dir",
		t.TempDir()}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	url = fmt.Sprintf("redis://127.0.0.1:%d", port)
	c := client(t, url)
	await(t, "redis-server answers", func() bool { return c.Ping(t.Context()).Err() == nil })
	return url
}

func TestURL_OneDatabase(t *testing.T) {
	url := redisServer(t, "--databases", "1")
	backendstest.Run(t, backendstest.Config{
		Options: backends.Options{Provider: backends.URL, Slots: 3,
			Getenv: environment(backends.RedisURLVar + "=" + url)},
		Need: backends.Need{Redis: true, RealRedis: true}, OneDatabase: true, Shared: true,
	})
}

func TestURL_LeavesKeysAlone(t *testing.T) {
	url := redisServer(t, "--databases", "3")
	ctx := t.Context()
	for _, db := range []string{"/0", "/2"} {
		client(t, url+db).Set(ctx, "precious", "data", 0)
	}
	s := open(t, backends.Options{Provider: backends.URL,
		Getenv: environment(backends.RedisURLVar + "=" + url)}, backends.Need{Redis: true})
	for range 3 {
		l, err := s.Acquire(ctx, backends.Need{Redis: true})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(l.Redis, "/1") {
			t.Errorf("got %s, want database 1, the only one that is empty", l.Redis)
		}
		client(t, l.Redis).Set(ctx, "k", "v", 0)
		l.Release()
	}
	s.Close()
	for _, db := range []string{"/0", "/2"} {
		if got := client(t, url+db).Get(ctx, "precious").Val(); got != "data" {
			t.Errorf("got %q in database %s, want data", got, db)
		}
	}
}

func TestURL_TwoCommandsShareOneDatabase(t *testing.T) {
	url := redisServer(t, "--databases", "1")
	need := backends.Need{Redis: true}
	o := backends.Options{Provider: backends.URL, Getenv: environment(backends.RedisURLVar + "=" +
		url)}
	one, two := open(t, o, need), open(t, o, need)
	l, err := one.Acquire(t.Context(), need)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := two.Acquire(ctx, need); err == nil {
		t.Fatal("two commands hold the same database")
	}
	client(t, l.Redis).Set(t.Context(), "k", "v", 0)
	l.Release()
	l, err = two.Acquire(t.Context(), need)
	if err != nil {
		t.Fatal(err)
	}
	if n := client(t, l.Redis).DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("got %d keys, want an empty database", n)
	}
}

// open opens a Set in a folder of its own.
func open(t *testing.T, o backends.Options, need backends.Need) *backends.Set {
	t.Helper()
	return backendstest.Open(t, backendstest.Config{Options: o, Need: need})
}

func TestURL_OrdinaryRole(t *testing.T) {
	env := urls(t)
	admin := connect(t, env(backends.PostgresURLVar))
	for _, sql := range []string{
		"CREATE ROLE course LOGIN PASSWORD 'course' CREATEDB CREATEROLE",
		"CREATE DATABASE course OWNER course",
		"CREATE ROLE guest LOGIN PASSWORD 'guest'", "CREATE DATABASE guest OWNER guest",
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	as := func(role string) backends.Options {
		u, err := url.Parse(env(backends.PostgresURLVar))
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.Path = url.UserPassword(role, role), "/"+role
		return backends.Options{Provider: backends.URL, Slots: 2, Dir: t.TempDir(),
			Getenv: environment(backends.PostgresURLVar + "=" + u.String())}
	}
	need := backends.Need{Postgres: true}
	t.Run("that may create databases and roles", func(t *testing.T) {
		o := as("course")
		o.Dir = ""
		backendstest.Run(t, backendstest.Config{Options: o, Need: need, Foreign: true,
			Shared: true})
	})
	t.Run("that may not", func(t *testing.T) {
		wantMissing(t, as("guest"), need, backends.NotAllowed,
			`the role "guest" may not create databases and roles in the Postgres at 127.0.0.1:PORT`,
			`as its administrator: ALTER ROLE "guest" CREATEDB CREATEROLE`)
	})
	t.Run("with a wrong password", func(t *testing.T) {
		o := as("guest")
		right := o.Getenv(backends.PostgresURLVar)
		o.Getenv = environment(backends.PostgresURLVar + "=" +
			strings.Replace(right, "guest@", "wrong@", 1))
		wantMissing(t, o, need, backends.Unreachable,
			`postgres at 127.0.0.1:PORT (LABS_POSTGRES_URL) cannot be used: password authentication failed for user "guest"`,
			"is the server running, and is the password right? unset LABS_POSTGRES_URL to let "+
				"labs find another way")
	})
}

// TestURL_Apart has a Redis that is named by a URL, and checks of which none may reach what is
// another's.
func TestURL_Apart(t *testing.T) {
	o := backends.Options{Provider: backends.URL, Apart: true, Slots: 1, Dir: t.TempDir(),
		Getenv: environment(backends.RedisURLVar + "=redis://127.0.0.1:6379")}
	wantMissing(t, o, backends.Need{Redis: true}, backends.NotAllowed,
		"submissions would reach each other's data in the Redis at 127.0.0.1:PORT "+
			"(LABS_REDIS_URL): each needs a server of its own",
		"unset LABS_REDIS_URL, and start Docker or install Redis (Debian: apt-get install "+
			"redis-server; macOS: brew install redis)")
	o.Provider, o.Dir = backends.Auto, t.TempDir()
	s := open(t, o, backends.Need{Redis: true})
	if got := s.Info()[backends.Redis]; got.Provider == backends.URL ||
		!strings.Contains(got.PassedOver, "reach each other's data") {
		t.Errorf("got %+v, want another provider, and why", got)
	}
}

func TestEmbedded(t *testing.T) {
	home := embeddedHome(t)
	o := backends.Options{Provider: backends.Embedded, Slots: 3,
		Getenv: environment("XDG_CACHE_HOME=" + home)}
	backendstest.Run(t, backendstest.Config{Options: o,
		Need: backends.Need{Redis: true, Postgres: true}})
}

// embeddedHome is a cache in which the binaries are there as if they had been downloaded: this
// machine's.
func embeddedHome(t *testing.T) string {
	t.Helper()
	home := backendstest.TempDir(t)
	bin := filepath.Join(home, "backend-labs", "embedded-postgres", backends.EmbeddedVersion, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, path := range postgresPrograms(t) {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

func postgresPrograms(t *testing.T) map[string]string {
	t.Helper()
	programs := map[string]string{}
	for _, name := range []string{"initdb", "postgres", "pg_ctl"} {
		path, err := exec.LookPath(name)
		if err != nil {
			found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
			if len(found) == 0 {
				skip(t, backends.Embedded,
					"no PostgreSQL on this machine to stand for the one that is downloaded")
			}
			path = found[len(found)-1]
		}
		programs[name] = path
	}
	return programs
}

// TestEmbedded_Downloads serves what Maven Central has: a jar with an archive of binaries, here
// scripts that call those of this machine.
func TestEmbedded_Downloads(t *testing.T) {
	jar := postgresJar(t)
	var asked []string
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if strings.HasSuffix(r.URL.Path, ".jar") {
			w.Write(jar)
			return
		}
		http.NotFound(w, r)
	}))
	defer mirror.Close()
	home := backendstest.TempDir(t)
	o := backends.Options{Provider: backends.Embedded, Slots: 1, Getenv: environment(
		"XDG_CACHE_HOME="+home, "LABS_EMBEDDED_POSTGRES_REPOSITORY="+mirror.URL+"/maven/")}
	s := open(t, o, backends.Need{Postgres: true})
	l, err := s.Acquire(t.Context(), backends.Need{Postgres: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(t, l.Postgres).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if len(asked) < 2 || !strings.HasPrefix(asked[1],
		"GET /maven/io/zonky/test/postgres/embedded-postgres-binaries-") {
		t.Errorf("the mirror was asked for %v", asked)
	}
	first := len(asked)
	open(t, o, backends.Need{Postgres: true})
	if len(asked) != first {
		t.Errorf("the second start asked the mirror again: %v", asked[first:])
	}
	if left, _ := os.ReadDir(filepath.Join(home, "backend-labs",
		"embedded-postgres")); len(left) != 1 {
		t.Errorf("left behind beside the binaries: %v", left)
	}
}

func postgresJar(t *testing.T) []byte {
	t.Helper()
	tree := t.TempDir()
	for name, path := range postgresPrograms(t) {
		script(t, filepath.Join(tree, "bin", name), `exec `+path+` "$@"`)
	}
	archive := filepath.Join(t.TempDir(), "postgres.txz")
	if out, err := exec.Command("tar", "-C", tree, "-cJf", archive,
		".").CombinedOutput(); err != nil {
		skip(t, backends.Embedded, fmt.Sprintf("tar cannot compress with xz: %v: %s", err, out))
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}
