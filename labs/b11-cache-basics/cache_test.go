package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	cache "github.com/backend-labs/backend-labs/labs/b11-cache-basics"
)

var background = context.Background()

func TestLoadedOnceThenRemembered(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		const calls, cost = 100, 50 * time.Millisecond
		c := cache.New[string, int](10, time.Minute)
		o := &origin{cost: cost}
		start := time.Now()
		for range calls {
			v, err := c.GetOrLoad(background, "price", o.load)
			expect.That(t, err == nil && v == 7, expect.Message{
				Did:  "called GetOrLoad with a load that returns 7",
				Want: "7 and no error",
				Got:  result(v, err),
				Why:  "whoever asks a cache wants the value, wherever it comes from",
			})
		}
		took := time.Since(start)
		expect.That(t, took == cost && o.calls == 1, expect.Message{
			Did: fmt.Sprintf(
				"called GetOrLoad %d times in a row for one key, with a load that takes %v", calls,
				cost),
			Want: fmt.Sprintf("1 load, and %v in all", cost),
			Got:  fmt.Sprintf("%s, and %v in all", loads(o.calls), took),
			Why: "this is what a cache is for: the origin does the work once, and everybody " +
				"after the first one has the answer at once",
		})
	})
	loadedIsStored(t)
	beginsEmpty(t)
}

// beginsEmpty has two caches that look alike.
func beginsEmpty(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		prices := filled(3, "lamp")
		stocks := cache.New[string, int](3, time.Minute)
		v, hit := stocks.Get("lamp")
		_, there := prices.Get("lamp")
		expect.That(t, v == 0 && !hit && stocks.Len() == 0 && there, expect.Message{
			Did: "stored 7 under lamp in a cache, made another of the same size and TTL, and " +
				"called Get for lamp, and Len",
			Want: "0 and false, and a Len of 0; and a hit in the first one, as before",
			Got: fmt.Sprintf("%d and %v, and a Len of %d; a hit in the first one: %v", v, hit,
				stocks.Len(), there),
			Why: "a server has many caches, and the same key means something else in each",
		})
	})
}

// loadedIsStored has callers who have gone.
func loadedIsStored(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[string, int](3, time.Minute)
		ctx, cancel := context.WithCancel(background)
		v, err := c.GetOrLoad(ctx, "late", func(context.Context, string) (int, error) {
			cancel()
			return 5, nil
		})
		got, hit := c.Get("late")
		expect.That(t, err == nil && v == 5 && hit && got == 5, expect.Message{
			Did:  "called GetOrLoad with a context that ended while load was running, and load returned 5",
			Want: "5, and a hit afterwards: a result is stored",
			Got:  fmt.Sprintf("%s; afterwards %d and %v", result(v, err), got, hit),
			Why:  "the origin has done the work; thrown away, the next one has to ask it again",
		})
		v, err = c.GetOrLoad(ctx, "late", (&origin{}).load)
		expect.That(t, err == nil && v == 5, expect.Message{
			Did:  "called GetOrLoad for a stored value, 5, with a context that had ended",
			Want: "5: the stored value",
			Got:  result(v, err),
			Why:  "what is there costs nothing, and only a load asks the context",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[string, int](3, time.Minute)
		v, err := c.GetOrLoad(background, "price", func(context.Context, string) (int, error) {
			c.Set("price", 9)
			return 5, nil
		})
		expect.That(t, err == nil && v == 5, expect.Message{
			Did: "called GetOrLoad with a load that returns 5; while it ran, somebody called Set " +
				"for the same key, with 9",
			Want: "5: what load has returned",
			Got:  result(v, err),
			Why:  "who has asked the origin gets the origin's answer",
		})
		v, hit := c.Get("price")
		expect.That(t, hit && v == 5, expect.Message{
			Did: "called GetOrLoad with a load that returns 5; while it ran, somebody called Set " +
				"for the same key, with 9; and called Get afterwards",
			Want: "5: the result of a load is stored when it has returned, and whoever stores last is right",
			Got:  fmt.Sprintf("%d and %v", v, hit),
			Why:  "what the caller has just been told and what the next one is told should not differ",
		})
	})
}

func TestEntriesLiveForTheTTL(t *testing.T) {
	const ttl, cost = time.Minute, 50 * time.Millisecond
	bubble.RunLeaky(t, func(t *testing.T) {
		// A key of its own for every question: a look at one may change nothing for another.
		c := cache.New[string, int](10, ttl)
		o := &origin{cost: cost}
		for _, k := range []string{"seen by Get", "seen by GetOrLoad"} {
			mustLoad(t, c, k, o)
		}
		time.Sleep(ttl - cost - time.Millisecond) // the first load ended one cost earlier
		_, hit := c.Get("seen by Get")
		expect.That(t, hit, expect.Message{
			Did: fmt.Sprintf(
				"loaded a value into a cache with a TTL of %v, in %v, and called Get %v after "+
					"it was stored", ttl, cost, ttl-time.Millisecond),
			Want: "a hit: it lives for its whole TTL, from the moment at which it was stored",
			Got:  "a miss",
			Why:  "what is forgotten early is loaded more often than was planned for",
		})
		time.Sleep(cost)
		v, err := c.GetOrLoad(background, "seen by GetOrLoad", o.load)
		expect.That(t, err == nil && v == 7 && o.calls == 2, expect.Message{
			Did: fmt.Sprintf(
				"loaded a value into a cache with a TTL of %v, and called GetOrLoad %v after it "+
					"was stored", ttl, ttl-time.Millisecond),
			Want: "the stored value, 7, and no second load",
			Got:  fmt.Sprintf("%s, and %s for two keys", result(v, err), loads(o.calls)),
			Why:  "what is forgotten early is loaded more often than was planned for",
		})
		time.Sleep(2 * time.Millisecond)
		o.value = 8
		v, hit = c.Get("seen by Get")
		expect.That(t, !hit && v == 0, expect.Message{
			Did: fmt.Sprintf(
				"stored 7 in a cache with a TTL of %v, and called Get more than %v later", ttl,
				ttl),
			Want: "a miss: the zero value and false",
			Got:  fmt.Sprintf("%d and %v", v, hit),
			Why: "the TTL is the promise how old an answer may be; without it users see " +
				"yesterday's price for ever",
		})
		v, err = c.GetOrLoad(background, "seen by GetOrLoad", o.load)
		expect.That(t, err == nil && v == 8 && o.calls == 3, expect.Message{
			Did: fmt.Sprintf(
				"stored 7 in a cache with a TTL of %v, changed the origin to 8, and called "+
					"GetOrLoad %v after the value was stored", ttl, ttl+time.Millisecond),
			Want: "8: the old value has expired and is loaded again",
			Got:  result(v, err),
			Why: "the TTL is the promise how old an answer may be; without it users see " +
				"yesterday's price for ever",
		})
	})
	livesFor(t)
	livesWhileThereIsRoom(t)
	livesAfterALongLoad(t)
}

