package retries_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	retries "github.com/backend-labs/backend-labs/labs/a04-safe-retries"
)

// calls are both kinds of calls of a clerk.
var calls = []struct {
	name string
	call func(c *retries.Clerk, ctx context.Context) error
}{
	{"Add", func(c *retries.Clerk, ctx context.Context) error { return c.Add(ctx, "boxes", 1) }},
	{"Get", func(c *retries.Clerk, ctx context.Context) error {
		_, err := c.Get(ctx, "boxes")
		return err
	}},
}

func TestEachAttemptIsTheSameRequest(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := ends(notSent, lost, reset, done)
		c := retries.NewClerk("ann", r, 10)
		last := uint64(0)
		for i := range 1000 {
			ctx, cancel := context.Background(), func() {}
			want := retries.Op{Kind: retries.Add, Key: fmt.Sprint("shelf ", i%3), Delta: i%5 - 2}
			switch i % 4 {
			case 1:
				ctx, cancel = context.WithTimeout(ctx, time.Minute)
			case 2: // ends without an answer
				ctx, cancel = context.WithTimeout(ctx, time.Nanosecond)
			case 3:
				want = retries.Op{Kind: retries.Get, Key: want.Key}
			}
			deadline, _ := ctx.Deadline()
			r.clear()
			if want.Kind == retries.Add {
				c.Add(ctx, want.Key, want.Delta)
			} else {
				c.Get(ctx, want.Key)
			}
			cancel()
			last = isOne(t, r.sent(), "ann", want, deadline, last)
		}
		asItIsGiven(t)
	})
}

// asItIsGiven has clerks, counters and additions that somebody could want to put right.
func asItIsGiven(t *testing.T) {
	t.Helper()
	names := []string{"", " ", "Ann ", "ann\n", "b\xff", "ключ", strings.Repeat("a-long-name-", 9)}
	deltas := []int{math.MaxInt, math.MinInt, 1 << 32, -1 << 31, 1<<53 + 1}
	for i, name := range names {
		r := ends(reset, done)
		c := retries.NewClerk(name, r, 10)
		delta := deltas[i%len(deltas)]
		c.Add(t.Context(), names[len(names)-1-i], delta)
		isOne(t, r.sent(), name, retries.Op{Kind: retries.Add, Key: names[len(names)-1-i], Delta: delta}, time.Time{}, 0)
	}
	for _, value := range append(deltas, 0, -1) {
		r := ends(reset, func(context.Context, retries.Request) (retries.Response, error) {
			return retries.Response{Value: value}, nil
		})
		got, err := retries.NewClerk("ann", r, 0).Get(t.Context(), "boxes")
		expect.That(t, err == nil && got == value, expect.Message{
			Did:  fmt.Sprintf("called Get; the server answered %d", value),
			Want: fmt.Sprintf("nil and %d", value),
			Got:  fmt.Sprintf("%s and %d", say(err), got),
			Why:  "what the server has answered is what the counter is",
		})
	}
}

// isOne ends the check unless all attempts are one request, with a Seq greater than that of the
// last call. It returns the new one.
func isOne(t *testing.T, sent []attempt, client string, op retries.Op, deadline time.Time, last uint64) uint64 {
	t.Helper()
	did := fmt.Sprintf("called for %+v, of which %d attempts were made", op, len(sent))
	expect.That(t, len(sent) > 0, expect.Message{Did: did, Want: "at least one", Got: "none"})
	seq := sent[0].req.Seq
	for i, a := range sent {
		got := a.req
		got.Deadline = time.Time{}
		expect.That(t, got == retries.Request{Client: client, Seq: seq, Op: op} &&
			a.req.Deadline.Equal(deadline), expect.Message{
			Did: did,
			Want: fmt.Sprintf("attempt %d has Client %q, the Seq of the first one, %d, this operation, and "+
				"the deadline of ctx, %s", i+1, client, seq, when(deadline)),
			Got: fmt.Sprintf("Client %q, Seq %d, %+v, deadline %s", got.Client, got.Seq, got.Op,
				when(a.req.Deadline)),
			Why: "by this alone the server knows it again",
		})
	}
	expect.That(t, seq > last, expect.Message{
		Did: did, Want: fmt.Sprintf("a Seq greater than that of the call before, %d", last), Got: fmt.Sprint(seq),
		Why: "a number that was used before is that of another request, which may have been executed"})
	return seq
}

