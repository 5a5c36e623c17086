package backpressure_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	backpressure "github.com/backend-labs/backend-labs/labs/a13-backpressure"
)

// fill submits n jobs of such a duration within one instant, without letting any other goroutine
// come first, and demands that all are accepted.
func (p pool) fill(t *testing.T, did string, n int, takes time.Duration) {
	t.Helper()
	for i := range n {
		err := p.Submit(t.Context(), func(context.Context) { time.Sleep(takes) })
		expect.That(t, err == nil, expect.Message{
			Did: fmt.Sprintf("%s; called Submit %d times in a row", did, n), Want: "all are accepted",
			Got: fmt.Sprintf("number %d: %s", i+1, say(err)),
			Why: "workers that are just about to take a job do count: else a burst that the pool has " +
				"room for is refused"})
	}
}

// full demands that there is no place: the next job is refused, or has to wait.
func (p pool) full(t *testing.T, did string, m backpressure.Mode, why string) {
	t.Helper()
	job := func(context.Context) {}
	synctest.Wait() // what can begin has begun
	if m == shed {
		accepted := 0
		var last *call
		for range 3 {
			last = p.submit(t.Context(), job)
			if !last.waits() && last.err == nil {
				accepted++
			}
		}
		expect.That(t, accepted == 0 && !last.waits() && known.Is(last.err, backpressure.ErrOverloaded) && last.took == 0,
			expect.Message{Did: did + ", and three more", Want: "all three are refused with ErrOverloaded, at once",
				Got: fmt.Sprintf("%d of them accepted; the last one: %v", accepted, last), Why: why})
		return
	}
	c := p.submit(after(t, 5*ms), job)
	time.Sleep(6 * ms)
	c.ends(t, did+", and one more job with a deadline of 5 ms", context.DeadlineExceeded, 5*ms, why)
}

func TestSoManyAndNotOneMore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, m := range []backpressure.Mode{shed, block} {
			for _, tt := range [][2]int{{10, 20}, {3, 0}, {10, 2}, {1, 1}, {1, 0}, {2, 1000}} {
				for range 200/(tt[0]+tt[1]) + 1 {
					p := newPool(tt[0], tt[1], m)
					p.fill(t, p.name, tt[0]+tt[1], 10*ms)
					p.full(t, fmt.Sprintf("%s: submitted %d jobs at once", p.name, tt[0]+tt[1]), m,
						"what is accepted beyond the bound is a queue without one")
					p.Close(after(t, 0))
				}
			}
		}
	})
}

// TestAPlaceIsFreeWhenAJobIsOver ends jobs in each way in which they can, and then looks whether all
// places are there, and none that should not be.
func TestAPlaceIsFreeWhenAJobIsOver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, m := range []backpressure.Mode{shed, block} {
			p := newPool(2, 1, m)
			did := p.name + ": submitted three jobs that take 100 ms"
			for range 3 {
				p.accept(t, did, func(context.Context) { time.Sleep(100 * ms) }, "")
			}
			time.Sleep(90 * ms)
			p.full(t, did+", waited for 90 ms", m, "a job that is running has its place")
			time.Sleep(11*ms - time.Duration(m)*6*ms) // with Block, full took 6 ms
			p.accept(t, did+", waited for 101 ms, and submitted a fourth", func(context.Context) {},
				"two are over, so two places are free")
			time.Sleep(time.Second)

			ways := []struct {
				what string
				end  func()
			}{
				{"return", func() {
					p.Submit(t.Context(), func(context.Context) {})
				}},
				{"panic", func() {
					p.Submit(t.Context(), func(context.Context) { panic("no such statement") })
				}},
				{"are not run, because their context has ended", func() {
					p.fill(t, p.name, 2, 10*ms)
					p.Submit(after(t, 5*ms), func(context.Context) {})
				}},
				{"are refused, or give up waiting", func() {
					p.fill(t, p.name, 3, 10*ms)
					p.Submit(after(t, 5*ms), func(context.Context) {})
				}},
				{"come with a context that has ended", func() {
					p.Submit(ended(t, context.Canceled), func(context.Context) {})
				}},
			}
			for _, way := range ways {
				for range 50 {
					way.end()
					time.Sleep(50 * ms)
				}
				did := p.name + ": let 50 jobs go that " + way.what
				p.fill(t, did, 3, 10*ms)
				p.full(t, did+", then submitted three", m, "a place that is given back twice is one too many")
				time.Sleep(50 * ms)
			}
		}
	})
}