// livesAfterALongLoad has a load that takes longer than what it returns lives.
func livesAfterALongLoad(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		const ttl, cost = time.Second, 3 * time.Second
		c := cache.New[string, int](10, ttl)
		mustLoad(t, c, "price", &origin{cost: cost})
		time.Sleep(ttl - time.Millisecond)
		_, hit := c.Get("price")
		expect.That(t, hit, expect.Message{
			Did: fmt.Sprintf("loaded a value in %v into a cache with a TTL of %v, and called Get %v after load had "+
				"returned", cost, ttl, ttl-time.Millisecond),
			Want: "a hit: a life begins when the load has returned",
			Got:  "a miss",
			Why:  "when the origin is slowest the cache is needed most; what was not stored has to be asked for again",
		})
	})
}

// livesWhileThereIsRoom stores when others have not long to live.
func livesWhileThereIsRoom(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c := filled(5, "a", "b", "c")
		time.Sleep(50 * time.Second)
		c.Set("d", 7)
		c.GetOrLoad(background, "e", (&origin{}).load)
		time.Sleep(9 * time.Second)
		expectKeys(t, c, "a, b, c, d, e", "stored a, b and c in a cache of 5 with a TTL of 1m0s, "+
			"50 s later d and e, and looked for them 9 s after that",
			"all five are there: none has expired, and there is room for all of them")
	})
}

// livesFor asks for other lives than whole minutes.
func livesFor(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, ttl := range []time.Duration{2 * time.Millisecond, 1500 * time.Millisecond,
			72 * time.Hour} {
			c := cache.New[string, int](10, ttl)
			c.Set("early", 7)
			c.Set("late", 7)
			time.Sleep(ttl - time.Millisecond)
			_, early := c.Get("early")
			time.Sleep(2 * time.Millisecond)
			_, late := c.Get("late")
			expect.That(t, early && !late, expect.Message{
				Did: fmt.Sprintf("stored two values in a cache with a TTL of %v, and called Get "+
					"for one 1 ms before, for the other 1 ms after that", ttl),
				Want: "a hit: true, then a hit: false",
				Got:  fmt.Sprintf("a hit: %v, then a hit: %v", early, late),
				Why:  "a TTL is a duration: some are parts of a second, some are days",
			})
		}
		c := cache.New[string, int](10, math.MaxInt64)
		c.Set("price", 7)
		time.Sleep(24 * 365 * time.Hour)
		_, hit := c.Get("price")
		expect.That(t, hit, expect.Message{
			Did: "stored a value in a cache with a TTL of math.MaxInt64, which is 292 years, and " +
				"called Get a year later",
			Want: "a hit",
			Got:  "a miss",
			Why: "whoever wants values to be kept for ever says so by the greatest duration; a " +
				"moment in nanoseconds is then more than an int64 holds",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		const ttl = 1999 * time.Microsecond
		c := cache.New[string, int](10, ttl)
		c.Set("price", 7)
		time.Sleep(ttl - 100*time.Microsecond)
		_, hit := c.Get("price")
		expect.That(t, hit, expect.Message{
			Did:  fmt.Sprintf("stored a value in a cache with a TTL of %v, and called Get 100 µs before that", ttl),
			Want: "a hit",
			Got:  "a miss",
			Why:  "a TTL is a duration, whole in nanoseconds and in nothing else",
		})
		time.Sleep(100*time.Microsecond + 1)
		_, hit = c.Get("price")
		expect.That(t, !hit, expect.Message{
			Did:  fmt.Sprintf("stored a value in a cache with a TTL of %v, and called Get 1 ns after that", ttl),
			Want: "a miss",
			Got:  "a hit",
			Why:  "a TTL is a duration, whole in nanoseconds and in nothing else",
		})
	})
}

func TestReadingDoesNotExtendALife(t *testing.T) {
	const ttl, length = time.Minute, 10 * time.Minute
	readers := []struct {
		name string
		read func(c *cache.Cache[string, int], o *origin)
	}{
		{"GetOrLoad", func(c *cache.Cache[string, int], o *origin) { c.GetOrLoad(background, "price", o.load) }},
		{"Get, and GetOrLoad after a miss", func(c *cache.Cache[string, int], o *origin) {
			if _, hit := c.Get("price"); !hit {
				c.GetOrLoad(background, "price", o.load)
			}
		}},
	}
	for _, r := range readers {
		bubble.RunLeaky(t, func(t *testing.T) {
			c, o := cache.New[string, int](10, ttl), &origin{}
			for range length / time.Second {
				r.read(c, o)
				time.Sleep(time.Second)
			}
			// 10 or 11: whether the value is dead at the very end of its TTL or just after it is
			// open.
			expect.That(t, o.calls == 10 || o.calls == 11, expect.Message{
				Did: fmt.Sprintf("read one key every second for %v with a TTL of %v (%s)", length,
					ttl, r.name),
				Want: "10 or 11 loads: one a minute",
				Got:  loads(o.calls),
				Why: "a TTL bounds how stale an answer can be; if each read extended it, the " +
					"most popular value would be the one that never gets fresh",
			})
		})
	}
}

func TestOverwritingStartsANewLife(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		const ttl = time.Minute
		c := cache.New[string, int](10, ttl)
		c.Set("price", 7)
		time.Sleep(40 * time.Second)
		c.Set("price", 8)
		time.Sleep(ttl - time.Millisecond)
		v, hit := c.Get("price")
		expect.That(t, hit && v == 8, expect.Message{
			Did: fmt.Sprintf(
				"stored 7 in a cache with a TTL of %v, 40 s later 8 under the same key, and "+
					"called Get %v after that", ttl, ttl-time.Millisecond),
			Want: "8, a hit: the second value has a life of its own",
			Got:  fmt.Sprintf("%d and %v", v, hit),
			Why:  "a value that was written a moment ago is fresh, whatever was there before",
		})
		time.Sleep(2 * time.Millisecond)
		v, hit = c.Get("price")
		expect.That(t, !hit, expect.Message{
			Did: fmt.Sprintf("called Get %v after the second value was stored",
				ttl+time.Millisecond),
			Want: "a miss: overwritten values expire, too",
			Got:  fmt.Sprintf("%d and %v", v, hit),
			Why:  "the TTL is the promise how old an answer may be",
		})
	})
	sameValueAgain(t)
}

