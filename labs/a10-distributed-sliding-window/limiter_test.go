package window_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	window "github.com/backend-labs/backend-labs/labs/a10-distributed-sliding-window"
)

const sharedWhy = "what the limit protects stands behind all instances, and breaks by what they let through together"

func TestInstancesShareOneWindow(t *testing.T) {
	simulate(t, 4, func(t *testing.T, r *vredis.Redis) {
		// whoever counts first and adds later has let the others count, too
		r.RTT(5 * time.Millisecond)
		checkStorm(t, r, 200)
	})
}

func TestInstancesShareOneWindowOnARealServer(t *testing.T) {
	checkStorm(t, vredis.Real(t, 4), 250)
}

// checkStorm lets each instance make calls at one moment. Nothing leaves a window of an hour meanwhile.
func checkStorm(t *testing.T, r *vredis.Redis, calls int) {
	t.Helper()
	const limit = 100
	xs := instances(r, limit, time.Hour)
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
				ok, _, err := x.Allow(t.Context(), "alice")
				mu.Lock()
				defer mu.Unlock()
				if ok {
					admitted++
				}
				if err != nil {
					failed = err
				}
			})
		}
	}
	close(gate)
	wg.Wait()
	did := fmt.Sprintf("let %d instances make %d calls each for one key at one moment, with a limit of "+
		"%d", len(xs), calls,
		limit)
	expect.NoError(t, failed, expect.Message{Did: did, Want: "decisions, and no error: Redis is well"})
	expect.That(t, admitted == limit, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("%d admitted by all of them together", limit),
		Got:  fmt.Sprintf("%d admitted", admitted),
		Why:  sharedWhy,
	})
}

func TestAFullMinuteIsNoBoundary(t *testing.T) {
	simulate(t, 2, func(t *testing.T, r *vredis.Redis) {
		xs := instances(r, 100, time.Minute)
		tl := timeline.New("calls", "admitted")
		begin := time.Now()
		for _, step := range []struct {
			at    time.Duration
			want  int
			words string
		}{
			{59*time.Second + 900*time.Millisecond, 100, "0:59.9"},
			{60*time.Second + 100*time.Millisecond, 0, "1:00.1"},
			{119*time.Second + 899*time.Millisecond, 0, "1:59.899"},
			{119*time.Second + 900*time.Millisecond, 100, "1:59.9, a minute after the first"},
			{120*time.Second + 1*time.Millisecond, 0, "2:00.001"},
			{179*time.Second + 901*time.Millisecond, 100, "2:59.901"},
		} {
			time.Sleep(step.at - time.Since(begin))
			tl.Point("calls", "100")
			got := admitted(t, xs[step.want/100], "alice", 100)
			mark := tl.Point("admitted", "%d", got)
			if got != step.want {
				mark.Breaks()
			}
			expect.That(t, got == step.want, expect.Message{
				Did: "with a limit of 100 in any minute, made 100 calls at 0:59.9, at 1:00.1, at 1:59.899, at " +
					"1:59.9 and so on, " +
					"up to " + step.words,
				Want: fmt.Sprintf("%d of the last 100 admitted", step.want),
				Got:  fmt.Sprintf("%d", got),
				Why: "a minute of the clock is not any minute: a counter that starts anew with it lets twice " +
					"the limit through " +
					"around the change",
				Picture: tl,
			})
		}
	})
}

func TestWhoStaysBelowTheLimitIsNeverDenied(t *testing.T) {
	simulate(t, 2, func(t *testing.T, r *vredis.Redis) {
		xs := instances(r, 10, time.Second)
		// The same nine moments in each second, so that nine lie in any second.
		offsets := []time.Duration{0, 0, 0, 50, 400, 401, 700, 999, 999}
		begin := time.Now()
		for n := range 90 {
			second, i := time.Duration(n/9), n%9
			time.Sleep(second*time.Second + offsets[i]*time.Millisecond - time.Since(begin))
			ok, _, err := xs[n%2].Allow(t.Context(), "alice")
			expect.That(t, ok && err == nil, expect.Message{
				Did: fmt.Sprintf("made 9 calls in any second, some of them at one moment, with a limit of 10, "+
					"for %d seconds",
					second+1),
				Want: "all of them admitted",
				Got:  fmt.Sprintf("the %d. of this second denied, error: %v", i+1, err),
				Why:  "a client that keeps to its contract has a right to be served",
			})
		}
	})
}

