package gate_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	gate "github.com/backend-labs/backend-labs/labs/a20-ten-x"
)

var background = context.Background()

// fixed has a limit that cannot move.
func fixed(n int) *gate.Gate {
	return gate.NewGate(gate.Options{Min: n, Max: n, Target: 100 * time.Millisecond})
}

// hold takes a place of the gate until it is let go.
func hold(g *gate.Gate) (letGo func()) {
	done, in, out := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(out)
		g.Do(background, gate.Critical, func(context.Context) error {
			close(in)
			<-done
			return nil
		})
	}()
	select {
	case <-in:
	case <-out:
	}
	return sync.OnceFunc(func() { close(done); <-out })
}

func nothing(context.Context) error { return nil }

func TestWhoIsRefusedIsRefusedAtOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		g := fixed(3)
		var letGo []func()
		for range 3 {
			do := hold(g)
			defer do()
			letGo = append(letGo, do)
		}
		for i := range 30 {
			began, called := time.Now(), false
			ctx, cancel := context.WithTimeout(background, time.Hour)
			err := g.Do(ctx, gate.Priority(i%3), func(context.Context) error {
				called = true
				return nil
			})
			cancel()
			shed, is := errors.AsType[gate.ErrShed](err)
			took := time.Since(began)
			expect.That(t, is && !called && took == 0 && shed.RetryAfter >= second, expect.Message{
				Did:  "called Do while the three places of a gate were taken, Min and Max 3",
				Want: "ErrShed at the same instant, with a RetryAfter of at least 1 s, and no call of fn",
				Got:  fmt.Sprintf("%v after %v; fn was called: %v", err, took, called),
				Why: "a refusal that takes its time is a queue: it costs the caller the patience that would have been " +
					"enough for another server",
			})
		}
		for _, do := range letGo {
			do()
		}
		for i := range 3 {
			err := g.Do(background, gate.Priority(i), nothing)
			expect.That(t, err == nil, expect.Message{
				Did:  "called Do when all three places of a gate were free again",
				Want: "the call is let in",
				Got:  fmt.Sprint(err),
			})
		}
	})
}

func TestRetriesAreSpread(t *testing.T) {
	for _, p := range []gate.Priority{gate.Critical, gate.Normal, gate.BestEffort} {
		spread(t, p)
	}
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		var mu sync.Mutex
		came := map[int]int{} // in each tenth of a second
		for range 1000 {
			r.all.Go(func() {
				for range 4 {
					mu.Lock()
					came[int(time.Since(r.began)/(100*time.Millisecond))]++
					mu.Unlock()
					ctx, cancel := context.WithTimeout(background, 500*time.Millisecond)
					err := g.Do(ctx, gate.Normal, r.service.serve)
					cancel()
					shed, is := errors.AsType[gate.ErrShed](err)
					if !is {
						return
					}
					time.Sleep(shed.RetryAfter)
				}
			})
		}
		r.all.Wait()
		most := 0
		for at, n := range came {
			if at > 0 {
				most = max(most, n)
			}
		}
		expect.That(t, came[0] == 1000 && most > 0 && most <= 500, expect.Message{
			Did: "had 1000 clients come at the same instant, and each of those refused come back after its RetryAfter, up to " +
				"three times",
			Want: "some come back, and in no tenth of a second more than 500",
			Got:  fmt.Sprintf("up to %d", most),
			Why:  "otherwise the spike comes again, second after second, made by the gate itself",
		})
	})
}

// spread looks at what those of a priority are told.
func spread(t *testing.T, p gate.Priority) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		letGo := hold(g)
		lowest, highest, sum := time.Hour, time.Duration(0), time.Duration(0)
		n := 0
		for range 500 {
			shed, is := errors.AsType[gate.ErrShed](g.Do(background, p, nothing))
			if !is {
				continue
			}
			n++
			lowest, highest, sum = min(lowest, shed.RetryAfter), max(highest, shed.RetryAfter), sum+shed.RetryAfter
		}
		letGo()
		mean := sum / time.Duration(max(1, n))
		expect.That(t, n == 500 && lowest >= second && lowest*10 <= mean*8 && highest*10 >= mean*12, expect.Message{
			Did:  fmt.Sprintf("called Do 500 times at a full gate, with priority %d, and looked at RetryAfter", p),
			Want: "500 refusals; at least 1 s each, some at most 0.8 times the mean, some at least 1.2 times",
			Got:  fmt.Sprintf("%d refusals: %v to %v, %v in the mean", n, lowest, highest, mean),
			Why:  "those who are refused together come back together, unless they are told different times",
		})
	})
}

