package backends_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/backends/backendstest"
)

var port = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// wantMissing opens a Set and wants it to lack what is needed, for a reason of this kind, in these
// words. "…" stands for anything; the number of a port for PORT.
func wantMissing(t *testing.T, o backends.Options, need backends.Need, kind backends.Kind, text,
	hint string) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := backends.Open(t.Context(), o, need)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, ok := errors.AsType[*backends.Error](s.Missing(need))
	if !ok {
		t.Fatalf("nothing is missing; got %v", s.Info())
	}
	if e.Kind != kind || !like(e.Error(), text) || !like(e.Hint(), hint) {
		t.Errorf("got  %s: %s\nhint: %s\nwant %s: %s\nhint: %s", e.Kind, e.Error(), e.Hint(), kind,
			text, hint)
	}
	if _, err := s.Acquire(t.Context(), need); err == nil || err.Error() != e.Error() {
		t.Errorf("Acquire: got %v, want what Missing says", err)
	}
	if s.Missing(backends.Need{}) != nil {
		t.Error("nothing needed, and yet something missing")
	}
}

func like(got, want string) bool {
	got = port.ReplaceAllString(got, "127.0.0.1:PORT")
	want = strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	return regexp.MustCompile("^" + want + "$").MatchString(got)
}

const noEngine = "DOCKER_HOST=tcp://127.0.0.1:1"

// nowhere has neither an engine nor any program.
func nowhere(more ...string) backends.Options {
	return backends.Options{Getenv: environment(append(more, noEngine, "PATH=")...)}.WithPrefixes()
}

func TestFailure_NothingWorks(t *testing.T) {
	start := time.Now()
	wantMissing(t, nowhere(), backends.Need{RealRedis: true}, backends.NotReal,
		"only miniredis is to be had here, and this needs a real Redis (container: no Docker "+
			"engine answers at tcp://127.0.0.1:PORT: connection refused; local: redis-server is "+
			"not installed on this machine)",
		"start Docker, or install Redis (Debian: apt-get install redis-server; macOS: brew "+
			"install redis), or set LABS_REDIS_URL")
	// milliseconds, on a machine that is not busy
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("to find that out took %v", took)
	}
	cache := t.TempDir()
	wantMissing(t, nowhere("XDG_CACHE_HOME="+cache,
		"LABS_EMBEDDED_POSTGRES_REPOSITORY=http://127.0.0.1:1"), backends.Need{Postgres: true},
		backends.NotToBeHad,
		"no postgres is to be had here: container: no Docker engine answers at "+
			"tcp://127.0.0.1:PORT: connection refused; local: PostgreSQL's server (initdb, "+
			"postgres) is not installed on this machine; embedded: Postgres cannot be "+
			"downloaded from http://127.0.0.1:PORT: connection refused",
		"start Docker, or install PostgreSQL (Debian: apt-get install postgresql; macOS: brew "+
			"install postgresql@17), or set LABS_POSTGRES_URL")
}

func TestFailure_NoDockerFallsBack(t *testing.T) {
	o := backends.Options{Getenv: environment(noEngine, "PATH=")}.WithPrefixes()
	start := time.Now()
	s := open(t, o, backends.Need{Redis: true})
	t.Logf("the fallback took %v", time.Since(start))
	i := s.Info()[backends.Redis]
	if i.Provider != backends.Embedded || !strings.Contains(i.PassedOver,
		"container: no Docker engine answers at tcp://127.0.0.1:1: connection refused") {
		t.Errorf("got %+v, want miniredis, and why", i)
	}
}

func TestFailure_Unreachable(t *testing.T) {
	wantMissing(t, backends.Options{Provider: backends.URL,
		Getenv: environment("LABS_REDIS_URL=redis://127.0.0.1:1")},
		backends.Need{Redis: true}, backends.Unreachable,
		"redis at 127.0.0.1:PORT (LABS_REDIS_URL) cannot be used: connection refused",
		"is the server running, and is the password right? unset LABS_REDIS_URL to let labs "+
			"find another way")
	wantMissing(t, backends.Options{Provider: backends.URL,
		Getenv: environment("LABS_POSTGRES_URL=localhost:5432")},
		backends.Need{Postgres: true}, backends.BadOptions,
		"LABS_POSTGRES_URL is not a URL of the form postgres://user:password@host:5432/database",
		"correct it, or unset it to let labs find another way")
	wantMissing(t, backends.Options{Provider: backends.URL,
		Getenv: environment("LABS_POSTGRES_URL=")},
		backends.Need{Postgres: true}, backends.NotInstalled, "LABS_POSTGRES_URL is not set",
		"set LABS_POSTGRES_URL to the URL of a server")
}

