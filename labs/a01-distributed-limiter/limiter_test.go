package limiter_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/fleet"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	limiter "github.com/backend-labs/backend-labs/labs/a01-distributed-limiter"
)

// tenASecond is the limit of most checks: a unit drips in every 100 ms.
var tenASecond = limiter.Limit{Rate: 10, Per: time.Second, Burst: 10}

// hundredAnHour is for checks in real time: nothing drips in meanwhile, unless the machine is very
// busy.
var hundredAnHour = limiter.Limit{Rate: 100, Per: time.Hour, Burst: 100}

const sharedWhy = "the limit protects what all instances share; what they decide side by side " +
	"without seeing each other adds up behind them"

func TestInstancesShareOneLimit(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 4)
		// whoever reads first and writes later has let the others read, too
		r.RTT(5 * time.Millisecond)
		checkStorm(t, r, 50)
	})
}

func TestInstancesShareOneLimitOnARealServer(t *testing.T) {
	checkStorm(t, vredis.Real(t, 4), 250)
}

// checkStorm lets each instance make calls at one moment. At 100 units an hour nothing drips in
// meanwhile, unless the machine is very busy.
func checkStorm(t *testing.T, r *vredis.Redis, calls int) {
	t.Helper()
	const burst = 100
	// A busy machine may be slow, so the budget is one that nothing exceeds.
	xs := instances(r, limiter.Limit{Rate: 100, Per: time.Hour, Burst: burst}, limiter.FailClosed,
		30*time.Second)
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		admitted int
		failed   error
		gate     = make(chan struct{})
	)
	for _, x := range xs {
		for range calls {
			wg.Go(func() {
				<-gate
				d, err := x.AllowN(t.Context(), "alice", 1)
				mu.Lock()
				defer mu.Unlock()
				if d.Allowed {
					admitted++
				}
				if err != nil {
					failed = err
				}
			})
		}
	}
	start := time.Now()
	close(gate)
	wg.Wait()
	dripped := int(time.Since(start) / (time.Hour / 100))
	did := fmt.Sprintf("let %d instances make %d calls each for one client at one moment, with "+
		"a burst of %d", len(xs), calls, burst)
	expect.NoError(t, failed, expect.Message{Did: did,
		Want: "decisions, and no error: Redis is well"})
	expect.That(t, within(admitted, burst-1, burst+dripped), expect.Message{
		Did: did,
		Want: fmt.Sprintf("%d allowed by all of them together (%d is accepted, for rounding)",
			burst, burst-1),
		Got: fmt.Sprintf("%d allowed", admitted),
		Why: sharedWhy,
	})
}

func init() { fleet.Handle("instance", instance) }

// instance is a process with one limiter: POST /calls makes as many calls as it is told and answers
// how many were allowed.
func instance() (http.Handler, error) {
	rdb, err := vredis.Dial(os.Getenv("REDIS"))
	if err != nil {
		return nil, err
	}
	x := limiter.New(rdb, hundredAnHour, limiter.FailClosed, 30*time.Second, time.Now)
	return fleet.Reply(func(r *http.Request, calls int) (allowed int, err error) {
		for range calls {
			d, err := x.AllowN(r.Context(), "alice", 1)
			if err != nil {
				return allowed, err
			}
			if d.Allowed {
				allowed++
			}
		}
		return allowed, nil
	}), nil
}

func TestProcessesShareOneLimit(t *testing.T) {
	const calls = 60
	r := vredis.Own(t, 0)
	start := time.Now()
	total, each := 0, []int{}
	for _, x := range fleet.Start(t, "instance", 3, "REDIS="+r.URL) {
		var got int
		expect.NoError(t, x.Ask("/calls", calls, &got), expect.Message{
			Did: fmt.Sprintf("started three processes with an instance in each and one Redis for "+
				"all, and let each make %d calls", calls),
			Want: "decisions, and no error: Redis is well",
		})
		total, each = total+got, append(each, got)
	}
	dripped := int(time.Since(start) / (time.Hour / 100))
	burst := hundredAnHour.Burst
	expect.That(t, within(total, burst-1, burst+dripped), expect.Message{
		Did: fmt.Sprintf("started three processes with an instance in each and one Redis for all, "+
			"and let one after the other make %d calls for one client, with a burst of %d", calls,
			burst),
		Want: fmt.Sprintf("%d allowed by all of them together (%d is accepted, for rounding)",
			burst, burst-1),
		Got: fmt.Sprintf("%d allowed: %v", total, each),
		Why: "a variable, also one of the package, is one process's; the instances of a service " +
			"run on different machines, and what they must know of each other lies in Redis",
	})
}

func TestLoadMayBeUneven(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 4)
		xs := instances(r, limiter.Limit{Rate: 100, Per: time.Hour, Burst: 100},
			limiter.FailClosed, 0)

		tl := timeline.New()
		first := allowed(t, xs[0], "alice", 70)
		draw(tl, 1, 70, first)
		expect.That(t, first == 70, expect.Message{
			Did:  "let one of four instances make 70 calls for a client with a burst of 100",
			Want: "70 allowed: the limit is the client's, whichever instance it happens to meet",
			Got:  fmt.Sprintf("%d allowed", first),
			Why: "a balancer doesn't split a client's requests evenly: keep-alive and sticky " +
				"sessions send most of them to one instance, and a fixed share refuses there " +
				"what the limit permits",
		})
		rest := allowed(t, xs[1], "alice", 70)
		second := draw(tl, 2, 70, rest)
		if rest > 30 {
			second.Breaks()
		}
		expect.That(t, within(rest, 29, 30), expect.Message{
			Did: "after 70 calls on one instance, let a second one make 70 more, with a burst " +
				"of 100",
			Want:    "30 allowed: what the first has left (29 is accepted, for rounding)",
			Got:     fmt.Sprintf("%d allowed", rest),
			Why:     sharedWhy,
			Picture: tl,
		})
		for i, x := range xs[2:] {
			got := allowed(t, x, "alice", 10)
			draw(tl, i+3, 10, got)
			expect.That(t, got <= 100-first-rest, expect.Message{
				Did: fmt.Sprintf(
					"asked instance %d for 10 more when two others had allowed %d of 100", i+3,
					first+rest),
				Want:    fmt.Sprintf("at most %d allowed", 100-first-rest),
				Got:     fmt.Sprintf("%d allowed", got),
				Why:     sharedWhy,
				Picture: tl,
			})
		}
		for _, key := range []string{"bob", "Alice", "alice-2", "alice2"} {
			otherClient(t, xs[3], key)
		}
	})
	bubble.Run(t, func(t *testing.T) {
		x := instances(vredis.Start(t, 1), tenASecond, limiter.FailClosed, 0)[0]
		tenant := strings.Repeat("a-tenant-with-a-long-name-", 8)
		for _, keys := range []struct{ first, second, alike string }{
			{tenant + "alice", tenant + "bob", fmt.Sprintf("the first %d bytes of both", len(tenant))},
			{"plumless", "buckeroo", "the checksums (CRC-32) of plumless and buckeroo"},
			{"costarring", "liquid", "the hashes (32-bit FNV-1a) of costarring and liquid"},
		} {
			drain(t, x, keys.first, 10)
			got := allowed(t, x, keys.second, 10)
			expect.That(t, within(got, 9, 10), expect.Message{
				Did: "emptied the bucket of one key, and made 10 calls for another; " +
					keys.alike + " are the same",
				Want: "10 allowed: each key has a bucket of its own (9 is accepted, for rounding)",
				Got:  fmt.Sprintf("%d allowed", got),
				Why: "what tells two clients apart often stands at the end of a key, and what " +
					"is shorter than the keys is the same for some of them",
			})
		}
	})
	bubble.Run(t, func(t *testing.T) {
		const clients = 1000
		x := instances(vredis.Start(t, 1), hundredAnHour, limiter.FailClosed, 0)[0]
		for i := range clients {
			d := ask(t, x, fmt.Sprint("client-", i), 60)
			expect.That(t, d.Allowed, expect.Message{
				Did: fmt.Sprintf("made one call for 60 units for each of %d clients, with a "+
					"burst of 100", clients),
				Want: "all allowed: each key has a bucket of its own",
				Got:  fmt.Sprintf("client %d is denied", i),
				Why: "keys that are spread over a number of buckets meet: the first two of " +
					"16,384 do so when there are 150 clients",
			})
		}
	})
}

