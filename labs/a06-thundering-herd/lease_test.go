package herd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	herd "github.com/backend-labs/backend-labs/labs/a06-thundering-herd"
)

// aWeek is longer than any check: the load of an instance that has died.
const aWeek = 7 * 24 * time.Hour

func TestALeaseEndsWithoutItsHolder(t *testing.T) {
	leases := []time.Duration{0, 1500 * time.Millisecond, 40 * time.Second, 200 * time.Millisecond}
	shared(t, 40, settings{}, func(t *testing.T, w *world) {
		for i, lease := range leases {
			for k := range 10 {
				w.caches[i*10+k] = herd.New(w.r.Clients[i*10+k], time.Hour, 0, lease, 0)
			}
		}
		for i, lease := range leases {
			w.wantLease(i*10, lease)
		}
		for key, ttl := range w.r.TTLs(t) {
			expect.That(t, ttl != vredis.NoExpiry, expect.Message{
				Did:  "looked at what lies in Redis after instances have died",
				Want: "an expiry for each key, at every moment: who dies takes nothing away",
				Got:  fmt.Sprintf("%q never expires", key),
				Why:  "what nobody removes stays; a lock that stays means that nobody may load this key ever again",
			})
		}
	})
}

// wantLease lets instances from the first one on die during a load, and one live.
func (w *world) wantLease(first int, lease time.Duration) {
	w.t.Helper()
	means := lease
	if lease == 0 {
		means = 5 * time.Second
	}
	// The instance is dead to the others from the moment at which its k-th command has reached Redis.
	most := 8
	if means > 10*time.Second {
		most = 3 // whoever waits polls, and a minute of that is long under the race detector
	}
	for k := 1; k <= most; k++ {
		key := fmt.Sprintf("key %d of %v", k, lease)
		w.tl.Clear()
		w.r.Links[first+k].CutAfter(k)
		begin := time.Now()
		start(func() answer { return w.ask(first+k, key, outcome{takes: aWeek}) })
		time.Sleep(10 * time.Millisecond)
		w.r.Links[first+k].Cut()
		w.tl.Point(w.lane(first+k), "dies")
		a := start(func() answer { return w.ask(first, key, outcome{takes: 100 * time.Millisecond}) }).wait(w.t,
			expect.Message{Did: fmt.Sprintf("let an instance die during a load, with a lease of %v, and asked "+
				"another one", lease),
				Want: "a load by the other one", Picture: w.tl,
				Why: "a lock that ends only when its holder says so lasts for ever when its holder is killed"})
		after := time.Since(begin) - 100*time.Millisecond
		expect.That(w.t, a.err == nil && after <= means+110*time.Millisecond, expect.Message{
			Did: fmt.Sprintf("let an instance die during a load, after at most %d commands to Redis, with a "+
				"lease of %v, "+
				"and another one ask for the same key 10 ms later", k, lease),
			Want:    fmt.Sprintf("a load by the other one, at most 100 ms after the lease of %v", means),
			Got:     fmt.Sprintf("%v; the load began %v after the first", a, after),
			Why:     "a lock that ends only when its holder says so lasts for ever when its holder is killed",
			Picture: w.tl,
		})
	}
	// One that lives keeps it for as long as the lease lasts.
	w.tl.Clear()
	takes, key := means-min(300*time.Millisecond, means/4), fmt.Sprint("alive with ", lease)
	living := start(func() answer { return w.ask(first, key, outcome{takes: takes}) })
	time.Sleep(time.Millisecond)
	w.ask(first+9, key, outcome{takes: takes})
	living.wait(w.t, expect.Message{Did: "asked for a value", Want: "the value"})
	expect.That(w.t, w.loaded(key) == 1, expect.Message{
		Did: fmt.Sprintf("let a load take %v, with a lease of %v, while another instance waits for "+
			"it", takes, lease),
		Want:    "1 load: at most one instance loads while the lease lasts",
		Got:     loads(w.loaded(key)),
		Why:     "who configures a lease of a minute has queries that take most of it",
		Picture: w.tl,
	})
}

