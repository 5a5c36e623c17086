package cacheaside_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	cacheaside "github.com/backend-labs/backend-labs/labs/i06-cache-aside"
)

var (
	lamp     = cacheaside.Item{ID: "lamp-1", Name: "lamp", Price: 30}
	chair    = cacheaside.Item{ID: "chair-1", Name: "chair", Price: 80}
	newLamp  = cacheaside.Item{ID: "lamp-1", Name: "lamp", Price: 35}
	nextLamp = cacheaside.Item{ID: "lamp-1", Name: "lamp", Price: 40}
	desk     = cacheaside.Item{ID: "desk-1", Name: "desk", Price: 200}
)

func TestReadsFillTheCache(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		for i := range 10 {
			got := w.get(lamp.ID)
			expect.That(t, got == lamp, expect.Message{
				Did:  fmt.Sprintf("called Get(%q), %d times so far", lamp.ID, i+1),
				Want: fmt.Sprintf("%+v", lamp),
				Got:  fmt.Sprintf("%+v", got),
			})
			names := w.names()
			expect.That(t, names == "[chair 80 lamp 30]", expect.Message{
				Did:  fmt.Sprintf("called List, %d times so far", i+1),
				Want: "[chair 80 lamp 30]",
				Got:  names,
			})
			time.Sleep(100 * time.Millisecond)
		}
		loads, lists := w.db.counts()
		expect.That(t, loads == 1 && lists == 1, expect.Message{
			Did: "called Get for one item and List, 10 times each within a few seconds, with a " +
				"ttl of 1 minute",
			Want: "1 Load and 1 List in the database: the first read fills the cache",
			Got:  fmt.Sprintf("%d Loads and %d Lists", loads, lists),
			Why:  "the cache is there to keep repeated reads away from the database",
		})
	})
}

func TestNoEntryOutlivesTheTTL(t *testing.T) {
	for _, ttl := range []time.Duration{2 * time.Second, 500 * time.Millisecond, time.Minute,
		300 * time.Microsecond} {
		simulate(t, ttl, func(t *testing.T, w *world) {
			w.get(lamp.ID)
			w.names()
			w.missing(`called Get("none")`, "none", "")
			sets := w.cache.ops("Set")
			expect.That(t, len(sets) >= 2, expect.Message{
				Did:  "called Get for an item, and List",
				Want: "both answers put into the cache",
				Got:  fmt.Sprintf("%d times Set", len(sets)),
			})
			for _, s := range sets {
				expect.That(t, s.ttl > 0 && s.ttl <= ttl, expect.Message{
					Did: fmt.Sprintf(
						"looked at the Set of the key %q, with a configured ttl of %v", s.keys[0],
						ttl),
					Want: fmt.Sprintf("a ttl greater than 0 and at most %v", ttl),
					Got:  fmt.Sprintf("%v", s.ttl),
					Why: "the ttl is the safety net: whatever goes wrong with forgetting, a " +
						"wrong entry is gone by then; 0 means for ever",
				})
			}
			w.db.put(newLamp)
			time.Sleep(ttl + time.Millisecond)
			got, names := w.get(lamp.ID), w.names()
			expect.That(t, got == newLamp && names == "[chair 80 lamp 35]", expect.Message{
				Did: fmt.Sprintf(
					"changed the lamp in the database behind the repository's back, and read 1 "+
						"ms after the ttl of %v", ttl),
				Want: "the new price, 35, from Get and from List",
				Got:  fmt.Sprintf("%d from Get; %s from List", got.Price, names),
				Why: "somebody will write to the database past your code: a migration, a " +
					"colleague with a console",
			})
		})
	}
}

func TestAnUpdateIsSeenAtOnce(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		before := w.get(lamp.ID)
		w.update(newLamp)
		after := w.get(lamp.ID)
		expect.That(t, before == lamp && after == newLamp, expect.Message{
			Did:  "called Get, then Update with a price of 35 instead of 30, then Get",
			Want: "30, then 35",
			Got:  fmt.Sprintf("%d, then %d", before.Price, after.Price),
			Why: "whoever has changed something and still sees the old value changes it again, " +
				"or calls support",
		})
	})
}