func sameValueAgain(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[string, int](10, time.Minute)
		c.Set("price", 7)
		time.Sleep(40 * time.Second)
		c.Set("price", 7)
		time.Sleep(40 * time.Second)
		_, hit := c.Get("price")
		expect.That(t, hit, expect.Message{
			Did: "stored 7 in a cache with a TTL of 1m0s, 40 s later 7 again under the same key, " +
				"and called Get 40 s after that",
			Want: "a hit: it was stored 40 s ago",
			Got:  "a miss",
			Why:  "that nothing has changed is news, too: the value is known to be right again",
		})
	})
}

func TestLeastRecentlyUsedIsEvicted(t *testing.T) {
	uses := []struct {
		name string
		use  func(c *cache.Cache[string, int], k string)
	}{
		{"called Get", func(c *cache.Cache[string, int], k string) { c.Get(k) }},
		{"called GetOrLoad", func(c *cache.Cache[string, int], k string) { c.GetOrLoad(background, k, (&origin{}).load) }},
		{"called Set again", func(c *cache.Cache[string, int], k string) { c.Set(k, 7) }},
	}
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, u := range uses {
			for range 20 { // so that choosing by luck has no chance
				c := filled(3, "a", "b", "c")
				u.use(c, "a")
				tick()
				c.Set("d", 7)
				expectKeys(t, c, "a, c, d", "stored a, b and c in a cache of 3, "+u.name+
					" for a, and stored d",
					"b is gone, a, c and d are there: b is the one whose last use is longest ago")
			}
		}
		c := filled(3, "a", "b", "c")
		c.Get("a")
		c.Get("nothing")
		tick()
		c.Set("d", 7) // b goes
		tick()
		c.Get("c")
		tick()
		c.Set("e", 7) // a goes
		tick()
		c.GetOrLoad(background, "f", (&origin{}).load)
		expectKeys(t, c, "c, e, f",
			"stored a, b and c in a cache of 3, read a, stored d, read c, stored e, and loaded f",
			"c, e and f are there: b, then a, then d was the one whose last use was longest ago")
	})
	bubble.RunLeaky(t, loadedIsUsed)
	leastOfMany(t)
	leastAfterMany(t)
}

// loadedIsUsed has entries that came by a load and were not asked for again.
func loadedIsUsed(t *testing.T) {
	c := filled(3, "a", "b")
	c.GetOrLoad(background, "c", (&origin{}).load)
	tick()
	c.Set("d", 7)
	expectKeys(t, c, "b, c, d", "stored a and b in a cache of 3, loaded c, and stored d",
		"a is gone, b, c and d are there: storing is a use, and a load stores as Set does")
	c = filled(3, "a", "b", "c")
	c.GetOrLoad(background, "d", (&origin{}).load)
	tick()
	c.GetOrLoad(background, "e", (&origin{}).load)
	tick()
	c.GetOrLoad(background, "f", (&origin{}).load)
	expectKeys(t, c, "d, e, f", "stored a, b and c in a cache of 3, and loaded d, e and f",
		"d, e and f are there: what was loaded last was used last")
	c = filled(2, "a", "b")
	c.GetOrLoad(background, "c", func(context.Context, string) (int, error) { c.Set("c", 1); return 2, nil })
	tick()
	c.Set("d", 7)
	expectKeys(t, c, "c, d", "stored a and b in a cache of 2, loaded c, under which Set stored a value while the load "+
		"was under way, and stored d", "c and d are there: c was used twice since b")
}

// leastAfterMany has more uses than fit into 16 bits. At each store one of two goes, so an order that is wrong once shows.
func leastAfterMany(t *testing.T) {
	t.Helper()
	const stores = 22_000
	bubble.RunLeaky(t, func(t *testing.T) {
		for before := range 3 { // so that a count begins again in each of the three steps
			c := cache.New[int, int](2, time.Hour)
			hit := func(k int) bool {
				tick()
				_, ok := c.Get(k)
				return ok
			}
			c.Set(0, 7)
			for range before {
				hit(0)
			}
			for k := 1; k < stores; k++ {
				tick()
				c.Set(k, 7)
				if !hit(k-1) || !hit(k) {
					expect.Fatal(t, expect.Message{
						Did: fmt.Sprintf("stored %d keys in a cache of 2, one after the other, and after each read the "+
							"one before, and then the new one", k+1),
						Want: "two hits each time: what goes is the one before these two",
						Got:  fmt.Sprintf("a miss, about %d uses after the beginning", 3*k+before),
						Why:  "uses are many; a count of them that begins again makes the last one the first",
					})
				}
			}
		}
	})
}

// leastOfMany has so many entries that none is found by looking at a few.
func leastOfMany(t *testing.T) {
	t.Helper()
	const capacity, more = 200, 60
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[int, int](capacity, time.Hour)
		for k := range capacity {
			c.Set(k, 7)
			tick()
		}
		used := func(i int) int { return i * 73 % capacity } // each key once, in an order of its own
		for i := range capacity {
			switch i % 3 {
			case 0:
				c.Get(used(i))
			case 1:
				c.Set(used(i), 8)
			default:
				c.GetOrLoad(background, used(i), func(context.Context, int) (int, error) { return 7, nil })
			}
			tick()
		}
		for k := range more {
			c.Set(capacity+k, 7)
			tick()
			expect.That(t, c.Len() == capacity, expect.Message{
				Did: fmt.Sprintf("filled a cache of %d, and stored %d new keys, with a look at Len after each",
					capacity, k+1),
				Want: fmt.Sprintf("a Len of %d: one new key needs room for one, and one goes for it", capacity),
				Got:  fmt.Sprintf("a Len of %d", c.Len()),
				Why: "who makes room for more than is needed throws away what is in use: as long as they live, " +
					"entries are removed for no other reason",
			})
		}
		wrong := 0
		for i := range capacity {
			if _, hit := c.Get(used(i)); hit != (i >= more) {
				wrong++
			}
		}
		expect.That(t, wrong == 0, expect.Message{
			Did: fmt.Sprintf("filled a cache of %d, used each of its keys once, in another order, and "+
				"stored %d new ones", capacity, more),
			Want: fmt.Sprintf("the %d whose last use is longest ago are gone, and no other", more),
			Got:  fmt.Sprintf("%d keys that are gone and should be there, or the other way round", wrong),
			Why: "a choice among a few that were looked at is an approximation; this contract says " +
				"exactly which one goes",
		})
	})
}