func otherClient(t *testing.T, x *limiter.Limiter, key string) {
	t.Helper()
	got := allowed(t, x, key, 100)
	expect.That(t, got >= 99, expect.Message{
		Did:  "when alice had used her 100 units up, made 100 calls for " + key,
		Want: "100 allowed: each key has a bucket of its own (99 is accepted, for rounding)",
		Got:  fmt.Sprintf("%d allowed", got),
		Why:  "if clients share a bucket, the greedy one spends what belongs to the others",
	})
}

// draw puts what an instance has allowed on a picture.
func draw(tl *timeline.Timeline, instance, calls, allowed int) timeline.Recorded {
	return tl.Point(fmt.Sprint("instance ", instance), "%d of %d allowed", allowed, calls)
}

func TestRefillIsContinuous(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, tenASecond, limiter.FailClosed, 0)[0]
		time.Sleep(430 * time.Millisecond) // seconds do not begin when a client does
		total := drain(t, x, "alice", 10)

		time.Sleep(99 * time.Millisecond)
		total += allowed(t, x, "alice", 5)
		expect.That(t, total <= 10, expect.Message{
			Did:  "emptied a bucket of 10 units that gains 10 a second, and asked again 99 ms later",
			Want: "10 allowed by then: the next unit takes 100 ms",
			Got:  fmt.Sprintf("%d allowed", total),
			Why:  "a limiter that refills early lets through more than its rate",
		})
		time.Sleep(2 * time.Millisecond)
		total += allowed(t, x, "alice", 5)
		expect.That(t, within(total, 10, 11), expect.Message{
			Did: "emptied a bucket of 10 units that gains 10 a second, and asked again 101 ms " +
				"later",
			Want: "11 allowed by then: one unit has dripped in (10 is accepted, for rounding)",
			Got:  fmt.Sprintf("%d allowed", total),
		})
		time.Sleep(500 * time.Millisecond)
		total += allowed(t, x, "alice", 10)
		expect.That(t, within(total, 15, 16), expect.Message{
			Did: "emptied a bucket of 10 units that gains 10 a second, and asked again at +101 " +
				"ms and at +601 ms",
			Want: "16 allowed by then: 10 and one for every 100 ms (15 is accepted, for rounding)",
			Got:  fmt.Sprintf("%d allowed", total),
			Why: "a counter that starts anew every second lets a client have nothing for a " +
				"second, and two seconds' worth around the change; a bucket refills all the time",
		})
	})
}

func TestIdleTimeEarnsWhatDripsIn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, limiter.Limit{Rate: 1, Per: time.Second, Burst: 60}, limiter.FailClosed,
			0)[0]
		total := drain(t, x, "alice", 60)

		time.Sleep(30*time.Second + 500*time.Millisecond)
		total += allowed(t, x, "alice", 100)
		expect.That(t, within(total, 89, 90), expect.Message{
			Did: "emptied a bucket of 60 units that gains 1 a second, left it alone for 30.5 " +
				"s, then made 100 calls at one instant",
			Want: "90 allowed in all: the first 60, and the 30 that have dripped in (89 is " +
				"accepted, for rounding)",
			Got: fmt.Sprintf("%d allowed in all", total),
			Why: "a bucket fills while nobody asks, so what is known of a client must live " +
				"until it is full; forgotten earlier, a short pause buys a full bucket",
		})
		time.Sleep(time.Hour)
		got := allowed(t, x, "alice", 100)
		expect.That(t, within(got, 59, 60), expect.Message{
			Did: "left the bucket of 60 units alone for an hour, then made 100 calls at one " +
				"instant",
			Want: "60 allowed: a full bucket (59 is accepted, for rounding)",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "if silence earned credit without end, the quietest client could bring the " +
				"system down",
		})
	})
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, limiter.Limit{Rate: 2, Per: 2400 * time.Millisecond, Burst: 2},
			limiter.FailClosed, 0)[0]
		total := drain(t, x, "carol", 2)
		time.Sleep(2200 * time.Millisecond)
		total += allowed(t, x, "carol", 5)
		expect.That(t, within(total, 2, 3), expect.Message{
			Did: "emptied a bucket of 2 units that gains 2 in 2.4 s, and asked again 2.2 s later",
			Want: "3 allowed by then: one unit has dripped in, and the next takes 0.2 s more (2 is " +
				"accepted, for rounding)",
			Got: fmt.Sprintf("%d allowed", total),
			Why: "what is known of a client must live until its bucket is full, to the " +
				"millisecond; forgotten earlier, a short pause buys a full bucket",
		})
	})
	bubble.Run(t, func(t *testing.T) {
		x := instances(vredis.Start(t, 1), limiter.Limit{Rate: 100_000, Per: time.Second, Burst: 100_000},
			limiter.FailClosed, 0)[0]
		ask(t, x, "dave", 150)
		time.Sleep(1200 * time.Microsecond)
		d := ask(t, x, "dave", 100_000)
		expect.That(t, !d.Allowed, expect.Message{
			Did:  "took 150 units of a full bucket of 100,000 that gains 100 in a millisecond, and asked for 100,000 after 1.2 ms",
			Want: "it is denied: 30 units are missing, and drip in within 0.3 ms more",
			Got:  "it is allowed",
			Why: "what is known of a client must live until its bucket is full; forgotten in the millisecond before, the " +
				"bucket is full too soon",
		})
	})
	for i, tt := range []struct {
		words string
		limit limiter.Limit
	}{
		{"700 units a second", limiter.Limit{Rate: 700, Per: time.Second, Burst: 700}},
		{"1,500,000 units a second", limiter.Limit{Rate: 1_500_000, Per: time.Second, Burst: 1_500_000}},
		{"10 units in 30 days", limiter.Limit{Rate: 10, Per: 30 * day, Burst: 100}},
		{"1,000,000 units in 30 days", limiter.Limit{Rate: 1_000_000, Per: 30 * day, Burst: 1_000_000}},
	} {
		bubble.Run(t, func(t *testing.T) {
			x := instances(vredis.Start(t, 1), tt.limit, limiter.FailClosed, 0)[0]
			pausesOfALimit(t, x, fmt.Sprint("client-", i), tt.limit, tt.words)
		})
	}
}

