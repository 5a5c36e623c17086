// Package vredis gives a check its Redis: a miniature in virtual time ([Start]), or the real server
// that belongs to this check alone ([Real], [Own]).
//
// Either way the check gets n go-redis clients, one for each instance of the application that it
// plays, and for each client a [Link]: the network in between, which counts and records what
// passes, and which can be slow, hang or break.
//
// [Start] belongs inside bubble.Run. The miniature is miniredis, its clock is that of the bubble:
// expiry is exact to the millisecond, TIME and Lua's redis.call('TIME') tell virtual time, and an
// hour of it costs nothing.
//
// Under a plain "go test" the real server is the one that LABS_REDIS_URL names, or that "labs up"
// has left running. Its database is then emptied at the start of each check, so two packages must
// not use it at the same time (go test -p 1).
package vredis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// Redis is one server and its clients.
type Redis struct {
	URL     string                  // for another process, see [Dial]; "" of one in memory
	Clients []redis.UniversalClient // one for each instance of the application
	Links   []*Link                 // Links[i] is the network between Clients[i] and the server
	Admin   redis.UniversalClient   // the check's own client: never disturbed, never recorded

	refuse func(message string) // nil for a real server
	clock  func(t time.Time)    // nil for a real server
}

// Start gives n clients of one Redis in memory, in virtual time. It must be called inside
// bubble.Run; what it starts ends with the test.
func Start(t *testing.T, n int) *Redis {
	t.Helper()
	if !expect.Virtual() {
		t.Fatal("vredis.Start belongs inside bubble.Run: its clock is the bubble's")
	}
	m := newMiniature()
	r := &Redis{refuse: m.refuse, clock: m.clock}
	// Cleanups run last in, first out: the clients close, the server closes, and then whatever had
	// been waiting for either has a second of virtual time to find out and end.
	t.Cleanup(func() { time.Sleep(time.Second) })
	t.Cleanup(m.close)
	r.connect(t, n, func() *redis.Options {
		return &redis.Options{
			// nobody listens there: the dialer decides. A host name would be looked up
			Addr:   "127.0.0.1:6379",
			Dialer: m.dial,
			// A pool that can run out makes go-redis keep a timer in a package-level sync.Pool. A
			// timer made in one bubble kills the process when the next one uses it
			// (internal/semaphore.go), so the pool never runs out.
			PoolSize: 1 << 14,
			// a thousand calls at once are a thousand connections
			ReadBufferSize: 4096, WriteBufferSize: 4096,
		}
	})
	return r
}

// Real gives n clients of this check's own Redis and insists on a real server: needs: ["redis!"].
// Time is real there. Without one the check fails at once and says what to do.
func Real(t *testing.T, n int) *Redis {
	t.Helper()
	if req, _ := account.Current(); req.Redis != "" && !req.RedisReal {
		t.Fatal("this check needs a real Redis server, and what is running is a miniature: " +
			"install redis-server or start Docker, then `labs up`")
	}
	return Own(t, n)
}

// Own is Real for a check that is content with a miniature whose clock moves: needs: [redis].
func Own(t *testing.T, n int) *Redis {
	t.Helper()
	req, graded := account.Current()
	if req.Redis == "" {
		t.Fatal("this check needs Redis: run `labs up` first (or `labs check`, which starts one)")
	}
	opt, err := redis.ParseURL(req.Redis)
	if err != nil {
		t.Fatalf("the address of this check's Redis: %v", err)
	}
	r := &Redis{URL: req.Redis}
	r.connect(t, n, func() *redis.Options {
		o := *opt
		o.Dialer = redis.NewDialer(opt)
		o.ReadTimeout = time.Minute // a machine that is busy with other checks is no outage
		return &o
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.Admin.Ping(ctx).Err(); err != nil {
		t.Fatalf("Redis at %s does not answer: %v; is `labs up` still running?", opt.Addr, err)
	}
	if !graded { // the runner gives each check an empty one
		if err := r.Admin.FlushDB(ctx).Err(); err != nil {
			t.Fatalf("empty the Redis database: %v", err)
		}
	}
	return r
}

// connect makes the clients, each with a link in front of its dialer.
func (r *Redis) connect(t *testing.T, n int, options func() *redis.Options) {
	quieten()
	client := func(l *Link) redis.UniversalClient {
		o := options()
		o.Dialer = l.dialer(o.Dialer)
		c := newClient(o)
		t.Cleanup(func() { c.Close() })
		return c
	}
	r.Admin = client(new(Link))
	for range n {
		l := new(Link)
		r.Links = append(r.Links, l)
		r.Clients = append(r.Clients, client(l))
	}
}

// RTT makes every round trip of every client take d from now on. Setting up a connection stays
// free.
func (r *Redis) RTT(d time.Duration) { r.each(func(l *Link) { l.RTT(d) }) }

// Hang makes the server take whatever the clients send and never answer, also on new connections.
func (r *Redis) Hang() { r.each((*Link).Hang) }

// Cut breaks all connections and refuses new ones.
func (r *Redis) Cut() { r.each((*Link).Cut) }

// Heal ends what Hang, Cut, CutAfter and Refuse have done. Connections that hung or broke stay
// useless, as in life.
func (r *Redis) Heal() {
	r.each((*Link).Heal)
	if r.refuse != nil {
		r.refuse("")
	}
}

// Refuse makes the server answer every command with an error until Heal: "LOADING Redis is loading
// the dataset in memory". Only the miniature can do so; the admin client gets the error, too.
func (r *Redis) Refuse(message string) { r.refuse(message) }

// SetClock sets the server's clock, which follows the bubble's until then and stands still from then
// on. Only the miniature can do so.
func (r *Redis) SetClock(at time.Time) { r.clock(at) }

func (r *Redis) each(f func(*Link)) {
	for _, l := range r.Links {
		f(l)
	}
}

// Commands lists what has reached the server from all clients since the last Forget, client by
// client.
func (r *Redis) Commands() []Command {
	var all []Command
	r.each(func(l *Link) { all = append(all, l.Commands()...) })
	return all
}

// Trips counts the round trips of all clients since the last Forget.
func (r *Redis) Trips() int {
	n := 0
	r.each(func(l *Link) { n += l.Trips() })
	return n
}

// Forget starts the record of commands and trips anew.
func (r *Redis) Forget() { r.each((*Link).Forget) }

// NoExpiry is what TTLs gives for a key that never expires.
const NoExpiry = time.Duration(-1)

// TTLs gives all keys that exist, each with the time it has left to live.
func (r *Redis) TTLs(t testing.TB) map[string]time.Duration {
	t.Helper()
	ctx := context.Background()
	keys, err := r.Admin.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatalf("list the keys in Redis: %v", err)
	}
	left := make(map[string]*redis.DurationCmd, len(keys))
	_, err = r.Admin.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, k := range keys {
			left[k] = p.PTTL(ctx, k)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("ask Redis how long keys live: %v", err)
	}
	all := make(map[string]time.Duration, len(keys))
	for k, ttl := range left {
		if ttl.Val() != goneSince {
			all[k] = ttl.Val()
		}
	}
	return all
}

const goneSince = time.Duration(-2) // PTTL of a key that has expired in between

// Dial gives the client of an instance in a process of its own (package fleet), for the URL of the
// check's Redis. It is as those of [Own], without a link.
func Dial(url string) (redis.UniversalClient, error) {
	opt, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	quieten()
	opt.ReadTimeout = time.Minute
	return newClient(opt), nil
}

// newClient heeds the deadline of a context, which go-redis does not by default, and says nothing
// that it has not been told to.
func newClient(o *redis.Options) *redis.Client {
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o)
}