func TestInstanceClocksDoNotMatter(t *testing.T) {
	simulate(t, 3, func(t *testing.T, r *vredis.Redis) {
		offsets := []time.Duration{-45 * time.Second, 45 * time.Second, -7 * time.Minute}
		words := "45 s behind, 45 s ahead and 7 m behind"
		var xs []*window.Limiter
		for i, rdb := range r.Clients {
			xs = append(xs, window.New(rdb, 10, time.Minute, func() time.Time { return time.Now().Add(offsets[i]) }))
		}
		m := model{limit: 10, window: time.Minute}
		for i := range 400 {
			x := i % 3
			if i >= 200 {
				x = rand.New(rand.NewPCG(uint64(i), 1)).IntN(3)
			}
			if i == 300 {
				offsets[0], offsets[1], offsets[2] = 0, -30*time.Second, 3*time.Minute
				words += ", and then were set: the first one right, the others 30 s behind and 3 m ahead"
			}
			want, wantRetry := m.allow()
			ok, retry, err := xs[x].Allow(t.Context(), "alice")
			expect.That(t, err == nil && ok == want && retry == wantRetry, expect.Message{
				Did: fmt.Sprintf("asked three instances in turn, every 500 ms, with a limit of 10 in any minute; their "+
					"clocks were %s; the last time, at %v, the one that is off by %v",
					words, time.Duration(i)*500*time.Millisecond, offsets[x]),
				Want: decision(want, wantRetry) + ", as with right clocks",
				Got:  decision(ok, retry) + fmt.Sprintf(", error: %v", err),
				Why: "to an instance that is ahead the window looks empty, and what one that is behind writes " +
					"is forgotten too soon",
			})
			time.Sleep(500 * time.Millisecond)
		}
		theServersClockIsSet(t, r, xs)
	})
}

// theServersClockIsSet has the clock of Redis set ahead of those of all instances, of which none tells the time of the
// limit, not even the one that nobody has handed them.
func theServersClockIsSet(t *testing.T, r *vredis.Redis, xs []*window.Limiter) {
	t.Helper()
	m := model{limit: 10, window: time.Minute}
	for i := range 200 {
		if i%70 == 50 {
			m.ahead += 35 * time.Second
		}
		r.SetClock(time.Now().Add(m.ahead))
		want, wantRetry := m.allow()
		ok, retry, err := xs[i%3].Allow(t.Context(), "bob")
		expect.That(t, err == nil && ok == want && retry == wantRetry, expect.Message{
			Did: fmt.Sprintf("asked three instances in turn, every 500 ms, with a limit of 10 in any minute; set the clock "+
				"of Redis 35 s ahead now and then, the last time, at %v, it was %v ahead of all instances'",
				time.Duration(i)*500*time.Millisecond, m.ahead),
			Want: decision(want, wantRetry) + ", as it is by the server's time",
			Got:  decision(ok, retry) + fmt.Sprintf(", error: %v", err),
			Why: "time.Now is this machine's, as the clock is that was handed in; the one time that all have in common " +
				"is that of what they share",
		})
		time.Sleep(500 * time.Millisecond)
	}
}

func TestDeniedCallsDoNotCount(t *testing.T) {
	simulate(t, 1, func(t *testing.T, r *vredis.Redis) {
		x := instances(r, 10, time.Second)[0]
		got := 0
		for range 500 {
			got += admitted(t, x, "alice", 1)
			time.Sleep(10 * time.Millisecond)
		}
		expect.That(t, got == 50, expect.Message{
			Did:  "called every 10 ms for 5 s, with a limit of 10 in any second",
			Want: "50 admitted: 10 in each second",
			Got:  fmt.Sprintf("%d admitted", got),
			Why: "if refusals count, a client that goes on trying never gets in again, and one bug in its " +
				"retries locks it out",
		})
	})
}

func TestAsTheModelDecides(t *testing.T) {
	simulate(t, 2, func(t *testing.T, r *vredis.Redis) {
		for i, c := range []struct {
			limit  int
			window time.Duration
			gap    int // the mean, in milliseconds
			calls  int
		}{
			{10, time.Second, 20, 600}, {10, 999 * time.Millisecond, 70, 400}, {3, 1500 * time.Millisecond, 200, 400},
			{1, time.Millisecond, 1, 300}, {1, 2 * time.Second, 700, 500}, {7, 60 * 24 * time.Hour, 3e8, 300},
			{150, 1001 * time.Millisecond, 3, 500},
		} {
			m := model{limit: c.limit, window: c.window}
			xs := instances(r, c.limit, c.window)
			rnd := rand.New(rand.NewPCG(20, uint64(i)))
			for n := range c.calls {
				want, wantRetry := m.allow()
				ok, retry, err := xs[rnd.IntN(2)].Allow(t.Context(), fmt.Sprint("client-", i))
				expect.That(t, err == nil && ok == want && retry == wantRetry, expect.Message{
					Did: fmt.Sprintf("made calls at random moments on two instances, with a limit of %d in any "+
						"%v, the %d. of them "+
						"%v after the first; of those up to now %s count", c.limit, c.window, n+1,
						m.now.Sub(m.first), m.recent()),
					Want: decision(want, wantRetry),
					Got:  decision(ok, retry) + fmt.Sprintf(", error: %v", err),
					Why: "too many in any interval is what the limit forbids; too few is what the client has " +
						"paid for; and a " +
						"client that is told a wrong time comes too early, in a herd, or too late",
				})
				// many at once, and pauses
				if rnd.IntN(3) > 0 {
					time.Sleep(time.Duration(rnd.IntN(3*c.gap)) * time.Millisecond)
				}
			}
		}
	})
}

