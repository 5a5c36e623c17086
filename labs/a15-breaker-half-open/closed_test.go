package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	breaker "github.com/backend-labs/backend-labs/labs/a15-breaker-half-open"
)

// TestADependencyThatHangs is the outage for which breakers are bought.
func TestADependencyThatHangs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := settings()
		s.Window, s.MinRequests = 10*time.Second, 20
		c := circuitOf(s)
		tl := timeline.New("20 calls", "window of 10 s", "circuit")
		calls := tl.Begin("20 calls", "begin")
		tl.Holds("window of 10 s", "+0 s to +10 s")
		tl.Holds("circuit", "closed")
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				c.Do(t.Context(), func(context.Context) error {
					time.Sleep(30 * time.Second)
					return errSick
				})
			})
		}
		time.Sleep(20*time.Second + ms)
		tl.Holds("window of 10 s", "+10 s to +20 s")
		time.Sleep(10*time.Second - ms)
		all.Wait()
		calls.End("all have failed")
		tl.Holds("window of 10 s", "+20 s to +30 s")
		got := c.State()
		last := tl.Holds("circuit", "%v", got)
		if got != open {
			last.Breaks()
		}
		expect.That(t, got == open, expect.Message{
			Did: "made 20 calls at once to a dependency that hangs, all of which fail after 30 s; Window: " +
				"10 s, MinRequests: 20",
			Want: "the circuit is open", Got: got.String(),
			Why: "counted where they began, the failures have left the window before they are known: the " +
				"breaker sleeps through the very outage that costs its callers most",
			Picture: tl})
		c.refused(t, "the same", "")
		expect.Show(t, "a failure counts when it is known", tl)
	})
}

func TestOpensAtTheRate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct {
			min       int
			rate      float64
			ok, fail  int // in this order
			then      error
			want      breaker.State
			whyStated string
		}{
			{20, 0.5, 10, 9, errSick, open, "half of twenty are failures"},
			{20, 0.5, 11, 8, errSick, closed, "nine of twenty are less than half"},
			{20, 0.5, 0, 18, errSick, closed, "nineteen are fewer than MinRequests, all the same"},
			{20, 0.5, 0, 19, errSick, open, ""},
			{20, 0.5, 500, 498, errSick, closed, "499 of 999 are less than half"},
			{20, 0.5, 499, 498, errSick, open, "499 of 998 are half"},
			{20, 0.25, 15, 4, errSick, open, "five of twenty are a quarter"},
			{20, 0.25, 18, 4, errSick, closed, "five of 23 are less than a quarter"},
			{4, 1, 1, 50, errSick, closed, "one success among 51 failures, with a rate of 1"},
			{4, 1, 0, 3, errSick, open, ""},
			{1, 0.5, 0, 0, errSick, open, "with MinRequests: 1 one is enough"},
			{1000, 0.5, 0, 998, errSick, closed, ""},
			{1000, 0.5, 0, 999, errSick, open, ""},
			{20, 0.125, 22, 2, errSick, closed, "three of 25 are 12 %, and less than an eighth"},
			{20, 0.125, 21, 2, errSick, open, "three of 24 are an eighth"},
		} {
			s := settings()
			s.MinRequests, s.FailureRate = tt.min, tt.rate
			c := circuitOf(s)
			did := fmt.Sprintf("MinRequests: %d, FailureRate: %v; made %d calls that succeed and then %d that fail",
				tt.min, tt.rate, tt.ok, tt.fail+1)
			c.is(t, "made a breaker", closed, "")
			c.some(t, tt.ok, nil)
			c.some(t, tt.fail, errSick)
			c.is(t, did+", but for the last one", closed, "a breaker that opens too early is an outage of its own")
			c.some(t, 1, tt.then)
			c.is(t, did, tt.want, tt.whyStated)
			if tt.want == open {
				c.refused(t, did, tt.whyStated)
			} else {
				c.through(t, did, tt.whyStated).returns(nil)
			}
		}
		const did = "MinRequests: 4, FailureRate: 0.5; had three calls under way, and let a fourth one fail"
		s := settings()
		s.MinRequests = 4
		c := circuitOf(s)
		for range 3 {
			c.through(t, did, "calls run side by side")
		}
		c.some(t, 1, errSick)
		c.is(t, did, closed, "calls that are under way may well succeed")
	})
}