func when(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.Format("15:04:05.999")
}

func TestAnAttemptHasItsTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, kind := range calls {
			sent, took, err := one(t, kind.call, ends(after(499*time.Millisecond, done)), time.Hour)
			expect.That(t, err == nil && len(sent) == 1 && took == 499*time.Millisecond, expect.Message{
				Did:  "called " + kind.name + "; the answer took 499 ms",
				Want: "nil after 499 ms, with one attempt",
				Got:  fmt.Sprintf("%s after %v, with %d", say(err), took, len(sent)),
				Why:  "an attempt that is given up too early is one that the server does in vain",
			})
			sent, _, err = one(t, kind.call, ends(lost, done), time.Hour)
			expect.That(t, err == nil && len(sent) == 2 && sent[0].took() == retries.AttemptTimeout,
				expect.Message{
					Did:  "called " + kind.name + "; the answer to the first attempt was lost",
					Want: "that is given up after 500 ms, and the second gets its answer",
					Got:  attempts(err, sent),
					Why:  "Call waits as long as its ctx lets it, and a lost answer never comes",
				})
			sent, took, err = one(t, kind.call, ends(lost), 300*time.Millisecond)
			expect.That(t, known.Is(err, retries.ErrMaybe) && len(sent) == 1 &&
				took == 300*time.Millisecond, expect.Message{
				Did:  "called " + kind.name + " with a ctx of 300 ms; no answer ever comes",
				Want: "ErrMaybe after 300 ms, with one attempt",
				Got:  fmt.Sprintf("%s after %v, with %d", say(err), took, len(sent)),
				Why:  "whoever set this deadline has something else to do then",
			})
		}
	})
}

// one makes a call of a new clerk.
func one(t *testing.T, call func(*retries.Clerk, context.Context) error, r *radio,
	patience time.Duration) ([]attempt, time.Duration, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	start := time.Now()
	err := call(retries.NewClerk("ann", r, 0), ctx)
	return r.sent(), time.Since(start), err
}

func (a attempt) took() time.Duration { return a.end.Sub(a.begin) }

// attempts are what a call made, for a message.
func attempts(err error, sent []attempt) string {
	text := fmt.Sprintf("%s after %d attempts", say(err), len(sent))
	for i, a := range sent[:min(len(sent), 5)] {
		text += fmt.Sprintf("; attempt %d took %v", i+1, a.took())
	}
	return text
}

func TestAClerkDoesNotGiveUp(t *testing.T) {
	virtual(t, func(t *testing.T) {
		start := time.Now()
		r := &radio{}
		r.call = func(ctx context.Context, n int, req retries.Request) (retries.Response, error) {
			if time.Since(start) > time.Hour {
				return done(ctx, req)
			}
			return [...]end{notSent, reset, lost, fails(context.Canceled), fails(context.DeadlineExceeded)}[n%5](
				ctx, req)
		}
		c := retries.NewClerk("ann", r, 10_000)
		value, err := c.Get(t.Context(), "boxes")
		took := time.Since(start)
		expect.That(t, err == nil && value == 42 && took < time.Hour+3*time.Second, expect.Message{
			Did: "called Get with a budget of 10000 and a ctx that never ends; for an hour all attempts failed, " +
				"each in another way, and then they were answered 42",
			Want: "nil and 42, within three seconds after that",
			Got:  fmt.Sprintf("%s and %d, after %v and %d attempts", say(err), value, took, len(r.sent())),
			Why:  "how long to try is for ctx and the budget to say",
		})
	})
}

// outcome is how a call has to end.
type outcome struct {
	what string
	ends []end
	// patience is the ctx's, leaves the moment in which it is cancelled; 0: an hour, never.
	patience, leaves time.Duration
	want             error
	sent             int // 0: not looked at
}

