package gate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	gate "github.com/backend-labs/backend-labs/labs/a20-ten-x"
)

// calls makes some within 800 ms, of which the last ones are refused. The gate has one place.
func calls(g *gate.Gate, all, refused int) {
	quick := all - refused
	if refused > 0 {
		quick-- // the one that holds the place
	}
	for range quick {
		time.Sleep(800 * time.Millisecond / time.Duration(quick))
		g.Do(background, gate.Critical, nothing)
	}
	if refused > 0 {
		letGo := hold(g)
		for range refused {
			g.Do(background, gate.Critical, nothing)
		}
		letGo()
	}
}

func TestTheSwitch(t *testing.T) {
	for _, c := range []struct {
		all, refused int
		want         bool
	}{{100, 4, false}, {100, 8, true}, {40, 1, false}, {40, 4, true}, {1000, 40, false}, {1000, 70, true}, {19, 9, false},
		{24, 9, true}, {200, 0, false}} {
		bubble.Run(t, func(t *testing.T) {
			g := fixed(1)
			calls(g, c.all, c.refused)
			got := g.Degraded()
			expect.That(t, got == c.want, expect.Message{
				Did:  fmt.Sprintf("made %d calls within a second, the last %d of them refused", c.all, c.refused),
				Want: fmt.Sprintf("degraded: %v", c.want),
				Got:  fmt.Sprintf("degraded: %v", got),
				Why: "more than one in twenty is trouble; a single one of ten is a coincidence, and not worth taking " +
					"anything away from anybody",
			})
		})
	}
	slowly(t)
	backAgain(t)
}

// slowly has as many refused, but never as many in one second.
func slowly(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		calls(g, 15, 5)
		time.Sleep(1500 * time.Millisecond)
		calls(g, 15, 5)
		expect.That(t, !g.Degraded(), expect.Message{
			Did:  "made 15 calls within a second, of which 5 were refused, and 1.5 s later 15 more, with 5 refused",
			Want: "not degraded: in no second there were as many as 20 calls",
			Got:  "degraded",
		})
	})
}

// backAgain looks at when it goes off.
func backAgain(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		refused   int // of 200 in each second
		off, same time.Duration
		words     string
	}{{0, 7 * second, 4500 * time.Millisecond, "200 calls a second, none of them refused"},
		{-1, 7 * second, 4500 * time.Millisecond, "no calls at all"},
		{1, 7 * second, 4500 * time.Millisecond, "200 calls a second, one of them refused"},
		{6, 0, 30 * second, "200 calls a second, of which 6 are refused"}} {
		bubble.Run(t, func(t *testing.T) {
			g := fixed(1)
			calls(g, 200, 20)
			on := g.Degraded()
			began, off := time.Now(), time.Duration(0)
			for time.Since(began) < 31*second {
				if c.refused >= 0 {
					calls(g, 200, c.refused)
				}
				time.Sleep(200 * time.Millisecond)
				if off == 0 && !g.Degraded() {
					off = time.Since(began)
				}
			}
			ok := on && off >= c.same && off <= c.off
			want := fmt.Sprintf("on, and off after %v to %v", c.same, c.off)
			if c.off == 0 {
				ok, want = on && off == 0, "on, and never off: it is more than one in a hundred"
			}
			expect.That(t, ok, expect.Message{
				Did:  "made 200 calls within a second, of which 20 were refused, and then " + c.words,
				Want: want,
				Got:  fmt.Sprintf("on: %v; off after %v", on, off),
				Why: "it goes on quickly, and off slowly: features that come back too early bring back the load that " +
					"they were switched off for",
			})
		})
	}
}
