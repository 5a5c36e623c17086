// Package backends owns Redis and Postgres: it finds or starts them, hands every check an empty one
// of its own, and leaves nothing behind.
//
// A [Set] is opened once per command. Each backend comes from one provider: the first of these that
// works, decided for Redis and for Postgres separately, unless [Options] names one.
//
//	url        LABS_REDIS_URL, LABS_POSTGRES_URL: a server that somebody else runs. Nothing in it is touched but what
//	           this package made itself: logical databases of Redis that were empty, and databases and roles of Postgres
//	           named labs_*.
//	container  testcontainers-go, images from LABS_REDIS_IMAGE and LABS_POSTGRES_IMAGE.
//	local      redis-server and postgres of this machine. As root, both run as another user.
//	embedded   miniredis inside this process, and Postgres binaries that are downloaded once.
//
// What "labs up" left running comes before all of them but url.
//
// # What a lease is
//
// Postgres: a database of its own, made ahead of time from template0 (UTF-8, collation C), and a
// role that owns it and may connect to no other database of a server that labs started. Redis: a
// server process of its own (local, container), a miniature of its own (embedded), or a logical
// database leased exclusively, also across processes and machines (url). A url server without a
// free database makes the leases wait for each other. The servers that labs starts have a bound on
// memory, and lack the commands with which a client could reach others through them or write files.
//
// A database has a quota: of disk, temporary files included, of its connections' memory, and of
// locks. One that goes beyond is stopped, and [Lease.Exceeded] says why; the others do not notice.
// The servers that labs starts bound their logs as well. Of the server of a URL, labs bounds what
// the role that it is given may see: temporary files and memory only as a superuser.
//
// # What is left behind
//
// Nothing. [Set.Close] ends what the Set started, and a done context closes it. If the process is
// killed, then on Linux the kernel ends its children; containers, temporary folders, databases, and
// elsewhere processes, are written down before they are made, and the next command removes them
// (see [Sweep]). The reaper of testcontainers is off: it would need an image of its own. An
// initialised data folder of Postgres is cached in the user's cache folder.
//
// This is the one package that imports testcontainers and the client of Docker. Their configuration
// is the process's: opening a container sets TESTCONTAINERS_RYUK_DISABLED and DOCKER_HOST in the
// environment of this process.
package backends

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// The providers, in the order in which auto tries them.
const (
	Auto      = "auto"
	URL       = "url"
	Container = "container"
	Local     = "local"
	Embedded  = "embedded"
)

// The backends, as keys of [Set.Info] and in [Error.Backend].
const (
	Redis    = "redis"
	Postgres = "postgres"
)

// Need is what a check, or all checks of a command together, need.
type Need struct {
	Redis     bool
	RealRedis bool // a real Redis server: implies Redis, and miniredis will not do
	Postgres  bool
}

// Options says where and how.
type Options struct {
	// Provider is one of the constants above; "" is Auto.
	Provider string
	// Dir is the .labs folder of the course, for state, lock files, logs and temporary data. It is
	// created.
	Dir string
	// Apart passes over a server whose leases can reach each other's data if they try to: the Redis
	// of a URL, in which a lease is a logical database. It is for checks of code that is not to be
	// trusted.
	Apart bool
	// Slots is how many checks will run at once; 0 is the number of cores. More leases at once than
	// this may wait.
	Slots int
	// Lasting says that the servers may outlive the session of whoever starts them, as those of a workshop do: their data is
	// not kept in memory.
	Lasting bool
	// Progress, if not nil, is given a line for a human whenever something takes longer than a
	// moment. It may be called from several goroutines, but never concurrently.
	Progress func(string)
	// Getenv replaces os.Getenv, for tests. What testcontainers reads itself comes from the real
	// environment.
	Getenv func(string) string

	prefixes []string            // where to look for programs beyond PATH; nil is the usual places
	ports    func() (int, error) // a free port; nil asks the system
	patience time.Duration       // with a local Redis that starts; 0 is what is usual
}

// Info says where a backend came from.
type Info struct {
	Provider string `json:"provider"`
	Version  string `json:"version"`
	// Detail is where it is. PassedOver has the providers before that do not work here, and why.
	// Each is one line.
	Detail     string `json:"detail,omitempty"`
	PassedOver string `json:"passed_over,omitempty"`
}

// Lease is an empty Redis and an empty Postgres database that nobody else uses, as far as they were
// asked for.
type Lease struct {
	// a redis:// (or rediss://) URL; the host is an IP literal unless it came from LABS_REDIS_URL
	Redis     string
	RealRedis bool   // Redis is a real server
	Postgres  string // a postgres:// URL

	release  []func()
	exceeded []func() string
	once     sync.Once
}

// Exceeded says in one line what the holder has taken beyond what a lease gives, or nothing. Its
// connections have ended then, and it gets no others. It is to be asked before the lease is given
// back.
func (l *Lease) Exceeded() string {
	for _, f := range l.exceeded {
		if why := f(); why != "" {
			return why
		}
	}
	return ""
}

