package breaker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	breaker "github.com/backend-labs/backend-labs/labs/a15-breaker-half-open"
)

// log is what OnChange has been told.
type log struct {
	mu      sync.Mutex
	changes []string
	now     int // calls that are under way
	overlap bool
}

func (l *log) onChange(from, to breaker.State) {
	l.mu.Lock()
	l.changes = append(l.changes, fmt.Sprintf("%v → %v", from, to))
	l.now++
	l.overlap = l.overlap || l.now > 1
	l.mu.Unlock()
}

func (l *log) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
}

func (l *log) seen() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.changes)
}

func (l *log) told(t *testing.T, did string, want ...string) {
	t.Helper()
	got := l.seen()
	expect.That(t, slices.Equal(got, want), expect.Message{Did: did,
		Want: "OnChange has been called with: " + strings.Join(want, ", "),
		Got:  strings.Join(got, ", ") + ".",
		Why:  "somebody is woken by it, or a dashboard drawn: each change once, in order, and none that never was"})
	l.mu.Lock()
	defer l.mu.Unlock()
	expect.That(t, !l.overlap, expect.Message{Did: did,
		Want: "one call of OnChange at a time", Got: "two at the same time",
		Why: "two that overlap end in any order, and the dashboard shows the wrong one for ever"})
}

const (
	opens   = "closed → open"
	halves  = "open → half-open"
	reopens = "half-open → open"
	closes  = "half-open → closed"
)

func TestOnChange(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var l log
		s := settings()
		s.OnChange = func(from, to breaker.State) { l.onChange(from, to); l.done() }
		s.MinRequests = 2
		c := circuitOf(s)
		c.some(t, 1, errSick)
		l.told(t, "MinRequests: 2; let a call fail")
		c.some(t, 1, errSick)
		l.told(t, "MinRequests: 2; let two calls fail", opens)
		c.some(t, 5, errSick)
		l.told(t, "opened the circuit, and was refused five times", opens)
		time.Sleep(time.Hour)
		l.told(t, "opened the circuit, and let an hour go by without a call", opens)
		p := c.through(t, "opened the circuit, and let the pause go by", "")
		l.told(t, "opened the circuit, let the pause go by, and began a probe", opens, halves)
		p.returns(errSick)
		l.told(t, "let a probe fail", opens, halves, reopens)
		time.Sleep(60*time.Second + ms)
		c.State()
		l.told(t, "let a probe fail and the next pause go by, and called State", opens, halves, reopens, halves)
		c.State()
		c.through(t, "the same", "").panics("boom")
		l.told(t, "let a probe fail, and the next one panic", opens, halves, reopens, halves, reopens)
		time.Sleep(120*time.Second + ms)
		c.some(t, 1, context.Canceled)
		c.some(t, 2, nil)
		l.told(t, "let a probe fail, the next one panic, and the third one succeed", opens, halves, reopens, halves,
			reopens, halves, closes)
	})
}

func TestOnChangeMayUseTheBreaker(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const why = "the callback writes a metric with the state, or asks the dependency how it is"
		var c circuit
		var l log
		var found []string
		s := settings()
		s.OnChange = func(from, to breaker.State) {
			l.onChange(from, to)
			defer l.done()
			found = append(found, c.State().String())
			err := c.Do(t.Context(), func(context.Context) error { return context.Canceled })
			if to == closed {
				// A call of its own that changes the state: it is told when this one is done.
				c.Do(t.Context(), func(context.Context) error { return errSick })
			}
			if to == open && !known.Is(err, breaker.ErrOpen) {
				found = append(found, say(err))
			}
		}
		c = circuitOf(s)
		did := "OnChange calls State and Do, whose call is cancelled; when the circuit closes it lets a call fail, " +
			"too; opened the circuit, let the pause go by, and let a probe succeed"
		over := make(chan struct{})
		go func() {
			defer close(over)
			c.some(t, 1, errSick)
			time.Sleep(30*time.Second + ms)
			c.State()
			c.some(t, 1, nil)
		}()
		time.Sleep(time.Hour)
		select {
		case <-over:
		default:
			expect.Fatal(t, expect.Message{Did: did, Want: "all calls return", Got: "they wait for ever", Why: why})
		}
		l.told(t, did, opens, halves, closes, opens)
		want := []string{"open", "half-open", "closed", "open"}
		expect.That(t, slices.Equal(found, want), expect.Message{Did: did,
			Want: "in OnChange State returns " + strings.Join(want, ", ") + ", and Do ErrOpen when that is open",
			Got:  strings.Join(found, ", "), Why: why})
	})
}