func TestOldFailuresAreForgotten(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, offset := range []time.Duration{ms, 333 * ms, 999 * ms} {
			for _, tt := range []struct {
				age  time.Duration
				want breaker.State
			}{
				{0, open}, {8990 * ms, open}, {11010 * ms, closed}, {time.Hour, closed},
				// The same place of a ring of ten buckets, once more and a hundred times later.
				{20 * time.Second, closed}, {1000 * time.Second, closed},
			} {
				s := settings()
				s.Window, s.Buckets, s.MinRequests = 10*time.Second, 10, 4
				c := circuitOf(s)
				time.Sleep(offset)
				c.some(t, 3, errSick)
				time.Sleep(tt.age)
				c.some(t, 1, errSick)
				c.is(t, fmt.Sprintf("Window: 10 s, Buckets: 10, MinRequests: 4; let three calls fail, and %v "+
					"later a fourth", tt.age), tt.want,
					"a failure of yesterday says nothing, and one of nine seconds ago belongs to this outage")
				time.Sleep(time.Duration(2000)*time.Second - offset - tt.age%time.Second)
			}
			s := settings()
			s.Window, s.Buckets, s.MinRequests = 10*time.Second, 10, 4
			c := circuitOf(s)
			c.some(t, 4, nil)
			time.Sleep(11010 * ms)
			c.some(t, 4, errSick)
			c.is(t, "Window: 10 s; made four calls that succeed, and 11.01 s later four that fail", open,
				"old successes must not make up for failures of now")

			c = circuitOf(s)
			c.some(t, 5, nil)
			time.Sleep(5 * time.Second)
			c.some(t, 4, errSick)
			const did = "Window: 10 s, MinRequests: 4; made five calls that succeed, and 5 s later four that fail"
			c.is(t, did, closed, "four of nine are less than half")
			time.Sleep(6010 * ms)
			const now = "no call has failed since: a breaker that opens by forgetting opens when all is well"
			c.is(t, did+"; waited for 6.01 s", closed, now)
			c.some(t, 1, context.Canceled)
			c.is(t, did+"; waited for 6.01 s, and made one that is cancelled", closed, now)
			c.through(t, did+"; waited for 6.01 s, and made one that is cancelled", now).returns(context.Canceled)
		}
	})
}

// failsLike is an error whose text and whose Is are nobody's business.
type failsLike struct{ error }

func (e failsLike) Unwrap() error { return e.error }