func TestOverwritingEvictsNothing(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		c := filled(3, "a", "b", "c")
		for range 5 {
			c.Set("b", 8) // not the one used longest ago, and later not the last one either
			c.Get("c")
		}
		expectKeys(t, c, "a, b, c",
			"stored a, b and c in a cache of 3, then stored b five times more",
			"all three are there: a key that is there needs no more room")
		v, _ := c.Get("b")
		expect.That(t, v == 8 && c.Len() == 3, expect.Message{
			Did:  "stored 7 and then 8 under b, one of three keys in a cache of 3",
			Want: "8 under b, and a Len of 3",
			Got:  fmt.Sprintf("%d under b, and a Len of %d", v, c.Len()),
			Why:  "the second value is the truth, and there is only one entry of a key",
		})
		c = filled(10, "a", "b", "b", "a", "b")
		expect.That(t, c.Len() == 2, expect.Message{
			Did:  "stored two keys in a cache of 10, one of them twice, the other three times",
			Want: "a Len of 2",
			Got:  fmt.Sprintf("a Len of %d", c.Len()),
			Why:  "Len tells those who run the cache how full it is, and whether it is too small",
		})
	})
	overwrittenWhenDead(t)
}

// overwrittenWhenDead stores again what has expired, in a cache that is full.
func overwrittenWhenDead(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		for how, store := range map[string]func(c *cache.Cache[string, int]){
			"stored a again":              func(c *cache.Cache[string, int]) { c.Set("a", 8) },
			"called GetOrLoad for a":      func(c *cache.Cache[string, int]) { c.GetOrLoad(background, "a", (&origin{}).load) },
			"read a, and stored it again": func(c *cache.Cache[string, int]) { c.Get("a"); c.Set("a", 8) },
		} {
			c := filled(2, "a")
			time.Sleep(30 * time.Second)
			c.Set("b", 7)
			tick()
			c.Get("a") // b is now the one whose last use is longest ago
			time.Sleep(30 * time.Second)
			store(c)
			expectKeys(t, c, "a, b", "stored a in a cache of 2, b 30 s later, and read a; when a's minute was over "+
				"and b had half of its own left, "+how,
				"both are there: a has had its room all the time, or has made it by expiring")
		}
	})
}

func TestSizeIsBounded(t *testing.T) {
	const capacity, keys = 20, 20_000
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[int, int](capacity, time.Hour)
		for k := range keys {
			if k%2 == 0 {
				c.Set(k, 7)
			} else {
				c.GetOrLoad(background, k, func(context.Context, int) (int, error) {
					return 7,
						nil
				})
			}
			n := c.Len()
			expect.That(t, n <= capacity, expect.Message{
				Did: fmt.Sprintf("stored or loaded %d different keys in a cache of %d", k+1,
					capacity),
				Want: fmt.Sprintf("a Len of at most %d at any time", capacity),
				Got:  fmt.Sprintf("a Len of %d", n),
				Why: "keys come from requests, and there is no end of them: a cache without a " +
					"bound is a memory leak with a hit rate",
			})
		}
		found := 0
		for k := range keys {
			if _, hit := c.Get(k); hit {
				found++
			}
		}
		expect.That(t, found == capacity, expect.Message{
			Did: fmt.Sprintf(
				"stored or loaded %d different keys in a cache of %d, then looked for each of "+
					"them within their TTL", keys, capacity),
			Want: fmt.Sprintf("%d found: as many as there is room for", capacity),
			Got:  fmt.Sprintf("%d found", found),
			Why: "the capacity is what memory was planned for; less is memory paid for and not " +
				"used, more is a leak",
		})
	})
	keysUnlikeThemselves(t)
	largeCapacity(t)
	whatGoesIsGone(t)
}

// whatGoesIsGone asks the garbage collector, which knows what is held, whatever Len says.
func whatGoesIsGone(t *testing.T) {
	t.Helper()
	const capacity, sets = 20, 2000
	for _, what := range []string{"different keys", "one key again and again"} {
		bubble.RunLeaky(t, func(t *testing.T) {
			c := cache.New[*object, *object](capacity, time.Hour)
			var keys, values []weak.Pointer[object]
			same := new(object)
			for i := range sets {
				// The runtime lets go of a timer that was stopped when it is the next one, so no two are to end at once.
				time.Sleep(time.Millisecond)
				k, v := same, new(object)
				if what == "different keys" {
					k = new(object)
					keys = append(keys, weak.Make(k))
				}
				values = append(values, weak.Make(v))
				if i%2 == 0 {
					c.Set(k, v)
				} else {
					c.GetOrLoad(background, k, func(context.Context, *object) (*object, error) { return v, nil })
				}
			}
			const most = sets / 4
			heldKeys, heldValues := held(keys, most), held(values, most)
			expect.That(t, heldKeys <= most && heldValues <= most, expect.Message{
				Did: fmt.Sprintf("stored or loaded %d values in a cache of %d, under %s, and had the garbage "+
					"collector look for those that something still points to", sets, capacity, what),
				Want: fmt.Sprintf("about %d of each, and by no means more than %d", capacity, most),
				Got:  fmt.Sprintf("%d keys and %d values are held", heldKeys, heldValues),
				Why: "what counts is the memory: whatever is not in the cache any more, and yet in some list, " +
					"index or history of it, is a leak that Len does not show",
			})
			runtime.KeepAlive(c)
		})
	}
}

// held counts what is still there. The collector may need more than one round for it.
func held(all []weak.Pointer[object], most int) (n int) {
	for range 3 {
		runtime.GC()
		n = 0
		for _, p := range all {
			if p.Value() != nil {
				n++
			}
		}
		if n <= most {
			break
		}
	}
	return n
}

// object is what nothing else is a part of.
type object struct{ _ [128]byte }

