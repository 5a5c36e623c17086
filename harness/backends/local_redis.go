package backends

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// installRedis is the remedy where there is no redis-server.
const installRedis = "install Redis (Debian: apt-get install redis-server; macOS: brew install " +
	"redis)"

// localRedis runs a redis-server of this machine for every lease: it starts in some 30 ms, and
// nothing that a check does to it can reach another check.
type localRedis struct {
	unwatched
	site    *site
	program string
	version string
	*stock[*redisServer]
}

type redisServer struct {
	*child
	addr string
}

func (st *site) findRedis() (program string, err *Error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if found := st.programs(name); len(found) > 0 {
			return found[0], nil
		}
	}
	return "", &Error{
		Backend: Redis, Provider: Local, Kind: NotInstalled,
		Text: "redis-server is not installed on this machine", Remedy: installRedis,
	}
}

func (st *site) openLocalRedis(ctx context.Context) (source, *Error) {
	program, missing := st.findRedis()
	if missing != nil {
		return nil, missing
	}
	l := &localRedis{site: st, program: program}
	first, err := l.start(ctx) // shows that it works, and which version it is
	if err != nil {
		return nil, asError(Redis, Local, err)
	}
	l.stock = newStock(ahead(st.Slots), first, l.start, func(r *redisServer) { r.discard() })
	return l, nil
}

// ahead is how many things to keep ready.
func ahead(slots int) int { return min(slots, 4) }

func (l *localRedis) info() Info {
	return Info{Provider: Local, Version: l.version, Detail: l.program}
}

func (l *localRedis) close() { l.stock.close() }

func (l *localRedis) take(ctx context.Context) (string, func(), error) {
	r, err := l.stock.take(ctx)
	for err == nil && closed(r.dead) { // somebody has ended it while it waited
		l.giveBack(r)
		r, err = l.stock.take(ctx)
	}
	if err != nil {
		return "", nil, err
	}
	return "redis://" + r.addr, func() { l.giveBack(r) }, nil
}

// start starts a server.
func (l *localRedis) start(ctx context.Context) (r *redisServer, err error) {
	err = l.site.patiently(ctx, "redis-server", func() error {
		r, err = l.startOnce(ctx)
		return err
	})
	return r, err
}

func (l *localRedis) startOnce(ctx context.Context) (*redisServer, error) {
	as, err := serverUser()
	if err != nil {
		return nil, err
	}
	port, err := l.site.freePort()
	if err != nil {
		return nil, err
	}
	dir, err := l.site.tempDir(Redis, as)
	if err != nil {
		return nil, err
	}
	r := &redisServer{addr: fmt.Sprintf("127.0.0.1:%d", port)}
	r.child, err = l.site.spawn(spawn{
		kind: Redis, dir: dir, as: as, quit: syscall.SIGKILL,
		argv: append([]string{l.program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1",
			"--dir", dir}, redisSettings()...),
		memory: redisAddressSpace, file: redisFile,
	})
	if err != nil {
		removeTemp(dir)
		return nil, err
	}
	version, err := l.awaitRedis(ctx, r)
	if err != nil {
		err = l.explain(r, port, err)
		r.discard()
		return nil, err
	}
	if l.version == "" {
		l.version = version
	}
	return r, nil
}

// awaitRedis waits until the server answers, and makes sure that it is ours: another program may
// have the port.
func (l *localRedis) awaitRedis(ctx context.Context, r *redisServer) (version string, err error) {
	ctx, cancel := l.site.bounded(ctx, cmp.Or(l.site.patience, 20*time.Second))
	defer cancel()
	ctx, cancel2 := until(ctx, r.dead)
	defer cancel2()
	if err := dialling(ctx, r.addr, r.dead); err != nil {
		return "", err
	}
	c := redisClient(redis.Options{Addr: r.addr})
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })() // it would wait for an answer regardless
	pid, err := redisInfo(ctx, c, "server", "process_id")
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // and not what the closed client says
		return "", ctx.Err()
	}
	if err == nil && pid == strconv.Itoa(r.PID) {
		return redisInfo(ctx, c, "server", "redis_version")
	}
	if err == nil {
		err = errGaveUp
	}
	r.gone(time.Second) // it ends by itself if it could not have the port
	return "", err
}

// explain says why a server does not answer.
func (l *localRedis) explain(r *redisServer, port int, err error) error {
	if !closed(r.dead) {
		return err
	}
	output := r.output()
	e := &Error{Backend: Redis, Provider: Local, Kind: NoStart, Err: err}
	switch {
	case saysPortTaken(output):
		e.Kind = PortTaken
		e.Text = fmt.Sprintf("redis-server cannot listen on 127.0.0.1:%d: another program has "+
			"that port", port)
		e.Remedy = "run the command again: it takes another port each time"
	case saysDiskFull(output):
		e.Kind, e.Text = DiskFull, "redis-server does not start: the disk is full at "+r.dir
		e.Remedy = "make room on that disk"
	default:
		e.Text = fmt.Sprintf("redis-server (%s) does not start: %s", l.program, lastLine(output))
		e.Remedy = "see " + l.site.keepLog(Redis, r.log)
	}
	return e
}

// lastLine is the last line of what a program printed, without the date and the process id that
// Redis begins it with.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if _, after, ok := strings.Cut(last, " # "); ok {
		last = after
	}
	if last == "" {
		return "it ends without a word"
	}
	return last
}
