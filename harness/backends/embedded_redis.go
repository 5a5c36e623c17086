package backends

import (
	"context"
	"sync"

	"github.com/alicebob/miniredis/v2"
)

// miniature is the embedded Redis: a miniredis in this process for every lease. Its keys expire as
// time passes.
type miniature struct {
	unwatched
	mu     sync.Mutex
	out    map[*miniredis.Miniredis]bool
	closed bool
}

func openMiniature() *miniature {
	return &miniature{out: map[*miniredis.Miniredis]bool{}}
}

func (m *miniature) info() Info {
	return Info{Provider: Embedded, Version: "miniredis 2", Detail: "inside labs"}
}

func (m *miniature) take(context.Context) (string, func(), error) {
	r := miniredis.NewMiniRedis()
	r.ClockTTL(true)
	if err := r.StartAddr("127.0.0.1:0"); err != nil {
		return "", nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		r.Close()
		return "", nil, errClosed
	}
	m.out[r] = true
	return "redis://" + r.Addr(), func() { m.end(r) }, nil
}

func (m *miniature) end(r *miniredis.Miniredis) {
	m.mu.Lock()
	out := m.out[r]
	delete(m.out, r)
	m.mu.Unlock()
	if out {
		r.Close()
	}
}

func (m *miniature) close() {
	m.mu.Lock()
	m.closed = true
	out := m.out
	m.out = nil
	m.mu.Unlock()
	for r := range out {
		r.Close()
	}
}
