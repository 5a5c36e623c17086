package gate_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	gate "github.com/backend-labs/backend-labs/labs/a20-ten-x"
)

const (
	minute = time.Minute
	second = time.Second
)

// spike does something with a run of a gate of its own. Requests come at the same times in each run.
func spike(t *testing.T, do func(t *testing.T, g *gate.Gate, r *run)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := gate.NewGate(options)
		do(t, g, newRun(g.Do, 1))
	})
}

func TestNormalLoad(t *testing.T) {
	spike(t, func(t *testing.T, _ *gate.Gate, r *run) {
		r.load(50, minute)
		got := share(r.between(0, minute))
		expect.That(t, got >= 0.9, expect.Message{
			Did:  "sent 50 requests a second for a minute, half of what the service can do",
			Want: "at least 90 % are served",
			Got:  fmt.Sprintf("%.1f %%", got*100),
			Why:  "on a quiet day nobody should notice the gate",
		})
	})
	anotherTarget(t)
}

// anotherTarget has a service for which 300 ms are usual, and a gate that knows.
func anotherTarget(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := gate.NewGate(gate.Options{Min: 2, Max: 200, Target: 400 * time.Millisecond})
		r := newRun(g.Do, 1)
		r.service.set(2, 280*time.Millisecond)
		r.load(50, minute)
		got := share(r.between(40*second, minute))
		expect.That(t, got >= 0.9, expect.Message{
			Did: "sent 50 requests a second for a minute to a service where each waits 280 ms more for something else, through a gate " +
				"with a Target of 400 ms, and looked at the last 20 s",
			Want: "at least 90 % are served",
			Got:  fmt.Sprintf("%.1f %%, with a limit of %d", got*100, g.Limit()),
			Why:  "a latency of up to Target is well, and what is well for this service another one would call a catastrophe",
		})
	})
}

func TestGoodputInASpike(t *testing.T) {
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		r.load(50, minute)
		r.load(1000, 20*second)
		first := float64(served(r.between(minute, minute+5*second))) / 5
		all := float64(served(r.between(minute, minute+20*second))) / 20
		expect.That(t, all >= 85, expect.Message{
			Did:  "sent 1000 requests a second for 20 s, ten times as many as the service can do, after a quiet minute",
			Want: "at least 85 a second are served in time",
			Got:  fmt.Sprintf("%.0f a second, with a limit of %d in the end", all, g.Limit()),
			Why: "what is let in and not answered in time has cost as much as an answer. With everybody let in nobody " +
				"is served",
		})
		expect.That(t, first >= 80, expect.Message{
			Did:  "sent 50 requests a second for a minute and then 1000, and looked at the first 5 s of these",
			Want: "at least 80 a second are served in time",
			Got:  fmt.Sprintf("%.0f a second", first),
			Why: "a limit that has grown while nobody needed it is no limit in the very seconds for which it was " +
				"built",
		})
	})
	draw(t)
}

// draw shows a spike of 10 s before the learner's gate, before none, and before a constant.
func draw(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		tl := timeline.New("offered", "no gate", "limit of 100", "yours")
		g := gate.NewGate(options)
		places := make(chan bool, 100)
		runs := []*run{
			newRun(func(ctx context.Context, _ gate.Priority, fn func(context.Context) error) error { return fn(ctx) }, 1),
			newRun(func(ctx context.Context, _ gate.Priority, fn func(context.Context) error) error {
				select {
				case places <- true:
					defer func() { <-places }()
					return fn(ctx)
				default:
					return gate.ErrShed{RetryAfter: second}
				}
			}, 1),
			newRun(g.Do, 1),
		}
		var all sync.WaitGroup
		for _, r := range runs {
			all.Go(func() {
				r.load(50, 2*second)
				r.load(1000, 4*second)
				r.load(50, 2*second)
				r.all.Wait()
			})
		}
		time.Sleep(500 * time.Millisecond) // until the last of a second's requests have ended
		for i := range 8 {
			time.Sleep(second)
			rate, from := 50, time.Duration(i)*second
			if i >= 2 && i < 6 {
				rate = 1000
			}
			tl.Holds("offered", "%d/s", rate)
			tl.Holds("no gate", "%d/s", served(runs[0].during(from, from+second)))
			tl.Holds("limit of 100", "%d/s", served(runs[1].during(from, from+second)))
			tl.Holds("yours", "%d/s, limit %d", served(runs[2].during(from, from+second)), g.Limit())
		}
		all.Wait()
		expect.Show(t, "served in time, in each second of a spike", tl)
	})
}