// unwatched is part of a source that holds nobody to a quota: each lease has a server that bounds
// itself, or is for code that is trusted.
type unwatched struct{}

func (unwatched) exceeded(string) string { return "" }

// Release gives the lease back. It returns at once; whoever is still connected is cut off. It may
// be called twice.
func (l *Lease) Release() {
	l.once.Do(func() {
		for _, f := range l.release {
			f()
		}
	})
}

// source hands out one kind of backend. Its methods may be called concurrently.
type source interface {
	info() Info
	// take waits for an empty backend and returns its URL and what gives it back, which must return
	// at once.
	take(ctx context.Context) (url string, release func(), err error)
	// exceeded says in one line what the lease of that URL has taken beyond what it may, or
	// nothing. It is asked before the lease is given back.
	exceeded(url string) string
	// close ends everything that take or the start of the source brought about, released or not.
	close()
}

// Set is what one command uses. Its methods may be called concurrently.
type Set struct {
	site   *site
	redis  *supply
	pg     *supply
	closed sync.Once
	done   chan struct{}
}

// Open finds or starts what need asks for, Redis and Postgres in parallel, and removes what dead
// commands left. What cannot be had is no error of Open: [Set.Missing] says so. The Set lives until
// Close, or until ctx is done.
//
// An error is an [*Error] about Dir or Options, or ctx's.
func Open(ctx context.Context, o Options, need Need) (*Set, error) {
	st, err := newSite(o)
	if err != nil {
		return nil, err
	}
	s := &Set{site: st, done: make(chan struct{})}
	s.redis = &supply{backend: Redis, open: st.openRedis, say: st.say}
	s.pg = &supply{backend: Postgres, open: st.openPostgres, say: st.say}
	st.sweepSoon(ctx)
	var wg sync.WaitGroup
	for _, sup := range s.wanted(need) {
		wg.Go(func() { sup.start(ctx) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		s.Close()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	go func() { <-s.done; stop() }()
	return s, nil
}

func (s *Set) wanted(need Need) []*supply {
	var list []*supply
	if need.Redis || need.RealRedis {
		list = append(list, s.redis)
	}
	if need.Postgres {
		list = append(list, s.pg)
	}
	return list
}

// Acquire waits for an empty backend of each kind that need asks for. A backend that has stopped
// answering is looked for once more, from the first provider on. The error is [Set.Missing]'s,
// another [*Error], or ctx's.
func (s *Set) Acquire(ctx context.Context, need Need) (*Lease, error) {
	if err := s.Missing(need); err != nil {
		return nil, err
	}
	l := &Lease{}
	for _, sup := range s.wanted(need) {
		url, release, src, err := sup.take(ctx)
		if err != nil {
			l.Release()
			return nil, err
		}
		l.release = append(l.release, release)
		l.exceeded = append(l.exceeded, func() string { return src.exceeded(url) })
		if sup.backend == Redis {
			l.Redis, l.RealRedis = url, src.info().Provider != Embedded
		} else {
			l.Postgres = url
		}
	}
	if need.RealRedis && !l.RealRedis { // only if the real one died in between
		l.Release()
		return nil, notReal(s.redis)
	}
	return l, nil
}

// Info says where each backend that is there came from.
func (s *Set) Info() map[string]Info {
	m := map[string]Info{}
	for _, sup := range []*supply{s.redis, s.pg} {
		if src, _ := sup.get(); src != nil {
			m[sup.backend] = src.info()
		}
	}
	return m
}

// Missing is nil if everything that need asks for is there, and else an [*Error] that names what is
// not to be had here and the remedy. What was not asked for in [Open] is missing.
func (s *Set) Missing(need Need) error {
	var missing []*Error
	for _, sup := range s.wanted(need) {
		src, err := sup.get()
		switch {
		case err != nil:
			missing = append(missing, err)
		case src == nil:
			missing = append(missing, &Error{Backend: sup.backend, Kind: NotOpened,
				Text: sup.backend + " was not asked for when the backends were opened"})
		case need.RealRedis && sup.backend == Redis && src.info().Provider == Embedded:
			missing = append(missing, notReal(sup))
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return missing[0]
	}
	both := &Error{Backend: Redis + " and " + Postgres, Kind: missing[0].Kind,
		Err: errors.Join(missing[0], missing[1])}
	both.Text = missing[0].Text + "; " + missing[1].Text
	both.Remedy = strings.Join(slices.Compact([]string{missing[0].Remedy, missing[1].Remedy}), "; ")
	return both
}

// Close ends everything that this Set started and waits until it is gone. Leases that are still out
// are cut off.
func (s *Set) Close() error {
	s.closed.Do(func() {
		defer close(s.done)
		s.site.stop()
		var wg sync.WaitGroup
		for _, sup := range []*supply{s.redis, s.pg} {
			wg.Go(sup.close)
		}
		wg.Wait()
		s.site.close()
	})
	<-s.done
	return nil
}

func slots(n int) int {
	if n > 0 {
		return n
	}
	return runtime.NumCPU()
}