func TestAnUpdateForgetsAndDoesNotWrite(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.cache.forget()
		w.update(newLamp)
		sets, dels := w.cache.ops("Set"), w.cache.ops("Del")
		expect.That(t, len(sets) == 0 && len(dels) > 0, expect.Message{
			Did:  "called Update and watched the cache",
			Want: "the key is forgotten (Del), and no value is written (Set)",
			Got:  fmt.Sprintf("%d times Del, %d times Set", len(dels), len(sets)),
			Why: "a value that a writer puts into the cache may be older than the database by " +
				"the time it arrives there; and what nobody forgets stays until the ttl",
		})
	})
}

func TestAReaderInTheMiddleOfAnUpdate(t *testing.T) {
	for _, step := range []string{"just before the database commits",
		"just after the database has committed", "when the cache is first touched"} {
		simulate(t, time.Minute, func(t *testing.T, w *world) {
			read := func() {
				reading := w.tl.Begin("reader", "Get and List")
				w.repo.Get(t.Context(), lamp.ID)
				w.repo.List(t.Context())
				reading.End("")
			}
			w.get(lamp.ID)
			w.names()
			switch step {
			case "just before the database commits":
				w.db.beforeCommit = read
			case "just after the database has committed":
				w.db.afterCommit = read
			default:
				w.cache.meddle(func(context.Context, op) error {
					w.cache.meddle(nil)
					read()
					return nil
				})
			}
			w.tl.Clear()
			writing := w.tl.Begin("writer", "Update to 35")
			w.update(newLamp)
			writing.End("")
			w.db.beforeCommit, w.db.afterCommit = nil, nil
			w.cache.meddle(nil)
			got, names := w.get(lamp.ID), w.names()
			ok := got == newLamp && names == "[chair 80 lamp 35]"
			w.mark(ok, "sees %d and %s", got.Price, names)
			expect.That(t, ok, expect.Message{
				Did: "let a reader run Get and List in the middle of an Update from 30 to 35, " +
					step + "; and read when both had finished",
				Want: "35 from Get and from List",
				Got:  fmt.Sprintf("%d from Get; %s from List", got.Price, names),
				Why: "a popular item is read all the time, so a reader is always in the " +
					"middle: what it puts into the cache then stays until the ttl",
				Picture: w.tl,
			})
		})
	}
}

// TestAReaderInTheMiddleOfADelete has the one step at which a reader finds what is about to go.
func TestAReaderInTheMiddleOfADelete(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.db.beforeCommit = func() {
			reading := w.tl.Begin("reader", "Get and List")
			w.repo.Get(t.Context(), lamp.ID)
			w.repo.List(t.Context())
			reading.End("")
		}
		writing := w.tl.Begin("writer", "Delete")
		err := w.repo.Delete(t.Context(), lamp.ID)
		writing.End("")
		w.db.beforeCommit = nil
		const did = "let a reader run Get and List in the middle of a Delete, just before the " +
			"database commits; and read when both had finished"
		expect.NoError(t, err, expect.Message{Did: did, Want: "the Delete succeeds"})
		_, err = w.repo.Get(t.Context(), lamp.ID)
		names := w.names()
		ok := known.Is(err, cacheaside.ErrNotFound) && names == "[chair 80]"
		w.mark(ok, "sees %v and %s", err, names)
		expect.That(t, ok, expect.Message{
			Did:  did,
			Want: "ErrNotFound from Get, and [chair 80] from List",
			Got:  fmt.Sprintf("error: %v; %s", err, names),
			Why: "what a reader puts into the cache between the two steps stays until the ttl, " +
				"and what has been deleted is served to everybody",
			Picture: w.tl,
		})
	})
}

func TestTwoUpdatesAtOnce(t *testing.T) {
	atOnce(t, "35 is committed", "Update to 35", func(ctx context.Context, r *cacheaside.Repo) error {
		return r.Update(ctx, newLamp)
	})
	atOnce(t, "a Delete is committed", "Delete", func(ctx context.Context, r *cacheaside.Repo) error {
		return r.Delete(ctx, lamp.ID)
	})
}

