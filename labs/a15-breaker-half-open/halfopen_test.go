package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	breaker "github.com/backend-labs/backend-labs/labs/a15-breaker-half-open"
)

func TestSoManyProbesAtATime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, probes := range []int{1, 3, 200} {
			s := settings()
			s.Probes = probes
			c := circuitOf(s)
			c.trips(t)
			c.half(t, s.OpenFor)
			did := fmt.Sprintf("Probes: %d; made calls at once when the circuit is half-open", probes)
			var under []*call
			for range probes {
				under = append(under, c.through(t, did, "too few probes never close the circuit"))
			}
			more := 0
			for range 50 {
				if p := c.begin(t.Context()); p.called || !p.over() || !known.Is(p.err, breaker.ErrOpen) || p.took > 0 {
					more++
				}
			}
			expect.That(t, more == 0, expect.Message{Did: did + ", 50 more than that",
				Want: "ErrOpen at once for each of the 50, and fn is not called",
				Got:  fmt.Sprintf("%d of 50 are not refused", more),
				Why:  "fifty requests at once knock a server over that has just come back"})
			c.is(t, did, halfOpen, "")
			time.Sleep(time.Hour)
			c.refused(t, did+", all of which hang for an hour now", "")
			for i, p := range under {
				c.is(t, fmt.Sprintf("%s; %d have succeeded", did, i), halfOpen,
					"one lucky probe must not let everybody in")
				c.refused(t, fmt.Sprintf("%s; %d have succeeded, and the others are under way", did, i), "")
				p.returns(nil)
			}
			c.is(t, did+"; all have succeeded", closed, "")
			for range 50 {
				c.through(t, did+"; all have succeeded", "").returns(nil)
			}
		}
		s := settings()
		s.Probes = 3
		c := circuitOf(s)
		c.trips(t)
		c.half(t, s.OpenFor)
		for i := range 3 {
			did := fmt.Sprintf("Probes: 3; %d probes have succeeded, one after the other, a minute each", i)
			c.is(t, did, halfOpen, "")
			p := c.through(t, did, "")
			time.Sleep(time.Minute)
			p.returns(nil)
		}
		c.is(t, "Probes: 3; three probes have succeeded, one after the other", closed, "")
	})
}

// TestProbesAtTheSameMoment lets two callers arrive within nanoseconds of each other.
func TestProbesAtTheSameMoment(t *testing.T) {
	const rounds = 300
	lockstep.Enough(3000, 2*time.Second, func() int {
		var circuits [rounds]circuit
		var in, out [rounds]atomic.Int64
		for i := range circuits {
			s := settings()
			s.OpenFor = 1
			circuits[i] = circuitOf(s)
			circuits[i].some(t, 1, errSick)
		}
		time.Sleep(ms) // real time: the pause of a nanosecond is over
		done, together := lockstep.Run(rounds, 2, time.Second, func(i, _ int) {
			circuits[i].Do(t.Context(), func(context.Context) error {
				for in[i].Add(1); in[i].Load() < 2 && out[i].Load() < 1; {
					runtime.Gosched()
				}
				return nil
			})
			out[i].Add(1)
		})
		for i := range done {
			n := in[i].Load()
			expect.That(t, n == 1, expect.Message{
				Did:  "Probes: 1; let two callers call at the same moment when the pause is over",
				Want: "one is let through, the other refused", Got: fmt.Sprintf("%d are let through", n),
				Why: "to look whether a probe is allowed and to take its place must be one step; the pause " +
					"ends for all callers at the same time"})
		}
		return together
	})
}

