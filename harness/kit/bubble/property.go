package bubble

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// Property draws 100 plans and runs each in a bubble of its own. run returns nil where the property
// holds, else the message that says what did not; rapid then looks for the smallest plan that still
// fails, and that one is reported. All drawing is done before the bubble: rapid unwinds by panics,
// which a bubble does not survive. The seed is that of the run, so "--seed" replays the same plans.
//
// A bubble over go-redis cannot be run twice in one process: no Property there.
func Property[P any](t *testing.T, draw func(rt *rapid.T) P, run func(plan P) *expect.Message) {
	t.Helper()
	within(t, func() {
		t.Helper()
		property(t, draw, run)
	})
}

func property[P any](t *testing.T, draw func(rt *rapid.T) P, run func(plan P) *expect.Message) {
	t.Helper()
	var last *expect.Message
	q := &quiet{name: t.Name()}
	rapid.Check(q, func(rt *rapid.T) {
		plan := draw(rt)
		var m *expect.Message
		if broken := explore(t, func(*testing.T) { m = run(plan) }, true); broken != nil {
			m = broken
		}
		if m != nil {
			last = m
			rt.Fatal(m.Got)
		}
	})
	if last != nil {
		expect.Fatal(t, *last)
	}
	if q.failed {
		t.Fatal("the property could not be checked: no valid plan was drawn")
	}
}

// quiet is a rapid.TB that keeps rapid's own report to itself: the property's message says it
// better.
type quiet struct {
	name   string
	failed bool
}

func (q *quiet) Helper()                   {}
func (q *quiet) Name() string              { return q.name }
func (q *quiet) Logf(string, ...any)       {}
func (q *quiet) Log(...any)                {}
func (q *quiet) Skipf(string, ...any)      {}
func (q *quiet) Skip(...any)               {}
func (q *quiet) SkipNow()                  {}
func (q *quiet) Errorf(string, ...any)     { q.failed = true }
func (q *quiet) Error(...any)              { q.failed = true }
func (q *quiet) Fatalf(f string, a ...any) { q.failed = true }
func (q *quiet) Fatal(...any)              { q.failed = true }
func (q *quiet) FailNow()                  { q.failed = true }
func (q *quiet) Fail()                     { q.failed = true }
func (q *quiet) Failed() bool              { return q.failed }
