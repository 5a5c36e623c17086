// Package tracer measures where the time of a request goes, in all services that it passes through.
package tracer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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

// Tracer measures the spans of one service. Those that wait are a list under a lock; of more than there
// is room for the oldest go.
type Tracer struct {
	service  string
	below    uint64 // fractions that are sampled, times 2⁶⁴
	all      bool
	exporter Exporter
	room     int
	batch    int
	every    time.Duration
	wake     chan struct{} // something has changed
	over     chan struct{} // nothing more will be exported

	mu      sync.Mutex
	waiting []Span
	dropped int64
	closing bool
	givenUp bool
	cancel  context.CancelFunc // of the Export under way
}

// NewTracer returns a Tracer that keeps so many spans in its queue, and exports them in batches, as
// the brief has it.
func NewTracer(service string, ratio float64, e Exporter, queue, batch int, every time.Duration) *Tracer {
	t := &Tracer{
		service: service, all: ratio >= 1, exporter: e, room: queue, batch: batch, every: every,
		wake: make(chan struct{}, 1), over: make(chan struct{}),
	}
	if !t.all {
		t.below = uint64(math.Ceil(math.Ldexp(ratio, 64)))
	}
	go t.work()
	return t
}

// Active is a span that is under way.
type Active struct {
	once   sync.Once
	finish func(err error)
}

// Start begins a span.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, *Active) {
	var mine spanContext
	mine.trace, mine.id = newIDs()
	parent, ok := spanOf(ctx)
	if ok {
		mine.trace, mine.sampled = parent.trace, parent.sampled
	} else {
		mine.sampled = t.all || binary.BigEndian.Uint64(mine.trace[8:]) < t.below
	}
	a := &Active{finish: func(error) {}}
	if mine.sampled {
		begin := time.Now()
		a.finish = func(err error) {
			t.keep(Span{mine.trace, mine.id, parent.id, t.service, name, begin, time.Now(), err})
		}
	}
	return withSpan(ctx, mine), a
}

// End ends it. It is deferred itself, as in
//
//	defer a.End(nil)
//
// since recover sees a panic only in the function that was deferred, and in none that this one calls.
func (a *Active) End(err error) {
	value := recover()
	if value != nil {
		err = errors.Join(err, fmt.Errorf("panicked: %v", value))
	}
	a.once.Do(func() { a.finish(err) })
	if value != nil {
		panic(value)
	}
}

func (t *Tracer) keep(s Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		t.dropped++
		return
	}
	if len(t.waiting) == t.room {
		t.waiting = t.waiting[1:]
		t.dropped++
	}
	t.waiting = append(t.waiting, s)
	t.stir()
}

func (t *Tracer) stir() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// next returns the batch to be exported now, or else how long to wait for one.
func (t *Tracer) next() (batch []Span, ctx context.Context, wait time.Duration, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.batch, len(t.waiting))
	switch {
	case t.givenUp || t.closing && n == 0:
		t.dropped += int64(len(t.waiting))
		t.waiting = nil
		return nil, nil, 0, true
	case n == 0:
		return nil, nil, time.Hour, false
	case n < t.batch && !t.closing:
		if wait = t.every - time.Since(t.waiting[0].End); wait > 0 {
			return nil, nil, wait, false
		}
	}
	batch = append(batch, t.waiting[:n]...)
	t.waiting = t.waiting[n:]
	ctx, t.cancel = context.WithTimeout(context.Background(), 30*time.Second)
	return batch, ctx, 0, false
}

func (t *Tracer) work() {
	defer close(t.over)
	for {
		batch, ctx, wait, over := t.next()
		switch {
		case over:
			return
		case batch == nil:
			timer := time.NewTimer(wait)
			select {
			case <-t.wake:
			case <-timer.C:
			}
			timer.Stop()
		default:
			err := t.exporter.Export(ctx, batch)
			if err != nil && ctx.Err() == nil {
				t.exporter.Export(ctx, batch) // once more
			}
			t.cancel()
		}
	}
}

// Shutdown exports what is left, until ctx ends.
func (t *Tracer) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	again := t.closing
	t.closing = true
	t.mu.Unlock()
	if again {
		return errors.New("it has been shut down")
	}
	t.stir()
	select {
	case <-t.over:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.givenUp = true
	if t.cancel != nil {
		t.cancel()
	}
	return fmt.Errorf("spans are left: %w", ctx.Err())
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
