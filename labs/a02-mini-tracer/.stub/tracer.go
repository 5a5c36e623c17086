// Package tracer measures where the time of a request goes, in all services that it passes through.
package tracer

import (
	"context"
	"crypto/rand"
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
	// Your fields.
}

// NewTracer returns a Tracer that keeps so many spans in its queue, and exports them in batches, as
// the brief has it.
func NewTracer(service string, ratio float64, e Exporter, queue, batch int, every time.Duration) *Tracer {
	return &Tracer{} // your code
}

// Active is a span that is under way.
type Active struct {
	// Your fields.
}

// Start begins a span.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, *Active) {
	_, _ = spanOf(ctx)    // is given, below,
	trace, id := newIDs() // and so are these
	return withSpan(ctx, spanContext{trace, id, true}), &Active{}
}

// End ends it. It is deferred itself, as in
//
//	defer a.End(nil)
//
// since recover sees a panic only in the function that was deferred, and in none that this one calls.
func (a *Active) End(err error) {
	// your code
}

// Shutdown exports what is left, until ctx ends.
func (t *Tracer) Shutdown(ctx context.Context) error {
	return nil // your code
}

// Dropped is how many spans there was no room for.
func (t *Tracer) Dropped() int64 {
	return 0 // your code
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
