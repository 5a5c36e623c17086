package backpressure_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	backpressure "github.com/backend-labs/backend-labs/labs/a13-backpressure"
)

const (
	ms    = time.Millisecond
	shed  = backpressure.Shed
	block = backpressure.Block
)

var known = sentinel.Errors{
	"ErrOverloaded":            backpressure.ErrOverloaded,
	"ErrClosed":                backpressure.ErrClosed,
	"context.Canceled":         context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded,
}

// errGone is the cause of the end of the checks' contexts: it is what context.Cause says, and not their error.
var errGone = errors.New("the customer has closed the page")

// virtual runs f in virtual time. What is left running afterwards is the business of few checks, and
// does not fail all the others with it.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

var say = known.Outcome

// pool is one of these, and how a message speaks of it.
type pool struct {
	*backpressure.Pool
	name string
}

func newPool(workers, depth int, m backpressure.Mode) pool {
	mode := map[backpressure.Mode]string{shed: "Shed", block: "Block"}[m]
	return pool{backpressure.NewPool(workers, depth, m),
		fmt.Sprintf("NewPool(%d, %d, %s)", workers, depth, mode)}
}

// book is where jobs are entered: which begin and end, in which order, how many at a time.
type book struct {
	mu          sync.Mutex
	begun, over []string
	at          map[string]time.Time // when each began
	now, most   int
}

// job returns one that takes so long and then does whatever then says, which may be nil.
func (b *book) job(name string, takes time.Duration, then func()) func(context.Context) {
	return func(context.Context) {
		b.begin(name)
		defer b.end(name)
		time.Sleep(takes)
		if then != nil {
			then()
		}
	}
}

func (b *book) begin(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = map[string]time.Time{}
	}
	b.at[name] = time.Now()
	b.begun = append(b.begun, name)
	b.now++
	b.most = max(b.most, b.now)
}

func (b *book) end(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = append(b.over, name)
	b.now--
}

// seen returns what has begun and what is over by now, each in its order.
func (b *book) seen() (begun, over []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.begun...), append([]string(nil), b.over...)
}

// count is how many jobs have begun, and how many of these are over.
func (b *book) count() (begun, over int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.begun), len(b.over)
}

// call is a Submit, a Close or a Pump on a goroutine of its own.
type call struct {
	done chan struct{}
	err  error
	took time.Duration
}

// start lets f run until it returns or waits.
func start(f func() error) *call {
	c := &call{done: make(chan struct{})}
	begin := time.Now()
	go func() {
		defer close(c.done)
		c.err = f()
		c.took = time.Since(begin)
	}()
	synctest.Wait()
	return c
}

// submit starts a Submit.
func (p pool) submit(ctx context.Context, job func(context.Context)) *call {
	return start(func() error { return p.Submit(ctx, job) })
}

// accept demands that a job is accepted at once.
func (p pool) accept(t *testing.T, did string, job func(context.Context), why string) {
	t.Helper()
	p.submit(t.Context(), job).ends(t, did, nil, 0, why)
}

func (c *call) waits() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

func (c *call) String() string {
	if c.waits() {
		return "it has not returned"
	}
	return fmt.Sprintf("%s, after %v", say(c.err), c.took)
}

// ends demands that the call has returned this error, after so long a time.
func (c *call) ends(t *testing.T, did string, want error, after time.Duration, why string) {
	t.Helper()
	synctest.Wait()
	expect.That(t, !c.waits() && known.Is(c.err, want) && c.took == after, expect.Message{
		Did: did, Want: fmt.Sprintf("%s, after %v", say(want), after), Got: c.String(), Why: why,
	})
}

// still demands that the call has not returned.
func (c *call) still(t *testing.T, did, why string) {
	t.Helper()
	synctest.Wait()
	expect.That(t, c.waits(), expect.Message{
		Did: did, Want: "it waits", Got: c.String(), Why: why,
	})
}

// after is a context that ends so much later.
func after(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, errGone)
	t.Cleanup(cancel)
	return ctx
}

// cancelled is a context without a deadline that is cancelled so much later.
func cancelled(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(d, func() { cancel(errGone) })
	t.Cleanup(func() {
		timer.Stop()
		cancel(nil)
	})
	return ctx
}

// ended is a context that has ended already, in one of two ways.
func ended(t *testing.T, want error) context.Context {
	if errors.Is(want, context.DeadlineExceeded) {
		ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(-ms), errGone)
		cancel()
		return ctx
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	return ctx
}