func TestTheFirstFailureOpens(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, succeeded := range []int{0, 1, 2} {
			s := settings()
			s.Probes, s.MinRequests = 3, 10
			c := circuitOf(s)
			c.some(t, 10, errSick)
			c.half(t, s.OpenFor)
			did := fmt.Sprintf("Probes: 3, MinRequests: 10; let %d probes succeed and one fail", succeeded)
			var under []*call
			for range 3 {
				under = append(under, c.through(t, did, ""))
			}
			for i := range succeeded {
				under[i].returns(nil).answered(t, did, nil, nil)
			}
			time.Sleep(7 * time.Second)
			under[succeeded].returns(errSick).answered(t, did, errSick, nil)
			c.is(t, did, open, "it has not recovered: the other probes need not be waited for")
			c.refused(t, did, "")
			for _, p := range under[succeeded+1:] {
				p.returns(nil)
				c.is(t, did+"; then the others succeed", open, "the round is decided")
			}
			time.Sleep(59*time.Second + 999*ms)
			c.refused(t, did+", after 7 s; waited for 59.999 s from then on",
				"the second pause is of 60 s, and begins when the failure is known")
			c.half(t, ms)
		}
	})
}

func TestThePauseDoubles(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct {
			openFor, maxOpen time.Duration
			rounds           int
		}{
			{30 * time.Second, 10 * time.Minute, 12},
			{30 * time.Second, 100 * time.Second, 6},
			{30 * time.Second, 30 * time.Second, 3},
			{30 * time.Second, 59 * time.Second, 3},
			{time.Second, 300 * time.Hour, 100},
			{time.Hour, math.MaxInt64, 14},
		} {
			s := settings()
			s.OpenFor, s.MaxOpen = tt.openFor, tt.maxOpen
			c := circuitOf(s)
			did := fmt.Sprintf("OpenFor: %v, MaxOpen: %v", s.OpenFor, s.MaxOpen)
			for range 2 {
				c.trips(t)
				pause := s.OpenFor
				for i := range tt.rounds {
					now := fmt.Sprintf("%s; let %d rounds of probes fail, and waited for %v", did, i, pause)
					time.Sleep(pause - ms)
					c.refused(t, now+" but a millisecond",
						"a dependency that is down for hours need not be asked every 30 s by each of its callers")
					time.Sleep(2 * ms)
					c.is(t, now, halfOpen, "a pause without a bound outlasts any outage")
					p := c.through(t, now, "")
					if i < tt.rounds-1 {
						p.returns(errSick)
						pause = min(pause, s.MaxOpen-pause) + pause
						continue
					}
					p.returns(nil)
					c.is(t, now+"; let the probe succeed", closed, "")
				}
				did += "; closed the circuit again"
			}
		}
		// Twice as long is more than a time.Duration can hold.
		s := settings()
		const year = 365 * 24 * time.Hour
		s.OpenFor, s.MaxOpen = 150*year, 200*year
		c := circuitOf(s)
		c.trips(t)
		c.half(t, s.OpenFor)
		c.some(t, 1, errSick)
		const did = "OpenFor: 150 years, MaxOpen: 200 years; let a round of probes fail"
		c.refused(t, did, "")
		time.Sleep(year)
		c.refused(t, did+", and waited for a year", "")
	})
}

func TestClosingForgets(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := settings()
		s.MinRequests, s.Probes = 10, 2
		c := circuitOf(s)
		c.some(t, 9, errSick)
		c.some(t, 1, errSick)
		c.half(t, s.OpenFor)
		c.some(t, 2, nil)
		const did = "MinRequests: 10; let ten calls fail, closed the circuit by two probes, and let calls fail again"
		c.is(t, did, closed, "")
		for i := range 9 {
			c.some(t, 1, errSick)
			c.is(t, fmt.Sprintf("%s, %d of them", did, i+1), closed,
				"with the failures of before the first one opens it again; the probes have shown that they are past")
		}
		c.some(t, 1, errSick)
		c.is(t, did+", 10 of them", open, "the probes are no results of the new closed time")
	})
}

