package nologs

import (
	"bytes"
	"net/http"
	"runtime/trace"
	"slices"
	"sync"
	"time"
)

// Recorder keeps the last seconds of what the process does, and when a request has been slow, a dump
// of them.
type Recorder struct {
	slow   time.Duration
	keep   int
	flight *trace.FlightRecorder

	mu    sync.Mutex
	dumps [][]byte
}

// NewRecorder starts a recorder.
func NewRecorder(slow time.Duration, keep int) *Recorder {
	r := &Recorder{slow: slow, keep: keep, flight: trace.NewFlightRecorder(trace.FlightRecorderConfig{})}
	r.flight.Start() // now: what has happened before a start is on no record
	return r
}

// Middleware returns a handler that is next, and has a dump made when that was slow.
func (r *Recorder) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		start := time.Now()
		defer func() {
			if time.Since(start) > r.slow {
				r.dump()
			}
		}()
		next.ServeHTTP(w, req)
	})
}

// dump keeps what has just happened, if there is still room.
func (r *Recorder) dump() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.dumps) >= r.keep || !r.flight.Enabled() {
		return
	}
	var b bytes.Buffer
	if _, err := r.flight.WriteTo(&b); err == nil {
		r.dumps = append(r.dumps, b.Bytes())
	}
}

// Dumps returns the dumps that have been made, the oldest first.
func (r *Recorder) Dumps() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([][]byte, len(r.dumps))
	for i, d := range r.dumps {
		all[i] = slices.Clone(d)
	}
	return all
}

// Close ends the recording.
func (r *Recorder) Close() { r.flight.Stop() }
