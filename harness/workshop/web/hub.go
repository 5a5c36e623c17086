package web

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// pollEvery is how often the store is asked whether anything has changed, while somebody listens;
// so it is also how often a page changes at most.
const pollEvery = 250 * time.Millisecond

// hub has the one picture of the room that all pages are made from. It is taken anew only when the
// room has changed.
type hub struct {
	web *Web

	taking sync.Mutex // held while a picture is taken
	last   atomic.Pointer[snapshot]

	mu        sync.Mutex
	listeners int
	polling   bool
	newer     chan struct{} // closed when there is a newer picture
}

func newHub(w *Web) *hub { return &hub{web: w, newer: make(chan struct{})} }

// fresh is a picture of the room that is not older than the call.
func (h *hub) fresh(ctx context.Context) (*snapshot, error) {
	asked := time.Now()
	h.taking.Lock()
	defer h.taking.Unlock()
	last := h.last.Load()
	if last != nil && last.looked.After(asked) {
		return last, nil // somebody has taken it while this call waited
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer done()
	begun := time.Now()
	number, err := h.web.Store.Changed(ctx)
	if err != nil {
		return nil, err
	}
	if last != nil && last.current(number, h.web.Now()) {
		last.looked = begun
		return last, nil
	}
	s, err := h.web.take(ctx, last)
	if err != nil {
		return nil, err
	}
	s.number, s.begun, s.looked = number, begun, begun
	h.last.Store(s)
	h.tell()
	return s, nil
}

// tell wakes whoever listens.
func (h *hub) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.newer)
	h.newer = make(chan struct{})
}

// listen begins to look for changes. wait is to be called before each look at a picture and gives
// what is closed when there is a newer one; done ends it.
func (h *hub) listen() (wait func() <-chan struct{}, done func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners++
	if !h.polling {
		h.polling = true
		go h.poll()
	}
	wait = func() <-chan struct{} {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.newer
	}
	return wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.listeners--
	}
}

// poll takes pictures for as long as somebody listens. A large room takes longer: then there is a
// picture less often, so that the pages never take more than a fifth of a processor. One look that
// took long by chance, because the machine was busy, delays nothing.
func (h *hub) poll() {
	for before := time.Duration(0); ; {
		begun, wait := time.Now(), 2*time.Second
		if _, err := h.fresh(h.web.ended); err != nil {
			h.web.Log.Error("look at the room", "error", err.Error())
		} else {
			took := time.Since(begun)
			wait = max(pollEvery, 4*min(before, took))
			before = took
		}
		select {
		case <-h.web.ended.Done():
			return
		case <-time.After(wait):
		}
		if h.idle() {
			return
		}
	}
}

// idle reports whether nobody listens any more: then the poll ends, and whoever listens next begins
// another.
func (h *hub) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polling = h.listeners > 0
	return !h.polling
}