func TestALateHolderKeepsItsHandsOff(t *testing.T) {
	shared(t, 3, settings{ttl: time.Minute, stale: 0, lease: 5 * time.Second}, func(t *testing.T, w *world) {
		first := start(func() answer { return w.ask(0, page, outcome{takes: 7 * time.Second, err: errDown}) })
		time.Sleep(100 * time.Millisecond)
		second := start(func() answer { return w.ask(1, page, outcome{takes: 4 * time.Second}) })
		time.Sleep(7400 * time.Millisecond)
		third := w.ask(2, page, outcome{takes: 4 * time.Second})
		first.wait(t, expect.Message{Did: "asked for a value", Want: "an answer"})
		b := second.wait(t, expect.Message{Did: "asked for a value", Want: "an answer"})
		most := w.loaded(page)
		expect.That(t, most == 2 && third.is(page, 2, time.Minute) && b.is(page, 2, time.Minute), expect.Message{
			Did: "with a lease of 5s, let an instance's load take 7s and then fail; a second instance asks at " +
				"0.1s and needs " +
				"4s for its load, a third one asks at 7.5s",
			Want: "2 loads: the second instance has the key to itself when the third one comes, which waits for " +
				"its value",
			Got: fmt.Sprintf("%s; the second got %v; the third got %v", loads(most), b, third),
			Why: "whoever was late gives back what has become somebody else's: then two load at once, the next " +
				"one's lock is " +
				"given back by the second, and so on",
			Picture: w.tl,
		})
	})
}

func TestARedisThatFailsIsAsGoodAsNone(t *testing.T) {
	shared(t, 30, settings{ttl: time.Hour, lease: time.Hour}, func(t *testing.T, w *world) {
		// a load that takes longer than a client may need to find out
		takes := time.Minute
		w.r.Links[0].Cut()
		all := w.crowdOf(0, 100, page, takes)
		bad := wrong(all, func(a answer) bool { return a.is(page, 1, 2*takes) })
		expect.That(t, bad == "" && w.loaded(page) == 1, expect.Message{
			Did:  "cut an instance off from Redis, and let 100 callers ask it for one key; a load takes 1m",
			Want: "1 load, and its value for all of them",
			Got:  strings.TrimSuffix(fmt.Sprintf("%s; %s", loads(w.loaded(page)), bad), "; "),
			Why:  "the herd is just as big on the day on which Redis is down, and the database just as small",
		})
		for _, i := range []int{28, 29} {
			a := w.ask(i, "others", outcome{takes: time.Second})
			expect.That(t, a.is("others", 1, 1100*time.Millisecond), expect.Message{
				Did:     "cut an instance off from Redis, and asked two others for a key, one after the other",
				Want:    "1 load, and its value for both: they have clients of their own",
				Got:     a.String(),
				Why:     "one cable that breaks must not take Redis away from all",
				Picture: w.tl,
			})
		}
		for k := 1; k <= 14; k++ {
			key := fmt.Sprint("key ", k)
			w.r.Links[k].CutAfter(k)
			all := w.crowdOf(k, 3, key, takes)
			bad := wrong(all, func(a answer) bool { return a.is(key, 1, 2*takes) })
			expect.That(t, bad == "", expect.Message{
				Did: fmt.Sprintf("let 3 callers ask an instance for a key, and cut it off from Redis after %d "+
					"commands; a load "+
					"takes 1m", k),
				Want: "the value for all of them",
				Got:  bad,
				Why:  "what was loaded is right, whether it could be stored or not",
			})
		}
		first := start(func() answer { return w.ask(15, "held", outcome{takes: 8 * time.Minute}) })
		time.Sleep(time.Second)
		second := start(func() answer { return w.ask(16, "held", outcome{takes: takes}) })
		time.Sleep(time.Second)
		w.tl.Point(w.lane(16), "cut off from Redis")
		w.r.Links[16].Cut()
		a := second.wait(t, expect.Message{
			Did: "let an instance wait for the load of another one, which takes 8m, and cut it off from Redis " +
				"after 1s",
			Want: "the value of a load of its own", Picture: w.tl})
		expect.That(t, a.is("held", 2, 2*takes), expect.Message{
			Did: "let an instance wait for the load of another one, which takes 8m, and cut it off from " +
				"Redis after 1s",
			Want:    "a load of its own, which takes 1m: nobody can tell it any more what the other one does",
			Got:     a.String(),
			Why:     "to wait for a sign through a line that is cut is to wait for ever",
			Picture: w.tl,
		})
		first.wait(t, expect.Message{Did: "asked for a value that takes 8m to load", Want: "its value"})
		w.wantUsedAgain()
	})
}