// atOnce lets a write that commits first come to the cache after an update that commits last.
func atOnce(t *testing.T, committed, lane string,
	write func(context.Context, *cacheaside.Repo) error) {
	t.Helper()
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		var held atomic.Bool
		var commits atomic.Int32
		w.db.afterCommit = func() { held.Store(commits.Add(1) == 1) }
		w.cache.meddle(func(context.Context, op) error {
			if held.Load() {
				time.Sleep(40 * time.Millisecond)
			}
			return nil
		})
		var first error
		done := make(chan struct{})
		go func() {
			defer close(done)
			writing := w.tl.Begin("writer", lane)
			first = write(t.Context(), w.repo)
			writing.End("")
		}()
		time.Sleep(dbTime + 5*time.Millisecond) // the first is committed, and waits for the cache
		held.Store(false)
		// The second commits now and is done with the cache before the first gets there.
		second := w.tl.Begin("second writer", "Update to 40")
		err := w.repo.Update(t.Context(), nextLamp)
		second.End("")
		<-done
		w.cache.meddle(nil)
		did := "made two writes at once: " + committed + " first, then 40, and at the cache the " +
			"second one is faster"
		expect.NoError(t, errors.Join(first, err), expect.Message{Did: did, Want: "both succeed"})
		got, err := w.repo.Get(t.Context(), lamp.ID)
		w.mark(got == nextLamp, "Get: %d", got.Price)
		expect.That(t, got == nextLamp, expect.Message{
			Did:  did,
			Want: "40 from Get: the last value that the database has committed",
			Got:  fmt.Sprintf("%d, error: %v", got.Price, err),
			Why: "the last one at the database is not always the last one at the cache; then " +
				"the two disagree until the ttl",
			Picture: w.tl,
		})
	})
}

func TestACacheThatIsDownIsAMiss(t *testing.T) {
	checkWithout(t, "refuses every call", down)
	for _, with := range []error{context.Canceled, context.DeadlineExceeded} {
		checkWithout(t, fmt.Sprintf("refuses every call with an error that is %q", with),
			func(context.Context, op) error { return fmt.Errorf("pool: %w", with) })
	}
	aFailedGetIsAMiss(t)
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.cache.meddle(func(_ context.Context, o op) error {
			if o.name == "Get" {
				return errDown
			}
			return nil
		})
		for range 10 {
			w.get(lamp.ID)
		}
		w.cache.meddle(nil)
		before, _ := w.db.counts()
		w.get(lamp.ID)
		loads, _ := w.db.counts()
		expect.That(t, loads == before, expect.Message{
			Did:  "called Get 10 times while the cache refuses each of its Gets, and once more when it is well again",
			Want: "no further Load in the database: the cache has the item, and can be asked",
			Got:  fmt.Sprintf("%d further Loads", loads-before),
			Why: "an outage of a second should last for a second; whoever then leaves the cache alone for longer sends " +
				"all that load to the database",
		})
	})
}

// aFailedGetIsAMiss has a Get that fails, but returns what it has read so far.
func aFailedGetIsAMiss(t *testing.T) {
	t.Helper()
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.names()
		w.db.put(newLamp)
		w.cache.meddle(func(_ context.Context, o op) error {
			if o.name == "Get" {
				return errDown
			}
			return nil
		})
		got, names := w.get(lamp.ID), w.names()
		expect.That(t, got == newLamp && names == "[chair 80 lamp 35]", expect.Message{
			Did: "called Get and List, changed the lamp in the database from 30 to 35, and called both again while each " +
				"Get of the cache returns an error beside bytes",
			Want: "35 from both: an error is a miss, whatever comes with it",
			Got:  fmt.Sprintf("%d from Get, %s from List", got.Price, names),
			Why:  "what comes beside an error is as much as had arrived by then; nobody promises that it means anything",
		})
	})
}

func TestACacheThatHangsIsAMiss(t *testing.T) { checkWithout(t, "hangs for 10 s", hanging) }

func TestACacheThatIgnoresItsContextIsAMiss(t *testing.T) {
	checkWithout(t, "hangs for 10 s and ignores its context", hangingDeaf)
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		var sets atomic.Int32
		w.cache.meddle(func(_ context.Context, o op) error {
			if o.name == "Set" && sets.Add(1) == 1 {
				time.Sleep(time.Second)
			}
			return nil
		})
		sofa := cacheaside.Item{ID: "sofa-1", Name: "sofa", Price: 90} // as long as the lamp
		w.db.put(sofa)
		w.get(lamp.ID)
		w.get(sofa.ID)
		time.Sleep(2 * time.Second)
		got, other := w.get(lamp.ID), w.get(sofa.ID)
		expect.That(t, got == lamp && other == sofa, expect.Message{
			Did: "called Get for the lamp while a Set takes 1 s and ignores its context, called Get for the sofa " +
				"meanwhile, and both again when that Set had been done",
			Want: fmt.Sprintf("%+v and %+v", lamp, sofa),
			Got:  fmt.Sprintf("%+v and %+v", got, other),
			Why: "what nobody waits for any more is still read by the cache: the bytes that it was given must stay as " +
				"they are",
		})
	})
}

