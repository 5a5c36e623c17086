package saga_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	saga "github.com/backend-labs/backend-labs/labs/a12-saga"
)

var errDisk = errors.New("write /var/log/saga: no space left on device")

// errShutdown is why a context has ended, and not its error.
var errShutdown = errors.New("shutting down")

var known = sentinel.Errors{"ErrAborted": saga.ErrAborted, "ErrParked": saga.ErrParked,
	"ErrConflict": saga.ErrConflict, "no space left": errDisk, "context.Canceled": context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded}

var say = known.Outcome

// virtual runs a check in virtual time.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.Run(t, f)
}

// journal is the records of all sagas, and what Logs are handles on.
type journal struct {
	mu   sync.Mutex
	recs [][]byte
}

// handle is a Log of one process.
type handle struct {
	w       *world
	life    *life
	journal *journal
	seen    int
}

func (h *handle) Read(ctx context.Context) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	h.seen = len(h.journal.recs)
	var recs [][]byte
	for _, rec := range h.journal.recs {
		recs = append(recs, bytes.Clone(rec))
	}
	return recs, nil
}

func (h *handle) Append(ctx context.Context, rec []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.w.point(h.life, "log", "appends")
	h.journal.mu.Lock()
	if h.seen != len(h.journal.recs) {
		h.journal.mu.Unlock()
		if h.w.bare {
			return saga.ErrConflict
		}
		return errors.Join(errors.New("append"), fmt.Errorf("the log: %w", saga.ErrConflict))
	}
	h.w.mu.Lock()
	h.w.appends++
	fault := none
	if h.w.logFails != nil {
		fault = h.w.logFails(h.w.appends)
	}
	h.w.mu.Unlock()
	if fault != lostBefore {
		h.journal.recs = append(h.journal.recs, bytes.Clone(rec))
		h.seen = len(h.journal.recs)
	}
	h.journal.mu.Unlock()
	if fault != none {
		h.w.mu.Lock()
		h.w.calls = append(h.w.calls, "the log fails")
		h.w.mu.Unlock()
		return fmt.Errorf("append: %w", errDisk)
	}
	h.w.point(h.life, "log", "has it")
	return nil
}

// fault is what becomes of a call.
type fault int

const (
	none       fault = iota
	lostBefore       // it did not arrive
	lostAfter        // its answer did not
	no               // it is declined
)

// world is services, a log, and what happens to them.
type world struct {
	journal *journal
	// story says what becomes of the n-th call of a service, from 1 on; nil: nothing.
	story func(call, service string, n int) fault
	// logFails says it of the n-th Append; nil: none fails.
	logFails func(n int) fault
	bare     bool // a conflict is not wrapped
	// takes is how long the n-th call of all takes; nil: no time.
	takes func(n int) time.Duration
	tl    *timeline.Timeline

	mu       sync.Mutex
	life     *life
	points   int
	kills    int
	dies     map[int]bool // at which points the process dies
	calls    []string     // of services, in their order
	at       []time.Time  // when they were
	appends  int
	count    map[string]int            // of calls, by what was called
	effects  map[string]map[string]int // of services: by key, 1 for what has been done and not undone
	keys     map[string]map[string]bool
	finished map[string]map[string]bool // what has been undone, also before it was done
}

func newWorld() *world {
	return &world{journal: &journal{}, life: &life{}, count: map[string]int{}, dies: map[int]bool{},
		effects: map[string]map[string]int{}, keys: map[string]map[string]bool{},
		finished: map[string]map[string]bool{}}
}

// crash is what a process dies of.
type crash struct{}

// life is that of one process. When it is over, nothing that the process still does reaches anybody.
type life struct{ dead bool }

// now is the life that has begun last.
func (w *world) now() *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life
}

// point is a moment in which the process may die.
func (w *world) point(l *life, lane, what string) {
	w.mu.Lock()
	if l.dead {
		w.mu.Unlock()
		panic(crash{}) // it has no last words
	}
	w.points++
	dies := w.dies[w.points]
	if dies {
		w.kills++
		l.dead = true
	}
	w.mu.Unlock()
	w.tl.Point(lane, "%s", what)
	if dies {
		w.tl.Point("Run", "dies")
		panic(crash{})
	}
}

// call is one of a service.
func (w *world) call(ctx context.Context, l *life, call, service, key string) error {
	if w.takes != nil {
		w.mu.Lock()
		n := len(w.calls)
		w.mu.Unlock()
		select {
		case <-time.After(w.takes(n)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.mu.Lock()
	w.calls, w.at = append(w.calls, call+" "+service), append(w.at, time.Now())
	w.count[call+" "+service]++
	n := w.count[call+" "+service]
	if w.effects[service] == nil {
		w.effects[service], w.keys[service] = map[string]int{}, map[string]bool{}
		w.finished[service] = map[string]bool{}
	}
	w.keys[service][key] = true
	w.mu.Unlock()
	w.point(l, service, call)
	fault := none
	if w.story != nil {
		fault = w.story(call, service, n)
	}
	if fault == lostBefore {
		return fmt.Errorf("%s: %w", service, saga.ErrUnknown)
	}
	w.mu.Lock()
	switch {
	case fault == no:
	case call == "Undo":
		w.finished[service][key] = true
		w.effects[service][key] = 0
	case w.finished[service][key]:
		fault = no // undone before it arrived
	default:
		w.effects[service][key] = 1
	}
	w.mu.Unlock()
	switch fault {
	case no:
		w.point(l, service, "says no")
		return fmt.Errorf("%s: %w", service, saga.ErrDeclined)
	case lostAfter:
		w.point(l, service, call+": answer lost")
		return fmt.Errorf("%s: %w", service, saga.ErrUnknown)
	}
	w.point(l, service, "has done so")
	return nil
}

// steps are those of a saga, one at each service.
func (w *world) steps(services ...string) (steps []saga.Step) {
	l := w.now()
	for _, service := range services {
		steps = append(steps, saga.Step{Name: service,
			Do: func(ctx context.Context, key string) error {
				return w.call(ctx, l, "Do", service, key)
			},
			Undo: func(ctx context.Context, key string) error {
				return w.call(ctx, l, "Undo", service, key)
			}})
	}
	return steps
}

// log is the log of a process that has just been started.
func (w *world) log() saga.Log { return &handle{w: w, life: w.now(), journal: w.journal} }

var trip = []string{"flight", "hotel", "car"}

// run is one life of a process that runs a trip. died tells whether it ended by a crash.
func (w *world) run(ctx context.Context) (err error, died bool) {
	w.mu.Lock()
	w.life = &life{}
	w.mu.Unlock()
	defer func() {
		switch v := recover(); v {
		case nil:
		case crash{}:
			died = true
		default:
			panic(v)
		}
	}()
	return saga.Run(ctx, w.log(), "trip", w.steps(trip...)), false
}

// state is what is left at each service: 1, or 0, or more where it was done under several keys.
func (w *world) state(services ...string) (s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, service := range services {
		sum := 0
		for _, n := range w.effects[service] {
			sum += n
		}
		s += fmt.Sprint(sum)
	}
	return s
}

// called are the calls of services so far.
func (w *world) called() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// list is calls for a message.
func list(calls []string) string {
	if len(calls) == 0 {
		return "no call"
	}
	if len(calls) > 12 {
		return strings.Join(calls[:12], ", ") + fmt.Sprintf(" and %d more", len(calls)-12)
	}
	return strings.Join(calls, ", ")
}

// clear forgets the calls so far.
func (w *world) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.at = nil, nil
}