var errElsewhere = errors.New("not sent")

var outcomes = []outcome{
	{"nothing could be sent, which Call said with ErrNotSent itself", []end{fails(retries.ErrNotSent)}, 0, 0,
		retries.ErrDefinite, 11},
	{"nothing could be sent until the budget was used up", []end{notSent}, 0, 0, retries.ErrDefinite, 11},
	{"nothing could be sent until its deadline", []end{notSent}, 300 * time.Millisecond, 0,
		retries.ErrDefinite, 0},
	{"nothing could be sent until its ctx was cancelled", []end{notSent}, 0, 300 * time.Millisecond,
		retries.ErrDefinite, 0},
	{"nothing could be sent, which Call said in an error that is joined with another one",
		[]end{fails(errors.Join(errReset, errNoDial))}, 0, 0, retries.ErrDefinite, 11},
	{"no attempt could dial in its time, which Call said with ErrNotSent", []end{dials}, 3 * time.Second, 0,
		retries.ErrDefinite, 0},
	{"every answer was lost", []end{lost}, 3 * time.Second, 0, retries.ErrMaybe, 0},
	{"every answer was lost until its ctx was cancelled", []end{lost}, 0, 100 * time.Millisecond,
		retries.ErrMaybe, 1},
	{"every connection was reset until the budget was used up", []end{reset}, 0, 0, retries.ErrMaybe, 11},
	{"the first attempt was lost, the others could not be sent", []end{lost, notSent}, 3 * time.Second, 0,
		retries.ErrMaybe, 0},
	{"the first attempt was reset, the others could not be sent until the budget was used up",
		[]end{reset, notSent}, 0, 0, retries.ErrMaybe, 11},
	{"only the third attempt was sent, and lost", []end{notSent, notSent, lost, notSent}, 0, 0,
		retries.ErrMaybe, 11},
	{"only the last attempt that the budget allows was sent, and reset", append(times(10, notSent), reset), 0, 0,
		retries.ErrMaybe, 11},
	{"every attempt failed with an error whose text is that of ErrNotSent", []end{fails(errElsewhere)}, 0, 0,
		retries.ErrMaybe, 11},
	{"every attempt failed with context.Canceled, and its ctx went on", []end{fails(context.Canceled)}, 0, 0,
		retries.ErrMaybe, 11},
	{"the first attempt was lost, the second was refused with Old", []end{lost, refused(retries.Old)}, 0, 0,
		retries.ErrMaybe, 2},
	{"the server refused it with Old", []end{refused(retries.Old)}, 0, 0, retries.ErrMaybe, 1},
	{"the first attempt could not be sent, the second was refused with Expired",
		[]end{notSent, refused(retries.Expired)}, 0, 0, retries.ErrMaybe, 2},
	{"the server refused it with Expired", []end{refused(retries.Expired)}, 0, 0, retries.ErrMaybe, 1},
	{"the first attempt could not be sent, the second was answered", []end{notSent, done}, 0, 0, nil, 2},
	{"the first attempt was lost, the second was answered", []end{lost, done}, 0, 0, nil, 2},
	{"it was answered", []end{done}, 0, 0, nil, 1},
	{"its answer came in the moment in which its ctx was cancelled", []end{atTheEnd}, 0, 100 * time.Millisecond, nil, 1},
	{"its answer came in the moment of its deadline", []end{atTheEnd}, 100 * time.Millisecond, 0, nil, 1},
}

// dials ends with ErrNotSent when there is no time left.
func dials(ctx context.Context, _ retries.Request) (retries.Response, error) {
	<-ctx.Done()
	return retries.Response{}, fmt.Errorf("dial tcp 10.0.0.2:7000: %w: %w", ctx.Err(), retries.ErrNotSent)
}

// atTheEnd has the answer when ctx has ended.
func atTheEnd(ctx context.Context, req retries.Request) (retries.Response, error) {
	<-ctx.Done()
	return done(ctx, req)
}

