package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	breaker "github.com/backend-labs/backend-labs/labs/a15-breaker-half-open"
)

const (
	ms       = time.Millisecond
	closed   = breaker.Closed
	open     = breaker.Open
	halfOpen = breaker.HalfOpen
)

var (
	errSick = errors.New("connection refused")

	known = sentinel.Errors{
		"ErrOpen":                  breaker.ErrOpen,
		"context.Canceled":         context.Canceled,
		"context.DeadlineExceeded": context.DeadlineExceeded,
		"the dependency's error":   errSick,
	}
)

var say = known.Outcome

// virtual runs f in virtual time. That calls are left under way when a check fails is no failure of its own.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// settings of which a check changes what it is about: the first failure opens, one probe closes.
func settings() breaker.Settings {
	return breaker.Settings{
		Window: time.Hour, Buckets: 10, MinRequests: 1, FailureRate: 0.5,
		OpenFor: 30 * time.Second, MaxOpen: 10 * time.Minute, Probes: 1,
	}
}

// circuit is a breaker, and calls of its dependency.
type circuit struct {
	*breaker.Breaker
}

func circuitOf(s breaker.Settings) circuit { return circuit{breaker.New(s)} }

// call is a Do whose fn ends when the check says so.
type call struct {
	result   chan func() error // what fn is to do
	called   bool              // fn was
	other    bool              // with another context than Do
	done     chan struct{}
	err      error
	panicked any
	took     time.Duration
}

// begin starts a call and lets it come to where it waits.
func (c circuit) begin(ctx context.Context) *call {
	p := &call{result: make(chan func() error), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer func() { p.panicked = recover() }()
		begin := time.Now()
		defer func() { p.took = time.Since(begin) }()
		p.err = c.Do(ctx, func(got context.Context) error {
			p.called, p.other = true, got != ctx
			return (<-p.result)()
		})
	}()
	synctest.Wait()
	return p
}

// returns lets fn return, and waits for Do.
func (p *call) returns(err error) *call {
	p.result <- func() error { return err }
	synctest.Wait()
	return p
}

// panics lets fn panic, and waits for Do.
func (p *call) panics(value any) *call {
	p.result <- func() error { panic(value) }
	synctest.Wait()
	return p
}

func (p *call) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *call) String() string {
	switch {
	case !p.over() && p.called:
		return "it is let through"
	case !p.over():
		return "it waits"
	case p.panicked != nil:
		return fmt.Sprintf("it panics with %v", p.panicked)
	case p.called:
		return "it was let through and returned " + say(p.err)
	default:
		return fmt.Sprintf("it returns %s after %v, without a call of fn", say(p.err), p.took)
	}
}

// through demands that a call reaches the dependency; it is under way then.
func (c circuit) through(t *testing.T, did, why string) *call {
	t.Helper()
	p := c.begin(t.Context())
	expect.That(t, p.called && !p.over(), expect.Message{
		Did: did + "; called Do", Want: "the call is let through", Got: p.String(), Why: why})
	return p
}

// answered demands that Do has returned this very error, or panicked with this value.
func (p *call) answered(t *testing.T, did string, err error, panicked any) {
	t.Helper()
	expect.That(t, p.over() && p.err == err && p.panicked == panicked, expect.Message{
		Did: did, Want: "Do returns what its fn has returned, or panics with its value", Got: p.String(),
		Why: "the answer is there, and its caller can use it; whether it counts concerns the breaker alone"})
}

// refused demands that a call is refused at once.
func (c circuit) refused(t *testing.T, did, why string) {
	t.Helper()
	p := c.begin(t.Context())
	if p.called && !p.over() {
		defer p.returns(errSick)
	}
	expect.That(t, p.over() && !p.called && known.Is(p.err, breaker.ErrOpen) && p.took == 0, expect.Message{
		Did: did + "; called Do", Want: "ErrOpen at once, and fn is not called", Got: p.String(), Why: why})
}

// is demands a state.
func (c circuit) is(t *testing.T, did string, want breaker.State, why string) {
	t.Helper()
	got := c.State()
	expect.That(t, got == want, expect.Message{
		Did: did + "; called State", Want: want.String(), Got: got.String(), Why: why})
}

// some makes so many calls, one after another, that return this error.
func (c circuit) some(t *testing.T, n int, err error) {
	t.Helper()
	for range n {
		c.Do(t.Context(), func(context.Context) error { return err })
	}
}

// trips lets one call fail, which opens a circuit of the settings.
func (c circuit) trips(t *testing.T) {
	t.Helper()
	c.some(t, 1, errSick)
	c.is(t, "MinRequests: 1, FailureRate: 0.5; let a call fail", open, "")
}

// half lets the pause go by, and a millisecond.
func (c circuit) half(t *testing.T, pause time.Duration) {
	t.Helper()
	time.Sleep(pause + ms)
	c.is(t, fmt.Sprintf("let a pause of %v go by", pause), halfOpen,
		"State is what dashboards show, and they do not call Do")
}