// largeCapacity has room for more than others might think of.
func largeCapacity(t *testing.T) {
	t.Helper()
	const capacity = 12_000
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[int, int](capacity, time.Hour)
		for k := range capacity {
			c.Set(k, 7)
		}
		found := 0
		for k := range capacity {
			if _, hit := c.Get(k); hit {
				found++
			}
		}
		expect.That(t, found == capacity && c.Len() == capacity, expect.Message{
			Did: fmt.Sprintf("stored %d keys in a cache of %d, and looked for each of them and at Len",
				capacity, capacity),
			Want: fmt.Sprintf("%d found, and a Len of %d: there is room for all of them", capacity, capacity),
			Got:  fmt.Sprintf("%d found, and a Len of %d", found, c.Len()),
			Why: "the capacity is what memory was planned for; as long as they live, entries are " +
				"removed for no other reason",
		})
		c.Set(capacity, 7)
		expect.That(t, c.Len() == capacity, expect.Message{
			Did:  fmt.Sprintf("stored one key more than there is room for in a cache of %d, and looked at Len", capacity),
			Want: fmt.Sprintf("a Len of %d: one has made room for one", capacity),
			Got:  fmt.Sprintf("a Len of %d", c.Len()),
			Why:  "who makes room for more than is needed throws away what is in use",
		})
		unbounded := cache.New[string, int](math.MaxInt, time.Hour)
		unbounded.Set("a", 7)
		unbounded.Set("b", 7)
		v, hit := unbounded.Get("a")
		expect.That(t, v == 7 && hit && unbounded.Len() == 2, expect.Message{
			Did:  "stored two keys in a cache with a capacity of math.MaxInt, and called Get for the first one",
			Want: "7 and true, and a Len of 2",
			Got:  fmt.Sprintf("%d and %v, and a Len of %d", v, hit, unbounded.Len()),
			Why: "whoever wants no bound says so by the greatest capacity; room is for what is there, and not for " +
				"what may come",
		})
	})
}

// keysUnlikeThemselves stores under NaN, which no look-up ever finds again.
func keysUnlikeThemselves(t *testing.T) {
	t.Helper()
	const capacity, sets = 5, 100
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[float64, int](capacity, time.Hour)
		for range sets {
			c.Set(math.NaN(), 7)
		}
		c.Set(1, 7)
		_, hit := c.Get(1)
		_, hitNaN := c.Get(math.NaN())
		expect.That(t, c.Len() <= capacity && hit && !hitNaN, expect.Message{
			Did: fmt.Sprintf("stored under NaN %d times and under 1 once in a cache of %d, then "+
				"called Get for both and Len", sets, capacity),
			Want: fmt.Sprintf("a hit for 1, a miss for NaN, and a Len of at most %d", capacity),
			Got: fmt.Sprintf("1: a hit: %v; NaN: a hit: %v; a Len of %d", hit, hitNaN,
				c.Len()),
			Why: "NaN is not equal to itself, so a map can neither find nor delete it: what is " +
				"stored under it stays for ever unless somebody thinks of it",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		type point struct{ x, y float64 }
		c := cache.New[any, int](capacity, time.Hour)
		for i := range sets {
			c.Set([]any{point{1, math.NaN()}, float32(math.NaN()), [1]float64{math.NaN()}}[i%3], 7)
		}
		c.Set(point{1, 2}, 7)
		_, hit := c.Get(point{1, 2})
		expect.That(t, c.Len() <= capacity && hit, expect.Message{
			Did: fmt.Sprintf("stored under structs, arrays and float32s with a NaN %d times, and under one "+
				"without once, in a cache of %d", sets, capacity),
			Want: fmt.Sprintf("a hit for the last one, and a Len of at most %d", capacity),
			Got:  fmt.Sprintf("a hit: %v, and a Len of %d", hit, c.Len()),
			Why:  "what has a NaN in it is not equal to itself either",
		})
	})
}

// known are the two reasons for having no value: the origin's, and the caller's own.
var known = sentinel.Errors{"the origin's error": errOrigin,
	"context.DeadlineExceeded": context.DeadlineExceeded}

func TestErrorsAreNotCached(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		c, o := cache.New[string, int](10, time.Minute), &origin{err: errOrigin}
		v, err := c.GetOrLoad(background, "price", o.load)
		expect.That(t, known.Is(err, errOrigin), expect.Message{
			Did:  "called GetOrLoad while the origin fails",
			Want: "the origin's error",
			Got:  result(v, err),
			Why:  "the caller must know that there is no answer; a zero value would pass for one",
		})
		v, hit := c.Get("price")
		expect.That(t, !hit, expect.Message{
			Did:  "called Get after a load that failed",
			Want: "a miss: there is nothing to remember",
			Got:  fmt.Sprintf("%d and true", v),
			Why:  "a failure is not the truth about the key",
		})
		o.err = nil
		v, err = c.GetOrLoad(background, "price", o.load)
		expect.That(t, err == nil && v == 7 && o.calls == 2, expect.Message{
			Did:  "called GetOrLoad again for the same key, when the origin worked again",
			Want: "7, by a second load",
			Got:  result(v, err) + ", after " + loads(o.calls),
			Why:  "if an error is remembered, one hiccup of the origin is served for a whole TTL",
		})
	})
	failuresChangeNothing(t)
}

// failuresChangeNothing looks at what a load that fails leaves behind, whatever it returns besides.
func failuresChangeNothing(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c := filled(3, "a", "b", "c")
		c.GetOrLoad(background, "d", (&origin{err: errOrigin}).load)
		expectKeys(t, c, "a, b, c", "stored a, b and c in a cache of 3, and called GetOrLoad for d "+
			"while the origin fails", "all three are there: nothing was stored, so nothing needs room")

		for _, failure := range []error{errOrigin, context.Canceled, io.EOF} {
			c := cache.New[string, int](3, time.Minute)
			_, err := c.GetOrLoad(background, "price", func(context.Context, string) (int, error) {
				return 5, failure
			})
			_, hit := c.Get("price")
			expect.That(t, sentinel.Is(err, failure) && !hit, expect.Message{
				Did:  fmt.Sprintf("called GetOrLoad with a load that returns 5 and the error %q", failure),
				Want: "that error, and nothing stored",
				Got:  fmt.Sprintf("error %v, and a hit afterwards: %v", err, hit),
				Why:  "what comes with an error is no answer, whatever it looks like",
			})
		}

		ended, cancel := context.WithCancel(background)
		cancel()
		v, err := c.GetOrLoad(ended, "other", (&origin{err: errOrigin}).load)
		expect.That(t, known.Is(err, errOrigin), expect.Message{
			Did: "called GetOrLoad with a context that had ended, and a load that returns the " +
				"origin's error",
			Want: "the origin's error: what load has returned",
			Got:  result(v, err),
			Why:  "the caller can ask its context itself; why the load failed only load knows",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[string, int](3, time.Minute)
		c.GetOrLoad(background, "price", func(context.Context, string) (int, error) {
			c.Set("price", 9)
			return 0, errOrigin
		})
		v, hit := c.Get("price")
		expect.That(t, hit && v == 9, expect.Message{
			Did: "called GetOrLoad with a load that fails; while it ran, somebody called Set for " +
				"the same key, with 9; and called Get",
			Want: "9 and true: that entry lives",
			Got:  fmt.Sprintf("%d and %v", v, hit),
			Why:  "a load that failed has nothing to say about what others have stored",
		})
	})
}

