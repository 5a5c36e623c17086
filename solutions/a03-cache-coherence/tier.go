// Package coherence reads through two tiers of cache, one in the process and one in Redis, and keeps both honest while
// several instances write.
package coherence

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// DB is where values live. It has no other writers than Save. Versions are positive, and that of an id grows with
// each commit, by any number.
type DB interface {
	// Load returns what is committed when it is called, or later.
	Load(ctx context.Context, id string) (val string, version int64, err error)
	// Save has committed val when it returns no error.
	Save(ctx context.Context, id, val string) (version int64, err error)
}

// again is how soon what could not be told is told again.
const again = 250 * time.Millisecond

// Tier is one instance's way to the values. It may be used from many goroutines at once.
type Tier struct {
	db           DB
	shared       shared
	l1TTL, l2TTL time.Duration

	mu      sync.Mutex
	l1      map[string]local
	seen    map[string]int64 // the newest version that was seen of each id, whether it is still held or not
	flushes int              // of l1
	untold  map[string]fresh
	telling bool
}

// fresh is an entry that was the newest at some moment after asked. Every life is counted from there, and not from when
// the answer came: what happened in between is not in it.
type fresh struct {
	entry
	asked time.Time
}

// local is an entry of the first tier.
type local struct {
	entry
	until time.Time
}

// NewTier returns the tier of one instance of the service, which has rdb for a client of its own.
func NewTier(db DB, rdb redis.UniversalClient, l1TTL, l2TTL time.Duration) *Tier {
	return &Tier{db: db, shared: inRedis{rdb}, l1TTL: l1TTL, l2TTL: l2TTL,
		l1: map[string]local{}, seen: map[string]int64{}, untold: map[string]fresh{}}
}

// Get returns the value of id.
func (t *Tier) Get(ctx context.Context, id string) (string, error) {
	t.mu.Lock()
	held, seen, flushes := t.l1[id], t.seen[id], t.flushes
	t.mu.Unlock()
	if time.Now().Before(held.until) {
		return held.val, nil
	}
	asked := time.Now()
	e, found, down := t.shared.look(ctx, id)
	if !found || e.version < seen { // the second tier has not heard what this instance knows
		val, version, err := t.db.Load(ctx, id)
		if err != nil {
			return "", err
		}
		e = entry{val, version}
		if down == nil {
			e = t.fill(ctx, id, fresh{e, asked})
		}
	}
	t.keep(id, fresh{e, asked}, flushes)
	return e.val, nil
}

// fill offers the second tier what was loaded, and returns the newer one of the two.
func (t *Tier) fill(ctx context.Context, id string, f fresh) entry {
	ttl := f.left(t.l2TTL)
	if ttl <= 0 {
		return f.entry
	}
	held, err := t.shared.putNewer(ctx, id, f.entry, ttl)
	if err != nil || held.version < f.version {
		return f.entry
	}
	return held
}

// left is what is left of a life of ttl, in whole milliseconds: Redis knows no others.
func (f fresh) left(ttl time.Duration) time.Duration {
	return (ttl - time.Since(f.asked)).Truncate(time.Millisecond)
}

// keep puts an entry into the first tier in place of what is there, unless a newer one is known. If the tier was flushed
// since, what is there ends all the same, but nothing follows: something may have been told that nobody has heard.
func (t *Tier) keep(id string, f fresh, flushes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.version < t.seen[id] {
		return
	}
	t.seen[id] = f.version
	delete(t.l1, id)
	if t.flushes == flushes {
		t.l1[id] = local{f.entry, f.asked.Add(t.l1TTL)}
	}
}

// Update commits val for id, and has all instances hear of it.
func (t *Tier) Update(ctx context.Context, id, val string) error {
	t.mu.Lock()
	flushes := t.flushes
	t.mu.Unlock()
	asked := time.Now()
	version, err := t.db.Save(ctx, id, val)
	if err != nil {
		return err
	}
	f := fresh{entry{val, version}, asked}
	t.keep(id, f, flushes)
	// From here on it is the value, and whoever wanted it so may hang up.
	if !t.tell(context.WithoutCancel(ctx), id, f) {
		t.later(id, f)
	}
	return nil
}

// tell tells Redis of a commit: first the second tier, so that whoever hears of it finds it there.
func (t *Tier) tell(ctx context.Context, id string, f fresh) bool {
	if ttl := f.left(t.l2TTL); ttl > 0 { // else what the tier held before has ended as well
		if _, err := t.shared.putNewer(ctx, id, f.entry, ttl); err != nil {
			return false
		}
	}
	return t.shared.tell(ctx, id, f.entry) == nil
}

// later has a commit told as soon as Redis is back.
func (t *Tier) later(id string, f fresh) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.version > t.untold[id].version {
		t.untold[id] = f
	}
	if !t.telling {
		t.telling = true
		go t.retell()
	}
}

// retell tells what is untold, and ends when nothing is.
func (t *Tier) retell() {
	for {
		time.Sleep(again)
		for {
			id, f, ok := t.next()
			if !ok {
				return
			}
			if !t.tell(context.Background(), id, f) {
				break // nor will the others be heard now
			}
			t.mu.Lock()
			if t.untold[id].version == f.version {
				delete(t.untold, id)
			}
			t.mu.Unlock()
		}
	}
}

// next is something that is untold.
func (t *Tier) next() (id string, f fresh, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, f := range t.untold {
		return id, f, true
	}
	t.telling = false
	return "", fresh{}, false
}

// Run listens to what other instances have to tell until ctx ends, and returns its error then.
func (t *Tier) Run(ctx context.Context) error {
	return t.shared.listen(ctx, t.flush, t.heard)
}

// flush forgets the first tier, for nobody knows what was told while nobody listened. It does not forget what was seen:
// the second tier may be behind.
func (t *Tier) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.l1)
	t.flushes++
}

// heard takes a message for what it is: this version exists. It may be old itself, so it is not kept.
func (t *Tier) heard(id string, e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.version > t.seen[id] {
		t.seen[id] = e.version
		delete(t.l1, id)
	}
}