func TestRetryAfterIsExact(t *testing.T) {
	simulate(t, 1, func(t *testing.T, r *vredis.Redis) {
		for _, limit := range []int{1, 3} {
			const length = 1500 * time.Millisecond
			x := instances(r, limit, length)[0]
			rnd := rand.New(rand.NewPCG(1, uint64(limit)))
			for n := range 20 {
				for _, early := range []time.Duration{0, time.Millisecond} {
					// A key of its own, so that what the early call does changes nothing for the one in time.
					key := fmt.Sprintf("%d-%d-%v", limit, n, early)
					for range limit {
						ok, retry, err := x.Allow(t.Context(), key)
						expect.That(t, ok && retry == 0 && err == nil, expect.Message{
							Did:  fmt.Sprintf("made the first calls for a key, with a limit of %d", limit),
							Want: "admitted, and 0: there is nothing to wait for",
							Got:  decision(ok, retry) + fmt.Sprintf(", error: %v", err),
						})
						time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
					}
					_, retry, _ := x.Allow(t.Context(), key)
					did := fmt.Sprintf("used a limit of %d in %v up, was denied with retryAfter %v, and came "+
						"back %v later",
						limit, length, retry, retry-early)
					expect.That(t, retry > 0 && retry <= length, expect.Message{
						Did:  fmt.Sprintf("used a limit of %d in %v up, and called once more", limit, length),
						Want: "denied, with a retryAfter of more than 0 and at most the window",
						Got:  fmt.Sprintf("retryAfter %v", retry),
						Why:  "a client that is told 0 comes back at once, and again at once",
					})
					time.Sleep(retry - early)
					ok, _, err := x.Allow(t.Context(), key)
					expect.That(t, err == nil && ok == (early == 0), expect.Message{
						Did: did,
						Want: map[bool]string{true: "admitted", false: "denied: the oldest admitted call still " +
							"counts"}[early == 0],
						Got: map[bool]string{true: "admitted", false: "denied"}[ok],
						Why: "whoever waits as long as told is served; whoever is told too long a time loses " +
							"what it has paid for",
					})
				}
			}
		}
	})
}

func TestKeysHaveLimitsOfTheirOwn(t *testing.T) {
	simulate(t, 2, func(t *testing.T, r *vredis.Redis) {
		xs := instances(r, 3, time.Minute)
		long, longer := fmt.Sprintf("%0300d", 0), fmt.Sprintf("%05000d", 0)
		keys := []string{"alice", "bob", "Alice", "", " alice", "alice " +
			"", "alice:1", "alice:", "{alice}", "*", "é", "e\u0301",
			long + "1", long + "2", longer + "1", longer + "2", "a\x00b", "a\nb", "seq", "\xfe", "\xff", "\ufffd",
			"1" + longer, "2" + longer, "a", "a\x00", "plumless", "buckeroo", "costarring", "liquid"}
		for round, want := range []int{3, 0} {
			for i, key := range keys {
				got := admitted(t, xs[(i+round)%2], key, 4)
				expect.That(t, got == want, expect.Message{
					Did: fmt.Sprintf("made 4 calls for each of %d different keys, with a limit of 3, for the %s "+
						"time", len(keys),
						[]string{"first", "second"}[round]),
					Want: fmt.Sprintf("%d admitted for each key", want),
					Got:  fmt.Sprintf("%d for %.20q, of %d bytes", got, key, len(key)),
					Why:  "if two clients share a window, the greedy one spends what belongs to the other",
				})
			}
		}
	})
	namesBesideKeys(t)
}

// namesBesideKeys asks for keys that look like what belongs to another one in Redis.
func namesBesideKeys(t *testing.T) {
	t.Helper()
	simulate(t, 1, func(t *testing.T, r *vredis.Redis) {
		const key = "alice"
		x := instances(r, 3, time.Minute)[0]
		admitted(t, x, key, 4)
		names := slices.Sorted(maps.Keys(r.TTLs(t)))
		for _, mine := range names {
			before, after, _ := strings.Cut(mine, key)
			for _, name := range names {
				other, begins := strings.CutPrefix(name, before)
				other, ends := strings.CutSuffix(other, after)
				if !begins || !ends || other == key {
					continue
				}
				got := admitted(t, x, other, 4)
				expect.That(t, got == 3, expect.Message{
					Did: fmt.Sprintf("made 4 calls for %q, with a limit of 3, saw %q in Redis, and made 4 calls for %q",
						key, names, other),
					Want: "3 of these admitted: it is another key",
					Got:  fmt.Sprint(got),
					Why:  "what belongs to one key must not have the name that another one will have",
				})
			}
		}
	})
}
