// Package leader makes one of several processes the leader, and keeps the others, and those that were it, off the disk.
package leader

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	ErrHeld  = errors.New("somebody leads already")
	ErrLost  = errors.New("the lease is lost")
	ErrStale = errors.New("a newer leader has written")
)

// Lease is the right to lead for a while.
type Lease struct {
	Token uint64
	Until time.Time
	// Your fields.
}

// Elector is one process's part in the election of a leader.
type Elector struct {
	// Your fields.
}

// NewElector returns the elector of one process, which has rdb for a client of its own. clock is this machine's wall
// clock, as the network and its operators set it; it has no monotonic reading.
func NewElector(rdb redis.UniversalClient, name string, ttl time.Duration, clock func() time.Time) *Elector {
	return &Elector{}
}

func (e *Elector) TryAcquire(ctx context.Context) (*Lease, error) {
	return nil, nil // your code
}

func (e *Elector) Renew(ctx context.Context, l *Lease) error {
	return nil // your code
}

func (e *Elector) Release(ctx context.Context, l *Lease) error {
	return nil // your code
}

// Lead runs work while e leads.
func Lead(ctx context.Context, e *Elector, work func(ctx context.Context, token uint64)) error {
	return nil // your code
}

// Resource is the disk, which keeps one value.
type Resource struct {
	// Your fields.
}

// NewResource returns a disk that nobody has written to. It may be used from many goroutines.
func NewResource() *Resource {
	return &Resource{}
}

func (r *Resource) Write(token uint64, v string) error {
	return nil // your code
}

func (r *Resource) Read() string {
	return "your code"
}

func Majority(n int) int {
	return 0 // your code
}

// Elect counts votes, which has the candidate of each member that has voted, of n in all.
func Elect(votes map[string]string, n int) (leader string, ok bool) {
	return "", true // your code
}