const day = 24 * time.Hour

// pausesOfALimit takes a bucket by hundredths, and again when half of it has dripped in.
func pausesOfALimit(t *testing.T, x *limiter.Limiter, client string, l limiter.Limit, words string) {
	t.Helper()
	part := l.Burst / 100
	takes := func() (got int) {
		for range 110 {
			if ask(t, x, client, part).Allowed {
				got++
			}
		}
		return got
	}
	total := takes()
	expect.That(t, within(total, 99, 100), expect.Message{
		Did: fmt.Sprintf("with %s and a burst of %d, made 110 calls for %s each at one instant", words,
			l.Burst, units(part)),
		Want: "100 allowed: a new bucket is full (99 is accepted, for rounding)",
		Got:  fmt.Sprintf("%d allowed", total),
		Why:  "a limit is a number of requests a minute as well as of bytes a second or mails a month",
	})
	full := float64(l.Per) * float64(l.Burst) / float64(l.Rate)
	pause := time.Duration(full * 0.505).Truncate(time.Millisecond)
	time.Sleep(pause)
	total += takes()
	expect.That(t, within(total, 149, 150), expect.Message{
		Did: fmt.Sprintf("with %s and a burst of %d, emptied the bucket by calls for %s each, and "+
			"made such calls again %v later", words, l.Burst, units(part), pause),
		Want: "150 allowed in all: 100, and 50 for what has dripped in (149 is accepted, for rounding)",
		Got:  fmt.Sprintf("%d allowed in all", total),
		Why: "an interval or a rate that is cut to whole numbers, or that does not fit into the " +
			"number that holds it, is right for the limit it was tried with, and wrong for the next one",
	})
}

func TestLongRunRate(t *testing.T) {
	for _, tt := range []struct {
		client string
		limit  limiter.Limit
		words  string
	}{
		{"alice", tenASecond, "10 units a second"},
		{"bob", limiter.Limit{Rate: 15, Per: 1500 * time.Millisecond, Burst: 10},
			"15 units in every 1.5 s"},
	} {
		bubble.Run(t, func(t *testing.T) {
			r := vredis.Start(t, 1)
			x := instances(r, tt.limit, limiter.FailClosed, 0)[0]
			got := 0
			every(50*time.Millisecond, 10*time.Second,
				func(int) { got += allowed(t, x, tt.client, 1) })
			expect.That(t, got >= 108 && got <= 111, expect.Message{
				Did: "asked for one unit every 50 ms, for 10 s, with " + tt.words +
					" and a burst of 10",
				Want: "108 to 111 allowed: the burst, and then half a unit for each call",
				Got:  fmt.Sprintf("%d allowed", got),
				Why: "the rate is what capacity is planned by; it may not depend on how often a " +
					"client asks",
			})
		})
	}
}

func TestRetryAfterIsLongEnough(t *testing.T) {
	afterRetryAfter(t, 0, func(t *testing.T, told string, again limiter.Decision) {
		expect.That(t, again.Allowed, expect.Message{
			Did:  told + " after exactly that",
			Want: "allowed",
			Got:  "denied",
			Why: "the time ends up in the Retry-After header: a client that comes back when it " +
				"was told to, and is refused again, stops believing it",
		})
	})
}

func TestRetryAfterIsNoLongerThanItMustBe(t *testing.T) {
	afterRetryAfter(t, -10*time.Millisecond, func(t *testing.T, told string,
		again limiter.Decision) {
		expect.That(t, !again.Allowed, expect.Message{
			Did:  told + " 10 ms before that",
			Want: "denied: what was missing has not dripped in yet",
			Got:  "allowed",
			Why:  "a client that waits as long as it is told to gets less than its rate",
		})
	})
}

// afterRetryAfter is denied a call, waits for as long as it is told to, plus extra, and makes the
// call again.
func afterRetryAfter(t *testing.T, extra time.Duration,
	judge func(t *testing.T, told string, again limiter.Decision)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, tenASecond, limiter.FailClosed, 0)[0]
		for _, n := range []int{1, 3} {
			key := fmt.Sprint("client-", n)
			first := ask(t, x, key, 1)
			expect.That(t, first.Allowed && first.RetryAfter == 0, expect.Message{
				Did:  "made the first call of a client, with a burst of 10",
				Want: "allowed, with a RetryAfter of 0: there is nothing to wait for",
				Got:  fmt.Sprintf("allowed: %t, RetryAfter: %v", first.Allowed, first.RetryAfter),
			})
			for range 15 {
				d := ask(t, x, key, 1)
				expect.That(t, !d.Allowed || d.RetryAfter == 0, expect.Message{
					Did:  "made calls for one unit each at one instant, with a burst of 10",
					Want: "a RetryAfter of 0 for each that is allowed, the last one as well",
					Got:  fmt.Sprintf("allowed, Remaining: %d, RetryAfter: %v", d.Remaining, d.RetryAfter),
					Why:  "who is told to retry what has been served does it twice",
				})
			}
			time.Sleep(37 * time.Millisecond)
			ask(t, x, key, 1) // where rounding had left a unit, it is gone now
			denied := ask(t, x, key, n)
			did := fmt.Sprintf("asked for %s of an empty bucket that gains 10 a second", units(n))
			expect.That(t, !denied.Allowed && denied.RetryAfter <= time.Second, expect.Message{
				Did: did,
				Want: fmt.Sprintf("denied, with a RetryAfter of no more than %v",
					time.Duration(n)*100*time.Millisecond),
				Got: fmt.Sprintf("allowed: %t, RetryAfter: %v", denied.Allowed, denied.RetryAfter),
			})
			time.Sleep(denied.RetryAfter + extra)
			judge(t, fmt.Sprintf("%s, was told to retry after %v, and asked again", did,
				denied.RetryAfter), ask(t, x, key, n))
		}
	})
	bubble.Run(t, func(t *testing.T) {
		x := instances(vredis.Start(t, 1), limiter.Limit{Rate: 1, Per: time.Second, Burst: 60},
			limiter.FailClosed, 0)[0]
		allowed(t, x, "alice", 57)
		denied := ask(t, x, "alice", 10)
		did := "asked for 10 units of a bucket that has 3 and gains 1 a second"
		expect.That(t, !denied.Allowed && denied.RetryAfter <= time.Minute, expect.Message{
			Did:  did,
			Want: "denied, with a RetryAfter of 7s",
			Got:  fmt.Sprintf("allowed: %t, RetryAfter: %v", denied.Allowed, denied.RetryAfter),
		})
		time.Sleep(denied.RetryAfter + extra)
		judge(t, fmt.Sprintf("%s, was told to retry after %v, and asked again", did,
			denied.RetryAfter), ask(t, x, "alice", 10))
	})
	for i, tt := range []struct {
		words string
		limit limiter.Limit
		n     int
		wait  time.Duration
	}{
		{"7 units a second", limiter.Limit{Rate: 7, Per: time.Second, Burst: 7}, 3, time.Second * 3 / 7},
		{"10 units in 30 days", limiter.Limit{Rate: 10, Per: 30 * day, Burst: 10}, 2, 6 * day},
	} {
		bubble.Run(t, func(t *testing.T) {
			x := instances(vredis.Start(t, 1), tt.limit, limiter.FailClosed, 0)[0]
			key := fmt.Sprint("waits-", i)
			drain(t, x, key, tt.limit.Burst)
			denied := ask(t, x, key, tt.n)
			did := fmt.Sprintf("asked for %s of an empty bucket that gains %s", units(tt.n), tt.words)
			expect.That(t, !denied.Allowed && denied.RetryAfter <= tt.wait+10*time.Millisecond, expect.Message{
				Did:  did,
				Want: fmt.Sprintf("denied, with a RetryAfter of %v (10 ms more are accepted)", tt.wait),
				Got:  fmt.Sprintf("allowed: %t, RetryAfter: %v", denied.Allowed, denied.RetryAfter),
			})
			time.Sleep(denied.RetryAfter + extra)
			judge(t, fmt.Sprintf("%s, was told to retry after %v, and asked again", did,
				denied.RetryAfter), ask(t, x, key, tt.n))
		})
	}
}

