package nologs

import (
	"bytes"
	"net/http"
	"runtime/trace"
	"sync"
	"time"
)

// Recorder keeps the last seconds of what the process does, and when a request has been slow, a dump
// of them. It is made beside the request, which need not wait for it.
type Recorder struct {
	slow   time.Duration
	flight *trace.FlightRecorder
	places chan struct{} // one for each dump that may still be made

	mu     sync.Mutex
	dumps  []string
	closed bool
}

// NewRecorder starts a recorder.
func NewRecorder(slow time.Duration, keep int) *Recorder {
	r := &Recorder{slow: slow, places: make(chan struct{}, keep),
		flight: trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 5 * time.Second, MaxBytes: 4 << 20})}
	r.closed = r.flight.Start() != nil
	return r
}

type middleware struct {
	*Recorder
	next http.Handler
}

// Middleware returns a handler that is next, and has a dump made when that was slow.
func (r *Recorder) Middleware(next http.Handler) http.Handler { return middleware{r, next} }

func (m middleware) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	defer func(start time.Time) {
		if time.Since(start) <= m.slow {
			return
		}
		select {
		case m.places <- struct{}{}:
			go m.dump()
		default:
		}
	}(time.Now())
	m.next.ServeHTTP(w, req)
}

func (r *Recorder) dump() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b bytes.Buffer
	if r.closed {
		return
	}
	if _, err := r.flight.WriteTo(&b); err != nil {
		<-r.places
		return
	}
	r.dumps = append(r.dumps, b.String())
}

// Dumps returns the dumps that have been made, the oldest first.
func (r *Recorder) Dumps() (all [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.dumps {
		all = append(all, []byte(d))
	}
	return all
}

// Close ends the recording.
func (r *Recorder) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.flight.Stop()
		r.closed = true
	}
}
