package tokenbucket_test

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	tokenbucket "github.com/backend-labs/backend-labs/labs/b10-token-bucket"
)

func TestBurstIsBoundedByCapacity(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(10, 5)
		got := allowed(l, 6)
		expect.That(t, got == 5, expect.Message{
			Did: "made 6 calls at one instant on a new limiter of 10 tokens a second and a " +
				"burst of 5",
			Want: "the first 5 allowed, the sixth denied",
			Got:  fmt.Sprintf("%d of 6 allowed", got),
			Why: "a bucket starts full, so that a new client is served at once, and its size " +
				"is the largest burst that what is behind it must survive",
		})
	})
}

func TestRefillIsContinuous(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		// Two buckets, so that the call that is denied cannot be what the other one depends on.
		early, late := tokenbucket.New(10, 5), tokenbucket.New(10, 5)
		drain(t, early, 5)
		drain(t, late, 5)

		time.Sleep(99 * time.Millisecond)
		expect.That(t, !early.Allow(), expect.Message{
			Did:  "emptied a bucket of 10 tokens a second and asked again 99 ms later",
			Want: "denied: a token takes 100 ms",
			Got:  "allowed",
			Why:  "a limiter that refills early lets through more than its rate",
		})
		time.Sleep(2 * time.Millisecond)
		got := allowed(late, 5)
		expect.That(t, got == 1, expect.Message{
			Did:  "emptied a bucket of 10 tokens a second and made 5 calls 101 ms later",
			Want: "exactly 1 allowed: one token has dripped in",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "a bucket refills all the time, token by token; a client that waits 1/rate " +
				"may go on",
		})
		for _, rate := range []float64{2.5, 0.5, 1.0 / 3600, 1.0 / (7 * 24 * 3600), 1e-8} {
			refillsAt(t, rate)
		}
	})
}

// refillsAt takes the only token of a bucket and waits for the next.
func refillsAt(t *testing.T, rate float64) {
	t.Helper()
	one, other := tokenbucket.New(rate, 1), tokenbucket.New(rate, 1)
	drain(t, one, 1)
	drain(t, other, 1)
	due := time.Duration(float64(time.Second) / rate)
	time.Sleep(due - time.Millisecond)
	early := one.Allow()
	time.Sleep(2 * time.Millisecond)
	late := other.Allow()
	expect.That(t, !early && late, expect.Message{
		Did: fmt.Sprintf("emptied two buckets of %.4g tokens a second and a burst of 1, and asked "+
			"one 1 ms before and one 1 ms after the next token is due, which takes %v", rate, due),
		Want: "denied, then allowed",
		Got:  fmt.Sprintf("%s, then %s", verdict(early), verdict(late)),
		Why: "a rate need be neither whole nor more than one a second: \"one password mail an " +
			"hour\" is a rate, too",
	})
}

func TestIdleTimeIsCapped(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(10, 5)
		time.Sleep(time.Hour)
		got := allowed(l, 100)
		expect.That(t, got == 5, expect.Message{
			Did: "left a limiter of 10 tokens a second and a burst of 5 alone for an hour, " +
				"then made 100 calls at one instant",
			Want: "exactly 5 allowed: a full bucket",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "if silence earned credit without end, the quietest client could bring the " +
				"system down: an hour at 10 a second is 36,000 requests at once",
		})

		l = tokenbucket.New(10, 5)
		drain(t, l, 3)
		time.Sleep(time.Hour + 75*time.Millisecond)
		got = allowed(l, 5)
		time.Sleep(75 * time.Millisecond)
		more := l.Allow()
		expect.That(t, got == 5 && !more, expect.Message{
			Did: "left a limiter of 10 tokens a second alone for an hour and 75 ms, emptied its " +
				"full bucket of 5, and asked again 75 ms later",
			Want: "5 allowed, then denied: a token takes 100 ms, and a full bucket has no part of " +
				"the next",
			Got: fmt.Sprintf("%d allowed, then %s", got, verdict(more)),
			Why: "what drips into a full bucket runs over, fractions included: else there is a " +
				"little more than the burst after each pause",
		})

		l = tokenbucket.New(10, 5)
		drain(t, l, 5)
		time.Sleep(575 * time.Millisecond)
		got = allowed(l, 5)
		time.Sleep(75 * time.Millisecond)
		more = l.Allow()
		expect.That(t, got == 5 && !more, expect.Message{
			Did: "emptied a bucket of 10 tokens a second and a burst of 5, emptied it again 575 ms later, and asked once " +
				"more 75 ms after that",
			Want: "5 allowed, then denied: of the 5.75 tokens that dripped in there was room for 5",
			Got:  fmt.Sprintf("%d allowed, then %s", got, verdict(more)),
			Why:  "a bucket that has just run full has no part of the next token either",
		})

		const burst = 1000
		l = tokenbucket.New(1e6, burst)
		drain(t, l, burst)
		time.Sleep(365 * 24 * time.Hour)
		got = allowed(l, burst+1)
		expect.That(t, got == burst, expect.Message{
			Did: "emptied a bucket of a million tokens a second and a burst of 1000, left it " +
				"alone for a year, and made 1001 calls at one instant",
			Want: "exactly 1000 allowed",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "nanoseconds × rate is soon more than an int64 holds; a bucket that has gone " +
				"below zero by that never recovers",
		})
	})
}

