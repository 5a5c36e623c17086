// Package coherence reads through two tiers of cache, one in the process and one in Redis, and keeps both honest while
// several instances write.
package coherence

import (
	"context"
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

// Tier is one instance's way to the values. It may be used from many goroutines at once.
type Tier struct {
	shared shared // is given, see shared.go
	// Your fields.
}

// NewTier returns the tier of one instance of the service, which has rdb for a client of its own.
func NewTier(db DB, rdb redis.UniversalClient, l1TTL, l2TTL time.Duration) *Tier {
	return &Tier{shared: inRedis{rdb}}
}

// Get returns the value of id.
func (t *Tier) Get(ctx context.Context, id string) (string, error) {
	return "", nil // your code
}

// Update commits val for id, and has all instances hear of it.
func (t *Tier) Update(ctx context.Context, id, val string) error {
	return nil // your code
}

// Run listens to what other instances have to tell until ctx ends, and returns its error then.
func (t *Tier) Run(ctx context.Context) error {
	_ = t.shared.listen // is given
	return nil          // your code
}
