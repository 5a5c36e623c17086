// Package tracer measures where the time of a request goes, in all services that it passes through.
package tracer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// Span is what one service has done for a request.
type Span struct {
	Trace         [16]byte
	ID, Parent    [8]byte // Parent is zero where the trace begins
	Service, Name string
	Start, End    time.Time
	Err           error
}

// Exporter sends spans to where they are collected. The batch belongs to the Tracer again when Export
// has returned.
type Exporter interface {
	Export(ctx context.Context, batch []Span) error
}

// Tracer measures the spans of one service. It has a goroutine only while an Export is under way, and a
// timer only while spans wait. The first span after a pause is exported at once.
type Tracer struct {
	service  string
	ratio    float64
	exporter Exporter
	room     int
	size     int
	every    time.Duration
	ctx      context.Context // of each Export
	giveUp   context.CancelFunc
	done     chan struct{} // closed when all is exported after Shutdown

	mu      sync.Mutex
	waiting []Span
	dropped int64
	busy    bool      // an Export is under way
	closing bool      // there will be no more spans
	partial time.Time // when a batch that was not full was exported
	timer   *time.Timer
}

// NewTracer returns a Tracer that keeps so many spans in its queue, and exports them in batches, as
// the brief has it.
func NewTracer(service string, ratio float64, e Exporter, queue, batch int, every time.Duration) *Tracer {
	t := &Tracer{service: service, ratio: ratio, exporter: e, room: queue, size: batch, every: every, done: make(chan struct{})}
	t.ctx, t.giveUp = context.WithCancel(context.Background())
	return t
}

// Active is a span that is under way.
type Active struct {
	end func(err error)
}

// Start begins a span.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, *Active) {
	trace, id := newIDs()
	s := Span{Trace: trace, ID: id, Service: t.service, Name: name, Start: time.Now()}
	sampled := float64(binary.BigEndian.Uint64(trace[8:])) < t.ratio*(1<<64)
	if parent, ok := spanOf(ctx); ok {
		s.Trace, s.Parent, sampled = parent.trace, parent.id, parent.sampled
	}
	var once sync.Once
	return withSpan(ctx, spanContext{s.Trace, id, sampled}), &Active{func(err error) {
		once.Do(func() {
			if s.End, s.Err = time.Now(), err; sampled {
				t.take(s)
			}
		})
	}}
}

// End ends it. It is deferred itself, as in
//
//	defer a.End(nil)
//
// since recover sees a panic only in the function that was deferred, and in none that this one calls.
func (a *Active) End(err error) {
	value := recover()
	if value == nil {
		a.end(err)
		return
	}
	a.end(fmt.Errorf("%v", value))
	panic(value)
}

func (t *Tracer) take(s Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closing:
	case len(t.waiting) == t.room:
		t.dropped++
	default:
		t.waiting = append(t.waiting, s)
		t.next()
	}
}

// next begins an Export, if it is time for one. The lock is held.
func (t *Tracer) next() {
	n := min(len(t.waiting), t.size)
	switch early := t.every - time.Since(t.partial); {
	case t.busy || t.ctx.Err() != nil:
		return
	case n == 0:
		if t.closing {
			close(t.done)
		}
		return
	case n < t.size && early > 0 && !t.closing:
		if t.timer == nil {
			t.timer = time.AfterFunc(early, t.tick)
		}
		return
	}
	if n < t.size {
		t.partial = time.Now()
	}
	batch := t.waiting[:n:n]
	t.waiting = append([]Span(nil), t.waiting[n:]...)
	t.busy = true
	go func() {
		t.exporter.Export(t.ctx, batch)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.busy = false
		t.next()
	}()
}

func (t *Tracer) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = nil
	if !t.closing {
		t.next()
	}
}

// Shutdown exports what is left, until ctx ends.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if !t.close() {
		return nil
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		t.giveUp()
		return ctx.Err()
	}
}

// close reports whether it was the first to do so.
func (t *Tracer) close() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return false
	}
	t.closing = true
	if t.timer != nil {
		t.timer.Stop()
	}
	t.next()
	return true
}

// Dropped is how many spans there was no room for.
func (t *Tracer) Dropped() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

// What follows is given.

// newIDs returns random ids, for a trace and for a span.
func newIDs() (trace [16]byte, id [8]byte) {
	rand.Read(trace[:])
	rand.Read(id[:])
	return trace, id
}

// spanContext is what a context carries of a span.
type spanContext struct {
	trace   [16]byte
	id      [8]byte
	sampled bool // the decision for the whole trace
}

type contextKey struct{}

// withSpan returns a context that carries a span, besides what ctx does.
func withSpan(ctx context.Context, s spanContext) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

// spanOf returns the span that a context carries, if it does.
func spanOf(ctx context.Context) (spanContext, bool) {
	s, ok := ctx.Value(contextKey{}).(spanContext)
	return s, ok
}