// wantUsedAgain lets Redis answer with errors for a while.
func (w *world) wantUsedAgain() {
	w.t.Helper()
	w.tl.Clear()
	w.r.Refuse("LOADING Redis is loading the dataset in memory")
	w.tl.Point("Redis", "answers LOADING")
	for i := 17; i <= 18; i++ {
		a := w.ask(i, "loading", outcome{takes: time.Second})
		expect.That(w.t, a.is("loading", i-16, 10*time.Second), expect.Message{
			Did: "asked two instances for a key, one after the other, while Redis answered every command " +
				"with an error",
			Want:    "a load by each of them, and its value",
			Got:     a.String(),
			Why:     "a server that says that it cannot is of no more use than one that is gone",
			Picture: w.tl,
		})
	}
	time.Sleep(time.Second)
	w.r.Heal()
	w.tl.Point("Redis", "is well")
	time.Sleep(time.Second)
	for i := 17; i <= 18; i++ {
		a := w.ask(i, "well", outcome{takes: time.Second})
		expect.That(w.t, a.is("well", 1, 1100*time.Millisecond), expect.Message{
			Did:  "asked two instances for a key, one after the other, a second after Redis was well again",
			Want: "one load, and its value for both: they share their values again",
			Got:  a.String(),
			Why: "what gives Redis up after one error needs a deployment to find it again, and until then " +
				"each instance loads",
			Picture: w.tl,
		})
	}
}

// crowdOf lets n callers ask one instance at one moment.
func (w *world) crowdOf(i, n int, key string, takes time.Duration) []answer {
	return start(func() []answer {
		answers := make([]answer, n)
		done := make(chan int)
		for k := range n {
			go func() {
				answers[k] = w.get(i, key, w.load(i, key, outcome{takes: takes, plain: true}))
				done <- k
			}()
		}
		for range n {
			<-done
		}
		return answers
	}).wait(w.t, expect.Message{Did: fmt.Sprintf("let %d callers ask an instance that has lost Redis", n),
		Want: "answers"})
}

// wantExpiries demands that all that lies in Redis expires, after most at the latest.
func (w *world) wantExpiries(most time.Duration, m expect.Message) {
	w.t.Helper()
	for key, ttl := range w.r.TTLs(w.t) {
		m.Got = fmt.Sprintf("%q expires after %v (-1ns: never)", key, ttl)
		expect.That(w.t, ttl != vredis.NoExpiry && ttl <= most, m)
	}
}

func TestWhatLiesInRedisExpires(t *testing.T) {
	s := settings{ttl: time.Minute, stale: 10 * time.Second, lease: 3 * time.Second, jitter: 0.1}
	shared(t, 2, s, func(t *testing.T, w *world) {
		loading := start(func() answer { return w.ask(0, page, outcome{takes: time.Second}) })
		time.Sleep(500 * time.Millisecond)
		w.wantExpiries(s.lease, expect.Message{
			Did:  "looked at what lies in Redis during the first load, with a lease of 3s",
			Want: "that all of it expires within the lease",
			Why:  "an instance that is killed now cannot remove it",
		})
		all := []answer{loading.wait(t, expect.Message{Did: "asked for a value", Want: "the value"})}
		for i := range 50 {
			all = append(all, w.get(0, fmt.Sprint("key ", i), w.load(0, fmt.Sprint("key ", i), outcome{plain: true})))
		}
		bad := wrong(all, func(a answer) bool { return a.err == nil && strings.HasSuffix(a.value, "load 1") })
		expect.That(t, bad == "", expect.Message{Did: "asked for 51 keys", Want: "their values", Got: bad})
		w.wantExpiries(76*time.Second, expect.Message{
			Did:  "filled 51 keys, with ttl 1m, jitter 0.1 and stale 10s, and looked at what lies in Redis",
			Want: "an expiry for each key, after 1m16s at the latest",
			Why:  "keys are made of what people ask for; those that nobody asks for again would never be removed",
		})
		time.Sleep(77 * time.Second)
		left := w.r.TTLs(t)
		expect.That(t, len(left) == 0, expect.Message{
			Did:  "left Redis alone for 77s after 51 keys had been filled, with ttl 1m, jitter 0.1 and stale 10s",
			Want: "nothing left in it",
			Got:  fmt.Sprintf("%d keys", len(left)),
		})
	})
	s = settings{ttl: 1500 * time.Millisecond, stale: 700 * time.Millisecond, lease: time.Second}
	shared(t, 2, s, func(t *testing.T, w *world) {
		w.ask(0, page, outcome{})
		w.wantExpiries(s.ttl+s.stale+10*time.Millisecond, expect.Message{
			Did:  "asked for a key, with ttl 1.5s, stale 700ms and no jitter, and looked at what lies in Redis",
			Want: "an expiry after 2.2s at the latest",
			Why:  "all times are whole milliseconds, and Redis takes those as well as seconds",
		})
	})
}
