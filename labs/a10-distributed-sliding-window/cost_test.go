package window_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/fleet"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	window "github.com/backend-labs/backend-labs/labs/a10-distributed-sliding-window"
)

func init() { fleet.Handle("instance", instance) }

// instance is a process with one limiter: POST /calls makes as many calls as it is told and answers how many were
// admitted.
func instance() (http.Handler, error) {
	rdb, err := vredis.Dial(os.Getenv("REDIS"))
	if err != nil {
		return nil, err
	}
	x := window.New(rdb, 100, time.Hour, time.Now)
	return fleet.Reply(func(r *http.Request, calls int) (admitted int, err error) {
		for range calls {
			ok, _, err := x.Allow(r.Context(), "alice")
			if err != nil {
				return admitted, err
			}
			if ok {
				admitted++
			}
		}
		return admitted, nil
	}), nil
}

func TestProcessesShareOneWindow(t *testing.T) {
	const calls = 60
	r := vredis.Own(t, 0)
	total, each := 0, []int{}
	for _, x := range fleet.Start(t, "instance", 3, "REDIS="+r.URL) {
		var got int
		expect.NoError(t, x.Ask("/calls", calls, &got), expect.Message{
			Did: fmt.Sprintf("started three processes with an instance in each and one Redis for all, and let "+
				"each make %d calls",
				calls),
			Want: "decisions, and no error: Redis is well",
		})
		total, each = total+got, append(each, got)
	}
	expect.That(t, total == 100, expect.Message{
		Did: fmt.Sprintf("started three processes with an instance in each and one Redis for all, and let one "+
			"after the other "+
			"make %d calls for one key, with a limit of 100 in any hour", calls),
		Want: "100 admitted by all of them together",
		Got:  fmt.Sprintf("%d admitted: %v", total, each),
		Why: "a variable, also one of the package, is one process's; the instances of a service run on " +
			"different machines, and " +
			"what they must know of each other lies in Redis",
	})
}

func TestAKeyHasAtMostLimitEntries(t *testing.T) {
	simulate(t, 2, func(t *testing.T, r *vredis.Redis) {
		for _, limit := range []int{1, 3, 50, 300} {
			r.Admin.FlushAll(t.Context())
			const length = 10 * time.Second
			xs := instances(r, limit, length)
			calls := max(4*limit, 200)
			for i := range calls {
				_, _, err := xs[i%2].Allow(t.Context(), "alice")
				expect.NoError(t, err, expect.Message{Did: "called Allow", Want: "a decision"})
				if i%(calls/100) == 0 {
					time.Sleep(300 * time.Millisecond)
				}
			}
			elements, bytes := entries(t, r)
			expect.That(t, elements+bytes/40 <= limit && bytes <= 40*limit && elements+bytes > 0, expect.Message{
				Did: fmt.Sprintf("made %d calls for one key within 30 s, with a limit of %d in any 10 s, and "+
					"counted what lies in "+
					"Redis", calls, limit),
				Want: fmt.Sprintf("something, and at most %d entries: 40 bytes in strings are one", limit),
				Got:  fmt.Sprintf("%d elements, %d bytes in strings", elements, bytes),
				Why: "what a client costs must not depend on how hard it tries: whoever sends a million calls " +
					"would fill the " +
					"memory of all",
			})
			watched(t, r, xs[0], limit, "made one more call",
				"whoever lets the refused ones in for a moment counts them for a moment, too: of many that come at once some "+
					"are refused whose place is only taken by others that are refused")
			if limit > 1 {
				r.Admin.FlushAll(t.Context())
				admitted(t, xs[0], "alice", 1)
				time.Sleep(length / 2)
				admitted(t, xs[0], "alice", limit-1)
				time.Sleep(length / 2)
				watched(t, r, xs[0], limit, "used the limit up, and asked again when the oldest call had left the window",
					"what has left the window and is removed later costs memory until then, and for ever if the instance dies "+
						"before")
			}
		}
	})
}

// watched makes a call, and looks at what lies in Redis meanwhile.
func watched(t *testing.T, r *vredis.Redis, x *window.Limiter, limit int, did, why string) {
	t.Helper()
	r.RTT(10 * time.Millisecond)
	over := make(chan bool)
	go func() {
		x.Allow(t.Context(), "alice")
		over <- true
	}()
	most := 0
	for range 100 {
		time.Sleep(time.Millisecond)
		elements, bytes := entries(t, r)
		most = max(most, elements+bytes/40)
	}
	<-over
	r.RTT(0)
	expect.That(t, most <= limit, expect.Message{
		Did: fmt.Sprintf("%s, with a limit of %d and a round trip to Redis of 10 ms, and looked every millisecond at what "+
			"lay in Redis meanwhile", did, limit),
		Want: fmt.Sprintf("at most %d elements at any moment", limit),
		Got:  fmt.Sprintf("%d elements", most),
		Why:  why,
	})
}

