package herd_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestFreshAndOldForAsLongAsPromised(t *testing.T) {
	for _, s := range []settings{
		{ttl: 100 * time.Millisecond, stale: 80 * time.Millisecond},
		{ttl: 1500 * time.Millisecond, stale: 700 * time.Millisecond},
		{ttl: 48 * time.Hour, stale: 0},
		{ttl: 10 * time.Millisecond, stale: 30 * 24 * time.Hour},
	} {
		alone(t, s, func(t *testing.T, w *world) { w.wantLife(s) })
	}
	for _, s := range []settings{
		{ttl: 1500 * time.Millisecond, stale: 700 * time.Millisecond},
		{ttl: 36 * time.Hour, stale: 12 * time.Hour},
	} {
		shared(t, 2, s, func(t *testing.T, w *world) { w.wantLife(s) })
	}
}

// wantLife asks for values at both ends of their two lives. A load takes 250 ms: whoever is answered sooner did not
// wait.
func (w *world) wantLife(s settings) {
	w.t.Helper()
	const takes, step = 250 * time.Millisecond, time.Millisecond
	type moment struct {
		at  time.Duration
		old bool // the value of the first load is wanted
		new bool // a second load is
	}
	moments := []moment{{s.ttl/2 - step, true, false}}
	moments = append(moments, moment{s.ttl - step, true, false})
	if s.stale > 0 {
		moments = append(moments, moment{s.ttl + step, true, true}, moment{s.ttl + s.stale - step, true, true})
	}
	moments = append(moments, moment{s.ttl + s.stale + step, false, true})
	for i, m := range moments {
		key := fmt.Sprint("key ", i)
		w.get(0, key, w.load(0, key, outcome{takes: takes, plain: true}))
		time.Sleep(m.at)
		a := w.get(1, key, w.load(1, key, outcome{takes: takes, plain: true}))
		did := w.with() + fmt.Sprintf("asked for a value %v after the end of its load, with ttl %v, stale %v "+
			"and no jitter",
			m.at, s.ttl, s.stale)
		if m.old {
			expect.That(w.t, a.is(key, 1, 10*time.Millisecond), expect.Message{
				Did:  did,
				Want: "this value, at once: it is fresh, or old but may still be returned",
				Got:  a.String(),
				Why:  "every time that a value ends somebody waits for the next, if it ends sooner more often",
			})
		} else {
			expect.That(w.t, a.is(key, 2, takes+100*time.Millisecond), expect.Message{
				Did:  did,
				Want: fmt.Sprintf("a new value, %q: this one may not be returned any more", value(key, 2)),
				Got:  a.String(),
				Why:  "ttl and stale are what was agreed with those who ask why the page is out of date",
			})
		}
		time.Sleep(time.Second)
		n := w.loaded(key)
		if m.new {
			expect.That(w.t, n == 2, expect.Message{
				Did: did, Want: "1 more load for it", Got: fmt.Sprintf("%d more", n-1),
				Why: "what has become old is loaded anew behind whoever asks for it",
			})
		} else if m.at < s.ttl/2 {
			expect.That(w.t, n == 1, expect.Message{
				Did: did, Want: "no further load", Got: fmt.Sprintf("%d more", n-1),
				Why: "a cache that loads whenever it is asked is none",
			})
		}
	}
}

func TestOldValuesAreServedAtOnce(t *testing.T) {
	s := settings{ttl: time.Minute, stale: 30 * time.Second}
	alone(t, s, func(t *testing.T, w *world) { w.wantServedAtOnce() })
	shared(t, 4, s, func(t *testing.T, w *world) { w.wantServedAtOnce() })
}

func (w *world) wantServedAtOnce() {
	w.t.Helper()
	w.get(0, page, w.load(0, page, outcome{}))
	for round := 1; round <= 3; round++ {
		time.Sleep(time.Minute + time.Millisecond)
		w.tl.Clear()
		all := w.crowd(100, 0, page, outcome{takes: time.Second, plain: true})
		time.Sleep(500 * time.Millisecond)
		all = append(all, w.crowd(100, 0, page, outcome{takes: time.Second, plain: true})...)
		bad := wrong(all, func(a answer) bool { return a.is(page, round, 10*time.Millisecond) })
		time.Sleep(time.Second)
		after := w.get(1, page, w.load(1, page, outcome{takes: time.Second, plain: true}))
		n := w.loaded(page) - round
		did := w.with() + fmt.Sprintf("let 100 callers ask at one moment 1 ms after a value of ttl 1m had "+
			"become old, and "+
			"100 more half a second later, where a load takes 1s and each caller's context is cancelled as soon "+
			"as it has "+
			"its answer; for the %s time", []string{"", "first", "second", "third"}[round])
		expect.That(w.t, bad == "", expect.Message{
			Did:  did,
			Want: fmt.Sprintf("the old value, %q, for all of them, at once", value(page, round)),
			Got:  bad,
			Why:  "the value was good enough a moment ago; that it has become old is no reason to let readers wait",
		})
		expect.That(w.t, n == 1, expect.Message{
			Did: did, Want: "1 load behind them", Got: w.count(page, round),
			Why: "the readers do not wait, but the database has the herd all the same; and a load that ends " +
				"with the answer " +
				"before it is begun again by the next reader, and ends again",
		})
		expect.That(w.t, after.is(page, round+1, 10*time.Millisecond), expect.Message{
			Did:  did + ", and asked again when the load was over",
			Want: fmt.Sprintf("the new value, %q, at once", value(page, round+1)),
			Got:  after.String(),
			Why: "in a service the context of a request ends with its answer: what is done behind it and needs " +
				"that context " +
				"is never done",
		})
	}
}