func TestASlowOnChangeHoldsUpNobody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var l log
		s := settings()
		s.OnChange = func(from, to breaker.State) {
			l.onChange(from, to)
			time.Sleep(time.Minute)
			l.done()
		}
		c := circuitOf(s)
		const did = "OnChange takes a minute; opened the circuit"
		old := c.through(t, did, "")
		first := c.through(t, did, "").returns(errSick)
		c.refused(t, did, "a callback that waits for a pager must not stop the traffic")
		c.is(t, did, open, "")
		l.told(t, did, opens)
		time.Sleep(31 * time.Second)
		probe := c.begin(t.Context())
		expect.That(t, probe.called, expect.Message{Did: did + ", and called Do 31 s later",
			Want: "it is let through", Got: probe.String(),
			Why: "a callback that waits for a pager must not stop the traffic"})
		probe.returns(nil)
		expect.That(t, probe.over(), expect.Message{Did: did + ", and let a probe succeed 31 s later",
			Want: "Do returns", Got: "it waits for OnChange"})
		old.returns(nil)
		c.is(t, did+", and let a probe succeed 31 s later", closed, "")
		l.told(t, did+", and closed it 31 s later, while OnChange is at work", opens)
		time.Sleep(time.Hour)
		synctest.Wait()
		l.told(t, did+", and closed it 31 s later; waited for an hour", opens, halves, closes)
		expect.That(t, first.over(), expect.Message{Did: did, Want: "Do returns in the end", Got: first.String()})

		var many log
		s.OnChange = func(from, to breaker.State) {
			many.onChange(from, to)
			if len(many.seen()) == 1 {
				time.Sleep(10 * time.Hour)
			}
			many.done()
		}
		c = circuitOf(s)
		var all []string
		for range 100 {
			c.begin(t.Context()).returns(errSick)
			time.Sleep(31 * time.Second)
			c.begin(t.Context()).returns(errSick)
			time.Sleep(61 * time.Second)
			c.begin(t.Context()).returns(nil)
			all = append(all, opens, halves, reopens, halves, closes)
		}
		const hours = "OnChange takes 10 hours for the first change; opened the circuit 100 times meanwhile, and closed it " +
			"after a probe that failed and one that succeeded"
		many.told(t, hours, opens)
		time.Sleep(24 * time.Hour)
		many.told(t, hours+"; waited for a day", all...)
	})
}

// op is a step of a plan.
type op struct {
	kind  string        // "call", "end", "wait"
	index int           // of the call that ends: 0 is the one that began last
	how   int           // how it ends
	pass  time.Duration // for "wait"
}

func (o op) String() string {
	switch o.kind {
	case "call":
		return "call"
	case "wait":
		return fmt.Sprint("wait ", o.pass)
	}
	return fmt.Sprintf("end %d: %s", o.index, [...]string{"ok", "fail", "panic", "cancel"}[o.how])
}

// drawPlan prefers calls that were begun last: results of earlier times are many enough.
func drawPlan(r *rand.Rand) []op {
	pick := func(from ...int) int { return from[r.IntN(len(from))] }
	plan := make([]op, 40+r.IntN(80))
	for i := range plan {
		switch pick(0, 0, 0, 0, 1, 1, 2, 2, 2, 2) {
		case 0:
			plan[i] = op{kind: "call"}
		case 1:
			plan[i] = op{kind: "wait", pass: time.Duration(pick(1, 5000, 11000, 21000, 46000)) * ms}
		default:
			plan[i] = op{kind: "end", index: pick(0, 0, 0, 1, 1, 2, 5), how: pick(0, 0, 0, 1, 1, 1, 2, 3)}
		}
	}
	return plan
}

// model is the contract, written for one caller at a time and without a window.
type model struct {
	state             breaker.State
	period            int
	results, failures int
	until             time.Time
	pause             time.Duration
	probes, passed    int
	changes           []string
}

const (
	modelMin    = 3
	modelProbes = 2
	modelOpen   = 10*time.Second + 300*time.Microsecond // no sum of waits is ever equal to a pause
	modelMax    = 45*time.Second + 100*time.Microsecond
)

