package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// installPostgres is the remedy where there is no Postgres.
const installPostgres = "install PostgreSQL (Debian: apt-get install postgresql; macOS: brew " +
	"install postgresql@17)"

// localPostgres is one server of this machine's binaries, on a copy of a data folder that was
// initialised once.
type localPostgres struct {
	*pgServer
	server   *child
	provider string
	detail   string
}

func (l *localPostgres) info() Info {
	return Info{Provider: l.provider, Version: l.version, Detail: l.detail}
}

func (l *localPostgres) close() {
	l.closeServer()
	l.server.discard()
}

// findPostgres gives the folder of postgres and initdb.
func (st *site) findPostgres() (bin string, err *Error) {
	for _, path := range st.programs("initdb") {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // Debian and Homebrew link single programs to folders on PATH
		}
		if bin := filepath.Dir(path); complete(bin) {
			return bin, nil
		}
	}
	return "", &Error{
		Backend: Postgres, Provider: Local, Kind: NotInstalled,
		Text:   "PostgreSQL's server (initdb, postgres) is not installed on this machine",
		Remedy: installPostgres,
	}
}

// complete tells whether the folder has all programs that are needed.
func complete(bin string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if isWindows {
			name += ".exe"
		}
		if info, err := os.Stat(filepath.Join(bin, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

func (st *site) openLocalPostgres(ctx context.Context) (source, *Error) {
	bin, missing := st.findPostgres()
	if missing != nil {
		return nil, missing
	}
	defer st.slowly("starting Postgres from %s", bin)()
	l, err := st.runPostgres(ctx, bin, Local)
	if err != nil {
		return nil, asError(Postgres, Local, err)
	}
	return l, nil
}

// runPostgres starts a server of the binaries in bin, and makes the first database in it.
func (st *site) runPostgres(ctx context.Context, bin, provider string) (*localPostgres, error) {
	server, base, err := st.startPostgres(ctx, bin, provider)
	if err != nil {
		return nil, err
	}
	l := &localPostgres{server: server, provider: provider, detail: bin}
	if l.pgServer, err = openServer(ctx, base, owned, provider); err != nil {
		server.discard()
		return nil, err
	}
	if err := l.stockUp(ctx, ahead(st.Slots)); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// startPostgres starts a server.
func (st *site) startPostgres(ctx context.Context, bin, provider string) (server *child,
	base *url.URL, err error) {
	as, err := serverUser()
	if err != nil {
		return nil, nil, err
	}
	dir, err := st.dataDir(as)
	if err != nil {
		return nil, nil, err
	}
	password, err := st.dataFolder(ctx, bin, dir, as)
	if err == nil {
		err = st.patiently(ctx, "postgres", func() error {
			server, base, err = st.startPostgresOnce(ctx, bin, dir, password, provider, as)
			return err
		})
	}
	if err != nil {
		removeTemp(dir)
		return nil, nil, err
	}
	return server, base, nil
}

// dataDir makes the folder of a server that runs as u: in memory, or else where all temporary folders are.
func (st *site) dataDir(u *user) (string, error) {
	if memory := st.memory(); memory != "" {
		if dir, err := st.tempDirIn(memory, Postgres, u); err == nil {
			return dir, nil
		}
	}
	return st.tempDir(Postgres, u)
}

func (st *site) startPostgresOnce(ctx context.Context, bin, dir, password, provider string,
	as *user) (*child, *url.URL, error) {
	port, err := st.freePort()
	if err != nil {
		return nil, nil, err
	}
	server, err := st.spawn(spawn{
		kind: Postgres, dir: dir, as: as, quit: sigquit,
		argv: append([]string{filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"),
			"-p", strconv.Itoa(port)}, settings(st.connections(),
			"listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC",
			"log_timezone=UTC",
		)...),
		memory: postgresMemory, file: postgresFile,
	})
	if err != nil {
		return nil, nil, err
	}
	base := adminURL("127.0.0.1", port, password)
	ctx, cancel := st.bounded(ctx, 60*time.Second)
	defer cancel()
	if err := awaitServer(ctx, base, server.dead); err != nil {
		server.gone(time.Second) // it ends by itself if it could not have the port
		err = st.explainPostgres(server, port, provider, err)
		server.end()
		return nil, nil, err
	}
	return server, base, nil
}

// postgresMemory is the memory that each process of a server that labs starts may take, the shared
// one included, and postgresFile how long a file of it may be, its log too; in bytes, where the
// system can limit that.
const (
	postgresMemory = 1 << 30
	postgresFile   = 2 * quotaDisk
)

// settings are the arguments for the servers that labs starts. They survive no crash of the
// machine, as nothing in them has to; everything that a client can see is as it is by default,
// but for the room that is there for others: connections, locks, and how much is kept of what was
// written (the log of changes).
func settings(connections int, more ...string) (args []string) {
	for _, s := range append([]string{
		"fsync=off", "full_page_writes=off", "max_connections=" + strconv.Itoa(connections),
		"max_locks_per_transaction=512", "max_wal_size=64MB", "min_wal_size=16MB",
		"cluster_name=backend-labs",
	}, more...) {
		args = append(args, "-c", s)
	}
	return args
}

// explainPostgres says why a server does not let us in.
func (st *site) explainPostgres(server *child, port int, provider string, err error) error {
	output := server.output()
	e := &Error{Backend: Postgres, Provider: provider, Kind: NoStart, Err: err}
	switch {
	case saysPortTaken(output):
		e.Kind = PortTaken
		e.Text = fmt.Sprintf("postgres cannot listen on 127.0.0.1:%d: another program has that port", port)
		e.Remedy = "run the command again: it takes another port each time"
	case saysDiskFull(output):
		e.Kind, e.Text = DiskFull, "postgres does not start: the disk is full at "+server.dir
		e.Remedy = "make room on that disk"
	case errors.Is(err, errGaveUp):
		e.Text = "postgres does not start: " + worstLine(output)
		e.Remedy = "see " + st.keepLog(Postgres, server.log)
	default:
		e.Text = fmt.Sprintf("postgres does not let labs in: %v", err)
		e.Remedy = "see " + st.keepLog(Postgres, server.log)
	}
	return e
}

var fatal = regexp.MustCompile(`(?:FATAL|PANIC|initdb: error|fatal): *(.*)`)

// worstLine is what Postgres or initdb gives as the reason for its end.
func worstLine(output string) string {
	if found := fatal.FindAllStringSubmatch(output, -1); found != nil {
		return strings.TrimSpace(found[len(found)-1][1])
	}
	return lastLine(output)
}