// checkWithout uses the repository while the cache fails, and after that.
func checkWithout(t *testing.T, how string, before func(context.Context, op) error) {
	t.Helper()
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.cache.meddle(before)
		timed := func(what string, call func() error) {
			t.Helper()
			start := time.Now()
			err := call()
			took := time.Since(start)
			expect.That(t, err == nil && took <= dbTime+60*time.Millisecond, expect.Message{
				Did: fmt.Sprintf("called %s while the cache %s; the database takes %v", what, how,
					dbTime),
				Want: fmt.Sprintf(
					"success within %v: all cache work of a call together gets 50 ms (10 ms "+
						"more are accepted)", dbTime+50*time.Millisecond),
				Got: fmt.Sprintf("error: %v, after %v", err, took.Round(time.Millisecond)),
				Why: "the cache is there to make things faster; if its outage is everybody's " +
					"outage it has become a second database",
			})
		}
		var got cacheaside.Item
		timed("Get", func() (err error) { got, err = w.repo.Get(t.Context(), lamp.ID); return err })
		expect.That(t, got == lamp, expect.Message{
			Did:  "called Get while the cache " + how,
			Want: fmt.Sprintf("%+v, from the database", lamp), Got: fmt.Sprintf("%+v", got)})
		timed("List", func() error { _, err := w.repo.List(t.Context()); return err })
		timed("Update", func() error { return w.repo.Update(t.Context(), newLamp) })
		timed("Delete", func() error { return w.repo.Delete(t.Context(), chair.ID) })
		time.Sleep(time.Minute)
		w.cache.meddle(nil)
		w.get(lamp.ID)
		w.get(lamp.ID)
		names := w.names()
		loadsBefore, _ := w.db.counts()
		w.get(lamp.ID)
		loads, _ := w.db.counts()
		expect.That(t, names == "[lamp 35]" && loads == loadsBefore, expect.Message{
			Did: "called Update and Delete while the cache " + how +
				", and read when it was well again",
			Want: "[lamp 35], and further Gets from the cache",
			Got:  fmt.Sprintf("%s, %d further Loads", names, loads-loadsBefore),
			Why:  "the writes were committed, and the outage is over",
		})
	})
}

