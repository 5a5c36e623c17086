package herd_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

const page = "front-page"

const herdWhy = "what is loaded slowly is loaded slowly because it is expensive: a thousand at once do not take " +
	"a thousand " +
	"times as long, they end nothing at all"

func TestAThousandMissesAreOneLoad(t *testing.T) {
	alone(t, aMinute, func(t *testing.T, w *world) {
		all := w.crowd(1000, 0, page, outcome{takes: time.Second, plain: true})
		w.wantOne(page, "let 1000 callers ask for a key that nobody has asked for yet, at one moment; a load takes 1s",
			all, time.Second)
		// Whoever has just looked when the value comes, and asks a moment later for the load, finds it over.
		all = w.crowd(300, 10*time.Millisecond, "trickle", outcome{takes: time.Second, plain: true})
		w.wantOne("trickle", "let 300 callers ask for a key, one every 10 ms; a load takes 1s", all, time.Second)
	})
}

func TestInstancesLoadOnce(t *testing.T) {
	shared(t, 4, aMinute, func(t *testing.T, w *world) {
		w.r.RTT(5 * time.Millisecond)
		all := w.crowd(1000, 0, page, outcome{takes: time.Second, plain: true})
		w.wantOne(page, "let 250 callers in each instance ask for a key that nobody has asked for yet, at one "+
			"moment; a "+
			"load takes 1s, a round trip to Redis 5ms", all, 1200*time.Millisecond)
		all = w.crowd(300, 10*time.Millisecond, "trickle", outcome{takes: time.Second, plain: true})
		w.wantOne("trickle", "let 300 callers ask for a key, one every 10 ms, instance by instance in turn; a "+
			"load takes "+
			"1s, a round trip to Redis 5ms", all, 1200*time.Millisecond)
		// The first load is over before the second caller has got through to Redis.
		all = w.crowd(40, time.Millisecond, "quick", outcome{takes: 3 * time.Millisecond, plain: true})
		w.wantOne("quick", "let 40 callers ask for a key, one every 1 ms, instance by instance in turn; a load "+
			"takes 3ms, a "+
			"round trip to Redis 5ms", all, 200*time.Millisecond)
		// A lease that lasts for longer than any timeout that somebody has thought of.
		all = w.crowd(8, 0, "slow", outcome{takes: 4900 * time.Millisecond, plain: true})
		w.wantOne("slow", "let two callers in each instance ask for a key at one moment; a load takes 4.9s, a "+
			"lease is "+
			"left at 0, so it is 5s", all, 5100*time.Millisecond)
		// Between two commands of the one that loads the others look again and again.
		w.r.RTT(0)
		w.r.Links[0].RTT(40 * time.Millisecond)
		for i := range 8 {
			key, takes := fmt.Sprint("far ", i), time.Duration(500+11*i)*time.Millisecond
			o := outcome{takes: takes, plain: true}
			all := make([]answer, 4)
			var wg sync.WaitGroup
			for i := range all {
				wg.Go(func() { all[i] = w.ask(i, key, o) })
				if i == 0 {
					time.Sleep(100 * time.Millisecond)
				}
			}
			wg.Wait()
			w.wantOne(key, fmt.Sprintf("let an instance to which a round trip to Redis takes 40 ms load a value, which takes %v, "+
				"and three that are next to it ask for the same 100 ms later", takes), all, 2*time.Second)
		}
	})
}

// wantOne demands that all callers got the value of one load.
func (w *world) wantOne(key, did string, all []answer, within time.Duration) {
	w.t.Helper()
	bad := wrong(all, func(a answer) bool { return a.is(key, 1, within) })
	n := w.loaded(key)
	expect.That(w.t, n == 1 && bad == "", expect.Message{
		Did:  w.with() + did,
		Want: fmt.Sprintf("1 load, and its value for everybody, each within %v", within),
		Got:  strings.TrimSuffix(fmt.Sprintf("%s; %s", loads(n), bad), "; "),
		Why:  herdWhy,
	})
}

