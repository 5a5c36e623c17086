// Package tracer measures where the time of a request goes, in all services that it passes through.
package tracer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
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

// Tracer measures the spans of one service.
type Tracer struct {
	service  string
	ratio    float64
	exporter Exporter
	batch    int
	every    time.Duration

	queue   chan Span // never closed: spans may end at any time
	dropped atomic.Int64

	stop     sync.Once
	stopping chan struct{}
	stopped  chan struct{}
	ctx      context.Context // of each Export
	giveUp   context.CancelFunc
}

// NewTracer returns a Tracer that keeps so many spans in its queue, and exports them in batches, as
// the brief has it.
func NewTracer(service string, ratio float64, e Exporter, queue, batch int, every time.Duration) *Tracer {
	ctx, giveUp := context.WithCancel(context.Background()) // that of a request would end with it
	t := &Tracer{
		service: service, ratio: ratio, exporter: e, batch: batch, every: every,
		queue:    make(chan Span, queue),
		stopping: make(chan struct{}), stopped: make(chan struct{}),
		ctx: ctx, giveUp: giveUp,
	}
	go t.run()
	return t
}

// Active is a span that is under way.
type Active struct {
	tracer  *Tracer
	span    Span
	sampled bool
	ended   atomic.Bool
}

// Start begins a span.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, *Active) {
	trace, id := newIDs()
	parent, isChild := spanOf(ctx)
	if !isChild {
		parent = spanContext{trace: trace, sampled: t.samples(trace)}
	}
	a := &Active{tracer: t, sampled: parent.sampled, span: Span{
		Trace: parent.trace, ID: id, Parent: parent.id,
		Service: t.service, Name: name, Start: time.Now(),
	}}
	return withSpan(ctx, spanContext{parent.trace, id, parent.sampled}), a
}

// samples decides for a whole trace. It does so by the id, so that whoever sees a trace can tell.
func (t *Tracer) samples(trace [16]byte) bool {
	return float64(binary.BigEndian.Uint64(trace[8:]))/(1<<64) < t.ratio
}

// End ends it. It is deferred itself, as in
//
//	defer a.End(nil)
//
// since recover sees a panic only in the function that was deferred, and in none that this one calls.
func (a *Active) End(err error) {
	if value := recover(); value != nil {
		defer panic(value)
		err = fmt.Errorf("panic: %v", value)
	}
	if a.ended.Swap(true) || !a.sampled {
		return
	}
	s := a.span
	s.End, s.Err = time.Now(), err
	select {
	case a.tracer.queue <- s:
	default:
		a.tracer.dropped.Add(1)
	}
}

// run is the only one that exports.
func (t *Tracer) run() {
	defer close(t.stopped)
	var batch []Span
	var due <-chan time.Time // when the oldest span of the batch has waited long enough
	for {
		select {
		case s := <-t.queue:
			if batch = append(batch, s); len(batch) == 1 {
				due = time.After(t.every)
			}
			if len(batch) < t.batch {
				continue
			}
		case <-due:
		case <-t.stopping:
			t.exportRest(batch)
			return
		}
		t.export(batch)
		batch, due = nil, nil
	}
}

// exportRest exports what has ended before Shutdown, and perhaps some of what ends meanwhile.
func (t *Tracer) exportRest(batch []Span) {
	for n := len(t.queue); n > 0; n-- {
		if batch = append(batch, <-t.queue); len(batch) == t.batch {
			t.export(batch)
			batch = nil
		}
	}
	if len(batch) > 0 {
		t.export(batch)
	}
}

func (t *Tracer) export(batch []Span) {
	if t.ctx.Err() == nil {
		t.exporter.Export(t.ctx, batch) // there is nobody to tell that it has failed
	}
}

// Shutdown exports what is left, until ctx ends.
func (t *Tracer) Shutdown(ctx context.Context) error {
	t.stop.Do(func() { close(t.stopping) })
	select {
	case <-t.stopped:
		return nil
	case <-t.ctx.Done(): // an earlier Shutdown has given up
		return t.ctx.Err()
	case <-ctx.Done():
		t.giveUp()
		return ctx.Err()
	}
}

// Dropped is how many spans there was no room for.
func (t *Tracer) Dropped() int64 {
	return t.dropped.Load()
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