func TestWhoComesWhenItIsTooOldWaitsForTheLoadBehind(t *testing.T) {
	both(t, settings{ttl: time.Minute, stale: time.Second, lease: time.Minute}, func(t *testing.T, w *world) {
		w.ask(0, page, outcome{})
		time.Sleep(time.Minute + 500*time.Millisecond)
		w.tl.Clear()
		w.ask(0, page, outcome{takes: 3 * time.Second})
		time.Sleep(time.Second)
		for i := range 2 {
			a := w.ask(i, page, outcome{takes: 3 * time.Second})
			expect.That(t, a.is(page, 2, 2100*time.Millisecond) && w.loaded(page) == 2, expect.Message{
				Did: w.with() + "asked for a value that was old, so that it was loaded anew behind, which takes " +
					"3s; and again " +
					"when it was too old to be returned, but the load was still running",
				Want:    "the value of that load, and no further one",
				Got:     fmt.Sprintf("%v; %d more", a, w.loaded(page)-2),
				Why:     "a load that nobody waited for at first is a load all the same",
				Picture: w.tl,
			})
		}
	})
}

func TestValuesStoredTogetherDoNotEndTogether(t *testing.T) {
	s := settings{ttl: time.Minute, jitter: 0.1}
	alone(t, s, func(t *testing.T, w *world) { w.wantSpread(2_000) })
	shared(t, 2, s, func(t *testing.T, w *world) { w.wantSpread(200) })
	for _, s := range []settings{
		{ttl: time.Hour, stale: time.Minute, jitter: 0.5},
		{ttl: 10 * time.Second, stale: 0, jitter: 0.05},
	} {
		alone(t, s, func(t *testing.T, w *world) { w.wantBounds(s) })
	}
}

// wantSpread fills keys at one moment, and asks for each of them once a second when they begin to end.
func (w *world) wantSpread(keys int) {
	w.t.Helper()
	var mu sync.Mutex
	second, perSecond := 0, map[int]int{}
	names := make([]string, keys)
	round := func(s int) {
		mu.Lock()
		second = s
		mu.Unlock()
		for i := range names {
			names[i] = fmt.Sprint("key-", i)
			w.cache(0).Get(w.t.Context(), names[i], func(context.Context) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				perSecond[second]++
				return []byte("value"), nil
			})
		}
	}
	round(0)
	time.Sleep(52 * time.Second)
	for s := 53; s <= 67; s++ {
		time.Sleep(time.Second)
		round(s)
	}
	worst, when, all := 0, 0, 0
	mu.Lock()
	defer mu.Unlock()
	for s := 53; s <= 67; s++ {
		all += perSecond[s]
		if perSecond[s] > worst {
			worst, when = perSecond[s], s
		}
	}
	expect.That(w.t, worst <= keys/4 && all >= keys, expect.Message{
		Did: w.with() + fmt.Sprintf("filled %d keys at one moment, with ttl 1m, stale 0 and jitter 0.1, and "+
			"then asked for "+
			"each of them every second from the 53rd to the 67th", keys),
		Want: fmt.Sprintf("all %d loaded anew, and in no second more than %d", keys, keys/4),
		Got:  fmt.Sprintf("%d loads, %d of them in second %d", all, worst, when),
		Why:  "what was filled together ends together: a herd of keys in the place of a herd of callers",
	})
}

// wantBounds asks for many keys just before the first of them may be old, and just after the last of them must be.
func (w *world) wantBounds(s settings) {
	w.t.Helper()
	const keys, takes = 300, 250 * time.Millisecond
	share := time.Duration(s.jitter * float64(s.ttl))
	for i, at := range []time.Duration{s.ttl - share - time.Millisecond, s.ttl + share + s.stale + time.Millisecond} {
		answers := make([]answer, keys)
		for round := range 2 {
			var wg sync.WaitGroup
			for k := range keys {
				key := fmt.Sprint(i, "-", k)
				wg.Go(func() { answers[k] = w.get(0, key, w.load(0, key, outcome{takes: takes, plain: true})) })
			}
			wg.Wait()
			if round == 0 {
				time.Sleep(at)
			}
		}
		waited := 0
		for _, a := range answers {
			if a.took >= takes {
				waited++
			}
		}
		expect.That(w.t, waited == i*keys, expect.Message{
			Did: fmt.Sprintf("filled %d keys at one moment, with ttl %v, stale %v and jitter %v, and asked for "+
				"them %v later",
				keys, s.ttl, s.stale, s.jitter, at),
			Want: []string{"all of them fresh", "none of them returned any more, so a load for each"}[i],
			Got:  fmt.Sprintf("%d of %d loaded while the caller waited", waited, keys),
			Why:  "jitter is a share of ttl, so that one knows how old a value can be, and how often it is loaded",
		})
	}
}