func TestEverythingExpires(t *testing.T) {
	simulate(t, 2, func(t *testing.T, r *vredis.Redis) {
		for _, length := range []time.Duration{time.Second, 1500 * time.Millisecond, time.Hour,
			10 * time.Millisecond} {
			xs := instances(r, 3, length)
			for round := range 3 {
				for k := range 50 {
					got := admitted(t, xs[k%2], fmt.Sprint("client-", k), 1+k%5)
					expect.That(t, got > 0 || round == 1, expect.Message{
						Did: fmt.Sprintf("made calls for a key, with a limit of 3 in any %v, in round "+
							"%d", length, round+1),
						Want: "the first of them admitted", Got: "none",
					})
				}
				noneStays(t, r, fmt.Sprintf("made 1 to 5 calls for each of 50 keys, with a limit of 3 in any "+
					"%v", length))
				time.Sleep([]time.Duration{length / 2, length - time.Millisecond, 2*length + time.Millisecond}[round])
			}
			left := len(r.TTLs(t))
			expect.That(t, left == 0, expect.Message{
				Did:  fmt.Sprintf("made calls for 50 keys, with a window of %v, and then none for two windows", length),
				Want: "nothing left in Redis",
				Got:  fmt.Sprintf("%d keys", left),
				Why:  "there is a key for each client that was ever seen, and a scan with made-up ones makes millions",
			})
		}
	})
}

func noneStays(t *testing.T, r *vredis.Redis, did string) {
	t.Helper()
	for key, ttl := range r.TTLs(t) {
		expect.That(t, ttl != vredis.NoExpiry, expect.Message{
			Did:  did,
			Want: "an expiry for everything that lies in Redis",
			Got:  fmt.Sprintf("%q never expires", key),
			Why:  "what nobody removes stays, and there is some of it for each client that was ever seen",
		})
	}
}

func TestACrashLeavesNothingForEver(t *testing.T) {
	// an instance each for the first decision of a key and for one that finds some
	const most = 12
	simulate(t, 2*most+1, func(t *testing.T, r *vredis.Redis) {
		xs := instances(r, 3, time.Minute)
		for k := 1; k <= most; k++ {
			for after := range 2 {
				key := fmt.Sprintf("client-%d-%d", k, after)
				for range after {
					admitted(t, xs[2*most], key, 1)
				}
				i := 2*(k-1) + after
				expect.That(t, admitted(t, xs[2*most], key+" of another", 4) == 3, expect.Message{
					Did: "made 4 calls on an instance that lives, with a limit of 3", Want: "3 " +
						"admitted", Got: "another number"})
				r.Links[i].CutAfter(k)
				xs[i].Allow(t.Context(), key)
				r.Links[i].Cut()
				noneStays(t, r, fmt.Sprintf("cut an instance off after %d commands of a decision, as if it had "+
					"died", k))
			}
		}
	})
}

func TestWithoutADecisionByRedisThereIsAnError(t *testing.T) {
	simulate(t, 4, func(t *testing.T, r *vredis.Redis) {
		xs := instances(r, 10, time.Minute)
		noAnswer := func(x *window.Limiter, ctx context.Context, did string, is error, words string) error {
			t.Helper()
			ok, retry, err := x.Allow(ctx, "alice")
			right := err != nil && (is == nil || sentinel.Is(err, is)) && words == "" || err != nil && words != "" &&
				strings.Contains(sentinel.Text(err), words)
			want := "false, 0 and an error"
			if words != "" {
				want += fmt.Sprintf(" with the words %q", words)
			}
			if is != nil {
				want += fmt.Sprintf(" that is %v", is)
			}
			expect.That(t, !ok && retry == 0 && right, expect.Message{
				Did: did, Want: want, Got: decision(ok, retry) + fmt.Sprintf(", error: %v", err),
				Why: "whoever calls has to decide what an outage means for this limit, and can do so only if it " +
					"is told",
			})
			return err
		}
		for range 2 {
			xs[0].Allow(t.Context(), "alice")
		}
		r.Links[0].Cut()
		noAnswer(xs[0], t.Context(), "cut an instance off from Redis, and called Allow", nil, "")
		r.Links[1].Hang()
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("too slow"))
		defer cancel()
		noAnswer(xs[1], ctx, "let Redis be silent, and called Allow with a deadline", context.DeadlineExceeded, "")
		over, stop := context.WithCancelCause(t.Context())
		stop(errors.New("shutting down"))
		noAnswer(xs[2], over, "called Allow with a context that had ended", context.Canceled, "")
		r.Refuse("LOADING Redis is loading the dataset in memory")
		err := noAnswer(xs[3], t.Context(), "called Allow while Redis was loading its data", nil, "loading the dataset")
		var reply redis.Error
		expect.That(t, errors.As(err, &reply), expect.Message{
			Did:  "called Allow while Redis was loading its data",
			Want: "an error in which the client's is wrapped: a redis.Error, for errors.As",
			Got:  fmt.Sprintf("an error that is none: %v", err),
			Why:  "whether Redis has answered, or nobody has, can be told from the error and not from its words",
		})
		r.Heal()
		got := admitted(t, xs[3], "alice", 20)
		expect.That(t, got == 8, expect.Message{
			Did:  "made 2 calls with a limit of 10, then some while Redis could not be asked, then 20 when it could",
			Want: "8 of the 20 admitted",
			Got:  fmt.Sprintf("%d", got),
			Why:  "a limiter that has once failed and stays open, or shut, is noticed weeks later",
		})
		expect.NoError(t, r.Admin.ScriptFlush(t.Context()).Err(), expect.Message{
			Did: "let Redis forget its scripts", Want: "no error"})
		ok, retry, err := xs[3].Allow(t.Context(), "alice")
		expect.That(t, !ok && retry > 0 && err == nil && admitted(t, xs[3], "bob", 20) == 10, expect.Message{
			Did: "used a limit of 10 up, let Redis forget its scripts, as in a restart, and called Allow for this key, " +
				"and 20 times for another one",
			Want: "denied, and 10 of the 20 admitted",
			Got:  decision(ok, retry) + fmt.Sprintf(", error: %v", err),
			Why: "Redis keeps scripts in memory only; who has sent one when the service was started and names it since " +
				"then has no limiter after the first restart",
		})
	})
}

