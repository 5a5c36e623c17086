package leader_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

const ttl = 10 * time.Second

// known are the errors that callers tell apart.
var known = sentinel.Errors{
	"ErrHeld": leader.ErrHeld, "ErrLost": leader.ErrLost, "ErrStale": leader.ErrStale,
}

// world is a Redis and the processes that use it.
type world struct {
	*vredis.Redis
	halts []*halt // of each client
	walls []*wall // of each machine
}

func start(t *testing.T, n int) *world {
	t.Helper()
	w := &world{Redis: vredis.Start(t, n)}
	for _, c := range w.Clients {
		h := &halt{}
		c.AddHook(h)
		w.halts = append(w.halts, h)
		w.walls = append(w.walls, &wall{})
	}
	return w
}

// elector is that of process i for a name.
func (w *world) elector(i int, name string, ttl time.Duration) *leader.Elector {
	return leader.NewElector(w.Clients[i], name, ttl, w.walls[i].now)
}

// ready returns when process i has done everything once, so that Redis knows its scripts.
func (w *world) ready(t *testing.T, i int) {
	t.Helper()
	e := w.elector(i, fmt.Sprint("rehearsal-", i), ttl)
	l := acquires(t, e, expect.Message{Did: "tried, and nobody led"})
	renews(t, e, l, expect.Message{Did: "acquired a lease and renewed it"})
	e.Release(t.Context(), l)
}

// wall is a wall clock that may be set.
type wall struct {
	mu  sync.Mutex
	off time.Duration
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.off).Round(0)
}

func (w *wall) set(off time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = off
}

// halt makes a process stand still, or a command fail: it sits between the elector and its client.
type halt struct {
	mu    sync.Mutex
	armed bool
	left  int // half commands until it stands still: a command has a before and an after
	still time.Duration
	fails func() bool // whether a command fails instead of being sent; nil: none does
	how   failure
}

// failure is how a command fails.
type failure struct {
	slow   time.Duration // until it does
	err    error         // with which it does; nil: errWire
	silent bool          // it does when its context ends, or the driver gives up
}

// at has the process stand still once: 0 is before its next command, 1 after that, 2 before the one after it, and so
// on.
func (h *halt) at(place int, still time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.armed, h.left, h.still = true, place, still
}

// placeName is where a process stands still.
func placeName(place int) string {
	when := "before"
	if place%2 == 1 {
		when = "after"
	}
	return when + " its " + ordinal(place/2+1) + " command"
}

// disarm takes at back and tells whether the process has stood still.
func (h *halt) disarm() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	stood := !h.armed
	h.armed = false
	return stood
}

// fail has commands fail for which f says so.
func (h *halt) fail(how failure, f func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails, h.how = f, how
}

// fail is what comes of a command that fails so.
func (f failure) fail(ctx context.Context) error {
	time.Sleep(f.slow)
	if f.silent {
		const driver = 15 * time.Second
		deadline, ok := ctx.Deadline() // a driver that reads heeds it, and not a cancellation
		if ok && time.Until(deadline) < driver {
			time.Sleep(time.Until(deadline))
			return context.DeadlineExceeded
		}
		time.Sleep(driver)
	}
	if f.err != nil {
		return f.err
	}
	return errWire
}

// around is one command.
func (h *halt) around(ctx context.Context, send func() error) error {
	h.mu.Lock()
	fails, how := h.fails != nil && h.fails(), h.how
	h.mu.Unlock()
	if fails {
		return how.fail(ctx)
	}
	h.step()
	err := send()
	h.step()
	return err
}

func (h *halt) step() {
	h.mu.Lock()
	still := h.armed && h.left == 0
	h.left--
	if still {
		h.armed = false
	}
	h.mu.Unlock()
	if still {
		time.Sleep(h.still)
	}
}

func (h *halt) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *halt) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := h.around(ctx, func() error { return next(ctx, cmd) })
		cmd.SetErr(err)
		return err
	}
}

func (h *halt) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		sent := false
		err := h.around(ctx, func() error { sent = true; return next(ctx, cmds) })
		for _, c := range cmds {
			if !sent {
				c.SetErr(err)
			}
		}
		return err
	}
}

// errWire is what a client says whose connection is gone.
var errWire = errors.New("read tcp 10.0.0.7:41234->10.0.0.9:6379: connection reset by peer")

// errMemory is what a Redis says that has no memory left.
var errMemory error = refusal("OOM command not allowed when used memory > 'maxmemory'.")

