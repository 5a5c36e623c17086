// Package herd is a cache before something slow that many ask for at once.
package herd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
)

// Load gets a value from where it is slow to get.
type Load func(ctx context.Context) ([]byte, error)

// poll is how often an instance looks whether another one has loaded what it waits for.
const poll = 25 * time.Millisecond

// release deletes a lock, if it is still one's own.
var release = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

// Cache is one instance's part of the cache. It may be used from many goroutines at once.
type Cache struct {
	rdb               redis.UniversalClient // nil for none
	ttl, stale, lease time.Duration
	jitter            float64

	loads singleflight.Group // in this instance
	mu    sync.Mutex
	own   map[string]entry // the values, where there is no Redis
}

// entry is a value, fresh until the one time and returned until the other.
type entry struct {
	Value        []byte
	Fresh, Until time.Time
}

// New returns the cache of one instance of the service, which has rdb for a client of its own, or nil where there is no
// Redis.
func New(rdb redis.UniversalClient, ttl, stale, lease time.Duration, jitter float64) *Cache {
	if lease == 0 {
		lease = 5 * time.Second
	}
	return &Cache{rdb: rdb, ttl: ttl, stale: stale, lease: lease, jitter: jitter, own: map[string]entry{}}
}

// Get returns the value of key: the one that is stored or, where none may be returned any more, what load gives.
func (c *Cache) Get(ctx context.Context, key string, load Load) ([]byte, error) {
	e, found := c.look(ctx, key)
	if found && time.Now().Before(e.Fresh) {
		return e.Value, nil
	}
	// One load for all who ask now, in a goroutine of its own: it belongs to nobody, so nobody's hanging up ends it.
	loading := c.loads.DoChan(key, func() (any, error) { return c.renew(context.WithoutCancel(ctx), key, load) })
	if found {
		return e.Value, nil
	}
	select {
	case r := <-loading:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.([]byte), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// renew loads the value, unless somebody else has done so meanwhile, and stores it.
func (c *Cache) renew(ctx context.Context, key string, load Load) ([]byte, error) {
	for {
		unlock, mine := c.lock(ctx, key)
		// Only now is it certain whether there is something to load: whoever held the lock has stored before letting go.
		if e, found := c.look(ctx, key); found && time.Now().Before(e.Fresh) {
			unlock()
			return e.Value, nil
		}
		if !mine {
			time.Sleep(poll)
			continue
		}
		defer unlock() // also after an error: the next one need not wait for the end of the lease
		value, err := call(ctx, load)
		if err == nil {
			c.store(ctx, key, value)
		}
		return value, err
	}
}

// call makes an error of a panic. Nobody above could: the load runs in a goroutine of its own, and a panic there ends
// the process.
func call(ctx context.Context, load Load) (value []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("herd: load panicked: %v", p)
		}
	}()
	return load(ctx)
}

// lock takes the right to load key, of which the instances have one together. Who dies with it has it until the lease
// ends. Where Redis cannot be asked nobody can be told apart, so everybody may.
func (c *Cache) lock(ctx context.Context, key string) (unlock func(), mine bool) {
	nothing := func() {}
	if c.rdb == nil {
		return nothing, true
	}
	name, token := "lock:"+key, rand.Text()
	mine, err := c.rdb.SetNX(ctx, name, token, c.lease).Result()
	if err != nil {
		return nothing, true
	}
	if !mine {
		return nothing, false
	}
	// Only if it is still there: after the lease it may be somebody else's.
	return func() { release.Run(ctx, c.rdb, []string{name}, token) }, true
}

// look returns what is stored, fresh or old.
func (c *Cache) look(ctx context.Context, key string) (entry, bool) {
	if c.rdb == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		e, found := c.own[key]
		return e, found && time.Now().Before(e.Until)
	}
	var e entry
	data, err := c.rdb.Get(ctx, "value:"+key).Bytes()
	found := err == nil && json.Unmarshal(data, &e) == nil
	return e, found && time.Now().Before(e.Until)
}

// store keeps a value for a time that differs from that of others, so that what was loaded together does not end
// together.
func (c *Cache) store(ctx context.Context, key string, value []byte) {
	fresh := time.Duration(float64(c.ttl) * (1 + c.jitter*(2*mathrand.Float64()-1)))
	e := entry{Value: value, Fresh: time.Now().Add(fresh)}
	e.Until = e.Fresh.Add(c.stale)
	if c.rdb == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.own[key] = e
		return
	}
	if data, err := json.Marshal(e); err == nil {
		c.rdb.Set(ctx, "value:"+key, data, fresh+c.stale) // if that fails the value is loaded again
	}
}