func TestInOrderAndNotTooManyAtATime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, workers := range []int{1, 3} {
			var b book
			p := newPool(workers, 100, shed)
			var names []string
			for i := range 60 {
				names = append(names, fmt.Sprint(i))
				// Each takes longer than the one before, so that no two begin at the same moment.
				job := b.job(names[i], time.Duration(100+7*i)*ms, nil)
				p.accept(t, p.name+": submitted 60 jobs, one each millisecond", job, "")
				time.Sleep(ms)
			}
			time.Sleep(time.Hour)
			begun, _ := b.seen()
			did := p.name + ": submitted 60 jobs of 100 to 513 ms, one each millisecond"
			expect.That(t, slices.Equal(begun, names), expect.Message{Did: did,
				Want: "they begin in this order", Got: strings.Join(begun, ", "),
				Why: "whoever is overtaken again and again waits until nobody needs the answer"})
			expect.That(t, b.most == workers, expect.Message{Did: did,
				Want: fmt.Sprintf("%d run at a time", workers), Got: fmt.Sprintf("%d did", b.most),
				Why: "the number of workers is what the database behind them can bear"})
		}

		for _, m := range []backpressure.Mode{shed, block} {
			var b book
			p := newPool(1, 1, m)
			did := p.name + ": submitted a job that takes 100 ms, whatever becomes of its context, which ends after " +
				"20 ms, and one behind it"
			p.submit(after(t, 20*ms), b.job("first", 100*ms, nil)).ends(t, did, nil, 0, "")
			p.accept(t, did, b.job("second", 0, nil), "")
			time.Sleep(time.Second)
			begun, _ := b.seen()
			at := b.at["second"].Sub(b.at["first"])
			expect.That(t, len(begun) == 2 && b.most == 1 && at == 100*ms, expect.Message{Did: did,
				Want: "the second begins when the first has returned, after 100 ms",
				Got:  fmt.Sprintf("begun are %s, the last after %v; %d at a time", strings.Join(begun, ", "), at, b.most),
				Why:  "nobody waits for it any more, but the database does not know that: it still works on it"})
		}
	})
}

func TestSubmitDoesNotWaitForTheJob(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, m := range []backpressure.Mode{shed, block} {
			var b book
			p := newPool(1, 2, m)
			did := p.name + ": submitted a job that submits another, and waits for a minute"
			inner := make(chan *call, 1)
			p.accept(t, did, b.job("outer", time.Minute, func() {
				inner <- p.submit(t.Context(), b.job("inner", 0, nil))
			}), "the caller has other things to do; to wait for the answer is its own business")
			time.Sleep(time.Minute + ms)
			expect.That(t, len(inner) == 1, expect.Message{Did: did, Want: "the job comes to its end", Got: "it waits"})
			(<-inner).ends(t, did, nil, 0, "a job may have more work; with places free it has no reason to wait")
			synctest.Wait()
			_, over := b.seen()
			expect.That(t, slices.Equal(over, []string{"outer", "inner"}), expect.Message{Did: did,
				Want: "both are run, outer and inner", Got: strings.Join(over, ", ")})
		}
	})
}

func TestWhoWaitsNoMoreIsNotServed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var b book
		p := newPool(1, 10, shed)
		earlier, cancel := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(60*ms, cancel)
		ctxs := []struct {
			name string
			ctx  context.Context
		}{
			{"deadline 50 ms", after(t, 50*ms)},
			{"cancelled at 60 ms", cancelled(t, 60*ms)},
			{"cancelled at 60 ms, deadline 1 h", earlier},
			{"deadline 99 ms", after(t, 99*ms)},
			{"deadline 101 ms", after(t, 101*ms)},
			{"deadline 1 h", after(t, time.Hour)},
			{"deadline 99 ms again", after(t, 99*ms)},
			{"no deadline", t.Context()},
		}
		const did = "NewPool(1, 10, Shed): submitted a job that takes 100 ms, and behind it, all of which " +
			"take no time, jobs with these contexts: deadline 50 ms, cancelled at 60 ms, cancelled at 60 ms " +
			"with a deadline of 1 h, deadline 99 ms, deadline 101 ms, deadline 1 h, deadline 99 ms again, no deadline"
		p.accept(t, did, b.job("first", 100*ms, nil), "")
		for _, c := range ctxs {
			p.submit(c.ctx, b.job(c.name, 0, nil)).ends(t, did, nil, 0, "all of them are in time as yet")
		}
		time.Sleep(time.Second)
		begun, _ := b.seen()
		want := []string{"first", "deadline 101 ms", "deadline 1 h", "no deadline"}
		expect.That(t, slices.Equal(begun, want), expect.Message{Did: did,
			Want: "run are: " + strings.Join(want, ", "), Got: strings.Join(begun, ", "),
			Why: "a job whose context has ended has nobody who waits for it; all others have"})
		at := b.at["no deadline"].Sub(b.at["first"])
		expect.That(t, at == 100*ms, expect.Message{Did: did,
			Want: "those that are run begin after 100 ms", Got: fmt.Sprintf("the last one after %v", at),
			Why: "what is not run takes no time"})
	})
}