func TestRemainingIsWhatIsLeft(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, tenASecond, limiter.FailClosed, 0)[0]
		message := func(did string, want int, d limiter.Decision) expect.Message {
			return expect.Message{
				Did:  did,
				Want: fmt.Sprintf("Remaining %d (one less is accepted, for rounding)", want),
				Got:  fmt.Sprintf("Remaining %d, allowed: %t", d.Remaining, d.Allowed),
				Why:  "clients pace themselves by what they are told is left",
			}
		}
		left := 10
		for _, n := range []int{1, 1, 4} {
			left -= n
			d := ask(t, x, "alice", n)
			expect.That(t, d.Allowed && within(d.Remaining, left-1, left),
				message(fmt.Sprintf("took %s, which leaves %d of 10", units(n), left), left, d))
		}
		time.Sleep(150 * time.Millisecond) // 5.5
		d := ask(t, x, "alice", 7)
		expect.That(t, !d.Allowed && within(d.Remaining, 4, 5),
			message("took 6 units of 10, waited for 1.5 more to drip in, and was denied 7", 5, d))
		ask(t, x, "bob", 10)
		for _, tt := range []struct {
			wait    time.Duration
			allowed bool
			did     string
		}{
			{70 * time.Millisecond, false, "emptied a bucket of 10 units, waited for 0.7 to drip in, and was denied one"},
			{100 * time.Millisecond, true, "waited for another one to drip in, and took one of 1.7"},
		} {
			time.Sleep(tt.wait)
			d := ask(t, x, "bob", 1)
			expect.That(t, d.Allowed == tt.allowed && d.Remaining == 0, expect.Message{
				Did: tt.did, Want: "Remaining 0", Got: fmt.Sprintf("Remaining %d, allowed: %t", d.Remaining, d.Allowed),
				Why: "0.7 of a unit buys nothing: who is told that one is left asks again at once, and is denied"})
		}
	})
}

func TestInstanceClocksDoNotMatter(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const off = 45 * time.Second
		r := vredis.Start(t, 3)
		with := func(i int, off time.Duration) *limiter.Limiter {
			return limiter.New(r.Clients[i], tenASecond, limiter.FailClosed, 0,
				func() time.Time { return time.Now().Add(off) })
		}
		ahead, behind, right := with(0, off), with(1, -off), with(2, 0)

		const full = 1005 * time.Millisecond // an empty bucket is full again
		steps := []struct {
			wait time.Duration
			x    *limiter.Limiter
			who  string
			want int // allowed so far
		}{
			{0, ahead, "45 s ahead", 10},
			{0, behind, "45 s behind", 10},
			{full, behind, "45 s behind", 20},
			{0, ahead, "45 s ahead", 20},
			{full, ahead, "45 s ahead", 30},
			{0, behind, "45 s behind", 30},
		}
		total, did := 0, "with 10 units a second and a burst of 10, made calls for one client "+
			"on two instances: "
		for i, s := range steps {
			time.Sleep(s.wait)
			got := allowed(t, s.x, "alice", 20)
			total += got
			when := ""
			if s.wait > 0 {
				when = fmt.Sprintf("%v later ", s.wait)
			}
			if i > 0 {
				when = ", then " + when
			}
			did += fmt.Sprintf("%s20 on the one whose clock is %s (%d allowed)", when, s.who, got)
			// Rounding may keep back one unit of each full bucket.
			expect.That(t, within(total, s.want-s.want/10, s.want), expect.Message{
				Did:  did,
				Want: fmt.Sprintf("%d allowed so far, as with correct clocks", s.want),
				Got:  fmt.Sprintf("%d allowed", total),
				Why: "no two servers agree on the time; one that is ahead fills every bucket " +
					"before it is due, one that is behind starves the clients it meets",
			})
		}

		var skewed, correct int
		every(50*time.Millisecond, 10*time.Second, func(i int) {
			x := behind
			if i%3 == 0 {
				x = ahead
			}
			skewed += allowed(t, x, "bob", 1)
			correct += allowed(t, right, "carol", 1)
		})
		expect.That(t, within(skewed, correct-1, correct+1), expect.Message{
			Did: "asked every 50 ms for 10 s, once on instances whose clocks are 45 s ahead " +
				"and 45 s behind, once on one with a correct clock",
			Want: fmt.Sprintf("the same number allowed: %d, give or take 1", correct),
			Got:  fmt.Sprintf("%d allowed", skewed),
			Why:  "what a client gets must not depend on which instance it meets",
		})
	})
}

const immortalWhy = "a key that never expires stays when the client is long gone: memory fills " +
	"up with clients of last year, and a counter without a reset blocks its client for ever"

func TestEveryKeyExpires(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const clients = 1000
		r := vredis.Start(t, 1)
		per := 10 * time.Second
		x := instances(r, limiter.Limit{Rate: 5, Per: per, Burst: 5}, limiter.FailClosed, 0)[0]
		for i := range clients {
			d := ask(t, x, fmt.Sprint("client-", i), 1)
			expect.That(t, d.Allowed, expect.Message{
				Did:  fmt.Sprintf("made the first call of client %d, with a burst of 5", i),
				Want: "allowed: a bucket starts full",
				Got:  "denied",
			})
		}
		immortals(t, r, fmt.Sprintf("made one call for each of %d clients", clients))
		time.Sleep(2 * per)
		nothingIsLeft(t, r, fmt.Sprintf(
			"made one call for each of %d clients, with 5 units per %v and a burst of 5, "+
				"and waited %v", clients, per, 2*per))

		for i := range 10 {
			allowed(t, x, fmt.Sprint("eager-", i), 8)
			ask(t, x, fmt.Sprint("greedy-", i), 6)
		}
		did := "let each of 10 clients make 8 calls, and each of 10 others one for 6 units, with a " +
			"burst of 5"
		immortals(t, r, did)
		time.Sleep(2 * per)
		nothingIsLeft(t, r, fmt.Sprintf("%s and 5 units per %v, and waited %v", did, per, 2*per))

		x = instances(r, limiter.Limit{Rate: 5, Per: time.Second, Burst: 5}, limiter.FailClosed, 0)[0]
		for i := range 10 {
			allowed(t, x, fmt.Sprint("quick-", i), 1+i)
		}
		time.Sleep(2 * time.Second)
		nothingIsLeft(t, r, "made calls for each of 10 clients, with 5 units a second and a burst of 5, and waited 2 s")
	})
}

