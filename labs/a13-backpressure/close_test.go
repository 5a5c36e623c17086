package backpressure_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	backpressure "github.com/backend-labs/backend-labs/labs/a13-backpressure"
)

// close starts a Close with a context that ends so much later.
func (p pool) close(t *testing.T, patience time.Duration) *call {
	ctx := after(t, patience)
	return start(func() error { return p.Close(ctx) })
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, m := range []backpressure.Mode{shed, block} {
			var b book
			p := newPool(5, 20, m)
			did := p.name + ": submitted 15 jobs that take 100 ms, one that panics, and one whose context " +
				"ends after 50 ms; called Close"
			for i := range 15 {
				p.accept(t, did, b.job(fmt.Sprint(i), 100*ms, nil), "")
			}
			p.accept(t, did, func(context.Context) { panic("no such statement") }, "")
			p.submit(after(t, 50*ms), b.job("expired", 0, nil)).ends(t, did, nil, 0, "")
			c := p.close(t, time.Hour)
			job := b.job("late", 0, nil)
			p.submit(t.Context(), job).ends(t, did+", and Submit after it", backpressure.ErrClosed, 0,
				"a service that stops must not take on what it will not finish")
			again := p.close(t, time.Hour)
			time.Sleep(299 * ms)
			c.still(t, did+"; waited for 299 ms", "the last of them need until 300 ms")
			time.Sleep(2 * ms)
			c.ends(t, did, nil, 300*ms, "a deploy waits for it")
			again.ends(t, did+" twice", nil, 300*ms, "two parts of a program may both want to be sure")
			_, over := b.count()
			expect.That(t, over == 15, expect.Message{Did: did, Want: "all 15 are run, and nothing else",
				Got: fmt.Sprintf("%d jobs", over), Why: "their callers were told that they will be"})
			p.submit(t.Context(), job).ends(t, did+", and Submit when all was over", backpressure.ErrClosed,
				0, "")
			p.close(t, time.Hour).ends(t, did+", and once more when all was over", nil, 0, "")
			time.Sleep(time.Second)
		}
		var b book
		p := newPool(1, 20, shed)
		did := p.name + ": submitted a job that takes 100 ms, two that panic, and a last one; called Close " +
			"after 50 ms"
		p.accept(t, did, b.job("first", 100*ms, nil), "")
		for range 2 {
			p.accept(t, did, func(context.Context) { panic("no such statement") }, "")
		}
		p.accept(t, did, b.job("last", 100*ms, nil), "")
		time.Sleep(50 * ms)
		c := p.close(t, time.Hour)
		time.Sleep(time.Second)
		_, over := b.seen()
		expect.That(t, slices.Equal(over, []string{"first", "last"}), expect.Message{Did: did,
			Want: "run to their end: first, last", Got: strings.Join(over, ", "),
			Why: "a panic harms the pool no more after Close than before: what was accepted is run"})
		c.ends(t, did, nil, 150*ms, "")
		newPool(10, 20, shed).close(t, time.Hour).ends(t, "closed a pool that never had a job", nil, 0, "")
	})
}

func TestCloseEndsWithItsContext(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
			var b book
			p := newPool(2, 10, shed)
			did := p.name + ": submitted two jobs that take 10 s and 20 s, and three behind them; called " +
				"Close with a context that ends after 1 s"
			p.accept(t, did, b.job("10 s", 10*time.Second, nil), "")
			p.accept(t, did, b.job("20 s", 20*time.Second, nil), "")
			for range 3 {
				p.accept(t, did, b.job("queued", 0, nil), "")
			}
			ctx := after(t, time.Second)
			if want == context.Canceled {
				ctx = cancelled(t, time.Second)
			}
			c := start(func() error { return p.Close(ctx) })
			time.Sleep(999 * ms)
			c.still(t, did+"; waited for 999 ms", "")
			time.Sleep(2 * ms)
			c.ends(t, did, want, time.Second,
				"whoever stops the program has a deadline, too: after it comes a SIGKILL")
			p.submit(t.Context(), b.job("late", 0, nil)).ends(t, did+"; then Submit",
				backpressure.ErrClosed, 0, "a Close that has given up is a Close")
			again := after(t, 2*time.Second)
			if want == context.Canceled {
				again = cancelled(t, 2*time.Second)
			}
			c = start(func() error { return p.Close(again) })
			time.Sleep(2*time.Second + ms)
			c.ends(t, did+", and again with one of 2 s", want, 2*time.Second,
				"the jobs are still running, and the answer nil would say that they are over")
			c = p.close(t, time.Hour)
			time.Sleep(time.Minute)
			c.ends(t, did+", with one of 2 s, and with one of an hour", nil, 16998*ms,
				"this one has the patience: the last job is over after 20 s")
			begun, over := b.seen()
			ran := []string{"10 s", "20 s"}
			expect.That(t, slices.Equal(begun, ran) && slices.Equal(over, ran), expect.Message{Did: did,
				Want: "the two that ran are finished, those that waited are never run",
				Got:  "run: " + strings.Join(begun, ", ") + "; finished: " + strings.Join(over, ", "),
				Why: "after the deadline the database is closed and the lock given back: what begins then " +
					"works on nothing"})
		}

		var b book
		p := newPool(1, 10, shed)
		did := p.name + ": submitted a job that takes 10 s, and one behind it; called Close with a context of an " +
			"hour, and, while that waits, with one that ends after 1 s"
		p.accept(t, did, b.job("10 s", 10*time.Second, nil), "")
		p.accept(t, did, b.job("queued", 0, nil), "")
		p.close(t, time.Hour)
		c := p.close(t, time.Second)
		time.Sleep(time.Second + ms)
		c.ends(t, did, context.DeadlineExceeded, time.Second, "")
		time.Sleep(time.Minute)
		begun, _ := b.seen()
		expect.That(t, slices.Equal(begun, []string{"10 s"}), expect.Message{Did: did,
			Want: "the one that waits is never run", Got: "run: " + strings.Join(begun, ", "),
			Why: "whoever has called Close and seen it end closes the database next, whoever else waits"})

		for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
			var b book
			p := newPool(1, 10, shed)
			did := p.name + ": submitted a job that takes 10 s, and one behind it; called Close with a context that " +
				"had ended before"
			p.accept(t, did, b.job("10 s", 10*time.Second, nil), "")
			p.accept(t, did, b.job("queued", 0, nil), "")
			ctx := ended(t, want)
			start(func() error { return p.Close(ctx) }).ends(t, did, want, 0, "")
			p.submit(t.Context(), b.job("late", 0, nil)).ends(t, did+"; then Submit", backpressure.ErrClosed, 0,
				"whoever has no time left to wait wants the pool closed all the same")
			time.Sleep(time.Minute)
			begun, _ := b.seen()
			expect.That(t, slices.Equal(begun, []string{"10 s"}), expect.Message{Did: did,
				Want: "what has not begun by then is never run", Got: "run: " + strings.Join(begun, ", "),
				Why: "a Close without any time is one that has given up"})
		}
	})
}

