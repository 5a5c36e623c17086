package backends_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/backends/backendstest"
	"github.com/backend-labs/backend-labs/harness/kit/account"
)

// killed starts a process that holds a lease, and kills it.
func killed(t *testing.T, c child) *backends.Lease {
	t.Helper()
	cmd := c.start(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := new(backends.Lease)
	err = json.NewDecoder(out).Decode(l)
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestKilled(t *testing.T) {
	for _, provider := range []string{backends.Local, backends.Container} {
		t.Run(provider, func(t *testing.T) {
			needs(t, provider)
			temp := backendstest.TempDir(t)
			c := child{Provider: provider, Dir: t.TempDir(), Need: both}
			l := killed(t, c)
			removed, err := backends.Sweep(t.Context(), c.options())
			if err != nil {
				t.Error(err)
			}
			t.Logf("removed %v", removed)
			if len(removed) == 0 {
				t.Error("nothing was found of a command that was killed")
			}
			for _, u := range []string{l.Redis, l.Postgres} {
				await(t, "nobody listens any more on "+u, func() bool { return !listening(t, u) })
			}
			for _, dir := range []string{temp, filepath.Join(c.Dir, "run"),
				filepath.Join(c.Dir, "tmp")} {
				left, _ := os.ReadDir(dir)
				for _, f := range left {
					t.Errorf("%s is left in %s", f.Name(), dir)
				}
			}
			if again, _ := backends.Sweep(t.Context(), c.options()); len(again) != 0 {
				t.Errorf("the second sweep found %v", again)
			}
		})
	}
}

func TestSweep_SparesTheLiving(t *testing.T) {
	for _, provider := range []string{backends.Local, backends.Container} {
		t.Run(provider, func(t *testing.T) {
			needs(t, provider)
			o := backends.Options{Provider: provider, Dir: t.TempDir(), Slots: 1}
			s := open(t, o, both)
			l, err := s.Acquire(t.Context(), both)
			if err != nil {
				t.Fatal(err)
			}
			if removed, err := backends.Sweep(t.Context(), o); err != nil || len(removed) != 0 {
				t.Errorf("got %v, %v, want nothing removed", removed, err)
			}
			if !listening(t, l.Redis) || !listening(t, l.Postgres) {
				t.Error("the sweep has ended a server in use")
			}
		})
	}
}

func listening(t *testing.T, raw string) bool {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// TestKilled_Shared is about servers that stay: what a dead command has left in them is removed by
// the next one.
func TestKilled_Shared(t *testing.T) {
	env := urls(t)
	t.Setenv(backends.RedisURLVar, env(backends.RedisURLVar))
	t.Setenv(backends.PostgresURLVar, env(backends.PostgresURLVar))
	c := child{Provider: backends.URL, Dir: t.TempDir(), Need: both}
	l := killed(t, c)
	client(t, l.Redis).Set(t.Context(), "left", "over", 0)
	admin := connect(t, env(backends.PostgresURLVar))
	name := strings.TrimPrefix(mustParse(t, l.Postgres).Path, "/")
	exists := func() (there bool) {
		if err := admin.QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)",
			name).Scan(&there); err != nil {
			t.Fatal(err)
		}
		return there
	}
	if !exists() {
		t.Fatalf("database %s is gone although nobody could remove it", name)
	}
	await(t, "the server has noticed that its client is dead, and the next command has removed "+
		"the database", func() bool {
		open(t, c.options(), both).Close()
		return !exists()
	})
	if n := client(t, l.Redis).DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys are left in the database of Redis", n)
	}
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUpAndDown(t *testing.T) {
	for _, provider := range []string{backends.Local, backends.Container} {
		t.Run(provider, func(t *testing.T) {
			needs(t, provider)
			c := child{Provider: provider, Dir: t.TempDir(), Need: both, Up: true}
			t.Cleanup(func() { backends.Down(context.Background(), c.options()) })
			if out, err := c.start(t).Output(); err != nil || len(out) > 0 {
				t.Fatalf("labs up: %v, %s", err, out)
			}
			state := backends.Running(t.Context(), c.options())
			if state.Redis == "" || !state.RealRedis || state.Postgres == "" {
				t.Fatalf("got %+v, want both, though the process that started them has ended",
					state)
			}
			data, err := os.ReadFile(filepath.Join(c.Dir, filepath.Base(account.UpFile)))
			if err != nil {
				t.Fatal(err)
			}
			var plain account.Up
			if err := json.Unmarshal(data, &plain); err != nil ||
				plain != (account.Up{Redis: state.Redis, RedisReal: true,
					Postgres: state.Postgres}) {
				t.Errorf("got %s, %v for a plain go test, want %+v", data, err, state)
			}
			client(t, plain.Redis).Set(t.Context(), "mine", "1", 0)
			if _, err := connect(t, plain.Postgres).Exec(t.Context(),
				"CREATE DATABASE a_check_of_its_own"); err != nil {
				t.Error(err)
			}

			if _, err := backends.Sweep(t.Context(), c.options()); err != nil {
				t.Error(err)
			}
			s := open(t, backends.Options{Dir: c.Dir, Slots: 2}, both) // auto
			l, err := s.Acquire(t.Context(), both)
			if err != nil {
				t.Fatal(err)
			}
			if mustParse(t, l.Postgres).Host != mustParse(t, plain.Postgres).Host ||
				l.Postgres == plain.Postgres {
				t.Errorf("got %s, want another database of the Postgres that is up", l.Postgres)
			}
			if i := s.Info()[backends.Postgres]; !strings.Contains(i.Detail,
				"left running by labs up") || i.Provider != provider {
				t.Errorf("got %+v", i)
			}
			l.Release()
			s.Close()
			if got := client(t, plain.Redis).Get(t.Context(), "mine").Val(); got != "1" {
				t.Errorf("got %q in the Redis for a plain go test, want what was there: leases "+
					"have theirs", got)
			}

			again, err := backends.Up(t.Context(), c.options(), both)
			if err != nil || again.Postgres != state.Postgres || again.Redis != state.Redis {
				t.Errorf("the second labs up: got %+v, %v, want what is up", again, err)
			}
			removed, err := backends.Down(t.Context(), c.options())
			if err != nil || len(removed) != 2 {
				t.Errorf("labs down: got %v, %v, want two servers", removed, err)
			}
			for _, u := range []string{plain.Redis, plain.Postgres} {
				await(t, "nobody listens any more on "+u, func() bool { return !listening(t, u) })
			}
			if removed, err := backends.Down(t.Context(), c.options()); err != nil ||
				len(removed) != 0 {
				t.Errorf("the second labs down: got %v, %v", removed, err)
			}
			filepath.WalkDir(c.Dir, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".lock") {
					t.Errorf("%s is left", path)
				}
				return nil
			})
		})
	}
}