func TestExpiredValuesDoNotComeBack(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		c, o := cache.New[string, int](10, time.Minute), &origin{}
		mustLoad(t, c, "price", o)
		time.Sleep(time.Minute + time.Millisecond)
		o.err = errOrigin
		v, err := c.GetOrLoad(background, "price", o.load)
		expect.That(t, known.Is(err, errOrigin), expect.Message{
			Did:  "called GetOrLoad for a value that had expired, while the origin fails",
			Want: "the origin's error",
			Got:  result(v, err),
			Why: "a TTL that holds only in good weather is no promise; to serve stale values " +
				"in need is a decision of its own, and this cache's contract has not taken it",
		})
	})
}

func TestZeroValuesAreCached(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		numbers := 0
		c := cache.New[string, int](10, time.Minute)
		pointers := 0
		p := cache.New[string, *int](10, time.Minute)
		for range 10 {
			c.GetOrLoad(background, "stock", func(context.Context, string) (int,
				error) {
				numbers++
				return 0, nil
			})
			p.GetOrLoad(background, "discount", func(context.Context, string) (*int,
				error) {
				pointers++
				return nil, nil
			})
		}
		_, hit := c.Get("stock")
		_, hitNil := p.Get("discount")
		expect.That(t, numbers == 1 && hit && pointers == 1 && hitNil, expect.Message{
			Did: "called GetOrLoad ten times for a key whose value is 0, and for one whose " +
				"value is nil, then Get for both",
			Want: "1 load of each, and two hits",
			Got: fmt.Sprintf("%s of the 0 and a hit: %v; %s of the nil and a hit: %v",
				loads(numbers), hit, loads(pointers), hitNil),
			Why: "\"none in stock\" and \"no discount\" are answers like any other; if they " +
				"are not remembered, the origin is asked for them every time",
		})
	})
	remembered(t, "nil, in a cache of any", any(nil))
	remembered(t, "no error, in a cache of errors", error(nil))
	remembered(t, "an empty slice", []string{})
	remembered(t, "a nil slice", []string(nil))
	remembered(t, "a nil map", map[string]int(nil))
	remembered(t, "an empty text", "")
	remembered(t, "false", false)
	remembered(t, "a struct without a field", struct{}{})
}

// remembered loads one value, and stores it, too.
func remembered[V any](t *testing.T, what string, v V) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c, n := cache.New[string, V](10, time.Minute), 0
		for range 3 {
			c.GetOrLoad(background, "loaded", func(context.Context, string) (V, error) {
				n++
				return v, nil
			})
		}
		c.Set("stored", v)
		_, loaded := c.Get("loaded")
		_, stored := c.Get("stored")
		expect.That(t, n == 1 && loaded && stored, expect.Message{
			Did: "called GetOrLoad three times with a load that returns " + what + ", stored the same under another " +
				"key, and called Get for both",
			Want: "1 load, and two hits",
			Got:  fmt.Sprintf("%s; a hit for what was loaded: %v, and for what was stored: %v", loads(n), loaded, stored),
			Why:  "that there is nothing is an answer, too, and mostly the one that is asked for most often",
		})
	})
}

func TestExpiredEntriesMakeRoomFirst(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		const ttl = time.Minute
		c := cache.New[string, int](2, ttl)
		c.Set("a", 7)
		time.Sleep(ttl / 2)
		c.Set("b", 7)
		c.Get("a") // a is now the one that was used last
		time.Sleep(ttl/2 + time.Millisecond)
		c.Set("c", 7)
		expectKeys(t, c, "b, c",
			"stored a in a cache of 2, b 30 s later, and read a; then, when a's minute was over "+
				"and b had half of its own left, stored c",
			"b is still there: a had expired, and made room")
	})
	deadBehindRenewed(t)
	deadThoughAskedFor(t)
	deadOneAfterAnother(t)
	deadAmongMany(t)
	deadWhileCounted(t)
}

// deadWhileCounted calls Len when there is something dead.
func deadWhileCounted(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c := filled(3, "a")
		time.Sleep(30 * time.Second)
		c.Set("b", 7)
		tick()
		c.Get("a") // b is now the one whose last use is longest ago
		time.Sleep(30 * time.Second)
		c.Len()
		expectKeys(t, c, "b", "stored a in a cache of 3, b 30 s later, and read a; when a's minute was over and b "+
			"had half of its own left, called Len", "b is still there: a had expired, and b has not")
	})
}

// deadOneAfterAnother has entries that expire soon after room was made.
func deadOneAfterAnother(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[string, int](3, time.Minute)
		c.Set("a", 7)
		time.Sleep(20 * time.Second)
		c.Set("b", 7)
		time.Sleep(20 * time.Second)
		c.Set("c", 7)
		time.Sleep(21 * time.Second)
		c.Set("d", 7) // a goes
		time.Sleep(18 * time.Second)
		c.Get("b")
		time.Sleep(2 * time.Second)
		c.Set("e", 7) // b goes
		expectKeys(t, c, "c, d, e",
			"stored a, b and c in a cache of 3, at 0, 20 and 40 s, and at 61 s, when a's minute was over, "+
				"d; read b at 79 s, and stored e at 81 s, when b's minute was over",
			"c, d and e are there: a had expired, and then b, and made room")
	})
}

// deadAmongMany has two entries that have expired among many that live.
func deadAmongMany(t *testing.T) {
	t.Helper()
	const capacity = 100
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[int, int](capacity, time.Minute)
		c.Set(0, 7)
		c.Set(1, 7)
		time.Sleep(30 * time.Second)
		for k := 2; k < capacity; k++ {
			c.Set(k, 7)
		}
		c.Get(0)
		c.Get(1)
		time.Sleep(30*time.Second + time.Millisecond)
		c.Set(capacity, 7)
		c.Set(capacity+1, 7)
		there := 0
		for k := 2; k < capacity+2; k++ {
			if _, hit := c.Get(k); hit {
				there++
			}
		}
		expect.That(t, there == capacity, expect.Message{
			Did: fmt.Sprintf("stored 2 keys in a cache of %d, %d others 30 s later, and read the 2; when "+
				"their minute was over, stored 2 more", capacity, capacity-2),
			Want: fmt.Sprintf("the %d others and the 2 new ones are there: the 2 that had expired made room",
				capacity-2),
			Got: fmt.Sprintf("%d of %d are there", there, capacity),
			Why: "what is dead takes room from what lives, wherever in the order it is",
		})
	})
}

