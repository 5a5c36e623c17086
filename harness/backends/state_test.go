package backends

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// siteIn is a site with a folder of its own, and an environment of pairs of a name and a value.
func siteIn(t *testing.T, env ...string) *site {
	t.Helper()
	st, err := newSite(Options{Dir: filepath.Join(t.TempDir(), ".labs"), Provider: Local,
		Getenv: func(key string) string {
			for i := 0; i < len(env); i += 2 {
				if env[i] == key {
					return env[i+1]
				}
			}
			return ""
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.close)
	return st
}

// deadJournal writes the journal of a process that has ended.
func (st *site) deadJournal(t *testing.T, lines string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := owner.Of(cmd.Process.Pid)
	cmd.Wait()
	file := filepath.Join(st.runDir(), owner.Machine()+"_"+p.String()+"_1"+journalSuffix)
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestSweep_journal has a journal whose last line is half written: what is in it is removed, but
// for what is up, and what is no folder of labs.
func TestSweep_journal(t *testing.T) {
	t.Parallel()
	st := siteIn(t)
	dir := t.TempDir()
	path := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(path, "below"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours, up, foreign := path(tempPrefix+"redis-1"), path(tempPrefix+"up-1"), path("precious")
	if err := st.saveUp(&upState{Redis: &upRedis{upServer: upServer{Dir: up}}}); err != nil {
		t.Fatal(err)
	}
	line := func(path string) string { return fmt.Sprintf("{\"dir\":%q}\n", path) }
	file := st.deadJournal(t, line(ours)+line(up)+line(filepath.Join(dir, tempPrefix+"gone"))+
		`{"dir":"`+dir)
	removed, err := st.sweepJournals(t.Context())
	if err != nil || !slices.Equal(removed, []string{"folder " + ours}) {
		t.Errorf("got %q, %v, want the one folder", removed, err)
	}
	if exists(ours) || !exists(up) || exists(file) {
		t.Errorf("there: ours %v, up %v, journal %v; want what is up alone", exists(ours),
			exists(up), exists(file))
	}
	file = st.deadJournal(t, line(foreign))
	if _, err := st.sweepJournals(t.Context()); err == nil ||
		!strings.Contains(err.Error(), foreign+" is no temporary folder of labs") {
		t.Errorf("got %v, want a refusal", err)
	}
	if !exists(foreign) || !exists(file) {
		t.Errorf("there: folder %v, journal %v; want both: what could not be removed stays written "+
			"down", exists(foreign), exists(file))
	}
}

// TestSweep_leases has logical databases that a dead command held: nobody can reach the server of
// another URL, and what was given back is nobody's business.
func TestSweep_leases(t *testing.T) {
	t.Parallel()
	const url = "redis://127.0.0.1:1"
	for name, tt := range map[string]struct {
		server string
		last   bool // whether it was given back
		stays  bool
	}{
		"that answers no more":   {url, false, true},
		"that nobody names":      {"redis://127.0.0.1:2", false, false},
		"that was given back":    {url, true, false},
		"that a command told of": {"", true, false},
	} {
		st := siteIn(t, RedisURLVar, url)
		line := func(free bool) string {
			return fmt.Sprintf(`{"redis_db":{"server":%q,"number":3,"free":%v}}`+"\n",
				shortHash(tt.server), free)
		}
		file := st.deadJournal(t, line(false)+line(true)+line(tt.last))
		removed, err := st.sweepJournals(t.Context())
		if (err != nil) != tt.stays || exists(file) != tt.stays || len(removed) > 0 {
			t.Errorf("%s: got %q, %v, journal there: %v; want it to stay: %v", name, removed, err,
				exists(file), tt.stays)
		}
	}
}

// TestUpState_saved: what is up can be read by its owner alone, as it has a password, and nothing
// is left of it when nothing is up.
func TestUpState_saved(t *testing.T) {
	t.Parallel()
	st := siteIn(t)
	p := owner.Self()
	u := &upState{Postgres: &upPostgres{URL: "postgres://plain", Admin: "postgres://admin",
		upServer: upServer{Process: &p}}}
	if err := st.saveUp(u); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{upFile, upStateFile} {
		info, err := os.Stat(filepath.Join(st.Dir, name))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want mode 0600", name, info, err)
		}
	}
	got := st.loadUp()
	if got.Redis != nil || got.Postgres == nil || got.Postgres.Admin != u.Postgres.Admin {
		t.Errorf("got %+v back", got)
	}
	other := owner.Process{PID: p.PID, Start: p.Start + "0"}
	for name, tt := range map[string]struct {
		entry entry
		want  bool
	}{
		"its process":              {entry{Process: &p}, true},
		"a later one with its id":  {entry{Process: &other}, false},
		"a folder":                 {entry{Dir: "/x"}, false},
		"no container":             {entry{}, false},
		"a container":              {entry{Container: "abc"}, false},
		"a database of some Redis": {entry{RedisDB: &redisDB{}}, false},
	} {
		if known := got.knows(tt.entry); known != tt.want {
			t.Errorf("%s is known: %v, want %v", name, known, tt.want)
		}
	}
	if err := st.saveUp(&upState{}); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(st.Dir)
	for _, f := range left {
		if f.Name() != "run" {
			t.Errorf("%s is left", f.Name())
		}
	}
}

// TestUpState_damaged: a file that cannot be read says that nothing is up.
func TestUpState_damaged(t *testing.T) {
	t.Parallel()
	st := siteIn(t)
	file := filepath.Join(st.Dir, upStateFile)
	if err := os.WriteFile(file, []byte(`{"redis":{"url":"redis://h"},"postgres":[`),
		0o600); err != nil {
		t.Fatal(err)
	}
	if u := st.loadUp(); u.Redis != nil || u.Postgres != nil {
		t.Errorf("got %+v", u)
	}
	if src := st.uppedPostgres(t.Context()); src != nil {
		t.Errorf("got %v to lease from", src.info())
	}
}

// TestSite_fits: what is up comes first, but for a server that is named.
func TestSite_fits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		asked, up, url string
		want           bool
	}{
		{Auto, Container, "", true}, {Auto, Container, "redis://h", false},
		{Container, Container, "redis://h", true}, {Local, Container, "", false},
		{URL, Local, "", false},
	} {
		st := siteIn(t, RedisURLVar, tt.url)
		st.Provider = tt.asked
		if got := st.fits(Info{Provider: tt.up}, RedisURLVar); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// TestSite_failedPull: a pull that failed is not tried again for an hour, unless containers are
// asked for by name.
func TestSite_failedPull(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		provider, image string
		age             time.Duration
		want            string
	}{
		"a moment ago":  {Auto, "redis:ci", 0, "no registry"},
		"long ago":      {Auto, "redis:ci", pullMemory + time.Minute, ""},
		"another image": {Auto, "redis:7", 0, ""},
		"by name":       {Container, "redis:ci", 0, ""},
	} {
		st := siteIn(t)
		st.Provider = tt.provider
		st.rememberPull("redis:ci", "no registry")
		then := time.Now().Add(-tt.age)
		if err := os.Chtimes(st.pullFile("redis:ci"), then, then); err != nil {
			t.Fatal(err)
		}
		if got := st.failedPull(tt.image); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// TestForgetFetches: a fetch that is under way keeps its folder.
func TestForgetFetches(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, now := t.TempDir(), time.Now()
	for path, old := range map[string]bool{
		filepath.Join(dir, fetchPrefix+"old"): true, filepath.Join(dir, fetchPrefix+"new"): false,
		filepath.Join(dir, "17.5.0"):                          true,
		filepath.Join(os.TempDir(), "embedded_postgres_log1"): true,
		filepath.Join(os.TempDir(), "embedded_postgres_log2"): false,
	} {
		then := now
		if old {
			then = now.Add(-2 * time.Hour)
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	forgetFetches(dir, now.Add(-time.Hour))
	var left []string
	for _, d := range []string{dir, os.TempDir()} {
		files, _ := os.ReadDir(d)
		for _, f := range files {
			left = append(left, f.Name())
		}
	}
	if want := []string{"17.5.0", fetchPrefix + "new",
		"embedded_postgres_log2"}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
}

// TestSite_tempDir: where the state folder has no room for folders, the system's has; what is no
// folder of labs is never removed.
func TestSite_tempDir(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	st := siteIn(t)
	dir, err := st.tempDir("redis", nil)
	if err != nil || filepath.Dir(dir) != filepath.Join(st.Dir, "tmp") {
		t.Errorf("got %s, %v, want a folder in %s", dir, err, st.Dir)
	}
	if entries := readJournal(st.journal.file.Name()); len(entries) != 1 || entries[0].Dir != dir {
		t.Errorf("got %+v written down, want %s", entries, dir)
	}
	if err := os.RemoveAll(filepath.Join(st.Dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(st.Dir, "tmp"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err = st.tempDir("redis", nil)
	if err != nil || filepath.Dir(dir) != os.TempDir() {
		t.Errorf("got %s, %v, want a folder in %s", dir, err, os.TempDir())
	}
	if err := removeTemp(filepath.Dir(dir)); err == nil || !exists(dir) {
		t.Errorf("got %v, want that it is refused", err)
	}
	if err := removeTemp(dir); err != nil || exists(dir) {
		t.Errorf("got %v, want it removed", err)
	}
}

// TestSite_programs: PATH comes before the usual places, a higher version before a lower one, and
// what lies in the current folder, or cannot be run, is not looked at.
func TestSite_programs(t *testing.T) {
	if isWindows {
		t.Skip("needs modes of files")
	}
	home := t.TempDir()
	t.Chdir(home)
	program := func(mode os.FileMode, name string) string {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program(0o755, "here/initdb")
	program(0o644, "plain/initdb")
	onPath := program(0o755, "path/initdb")
	nine := program(0o755, "pg/9.6/bin/initdb")
	ten := program(0o755, "pg/10/bin/initdb")
	newest := program(0o755, "pg/10.2/bin/initdb")
	st := siteIn(t, "PATH", strings.Join([]string{"here", "", ".", filepath.Join(home, "plain"),
		filepath.Join(home, "path"), filepath.Join(home, "path")}, string(filepath.ListSeparator)))
	st.prefixes = []string{filepath.Join(home, "pg/*/bin"), filepath.Join(home, "path")}
	if got, want := st.programs("initdb"), []string{onPath, newest, ten,
		nine}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if bin, err := st.findPostgres(); err == nil {
		t.Errorf("got %s, which has no postgres", bin)
	}
	program(0o755, "pg/9.6/bin/postgres")
	if bin, err := st.findPostgres(); err != nil || bin != filepath.Dir(nine) {
		t.Errorf("got %s, %v, want the one that is complete", bin, err)
	}
	valkey := program(0o755, "path/valkey-server")
	if got, err := st.findRedis(); err != nil || got != valkey {
		t.Errorf("got %s, %v, want %s where there is no Redis", got, err, valkey)
	}
	redis := program(0o755, "pg/9.6/bin/redis-server")
	if got, err := st.findRedis(); err != nil || got != redis {
		t.Errorf("got %s, %v, want %s", got, err, redis)
	}
}

// TestEngine_addresses: where the ports of containers are, as far as that can be told, and whether
// they can be kept from the network.
func TestEngine_addresses(t *testing.T) {
	t.Parallel()
	const override = "TESTCONTAINERS_HOST_OVERRIDE"
	for name, tt := range map[string]struct {
		host, override string
		want           string
		here           bool
	}{
		"another machine":       {"tcp://docker.lan:2375", "", "docker.lan", false},
		"named":                 {"unix:///x", "gateway", "gateway", false},
		"named, and it is this": {"tcp://docker.lan:2375", "127.0.0.1", "127.0.0.1", true},
	} {
		e := &engine{host: tt.host}
		st := siteIn(t, override, tt.override)
		if got := e.addresses(st, []string{"172.17.0.1"}); !slices.Equal(got, []string{tt.want}) ||
			e.publishesHere(st) != tt.here {
			t.Errorf("%s: got %v, here: %v; want %s, %v", name, got, e.publishesHere(st), tt.want,
				tt.here)
		}
	}
}