func times(n int, e end) (all []end) {
	for range n {
		all = append(all, e)
	}
	return all
}

func TestNotDoneIsNotPerhapsDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, kind := range calls {
			for _, o := range outcomes {
				ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(o.patience, time.Hour))
				if o.leaves > 0 {
					time.AfterFunc(o.leaves, cancel)
				}
				r, start := ends(o.ends...), time.Now()
				err := kind.call(retries.NewClerk("ann", r, 0), ctx)
				took, sent := time.Since(start), len(r.sent())
				cancel()
				did := fmt.Sprintf("called %s with a budget of 0; %s", kind.name, o.what)
				expect.That(t, isOutcome(err, o.want), expect.Message{
					Did: did, Want: say(o.want), Got: fmt.Sprintf("%s, after %d attempts", say(err), sent),
					Why: "whoever is told \"not done\" does it again, and whoever is told \"perhaps\" has to go " +
						"and look",
				})
				if o.sent > 0 {
					expect.That(t, sent == o.sent, expect.Message{
						Did: did, Want: fmt.Sprintf("exactly %d attempts", o.sent), Got: fmt.Sprint(sent)})
				}
				if most := max(o.patience, o.leaves); most > 0 {
					expect.That(t, took <= most, expect.Message{
						Did:  did,
						Want: fmt.Sprintf("it returns when its ctx ends, after %v", most),
						Got:  fmt.Sprintf("after %v", took)})
				}
			}
		}
	})
}

// isOutcome reports whether a call ended so, and not otherwise, too.
func isOutcome(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return known.Is(err, want)
}

func TestWhatHasEndedIsNotSent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, kind := range calls {
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			defer stop()
			for what, ctx := range map[string]context.Context{
				"was cancelled": cancelled, "is over": late} {
				r := ends(done)
				c := retries.NewClerk("ann", r, 0)
				err := kind.call(c, ctx)
				expect.That(t, known.Is(err, retries.ErrDefinite) && len(r.sent()) == 0, expect.Message{
					Did:  fmt.Sprintf("called %s with a ctx that %s", kind.name, what),
					Want: "ErrDefinite, and no attempt",
					Got:  fmt.Sprintf("%s, after %d attempts", say(err), len(r.sent())),
					Why:  "this is the one case in which everybody knows",
				})
				err = kind.call(c, t.Context())
				expect.That(t, err == nil && len(r.sent()) == 1, expect.Message{
					Did: fmt.Sprintf("called %s with a ctx that %s, and then with one that goes on", kind.name,
						what),
					Want: "nil, after one attempt", Got: fmt.Sprintf("%s, after %d", say(err), len(r.sent()))})
			}
		}
	})
}

func TestNobodyIsToldNotDoneOfWhatWasDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const seed = 1
		rng := rand.New(rand.NewPCG(seed, seed))
		all := []struct {
			name string
			end  end
			sent bool
		}{{"N", notSent, false}, {"n", dials, false}, {"L", lost, true}, {"R", reset, true}}
		for range 2000 {
			plan, perhaps := "", false
			r := &radio{call: func(ctx context.Context, n int, req retries.Request) (retries.Response, error) {
				pick := all[0]
				if rng.IntN(3) == 0 {
					pick = all[rng.IntN(len(all))]
				}
				plan += pick.name
				perhaps = perhaps || pick.sent
				return pick.end(ctx, req)
			}}
			want := retries.ErrDefinite
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Int64N(int64(5*time.Second))))
			err := retries.NewClerk("ann", r, 0).Add(ctx, "boxes", 1)
			cancel()
			if perhaps {
				want = retries.ErrMaybe
			}
			expect.That(t, known.Is(err, want), expect.Message{
				Did: fmt.Sprintf("called Add; its attempts ended so: %s (N: could not be sent; n: nor in its "+
					"whole time; L: lost; R: reset)", strings.Join(strings.Split(plan, ""), ", ")),
				Want: say(want), Got: say(err)})
		}
	})
}