// deadThoughAskedFor asks for what has expired, which is no use of it.
func deadThoughAskedFor(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		const ttl = time.Minute
		c := filled(2, "a")
		time.Sleep(ttl / 2)
		c.Set("b", 7)
		time.Sleep(ttl/2 + time.Millisecond)
		c.Get("a")
		c.Set("c", 7)
		expectKeys(t, c, "b, c",
			"stored a in a cache of 2, and b 30 s later; when a's minute was over and b had half of "+
				"its own left, looked for a, which had expired, then stored c",
			"b is still there: a is as dead as before, and makes room")
	})
}

// deadBehindRenewed has a dead entry that was stored after the one that lives: that was stored again.
func deadBehindRenewed(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		const ttl = time.Minute
		c := cache.New[string, int](2, ttl)
		c.Set("a", 7)
		c.Set("b", 7)
		time.Sleep(ttl / 2)
		c.Set("a", 8)
		c.Get("b") // b is now the one that was used last
		time.Sleep(ttl/2 + time.Millisecond)
		c.Set("c", 7)
		expectKeys(t, c, "a, c",
			"stored a and b in a cache of 2, a again 30 s later, and read b; then, when b's minute "+
				"was over and a had half of its own left, stored c",
			"a is still there: b had expired, and made room")
	})
}

func TestLoadReceivesContextAndKey(t *testing.T) {
	type ctxKey struct{}
	bubble.RunLeaky(t, func(t *testing.T) {
		c := cache.New[string, int](10, time.Minute)
		ctx, cancel := context.WithTimeout(context.WithValue(background, ctxKey{}, "of the caller"),
			20*time.Millisecond)
		defer cancel()
		start := time.Now()
		var key string
		var value any
		v, err := c.GetOrLoad(ctx, "price", func(ctx context.Context, k string) (int, error) {
			key, value = k, ctx.Value(ctxKey{})
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(time.Second):
				return 7, nil
			}
		})
		took := time.Since(start)
		expect.That(t, known.Is(err, context.DeadlineExceeded) && took == 20*time.Millisecond,
			expect.Message{
				Did: "called GetOrLoad with a context that ends after 20 ms, and a load that takes " +
					"1 s or as long as its context",
				Want: "context.DeadlineExceeded after 20 ms",
				Got:  fmt.Sprintf("%s after %v", result(v, err), took),
				Why: "the caller decides how long an answer is worth waiting for, also when a " +
					"cache stands between it and the origin",
			})
		expect.That(t, key == "price" && value == "of the caller", expect.Message{
			Did:  `called GetOrLoad for the key "price" with a context that holds a value`,
			Want: `load called for "price" with that context`,
			Got:  fmt.Sprintf("load called for %q, the value in its context: %v", key, value),
			Why:  "deadlines, trace ids and the user's identity travel in the context",
		})
		var limit time.Time
		limited := false
		c.GetOrLoad(background, "stock", func(ctx context.Context, _ string) (int, error) {
			limit, limited = ctx.Deadline()
			return 7, nil
		})
		expect.That(t, !limited, expect.Message{
			Did:  "called GetOrLoad with a context without a deadline",
			Want: "load called with a context without a deadline",
			Got:  fmt.Sprintf("a deadline in %v", time.Until(limit)),
			Why:  "how long an answer is worth waiting for is the caller's decision, and it has made none",
		})
	})
}

// TestSlowLoadsKeepNobodyWaiting runs in real time: what it looks for would stop a virtual clock.
func TestSlowLoadsKeepNobodyWaiting(t *testing.T) {
	const patience = 3 * time.Second
	c := filled(10, "known 0")
	served := make(chan struct{})
	var end sync.Once
	onTime, loaded := false, false
	v, err := c.GetOrLoad(background, "slow", func(context.Context, string) (int, error) {
		loaded = true
		go func() {
			defer end.Do(func() { close(served) })
			for i := range 64 { // whatever else may be meant by "other keys"
				c.Get(fmt.Sprint("known ", i))
			}
			c.Set("other", 7)
			c.GetOrLoad(background, "third", (&origin{}).load)
			c.Len()
		}()
		select {
		case <-served:
			onTime = true
		case <-time.After(patience):
		}
		return 7, nil
	})
	expect.That(t, loaded && v == 7 && err == nil, expect.Message{
		Did:  "called GetOrLoad with a load that returns 7",
		Want: "load called, 7 returned",
		Got:  fmt.Sprintf("load called: %v; %s", loaded, result(v, err)),
	})
	expect.That(t, onTime, expect.Message{
		Did: fmt.Sprintf("called Get, Set, GetOrLoad and Len for other keys while a load was "+
			"running, and let that load wait up to %v for them", patience),
		Want: "served as always",
		Got:  "they came back only when the load had ended",
		Why: "one slow answer of the origin stops every reader of the cache, even those whose " +
			"values are there: the cache that should carry the site through becomes what blocks it",
	})
	<-served
	manySlowLoads(t, patience)
}

// manySlowLoads has loads that wait for each other.
func manySlowLoads(t *testing.T, patience time.Duration) {
	t.Helper()
	const keys = 300
	c := cache.New[int, int](keys, time.Minute)
	var running, alone atomic.Int64
	all := make(chan struct{})
	load := func(context.Context, int) (int, error) {
		if running.Add(1) == keys {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(patience):
			alone.Add(1)
		}
		return 7, nil
	}
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() { c.GetOrLoad(background, k, load) })
	}
	wg.Wait()
	expect.That(t, alone.Load() == 0, expect.Message{
		Did: fmt.Sprintf("called GetOrLoad for %d keys at once, with loads that wait up to %v until all of them run",
			keys, patience),
		Want: "all of them run at the same time: while a load runs, other keys are served as always",
		Got:  fmt.Sprintf("%d loads that ended before all the others had begun", alone.Load()),
		Why:  "a bound on loads is a queue: behind the few that are slow wait all those that would be quick",
	})
}