// nothingIsLeft ends the check if there is a key in Redis.
func nothingIsLeft(t *testing.T, r *vredis.Redis, did string) {
	t.Helper()
	left := len(r.TTLs(t))
	expect.That(t, left == 0, expect.Message{
		Did: did,
		Want: "no key left: all the buckets have long been full, and a full one need not be " +
			"remembered",
		Got: fmt.Sprintf("%d keys", left),
		Why: "a limiter that remembers everybody it ever met needs more memory every day",
	})
}

func TestACrashLeavesNoImmortalKey(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 2)
		xs := instances(r, tenASecond, limiter.FailClosed, 0)
		for _, x := range xs {
			if d := ask(t, x, "alice", 1); !d.Allowed {
				expect.Fatal(t,
					expect.Message{Did: "made the first calls of a client, with a burst of 10",
						Want: "allowed", Got: "denied"})
			}
		}
		for _, client := range []string{"a client that is known already", "a new client"} {
			for k := 1; k <= 5; k++ {
				key := "alice"
				if client == "a new client" {
					key = fmt.Sprint("client-", k)
				}
				r.Links[0].CutAfter(k)
				xs[0].AllowN(t.Context(), key, 1) // whatever it decides
				synctest.Wait()
				immortals(t, r,
					fmt.Sprintf(
						"let an instance die when command %d of a decision for %s had reached Redis", k, client))
				r.Heal()
			}
		}
	})
}

// immortals ends the check if a key in Redis has no expiry.
func immortals(t *testing.T, r *vredis.Redis, did string) {
	t.Helper()
	for key, ttl := range r.TTLs(t) {
		expect.That(t, ttl != vredis.NoExpiry, expect.Message{
			Did:  did,
			Want: "an expiry on every key in Redis, at every moment",
			Got:  fmt.Sprintf("the key %q has none", key),
			Why:  immortalWhy,
		})
	}
}

func TestADecisionIsOneRoundTrip(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 2)
		xs := instances(r, limiter.Limit{Rate: 5, Per: time.Hour, Burst: 5}, limiter.FailClosed,
			time.Second)
		for i, x := range xs {
			r.Forget()
			r.RTT(0)
			name := fmt.Sprintf("instance %d", i+1)
			ask(t, x, "alice", 1)
			expect.That(t, within(r.Trips(), 1, 2), expect.Message{
				Did:  "made the first call on " + name,
				Want: "1 round trip to Redis, or 2 where Redis does not know the script yet",
				Got:  fmt.Sprintf("%d round trips: %s", r.Trips(), listed(r)),
				Why:  "every round trip is added to the latency of every request",
			})
			r.RTT(10 * time.Millisecond)
			for call := range 6 { // the last ones are denied
				r.Forget()
				start := time.Now()
				ask(t, x, "alice", 1)
				took := time.Since(start)
				expect.That(t, r.Trips() == 1 && took >= 10*time.Millisecond &&
					took <= 11*time.Millisecond, expect.Message{
					Did:  fmt.Sprintf("made call %d on %s, with Redis 10 ms away", call+2, name),
					Want: "exactly 1 round trip, so 10 to 11 ms",
					Got:  fmt.Sprintf("%d round trips in %v: %s", r.Trips(), took, listed(r)),
					Why: "every round trip is added to the latency of every request, and " +
						"between two of them other instances decide by what is no longer true",
				})
			}
		}
	})
}

type outage struct {
	name  string
	begin func(*vredis.Redis)
}

// outages are the ways in which Redis fails.
var outages = []outage{
	{"Redis hangs: it takes commands and doesn't answer", (*vredis.Redis).Hang},
	{"Redis is gone: connections break, new ones are refused", (*vredis.Redis).Cut},
	{"Redis answers every command with the error LOADING, as it does after a restart", func(r *vredis.Redis) {
		r.Refuse("LOADING Redis is loading the dataset in memory")
	}},
	{"Redis has no memory left: it answers every command with the error OOM", func(r *vredis.Redis) {
		r.Refuse(outOfMemory)
	}},
}

const outOfMemory = "OOM command not allowed when used memory > 'maxmemory'."

// duringOutages makes two calls under policy p during each outage: one that finds a connection, one
// that needs a new one. judge gets what each call has returned and how long it took.
func duringOutages(t *testing.T, p limiter.Policy, budget time.Duration,
	judge func(t *testing.T, did string, d limiter.Decision, err error, took time.Duration)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		for _, o := range outages {
			x := instances(r, tenASecond, p, budget)[0]
			d := ask(t, x, "alice", 1)
			expect.That(t, d.Allowed,
				expect.Message{Did: "made a call while Redis is well, with a burst of 10",
					Want: "allowed", Got: "denied"})
			o.begin(r)
			for _, which := range []string{"first", "second"} {
				did := fmt.Sprintf("made a call under %s with a budget of %s, the %s one while %s",
					policyName(p), budgetName(budget), which, o.name)
				start := time.Now()
				d, err := x.AllowN(t.Context(), "alice", 1)
				judge(t, did, d, err, time.Since(start))
			}
			r.Heal()
			time.Sleep(time.Second)
		}
	})
}

func TestADecisionComesWithinTheBudget(t *testing.T) {
	for _, budget := range []time.Duration{20 * time.Millisecond, 200 * time.Millisecond, 0} {
		duringOutages(t, limiter.FailOpen, budget,
			func(t *testing.T, did string, _ limiter.Decision, _ error, took time.Duration) {
				wantWithin(t, did, took, budget)
			})
	}
	manyWithinTheBudget(t)
	bothTripsWithinTheBudget(t)
}

// manyWithinTheBudget makes calls at one moment while Redis hangs.
func manyWithinTheBudget(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		const budget = 20 * time.Millisecond
		r := vredis.Start(t, 1)
		x := instances(r, tenASecond, limiter.FailOpen, budget)[0]
		ask(t, x, "alice", 1)
		r.Hang()
		start := time.Now()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { x.AllowN(t.Context(), "alice", 1) })
		}
		wg.Wait()
		wantWithin(t, "made 200 calls at one moment with a budget of "+budgetName(budget)+
			", while "+outages[0].name, time.Since(start), budget)
	})
}

// bothTripsWithinTheBudget makes the first call on a Redis that knows no script, and that answers
// once in time, but not twice.
func bothTripsWithinTheBudget(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		const rtt = 30 * time.Millisecond
		r := vredis.Start(t, 1)
		r.RTT(rtt)
		x := instances(r, tenASecond, limiter.FailOpen, 0)[0]
		start := time.Now()
		x.AllowN(t.Context(), "alice", 1)
		wantWithin(t, fmt.Sprintf("made the first call on a Redis that does not know a script yet, with "+
			"a budget of %s, while each round trip takes %v", budgetName(0), rtt), time.Since(start), 0)
	})
}