// measured is what a limiter did with a stream of calls.
type measured struct {
	calls, wrong int
	worst        int // admitted in one interval
	entries      int
}

// TestWhatExactnessCosts puts the exact limiter and the approximation side by side, and judges the exact one.
func TestWhatExactnessCosts(t *testing.T) {
	simulate(t, 1, func(t *testing.T, r *vredis.Redis) {
		tl := timeline.New("exact", "two counters")
		for _, stream := range []string{"even", "bursts"} {
			exact := measure(t, r, window.New(r.Clients[0], 100, time.Minute, time.Now), stream)
			draw(tl, "exact", stream, exact)
			draw(tl, "two "+
				"counters", stream, measure(t, r, window.NewApprox(r.Clients[0], 100, time.Minute, time.Now), stream))
			expect.That(t, exact.wrong == 0 && exact.worst == 100, expect.Message{
				Did: fmt.Sprintf("made %d calls (%s) on the exact limiter, with a limit of 100 in any "+
					"minute", exact.calls, stream),
				Want:    "no wrong decision, and 100 in the fullest minute",
				Got:     fmt.Sprintf("%d wrong decisions, and %d in the fullest minute", exact.wrong, exact.worst),
				Why:     "exact is what it costs a hundred entries a client for",
				Picture: tl,
			})
		}
		expect.Show(t, "what exactness costs, and what the approximation does: 100 in any minute", tl)
	})
}

func draw(tl *timeline.Timeline, lane, stream string, m measured) {
	tl.Point(lane, "%s: %d calls", stream, m.calls)
	tl.Point(lane, "fullest minute: %d", m.worst)
	tl.Point(lane, "wrong: %.1f %%", 100*float64(m.wrong)/float64(m.calls))
	tl.Point(lane, "%d entries a client", m.entries)
}

// measure makes some thousand calls. A decision is wrong if the limiter, with what it has admitted itself, should have
// decided otherwise.
func measure(t *testing.T, r *vredis.Redis, x *window.Limiter, stream string) measured {
	t.Helper()
	r.Admin.FlushAll(t.Context())
	rnd := rand.New(rand.NewPCG(10, 10))
	var m measured
	var counted []time.Time
	for range 1500 {
		if stream == "even" {
			time.Sleep(time.Duration(300+rnd.IntN(490)) * time.Millisecond)
		} else if rnd.IntN(60) == 0 {
			time.Sleep(time.Duration(rnd.IntN(80_000)) * time.Millisecond)
		} else {
			time.Sleep(time.Duration(rnd.IntN(120)) * time.Millisecond)
		}
		now := time.Now()
		for len(counted) > 0 && now.Sub(counted[0]) >= time.Minute {
			counted = counted[1:]
		}
		right := len(counted) < 100
		ok, _, err := x.Allow(t.Context(), "alice")
		expect.NoError(t, err, expect.Message{Did: "called Allow", Want: "a decision"})
		if m.calls++; ok != right {
			m.wrong++
		}
		if ok {
			counted = append(counted, now)
		}
		m.worst = max(m.worst, len(counted))
		if m.calls%100 == 0 {
			elements, bytes := entries(t, r)
			m.entries = max(m.entries, elements+(bytes+39)/40)
		}
	}
	return m
}