// TestKeysAreComparedAsGoDoes has keys that differ although their text, in one way of writing it or
// another, is the same.
func TestKeysAreComparedAsGoDoes(t *testing.T) {
	type pair struct{ tenant, id string }
	bubble.RunLeaky(t, func(t *testing.T) {
		keys := []any{
			pair{"a", "bc"}, pair{"ab", "c"},
			pair{"a b", "c"}, pair{"a", "b c"},
			1, "1", int64(1), 1.0,
			[2]string{"a", "b c"}, [2]string{"a b", "c"},
			&pair{"a", "b"}, &pair{"a", "b"}, // two pointers
			"a", "A", "a ", "", "\x00", "\xff", "\xfe", "\ufffd",
			nil, (*pair)(nil), true, false, 0, struct{}{}, pair{},
		}
		c := cache.New[any, int](100, time.Minute)
		for i, k := range keys {
			c.Set(k, i)
		}
		for i, k := range keys {
			v, hit := c.Get(k)
			expect.That(t, hit && v == i, expect.Message{
				Did: fmt.Sprintf(
					"stored %d different keys, each with its number, and called Get for %#v, "+
						"number %d", len(keys), k, i),
				Want: fmt.Sprintf("%d", i),
				Got:  fmt.Sprintf("%d and %v", v, hit),
				Why:  "two keys that share one entry show one customer the data of another",
			})
		}
		c.Set(0.0, 7)
		v, hit := c.Get(math.Copysign(0, -1))
		c.Set(math.Copysign(0, -1), 8)
		w, _ := c.Get(0.0)
		expect.That(t, hit && v == 7 && w == 8 && c.Len() == len(keys)+1, expect.Message{
			Did: "stored 7 under 0.0 and called Get for minus 0.0, then stored 8 under minus 0.0 and " +
				"called Get for 0.0",
			Want: "7 and then 8, and one entry for both: they are equal",
			Got:  fmt.Sprintf("%d and %v, then %d, and %d entries", v, hit, w, c.Len()-len(keys)),
			Why:  "what Go takes for one key is one, however it is written",
		})
	})
}

func TestConcurrentUse(t *testing.T) {
	const goroutines, ops, capacity, keys = 50, 1000, 16, 40
	c := cache.New[int, int](capacity, time.Hour)
	wrong := make(chan string, goroutines)
	load := func(_ context.Context, k int) (int, error) { return 3 * k, nil }
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range ops {
				k := (g + i*7) % keys
				v, ok := 3*k, true
				switch i % 4 {
				case 0:
					c.Set(k, 3*k)
				case 1:
					if v, ok = c.Get(k); !ok {
						v = 3 * k
					}
				default:
					v, _ = c.GetOrLoad(background, k, load)
				}
				if n := c.Len(); v != 3*k || n > capacity {
					wrong <- fmt.Sprintf("%d for key %d, and a Len of %d", v, k, n)
					return
				}
			}
		})
	}
	wg.Wait()
	close(wrong)
	message := func(got string) expect.Message {
		return expect.Message{
			Did: fmt.Sprintf(
				"let %d goroutines call Set, Get, GetOrLoad and Len %d times each on one cache "+
					"of %d, with %d keys whose values are three times the key", goroutines, ops,
				capacity, keys),
			Want: fmt.Sprintf("three times the key from every call, and never a Len above %d",
				capacity),
			Got: got,
			Why: "every request of the server uses the cache at the same time",
		}
	}
	if got, bad := <-wrong; bad {
		expect.Fatal(t, message(got))
	}

	// Two writers find the last free place together only when they arrive within nanoseconds of
	// each other.
	const rounds, writes = 250, 20
	lockstep.Enough(3000, 3*time.Second, func() int {
		caches := make([]*cache.Cache[int, int], rounds)
		for i := range caches {
			caches[i] = cache.New[int, int](1, time.Hour)
		}
		var most atomic.Int64
		_, together := lockstep.Run(rounds, 2, time.Second, func(round, worker int) {
			for i := range writes {
				caches[round].Set(2*i+worker, i)
				if n := int64(caches[round].Len()); n > 1 {
					most.Store(n)
				}
			}
		})
		if most.Load() > 0 {
			expect.Fatal(t, expect.Message{
				Did: fmt.Sprintf(
					"let 2 goroutines store %d keys each in a cache of 1 at the same moment, "+
						"with many caches", writes),
				Want: "never a Len above 1",
				Got:  fmt.Sprintf("a Len of %d", most.Load()),
				Why: "the bound must hold exactly when everybody writes: that is when memory " +
					"gets short",
			})
		}
		return together
	})
}

var errOrigin = errors.New("origin: connection refused")

// origin is the slow thing behind a cache. It is used by one goroutine.
type origin struct {
	cost  time.Duration
	value int // 0 stands for 7
	err   error
	calls int
}

func (o *origin) load(ctx context.Context, _ string) (int, error) {
	o.calls++
	time.Sleep(o.cost)
	switch {
	case o.err != nil:
		return 0, o.err
	case o.value != 0:
		return o.value, nil
	}
	return 7, nil
}

// mustLoad brings a value into the cache that is not there yet.
func mustLoad(t *testing.T, c *cache.Cache[string, int], k string, o *origin) {
	t.Helper()
	v, err := c.GetOrLoad(background, k, o.load)
	expect.That(t, err == nil && v == 7, expect.Message{
		Did:  "called GetOrLoad for a new key with a load that returns 7",
		Want: "7 and no error",
		Got:  result(v, err),
	})
}

// filled returns a cache that holds the keys, stored in this order, one after the other, each with the value 7.
func filled(capacity int, keys ...string) *cache.Cache[string, int] {
	c := cache.New[string, int](capacity, time.Minute)
	for _, k := range keys {
		c.Set(k, 7)
		tick()
	}
	return c
}

// tick lets time pass between two uses, for caches that tell by the clock which was earlier.
func tick() { time.Sleep(time.Microsecond) }

// expectKeys looks which of the keys a to f the cache holds.
func expectKeys(t *testing.T, c *cache.Cache[string, int], want, did, wantText string) {
	t.Helper()
	var there []string
	for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
		if _, hit := c.Get(k); hit {
			there = append(there, k)
		}
	}
	got := strings.Join(there, ", ")
	expect.That(t, got == want, expect.Message{
		Did:  did,
		Want: wantText,
		Got:  "there: " + got,
		Why: "the cache is full almost always, so what it throws away decides its hit rate: " +
			"room goes to what is in use",
	})
}

func result(v int, err error) string {
	if err != nil {
		return fmt.Sprintf("%d and the error %q", v, err)
	}
	return fmt.Sprintf("%d and no error", v)
}

func loads(n int) string {
	if n == 1 {
		return "1 load"
	}
	return fmt.Sprintf("%d loads", n)
}
