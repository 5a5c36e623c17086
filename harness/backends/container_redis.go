package backends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/redis/go-redis/v9"
	"github.com/testcontainers/testcontainers-go"
	tcredis "github.com/testcontainers/testcontainers-go/modules/redis"
)

// containerRedis is one container with several Redis servers in it, one for each check that runs at
// once and a spare one: a container for each would take ten times as long. Each server runs in a
// loop of the shell. So resetting one means to end it: a new one is there some 10 ms later, and
// nothing of the old one is left.
type containerRedis struct {
	unwatched
	box     *box
	version string
	detail  string
	idle    chan *redisSlot
	*stock[*redisSlot]
}

// redisSlot is one of the servers.
type redisSlot struct {
	Addr   string `json:"addr"`
	Inside int    `json:"inside"` // its port inside the container
	used   bool   // and has not been reset yet
}

const (
	redisPort     = 6379
	maxRedisSlots = 9
)

// redisLoops is the program of the container's shell: $1 servers of $2 KiB at most, on ports from
// 6379 on, each in a folder that is made anew for it: SHUTDOWN can leave a file there. A server
// that cannot start does not make the loop spin.
const redisLoops = `
trap 'exit 0' TERM INT
n=$1
ulimit -v $2
shift 2
i=0
while [ $i -lt $n ]; do
	p=$((6379 + i))
	(while :; do
		rm -rf /tmp/redis-$p && mkdir /tmp/redis-$p &&
			redis-server --port $p --bind 0.0.0.0 --protected-mode no --dir /tmp/redis-$p --pidfile /tmp/redis-$p.pid "$@" || sleep 0.1
	done) &
	i=$((i + 1))
done
wait`

func (st *site) openContainerRedis(ctx context.Context) (source, *Error) {
	b, slots, err := st.startRedisContainer(ctx, min(st.Slots+1, maxRedisSlots))
	if err != nil {
		return nil, explainContainer(Redis, err)
	}
	r := &containerRedis{box: b, detail: "one container of " +
		st.image(RedisImageVar, defaultRedisImage)}
	if err := r.begin(ctx, slots); err != nil {
		b.remove()
		return nil, explainContainer(Redis, err)
	}
	return r, nil
}

func (st *site) startRedisContainer(ctx context.Context, n int) (*box, []*redisSlot, error) {
	image := st.image(RedisImageVar, defaultRedisImage)
	e, missing := st.engineWith(ctx, Redis, RedisImageVar, image)
	if missing != nil {
		return nil, nil, missing
	}
	defer st.slowly("starting Redis in a container of %s", image)()
	ctx, cancel := st.bounded(ctx, 90*time.Second)
	defer cancel()
	exposed := make([]string, n)
	for i := range exposed {
		exposed[i] = fmt.Sprintf("%d/tcp", redisPort+i)
	}
	options := append(st.customise(e, exposed...),
		testcontainers.WithExposedPorts(exposed[1:]...), // the module exposes the first
		testcontainers.WithCmd(append([]string{"sh", "-c", redisLoops, "sh", strconv.Itoa(n),
			strconv.Itoa(redisAddressSpace >> 10)}, redisSettings()...)...),
		// nobody, in any image
		testcontainers.WithConfigModifier(func(c *container.Config) { c.User = "65534:65534" }),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) {
			c.Ulimits = []*container.Ulimit{hardLimit("fsize", redisFile)}
		}),
	)
	c, err := tcredis.Run(ctx, image, options...)
	b, err := st.started(e, c, err)
	if err != nil {
		return nil, nil, err
	}
	host, _, err := b.address(ctx, exposed[0], pingRedis)
	if err != nil {
		b.remove()
		return nil, nil, err
	}
	info, err := e.cli.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		b.remove()
		return nil, nil, err
	}
	return b, redisSlots(host, exposed, info.Container.NetworkSettings.Ports), nil
}

func redisSlots(host string, exposed []string, ports network.PortMap) (slots []*redisSlot) {
	for i, port := range exposed {
		addr := net.JoinHostPort(host, strconv.Itoa(published(ports, port)))
		slots = append(slots, &redisSlot{Addr: addr, Inside: redisPort + i})
	}
	return slots
}