// refusal is an error that Redis has answered with, as the driver's are.
type refusal string

func (r refusal) Error() string { return string(r) }
func (r refusal) RedisError()   {}

// acquires has an elector become the leader.
func acquires(t *testing.T, e *leader.Elector, m expect.Message) *leader.Lease {
	t.Helper()
	l, err := e.TryAcquire(t.Context())
	m.Want = either(m.Want, "a lease: nobody leads")
	m.Got = fmt.Sprintf("the error %s", known.Say(err))
	expect.That(t, err == nil, m)
	m.Got = "no lease and no error"
	expect.That(t, l != nil, m)
	return l
}

// refused has an elector find somebody else leading, or itself.
func refused(t *testing.T, e *leader.Elector, m expect.Message) {
	t.Helper()
	l, err := e.TryAcquire(t.Context())
	m.Want = either(m.Want, "ErrHeld: somebody leads")
	m.Got = outcome(l, err)
	expect.That(t, known.Is(err, leader.ErrHeld), m)
}

// renews has a lease prolonged.
func renews(t *testing.T, e *leader.Elector, l *leader.Lease, m expect.Message) {
	t.Helper()
	err := e.Renew(t.Context(), l)
	m.Want = "nil: the lease is its own, and has not run out"
	m.Got = known.Say(err)
	expect.That(t, err == nil, m)
}

// outcome is what TryAcquire has returned, for a message.
func outcome(l *leader.Lease, err error) string {
	switch {
	case err != nil:
		return known.Say(err)
	case l == nil:
		return "no lease and no error"
	}
	return fmt.Sprintf("a lease with the token %d", l.Token)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// reign is a call of Lead.
type reign struct {
	returned chan struct{} // closed when Lead has
	err      error         // what it has returned; read after returned
	at       time.Time     // when it has

	mu    sync.Mutex
	works int
	ctx   context.Context
	token uint64
	began time.Time // when work has, for the last time
	ended time.Time // when its context has
}

// lead calls Lead in a goroutine of its own; work is called with the context of the leader's work, and may be nil: then
// that works until its context ends.
func lead(ctx context.Context, e *leader.Elector, work func(ctx context.Context)) *reign {
	r := &reign{returned: make(chan struct{})}
	go func() {
		defer close(r.returned)
		r.err = leader.Lead(ctx, e, func(ctx context.Context, token uint64) {
			r.begin(ctx, token)
			context.AfterFunc(ctx, r.end)
			if work == nil {
				<-ctx.Done()
				return
			}
			work(ctx)
		})
		r.at = time.Now()
	}()
	return r
}

func (r *reign) begin(ctx context.Context, token uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.works++
	r.ctx, r.token, r.began, r.ended = ctx, token, time.Now(), time.Time{}
}

func (r *reign) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended.IsZero() {
		r.ended = time.Now()
	}
}

// leads reports whether work is running with a context that has not ended.
func (r *reign) leads() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil {
		return false
	}
	if r.ctx.Err() != nil && r.ended.IsZero() {
		r.ended = time.Now()
	}
	return r.ctx.Err() == nil
}

// state is how often work has begun, when it has begun, and when its context has ended.
func (r *reign) state() (works int, began, ended time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.works, r.began, r.ended
}

// awaits waits for something for as long as patience, and tells whether it came.
func awaits(patience time.Duration, what func() bool) bool {
	for end := time.Now().Add(patience); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// back waits for Lead to return and tells whether it has.
func (r *reign) back(patience time.Duration) bool {
	select {
	case <-r.returned:
		return true
	case <-time.After(patience):
		return false
	}
}

// leading has an elector lead at once, by Lead.
func leading(t *testing.T, ctx context.Context, e *leader.Elector, work func(ctx context.Context),
	m expect.Message) *reign {
	t.Helper()
	r := lead(ctx, e, work)
	m.Want, m.Got = "work runs: nobody else leads", "it does not"
	expect.That(t, awaits(2*time.Second, r.leads), m)
	return r
}

// since is the time since a moment, for messages.
func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

// drawn is a picture that is shown also when the check passes.
func drawn(t *testing.T, title string, lanes ...string) *timeline.Timeline {
	t.Helper()
	tl := timeline.New(lanes...)
	t.Cleanup(func() {
		if !t.Failed() {
			expect.Show(t, title, tl)
		}
	})
	return tl
}
