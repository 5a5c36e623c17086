// Package scaleout spreads requests over several machines, so that more machines do more work, and one that dies is
// missed by nobody.
//
// This one has no lock and no clock. One goroutine owns the table of backends and answers questions one after the
// other; a backend that is down is taken out of the table, and a timer puts it back.
package scaleout

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrDown is what the Call of a machine returns, as it is or wrapped, when the machine is not there.
	ErrDown = errors.New("backend down")
	// ErrNoBackend is what Do returns when the balancer has no backend at all.
	ErrNoBackend = errors.New("no backend")
)

// Backend is one machine. Backends can be compared with ==.
type Backend interface {
	// Call does the work of one request. It takes its time, and may be called many times at once.
	Call(ctx context.Context, req int) error
}

// table is what the owner knows. A backend that is resting has a timer.
type table struct {
	load    map[Backend]*int // requests in flight
	resting map[Backend]*time.Timer
}

// Balancer gives each request to the backend with the fewest requests in flight.
type Balancer struct{ ask chan func(*table) }

// NewBalancer returns a balancer over the backends; there may be none.
func NewBalancer(backends ...Backend) *Balancer {
	b := &Balancer{ask: make(chan func(*table))}
	go func() {
		t := &table{map[Backend]*int{}, map[Backend]*time.Timer{}}
		for question := range b.ask {
			question(t)
		}
	}()
	for _, x := range backends {
		b.Add(x)
	}
	return b
}

// with lets the owner answer a question, and waits for it.
func (b *Balancer) with(question func(*table)) {
	done := make(chan struct{})
	b.ask <- func(t *table) { defer close(done); question(t) }
	<-done
}

// Do calls one backend after the other until one is not down.
func (b *Balancer) Do(ctx context.Context, req int) error {
	return b.try(ctx, req, map[Backend]bool{})
}

func (b *Balancer) try(ctx context.Context, req int, tried map[Backend]bool) error {
	var chosen Backend
	var load *int
	err := ErrNoBackend
	b.with(func(t *table) {
		for x, n := range t.load {
			if err = ErrDown; tried[x] || t.resting[x] != nil {
				continue
			}
			if load == nil || *n < *load {
				chosen, load = x, n
			}
		}
		if load != nil {
			*load++
		}
	})
	if chosen == nil {
		if len(tried) > 0 {
			return ErrDown
		}
		return err
	}
	tried[chosen] = true
	err = chosen.Call(ctx, req)
	down := errors.Is(err, ErrDown)
	b.with(func(t *table) {
		*load--
		if down && t.load[chosen] == load {
			b.rest(t, chosen)
		}
	})
	if down {
		return b.try(ctx, req, tried)
	}
	return err
}

// rest lets a backend alone for 5 s from now. Only for questions.
func (b *Balancer) rest(t *table, x Backend) {
	if old := t.resting[x]; old != nil {
		old.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(5*time.Second, func() {
		b.with(func(t *table) {
			if t.resting[x] == timer {
				delete(t.resting, x)
			}
		})
	})
	t.resting[x] = timer
}

// Add puts a backend to use at once.
func (b *Balancer) Add(x Backend) {
	b.with(func(t *table) {
		if _, there := t.load[x]; !there {
			t.load[x] = new(int)
		}
	})
}

// Remove takes a backend out of use.
func (b *Balancer) Remove(x Backend) {
	b.with(func(t *table) {
		delete(t.load, x)
		if timer := t.resting[x]; timer != nil {
			timer.Stop()
			delete(t.resting, x)
		}
	})
}