func TestWhatAFailureIs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		wrapped := fmt.Errorf("GET /address: %w", context.Canceled)
		for _, tt := range []struct {
			what string
			err  error
			want breaker.State
			why  string
		}{
			{"nil", nil, closed, ""},
			{"an error", errSick, open, ""},
			{"context.Canceled", context.Canceled, closed,
				"a user who closed the page says nothing about the dependency"},
			{"a wrapped context.Canceled", wrapped, closed, "clients wrap what they return"},
			{"a context.Canceled that is wrapped in an error of its own type", failsLike{wrapped}, closed, ""},
			{"context.DeadlineExceeded", context.DeadlineExceeded, open,
				"that a dependency does not answer in time is the failure that costs most"},
			{"an error with the text context canceled", errors.New("context canceled"), open,
				"that is what a proxy of the dependency wrote into its answer"},
			{"ErrOpen", breaker.ErrOpen, open,
				"fn has a breaker of its own for what is behind it: refused there, the call has failed here"},
		} {
			s := settings()
			s.MinRequests = 2
			c := circuitOf(s)
			did := "MinRequests: 2; let one call fail and one return " + tt.what
			c.some(t, 1, errSick)
			err := c.begin(t.Context()).returns(tt.err).err
			expect.That(t, err == tt.err, expect.Message{Did: did, Want: "Do returns the very same",
				Got: fmt.Sprint(err), Why: "whoever calls looks into the error, with errors.As and by its text"})
			if tt.err == nil { // one of two is half, which a success may be judged by, or not
				continue
			}
			c.is(t, did, tt.want, tt.why)
			if tt.want == closed {
				c.some(t, 1, errSick)
				c.is(t, did+", and one more fail", open, "what is no result is no success, either")
			}
		}
		for _, kind := range []error{context.DeadlineExceeded, context.Canceled} {
			c := circuitOf(settings())
			want, why := open, "that of the caller ends most calls of a dependency that hangs: without it the circuit never opens"
			ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
			if kind == context.Canceled {
				want, why = closed, "the caller has gone, and its deadline is still to come"
				time.AfterFunc(50*ms, cancel)
			}
			did := fmt.Sprintf("called Do with a context that has a deadline and ends with %s, and an fn that waits for that and "+
				"returns it, wrapped", say(kind))
			err := c.Do(ctx, func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("GET /address: %w", ctx.Err())
			})
			cancel()
			expect.That(t, known.Is(err, kind), expect.Message{Did: did, Want: say(kind), Got: say(err)})
			c.is(t, did, want, why)
		}
		c := circuitOf(settings())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		const did = "called Do with a context that is cancelled, and an fn that does not look at it and fails"
		called := false
		err := c.Do(ctx, func(context.Context) error {
			called = true
			return errSick
		})
		expect.That(t, called && known.Is(err, errSick), expect.Message{Did: did,
			Want: "fn is called, and Do returns " + say(errSick), Got: fmt.Sprintf("fn called: %v; %s", called, say(err)),
			Why: "what an ended context means for a call fn knows, or else it is the caller's business"})
		c.is(t, did, open, "what counts is the error, and that is not context.Canceled: the dependency did fail")
	})
}

func TestASlowCallIsAFailure(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct {
			slow, took time.Duration
			err        error
			want       breaker.State
			why        string
		}{
			{time.Second, time.Hour, nil, open, ""},
			{time.Second, 1001 * ms, nil, open, "who answers too late is as bad as who does not answer"},
			{time.Second, 999 * ms, nil, closed, ""},
			{0, time.Hour, nil, closed, "a SlowCall of 0 is none"},
			{time.Second, time.Hour, context.Canceled, closed, "it is no result, however long it took"},
			{time.Second, 0, errSick, open, "a fast failure is one, too"},
			{1500 * time.Microsecond, ms, nil, closed, ""},
			{1500 * time.Microsecond, 2 * ms, nil, open, ""},
			{time.Second, time.Second, nil, closed, "as long as SlowCall is not longer"},
		} {
			s := settings()
			s.SlowCall, s.Window = tt.slow, 100*time.Hour
			c := circuitOf(s)
			err := c.Do(t.Context(), func(context.Context) error {
				time.Sleep(tt.took)
				return tt.err
			})
			did := fmt.Sprintf("SlowCall: %v, MinRequests: 1; made a call that takes %v and returns %s",
				tt.slow, tt.took, say(tt.err))
			expect.That(t, known.Is(err, tt.err), expect.Message{Did: did, Want: "Do returns " + say(tt.err),
				Got: say(err), Why: "the answer is there: its caller can use it"})
			c.is(t, did, tt.want, tt.why)
		}
		s := settings()
		s.SlowCall = time.Second
		c := circuitOf(s)
		c.trips(t)
		c.half(t, s.OpenFor)
		const did = "SlowCall: 1 s; let a probe succeed after 2 s"
		p := c.through(t, did, "")
		expect.That(t, !p.other, expect.Message{Did: did, Want: "fn gets the context that Do got", Got: "another one",
			Why: "its deadline is the caller's: a call that is slow counts as a failure, and is not cut off"})
		time.Sleep(2 * time.Second)
		p.returns(nil)
		c.is(t, did, open, "a dependency that is as slow as that has not recovered")

		s.OnChange = func(_, to breaker.State) {
			if to == halfOpen {
				time.Sleep(time.Minute)
			}
		}
		c = circuitOf(s)
		c.trips(t)
		time.Sleep(s.OpenFor)
		c.some(t, 1, nil)
		c.is(t, "SlowCall: 1 s; OnChange takes a minute for half-open; let a probe succeed that takes no time", closed,
			"a slow pager is no slow dependency: a call takes as long as its fn does")
	})
}

