// Package herd is a cache before something slow that many ask for at once.
package herd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Load gets a value from where it is slow to get.
type Load func(ctx context.Context) ([]byte, error)

// Cache is one instance's part of the cache. This one keeps its own list of the loads under way, loads anew before a
// value is old, the likelier the nearer that is (XFetch), prolongs its lease while it loads, and takes what is left
// of a value's time from the expiry of its key.
type Cache struct {
	values     values
	ttl, stale time.Duration
	jitter     float64

	mu    sync.Mutex
	loads map[string]*loading
}

// loading is a load that somebody waits for.
type loading struct {
	done  chan struct{}
	value []byte
	err   error
}

// value is what is stored: how long the load took, and how long it may still be returned.
type value struct {
	bytes []byte
	took  time.Duration
	left  time.Duration
}

// values is where values lie, and the right to load one.
type values interface {
	look(ctx context.Context, key string) (value, bool)
	keep(ctx context.Context, key string, v value)
	// acquire returns nil where somebody else has the right to load.
	acquire(ctx context.Context, key string) (release func())
}

// New returns the cache of one instance of the service, which has rdb for a client of its own, or nil where there is no
// Redis.
func New(rdb redis.UniversalClient, ttl, stale, lease time.Duration, jitter float64) *Cache {
	if lease == 0 {
		lease = 5 * time.Second
	}
	c := &Cache{values: &memory{m: map[string]remembered{}}, ttl: ttl, stale: stale, jitter: jitter,
		loads: map[string]*loading{}}
	if rdb != nil {
		c.values = &shared{rdb, lease}
	}
	return c
}

// Get returns the value of key: the one that is stored or, where none may be returned any more, what load gives.
func (c *Cache) Get(ctx context.Context, key string, load Load) ([]byte, error) {
	v, found := c.values.look(ctx, key)
	if found && !c.due(v) {
		return v.bytes, nil
	}
	l := c.join(context.WithoutCancel(ctx), key, load)
	if found {
		return v.bytes, nil
	}
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// due reports whether a value is to be loaded anew: when it is old, and by chance a little before.
func (c *Cache) due(v value) bool {
	fresh := v.left - c.stale
	if fresh <= 0 {
		return true
	}
	half := time.Duration(float64(c.ttl) * (0.5 - c.jitter))
	return fresh < half && fresh < time.Duration(-math.Log(1-rand.Float64())*float64(v.took))
}

// join returns the load of key that is under way, or begins one.
func (c *Cache) join(ctx context.Context, key string, load Load) *loading {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.loads[key]; l != nil {
		return l
	}
	l := &loading{done: make(chan struct{})}
	c.loads[key] = l
	go func() {
		l.value, l.err = c.renew(ctx, key, load)
		c.mu.Lock()
		delete(c.loads, key)
		c.mu.Unlock()
		close(l.done)
	}()
	return l
}

func (c *Cache) renew(ctx context.Context, key string, load Load) (bytes []byte, err error) {
	before, had := c.values.look(ctx, key)
	release := c.values.acquire(ctx, key)
	for ; release == nil; release = c.values.acquire(ctx, key) {
		time.Sleep(40 * time.Millisecond)
		if v, found := c.values.look(ctx, key); found && (!had || v.left > before.left) && v.left > c.stale {
			return v.bytes, nil
		}
	}
	defer release()
	if v, found := c.values.look(ctx, key); found && (!had || v.left > before.left) && v.left > c.stale {
		return v.bytes, nil
	}
	defer func() {
		if p := recover(); p != nil {
			bytes, err = nil, errors.New("load: "+fmt.Sprint(p))
		}
	}()
	begin := time.Now()
	bytes, err = load(ctx)
	if err != nil {
		return nil, err
	}
	// One-sided: never longer than ttl.
	life := time.Duration(float64(c.ttl) * (1 - c.jitter*rand.Float64()))
	c.values.keep(ctx, key, value{bytes, time.Since(begin), life + c.stale})
	return bytes, nil
}

// memory is the values of one instance without Redis, where the list of loads is all the right that is needed.
type memory struct {
	mu sync.Mutex
	m  map[string]remembered
}

type remembered struct {
	value
	until time.Time
}

func (m *memory) look(_ context.Context, key string) (value, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.m[key]
	r.left = time.Until(r.until)
	if r.left <= 0 {
		delete(m.m, key)
		return value{}, false
	}
	return r.value, true
}

func (m *memory) keep(_ context.Context, key string, v value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m[key] = remembered{v, time.Now().Add(v.left)}
}

func (m *memory) acquire(context.Context, string) func() { return func() {} }

// shared is the values of all instances.
type shared struct {
	rdb   redis.UniversalClient
	lease time.Duration
}

func (s *shared) look(ctx context.Context, key string) (value, bool) {
	var get *redis.StringCmd
	var left *redis.DurationCmd
	s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		get, left = p.Get(ctx, "v"+key), p.PTTL(ctx, "v"+key)
		return nil
	})
	data, err := get.Bytes()
	if err != nil || left.Err() != nil || len(data) < 8 || left.Val() <= 0 {
		return value{}, false
	}
	return value{data[8:], time.Duration(binary.BigEndian.Uint64(data)), left.Val()}, true
}

func (s *shared) keep(ctx context.Context, key string, v value) {
	data := binary.BigEndian.AppendUint64(nil, uint64(v.took))
	s.rdb.Set(ctx, "v"+key, append(data, v.bytes...), v.left)
}

// mineStill does something to a lock that is still one's own: 0 deletes it, more is its new expiry in milliseconds.
var mineStill = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

func (s *shared) acquire(ctx context.Context, key string) func() {
	name, token := "l"+key, strconv.FormatUint(rand.Uint64(), 36)
	switch won, err := s.rdb.SetNX(ctx, name, token, s.lease).Result(); {
	case err != nil:
		return func() {}
	case !won:
		return nil
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(s.lease / 3):
			}
			if n, err := mineStill.Run(ctx, s.rdb, []string{name}, token, s.lease.Milliseconds()).Int(); n == 0 || err != nil {
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		mineStill.Run(ctx, s.rdb, []string{name}, token, 0)
	}
}