func TestFractionsOfTokensAreKept(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(3, 1)
		got := saturate(l, time.Minute, 10*time.Millisecond)
		expect.That(t, got >= 170 && got <= 181, expect.Message{
			Did:  "called a limiter of 3 tokens a second and a burst of 1 every 10 ms for a minute",
			Want: "about 180 allowed (170 to 181): in 10 ms 0.03 of a token drips in, and counts",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "a client that asks often must get the rate that it was promised, no less and " +
				"no more",
		})

		l = tokenbucket.New(10, 5)
		drain(t, l, 5)
		time.Sleep(160 * time.Millisecond)
		first := l.Allow()
		time.Sleep(50 * time.Millisecond)
		second := l.Allow()
		expect.That(t, first && second, expect.Message{
			Did: "emptied a bucket of 10 tokens a second, took a token 160 ms later, and asked " +
				"again 50 ms after that",
			Want: "both allowed: after 210 ms two tokens have dripped in",
			Got:  fmt.Sprintf("%s, then %s", verdict(first), verdict(second)),
			Why: "taking a token leaves the part of the next one where it is; who loses it " +
				"loses up to a token with each call",
		})

		l = tokenbucket.New(1e6, 5)
		got = saturate(l, 9*time.Millisecond, 900*time.Nanosecond)
		expect.That(t, got >= 8900 && got <= 9006, expect.Message{
			Did: "called a limiter of a million tokens a second and a burst of 5 every 900 ns " +
				"for 9 ms",
			Want: "about 9000 allowed (8900 to 9006)",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "busy servers ask many times within a millisecond, and time that is cut to " +
				"whole ones stands still for them",
		})
		smallParts(t)
		partsOfNanoseconds(t)
	})
}

// smallParts asks so often that each time a few millionths of a token have dripped in.
func smallParts(t *testing.T) {
	t.Helper()
	const polls, every = 20_000, 470 * time.Nanosecond
	l := tokenbucket.New(10, 1)
	drain(t, l, 1)
	early := saturate(l, polls*every, every)
	time.Sleep(101*time.Millisecond - polls*every)
	got := l.Allow()
	expect.That(t, early == 0 && got, expect.Message{
		Did: fmt.Sprintf("emptied a bucket of 10 tokens a second, called Allow %d times within the next %v, and again after "+
			"101 ms", polls, polls*every),
		Want: "none allowed, and then one: 10 tokens a second are one in 100 ms",
		Got:  fmt.Sprintf("%d allowed, then %s", early, verdict(got)),
		Why: "a client that does not stop asking is the one that a limiter is for; whatever is rounded off at each call, it " +
			"loses a hundred thousand times",
	})
}

// partsOfNanoseconds has a token take a thousand nanoseconds and a half.
func partsOfNanoseconds(t *testing.T) {
	t.Helper()
	const rate, burst, steps = 1e9 / 1000.5, 2000, 200
	l := tokenbucket.New(rate, burst)
	drain(t, l, burst)
	got := 0
	for range steps {
		time.Sleep(time.Millisecond)
		got += allowed(l, 1005)
	}
	want := rate * steps / 1000
	expect.That(t, math.Abs(float64(got)-want) <= 3, expect.Message{
		Did: fmt.Sprintf("emptied a bucket of %.1f tokens a second, of which each takes 1000.5 ns, "+
			"and took every millisecond what was there, for %d ms", rate, steps),
		Want: fmt.Sprintf("%.1f tokens, give or take 3", want),
		Got:  fmt.Sprintf("%d tokens", got),
		Why: "the time that a token takes is hardly ever a whole number of nanoseconds, and what is " +
			"cut off is multiplied by a million a second: the rate is another one than the one asked for",
	})
}