func pingRedis(ctx context.Context, host string, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c := redisClient(redis.Options{Addr: net.JoinHostPort(host, strconv.Itoa(port))})
	defer c.Close()
	return c.Ping(ctx).Err()
}

// begin starts to hand out the slots.
func (r *containerRedis) begin(ctx context.Context, slots []*redisSlot) (err error) {
	if r.version, err = redisVersion(ctx, slots[0].Addr); err != nil {
		return err
	}
	r.idle = make(chan *redisSlot, len(slots))
	for _, s := range slots[1:] {
		r.idle <- s
	}
	r.stock = newStock(len(slots)-1, slots[0], r.next, r.recycle)
	return nil
}

// next waits for a slot that is new or has been reset.
func (r *containerRedis) next(ctx context.Context) (*redisSlot, error) {
	select {
	case s := <-r.idle:
		err := r.freshen(ctx, s)
		if err != nil {
			r.idle <- s
			return nil, err
		}
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *containerRedis) freshen(ctx context.Context, s *redisSlot) (err error) {
	if s.used {
		_, err = r.box.resetRedis(ctx, s)
	} else {
		_, err = awaitRedisSlot(ctx, s, "")
	}
	s.used = s.used && err != nil
	return err
}

func redisVersion(ctx context.Context, addr string) (string, error) {
	c := redisClient(redis.Options{Addr: addr})
	defer c.Close()
	return redisInfo(ctx, c, "server", "redis_version")
}

func (r *containerRedis) info() Info {
	return Info{Provider: Container, Version: r.version, Detail: r.detail}
}

func (r *containerRedis) take(ctx context.Context) (string, func(), error) {
	s, err := r.stock.take(ctx)
	if err != nil {
		return "", nil, err
	}
	if !answersRedis(ctx, s.Addr, "") {
		r.giveBack(s)
		return "", nil, fmt.Errorf("the server at %s does not answer", s.Addr)
	}
	s.used = true
	return "redis://" + s.Addr, func() { r.giveBack(s) }, nil
}

// recycle resets the slot and puts it back, unless everything is about to end. If it fails, next
// tries again.
func (r *containerRedis) recycle(s *redisSlot) {
	if r.stock.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(r.stock.ctx, 10*time.Second)
		defer cancel()
		r.freshen(ctx, s)
	}
	r.idle <- s
}

// resetRedis ends the server, waits for the new one and tells which that is. A server that does not
// listen, as when a check has set a password or keeps it busy, is killed from inside the container.
func (b *box) resetRedis(ctx context.Context, s *redisSlot) (runID string, err error) {
	old, err := shutDown(ctx, s.Addr)
	if err != nil {
		kill := fmt.Sprintf("kill -9 $(cat /tmp/redis-%d.pid)", s.Inside)
		if err := b.exec(ctx, "sh", "-c", kill); err != nil {
			return "", err
		}
	}
	return awaitRedisSlot(ctx, s, old)
}

// shutDown tells which server it has ended. One that does not answer may be just about to end or to
// begin, so shutDown tries for a moment; one that refuses will go on to do so.
func shutDown(ctx context.Context, addr string) (runID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		c := redisClient(redis.Options{Addr: addr})
		if runID, err = redisInfo(ctx, c, "server", "run_id"); err == nil {
			c.ShutdownNoSave(ctx) // answers with the end of the connection
		}
		c.Close()
		if _, refused := errors.AsType[redis.Error](err); err == nil || refused {
			return runID, err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// awaitRedisSlot waits until another server than old answers, and tells which.
func awaitRedisSlot(ctx context.Context, s *redisSlot, old string) (runID string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c := redisClient(redis.Options{Addr: s.Addr})
		id, err := redisInfo(ctx, c, "server", "run_id")
		c.Close()
		if err == nil && id != old {
			return id, nil
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(err, ctx.Err())
		case <-time.After(3 * time.Millisecond):
		}
	}
}

func (r *containerRedis) close() {
	r.stock.close()
	r.box.remove()
}