func TestAnInstanceHearsOfAValueSoon(t *testing.T) {
	shared(t, 2, aMinute, func(t *testing.T, w *world) {
		first := start(func() answer { return w.ask(0, page, outcome{takes: 3 * time.Second}) })
		time.Sleep(217 * time.Millisecond)
		second := w.ask(1, page, outcome{takes: 3 * time.Second})
		a := first.wait(t, expect.Message{Did: "called Get on the first instance", Want: "an answer"})
		late := second.took + 217*time.Millisecond - a.took
		expect.That(t, a.is(page, 1, 3*time.Second) && second.is(page, 1, time.Minute) && late <= 100*time.Millisecond,
			expect.Message{
				Did: "let an instance load a value, which takes 3s, and another one ask for it 217 ms after it",
				Want: fmt.Sprintf("%q on both, on the second at most 100 ms after it was stored",
					value(page, 1)),
				Got:     fmt.Sprintf("%v; on the second %v, %v after the first", a, second, late),
				Why:     "who waits for another instance adds its own waiting to what the readers wait anyway",
				Picture: w.tl,
			})
	})
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	both(t, aMinute, func(t *testing.T, w *world) {
		keys := []string{"", " ", "a", "A", "a:b", "a%3Ab", "lock:a", "value:a", "é", strings.Repeat("long", 300) + "1",
			strings.Repeat("long", 300) + "2", "a\x00b", "a b", "a/b", "{a}"}
		answers := make([]answer, len(keys))
		var wg sync.WaitGroup
		for i, key := range keys {
			wg.Go(func() { answers[i] = w.get(0, key, w.load(0, key, outcome{takes: time.Second, plain: true})) })
		}
		wg.Wait()
		for i, key := range keys {
			expect.That(t, answers[i].is(key, 1, 1100*time.Millisecond), expect.Message{
				Did:  w.with() + fmt.Sprintf("asked for %d keys at one moment; each takes 1s to load", len(keys)),
				Want: fmt.Sprintf("%.40q for the key %.20q, after 1s", value(key, 1), key),
				Got:  fmt.Sprintf("%.80v", answers[i]),
				Why:  "one slow query would hold up all the others, also those that have nothing to do with it",
			})
		}
		w.wantManyAtOnce()
		w.get(0, page, w.load(0, page, outcome{}))
		slow := start(func() answer { return w.get(0, "slow", w.load(0, "slow", outcome{takes: time.Minute, plain: true})) })
		time.Sleep(time.Millisecond)
		a := w.get(0, page, w.load(0, page, outcome{}))
		expect.That(t, a.is(page, 1, 10*time.Millisecond), expect.Message{
			Did:  w.with() + "asked for a key with a fresh value, while another key was being loaded",
			Want: "the fresh value at once",
			Got:  a.String(),
		})
		slow.wait(t, expect.Message{Did: "asked for a key that takes a minute to load", Want: "its value"})
		if w.r != nil {
			w.wantNamesApart()
		}
	})
}

// wantManyAtOnce asks for so many keys that two of them meet wherever keys share one of a few thousand places.
func (w *world) wantManyAtOnce() {
	w.t.Helper()
	const keys, takes = 1_000, time.Second
	answers := make([]answer, keys)
	var wg sync.WaitGroup
	for i := range keys {
		key := fmt.Sprint("of many ", i)
		wg.Go(func() { answers[i] = w.get(0, key, w.load(0, key, outcome{takes: takes, plain: true})) })
	}
	wg.Wait()
	late := 0
	for i, a := range answers {
		if !a.is(fmt.Sprint("of many ", i), 1, takes+100*time.Millisecond) {
			late++
		}
	}
	expect.That(w.t, late == 0, expect.Message{
		Did:  w.with() + fmt.Sprintf("asked for %d keys at one moment; each takes %v to load", keys, takes),
		Want: "the value of each key, after 1s",
		Got:  fmt.Sprintf("that for %d of them; %d waited longer or got something else", keys-late, late),
		Why:  "keys that share a lock wait for each other, and nobody can tell which ones do",
	})
}