func TestWhoLeavesIsNoSign(t *testing.T) {
	for _, fails := range []func(error) error{
		func(err error) error { return err },
		func(err error) error { return fmt.Errorf("query: %w", err) },
		func(err error) error { return errors.Join(errors.New("connection given up"), err) },
	} {
		bubble.Run(t, func(t *testing.T) {
			g := gate.NewGate(options)
			before := g.Limit()
			for i := range 1000 {
				ctx, cancel := context.WithCancel(background)
				time.AfterFunc(time.Duration(300+300*(i%2))*time.Millisecond, cancel)
				g.Do(ctx, gate.Normal, func(ctx context.Context) error {
					<-ctx.Done()
					return fails(ctx.Err())
				})
				cancel()
			}
			expect.That(t, before > 0 && g.Limit() >= before, expect.Message{
				Did: fmt.Sprintf("made 1000 calls, one after another, whose callers left after 300 or 600 ms: they "+
					"returned %q", fails(context.Canceled)),
				Want: fmt.Sprintf("a limit of %d, as before, or higher", before),
				Got:  fmt.Sprint(g.Limit()),
				Why:  "users who press stop looked like overload, and the next ones are refused for it",
			})
			before = g.Limit()
			for range 300 {
				g.Do(background, gate.Normal, func(context.Context) error {
					time.Sleep(300 * time.Millisecond)
					return fails(context.Canceled)
				})
			}
			expect.That(t, g.Limit() >= before, expect.Message{
				Did: fmt.Sprintf("made 300 calls, one after another, that returned %q after 300 ms, because somebody behind them "+
					"had left: the contexts of Do go on", fails(context.Canceled)),
				Want: fmt.Sprintf("a limit of %d, as before, or higher", before),
				Got:  fmt.Sprint(g.Limit()),
				Why:  "it is what a call ends in that says that somebody has left, whichever context that was",
			})
		})
	}
}

func TestNoMoreThanTheLimit(t *testing.T) {
	for _, o := range []gate.Options{options, {Min: 1, Max: 4, Target: 100 * time.Millisecond},
		{Min: 5, Max: 5, Target: 100 * time.Millisecond}, {Min: 20, Max: 30, Target: 30 * time.Millisecond},
		{Min: 300, Max: 1000, Target: 100 * time.Millisecond}} {
		bubble.Run(t, func(t *testing.T) {
			g := gate.NewGate(o)
			r := newRun(g.Do, 3)
			inFlight, most, worst := 0, 0, ""
			var mu sync.Mutex
			check := func(limit int) {
				if limit < o.Min || limit > o.Max {
					worst = fmt.Sprintf("a limit of %d", limit)
				}
			}
			r.through = func(ctx context.Context, p gate.Priority, fn func(context.Context) error) error {
				before := g.Limit()
				return g.Do(ctx, p, func(ctx context.Context) error {
					now := g.Limit()
					mu.Lock()
					check(before)
					check(now)
					inFlight++
					if most = max(most, inFlight); inFlight > max(before, now) {
						worst = fmt.Sprintf("%d in flight, with a limit of %d", inFlight, now)
					}
					mu.Unlock()
					defer func() {
						mu.Lock()
						inFlight--
						mu.Unlock()
					}()
					return fn(ctx)
				})
			}
			check(g.Limit())
			r.load(50, 2*second)
			r.load(1500, 3*second)
			r.service.set(30, 0)
			r.load(1500, 5*second)
			r.all.Wait()
			check(g.Limit())
			expect.That(t, worst == "" && most*2 >= o.Min, expect.Message{
				Did: fmt.Sprintf("sent 1500 requests a second to a service that was slow first, and then quick, through a "+
					"gate with Min %d and Max %d", o.Min, o.Max),
				Want: fmt.Sprintf("always a limit from %d to %d, and never more in flight than that", o.Min, o.Max),
				Got:  fmt.Sprintf("%s; at most %d in flight", worst, most),
				Why:  "Max is what the service's connections and memory are sized for, Min is what must always go on",
			})
		})
	}
	allPlaces(t)
}