func TestASlowCacheStillCounts(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.cache.meddle(func(context.Context,
			op) error {
			time.Sleep(49 * time.Millisecond)
			return nil
		})
		got := w.get(lamp.ID)
		loads, _ := w.db.counts()
		expect.That(t, got == lamp && loads == 1, expect.Message{
			Did:  "called Get twice, and let the cache take 49 ms the second time",
			Want: "1 Load in the database: an answer within 50 ms counts",
			Got:  fmt.Sprintf("%d Loads", loads),
			Why: "a cache is slowest when the load is highest; to give up on it too early " +
				"sends that load to the database",
		})
		w.cache.meddle(func(_ context.Context, o op) error {
			if o.name == "Del" {
				time.Sleep(20 * time.Millisecond)
			}
			return nil
		})
		w.update(newLamp)
		got = w.get(lamp.ID)
		expect.That(t, got == newLamp, expect.Message{
			Did:  "called Update with a price of 35 while each Del takes 20 ms, and Get right after it",
			Want: "35: Update returns when the cache has forgotten",
			Got:  fmt.Sprint(got.Price),
			Why: "whoever has changed something looks at it at once; what is forgotten a moment " +
				"later is read before",
		})
	})
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.cache.meddle(func(ctx context.Context, o op) error {
			if o.name != "Set" {
				return nil
			}
			select {
			case <-time.After(45 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		w.get(lamp.ID)
		time.Sleep(time.Second)
		w.get(lamp.ID)
		loads, _ := w.db.counts()
		expect.That(t, loads == 1, expect.Message{
			Did:  "called Get twice, while each Set takes 45 ms and all else no time",
			Want: "1 Load in the database: the 50 ms are for all cache work together, and the Set may take what is left",
			Got:  fmt.Sprintf("%d Loads", loads),
			Why:  "a cache that is slow and therefore never filled is asked in vain each time",
		})
	})
}

func TestAFailedForgetIsTriedAgain(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.names()
		failed, with := map[string]bool{}, errDown
		w.cache.meddle(func(_ context.Context, o op) error {
			again := o.name != "Del"
			for _, k := range o.keys {
				again = again || failed[k]
				failed[k] = true
			}
			if again {
				return nil
			}
			return with
		})
		w.update(newLamp)
		got, names := w.get(lamp.ID), w.names()
		expect.That(t, got == newLamp && names == "[chair 80 lamp 35]", expect.Message{
			Did:  "let the first Del of each key fail, called Update, then Get and List",
			Want: "the new price, 35: a failed Del is tried again",
			Got:  fmt.Sprintf("%d from Get, %s from List", got.Price, names),
			Why:  "one lost packet would otherwise show the old value to everybody until the ttl",
		})
		for _, with = range []error{context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded} {
			w.db.put(lamp)
			w.update(lamp)
			w.get(lamp.ID)
			clear(failed)
			did := fmt.Sprintf("let the first Del of each key fail at once with an error that is %q", with)
			with = fmt.Errorf("pool: %w", with)
			expect.NoError(t, w.repo.Delete(t.Context(), lamp.ID), expect.Message{
				Did: did + ", and called Delete", Want: "nil"})
			w.missing(did+", called Delete, then Get", lamp.ID,
				"one lost packet would otherwise show what was deleted to everybody until the ttl")
		}
	})
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		key := w.keyOfTheLast()
		w.db.afterCommit = func() {
			var once sync.Once
			w.cache.meddle(func(_ context.Context, o op) (err error) {
				if o.name == "Del" && slices.Contains(o.keys, key) {
					once.Do(func() {
						time.Sleep(30 * time.Millisecond)
						err = errDown
					})
				}
				return err
			})
		}
		w.update(newLamp)
		got := w.get(lamp.ID)
		expect.That(t, got == newLamp, expect.Message{
			Did:  "let the first Del of the lamp's key after the commit fail after 30 ms, called Update, then Get",
			Want: "the new price, 35: of the 50 ms there are 20 left, in which to try again",
			Got:  fmt.Sprint(got.Price),
			Why:  "a Del that fails late fails as the early ones do: the old value is shown until the ttl",
		})
	})
}

func TestAFailingForgetIsGivenUp(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		w.cache.meddle(func(_ context.Context, o op) error {
			if o.name == "Del" {
				return errDown
			}
			return nil
		})
		w.update(nextLamp) // nil, although nothing can be forgotten
		tries := w.dels()
		w.notTooOften("Update", tries)
		w.cache.forget()
		expect.NoError(t, w.repo.Delete(t.Context(), chair.ID), expect.Message{
			Did: "let every Del fail and called Delete", Want: "nil: the item is deleted"})
		w.notTooOften("Delete", w.dels())
		time.Sleep(time.Minute + time.Millisecond)
		got := w.get(lamp.ID)
		expect.That(t, got == nextLamp && len(tries) > 0, expect.Message{
			Did: "let every Del fail, called Update with a price of 40, and read 1 ms after " +
				"the ttl of 1 minute",
			Want: "40: the ttl bounds how long the old value is served",
			Got:  fmt.Sprintf("%d", got.Price),
		})
	})
}

// dels counts for each key how often the cache was told to forget it.
func (w *world) dels() map[string]int {
	n := map[string]int{}
	for _, o := range w.cache.ops("Del") {
		for _, k := range o.keys {
			n[k]++
		}
	}
	return n
}

func (w *world) notTooOften(write string, tries map[string]int) {
	w.t.Helper()
	for k, n := range tries {
		expect.That(w.t, n <= 4, expect.Message{
			Did:  "let every Del fail and called " + write,
			Want: "each key tried at most 4 times: once, and 3 times more",
			Got:  fmt.Sprintf("%d times for %q", n, k),
			Why:  "retries without end turn a broken cache into an overloaded one",
		})
	}
}

