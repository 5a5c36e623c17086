package gate_test

import (
	"context"
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
		{24, 9, true}, {200, 0, false}, {100, 5, false}, {20, 1, false}, {20, 2, true}} {
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
	askedLater(t)
	manyMore(t)
	oneInAHundred(t)
	nobodyAsks(t)
	farApart(t)
	toTheSecond(t)
	refusedBehindIt(t)
	ofAllPriorities(t)
}

// ofAllPriorities has calls that are not Critical, let in and refused.
func ofAllPriorities(t *testing.T) {
	t.Helper()
	for _, p := range []gate.Priority{gate.Critical, gate.Normal, gate.BestEffort} {
		for _, c := range []struct {
			in, refused gate.Priority
			which       string
		}{{p, gate.Critical, "let in"}, {gate.Critical, p, "refused"}} {
			bubble.Run(t, func(t *testing.T) {
				g := fixed(3)
				for range 57 {
					g.Do(background, c.in, nothing)
				}
				for range 3 {
					defer hold(g)()
				}
				for range 4 {
					g.Do(background, c.refused, nothing)
				}
				expect.That(t, g.Degraded(), expect.Message{
					Did: fmt.Sprintf("made 64 calls at one instant, of which the last 4 were refused; those that were %s are "+
						"of priority %d, the others Critical", c.which, p),
					Want: "degraded: 4 of 64 are more than one in twenty", Got: "not degraded",
					Why: "a call is a call: that the thumbnails are refused is what the switch is for",
				})
			})
		}
	}
}

// nobodyAsks has two waves, and nobody looks at the switch between them.
func nobodyAsks(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		calls(g, 200, 20)
		time.Sleep(20 * second)
		goesOn(t, g, "second time, 20 s after the first and unasked until then,")
	})
}

// farApart has less than 20 calls, and as many once more when they are no longer of the last second.
func farApart(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		for range 3 {
			for range 9 {
				g.Do(background, gate.Critical, nothing)
			}
			letGo := hold(g)
			for range 5 {
				g.Do(background, gate.Critical, nothing)
			}
			letGo()
			expect.That(t, !g.Degraded(), expect.Message{
				Did:  "made 15 calls at the same instant, of which 5 were refused, and so again every 1.35 s",
				Want: "not degraded: in no second there were as many as 20 calls",
				Got:  "degraded",
				Why:  "the longer the time that is looked at, the longer features stay away after a few bad moments",
			})
			time.Sleep(1350 * time.Millisecond)
		}
	})
}

// toTheSecond looks when the switch goes off where no calls come any more, after a wave that was short or long.
func toTheSecond(t *testing.T) {
	t.Helper()
	for _, tenths := range []int{1, 100} {
		bubble.Run(t, func(t *testing.T) {
			g := fixed(1)
			for i := range tenths {
				if i > 0 {
					time.Sleep(100 * time.Millisecond)
				}
				for range 15 {
					g.Do(background, gate.Critical, nothing)
				}
				letGo := hold(g)
				for range 4 {
					g.Do(background, gate.Critical, nothing)
				}
				letGo()
			}
			began := time.Now()
			for _, c := range []struct {
				after time.Duration
				want  bool
			}{{0, true}, {second, true}, {4700 * time.Millisecond, true}, {5400 * time.Millisecond, false}, {20 * second, false}} {
				time.Sleep(time.Until(began.Add(c.after)))
				got := g.Degraded()
				expect.That(t, got == c.want, expect.Message{
					Did: fmt.Sprintf("made 20 calls in each tenth of a second, for %d of them, of which 4 were refused, and then none; "+
						"asked %v later", tenths, c.after),
					Want: fmt.Sprintf("degraded: %v", c.want), Got: fmt.Sprintf("degraded: %v", got),
					Why: "five seconds without trouble are what is waited for, neither four nor six",
				})
			}
		})
	}
}

// refusedBehindIt has a gate behind the gate, which refuses, and calls that fail otherwise.
func refusedBehindIt(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		err   error
		words string
	}{{gate.ErrShed{RetryAfter: second}, "an ErrShed, as from a gate of its own"},
		{context.DeadlineExceeded, "context.DeadlineExceeded"}, {context.Canceled, "context.Canceled"},
		{errStatus, "an error of the service"}} {
		bubble.Run(t, func(t *testing.T) {
			g := fixed(1)
			for range 100 {
				g.Do(background, gate.Critical, func(context.Context) error { return c.err })
			}
			expect.That(t, !g.Degraded(), expect.Message{
				Did:  "made 100 calls, all of which were let in, and whose fn returned " + c.words,
				Want: "not degraded: this gate has refused none", Got: "degraded",
				Why: "two gates in a row are usual, and calls fail for many reasons: each gate says what it has done itself",
			})
		})
	}
}

// askedLater asks when the second in question is over.
func askedLater(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		calls(g, 200, 20)
		time.Sleep(3 * second)
		expect.That(t, g.Degraded(), expect.Message{
			Did:  "made 200 calls within a second, of which 20 were refused, and asked 3 s later for the first time",
			Want: "degraded: it went on then, and goes off 5 s after that at the earliest",
			Got:  "not degraded",
			Why:  "it is the calls that turn the switch, and not whoever looks at it",
		})
	})
}

// manyMore has so many good calls after the refused ones that these are less than one in a hundred, twice.
func manyMore(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		for _, which := range []string{"first time", "second time"} {
			goesOn(t, g, which)
		}
	})
}

func goesOn(t *testing.T, g *gate.Gate, which string) {
	t.Helper()
	calls(g, 200, 20)
	for tenth := range 50 {
		for range 200 {
			g.Do(background, gate.Critical, nothing)
		}
		expect.That(t, g.Degraded(), expect.Message{
			Did: fmt.Sprintf("for the %s made 200 calls within a second, of which 20 were refused, and then 2000 a "+
				"second, of which none was; asked %v later", which, time.Duration(tenth)*100*time.Millisecond),
			Want: "degraded: it goes off 5 s after it went on at the earliest", Got: "not degraded",
			Why: "a switch that follows each wave of traffic flickers",
		})
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(10 * second)
	expect.That(t, !g.Degraded(), expect.Message{
		Did:  fmt.Sprintf("the same, for the %s, and 10 s without a call", which),
		Want: "not degraded", Got: "degraded"})
}

// oneInAHundred has just one of a hundred calls refused, and so no five seconds with less.
func oneInAHundred(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		calls(g, 200, 20)
		time.Sleep(time.Until(time.Now().Truncate(second).Add(second)))
		for tenth := range 120 {
			letGo := hold(g)
			if tenth == 0 {
				g.Do(background, gate.Critical, nothing)
			}
			time.Sleep(100 * time.Millisecond)
			g.Do(background, gate.Critical, nothing) // the first one of its tenth, and refused
			letGo()
			for range 98 {
				g.Do(background, gate.Critical, nothing)
			}
			expect.That(t, g.Degraded(), expect.Message{
				Did: fmt.Sprintf("made 200 calls within a second, of which 20 were refused, and then 100 in each tenth of "+
					"a second, of which the first was; asked %v later", time.Duration(tenth)*100*time.Millisecond),
				Want: "degraded: it goes off when less than one in a hundred is refused", Got: "not degraded",
				Why: "one in a hundred is not less than that",
			})
		}
	})
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
