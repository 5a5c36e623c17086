package regions

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

var (
	ErrBehind   = errors.New("what the token stands for has not arrived yet")
	ErrNotFound = errors.New("not found")
)

const (
	maxAhead = 500 * time.Millisecond
	patience = 200 * time.Millisecond
	memory   = 24 * time.Hour // of deletions
)

// Update is what one region tells another: the whole state of a key, so that it does not matter what came before.
type Update struct {
	Key, Value string
	Deleted    bool
	At         TS
}

// Token is what a writer has to remember of a write.
type Token struct {
	At TS
}

// Region is one region's copy of the truth.
type Region struct {
	name  string
	peers []string
	clock func() time.Time
	hlc   *HLC
	send  func(to string, u Update)

	mu      sync.Mutex
	entries map[string]entry
	changed chan struct{} // closed with the next change
}

// entry is the last that was written of a key. A deletion is a write like another: what is gone cannot win against an
// older
// write that arrives later.
type entry struct {
	Update
	arrived time.Time
}

func NewRegion(name string, peers []string, clock func() time.Time, send func(to string, u Update)) *Region {
	return &Region{name: name, peers: peers, clock: clock, send: send, hlc: NewHLC(name, clock, maxAhead),
		entries: map[string]entry{}, changed: make(chan struct{})}
}

func (r *Region) Put(key, val string, after Token) Token {
	return r.write(Update{Key: key, Value: val}, after)
}

func (r *Region) Delete(key string, after Token) Token {
	return r.write(Update{Key: key, Deleted: true}, after)
}

func (r *Region) write(u Update, after Token) Token {
	r.hlc.Observe(after.At) // what the writer has seen has happened before, whether or not it has arrived
	u.At = r.hlc.Now()
	r.apply(u)
	for _, p := range r.peers {
		if zone(p) == "eu" || !strings.HasPrefix(u.Key, "eu/") {
			go r.send(p, u)
		}
	}
	return Token{At: u.At}
}

func zone(region string) string {
	z, _, _ := strings.Cut(region, "-")
	return z
}

func (r *Region) Receive(u Update) error {
	if err := r.hlc.Observe(u.At); err != nil {
		return err
	}
	r.apply(u)
	return nil
}

// apply lets the later one stay, so that neither the order nor the number of arrivals matters.
func (r *Region) apply(u Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.entries[u.Key].At.Less(u.At) {
		return
	}
	r.entries[u.Key] = entry{u, r.clock()}
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Region) Get(ctx context.Context, key string, after Token) (string, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		e, changed := r.look(key)
		if !e.At.Less(after.At) {
			if e.Deleted || e.At == (TS{}) {
				return "", ErrNotFound
			}
			return e.Value, nil
		}
		select {
		case <-changed:
		case <-late.C:
			return "", ErrBehind
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (r *Region) look(key string) (entry, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries[key], r.changed
}

// Tombstones also drops those that are old enough: it is asked now and then.
func (r *Region) Tombstones() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for key, e := range r.entries {
		switch {
		case !e.Deleted:
		case r.clock().Sub(e.arrived) >= memory:
			delete(r.entries, key)
		default:
			n++
		}
	}
	return n
}