// TestEveryIntervalIsBounded holds the definition of a token bucket against every pair of admitted
// requests.
func TestEveryIntervalIsBounded(t *testing.T) {
	const (
		rate, burst = 10, 10
		polls       = 1000
		slack       = 1e-6 // for floating point
	)
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(rate, burst)
		start := time.Now()
		time.Sleep(430 * time.Millisecond)
		var at []time.Duration
		for range polls {
			if l.Allow() {
				at = append(at, time.Since(start))
			}
			time.Sleep(7 * time.Millisecond)
		}
		for i := range at {
			for j := i; j < len(at); j++ {
				n, length := j-i+1, at[j]-at[i]
				expect.That(t, float64(n) <= burst+rate*length.Seconds()+slack, expect.Message{
					Did: fmt.Sprintf(
						"called a limiter of %d tokens a second and a burst of %d every 7 ms, "+
							"from +430 ms on", rate, burst),
					Want: fmt.Sprintf("in any %v at most %.1f allowed: burst + rate × time", length,
						burst+rate*length.Seconds()),
					Got: fmt.Sprintf("%d allowed between +%v and +%v", n, at[i], at[j]),
					Why: "a limit that holds only in intervals of its own choosing is no " +
						"limit: clients do not know where they begin",
				})
			}
		}
		const least = 70 // in 7 s at 10 a second, besides the burst
		expect.That(t, len(at) >= least, expect.Message{
			Did: fmt.Sprintf(
				"called a limiter of %d tokens a second and a burst of %d every 7 ms for 7 s", rate,
				burst),
			Want: fmt.Sprintf("at least %d allowed", least),
			Got:  fmt.Sprintf("%d allowed", len(at)),
			Why:  "a limiter must let through what it promises",
		})
	})
}

func TestDeniedCallsCostNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(1, 1)
		drain(t, l, 1)
		if got := allowed(l, 50); got != 0 {
			expect.Fatal(t, expect.Message{
				Did:  "emptied a bucket of 1 token and made 50 more calls at the same instant",
				Want: "none allowed",
				Got:  fmt.Sprintf("%d allowed", got),
			})
		}
		time.Sleep(1001 * time.Millisecond)
		expect.That(t, l.Allow(), expect.Message{
			Did: "emptied a bucket of 1 token a second, was denied 50 times, and asked again " +
				"1001 ms later",
			Want: "allowed: one token has dripped in, and the denied calls took none",
			Got:  "denied",
			Why: "if refusals are charged, a client that retries eagerly locks itself out for " +
				"as long as it keeps trying",
		})
		for _, n := range impossible {
			impossibleIsFree(t, n)
		}
		refusedAtOnce(t)
	})
}

// calls on a bucket of 5 that are never allowed
var impossible = []int{6, 1000, math.MaxInt, 0, -1, -3, -1000, math.MinInt}

// impossibleIsFree asks a bucket that is neither full nor empty for what it can never give.
func impossibleIsFree(t *testing.T, n int) {
	t.Helper()
	l := tokenbucket.New(10, 5)
	drain(t, l, 5)
	for range 5 {
		time.Sleep(50 * time.Millisecond)
		l.AllowN(n)
	}
	got := allowed(l, 5)
	expect.That(t, got == 2, expect.Message{
		Did: fmt.Sprintf("emptied a bucket of 10 tokens a second and a burst of 5, called "+
			"AllowN(%d) 5 times, every 50 ms, then made 5 calls for one", n),
		Want: "2 allowed: in 250 ms two and a half tokens have dripped in",
		Got:  fmt.Sprintf("%d allowed", got),
		Why: "a call that is never allowed changes nothing either: it takes nothing, gives " +
			"nothing, and neither stops nor sets the clock of the bucket",
	})
}