func TestThePause(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := circuitOf(settings())
		const did = "OpenFor: 30 s; let a call fail that takes 20 s, and called Do each second after that"
		p := c.through(t, did, "")
		time.Sleep(20 * time.Second)
		p.returns(errSick)
		for i := range 30 {
			c.refused(t, fmt.Sprintf("%s, for %d s", did, i), "the dependency needs a rest to recover")
			c.is(t, fmt.Sprintf("%s, for %d s", did, i), open, "")
			if i == 29 {
				time.Sleep(999 * ms)
				c.refused(t, did+", for 29.999 s", "the pause begins when the failure is known")
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				p := c.begin(ctx)
				expect.That(t, p.over() && !p.called && known.Is(p.err, breaker.ErrOpen), expect.Message{
					Did:  did + ", for 29.999 s, and once more with a context that is cancelled",
					Want: "ErrOpen, and fn is not called", Got: p.String(),
					Why: "Do has two answers, what fn returns and ErrOpen: here fn was not called"})
				time.Sleep(2 * ms)
				break
			}
			time.Sleep(time.Second)
		}
		c.is(t, did+", for 30.001 s", halfOpen, "refused calls must not extend the pause: traffic never stops")
		c.through(t, did+", for 30.001 s", "").returns(nil)
		c.is(t, did+", for 30.001 s; and let that call succeed", closed, "")
	})
}

func TestCallsRunSideBySide(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := settings()
		s.MinRequests = 1000
		c := circuitOf(s)
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "r-17")
		begin := time.Now()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				c.Do(ctx, func(got context.Context) error {
					if got != ctx {
						expect.Fail(t, expect.Message{Did: "called Do with a context",
							Want: "fn gets this very context", Got: "another one",
							Why: "its deadline and its values are the caller's"})
					}
					time.Sleep(time.Second)
					return errSick
				})
			})
		}
		all.Wait()
		took := time.Since(begin)
		expect.That(t, took == time.Second, expect.Message{
			Did: "made 1000 calls at once that take a second each", Want: "all are over after 1 s",
			Got: fmt.Sprint(took), Why: "a breaker is no queue: one slow call must not hold up the others"})
		c.is(t, "MinRequests: 1000; let 1000 calls fail at the same moment", open, "each of them counts")
	})
}

func TestBreakersAreIndependent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const why = "the payment must not be refused because the search is down"
		s := settings()
		s.MinRequests, s.Probes = 2, 2
		a, b := circuitOf(s), circuitOf(s)
		a.some(t, 1, errSick)
		b.some(t, 1, errSick)
		b.is(t, "MinRequests: 2; let one call fail of each of two breakers", closed, why)
		a.some(t, 1, errSick)
		a.is(t, "MinRequests: 2; let two calls of a breaker fail", open, "")
		b.is(t, "opened the circuit of another breaker", closed, why)
		b.some(t, 1, errSick)
		time.Sleep(31 * time.Second)
		for range 2 {
			a.through(t, "Probes: 2; two breakers are half-open", why)
		}
		for range 2 {
			b.through(t, "Probes: 2; two breakers are half-open, and one has all its probes under way", why)
		}
		synctest.Wait()
	})
}
