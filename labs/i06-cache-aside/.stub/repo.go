// Package cacheaside reads items through a cache and keeps the cache honest when they change.
package cacheaside

import (
	"context"
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

// Repo is the application's way to its items. It may be used from many goroutines at once.
type Repo struct {
	// Your fields.
}

// NewRepo returns a repository over db, with c beside it. ttl is the most that an entry of the cache may live.
func NewRepo(db DB, c Cache, ttl time.Duration) *Repo {
	return &Repo{}
}

// Get returns the item, or an error that is ErrNotFound.
func (r *Repo) Get(ctx context.Context, id string) (Item, error) {
	return Item{}, nil // your code
}

// Update creates or replaces the item. When it returns nil the item is committed to the database.
func (r *Repo) Update(ctx context.Context, it Item) error {
	return nil // your code
}

// Delete removes the item from the database.
func (r *Repo) Delete(ctx context.Context, id string) error {
	return nil // your code
}

// List returns all items. The list is cached under one key.
func (r *Repo) List(ctx context.Context) ([]Item, error) {
	return nil, nil // your code
}