func TestLateResults(t *testing.T) {
	const why = "a call from before tells of a time that is over; it must not decide the present"
	results := []struct {
		what     string
		err      error
		panicked any
	}{
		{"succeeds", nil, nil},
		{"fails", errSick, nil},
		{"panics", nil, "late"},
		{"is cancelled", context.Canceled, nil},
	}
	virtual(t, func(t *testing.T) {
		for _, r := range results {
			s := settings()
			c := circuitOf(s)
			end := func(did string, p *call) {
				if r.panicked != nil {
					p.panics(r.panicked)
				} else {
					p.returns(r.err)
				}
				p.answered(t, did, r.err, r.panicked)
			}
			var late []*call
			for range 5 {
				late = append(late, c.through(t, "", ""))
			}
			p := c.through(t, "", "")
			p.returns(errSick)
			did := "made some calls; one of them fails and opens the circuit; then one of the others " + r.what
			end(did, late[0])
			c.is(t, did, open, why)
			time.Sleep(s.OpenFor - ms)
			c.refused(t, did+"; waited for the end of the pause, but 1 ms", why)
			time.Sleep(2 * ms)
			did += ", and another one when the circuit is half-open"
			end(did, late[1])
			c.is(t, did, halfOpen, why)
			probe := c.through(t, did, why)
			end(did, late[2])
			c.is(t, did+", beside a probe", halfOpen, why)
			c.refused(t, did+", beside a probe", "the place of the probe is taken")
			probe.returns(nil)
			c.is(t, did+"; and the probe has succeeded", closed, "")
			did += ", and another one when it is closed again"
			end(did, late[3])
			c.is(t, did, closed, why)
			c.through(t, did, why).returns(nil)
			end(did, late[4])
			c.is(t, did, closed, why)
		}
		lateInTheWindow(t, why)
		lateProbes(t, why)
		lateByManyChanges(t, why)
	})
}

// lateInTheWindow asks whether a late result is in the window of a later closed time.
func lateInTheWindow(t *testing.T, why string) {
	t.Helper()
	for _, end := range []error{nil, errSick} {
		s := settings()
		s.MinRequests, s.FailureRate = 3, 1
		c := circuitOf(s)
		old := c.through(t, "", "")
		c.some(t, 3, errSick)
		c.half(t, s.OpenFor)
		c.some(t, 1, nil)
		old.returns(end)
		did := fmt.Sprintf("MinRequests: 3, FailureRate: 1; in a circuit that is closed again, a call from "+
			"before it opened returns %s", say(end))
		c.some(t, 2, errSick)
		c.is(t, did+", and two calls fail", closed, why)
		c.some(t, 1, errSick)
		c.is(t, did+", and three calls fail", open, why)
	}
}

// lateProbes end when the next round is under way.
func lateProbes(t *testing.T, why string) {
	t.Helper()
	for _, end := range []error{nil, errSick, context.Canceled} {
		s := settings()
		s.Probes = 2
		c := circuitOf(s)
		c.trips(t)
		c.half(t, s.OpenFor)
		old := c.through(t, "", "")
		c.through(t, "", "").returns(errSick)
		c.half(t, 2*s.OpenFor)
		did := fmt.Sprintf("Probes: 2; in the second round of probes, one of the first round returns %s", say(end))
		first := c.through(t, did, "")
		old.returns(end)
		c.is(t, did, halfOpen, why)
		second := c.through(t, did+" beside one of the second", "its place is not one of this round")
		c.refused(t, did+" beside two of the second", "")
		first.returns(nil)
		c.is(t, did+"; one of the second succeeds", halfOpen, why)
		second.returns(nil)
		c.is(t, did+"; both of the second succeed", closed, why)
	}
}