func (m *model) become(s breaker.State) {
	m.changes = append(m.changes, fmt.Sprintf("%v → %v", m.state, s))
	m.state, m.period = s, m.period+1
	m.results, m.failures, m.probes, m.passed = 0, 0, 0, 0
}

func (m *model) opens(pause time.Duration) {
	m.pause, m.until = min(pause, modelMax), time.Now().Add(min(pause, modelMax))
	m.become(open)
}

func (m *model) look() {
	if m.state == open && time.Now().After(m.until) {
		m.become(halfOpen)
	}
}

func (m *model) enter() bool {
	m.look()
	if m.state == open || m.state == halfOpen && m.probes == modelProbes {
		return false
	}
	m.probes++
	return true
}

// end takes a result. A success with which a closed circuit may be judged is judged as the breaker
// has done it.
func (m *model) end(period, how int, seen breaker.State) {
	if period != m.period {
		return
	}
	failed := how == 1 || how == 2
	switch {
	case how == 3:
		m.probes--
	case m.state == halfOpen && failed:
		m.opens(2 * m.pause)
	case m.state == halfOpen:
		if m.passed++; m.passed == modelProbes {
			m.become(closed)
		}
	default:
		m.results++
		if failed {
			m.failures++
		}
		if m.results >= modelMin && 2*m.failures >= m.results && (failed || seen == open) {
			m.opens(modelOpen)
		}
	}
}

// TestAnySequence draws the same plans each time, so that a breaker fails it always or never.
func TestAnySequence(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for seed := range uint64(200) {
			plan := drawPlan(rand.New(rand.NewPCG(seed, 15)))
			if follow(t, plan) == nil {
				continue
			}
			for i := len(plan) - 1; i >= 0; i-- { // without the steps that it does not take
				if less := slices.Delete(slices.Clone(plan), i, i+1); follow(t, less) != nil {
					plan = less
				}
			}
			expect.Fatal(t, *follow(t, plan))
		}
	})
}

// follow does what the plan says, and compares each step with the model.
func follow(t *testing.T, plan []op) *expect.Message {
	var l log
	c := circuitOf(breaker.Settings{Window: 1000 * time.Hour, Buckets: 10, MinRequests: modelMin, FailureRate: 0.5,
		OpenFor: modelOpen, MaxOpen: modelMax, Probes: modelProbes,
		OnChange: func(from, to breaker.State) { l.onChange(from, to); l.done() }})
	type underWay struct {
		*call
		period int
	}
	var m model
	var calls []underWay
	defer func() {
		for _, p := range calls {
			if p.called {
				p.returns(nil)
			}
		}
	}()
	var steps []string
	for _, o := range plan {
		steps = append(steps, o.String())
		message := expect.Message{Did: "MinRequests: 3, FailureRate: 0.5, OpenFor: 10 s, MaxOpen: 45 s, Probes: 2; " +
			strings.Join(steps, ", ")}
		switch o.kind {
		case "call":
			want := m.enter()
			p := c.begin(t.Context())
			if !p.over() {
				calls = append(calls, underWay{p, m.period})
			}
			if p.called != want {
				message.Want, message.Got = "the last call is refused", p.String()
				if want {
					message.Want = "the last call is let through"
				}
				return &message
			}
		case "wait":
			time.Sleep(o.pass)
		case "end":
			if len(calls) == 0 {
				continue
			}
			i := len(calls) - 1 - o.index%len(calls)
			p := calls[i]
			calls = slices.Delete(calls, i, i+1)
			switch o.how {
			case 0:
				p.returns(nil)
			case 1:
				p.returns(errSick)
			case 2:
				p.panics("boom")
			case 3:
				p.returns(context.Canceled)
			}
			m.look()
			m.end(p.period, o.how, c.State())
		}
		m.look()
		if got := c.State(); got != m.state {
			message.Want, message.Got = fmt.Sprintf("the circuit is %v", m.state), got.String()
			return &message
		}
		if got := l.seen(); !slices.Equal(got, m.changes) {
			message.Want = "OnChange has been told: " + strings.Join(m.changes, ", ")
			message.Got = strings.Join(got, ", ") + "."
			return &message
		}
	}
	return nil
}