func wantWithin(t *testing.T, did string, took, budget time.Duration) {
	t.Helper()
	if budget == 0 {
		budget = 50 * time.Millisecond
	}
	expect.That(t, took <= budget+500*time.Microsecond, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("a decision within %v", budget),
		Got:  fmt.Sprintf("a decision after %v", took.Round(time.Millisecond)),
		Why: "every request waits for the limiter first: without a bound its outage is " +
			"the outage of all that it protects",
	})
}

func TestThePolicyDecidesDuringAnOutage(t *testing.T) {
	verdict := map[bool]string{true: "allowed", false: "denied"}
	for _, p := range []limiter.Policy{limiter.FailOpen, limiter.FailClosed} {
		duringOutages(t, p, 0, func(t *testing.T, did string, d limiter.Decision, _ error,
			_ time.Duration) {
			expect.That(t, d.Allowed == (p == limiter.FailOpen), expect.Message{
				Did:  did,
				Want: verdict[p == limiter.FailOpen],
				Got:  verdict[d.Allowed],
				Why: "what becomes of requests while the limiter is down has been decided in " +
					"advance, with the business: it must not be an accident of the code",
			})
		})
	}
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		for _, p := range []limiter.Policy{limiter.FailOpen, limiter.FailClosed} {
			x := instances(r, tenASecond, p, 0)[0]
			r.Cut()
			got := 0
			for range 30 {
				if d, _ := x.AllowN(t.Context(), "alice", 1); d.Allowed {
					got++
				}
			}
			r.Heal()
			want := 0
			if p == limiter.FailOpen {
				want = 30
			}
			expect.That(t, got == want, expect.Message{
				Did: fmt.Sprintf("made 30 calls for one client under %s, with a burst of 10, while %s",
					policyName(p), outages[1].name),
				Want: fmt.Sprintf("%d allowed: the policy decides, and knows no limit", want),
				Got:  fmt.Sprintf("%d allowed", got),
				Why: "a limit for each instance is another limit: who has decided that the service " +
					"goes on without one gets refusals that nobody can explain",
			})
		}
	})
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		ended, hangUp := context.WithCancel(t.Context())
		hangUp()
		for _, p := range []limiter.Policy{limiter.FailOpen, limiter.FailClosed} {
			d, err := instances(r, tenASecond, p, 0)[0].AllowN(ended, "alice", 1)
			expect.That(t, d.Allowed == (p == limiter.FailOpen) && err != nil, expect.Message{
				Did:  fmt.Sprintf("called AllowN with a context that had ended, with the policy %s", policyName(p)),
				Want: verdict[p == limiter.FailOpen] + ", and an error: Redis could not be asked",
				Got:  fmt.Sprintf("%s, error %v", verdict[d.Allowed], err),
				Why:  "the caller reads the decision, whatever has kept Redis from giving it",
			})
		}
	})
}

func TestAnOutageIsReported(t *testing.T) {
	duringOutages(t, limiter.FailOpen, 0, func(t *testing.T, did string, _ limiter.Decision,
		err error, _ time.Duration) {
		expect.That(t, err != nil, expect.Message{
			Did:  did,
			Want: "the decision, and an error that says what is wrong with Redis",
			Got:  "the error is nil",
			Why: "a limiter that has stopped limiting looks like one on a quiet day, unless " +
				"somebody counts these errors",
		})
		text := sentinel.Text(err)
		expect.That(t, !strings.Contains(did, "OOM") || strings.Contains(text, outOfMemory),
			expect.Message{
				Did:  did,
				Want: "the words of Redis in the error: " + outOfMemory,
				Got:  fmt.Sprintf("the error %q", text),
				Why: "whoever is called at night reads this line first: a Redis that is full, one that " +
					"wants a password and one that is gone are three different nights",
			})
	})
}

func TestAnOutageIsAnInstancesOwn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 2)
		xs := instances(r, limiter.Limit{Rate: 2, Per: time.Hour, Burst: 2}, limiter.FailOpen, 0)
		ask(t, xs[0], "alice", 1)
		r.Links[0].Cut()
		for range 3 {
			xs[0].AllowN(t.Context(), "alice", 1)
		}
		first, err := xs[1].AllowN(t.Context(), "alice", 1)
		second, err2 := xs[1].AllowN(t.Context(), "alice", 1)
		expect.That(t, err == nil && err2 == nil && first.Allowed && !second.Allowed,
			expect.Message{
				Did: "with a burst of 2 and under FailOpen, made a call on one of two instances, cut " +
					"that one off from Redis, made 3 more there, and then 2 on the other one",
				Want: "there the first allowed, the second denied, no error: it reaches Redis, and 1 " +
					"unit is left",
				Got: fmt.Sprintf("allowed: %t and %t, errors: %v and %v", first.Allowed,
					second.Allowed, err, err2),
				Why: "a broken cable of one machine must not take the limit off all of them",
			})
	})
}

func TestLimitingResumesWhenRedisIsBack(t *testing.T) {
	calm := func(func(client string)) { time.Sleep(1001 * time.Millisecond) }
	busy := func(call func(client string)) {
		for start := time.Now(); time.Since(start) <= time.Second; call("bob") {
			time.Sleep(50 * time.Millisecond)
		}
	}
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		for i, o := range outages {
			client := fmt.Sprint("client-", i)
			resumes(t, r, client+"-a", o, "5 more", 5, "", calm)
			resumes(t, r, client+"-b", o, "5 more", 5, ", with a call for another client every 50 ms", busy)
			resumes(t, r, client+"-c", o, "one every 100 ms for a minute", 600, "", calm)
		}
	})
}

// resumes lets an outage go by, in which calls are made, and the second after it, and looks who
// decides then.
func resumes(t *testing.T, r *vredis.Redis, client string, o outage, during string, calls int, meanwhile string,
	after func(call func(client string))) {
	t.Helper()
	x := instances(r, limiter.Limit{Rate: 10, Per: time.Hour, Burst: 10}, limiter.FailOpen, 0)[0]
	if err := r.Admin.FlushDB(t.Context()).Err(); err != nil {
		t.Fatalf("empty the Redis database: %v", err)
	}
	before := allowed(t, x, client, 4)
	expect.That(t, before == 4, expect.Message{
		Did:  "made 4 calls for a new client, with a burst of 10",
		Want: "4 allowed: a bucket starts full",
		Got:  fmt.Sprintf("%d allowed", before),
	})
	call := func(client string) { x.AllowN(t.Context(), client, 1) }
	o.begin(r)
	every(time.Minute/600, time.Minute/600*time.Duration(calls), func(int) { call(client) })
	r.Heal()
	after(call)
	did := fmt.Sprintf("with a burst of 10 and under FailOpen, made 4 calls; %s while %s; and 20 calls "+
		"when it had been well again for a second%s", during, o.name, meanwhile)
	got := 0
	for range 20 {
		d, err := x.AllowN(t.Context(), client, 1)
		if err != nil {
			time.Sleep(time.Minute)
			_, later := x.AllowN(t.Context(), client, 1)
			expect.Fatal(t, expect.Message{Did: did,
				Want: "decisions by Redis again, and no error",
				Got:  fmt.Sprintf("the error %q; another minute later %s", err, again(later)),
				Why:  "nobody restarts every instance after a short outage"})
		}
		if d.Allowed {
			got++
		}
	}
	expect.That(t, within(got, 5, 6), expect.Message{
		Did: did,
		Want: "6 of the 20 allowed: what the bucket held when the outage began (5 is " +
			"accepted, for rounding)",
		Got: fmt.Sprintf("%d allowed", got),
		Why: "a policy is for the time of the outage: if it stays in force, the limit " +
			"is gone (or the service) until somebody notices",
	})
}

