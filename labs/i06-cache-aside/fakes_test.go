package cacheaside_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	cacheaside "github.com/backend-labs/backend-labs/labs/i06-cache-aside"
)

// dbTime is what every call to the fake database takes.
const dbTime = 20 * time.Millisecond

// fakeDB is a database in memory. Its hooks run at fixed steps of a Save, so that another call can
// be put exactly there.
type fakeDB struct {
	mu     sync.Mutex
	items  map[string]cacheaside.Item
	loads  int
	lists  int
	broken error // what every call returns
	bare   bool  // ErrNotFound is not wrapped
	tl     *timeline.Timeline

	beforeCommit, afterCommit func()
	onCall                    func(name string) // runs ahead of each call
	backwards                 bool              // List begins with the last id
	slow                      time.Duration
	calls, strays             int // all, and those whose context has no callerKey
}

type callerKey struct{}

func (d *fakeDB) Load(ctx context.Context, id string) (cacheaside.Item, error) {
	if err := d.work(ctx, "Load"); err != nil {
		return cacheaside.Item{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loads++
	it, ok := d.items[id]
	d.tl.Point("database", "Load %s: %d", id, it.Price)
	if !ok && d.bare {
		return cacheaside.Item{}, cacheaside.ErrNotFound
	}
	if !ok {
		return cacheaside.Item{}, fmt.Errorf("load %q: %w", id, cacheaside.ErrNotFound)
	}
	return it, nil
}

func (d *fakeDB) Save(ctx context.Context, it cacheaside.Item) error {
	call(d.beforeCommit)
	if err := d.work(ctx, "Save"); err != nil {
		return err
	}
	d.put(it)
	d.tl.Holds("database", "%s %d", it.Name, it.Price)
	call(d.afterCommit)
	return nil
}

func (d *fakeDB) Delete(ctx context.Context, id string) error {
	call(d.beforeCommit)
	if err := d.work(ctx, "Delete"); err != nil {
		return err
	}
	d.remove(id)
	d.tl.Holds("database", "no %s", id)
	call(d.afterCommit)
	return nil
}

func (d *fakeDB) List(ctx context.Context) ([]cacheaside.Item, error) {
	if err := d.work(ctx, "List"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lists++
	d.tl.Point("database", "List")
	var all []cacheaside.Item
	for _, id := range slices.Sorted(maps.Keys(d.items)) {
		all = append(all, d.items[id])
	}
	if d.backwards {
		slices.Reverse(all)
	}
	return all, nil
}

// put changes the database behind the repository's back.
func (d *fakeDB) put(it cacheaside.Item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.items[it.ID] = it
}

func (d *fakeDB) remove(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.items, id)
}

// breakWith makes every call return err; nil ends it.
func (d *fakeDB) breakWith(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

func (d *fakeDB) counts() (loads, lists int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loads, d.lists
}

// work takes the time of a call, unless the caller gives up first.
func (d *fakeDB) work(ctx context.Context, name string) error {
	if d.onCall != nil {
		d.onCall(name)
	}
	d.mu.Lock()
	d.calls++
	if ctx.Value(callerKey{}) == nil {
		d.strays++
	}
	d.mu.Unlock()
	select {
	case <-time.After(dbTime + d.slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}

// fakeCache is a cache in memory, whose entries expire in virtual time.
type fakeCache struct {
	mu      sync.Mutex
	entries map[string]cached
	log     []op
	// before runs ahead of each operation, without the lock; an error takes its place.
	before func(context.Context, op) error
	tl     *timeline.Timeline
}

type cached struct {
	value   []byte
	expires time.Time // zero: never
}

// op is one operation that the repository has asked for.
type op struct {
	name string // Get, Set or Del
	keys []string
	ttl  time.Duration
}

func (c *fakeCache) Get(ctx context.Context, k string) ([]byte, error) {
	failed := c.begin(ctx, op{name: "Get", keys: []string{k}})
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if failed != nil {
		return slices.Clone(e.value), failed // as far as it had come
	}
	if !ok || !e.expires.IsZero() && !time.Now().Before(e.expires) {
		c.tl.Point("cache", "Get %s: miss", k)
		return nil, fmt.Errorf("get %q: %w", k, cacheaside.ErrMiss)
	}
	c.tl.Point("cache", "Get %s: hit", k)
	return slices.Clone(e.value), nil
}

func (c *fakeCache) Set(ctx context.Context, k string, v []byte, ttl time.Duration) error {
	if err := c.begin(ctx, op{name: "Set", keys: []string{k}, ttl: ttl}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := cached{value: slices.Clone(v)}
	if ttl != 0 {
		e.expires = time.Now().Add(ttl)
	}
	c.entries[k] = e
	c.tl.Point("cache", "Set %s", k)
	return nil
}

func (c *fakeCache) Del(ctx context.Context, ks ...string) error {
	if err := c.begin(ctx, op{name: "Del", keys: slices.Clone(ks)}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range ks {
		delete(c.entries, k)
	}
	c.tl.Point("cache", "Del %s", strings.Join(ks, ", "))
	return nil
}

func (c *fakeCache) begin(ctx context.Context, o op) error {
	c.mu.Lock()
	c.log = append(c.log, o)
	before := c.before
	c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if before == nil {
		return nil
	}
	return before(ctx, o)
}

// meddle puts f before every operation from now on; nil ends it.
func (c *fakeCache) meddle(f func(context.Context, op) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// ops lists the operations of one name since the last forget.
func (c *fakeCache) ops(name string) (found []op) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.log {
		if o.name == name {
			found = append(found, o)
		}
	}
	return found
}

func (c *fakeCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = nil
}

// spoil replaces the value of every entry by what f makes of it.
func (c *fakeCache) spoil(f func([]byte) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.entries {
		e.value = f(e.value)
		c.entries[k] = e
	}
}

// The ways in which a cache fails.
var errDown = errors.New("connection refused")

func down(context.Context, op) error { return errDown }

func hanging(ctx context.Context, _ op) error {
	select {
	case <-time.After(10 * time.Second):
		return errDown
	case <-ctx.Done():
		return ctx.Err()
	}
}

func hangingDeaf(context.Context, op) error {
	time.Sleep(10 * time.Second)
	return errDown
}

// world is one repository with its fakes.
type world struct {
	t     *testing.T
	db    *fakeDB
	cache *fakeCache
	repo  *cacheaside.Repo
	tl    *timeline.Timeline
}

// simulate runs f in virtual time with a repository over fakes that hold a lamp and a chair.
func simulate(t *testing.T, ttl time.Duration, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		tl := timeline.New("writer", "reader", "cache", "database")
		w := &world{t: t, db: &fakeDB{items: map[string]cacheaside.Item{}, tl: tl},
			cache: &fakeCache{entries: map[string]cached{}, tl: tl}, tl: tl}
		w.db.put(lamp)
		w.db.put(chair)
		w.repo = cacheaside.NewRepo(w.db, w.cache, ttl)
		// What a call has left behind in a hanging cache ends with that.
		t.Cleanup(func() { time.Sleep(2 * time.Minute) })
		f(t, w)
	})
}

// get reads an item that must be there.
func (w *world) get(id string) cacheaside.Item {
	w.t.Helper()
	it, err := w.repo.Get(w.t.Context(), id)
	expect.NoError(w.t, err, expect.Message{Did: fmt.Sprintf("called Get(%q)", id),
		Want: "the item"})
	return it
}

// known is the one error that is an answer: all others are failures.
var known = sentinel.Errors{"ErrNotFound": cacheaside.ErrNotFound}

// keyOfTheLast is the key under which something was put into the cache last, "" if nothing was.
func (w *world) keyOfTheLast() string {
	if sets := w.cache.ops("Set"); len(sets) > 0 {
		return sets[len(sets)-1].keys[0]
	}
	return ""
}

// missing reads an item that must not be there.
func (w *world) missing(did, id, why string) {
	w.t.Helper()
	it, err := w.repo.Get(w.t.Context(), id)
	expect.That(w.t, known.Is(err, cacheaside.ErrNotFound), expect.Message{
		Did:  did,
		Want: "an error that is ErrNotFound",
		Got:  fmt.Sprintf("%+v, error: %v", it, err),
		Why:  why,
	})
}

// update changes an item, which must succeed.
func (w *world) update(it cacheaside.Item) {
	w.t.Helper()
	expect.NoError(w.t, w.repo.Update(w.t.Context(), it), expect.Message{
		Did: fmt.Sprintf("called Update(%+v)", it), Want: "nil: the database has committed it"})
}

// mark marks what the last reader has got, if it breaks the promise.
func (w *world) mark(ok bool, format string, args ...any) {
	read := w.tl.Point("reader", format, args...)
	if !ok {
		read.Breaks()
	}
}

// names lists all items, in order.
func (w *world) names() string {
	w.t.Helper()
	all, err := w.repo.List(w.t.Context())
	expect.NoError(w.t, err, expect.Message{Did: "called List", Want: "all items"})
	var names []string
	for _, it := range all {
		names = append(names, fmt.Sprintf("%s %d", it.Name, it.Price))
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

func call(hook func()) {
	if hook != nil {
		hook()
	}
}