// lateByManyChanges ends one call of the first closed time after each of 300 changes.
func lateByManyChanges(t *testing.T, why string) {
	t.Helper()
	const changes = 300
	s := settings()
	c := circuitOf(s)
	var late []*call
	for range changes {
		late = append(late, c.through(t, "", ""))
	}
	for i, p := range late {
		want := [...]breaker.State{open, halfOpen, closed}[i%3]
		switch want {
		case open:
			c.some(t, 1, errSick)
		case halfOpen:
			time.Sleep(s.OpenFor + ms)
		case closed:
			c.some(t, 1, nil)
		}
		did := fmt.Sprintf("changed the state %d times", i+1)
		c.is(t, did, want, why)
		p.returns(errSick)
		c.is(t, did+"; a call that began before all of them fails", want, why)
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, value := range []any{"index out of range", http.ErrAbortHandler, context.Canceled, errSick} {
			s := settings()
			s.MaxOpen = s.OpenFor
			s.MinRequests = 2
			c := circuitOf(s)
			did := fmt.Sprintf("MinRequests: 2; let two calls panic with %v", value)
			for range 2 {
				p := c.through(t, did, "").panics(value)
				expect.That(t, p.panicked == value, expect.Message{Did: did,
					Want: "the panic goes on, with its value", Got: p.String(),
					Why: "further out somebody logs it and answers 500; http.ErrAbortHandler is known by its identity"})
			}
			c.is(t, did, open, "a call that panics has not succeeded")
			for round := range 3 {
				c.half(t, s.OpenFor)
				did := fmt.Sprintf("Probes: 1, MaxOpen: OpenFor; let a probe panic with %v, in round %d", value,
					round+1)
				p := c.through(t, did, "a panic must not keep the place of a probe for ever").panics(value)
				expect.That(t, p.panicked == value, expect.Message{Did: did,
					Want: "the panic goes on, with its value", Got: p.String()})
				c.is(t, did, open, "a probe that panics has failed")
			}
			c.half(t, s.OpenFor)
			c.some(t, 1, nil)
			c.is(t, "let three probes panic, in three rounds, and the fourth succeed", closed, "")
		}
	})
}

func TestACancelledProbeDecidesNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		wrapped := fmt.Errorf("GET /address: %w", context.Canceled)
		joined := errors.Join(errors.New("GET /address"), context.Canceled)
		for _, err := range []error{context.Canceled, wrapped, joined} {
			for _, probes := range []int{1, 3} {
				s := settings()
				s.Probes, s.SlowCall = probes, time.Second
				c := circuitOf(s)
				c.trips(t)
				c.half(t, s.OpenFor)
				did := fmt.Sprintf("Probes: %d; a probe returned %q", probes, err)
				for range 20 {
					p := c.through(t, did, "a user who closed the page says nothing: the next one may try")
					time.Sleep(2 * time.Second)
					p.returns(err)
					c.is(t, did, halfOpen, "it is neither a success nor a failure")
				}
				var under []*call
				for range probes {
					under = append(under, c.through(t, did, ""))
				}
				c.refused(t, did+", 20 times over; then all probes are under way", "")
				under[0].returns(err)
				again := c.through(t, did+" while the others are under way", "its place is free at once")
				c.refused(t, did+" while the others are under way, and another one took its place", "")
				for _, p := range append(under[1:], again) {
					c.is(t, did, halfOpen, "")
					p.returns(nil)
				}
				c.is(t, did+"; then as many succeeded", closed, "")

				c.trips(t)
				c.half(t, s.OpenFor)
				c.some(t, 1, err)
				c.some(t, 1, errSick)
				c.is(t, did+", and the next one failed", open, "a dependency that fails has not recovered")
			}
		}
	})
}

func TestNothingRunsInTheBackground(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := settings()
		c := circuitOf(s)
		base := runtime.NumGoroutine()
		c.trips(t)
		c.half(t, s.OpenFor)
		c.some(t, 1, errSick)
		n := runtime.NumGoroutine()
		expect.That(t, n <= base, expect.Message{Did: "made a breaker, opened it, let the pause go by, and " +
			"let a probe fail", Want: "no goroutine more than before", Got: fmt.Sprintf("%d more", n-base),
			Why: "a breaker has no Close: what it leaves running runs for ever, also for a breaker for " +
				"each of a thousand hosts"})
	})
}