// TestUp_unnoted has a state folder in which nothing can be noted: what nobody could find later does
// not stay.
func TestUp_unnoted(t *testing.T) {
	needs(t, backends.Local)
	dir := t.TempDir()
	state := filepath.Join(dir, "backends.json", "in the way")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	up, err := backends.Up(t.Context(), backends.Options{Provider: backends.Local, Dir: dir,
		Slots: 1}.WithPort(port), backends.Need{Redis: true})
	e, ok := errors.AsType[*backends.Error](err)
	if !ok || e.Kind != backends.BadOptions || e.Hint() == "" || up.Redis != "" ||
		!strings.HasPrefix(e.Text, "the state folder "+dir+" cannot be written: ") {
		t.Errorf("got %+v, %v, want that the folder cannot be written", up, err)
	}
	at := fmt.Sprintf("redis://127.0.0.1:%d", port)
	await(t, "nobody listens any more on "+at, func() bool { return !listening(t, at) })
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// TestADeadServerIsReplaced is about a command that runs for hours, as labs watch does.
func TestADeadServerIsReplaced(t *testing.T) {
	needs(t, backends.Local)
	o := backends.Options{Provider: backends.Local, Slots: 1, Dir: t.TempDir()}
	s := open(t, o, both)
	l, err := s.Acquire(t.Context(), both)
	if err != nil {
		t.Fatal(err)
	}
	before := mustParse(t, l.Postgres).Host
	l.Release()
	for _, pid := range backends.Processes(o) {
		if p, err := os.FindProcess(pid); err == nil {
			p.Kill()
		}
	}
	await(t, "Postgres is dead", func() bool { return !listening(t, "tcp://"+before) })
	l, err = s.Acquire(t.Context(), both)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if after := mustParse(t, l.Postgres).Host; after == before || !listening(t, l.Postgres) ||
		!listening(t, l.Redis) {
		t.Errorf("got %s and %s, want servers that are alive", l.Postgres, l.Redis)
	}
}
