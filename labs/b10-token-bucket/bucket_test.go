package tokenbucket_test

import (
	"fmt"
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
	})
}

func TestConcurrentCallersShareOneBucket(t *testing.T) {
	message := func(did, want, got string) expect.Message {
		return expect.Message{Did: did, Want: want, Got: got,
			Why: "the limiter is asked by every request of the server at once; what it lets " +
				"through beyond the limit arrives exactly when the load is highest"}
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
				fmt.Sprintf("exactly %d allowed", burst), fmt.Sprintf("%d allowed", got)))
		}
	})

	// Two callers meet at the last token only when they arrive within nanoseconds of each other. So
	// two of them, on many buckets, take tokens as fast as they can until there is none: in real
	// time, in which nothing drips in at this rate.
	const buckets, burst, calls = 500, 20, 30
	lockstep.Enough(4000, 3*time.Second, func() int {
		ls := make([]*tokenbucket.Limiter, buckets)
		for i := range ls {
			ls[i] = tokenbucket.New(0.001, burst)
		}
		counts := make([]atomic.Int32, buckets)
		rounds, together := lockstep.Run(buckets, 2, time.Second, func(round, _ int) {
			counts[round].Add(int32(allowed(ls[round], calls)))
		})
		for i := range rounds {
			if n := counts[i].Load(); n != burst {
				expect.Fatal(t, message(
					fmt.Sprintf(
						"let 2 goroutines make %d calls each on a full bucket of %d at the same "+
							"moment, with many buckets", calls, burst),
					fmt.Sprintf("exactly %d allowed by each", burst),
					fmt.Sprintf("%d allowed by one of them", n)))
			}
		}
		return together
	})
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
		for _, n := range []int{6, 1000, 0, -1, -1000} {
			expect.That(t, !l.AllowN(n), expect.Message{
				Did:  fmt.Sprintf("called AllowN(%d) on a full bucket of 5", n),
				Want: "denied: more than the bucket holds, or no request at all",
				Got:  "allowed",
				Why: "a request that can never be served within the limit must not slip " +
					"through, and a negative one must not fill the bucket",
			})
		}
		expect.That(t, l.AllowN(3), expect.Message{
			Did: "called AllowN(3) on a full bucket of 5, after calls for 6, 1000, 0, -1 and " +
				"-1000 tokens were denied",
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
	})
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

// drain takes the whole bucket, which must be full.
func drain(t *testing.T, l *tokenbucket.Limiter, burst int) {
	t.Helper()
	if got := allowed(l, burst); got != burst {
		expect.Fatal(t, expect.Message{
			Did:  fmt.Sprintf("made %d calls on a new limiter with a burst of %d", burst, burst),
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