func TestErrorsAreNotRemembered(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		boom := errors.New("too many connections")
		w.db.breakWith(fmt.Errorf("query: %w", boom))
		_, err := w.repo.Get(t.Context(), lamp.ID)
		_, errList := w.repo.List(t.Context())
		expect.That(t, known.Is(err, boom) && known.Is(errList, boom), expect.Message{
			Did:  "called Get and List while the database returns an error",
			Want: "that error, and not ErrNotFound",
			Got:  known.Say(err) + ", and " + known.Say(errList),
			Why:  "a caller must be able to tell an outage from an item that does not exist",
		})
		w.db.breakWith(nil)
		got, err := w.repo.Get(t.Context(), lamp.ID)
		all, errList := w.repo.List(t.Context())
		expect.That(t, err == nil && got == lamp && errList == nil && len(all) == 2, expect.Message{
			Did:  "called Get and List again, right after the database had recovered",
			Want: "the lamp, and 2 items: an error is not an answer, so it is not cached",
			Got:  fmt.Sprintf("%+v, error: %v; %d items, error: %v", got, err, len(all), errList),
			Why:  "a database that was away for a second would be away for the whole ttl",
		})
	})
}

func TestACancelledReadIsNotRemembered(t *testing.T) {
	for _, with := range []error{context.DeadlineExceeded, context.Canceled} {
		simulate(t, time.Minute, func(t *testing.T, w *world) {
			ends := func() (context.Context, context.CancelFunc) {
				if with == context.DeadlineExceeded {
					return context.WithTimeout(t.Context(), dbTime/2)
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(dbTime/2, cancel)
				return ctx, cancel
			}
			ctx, cancel := ends()
			defer cancel()
			_, err := w.repo.Get(ctx, lamp.ID)
			ctx, cancel = ends()
			defer cancel()
			_, errList := w.repo.List(ctx)
			expect.That(t, known.Is(err, with) && known.Is(errList, with), expect.Message{
				Did: fmt.Sprintf("called Get and List with contexts that end after %v; the database takes %v",
					dbTime/2, dbTime),
				Want: fmt.Sprintf("the error that the database returned: %v", with),
				Got:  known.Say(err) + ", and " + known.Say(errList),
			})
			got, err := w.repo.Get(t.Context(), lamp.ID)
			all, errList := w.repo.List(t.Context())
			expect.That(t, err == nil && got == lamp && errList == nil && len(all) == 2, expect.Message{
				Did:  "called Get and List with contexts that ended too early, and again with one that doesn't",
				Want: "the lamp, and 2 items",
				Got:  fmt.Sprintf("%+v, error: %v; %d items, error: %v", got, err, len(all), errList),
				Why:  "one impatient client must not hide what there is from all others",
			})
		})
	}
}

func TestAWriteCountsWhoeverStillWaits(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.db.afterCommit = cancel
		err := w.repo.Update(ctx, newLamp)
		w.db.afterCommit = nil
		expect.NoError(t, err, expect.Message{
			Did:  "called Update with a context that ended when the database had just committed",
			Want: "nil: the write is committed",
			Why:  "whoever is told that it has failed does it again, or tells a person so",
		})
		got := w.get(lamp.ID)
		expect.That(t, got == newLamp, expect.Message{
			Did: "read the lamp, and called Update with a context that ended when the database " +
				"had just committed; then called Get",
			Want: fmt.Sprintf("the new price, %d", newLamp.Price),
			Got:  fmt.Sprint(got.Price),
			Why: "a client that hangs up does not undo what is committed; if the cache is then " +
				"left as it is, everybody else reads the old price until the ttl ends",
		})
	})
}

