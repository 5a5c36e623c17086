package stateless_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	stateless "github.com/backend-labs/backend-labs/labs/b09-stateless"
)

// memory is a Store.
type memory struct {
	mu        sync.Mutex
	entries   map[string]entry
	contended bool          // who reads a key meets somebody who reads it, too
	slow      time.Duration // a write takes
	quicker   int           // writes of others that come just before one's own
	meetings  map[string]*meeting

	noReads, noWrites error // of a store that is broken
	refused           int   // calls since it is broken: it is well again after a thousand
	strays            int   // calls with the context of no request
	hold              *held // what the next read meets
}

// breakDown makes the store answer reads and writes with errors, or well again with nil.
func (m *memory) breakDown(reads, writes error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noReads, m.noWrites, m.refused = reads, writes, 0
}

// broken gives what is wrong with a call, if anything is.
func (m *memory) broken(ctx context.Context, broken *error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Value(requestKey{}) == nil {
		m.strays++
	}
	if *broken != nil {
		m.refused++
	}
	if m.refused > 1000 { // whoever tries for ever is to come to an end
		return ctx.Err()
	}
	return cmp.Or(ctx.Err(), *broken)
}

// keys lists what is in the store.
func (m *memory) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.entries))
}

type entry struct {
	val     []byte
	version int64
}

func (m *memory) Get(ctx context.Context, key string) ([]byte, int64, error) {
	if err := m.broken(ctx, &m.noReads); err != nil {
		return nil, 0, err
	}
	m.mu.Lock()
	e, contended, hold := m.entries[key], m.contended, m.hold
	m.hold = nil
	m.mu.Unlock()
	if hold != nil {
		hold.wait()
	}
	if contended {
		m.meet(key)
	}
	return slices.Clone(e.val), e.version, nil
}

func (m *memory) PutIf(ctx context.Context, key string, val []byte, version int64) error {
	if err := m.broken(ctx, &m.noWrites); err != nil {
		return err
	}
	time.Sleep(m.slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[key]; m.quicker > 0 && e.version > 0 {
		m.quicker--
		m.entries[key] = entry{e.val, e.version + 1}
	}
	if m.entries[key].version != version {
		return fmt.Errorf("shop: %w", errors.Join(fmt.Errorf("put %q: %w", key, stateless.ErrConflict)))
	}
	if m.entries == nil {
		m.entries = map[string]entry{}
	}
	m.entries[key] = entry{slices.Clone(val), version + 1}
	return nil
}

// held is a read that has its value and does not come back with it before it is let go, or two seconds are over: those
// who wait for it with a lock are right, too.
type held struct{ has, free chan struct{} }

func (h *held) wait() {
	close(h.has)
	select {
	case <-h.free:
	case <-time.After(2 * time.Second):
	}
}

// meeting is where two readers of a key wait for each other.
type meeting struct {
	waiting chan struct{}
	pairs   int // that have met
}

// meet holds a reader until there is another one of the same key, so that both have read the same
// version. That is done for three pairs; after that, or when nobody else comes, readers only give
// others the chance to run.
func (m *memory) meet(key string) {
	m.mu.Lock()
	if m.meetings == nil {
		m.meetings = map[string]*meeting{}
	}
	if m.meetings[key] == nil {
		m.meetings[key] = new(meeting)
	}
	g := m.meetings[key]
	switch {
	case g.pairs >= 3:
		m.mu.Unlock()
		for range 10 {
			runtime.Gosched()
		}
	case g.waiting != nil:
		close(g.waiting)
		g.waiting = nil
		g.pairs++
		m.mu.Unlock()
	default:
		met := make(chan struct{})
		g.waiting = met
		m.mu.Unlock()
		select {
		case <-met:
		case <-time.After(time.Second):
			m.mu.Lock()
			if g.waiting == met {
				g.waiting, g.pairs = nil, 3
			}
			m.mu.Unlock()
		}
	}
}