// wantNamesApart asks for keys that are called like what lies in Redis for another one, during its load and afterwards.
func (w *world) wantNamesApart() {
	w.t.Helper()
	const takes = time.Second
	names := map[string]bool{}
	look := func() {
		for name := range w.r.TTLs(w.t) {
			names[name] = true
		}
	}
	w.r.Admin.FlushAll(w.t.Context())
	ask := func(key string) {
		w.t.Helper()
		a := start(func() answer { return w.get(0, key, w.load(0, key, outcome{takes: takes, plain: true})) }).wait(w.t,
			expect.Message{Did: w.with() + fmt.Sprintf("asked for the key %q", key), Want: "its value",
				Why: "it may be called like what is kept for another key, and has nothing to do with it"})
		expect.That(w.t, a.is(key, w.loaded(key), takes+100*time.Millisecond), expect.Message{
			Did: w.with() + fmt.Sprintf("asked for the keys \"x\" and %q, of which the second is called like "+
				"something that "+
				"lay in Redis for the first; now for %q", slices.Collect(maps.Keys(names)), key),
			Want: "its value, after 1s at most",
			Got:  a.String(),
			Why:  "a key is what somebody asks for, and some of them know how yours are made",
		})
	}
	loading := start(func() answer { return w.get(0, "x", w.load(0, "x", outcome{takes: takes, plain: true})) })
	time.Sleep(takes / 2)
	look()
	loading.wait(w.t, expect.Message{Did: w.with() + "asked for a key", Want: "its value"})
	look()
	// In either order, as who comes first may be in the way of who comes after.
	order := slices.Sorted(maps.Keys(names))
	for range 3 {
		for _, name := range order {
			ask(name)
		}
		slices.Reverse(order)
		time.Sleep(70 * time.Second)
	}
	ask("x")
}

func TestInstancesShareTheirValues(t *testing.T) {
	alone(t, aMinute, func(t *testing.T, w *world) {
		w.add(nil, aMinute)
		for i := range 2 {
			a := w.ask(i, page, outcome{})
			expect.That(t, a.is(page, i+1, 0), expect.Message{
				Did: fmt.Sprintf("made two caches without Redis and asked each of them for one key, so far %d of them",
					i+1),
				Want: fmt.Sprintf("%q: each has values of its own", value(page, i+1)),
				Got:  a.String(),
				Why:  "two caches of one process may well hold different things under the same key",
			})
		}
		w.wantEmpty()
	})
	shared(t, 3, aMinute, func(t *testing.T, w *world) {
		for i := range 6 {
			a := w.ask(i, page, outcome{takes: 20 * time.Millisecond})
			expect.That(t, a.is(page, 1, 30*time.Millisecond), expect.Message{
				Did:  w.with() + fmt.Sprintf("asked for a key, one instance after the other, %d times so far", i+1),
				Want: fmt.Sprintf("%q: what one has loaded is there for all", value(page, 1)),
				Got:  fmt.Sprintf("%v; %s", a, loads(w.loaded(page))),
				Why: "n instances that each keep their own ask n times as often as one, and a new one " +
					"begins with nothing",
				Picture: w.tl,
			})
		}
		w.wantEmpty()
	})
}

// wantEmpty demands that a value without a byte in it is one, and that the bytes of others stay as they are.
func (w *world) wantEmpty() {
	w.t.Helper()
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	for _, v := range [][]byte{{}, bytes, []byte("null"), []byte(" \n")} {
		key := fmt.Sprintf("of %d bytes %.8x", len(v), v)
		for range 3 {
			a := w.get(0, key, w.load(0, key, outcome{fixed: v, plain: true}))
			expect.That(w.t, a.err == nil && a.value == string(v) && w.loaded(key) == 1, expect.Message{
				Did: w.with() + fmt.Sprintf("asked three times for a key whose value is %d bytes long: "+
					"%.12q", len(v), v),
				Want: "these bytes each time, and 1 load",
				Got:  fmt.Sprintf("%.40v; %s so far", a, loads(w.loaded(key))),
				Why: "\"nothing was found\" is an answer, and often the one that is asked for most: taken for a " +
					"miss, it is " +
					"a herd at any time",
			})
		}
	}
	for range 3 {
		a := w.get(0, "nil", w.load(0, "nil", outcome{isNil: true, plain: true}))
		expect.That(w.t, a.err == nil && a.value == "" && w.loaded("nil") == 1, expect.Message{
			Did:  w.with() + "asked three times for a key whose value is nil",
			Want: "an empty value each time, and 1 load",
			Got:  fmt.Sprintf("%.40v; %s so far", a, loads(w.loaded("nil"))),
			Why:  "nil is a slice without a byte, so it is an empty value: a query that finds nothing often gives it",
		})
	}
}