// allPlaces takes as many places as there are.
func allPlaces(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		g := gate.NewGate(options)
		var all sync.WaitGroup
		var mu sync.Mutex
		inFlight, done := 0, make(chan bool)
		for range options.Max + 1 {
			all.Go(func() {
				g.Do(background, gate.Critical, func(context.Context) error {
					mu.Lock()
					inFlight++
					mu.Unlock()
					<-done
					return nil
				})
			})
		}
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		got, limit := inFlight, g.Limit()
		mu.Unlock()
		close(done)
		all.Wait()
		expect.That(t, got == limit && got > 0, expect.Message{
			Did:  fmt.Sprintf("called Do %d times at once, with calls that are Critical and take their time", options.Max+1),
			Want: "as many are in flight as Limit says",
			Got:  fmt.Sprintf("%d are in flight, and Limit is %d", got, limit),
			Why:  "whoever looks at the limit wants to know what is let in now, and not what was configured",
		})
	})
}

// errStatus is an error of the learner's service.
var errStatus = errors.New("status 502")

func TestTheCallPassesThrough(t *testing.T) {
	type key struct{}
	bubble.Run(t, func(t *testing.T) {
		g := fixed(1)
		for _, want := range []error{nil, errStatus, fmt.Errorf("get: %w", errStatus), context.Canceled,
			context.DeadlineExceeded, gate.ErrShed{RetryAfter: 7 * second}} {
			given := context.WithValue(background, key{}, "trace 7")
			got, n := any(nil), 0
			err := g.Do(given, gate.Normal, func(ctx context.Context) error {
				n++
				if got = ctx.Value(key{}); ctx != given {
					got = fmt.Sprintf("%v, but is another one", got)
				}
				if _, bounded := ctx.Deadline(); bounded {
					got = "a deadline"
				}
				time.Sleep(10 * time.Millisecond)
				return want
			})
			expect.That(t, err == want && got == "trace 7" && n == 1, expect.Message{
				Did:  fmt.Sprintf("called Do with a context that has a value and no deadline; fn returns %v", want),
				Want: fmt.Sprintf("fn is called once, with that very context, and Do returns %v", want),
				Got:  fmt.Sprintf("fn was called %d times; its context has %v; Do returned %v", n, got, err),
				Why:  "whoever puts a gate in front of a call must not have to change anything else",
			})
		}
		ended, cancel := context.WithCancel(background)
		cancel()
		called := false
		err := g.Do(ended, gate.Normal, func(context.Context) error {
			called = true
			return errStatus
		})
		expect.That(t, called && err == errStatus, expect.Message{
			Did:  "called Do with a context that had ended, while there is room; fn does not look at it",
			Want: fmt.Sprintf("fn is called, and Do returns %v", errStatus),
			Got:  fmt.Sprintf("fn was called: %v; Do returned %v", called, err),
			Why:  "a call is let in or refused, with ErrShed; what its context means to it fn knows",
		})
		for _, c := range []struct {
			ends func()
			want any
		}{{func() { panic("out of range") }, "out of range"}, {func() { panic(errStatus) }, errStatus},
			{runtime.Goexit, nil}} {
			said := make(chan any)
			go func() {
				defer func() { said <- recover() }()
				g.Do(background, gate.Normal, func(context.Context) error { c.ends(); return nil })
			}()
			got := <-said
			err := g.Do(background, gate.Normal, nothing)
			expect.That(t, err == nil && got == c.want, expect.Message{
				Did:  "called fn and let it panic, or end its goroutine, and called Do again; one place in all",
				Want: fmt.Sprintf("the panic passes through as it is, %v (%T), and the place is free again", c.want, c.want),
				Got:  fmt.Sprintf("recovered: %v (%T); the next call: %v", got, got, err),
				Why:  "each panic that keeps its place makes the service smaller, until it serves nobody",
			})
		}
	})
}

func TestGatesKnowNothingOfEachOther(t *testing.T) {
	spike(t, func(t *testing.T, g *gate.Gate, r *run) {
		other := gate.NewGate(gate.Options{Min: 3, Max: 50, Target: time.Second})
		before := other.Limit()
		r.load(1000, 10*second)
		err := other.Do(background, gate.BestEffort, nothing)
		degraded := g.Degraded()
		r.all.Wait()
		expect.That(t, degraded && !other.Degraded() && other.Limit() == before && err == nil, expect.Message{
			Did:  "sent 1000 requests a second through one gate for 10 s, and none through another one",
			Want: fmt.Sprintf("the first is degraded; the other one is not, has its limit of %d, and lets a call in", before),
			Got: fmt.Sprintf("degraded: %v, and %v; a limit of %d; the call returned %v", degraded,
				other.Degraded(), other.Limit(), err),
			Why: "one service in trouble should not close the doors of the others",
		})
	})
}
