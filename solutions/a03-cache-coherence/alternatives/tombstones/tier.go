// Package coherence reads through two tiers of cache. An update stores no value anywhere: it leaves a tombstone that
// says below which version everything is gone, and the next reader fetches.
package coherence

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// DB is where values live.
type DB interface {
	Load(ctx context.Context, id string) (val string, version int64, err error)
	Save(ctx context.Context, id, val string) (version int64, err error)
}

// slot is what an instance knows of an id: that nothing below floor is to be returned, and perhaps a value.
type slot struct {
	floor int64
	val   string
	asked time.Time // when the value was asked for; zero for none
}

// Tier is one instance's way to the values.
type Tier struct {
	db           DB
	remote       remote
	l1TTL, l2TTL time.Duration

	mu      sync.Mutex
	slots   map[string]*slot
	since   time.Time // what was asked for until then may be old
	unheard map[string]int64
	timer   *time.Timer // nil while nothing is unheard
}

// NewTier returns the tier of one instance.
func NewTier(db DB, rdb redis.UniversalClient, l1TTL, l2TTL time.Duration) *Tier {
	return &Tier{db: db, remote: remote{rdb}, l1TTL: l1TTL, l2TTL: l2TTL,
		slots: map[string]*slot{}, unheard: map[string]int64{}}
}

// slot is called with the lock held.
func (t *Tier) slot(id string) *slot {
	s := t.slots[id]
	if s == nil {
		s = new(slot)
		t.slots[id] = s
	}
	return s
}

// Get returns the value of id.
func (t *Tier) Get(ctx context.Context, id string) (string, error) {
	t.mu.Lock()
	s := *t.slot(id)
	live := s.asked.After(t.since) && time.Since(s.asked) < t.l1TTL
	t.mu.Unlock()
	if live {
		return s.val, nil
	}
	asked := time.Now()
	h, ok := t.remote.look(ctx, id)
	if !ok || h.gone || h.version < s.floor {
		val, version, err := t.db.Load(ctx, id)
		if err != nil {
			return "", err
		}
		h = held{version: version, val: val}
		if ok {
			t.remote.fill(context.WithoutCancel(ctx), id, h, t.l2TTL-time.Since(asked))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.slot(id); h.version >= now.floor {
		*now = slot{h.version, h.val, asked}
	}
	return h.val, nil
}

// Update commits val for id.
func (t *Tier) Update(ctx context.Context, id, val string) error {
	version, err := t.db.Save(ctx, id, val)
	if err != nil {
		return err
	}
	t.raise(id, version)
	if t.remote.bury(context.WithoutCancel(ctx), id, version, t.l2TTL) != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.unheard[id] = max(t.unheard[id], version)
		if t.timer == nil {
			t.timer = time.AfterFunc(200*time.Millisecond, t.again)
		}
	}
	return nil
}

// raise forgets what is older than version.
func (t *Tier) raise(id string, version int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slot(id); s.floor < version {
		*s = slot{floor: version}
	}
}

// again buries what could not be buried, until Redis fails again.
func (t *Tier) again() {
	t.mu.Lock()
	todo := make(map[string]int64, len(t.unheard))
	for id, version := range t.unheard {
		todo[id] = version
	}
	t.mu.Unlock()
	for id, version := range todo {
		if t.remote.bury(context.Background(), id, version, t.l2TTL) != nil {
			break
		}
		t.mu.Lock()
		if t.unheard[id] == version {
			delete(t.unheard, id)
		}
		t.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = nil
	if len(t.unheard) > 0 {
		t.timer = time.AfterFunc(200*time.Millisecond, t.again)
	}
}

// Run listens until ctx ends.
func (t *Tier) Run(ctx context.Context) error {
	return t.remote.listen(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.since = time.Now()
	}, t.raise)
}
