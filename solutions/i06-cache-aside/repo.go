// Package cacheaside reads items through a cache and keeps the cache honest when they change.
package cacheaside

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Item is what the repository stores.
type Item struct {
	ID, Name string
	Price    int
}

// ErrNotFound says that there is no such item.
var ErrNotFound = errors.New("no such item")

// ErrMiss says that the cache has nothing under that key.
var ErrMiss = errors.New("cache miss")

// DB is where items live. Its errors may wrap ErrNotFound: use errors.Is.
type DB interface {
	Load(ctx context.Context, id string) (Item, error) // ErrNotFound
	Save(ctx context.Context, it Item) error           // creates or replaces; committed when it returns nil
	Delete(ctx context.Context, id string) error
	List(ctx context.Context) ([]Item, error)
}

// Cache is a store of bytes that may forget anything, fail, be slow, hang, and ignore its context. Its errors may wrap
// ErrMiss: use errors.Is.
type Cache interface {
	Get(ctx context.Context, k string) ([]byte, error)                    // ErrMiss
	Set(ctx context.Context, k string, v []byte, ttl time.Duration) error // a ttl of 0 means for ever
	Del(ctx context.Context, k ...string) error                           // of absent keys, too
}

const (
	budget    = 50 * time.Millisecond // for all cache work of one call
	absentTTL = 5 * time.Second
	retries   = 3
	format    = 1 // of what is put into the cache
)

// The list's key cannot be an item's: those all begin with "item:".
const listKey = "items"

func itemKey(id string) string { return "item:" + id }

// Repo is the application's way to its items. It may be used from many goroutines at once.
type Repo struct {
	db    DB
	cache Cache
	ttl   time.Duration
}

// NewRepo returns a repository over db, with c beside it. ttl is the most that an entry of the cache may live.
func NewRepo(db DB, c Cache, ttl time.Duration) *Repo {
	return &Repo{db: db, cache: c, ttl: ttl}
}

// entry is what the cache holds: one item or none for an id, all of them for the list.
type entry struct {
	Format int // so that what another version has written is not taken for an answer
	Items  []Item
}

// Get returns the item, or an error that is ErrNotFound.
func (r *Repo) Get(ctx context.Context, id string) (Item, error) {
	c := r.begin(ctx)
	var e entry
	if c.get(itemKey(id), &e) {
		if len(e.Items) == 0 {
			return Item{}, ErrNotFound
		}
		return e.Items[0], nil
	}
	it, err := r.db.Load(ctx, id)
	switch {
	case err == nil:
		c.set(itemKey(id), entry{Items: []Item{it}}, r.ttl)
	case errors.Is(err, ErrNotFound): // the only error that is an answer, and one that is soon untrue
		c.set(itemKey(id), entry{}, min(absentTTL, r.ttl))
	}
	return it, err
}

// List returns all items. The list is cached under one key.
func (r *Repo) List(ctx context.Context) ([]Item, error) {
	c := r.begin(ctx)
	var e entry
	if c.get(listKey, &e) {
		return e.Items, nil
	}
	items, err := r.db.List(ctx)
	if err == nil {
		c.set(listKey, entry{Items: items}, r.ttl)
	}
	return items, err
}

// Update creates or replaces the item. When it returns nil the item is committed to the database.
//
// The order matters: forgotten before the commit, the key could be filled with the old value by a reader in between.
// And it is forgotten, not overwritten: of two updates the one that commits last need not be the last at the cache.
func (r *Repo) Update(ctx context.Context, it Item) error {
	if err := r.db.Save(ctx, it); err != nil {
		return err
	}
	r.forget(ctx, itemKey(it.ID), listKey)
	return nil
}

// Delete removes the item from the database.
func (r *Repo) Delete(ctx context.Context, id string) error {
	if err := r.db.Delete(ctx, id); err != nil {
		return err
	}
	r.forget(ctx, itemKey(id), listKey)
	return nil
}

// forget removes keys after a committed write. The write is done, whatever the cache says: if it cannot be reached, the
// TTL bounds how long it serves the old value. Nor does a caller that hangs up now stop it.
func (r *Repo) forget(ctx context.Context, keys ...string) {
	c := r.begin(context.WithoutCancel(ctx))
	for range 1 + retries {
		_, err := c.do(func(ctx context.Context) ([]byte, error) { return nil, r.cache.Del(ctx, keys...) })
		if err == nil {
			return
		}
	}
}

// work is the cache work of one call: whatever it consists of, it takes no longer than the budget.
type work struct {
	ctx   context.Context
	cache Cache
	left  time.Duration
}

func (r *Repo) begin(ctx context.Context) *work {
	return &work{ctx: ctx, cache: r.cache, left: budget}
}

// get reports whether the cache had an entry that could be read. Everything else is a miss.
func (w *work) get(key string, e *entry) bool {
	data, err := w.do(func(ctx context.Context) ([]byte, error) { return w.cache.Get(ctx, key) })
	return err == nil && json.Unmarshal(data, e) == nil && e.Format == format
}

// set fills the cache. If that fails, the next reader will try again.
func (w *work) set(key string, e entry, ttl time.Duration) {
	e.Format = format
	data, err := json.Marshal(e)
	if err != nil {
		return
	}
	w.do(func(ctx context.Context) ([]byte, error) { return nil, w.cache.Set(ctx, key, data, ttl) })
}

// do runs one operation for as long as the budget lasts. The goroutine is for a cache that ignores its context.
func (w *work) do(op func(context.Context) ([]byte, error)) ([]byte, error) {
	if w.left <= 0 {
		return nil, context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(w.ctx, w.left)
	defer cancel()
	start := time.Now()
	defer func() { w.left -= time.Since(start) }()

	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1) // with room for an answer that nobody waits for any more
	go func() {
		data, err := op(ctx)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