func TestCloseReleasesThoseWhoWait(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var b book
		p := newPool(1, 1, block)
		const did = "NewPool(1, 1, Block): submitted two jobs that take 10 s; three more wait, without a " +
			"deadline; called Close 1 s later"
		p.accept(t, did, b.job("running", 10*time.Second, nil), "")
		p.accept(t, did, b.job("queued", 10*time.Second, nil), "")
		var waiting []*call
		for range 3 {
			waiting = append(waiting, p.submit(t.Context(), b.job("waiting", 0, nil)))
		}
		time.Sleep(time.Second)
		c := p.close(t, time.Hour)
		for _, w := range waiting {
			w.ends(t, did, backpressure.ErrClosed, time.Second,
				"there will never be a place: whoever waits for one waits for ever")
		}
		time.Sleep(time.Minute)
		c.ends(t, did, nil, 19*time.Second, "")
		begun, _ := b.seen()
		expect.That(t, slices.Equal(begun, []string{"running", "queued"}), expect.Message{Did: did,
			Want: "run are the two that were accepted", Got: strings.Join(begun, ", ")})
	})
}

// TestCloseMeetsSubmit is about moments that virtual time does not have.
func TestCloseMeetsSubmit(t *testing.T) {
	const callers = 8
	for _, m := range []backpressure.Mode{shed, block} {
		for range 100 {
			p := newPool(2, 3, m)
			var ran, accepted, after atomic.Int64
			var closed atomic.Bool
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for after.Load() < 100 {
						if closed.Load() {
							after.Add(1)
						}
						err := p.Submit(t.Context(), func(context.Context) { ran.Add(1) })
						switch {
						case known.Is(err, nil):
							accepted.Add(1)
						case known.Is(err, backpressure.ErrClosed):
							return
						case !known.Is(err, backpressure.ErrOverloaded):
							expect.Fail(t, expect.Message{Did: "called Submit while others called Close",
								Want: "nil, ErrOverloaded or ErrClosed", Got: say(err)})
							return
						}
						runtime.Gosched()
					}
				})
			}
			for range 20 {
				runtime.Gosched()
			}
			err := p.Close(t.Context())
			atClose := ran.Load()
			closed.Store(true)
			all.Wait()
			expect.That(t, after.Load() < 100, expect.Message{
				Did:  p.name + ": let 8 goroutines submit until they get ErrClosed, and called Close",
				Want: "they get it", Got: "100 times after Close they did not"})
			did := fmt.Sprintf("%s: let %d goroutines submit as fast as they can, and called Close meanwhile",
				p.name, callers)
			expect.That(t, known.Is(err, nil) && accepted.Load() == ran.Load() && atClose == ran.Load(), expect.Message{
				Did: did, Want: "nil, and each job that was accepted has run when Close returns",
				Got: fmt.Sprintf("%s; accepted %d, run by then %d, in the end %d", say(err), accepted.Load(),
					atClose, ran.Load()),
				Why: "between the look whether the pool is closed and the put into its queue Close comes: " +
					"that job is lost, and its caller believes otherwise"})
		}
	}
}

// TestTheLastPlaceIsTakenOnce lets two callers arrive within nanoseconds of each other.
func TestTheLastPlaceIsTakenOnce(t *testing.T) {
	const rounds = 300
	lockstep.Enough(1000, time.Second, func() int {
		var pools [rounds]pool
		var accepted [rounds]atomic.Int64
		for i := range pools {
			pools[i] = newPool(1, i%2, shed)
		}
		release := make(chan struct{})
		hold := func(context.Context) { <-release }
		for i := range pools {
			for range i % 2 {
				pools[i].Submit(t.Context(), hold) // one place is left in each
			}
		}
		done, together := lockstep.Run(rounds, 2, time.Second, func(round, _ int) {
			if pools[round].Submit(t.Context(), hold) == nil {
				accepted[round].Add(1)
			}
		})
		close(release)
		for i := range pools {
			pools[i].Close(t.Context())
		}
		for i := range done {
			n := accepted[i].Load()
			expect.That(t, n == 1, expect.Message{
				Did:  pools[i].name + ", with one place left: two callers submitted at the same moment",
				Want: "one is accepted, the other refused", Got: fmt.Sprintf("%d are accepted", n),
				Why: "to look whether there is a place and to take it must be one step, or a rush, which " +
					"is what all this is for, gets more than there is"})
		}
		return together
	})
}
