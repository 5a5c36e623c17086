// Package cacheaside reads items through a cache and keeps the cache honest when they change.
package cacheaside

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/hex"
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

// Repo is the application's way to its items. This one hides the cache's weaknesses behind a decorator whose operations
// cannot fail, forgets also when a write has failed (its outcome may be unknown), and forgets before it, too.
type Repo struct {
	db    DB
	cache Cache
	ttl   time.Duration
}

// NewRepo returns a repository over db, with c beside it. ttl is the most that an entry of the cache may live.
func NewRepo(db DB, c Cache, ttl time.Duration) *Repo { return &Repo{db, c, ttl} }

func (r *Repo) open(ctx context.Context) *tolerant {
	return &tolerant{ctx, r.cache, 50 * time.Millisecond}
}

// key is "i" and the id in hexadecimal digits. The list's key is "all".
func key(id string) string { return "i" + hex.EncodeToString([]byte(id)) }

// Get returns the item, or an error that is ErrNotFound. What is cached for one is a list of one item, or of none.
func (r *Repo) Get(ctx context.Context, id string) (Item, error) {
	c := r.open(ctx)
	if items, ok := c.read(key(id)); ok && len(items) == 1 {
		return items[0], nil
	} else if ok {
		return Item{}, ErrNotFound
	}
	it, err := r.db.Load(ctx, id)
	if err == nil {
		c.write(key(id), []Item{it}, r.ttl)
	} else if errors.Is(err, ErrNotFound) {
		c.write(key(id), nil, min(r.ttl, 5*time.Second))
	}
	return it, err
}

// List returns all items.
func (r *Repo) List(ctx context.Context) ([]Item, error) {
	c := r.open(ctx)
	if items, ok := c.read("all"); ok {
		return items, nil
	}
	items, err := r.db.List(ctx)
	if err == nil {
		c.write("all", items, r.ttl)
	}
	return items, err
}

// Update creates or replaces the item.
func (r *Repo) Update(ctx context.Context, it Item) error {
	return r.change(ctx, it.ID, func() error { return r.db.Save(ctx, it) })
}

// Delete removes the item from the database.
func (r *Repo) Delete(ctx context.Context, id string) error {
	return r.change(ctx, id, func() error { return r.db.Delete(ctx, id) })
}

func (r *Repo) change(ctx context.Context, id string, write func() error) error {
	c := r.open(context.WithoutCancel(ctx))
	c.within(5*time.Millisecond, func(ctx context.Context) ([]byte, error) { return nil, r.cache.Del(ctx, key(id)) })
	defer func() {
		for _, k := range []string{key(id), "all"} {
			for range 3 {
				if _, err := c.within(c.left, func(ctx context.Context) ([]byte, error) { return nil, r.cache.Del(ctx, k) }); err == nil {
					break
				}
			}
		}
	}()
	return write()
}

// tolerant is a cache whose operations fail silently and together take no longer than what is left.
type tolerant struct {
	ctx  context.Context
	next Cache
	left time.Duration
}

func (c *tolerant) read(k string) (items []Item, ok bool) {
	b, err := c.within(c.left, func(ctx context.Context) ([]byte, error) { return c.next.Get(ctx, k) })
	return items, err == nil && gob.NewDecoder(bytes.NewReader(b)).Decode(&items) == nil
}

func (c *tolerant) write(k string, items []Item, ttl time.Duration) {
	var b bytes.Buffer
	if gob.NewEncoder(&b).Encode(items) == nil {
		c.within(c.left, func(ctx context.Context) ([]byte, error) { return nil, c.next.Set(ctx, k, b.Bytes(), ttl) })
	}
}

func (c *tolerant) within(most time.Duration, f func(context.Context) ([]byte, error)) (data []byte, err error) {
	most = min(most, c.left)
	if most <= 0 {
		return nil, errors.New("no time left")
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, most)
	type answer struct {
		data []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		data, err := f(ctx)
		answers <- answer{data, err}
	}()
	select {
	case a := <-answers:
		data, err = a.data, a.err
	case <-time.After(most):
		err = errors.New("too slow")
	}
	c.left -= time.Since(began)
	return data, err
}