func TestFailure_NoImage(t *testing.T) {
	needs(t, backends.Container)
	o := backends.Options{Provider: backends.Container,
		Getenv: environment("LABS_REDIS_IMAGE=localhost:1/none:ci",
			"LABS_POSTGRES_IMAGE=localhost:1/none:ci")}
	wantMissing(t, o, backends.Need{Redis: true}, backends.NoImage,
		"no image localhost:1/none:ci here, and no registry to pull it from",
		"docker pull localhost:1/none:ci, or set LABS_REDIS_IMAGE to an image that docker "+
			"images lists")
	o.Provider, o.Dir = backends.Auto, t.TempDir()
	o = o.WithPrefixes()
	env := o.Getenv
	o.Getenv = func(key string) string {
		if key == "PATH" {
			return ""
		}
		return env(key)
	}
	for _, want := range []string{"no registry to pull it from", "as remembered"} {
		i := open(t, o, backends.Need{Redis: true}).Info()[backends.Redis]
		if i.Provider != backends.Embedded || !strings.Contains(i.PassedOver, want) {
			t.Errorf("got %+v, want miniredis, and %q", i, want)
		}
		// the second command does not try again, but goes by what the first has noted
		if err := o.RememberPull("localhost:1/none:ci", "as remembered"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFailure_WrongImage(t *testing.T) {
	needs(t, backends.Container)
	image := os.Getenv(backends.RedisImageVar)
	if image == "" {
		t.Skip("no image named by " + backends.RedisImageVar)
	}
	o := backends.Options{Provider: backends.Container,
		Getenv: environment("LABS_POSTGRES_IMAGE=" + image)}
	wantMissing(t, o, backends.Need{Postgres: true}, backends.NoStart,
		"postgres does not start in its container: …",
		"is it the right image? see LABS_POSTGRES_IMAGE")
}

func TestFailure_PortTaken(t *testing.T) {
	needs(t, backends.Local)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := backends.Options{Provider: backends.Local}.WithPort(l.Addr().(*net.TCPAddr).Port)
	hint := "run the command again: it takes another port each time"
	wantMissing(t, o, backends.Need{Redis: true}, backends.PortTaken,
		"redis-server cannot listen on 127.0.0.1:PORT: another program has that port", hint)
	wantMissing(t, o, backends.Need{Postgres: true}, backends.PortTaken,
		"postgres cannot listen on 127.0.0.1:PORT: another program has that port", hint)
}

func TestFailure_DoesNotStart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	bin := backendstest.TempDir(t)
	script(t, filepath.Join(bin, "redis-server"),
		`echo "1:M 01 Jan 2026 00:00:00.000 # Fatal error, can't open config file"; exit 1`)
	script(t, filepath.Join(bin, "initdb"), `mkdir "$2"`)
	script(t, filepath.Join(bin, "postgres"),
		`echo "2026-01-01 UTC [1] FATAL:  could not map anonymous shared memory: Cannot allocate memory"; exit 1`)
	dir := t.TempDir()
	o := backends.Options{Provider: backends.Local, Dir: dir,
		Getenv: environment("PATH=" + bin + ":/bin:/usr/bin")}
	wantMissing(t, o, backends.Need{Redis: true}, backends.NoStart,
		"redis-server ("+bin+"/redis-server) does not start: Fatal error, can't open config file",
		"see "+dir+"/log/redis.log")
	wantMissing(t, o, backends.Need{Postgres: true}, backends.NoStart,
		"postgres does not start: could not map anonymous shared memory: Cannot allocate memory",
		"see "+dir+"/log/postgres.log")
	script(t, filepath.Join(bin, "initdb"), `echo "initdb: error: invalid locale name"; exit 1`)
	wantMissing(t, o, backends.Need{Postgres: true}, backends.NoStart,
		"initdb fails: invalid locale name", "try it by hand: "+bin+"/initdb -D /tmp/try")
}

// TestFailure_Late has a Redis that does not answer: as often as it is started, or only the first
// time, as on a machine that is very busy.
func TestFailure_Late(t *testing.T) {
	needs(t, backends.Local)
	real, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip(err)
	}
	for name, tt := range map[string]struct {
		body     string
		patience time.Duration
		want     string
	}{
		"always": {"exec sleep 60", 50 * time.Millisecond, "redis (local) did not answer in time"},
		"the first time": {"mkdir SEEN 2>/dev/null && exec sleep 60\nexec " + real + ` "$@"`,
			4 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bin, seen := backendstest.TempDir(t), backendstest.TempDir(t)
			if err := os.Chmod(seen, 0o777); err != nil { // another user may run it
				t.Fatal(err)
			}
			script(t, filepath.Join(bin, "redis-server"),
				strings.Replace(tt.body, "SEEN", filepath.Join(seen, "seen"), 1))
			var said []string
			o := backends.Options{Provider: backends.Local, Dir: t.TempDir(), Slots: 1,
				Progress: func(line string) { said = append(said, line) },
				Getenv:   environment("PATH=" + bin + ":/bin:/usr/bin"),
			}.WithPatience(tt.patience)
			s, err := backends.Open(t.Context(), o, backends.Need{Redis: true})
			if err != nil {
				t.Fatal(err)
			}
			missing := s.Missing(backends.Need{Redis: true})
			s.Close()
			if got := fmt.Sprint(missing); missing != nil && got != tt.want || missing == nil &&
				tt.want != "" {
				t.Errorf("got %v, want %q", missing, tt.want)
			}
			const again = "redis-server has not answered in time; starting it again"
			if !slices.Equal(said, []string{again}) {
				t.Errorf("it said %q, want %q once", said, again)
			}
		})
	}
}