func TestPausesGrowAndDiffer(t *testing.T) {
	const clerks, retried = 200, 20
	virtual(t, func(t *testing.T) {
		pauses := make([][]time.Duration, retried+1)
		for range clerks {
			r := ends(notSent)
			c := retries.NewClerk("ann", r, 10)
			for range 2 {
				r.clear()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				c.Add(ctx, "boxes", 1)
				cancel()
				for k, a := range r.sent() {
					if k > 0 && k <= retried {
						pauses[k] = append(pauses[k], a.begin.Sub(r.sent()[k-1].end))
					}
				}
			}
		}
		did := fmt.Sprintf("had %d clerks call a server that is down twice, with a budget of 10", clerks)
		bound := 50 * time.Millisecond
		for k := 1; k <= retried; k++ {
			likely(t, pauses[k], bound, k, did)
			bound = min(2*bound, 2*time.Second)
		}
		var lossy []time.Duration
		for range 2 * clerks {
			r := ends(lost, reset, lost, done)
			retries.NewClerk("ann", r, 0).Add(t.Context(), "boxes", 1)
			sent := r.sent()
			expect.That(t, len(sent) == 4, expect.Message{Did: "lost an answer, a connection and an answer",
				Want: "4 attempts", Got: fmt.Sprint(len(sent))})
			lossy = append(lossy, sent[3].begin.Sub(sent[2].end))
		}
		likely(t, lossy, 200*time.Millisecond, 3, fmt.Sprintf(
			"had %d clerks call; the first and third attempts were lost, the second reset", 2*clerks))
		const many = 2000 // of so many one is longer than 49 ms, or is 49 ms where they are whole ones
		var first []time.Duration
		for range many {
			r := ends(notSent, done)
			retries.NewClerk("ann", r, 0).Add(t.Context(), "boxes", 1)
			sent := r.sent()
			expect.That(t, len(sent) == 2, expect.Message{Did: "called; the first attempt could not be sent",
				Want: "2 attempts", Got: fmt.Sprint(len(sent))})
			first = append(first, sent[1].begin.Sub(sent[0].end))
		}
		longest := slices.Max(first)
		expect.That(t, longest >= 49*time.Millisecond && longest <= 50*time.Millisecond, expect.Message{
			Did:  fmt.Sprintf("had %d clerks call; the first attempt could not be sent", many),
			Want: "pauses of up to 50 ms, the longest of which is 49 ms at least",
			Got:  fmt.Sprintf("the longest is %v", longest),
			Why:  "the bound is what all others are twice, four times and eight times of",
		})
	})
}

// likely ends the check unless durations may have been drawn evenly from 0 to a bound.
func likely(t *testing.T, drawn []time.Duration, bound time.Duration, k int, did string) {
	t.Helper()
	var sum, longest time.Duration
	short, long := 0, 0
	for _, d := range drawn {
		sum += d
		longest = max(longest, d)
		if d < bound/5 {
			short++
		}
		if d > bound*4/5 {
			long++
		}
	}
	n := len(drawn)
	expect.That(t, n >= 190 && longest <= bound, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("no clerk waits longer than %v before retry %d", bound, k),
		Got:  fmt.Sprintf("the longest of %d pauses is %v", n, longest),
		Why:  "a pause that grows without bound keeps a clerk away long after the server is back",
	})
	mean := sum / time.Duration(n)
	expect.That(t, mean > bound*35/100 && mean < bound*65/100 && short > n/12 && long > n/12, expect.Message{
		Did: did,
		Want: fmt.Sprintf("before retry %d the pauses are spread evenly from 0 to %v: their mean is near %v, "+
			"and about a fifth of them lies in the lowest fifth, as in the highest", k, bound, bound/2),
		Got: spread(drawn, bound, mean, short, long),
		Why: "clerks that failed together and wait for the same time come back together",
	})
}