type ctxKey struct{}

func TestTheJobHasItsContext(t *testing.T) {
	virtual(t, func(t *testing.T) {
		hows := []string{"at once", "after it has waited for its turn"}
		var causes []func() // what ends too late, or never, is told as that
		for i, how := range append(hows, hows...) {
			p := newPool(1, 1, block)
			if how != "at once" {
				p.accept(t, p.name, func(context.Context) { time.Sleep(10 * ms) }, "")
			}
			caller, cancel := context.WithCancelCause(context.WithValue(t.Context(), ctxKey{}, "r-17"))
			defer cancel(nil)
			ctx, stop := context.WithTimeoutCause(caller, time.Minute, errGone)
			defer stop()
			ends, wantEnd, wantRan := "ends after a minute", context.DeadlineExceeded, time.Minute
			if i >= 2 {
				ends, wantEnd, wantRan = "has a deadline of a minute, and is cancelled after 30 s", context.Canceled, 30*time.Second
				time.AfterFunc(wantRan, func() { cancel(errGone) })
			}
			want, _ := ctx.Deadline()
			var value any
			var deadline time.Time
			var end, cause error
			var ran time.Duration
			begin := time.Now()
			over := make(chan struct{})
			p.submit(ctx, func(ctx context.Context) {
				defer close(over)
				value = ctx.Value(ctxKey{})
				deadline, _ = ctx.Deadline()
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				end, cause, ran = ctx.Err(), context.Cause(ctx), time.Since(begin)
			}).ends(t, p.name, nil, 0, "")
			<-over
			until := "no deadline"
			if !deadline.IsZero() {
				until = fmt.Sprintf("deadline after %v", deadline.Sub(begin))
			}
			expect.That(t, value == "r-17" && deadline.Equal(want) && known.Is(end, wantEnd) && ran == wantRan, expect.Message{
				Did: "submitted a job with a context that has a value and " + ends + "; it runs " + how +
					" and waits for the end of the one that it gets",
				Want: fmt.Sprintf("a context with that value and that deadline, and %s after %v", say(wantEnd), wantRan),
				Got:  fmt.Sprintf("value %v, %s, and %s after %v", value, until, say(end), ran),
				Why: "the query that the job makes must end when nobody waits for it any more; and its " +
					"log line needs the id of the request"})
			causes = append(causes, func() {
				expect.That(t, known.Is(cause, errGone), expect.Message{
					Did: "submitted a job with a context that " + ends + ", for a cause; it runs " + how + " and asks " +
						"context.Cause when the one that it gets has ended",
					Want: say(errGone), Got: say(cause),
					Why: "the log is to say whether the customer has gone or the server is shut down: both are context.Canceled"})
			})
		}
		for _, check := range causes {
			check()
		}
	})
}

func TestBlockSlowsTheProducersDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, producers := range []int{1, 50} {
			for _, depth := range []int{0, 20} {
				var b book
				p := newPool(10, depth, block)
				var stop atomic.Bool
				var wg sync.WaitGroup
				accepted := make([]int, producers)
				for i := range producers {
					wg.Go(func() {
						for !stop.Load() && accepted[i] < 5000 { // more than there can be
							if p.Submit(t.Context(), b.job("", 100*ms, nil)) != nil {
								break
							}
							accepted[i]++
						}
					})
				}
				time.Sleep(time.Second + 50*ms)
				before, _ := b.count()
				time.Sleep(10 * time.Second)
				begun, _ := b.count()
				stop.Store(true)
				wg.Wait()
				time.Sleep(time.Minute)
				n := begun - before
				did := fmt.Sprintf("%s, and jobs that take 100 ms: let %d producers submit as fast as they "+
					"can, from the second to the eleventh second", p.name, producers)
				expect.That(t, n >= 990 && n <= 1010, expect.Message{Did: did,
					Want: "1000 jobs, as fast as ten workers are", Got: fmt.Sprint(n),
					Why: "the producer goes at the pace of the consumer, no faster and no slower"})
				total := 0
				for _, a := range accepted {
					total += a
				}
				begun, _ = b.count()
				expect.That(t, begun == total && b.most == 10, expect.Message{Did: did,
					Want: fmt.Sprintf("all %d that were accepted are run, 10 at a time", total),
					Got:  fmt.Sprintf("%d, %d at a time", begun, b.most)})
			}
		}
	})
}

