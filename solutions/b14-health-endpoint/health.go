// Package health answers the question whether this server can do its work.
package health

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Check looks at one thing that the server depends on.
type Check struct {
	Name     string
	Critical bool
	Timeout  time.Duration
	Func     func(context.Context) error
}

const defaultTimeout = 2 * time.Second

// NewHealth returns a handler that runs the checks and answers with what they found.
func NewHealth(cacheFor time.Duration, checks ...Check) http.Handler {
	return &handler{cacheFor: cacheFor, checks: checks}
}

type handler struct {
	cacheFor time.Duration
	checks   []Check

	mu   sync.Mutex
	last *round
}

// round is all checks, run once.
type round struct {
	done  chan struct{} // closed when the rest is there
	ended time.Time
	code  int
	body  []byte
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	round := h.current()
	select {
	case <-round.done:
	case <-r.Context().Done():
		return // the round goes on, for the others
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(round.code)
	w.Write(round.body)
}

// current is the round that is under way or fresh enough, or else a new one. The lock is held for the decision alone.
func (h *handler) current() *round {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil || h.last.old(h.cacheFor) {
		h.last = &round{done: make(chan struct{})}
		go h.last.run(h.checks)
	}
	return h.last
}

func (r *round) old(cacheFor time.Duration) bool {
	select {
	case <-r.done:
		return time.Since(r.ended) >= cacheFor
	default:
		return false
	}
}

func (r *round) run(checks []Check) {
	errs := make([]error, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { errs[i] = c.try() })
	}
	all.Wait()
	r.ended = time.Now()
	r.code, r.body = summary(checks, errs)
	close(r.done)
}

// try runs the check, but not longer than its timeout. The context asks Func to stop; whether it listens is its affair.
func (c Check) try() error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	result := make(chan error, 1) // has room, so that a late result does not keep its goroutine
	go func() { result <- c.call(ctx) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c Check) call(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.Func(ctx)
}

type state struct {
	Status string `json:"status"`
}

// summary is what the world is told. The errors are for the log.
func summary(checks []Check, errs []error) (code int, body []byte) {
	code, overall, states := http.StatusOK, "ok", map[string]state{}
	for i, c := range checks {
		states[c.Name] = state{"up"}
		if errs[i] == nil {
			continue
		}
		slog.Warn("health check failed", "check", c.Name, "error", errs[i])
		states[c.Name] = state{"down"}
		if c.Critical {
			code, overall = http.StatusServiceUnavailable, "down"
		} else if overall == "ok" {
			overall = "degraded"
		}
	}
	body, err := json.Marshal(map[string]any{"status": overall, "checks": states})
	if err != nil {
		panic(err) // strings in maps
	}
	return code, body
}