func refusedAtOnce(t *testing.T) {
	t.Helper()
	l := tokenbucket.New(10, 5)
	drain(t, l, 4)
	start := time.Now()
	ok := l.AllowN(2)
	took := time.Since(start)
	expect.That(t, !ok && took == 0, expect.Message{
		Did:  "called AllowN(2) on a bucket of 10 tokens a second that had 1 left",
		Want: "denied, at once",
		Got:  fmt.Sprintf("%s after %v", verdict(ok), took),
		Why: "a limiter that waits keeps the request, its connection and its memory: under " +
			"overload the queue is then in front of the limiter",
	})
}

func TestConcurrentCallersShareOneBucket(t *testing.T) {
	message := func(did, want, got string) expect.Message {
		return expect.Message{Did: did, Want: want, Got: got,
			Why: "the limiter is asked by every request of the server at once; what it lets " +
				"through beyond the limit, or refuses below it, it does when the load is highest"}
	}
	bubble.Run(t, func(t *testing.T) {
		const callers, burst = 1000, 100
		for range 20 {
			l := tokenbucket.New(0.001, burst)
			gate := make(chan struct{})
			var admitted atomic.Int64
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					<-gate
					if l.Allow() {
						admitted.Add(1)
					}
				})
			}
			close(gate)
			wg.Wait()
			got := admitted.Load()
			expect.That(t, got == burst, message(
				fmt.Sprintf("let %d goroutines call a full bucket of %d at one instant", callers,
					burst),
				fmt.Sprintf("exactly %d allowed", burst), fmt.Sprintf("%d allowed%s", got, against(int(got), burst))))
		}
	})

	// Two callers meet at the last token only when they arrive within nanoseconds of each other. So
	// two of them, on many buckets, take tokens as fast as they can until there is none: in real
	// time, in which nothing drips in at this rate.
	// In every second pair of buckets there is just enough for all calls, so that none is refused.
	const buckets, burst, calls = 500, 20, 30
	size := func(round int) int {
		if round%4 < 2 {
			return burst
		}
		return 2 * calls * (1 + round%2)
	}
	lockstep.Enough(4000, 3*time.Second, func() int {
		ls := make([]*tokenbucket.Limiter, buckets)
		for i := range ls {
			ls[i] = tokenbucket.New(0.001, size(i))
		}
		counts := make([]atomic.Int32, buckets)
		rounds, together := lockstep.Run(buckets, 2, time.Second, func(round, _ int) {
			counts[round].Add(int32(take(ls[round], calls, 1+round%2)))
		})
		for i := range rounds {
			if n := counts[i].Load(); int(n) != size(i) {
				there := fmt.Sprintf("a full bucket of %d", size(i))
				if size(i) > burst {
					there = "a bucket with just as many tokens as they asked for"
				}
				expect.Fatal(t, message(
					fmt.Sprintf(
						"let 2 goroutines make %d calls each, by Allow or by AllowN(2), on "+
							"%s at the same moment, with many buckets", calls, there),
					fmt.Sprintf("exactly %d tokens taken from each", size(i)),
					fmt.Sprintf("%d taken from one of them%s", n, against(int(n), size(i)))))
			}
		}
		return together
	})
	between := 0
	for range 100 {
		between += dripsOnce(t)
	}
	lockstep.Enough(3000-between, 3*time.Second, func() int { return dripsOnce(t) })
}

// against says on which side of what was there a number of tokens is.
func against(taken, there int) string {
	if taken > there {
		return ", more than there were"
	}
	return ", though there were more"
}

// dripsOnce has several goroutines call one bucket in real time, and then takes what is left: each moment has dripped
// into the bucket once, whoever came to the lock first. It returns how often one of them got in between two calls of
// another: not at all if they ran one after the other.
func dripsOnce(t *testing.T) (between int) {
	t.Helper()
	const (
		rate, burst    = 1e6, 1 << 30 // a quarter of an hour until it is full
		callers, calls = 4, 500
		slack          = 50 // µs that two clocks of one machine may differ by
	)
	var taken atomic.Int64
	takes := func(l *tokenbucket.Limiter, n int) {
		if l.AllowN(n) {
			taken.Add(int64(n))
		}
	}
	before := time.Now()
	l := tokenbucket.New(rate, burst)
	takes(l, burst)
	from := time.Now()
	var wg sync.WaitGroup
	var last, changes atomic.Int64
	for caller := range callers {
		wg.Go(func() {
			for range calls {
				takes(l, 1)
				if last.Swap(int64(caller)) != int64(caller) {
					changes.Add(1)
				}
			}
		})
	}
	wg.Wait()
	least := burst + rate*time.Since(from).Seconds() - slack
	for n := burst; n > 0; n /= 2 {
		takes(l, n)
	}
	took := time.Since(before)
	most := burst + rate*took.Seconds() + slack
	got := float64(taken.Load())
	expect.That(t, got >= least && got <= most, expect.Message{
		Did: fmt.Sprintf("emptied a bucket of a million tokens a second and a burst of %d, let %d goroutines make %d "+
			"calls each, and took what was left, all within %v", burst, callers, calls, took.Round(time.Microsecond)),
		Want: fmt.Sprintf("%.0f to %.0f tokens in all: burst + rate × time", least, most),
		Got:  fmt.Sprintf("%.0f", got),
		Why: "callers get to the bucket in another order than the one in which they looked at the clock: if an earlier " +
			"time overwrites a later one, what lies between them drips in again, the more often, the higher the load",
	})
	return max(0, int(changes.Load())-callers)
}

