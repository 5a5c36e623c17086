package regions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

var (
	ErrBehind   = errors.New("what the token stands for has not arrived yet")
	ErrNotFound = errors.New("not found")
)

// Update is what one region tells another: a value, or nil for a deletion.
type Update struct {
	key   string
	value *string
	at    TS
}

func (u Update) String() string {
	if u.value == nil {
		return fmt.Sprintf("%s: deleted", u.key)
	}
	return fmt.Sprintf("%s: %s", u.key, *u.value)
}

// Token is what a writer has to remember of a write.
type Token struct {
	at *TS
}

// Region is one region's copy of the truth: what lives and what is dead are kept apart, and each key has those who
// wait for
// it.
type Region struct {
	peers []string
	clock func() time.Time
	hlc   *HLC
	send  func(to string, u Update)

	mu      sync.Mutex
	living  map[string]Update
	dead    map[string]grave
	waiting map[string][]chan Update
}

type grave struct {
	at  TS
	dug time.Time
}

func NewRegion(name string, peers []string, clock func() time.Time, send func(to string, u Update)) *Region {
	return &Region{peers: peers, clock: clock, send: send, hlc: NewHLC(name, clock, time.Second/2),
		living: map[string]Update{}, dead: map[string]grave{}, waiting: map[string][]chan Update{}}
}

func (r *Region) Put(key, val string, after Token) Token {
	return r.write(key, &val, after)
}

func (r *Region) Delete(key string, after Token) Token {
	return r.write(key, nil, after)
}

func (r *Region) write(key string, val *string, after Token) Token {
	if after.at != nil {
		r.hlc.Observe(*after.at)
	}
	u := Update{key, val, r.hlc.Now()}
	r.take(u)
	go func() {
		var all sync.WaitGroup
		for _, p := range r.peers {
			if strings.HasPrefix(key, "eu/") && !strings.HasPrefix(p, "eu-") {
				continue
			}
			all.Go(func() { r.send(p, u) })
		}
		all.Wait()
	}()
	return Token{&u.at}
}

func (r *Region) Receive(u Update) error {
	err := r.hlc.Observe(u.at)
	if err == nil {
		r.take(u)
	}
	return err
}

// known is the time of the last write of a key.
func (r *Region) known(key string) TS {
	if u, ok := r.living[key]; ok {
		return u.at
	}
	return r.dead[key].at
}

func (r *Region) take(u Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bury()
	if known := r.known(u.key); known == u.at || u.at.Less(known) {
		return
	}
	if u.value != nil {
		delete(r.dead, u.key)
		r.living[u.key] = u
	} else {
		delete(r.living, u.key)
		r.dead[u.key] = grave{u.at, r.clock()}
	}
	for _, w := range r.waiting[u.key] {
		select {
		case w <- u:
		default:
		}
	}
}

// bury forgets deletions that are a day old.
func (r *Region) bury() {
	for key, g := range r.dead {
		if r.clock().Sub(g.dug) > 24*time.Hour {
			delete(r.dead, key)
		}
	}
}

func (r *Region) Get(ctx context.Context, key string, after Token) (string, error) {
	r.mu.Lock()
	if after.at == nil || !r.known(key).Less(*after.at) {
		defer r.mu.Unlock()
		return r.value(key)
	}
	w := make(chan Update, 1)
	r.waiting[key] = append(r.waiting[key], w)
	r.mu.Unlock()
	defer r.gone(key, w)
	ctx, cancel := context.WithTimeoutCause(ctx, 200*time.Millisecond, ErrBehind)
	defer cancel()
	for {
		select {
		case u := <-w:
			if !u.at.Less(*after.at) {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.value(key)
			}
		case <-ctx.Done():
			if context.Cause(ctx) == ErrBehind {
				return "", ErrBehind
			}
			return "", ctx.Err()
		}
	}
}

func (r *Region) value(key string) (string, error) {
	if u, ok := r.living[key]; ok {
		return *u.value, nil
	}
	return "", fmt.Errorf("%q: %w", key, ErrNotFound)
}

func (r *Region) gone(key string, w chan Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var others []chan Update
	for _, o := range r.waiting[key] {
		if o != w {
			others = append(others, o)
		}
	}
	delete(r.waiting, key)
	if len(others) > 0 {
		r.waiting[key] = others
	}
}

func (r *Region) Tombstones() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bury()
	return len(r.dead)
}