func again(err error) string {
	if err == nil {
		return "Redis decides again"
	}
	return "an error, too"
}

func TestASlowAnswerCounts(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		for _, c := range []struct{ budget, rtt time.Duration }{
			{0, 49*time.Millisecond + 500*time.Microsecond},
			{200 * time.Millisecond, 150 * time.Millisecond},
			{5 * time.Second, 3 * time.Second},
		} {
			r.RTT(0)
			x := instances(r, limiter.Limit{Rate: 2, Per: time.Hour, Burst: 2}, limiter.FailOpen,
				c.budget)[0]
			key := fmt.Sprint("client-", c.rtt)
			ask(t, x, key, 1) // from here on Redis knows whatever it has to
			r.RTT(c.rtt)
			did := fmt.Sprintf(
				"made two calls for the last unit of a client, under FailOpen, while Redis "+
					"takes %v to answer and the budget is %s", c.rtt, budgetName(c.budget))
			var ds [2]limiter.Decision
			var errs [2]error
			for i := range ds {
				ds[i], errs[i] = x.AllowN(t.Context(), key, 1)
			}
			expect.That(t, ds[0].Allowed && !ds[1].Allowed && errs[0] == nil && errs[1] == nil,
				expect.Message{
					Did:  did,
					Want: "the first allowed, the second denied, no error: the answers come in time",
					Got: fmt.Sprintf("allowed: %t and %t, errors: %v and %v", ds[0].Allowed,
						ds[1].Allowed, errs[0], errs[1]),
					Why: "a limiter that gives up on a Redis that is merely slow stops limiting " +
						"when the load is highest",
				})
		}
	})
}

func TestAHangUpIsNoOutage(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, limiter.Limit{Rate: 2, Per: time.Hour, Burst: 2}, limiter.FailOpen, 0)[0]
		ask(t, x, "alice", 1)
		r.RTT(10 * time.Millisecond)
		tl := timeline.New()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				ctx, hangUp := context.WithTimeout(t.Context(), 5*time.Millisecond)
				defer hangUp()
				x.AllowN(ctx, "bob", 1)
			})
		}
		wg.Wait()
		tl.Point("bob", "20 calls, hung up after 5 ms")
		var ds [2]limiter.Decision
		var errs [2]error
		for i := range ds {
			ds[i], errs[i] = x.AllowN(t.Context(), "alice", 1)
			tl.Point("alice", "allowed: %t", ds[i].Allowed)
		}
		expect.That(t, ds[0].Allowed && !ds[1].Allowed && errs[0] == nil && errs[1] == nil,
			expect.Message{
				Did: "under FailOpen, with Redis 10 ms away, made 20 calls that were given up after 5 " +
					"ms, and then two for the last unit of another client",
				Want: "of those two the first allowed, the second denied, no error: Redis is well",
				Got: fmt.Sprintf("allowed: %t and %t, errors: %v and %v", ds[0].Allowed, ds[1].Allowed,
					errs[0], errs[1]),
				Why: "if a caller that hangs up counts as an outage, anybody can switch the limit off " +
					"for all: hanging up costs nothing",
				Picture: tl,
			})
	})
}

func TestTheScriptIsFoundAgain(t *testing.T) {
	r := vredis.Real(t, 2)
	xs := instances(r, limiter.Limit{Rate: 10, Per: time.Hour, Burst: 10}, limiter.FailClosed,
		30*time.Second)
	did := "made 12 calls on two instances in turn, with a burst of 10, and emptied the " +
		"server's script cache (SCRIPT FLUSH) before each"
	got := 0
	for i := range 12 {
		if err := r.Admin.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatalf("SCRIPT FLUSH: %v", err)
		}
		d, err := xs[i%2].AllowN(t.Context(), "alice", 1)
		expect.NoError(t, err, expect.Message{Did: did, Want: "decisions, and no error",
			Why: "the script cache does not survive a restart or a failover of Redis: a limiter " +
				"that expects to find its script there fails from that moment on"})
		if d.Allowed {
			got++
		}
	}
	expect.That(t, within(got, 9, 10), expect.Message{
		Did:  did,
		Want: "10 allowed (9 is accepted, for rounding): the data is still there",
		Got:  fmt.Sprintf("%d allowed", got),
	})
}

func TestKeysOfOneDecisionShareASlot(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		_, keys := clientKeys(t)
		for client, ks := range keys {
			for _, k := range ks {
				expect.That(t, vredis.Slot(k) == vredis.Slot(ks[0]), expect.Message{
					Did: "made a call for " + client +
						" and looked at the keys that its commands name",
					Want: "all in the same hash slot: the keys of one script share a hash tag",
					Got: fmt.Sprintf("%q is in slot %d, %q is in slot %d", ks[0],
						vredis.Slot(ks[0]), k, vredis.Slot(k)),
					Why: "in a Redis Cluster each slot lives on one node, and a script whose " +
						"keys are in two slots is refused with CROSSSLOT",
				})
			}
		}
	})
}

func TestScriptsAreGivenTheirKeys(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r, keys := clientKeys(t)
		named := map[string]bool{}
		for _, ks := range keys {
			for _, k := range ks {
				named[k] = true
			}
		}
		for k := range r.TTLs(t) {
			expect.That(t, named[k], expect.Message{
				Did: "made a call for each of 20 clients and looked at the keys that are in " +
					"Redis afterwards",
				Want: "only keys that the commands named: a script is given every key that it " +
					"touches",
				Got: fmt.Sprintf("there is a key %q that no command named", k),
				Why: "a Redis Cluster sends a script to the node that has the keys it was " +
					"given; a key that the script makes up may live elsewhere",
			})
		}
	})
}

func TestClientsSpreadOverTheSlots(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		_, keys := clientKeys(t)
		slots := map[int]bool{}
		for _, ks := range keys {
			slots[vredis.Slot(ks[0])] = true
		}
		expect.That(t, len(slots) >= 18, expect.Message{ // two of 20 may meet by chance
			Did:  "made a call for each of 20 clients and worked out the hash slots of their keys",
			Want: "about 20 slots: each client has its own",
			Got:  fmt.Sprintf("%d in all", len(slots)),
			Why: "what shares a hash tag lives on one node: a tag that all clients share puts " +
				"the whole load on it, however many nodes the cluster has",
		})
	})
}

// clientKeys makes a call for each of 20 clients and gives the keys that were named in Redis
// commands for each.
func clientKeys(t *testing.T) (*vredis.Redis, map[string][]string) {
	t.Helper()
	r := vredis.Start(t, 1)
	x := instances(r, tenASecond, limiter.FailClosed, 0)[0]
	keys := map[string][]string{}
	for i := range 20 {
		client := fmt.Sprint("client-", i)
		r.Forget()
		d := ask(t, x, client, 1)
		for _, c := range r.Commands() {
			keys[client] = append(keys[client], c.Keys()...)
		}
		expect.That(t, d.Allowed && len(keys[client]) > 0, expect.Message{
			Did:  "made the first call of " + client,
			Want: "allowed, by a command to Redis that names the client's key or keys",
			Got:  fmt.Sprintf("allowed: %t, commands: %s", d.Allowed, listed(r)),
		})
	}
	return r, keys
}

func TestDeniedCallsCostNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, limiter.Limit{Rate: 1, Per: time.Second, Burst: 1}, limiter.FailClosed,
			0)[0]
		got := 0
		every(50*time.Millisecond, time.Minute, func(int) { got += allowed(t, x, "alice", 1) })
		expect.That(t, within(got, 58, 62), expect.Message{
			Did:  "hammered a limit of 1 unit a second 20 times a second, for a minute",
			Want: "60 allowed, give or take 2: a denied call changes nothing",
			Got:  fmt.Sprintf("%d allowed", got),
			Why: "if refusals are charged, or each call starts the window anew, a client that " +
				"retries eagerly locks itself out for as long as it keeps trying",
		})
	})
}

func TestUnitsAreTakenAllOrNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := vredis.Start(t, 1)
		x := instances(r, limiter.Limit{Rate: 5, Per: time.Hour, Burst: 5}, limiter.FailOpen, 0)[0]
		for _, n := range []int{-1, 0, -5, math.MinInt} {
			d, err := x.AllowN(t.Context(), "alice", n)
			expect.That(t, err != nil && !d.Allowed, expect.Message{
				Did:  fmt.Sprintf("asked for %d units, under FailOpen", n),
				Want: "an error, and not allowed: fewer than 1 is a caller's mistake",
				Got:  fmt.Sprintf("allowed: %t, error: %v", d.Allowed, err),
				Why: "a negative number must not fill the bucket, and a mistake is no reason " +
					"to open it",
			})
		}
		ended, hangUp := context.WithCancel(t.Context())
		hangUp()
		for _, o := range append(outages, outage{"the context of the call had ended", func(*vredis.Redis) {}}) {
			ctx := t.Context()
			if strings.HasPrefix(o.name, "the context") {
				ctx = ended
			}
			o.begin(r)
			for _, n := range []int{0, -1} {
				d, err := x.AllowN(ctx, "alice", n)
				expect.That(t, err != nil && !d.Allowed, expect.Message{
					Did:  fmt.Sprintf("asked for %d units, under FailOpen, while %s", n, o.name),
					Want: "an error, and not allowed: fewer than 1 is a caller's mistake, whatever the policy",
					Got:  fmt.Sprintf("allowed: %t, error: %v", d.Allowed, err),
					Why:  "the policy is for calls that somebody may make; what is wrong in them is wrong at any time",
				})
			}
			r.Heal()
		}
		time.Sleep(time.Second)
		for _, n := range []int{6, 1000, 5 << 32, math.MaxInt} {
			d := ask(t, x, "alice", n)
			expect.That(t, !d.Allowed, expect.Message{
				Did:  fmt.Sprintf("asked for %d units at once, with a burst of 5", n),
				Want: "denied: more than the bucket holds",
				Got:  "allowed",
				Why:  "a request that can never be served within the limit must not slip through",
			})
		}
		d := ask(t, x, "alice", 3)
		expect.That(t, d.Allowed, expect.Message{
			Did:  "asked for 3 units of a bucket of 5, after calls for fewer than 1 and for more than 5",
			Want: "allowed: nothing has been taken yet",
			Got:  "denied",
			Why:  "a denied call changes nothing",
		})
		d = ask(t, x, "alice", 3)
		expect.That(t, !d.Allowed, expect.Message{
			Did:  "asked for 3 units when 2 were left",
			Want: "denied: all or nothing",
			Got:  "allowed",
			Why:  "whoever asks for 3 and gets 2 does a third of its work unpaid",
		})
		got := allowed(t, x, "alice", 5)
		expect.That(t, within(got, 1, 2), expect.Message{
			Did: "with 2 units left, was denied 3, then made 5 calls for one",
			Want: "2 allowed: the denied call left them where they were (1 is accepted, for " +
				"rounding)",
			Got: fmt.Sprintf("%d allowed", got),
			Why: "if a big request drains the bucket on its way to a refusal, it starves the " +
				"small ones and, retrying, itself",
		})

		whole := 0
		for i := range 10 { // where a solution rounds, it may deny some of them
			time.Sleep(7300 * time.Microsecond)
			if ask(t, x, fmt.Sprint("client-", i), 5).Allowed {
				whole++
			}
		}
		expect.That(t, whole > 0, expect.Message{
			Did:  "asked for 5 units at once for each of 10 new clients, with a burst of 5",
			Want: "allowed, all of them or nearly, for rounding: a new bucket is full",
			Got:  "all denied",
			Why:  "a burst is what may be taken at one moment",
		})
	})
}

// instances makes one limiter for each client of r, with correct clocks.
func instances(r *vredis.Redis, l limiter.Limit, p limiter.Policy,
	budget time.Duration) []*limiter.Limiter {
	var xs []*limiter.Limiter
	for _, c := range r.Clients {
		xs = append(xs, limiter.New(c, l, p, budget, time.Now))
	}
	return xs
}

// ask makes one call while Redis is well.
func ask(t *testing.T, x *limiter.Limiter, key string, n int) limiter.Decision {
	t.Helper()
	d, err := x.AllowN(t.Context(), key, n)
	expect.NoError(t, err, expect.Message{
		Did:  fmt.Sprintf("asked for %s, while Redis is well", units(n)),
		Want: "a decision, and no error",
	})
	return d
}

// allowed makes calls for one unit each, at one instant, and counts those allowed.
func allowed(t *testing.T, x *limiter.Limiter, key string, calls int) int {
	t.Helper()
	got := 0
	for range calls {
		if ask(t, x, key, 1).Allowed {
			got++
		}
	}
	return got
}

// drain empties a full bucket and gives the number of units that were in it.
func drain(t *testing.T, x *limiter.Limiter, key string, burst int) int {
	t.Helper()
	got := allowed(t, x, key, burst+5)
	expect.That(t, within(got, burst-1, burst), expect.Message{
		Did: fmt.Sprintf("made %d calls at one instant for a new client, with a burst of %d",
			burst+5, burst),
		Want: fmt.Sprintf("%d allowed: a bucket starts full (%d is accepted, for rounding)", burst,
			burst-1),
		Got: fmt.Sprintf("%d allowed", got),
	})
	return got
}

// every calls f once in each step, the first time at once.
func every(step, length time.Duration, f func(i int)) {
	for i := range int(length / step) {
		f(i)
		time.Sleep(step)
	}
}

// listed shows the commands that have reached Redis.
func listed(r *vredis.Redis) string {
	var all []string
	for _, c := range r.Commands() {
		all = append(all, c.String())
	}
	if len(all) == 0 {
		return "no command reached Redis"
	}
	return strings.Join(all, "; ")
}

func within(n, low, high int) bool { return n >= low && n <= high }

func units(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return fmt.Sprintf("%d units", n)
}

func budgetName(b time.Duration) string {
	if b == 0 {
		return "0, which means 50 ms"
	}
	return b.String()
}

func policyName(p limiter.Policy) string {
	if p == limiter.FailOpen {
		return "FailOpen"
	}
	return "FailClosed"
}