func TestLongRunRate(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(10, 5)
		got := saturate(l, time.Minute, time.Millisecond)
		expect.That(t, got >= 600 && got <= 606, expect.Message{
			Did: "called a limiter of 10 tokens a second and a burst of 5 every millisecond " +
				"for a minute",
			Want: "600 to 606 allowed: the first burst and then 10 a second",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "the rate is what capacity is planned by; it may depend neither on how often " +
				"a client asks nor on the size of the bucket",
		})
	})
}

func TestSeveralTokensAreTakenAtOnceOrNotAtAll(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(1, 5)
		for _, n := range impossible {
			expect.That(t, !l.AllowN(n), expect.Message{
				Did:  fmt.Sprintf("called AllowN(%d) on a full bucket of 5", n),
				Want: "denied: more than the bucket holds, or no request at all",
				Got:  "allowed",
				Why: "a request that can never be served within the limit must not slip " +
					"through, and a negative one must not fill the bucket",
			})
		}
		expect.That(t, l.AllowN(3), expect.Message{
			Did: "called AllowN(3) on a full bucket of 5, after calls for too many tokens, for " +
				"none and for fewer than none were denied",
			Want: "allowed: nothing has been taken yet",
			Got:  "denied",
			Why:  "a denied call changes nothing",
		})
		expect.That(t, !l.AllowN(3), expect.Message{
			Did:  "called AllowN(3) with 2 tokens left",
			Want: "denied: all or nothing",
			Got:  "allowed",
			Why:  "whoever asks for 3 and gets 2 does its work with a third of it unpaid",
		})
		got := allowed(l, 5)
		expect.That(t, got == 2, expect.Message{
			Did:  "with 2 tokens left, was denied AllowN(3), then made 5 calls for one",
			Want: "exactly 2 allowed: the denied call left both tokens where they were",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "if a big request drains the bucket on its way to a refusal, it starves the " +
				"small ones and, retrying, itself",
		})
		for _, parts := range [][]int{{5}, {1, 4}, {3, 2}} {
			toTheLast(t, parts...)
		}
		large(t)
	})
}

// toTheLast takes a bucket of 5 in parts.
func toTheLast(t *testing.T, parts ...int) {
	t.Helper()
	l := tokenbucket.New(1, 5)
	var got []string
	for _, n := range parts {
		got = append(got, verdict(l.AllowN(n)))
	}
	more := l.Allow()
	expect.That(t, !slices.Contains(got, "denied") && !more, expect.Message{
		Did: fmt.Sprintf("took the 5 tokens of a full bucket by AllowN of each of %v, then "+
			"asked for one more", parts),
		Want: "all of them allowed, down to the last token, and not the one more",
		Got:  fmt.Sprintf("%v, and the one more %s", got, verdict(more)),
		Why:  "whoever may take n tokens may take them when exactly n are there",
	})
}