// spread is how durations are spread, for a message.
func spread(drawn []time.Duration, bound, mean time.Duration, short, long int) string {
	switch {
	case slices.Min(drawn) == slices.Max(drawn):
		return fmt.Sprintf("all %d pauses are %v", len(drawn), drawn[0])
	case short+long == 0:
		return fmt.Sprintf("none of %d is shorter than %v or longer than %v", len(drawn), bound/5, bound*4/5)
	case short == 0:
		return fmt.Sprintf("none of %d is shorter than %v", len(drawn), bound/5)
	}
	return fmt.Sprintf("a mean of %v; of %d pauses %d are in the lowest fifth, %d in the highest", mean, len(drawn),
		short, long)
}

func TestRetriesHaveABudget(t *testing.T) {
	virtual(t, func(t *testing.T) {
		down := true
		r := &radio{call: func(ctx context.Context, _ int, req retries.Request) (retries.Response, error) {
			if down {
				return notSent(ctx, req)
			}
			return done(ctx, req)
		}}
		call := func(c *retries.Clerk, i int) int {
			r.clear()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			calls[i%2].call(c, ctx)
			return len(r.sent())
		}
		why := "when the server is down each call fails, and each retry is load on top: it must be a share of " +
			"the calls, not a multiple"
		for _, b := range []struct {
			budget float64
			want   []int
		}{
			{1, []int{12, 2, 2}},
			{0, []int{11, 1, 1, 1}},
			{0.5, []int{11, 2, 1, 2, 1, 2}},
			{0.25, []int{11, 1, 1, 2, 1, 1, 1, 2}},
			{0.125, []int{11, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2}},
			{1.0 / 1024, append(append([]int{11}, slices.Repeat([]int{1}, 1023)...), 2, 1)},
			{2.5, []int{13, 4, 3, 4, 3}},
			{50, []int{61, 51, 51}},
		} {
			c := retries.NewClerk("ann", r, b.budget)
			for i, want := range b.want {
				sent := call(c, i)
				expect.That(t, sent == want, expect.Message{
					Did: fmt.Sprintf("with a budget of %v called a server that is down, %d times", b.budget, i+1),
					Want: fmt.Sprintf("%d attempts in the last call: one, and as many retries as there are left",
						want),
					Got: fmt.Sprint(sent), Why: why})
			}
		}
		for _, b := range []struct {
			budget float64
			want   int
		}{{0, 11}, {0.05, 11}, {0.1, 11}, {0.25, 26}, {3, 301}} {
			c := retries.NewClerk("ann", r, b.budget)
			down = false
			for i := range 10_000 {
				call(c, i)
			}
			down = true
			sent := call(c, 0)
			expect.That(t, sent == b.want, expect.Message{
				Did: fmt.Sprintf("with a budget of %v called 10000 times, each was answered at once, and then a "+
					"server that is down", b.budget),
				Want: fmt.Sprintf("%d attempts", b.want), Got: fmt.Sprint(sent),
				Why: "what was saved up in a good week would otherwise be spent in the first minute of an outage"})
		}
		c := retries.NewClerk("ann", r, 1)
		call(c, 0)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 5 {
			calls[i%2].call(c, ended)
		}
		sent := call(c, 0)
		expect.That(t, sent == 7, expect.Message{
			Did: "with a budget of 1 called a server that is down until no retry was left, five times by " +
				"somebody whose ctx had ended, and then once more",
			Want: "7 attempts in the last call: one, and a retry for each of the six calls since then",
			Got:  fmt.Sprint(sent),
			Why:  "each call adds to the budget, whatever becomes of it"})
	})
}

func TestOnlyRetriesThatAreMadeAreCounted(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := ends(notSent)
		c := retries.NewClerk("ann", r, 0)
		const n = 400
		for range n {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			c.Add(ctx, "boxes", 1)
			cancel()
		}
		made := len(r.sent()) - n
		expect.That(t, made == 10, expect.Message{
			Did: fmt.Sprintf("with a budget of 0 called %d times a server that is down, each time for 20 ms: "+
				"many of the pauses are longer", n),
			Want: "10 retries in all", Got: fmt.Sprint(made),
			Why: "a call that ended while it waited has cost the server nothing"})
	})
}