// TestADeleteCountsWhoeverStillWaits has the caller hang up in two moments: at the commit, and when
// the cache is told.
func TestADeleteCountsWhoeverStillWaits(t *testing.T) {
	for _, when := range []string{"the database had just committed",
		"the first Del after the commit was failing"} {
		simulate(t, time.Minute, func(t *testing.T, w *world) {
			w.get(lamp.ID)
			w.names()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.db.afterCommit = cancel
			if when == "the first Del after the commit was failing" {
				w.db.afterCommit = func() {
					w.cache.meddle(func(_ context.Context, o op) error {
						if o.name != "Del" || ctx.Err() != nil {
							return nil
						}
						cancel()
						return errDown
					})
				}
			}
			err := w.repo.Delete(ctx, lamp.ID)
			w.db.afterCommit = nil
			expect.NoError(t, err, expect.Message{
				Did:  "called Delete with a context that ended when " + when,
				Want: "nil: the item is deleted",
				Why:  "whoever is told that it has failed does it again, or tells a person so",
			})
			_, err = w.repo.Get(t.Context(), lamp.ID)
			names := w.names()
			expect.That(t, known.Is(err, cacheaside.ErrNotFound) && names == "[chair 80]", expect.Message{
				Did: "read the lamp and the list, and called Delete with a context that ended when " +
					when + "; then called Get and List",
				Want: "ErrNotFound, and [chair 80]",
				Got:  fmt.Sprintf("error: %v; %s", err, names),
				Why: "a client that hangs up does not undo what is committed; if the cache is then " +
					"left as it is, everybody else is served what was deleted until the ttl ends",
			})
		})
	}
}

func TestAFailedSaveChangesNothing(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		boom := errors.New("constraint violated")
		w.db.breakWith(boom)
		err := w.repo.Update(t.Context(), newLamp)
		errDelete := w.repo.Delete(t.Context(), lamp.ID)
		w.db.breakWith(nil)
		expect.That(t, known.Is(err, boom) && known.Is(errDelete, boom), expect.Message{
			Did:  "called Update and Delete while the database refuses them",
			Want: "the database's error from both",
			Got:  known.Say(err) + ", and " + known.Say(errDelete),
			Why:  "whoever is told nil believes that it is saved",
		})
		got := w.get(lamp.ID)
		expect.That(t, got == lamp, expect.Message{
			Did:  "called Update and Delete while the database refuses them, then Get",
			Want: "the old price, 30, from the cache or from the database",
			Got:  fmt.Sprintf("%d", got.Price),
			Why:  "a cache that shows what was never committed lies to everybody until the ttl",
		})
	})
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.db.breakWith(cacheaside.ErrNotFound)
		err := w.repo.Delete(t.Context(), "none")
		expect.That(t, known.Is(err, cacheaside.ErrNotFound), expect.Message{
			Did:  "called Delete while the database says that there is no such item",
			Want: "the database's error: ErrNotFound",
			Got:  known.Say(err),
			Why:  "what to make of it is the caller's decision: to one it is a success, to another a typo",
		})
	})
}

// An answer that there is nothing lives for 5 s, or for the ttl where that is shorter.
var absences = []struct {
	ttl, life time.Duration
	bare      bool // the database does not wrap its ErrNotFound
}{
	{time.Minute, 5 * time.Second, true},
	{2 * time.Second, 2 * time.Second, false},
}

func TestAbsenceIsRemembered(t *testing.T) {
	for _, c := range absences {
		simulate(t, c.ttl, func(t *testing.T, w *world) {
			w.db.bare = c.bare
			w.missing("called Get for an id that does not exist", desk.ID, "")
			for range 99 {
				time.Sleep((c.life - time.Millisecond) / 99)
				w.missing("called Get for an id that does not exist", desk.ID, "")
			}
			loads, _ := w.db.counts()
			expect.That(t, loads == 1, expect.Message{
				Did: fmt.Sprintf(
					"called Get 100 times within %v for an id that does not exist, with a ttl of "+
						"%v; the database wraps its ErrNotFound: %v", c.life, c.ttl, !c.bare),
				Want: "1 Load in the database: that there is nothing is an answer, too",
				Got:  fmt.Sprintf("%d Loads", loads),
				Why: "ids that do not exist never fill an ordinary cache: whoever asks for " +
					"them goes straight to the database, as often as they like",
			})
		})
	}
}

func TestAbsenceIsForgottenSoon(t *testing.T) {
	for _, c := range absences {
		simulate(t, c.ttl, func(t *testing.T, w *world) {
			w.missing("called Get for an id that does not exist", desk.ID, "")
			w.db.put(desk)
			time.Sleep(c.life + time.Millisecond)
			got, err := w.repo.Get(t.Context(), desk.ID)
			expect.That(t, err == nil && got == desk, expect.Message{
				Did: fmt.Sprintf(
					"called Get for an id that does not exist, with a ttl of %v; created it "+
						"behind the repository's back; called Get %v later", c.ttl,
					c.life+time.Millisecond),
				Want: fmt.Sprintf("the item: absence is remembered for %v", c.life),
				Got:  fmt.Sprintf("%+v, error: %v", got, err),
				Why: "what does not exist now may exist in a moment: 'not found' is the answer " +
					"that goes out of date first",
			})
		})
	}
}

