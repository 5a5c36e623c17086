package windows_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestFixedDecidesByItsWindowAlone(t *testing.T) {
	decides(t, fixed, func(h *history, p plan, now time.Time) (must, may bool) {
		n := h.within(p.number(now), 1, p.window)
		return n < p.limit, n < p.limit
	})
}

func TestLogNeverAdmitsMoreInAnyWindow(t *testing.T) {
	decides(t, log, func(h *history, p plan, now time.Time) (must, may bool) {
		n := h.after(now.Add(-p.window))
		return n < p.limit, n < p.limit
	})
}

func TestCounterFollowsItsFormula(t *testing.T) {
	const rounding = 1e-6 // of floating point
	decides(t, counter, func(h *history, p plan, now time.Time) (must, may bool) {
		n := p.number(now)
		elapsed := now.Sub(time.Unix(0, n*int64(p.window)))
		prev := float64(h.within(n-1, 1, p.window))
		estimate := prev*(1-float64(elapsed)/float64(p.window)) +
			float64(h.within(n, 1, p.window))
		return estimate+1 <= float64(p.limit)-rounding, estimate < float64(p.limit)+rounding
	})
}

// plan is a limiter, and the seed of when it is called.
type plan struct {
	limit  int
	window time.Duration
	seed   uint64
}

func (p plan) number(at time.Time) int64 { return at.UnixNano() / int64(p.window) }

func draw(rt *rapid.T) plan {
	return plan{limit: rapid.IntRange(1, 12).Draw(rt, "limit"),
		window: rapid.SampledFrom(widths).Draw(rt, "window"), seed: rapid.Uint64().Draw(rt, "seed")}
}

// gap is what lies between two requests: mostly a small share of the window, now and then a round
// one or the time to the next edge, and a nanosecond more or less.
func gap(r *rand.Rand, window time.Duration) time.Duration {
	shares := []float64{0, r.Float64() / 10, r.Float64() / 10, r.Float64() * 0.4, 0.5, 1, 2, 3.3}
	d := time.Duration(shares[r.IntN(len(shares))] * float64(window))
	if r.IntN(10) == 0 {
		d = time.Until(nextEdge(window))
	}
	return max(0, d+time.Duration(r.IntN(3)-1))
}

// decides holds every decision of a limiter against what decide makes of the history: whether a
// request must be admitted, and whether it may be.
func decides(t *testing.T, k kind, decide func(*history, plan, time.Time) (must, may bool)) {
	t.Helper()
	bubble.Property(t, draw, func(p plan) *expect.Message {
		l, r := k.make(p.limit, p.window), rand.New(rand.NewPCG(p.seed, 0))
		seen := map[string]*history{"alice": {}, "bob": {}}
		for range 300 {
			time.Sleep(gap(r, p.window))
			key := []string{"alice", "bob"}[r.IntN(8)/7]
			h, now := seen[key], time.Now()
			must, may := decide(h, p, now)
			got := l.Allow(key)
			if got && !may || !got && must {
				return wrong(k, p, h, got, now)
			}
			h.note(now, got)
		}
		return nil
	})
}

func wrong(k kind, p plan, h *history, got bool, now time.Time) *expect.Message {
	return &expect.Message{
		Did: fmt.Sprintf("called %s(%d, %v) at moments drawn at random, with two keys; at %s, %s, "+
			"with one of them, of which had been admitted, seen from there: %s", k.name, p.limit,
			p.window, clock(now), fromEdge(now.Sub(nextEdge(p.window)), p.window), h.seen(now)),
		Want: verdict(!got),
		Got:  verdict(got),
		Why: "limits are agreed on with customers: what is admitted beyond them is load that " +
			"nobody has planned for, what is refused within them is a bug",
	}
}

// history is when requests of one key were admitted.
type history struct{ times []time.Time }

func (h *history) note(at time.Time, admitted bool) {
	if admitted {
		h.times = append(h.times, at)
	}
}

// within counts those in a number of windows, from the one with that number on.
func (h *history) within(number, windows int64, window time.Duration) (n int) {
	for _, at := range h.times {
		if i := at.UnixNano()/int64(window) - number; i >= 0 && i < windows {
			n++
		}
	}
	return n
}

// after counts those that came later than t.
func (h *history) after(t time.Time) (n int) {
	for _, at := range h.times {
		if at.After(t) {
			n++
		}
	}
	return n
}

// seen lists the latest.
func (h *history) seen(now time.Time) string {
	const most = 6
	var s string
	for _, at := range h.times[max(0, len(h.times)-most):] {
		s += fmt.Sprintf("−%v ", now.Sub(at))
	}
	if len(h.times) > most {
		s = "… " + s
	}
	if s == "" {
		s = "none"
	}
	return s
}