// database can do 50 loads a second: each takes ten turns of 2 ms, and all that are under way take turns. What nobody
// waits for any more goes on, as in a database.
type database struct {
	turn chan struct{}
	mu   sync.Mutex
	runs int
}

func (d *database) query() {
	d.count(1)
	defer d.count(-1)
	for range 10 {
		d.turn <- struct{}{}
		time.Sleep(2 * time.Millisecond)
		<-d.turn
	}
}

func (d *database) count(by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs += by
}

func (d *database) running() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.runs
}

// bar is a number as a bar of at most ten blocks, and as digits.
func bar(n int) string {
	if n == 1 {
		return "▏ 1 query"
	}
	return strings.Repeat("█", min(10, n/200)) + fmt.Sprintf(" %d queries", n)
}

func TestTheDatabaseOutlivesTheHerd(t *testing.T) {
	alone(t, settings{ttl: 10 * time.Second, stale: 0, jitter: 0}, func(t *testing.T, w *world) {
		const lanes, mine, naive = 4 * time.Second, "with your cache", "a query for each"
		dbs := map[string]*database{mine: {turn: make(chan struct{}, 1)}, naive: {turn: make(chan struct{}, 1)}}
		load := func(lane string) func(context.Context) ([]byte, error) {
			return func(context.Context) ([]byte, error) {
				dbs[lane].query()
				return []byte("the news"), nil
			}
		}
		var mu sync.Mutex
		answered, asked := 0, 0
		// Readers wait for a second and then reload the page: 1000 that are there, and 20 more every 100 ms.
		reader := func(lane string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			done := make(chan error, 1)
			go func() {
				var err error
				if lane == mine {
					var v []byte
					if v, err = w.cache(0).Get(ctx, page, load(lane)); err == nil && string(v) != "the news" {
						err = fmt.Errorf("got %q", v)
					}
				} else {
					_, err = load(lane)(ctx)
				}
				done <- err
			}()
			var err error
			select {
			case err = <-done:
			case <-ctx.Done():
				err = ctx.Err()
			}
			if lane == mine {
				mu.Lock()
				defer mu.Unlock()
				if asked++; err == nil {
					answered++
				}
			}
		}
		var wg sync.WaitGroup
		tl := timeline.New(naive, mine)
		begin := time.Now()
		for i := 0; time.Since(begin) < lanes; i++ {
			readers := 20
			if i == 0 {
				readers = 1000
			}
			for _, lane := range []string{naive, mine} {
				for range readers {
					wg.Go(func() { reader(lane) })
				}
			}
			time.Sleep(10 * time.Millisecond)
			if i%4 == 0 {
				for _, lane := range []string{naive, mine} {
					tl.Holds(lane, "%s", bar(dbs[lane].running()))
				}
			}
			time.Sleep(90 * time.Millisecond)
		}
		wg.Wait()
		expect.Show(t, "queries that a database which can do 50 a second has to do", tl)
		n := dbs[mine].running()
		expect.That(t, answered == asked && n == 0, expect.Message{
			Did: "put a database that can do 50 queries a second behind the cache, and let 1000 readers ask for " +
				"one key at one " +
				"moment and 20 more every 100 ms for 4s; each gives up after 1s",
			Want:    fmt.Sprintf("all %d answered, and no query left at the end", asked),
			Got:     fmt.Sprintf("%d of %d answered, and %d queries still running", answered, asked, n),
			Why:     "the queries of readers who have long gone keep the database from answering those who are there",
			Picture: tl,
		})
	})
}