func TestCriticalComesFirst(t *testing.T) {
	spike(t, func(t *testing.T, _ *gate.Gate, r *run) {
		r.load(50, 10*second)
		r.load(1000, 20*second)
		calls := slices.DeleteFunc(r.between(10*second, 30*second), func(c call) bool {
			return c.priority != gate.Critical
		})
		expect.That(t, share(calls) >= 0.9, expect.Message{
			Did:  "sent 1000 requests a second for 20 s, of which three in a hundred were Critical",
			Want: "at least 90 % of these are served",
			Got:  fmt.Sprintf("%.0f %% of %d", share(calls)*100, len(calls)),
			Why:  "there is room for all of them. Checkout was shed as readily as thumbnails",
		})
		others := slices.DeleteFunc(r.between(10*second, 30*second), func(c call) bool {
			return c.priority == gate.Critical
		})
		expect.That(t, served(others) >= 20*45, expect.Message{
			Did:  "sent 1000 requests a second for 20 s, of which three in a hundred were Critical",
			Want: "of the others at least 45 a second are served: Critical needs 30 of 100",
			Got:  fmt.Sprintf("%d a second", served(others)/20),
			Why:  "what nobody needs should not be kept free",
		})
	})
}

func TestWhatIsLetInIsInTime(t *testing.T) {
	spike(t, func(t *testing.T, _ *gate.Gate, r *run) {
		r.load(50, 10*second)
		r.load(1000, 20*second)
		var took []time.Duration
		for _, c := range r.between(10*second, 30*second) {
			if c.served {
				took = append(took, c.took)
			}
		}
		slices.Sort(took)
		p99 := time.Duration(0)
		if len(took) > 0 {
			p99 = took[len(took)*99/100]
		}
		expect.That(t, len(took) >= 20*80 && p99 <= 250*time.Millisecond, expect.Message{
			Did:  "sent 1000 requests a second for 20 s, and measured how long those took that were served",
			Want: "at least 80 a second, 99 % of them within 250 ms",
			Got:  fmt.Sprintf("%d a second, 99 %% within %v", len(took)/20, p99.Round(time.Millisecond)),
			Why:  "who is let in and then waits for half a minute has left long before",
		})
	})
}

func TestNewMachinesAreUsed(t *testing.T) {
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		r.load(50, 10*second)
		r.load(1000, 5*second)
		before := g.Limit()
		r.service.set(10, 0)
		r.load(1000, 15*second)
		got := float64(served(r.between(25*second, 30*second))) / 5
		expect.That(t, got >= 450, expect.Message{
			Did: "sent 1000 requests a second, gave the service 10 cores instead of 2 after 5 s, enough for 500 a second, " +
				"and looked at it 10 s later",
			Want: "at least 450 a second are served",
			Got:  fmt.Sprintf("%.0f; the limit was %d with 2 cores, and is %d", got, before, g.Limit()),
			Why:  "the new machines that somebody has waited for idle: the limit is a constant, or only ever shrinks",
		})
	})
}

func TestBackToNormal(t *testing.T) {
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		r.load(20, 20*second)
		r.load(1000, 20*second)
		r.load(20, 35*second)
		got := share(r.between(45*second, 75*second))
		expect.That(t, got >= 0.98, expect.Message{
			Did:  "sent 1000 requests a second for 20 s and then 20, and looked at these from the fifth second on",
			Want: "at least 98 % are served",
			Got:  fmt.Sprintf("%.1f %%, with a limit of %d", got*100, g.Limit()),
			Why:  "a spike that is over should be over for its users, too",
		})
	})
}

func TestDegradedDoesNotFlicker(t *testing.T) {
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		var switches []time.Duration
		r.all.Go(func() { // looks at it a hundred times a second
			was := false
			for time.Since(r.began) < 75*second {
				if now := g.Degraded(); now != was {
					switches, was = append(switches, time.Since(r.began)), now
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
		r.load(20, 20*second)
		r.load(1000, 20*second)
		r.load(20, 36*second)
		r.all.Wait()
		ok := len(switches) == 2 && switches[0] >= 20*second && switches[0] <= 22*second &&
			switches[1] >= 44*second && switches[1] <= 50*second
		expect.That(t, ok, expect.Message{
			Did:  "sent 20 requests a second, 1000 from the 20th to the 40th second, and 20 again, and looked at Degraded",
			Want: "two switches: on between 20 s and 22 s, off between 44 s and 50 s",
			Got:  fmt.Sprintf("%d switches: %v", len(switches), switches),
			Why:  "features that come and go each second are worse than none, and cost more",
		})
	})
}

func TestASlowDependency(t *testing.T) {
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		lowest := 1000
		r.all.Go(func() {
			for time.Since(r.began) < 45*second {
				lowest = min(lowest, g.Limit())
				time.Sleep(10 * time.Millisecond)
			}
		})
		r.load(50, 20*second)
		r.service.set(2, 120*time.Millisecond)
		r.load(50, 5*second)
		r.service.set(2, 0)
		r.load(50, 20*second)
		got := share(r.between(35*second, 45*second))
		expect.That(t, got >= 0.95 && lowest >= options.Min, expect.Message{
			Did: "sent 50 requests a second, let each of them wait 120 ms more for something else for 5 s, and looked at " +
				"them 10 s later",
			Want: "at least 95 % are served, and the limit was never below 2",
			Got:  fmt.Sprintf("%.1f %%, a limit of %d, and of %d at the lowest", got*100, g.Limit(), lowest),
			Why: "a limit that has been lowered has to find out by itself that it may rise again; nobody comes and " +
				"tells it",
		})
	})
}