func TestACreatedItemIsSeenAtOnce(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.missing("called Get for an id that does not exist", desk.ID, "")
		w.update(desk)
		got, err := w.repo.Get(t.Context(), desk.ID)
		expect.That(t, err == nil && got == desk, expect.Message{
			Did: "called Get for an id that does not exist, created it with Update, and called " +
				"Get again at once",
			Want: fmt.Sprintf("%+v", desk),
			Got:  fmt.Sprintf("%+v, error: %v", got, err),
			Why:  "a page that says 'not found' right after 'created' makes people create it twice",
		})
	})
}

func TestADeletedItemIsGone(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		got := w.get(lamp.ID)
		expect.That(t, got == lamp, expect.Message{Did: "called Get",
			Want: fmt.Sprintf("%+v", lamp), Got: fmt.Sprintf("%+v", got)})
		expect.NoError(t, w.repo.Delete(t.Context(), lamp.ID),
			expect.Message{Did: "called Delete", Want: "nil"})
		w.missing("called Get, Delete, and Get again", lamp.ID,
			"what has been deleted, perhaps for a reason that a lawyer has given, must not be "+
				"served any more")
	})
}

func TestTheListIsForgottenWithItsItems(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		for _, c := range []struct {
			did    string
			change func() error
			want   string
		}{
			{"Update of an item", func() error { return w.repo.Update(t.Context(), newLamp) }, "[chair 80 lamp 35]"},
			{"Update that creates an item", func() error { return w.repo.Update(t.Context(), desk) }, "[chair 80 desk 200 lamp 35]"},
			{"Delete", func() error { return w.repo.Delete(t.Context(), chair.ID) }, "[desk 200 lamp 35]"},
		} {
			w.names()
			expect.NoError(t, c.change(), expect.Message{Did: "called " + c.did, Want: "nil"})
			got := w.names()
			expect.That(t, got == c.want, expect.Message{
				Did:  "called List, then " + c.did + ", then List",
				Want: c.want,
				Got:  got,
				Why: "everything that was made from an item is out of date with it: lists, " +
					"counts, pages",
			})
		}
	})
}

func TestUnreadableEntriesAreMisses(t *testing.T) {
	whole := func(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }
	for _, c := range []struct {
		what  string
		spoil func([]byte) []byte
	}{
		{"other bytes", whole("\xff\x00 not what you have written")},
		{"nothing", whole("")},
		{"the JSON null", whole("null")},
		{"the JSON {}", whole("{}")},
		{"the JSON []", whole("[]")},
		{`the JSON {"version":7,"value":{}}`, whole(`{"version":7,"value":{}}`)},
		{"its first half", func(b []byte) []byte { return b[:len(b)/2] }},
	} {
		simulate(t, time.Minute, func(t *testing.T, w *world) {
			w.get(lamp.ID)
			w.names()
			w.cache.spoil(c.spoil)
			got, err := w.repo.Get(t.Context(), lamp.ID)
			all, errList := w.repo.List(t.Context())
			expect.That(t, err == nil && got == lamp && errList == nil && len(all) == 2, expect.Message{
				Did:  "replaced each value that the cache holds by " + c.what + ", and called Get and List",
				Want: "the lamp, and 2 items, from the database",
				Got:  fmt.Sprintf("%+v, error: %v; %d items, error: %v", got, err, len(all), errList),
				Why: "the entries that a cache holds during a deployment were written by the " +
					"version before; what happens to decode is not yet an answer",
			})
			loads, lists := w.db.counts()
			w.get(lamp.ID)
			w.names()
			loadsNow, listsNow := w.db.counts()
			expect.That(t, loads == loadsNow && lists == listsNow, expect.Message{
				Did:  "replaced each value that the cache holds by " + c.what + ", and called Get and List, twice each",
				Want: "nothing asked of the database the second time: a miss fills the cache",
				Got:  fmt.Sprintf("%d further Loads and %d further Lists", loadsNow-loads, listsNow-lists),
				Why:  "what nobody replaces is unreadable until its ttl ends, and sends every reader to the database",
			})
		})
	}
}