// large asks for one token more than there are, in numbers that are neighbours in an int only.
func large(t *testing.T) {
	t.Helper()
	for _, burst := range []int{math.MaxInt>>10 + 1, math.MaxInt - 1} { // 2^53 in 64 bits
		expect.That(t, !tokenbucket.New(1, burst).AllowN(burst+1), expect.Message{
			Did:  fmt.Sprintf("called AllowN(%d) on a full bucket of %d", burst+1, burst),
			Want: "denied: more than the bucket holds",
			Got:  "allowed",
			Why: "a float64 tells whole numbers apart only up to 2^53: n and burst are ints, " +
				"and have to be compared as such",
		})
	}
	const burst = 1 << 20
	l := tokenbucket.New(1, burst)
	most, rest, more := l.AllowN(burst-1), l.Allow(), l.Allow()
	expect.That(t, most && rest && !more, expect.Message{
		Did:  fmt.Sprintf("called AllowN(%d), Allow and Allow on a full bucket of %d", burst-1, burst),
		Want: "allowed, allowed, denied",
		Got:  fmt.Sprintf("%s, %s, %s", verdict(most), verdict(rest), verdict(more)),
		Why:  "a request may cost many tokens, such as one for each byte",
	})
	const huge = 1 << 40
	l = tokenbucket.New(1e6, huge)
	most, rest, more = l.AllowN(huge-1), l.Allow(), l.Allow()
	expect.That(t, most && rest && !more, expect.Message{
		Did:  fmt.Sprintf("called AllowN(%d), Allow and Allow on a full bucket of %d", huge-1, huge),
		Want: "allowed, allowed, denied",
		Got:  fmt.Sprintf("%s, %s, %s", verdict(most), verdict(rest), verdict(more)),
		Why:  "a bucket of bytes for a backup holds more than an int32 does",
	})
	l = tokenbucket.New(1e6, math.MaxInt)
	time.Sleep(time.Hour)
	one, rest := l.Allow(), l.AllowN(1000)
	expect.That(t, one && rest, expect.Message{
		Did:  "left a bucket of a million tokens a second and a burst of math.MaxInt alone for an hour, and called Allow and AllowN(1000)",
		Want: "allowed, allowed",
		Got:  fmt.Sprintf("%s, %s", verdict(one), verdict(rest)),
		Why: "the largest burst is how one writes that there is to be no limit; what drips into the full bucket must not turn " +
			"over what it holds",
	})
	// Powers of two, of which a float64 has no part to round.
	slowly(t, 1.0/(1<<27), 1000)
	slowly(t, 1.0/(1<<34), 3)
}

// slowly has a bucket that takes longer to fill than a time.Duration can be.
func slowly(t *testing.T, rate float64, burst int) {
	t.Helper()
	l := tokenbucket.New(rate, burst)
	most, rest, more := l.AllowN(burst-1), l.Allow(), l.Allow()
	time.Sleep(time.Hour)
	later := l.Allow()
	expect.That(t, most && rest && !more && !later, expect.Message{
		Did: fmt.Sprintf("called AllowN(%d), Allow and Allow on a full bucket of %d that gains a token in %.0f "+
			"years, and Allow an hour later", burst-1, burst, 1/rate/(365.25*24*3600)),
		Want: "allowed, allowed, denied, denied",
		Got:  fmt.Sprintf("%s, %s, %s, %s", verdict(most), verdict(rest), verdict(more), verdict(later)),
		Why: "a rate is greater than 0, and a time in nanoseconds ends after 292 years: what runs over there is " +
			"below zero, and a limit that is no more than a formality allows everything",
	})
}

func verdict(allowed bool) string {
	if allowed {
		return "allowed"
	}
	return "denied"
}

// allowed makes n calls at one instant and counts those allowed.
func allowed(l *tokenbucket.Limiter, n int) int {
	got := 0
	for range n {
		if l.Allow() {
			got++
		}
	}
	return got
}

// take makes calls for n tokens each, by Allow where that is one, and counts the tokens.
func take(l *tokenbucket.Limiter, calls, n int) int {
	if n == 1 {
		return allowed(l, calls)
	}
	got := 0
	for range calls {
		if l.AllowN(n) {
			got += n
		}
	}
	return got
}

// drain takes the whole bucket, which must be full.
func drain(t *testing.T, l *tokenbucket.Limiter, burst int) {
	t.Helper()
	if got := allowed(l, burst); got != burst {
		expect.Fatal(t, expect.Message{
			Did:  fmt.Sprintf("emptied a new limiter with a burst of %d, a token at a time", burst),
			Want: "all allowed: a bucket starts full",
			Got:  fmt.Sprintf("%d allowed", got),
		})
	}
}

// saturate calls the limiter once every step and counts the calls allowed.
func saturate(l *tokenbucket.Limiter, length, step time.Duration) int {
	got := 0
	for range length / step {
		if l.Allow() {
			got++
		}
		time.Sleep(step)
	}
	return got
}