func TestFailure_DiskFull(t *testing.T) {
	needs(t, backends.Local)
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("only root can make a small disk")
	}
	disk := backendstest.TempDir(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs",
		disk).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", disk).Run() })
	o := backends.Options{Provider: backends.Local, Dir: filepath.Join(disk, ".labs"), Lasting: true} // on that disk
	wantMissing(t, o, backends.Need{Postgres: true}, backends.DiskFull,
		"the disk is full: no room for a Postgres in "+disk+"/.labs/tmp",
		"make room on that disk (40 MB are needed)")
	if left, _ := os.ReadDir(filepath.Join(o.Dir, "tmp")); len(left) != 0 {
		t.Errorf("left on the full disk: %v", left)
	}
	if err := os.WriteFile(filepath.Join(disk, "rest"), make([]byte, 9<<20), 0o644); err == nil {
		t.Fatal("the disk is not full")
	}
	_, err := backends.Open(t.Context(), backends.Options{Dir: filepath.Join(disk, ".labs2")},
		backends.Need{})
	if e, ok := errors.AsType[*backends.Error](err); ok && e.Kind != backends.DiskFull {
		t.Errorf("got %s: %v", e.Kind, err)
	}
}

func TestFailure_Options(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, o := range []backends.Options{{Provider: "dokcer", Dir: t.TempDir()},
		{Dir: filepath.Join(file, ".labs")}, {}} {
		_, err := backends.Open(t.Context(), o, backends.Need{})
		e, ok := errors.AsType[*backends.Error](err)
		if !ok || e.Kind != backends.BadOptions || e.Hint() == "" {
			t.Errorf("%+v: got %v, want an error about the options, with a hint", o, err)
		}
	}
}

func TestState_Servers(t *testing.T) {
	s := backends.State{
		Redis: "redis://127.0.0.1:1", Postgres: "postgres://u:p@127.0.0.1:2/d?sslmode=disable",
		Info: map[string]backends.Info{backends.Redis: {Provider: backends.Local},
			backends.Postgres: {Provider: backends.Container}},
	}
	list := s.Servers()
	if len(list) != 2 || list[0].Client != "redis-cli -u redis://127.0.0.1:1" ||
		list[1].Client != "psql 'postgres://u:p@127.0.0.1:2/d?sslmode=disable'" {
		t.Errorf("got %+v", list)
	}
	if list := (backends.State{}).Servers(); list == nil || len(list) != 0 {
		t.Errorf("nothing is up: got %v, want an empty list", list)
	}
}