func TestSubmitEndsWithItsContext(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const why = "the caller's deadline is the caller's: it has its own callers, who wait"
		for _, m := range []backpressure.Mode{shed, block} {
			for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
				var b book
				p := newPool(1, 1, m)
				did := p.name + ": submitted a job with a context that has ended, while there are places"
				for range 20 { // a select between the place and the context takes either
					p.submit(ended(t, want), b.job("", 0, nil)).ends(t, did, want, 0, why)
				}
				time.Sleep(time.Second)
				n, _ := b.count()
				expect.That(t, n == 0, expect.Message{Did: did, Want: "it is not run", Got: "it was"})
			}
		}
		for _, offset := range []time.Duration{-ms, 0, ms} {
			var b book
			p := newPool(1, 0, block)
			did := p.name + ": submitted a job that takes 100 ms; "
			p.accept(t, did, b.job("first", 100*ms, nil), "")
			impatient := p.submit(after(t, 50*ms), b.job("impatient", 0, nil))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			leaving := p.submit(ctx, b.job("leaving", 0, nil))
			patient := p.submit(t.Context(), b.job("patient", 0, nil))
			time.Sleep(49 * ms)
			impatient.still(t, did+"another one waits, with a deadline of 50 ms, for 49", "")
			time.Sleep(2 * ms)
			impatient.ends(t, did+"another one waits, with a deadline of 50 ms", context.DeadlineExceeded,
				50*ms, why)
			time.Sleep(49*ms + offset)
			cancel()
			time.Sleep(5 * ms)
			if offset < 0 {
				leaving.ends(t, did+"another one waits, and is cancelled after 99 ms", context.Canceled,
					99*ms, why)
			}
			patient.ends(t, fmt.Sprintf("%sanother one waits, whose context is cancelled %v after that job "+
				"is over, and behind it a third", did, offset), nil, 100*ms,
				"whoever gives up just when it is its turn must not take the place with it")
		}
	})
}

// ofTheRuntime is what a read behind the end of a slice panics with.
func ofTheRuntime() (value any) {
	defer func() { value = recover() }()
	return make([]int, 7)[len(os.Args)+7]
}

func TestAPanicCostsNoWorker(t *testing.T) {
	virtual(t, func(t *testing.T) {
		values := []any{"no such statement", fmt.Errorf("wrapped: %w", context.Canceled), ofTheRuntime()}
		for _, value := range values {
			var b book
			p := newPool(2, 100, shed)
			did := fmt.Sprintf("%s: submitted 100 jobs that panic with %q, and two that take 100 ms", p.name, value)
			for range 100 {
				p.accept(t, did, b.job("panics", 0, func() { panic(value) }), "")
			}
			begin := time.Now()
			p.accept(t, did, b.job("one", 100*ms, nil), "")
			p.accept(t, did, b.job("two", 100*ms, nil), "")
			time.Sleep(time.Second)
			_, over := b.seen()
			runs := len(over) - 2
			over = slices.DeleteFunc(over, func(name string) bool { return name == "panics" })
			expect.That(t, len(over) == 2 && b.most == 2 && b.at["two"].Equal(begin), expect.Message{Did: did,
				Want: "the last two run at once, side by side",
				Got:  fmt.Sprintf("%d of them are over, %d at a time", len(over), b.most),
				Why: "if each panic costs a worker, a hundred requests of a kind that nobody has tested " +
					"end the service, without a word"})
			expect.That(t, runs == 100, expect.Message{Did: did, Want: "each of them is run once",
				Got: fmt.Sprintf("the 100 that panic ran %d times", runs),
				Why: "whether it may be done twice only its caller knows: half of it may have been done"})
			p.Close(after(t, time.Hour))
		}
	})
}

func TestPoolsAreIndependent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var b book
		p, q := newPool(1, 0, shed), newPool(1, 0, shed)
		const why = "a service has a pool for each thing that it depends on, so that one of them cannot " +
			"take the room of the others"
		p.accept(t, "filled a pool", b.job("p", time.Minute, nil), "")
		q.accept(t, "filled a pool, and submitted to another one", b.job("q", ms, nil), why)
		time.Sleep(2 * ms)
		c := start(func() error { return p.Close(t.Context()) })
		q.accept(t, "closed a pool, and submitted to another one", b.job("q", ms, nil), why)
		time.Sleep(2 * ms)
		_, over := b.count()
		expect.That(t, over == 2, expect.Message{Did: "submitted two jobs to a pool while another one " +
			"was full, or closed", Want: "both are run", Got: fmt.Sprintf("%d", over), Why: why})
		time.Sleep(time.Minute)
		c.ends(t, "closed a pool with a job that takes a minute", nil, time.Minute-2*ms, "")
	})
}
