package cacheaside_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	cacheaside "github.com/backend-labs/backend-labs/labs/i06-cache-aside"
)

func TestInstancesShareTheCache(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		other := *w
		other.repo = cacheaside.NewRepo(w.db, w.cache, time.Minute)
		w.get(lamp.ID)
		w.names()
		other.get(lamp.ID)
		loads, _ := w.db.counts()
		expect.That(t, loads == 1, expect.Message{
			Did:  "called Get at one instance, and then at another one that shares its cache",
			Want: "1 Load in the database: the second is answered from the cache",
			Got:  fmt.Sprintf("%d Loads", loads),
			Why:  "with a cache for each, ten instances ask the database ten times",
		})
		other.update(newLamp)
		got, names := w.get(lamp.ID), w.names()
		expect.That(t, got == newLamp && names == "[chair 80 lamp 35]", expect.Message{
			Did: "called Get and List at one instance, Update with a price of 35 at another one, " +
				"and Get and List at the first",
			Want: "35 from both",
			Got:  fmt.Sprintf("%d from Get; %s from List", got.Price, names),
			Why: "the next request of whoever has changed something goes to any instance; what one " +
				"of them keeps for itself nobody else can make it forget",
		})
		next := *w
		next.repo = cacheaside.NewRepo(w.db, w.cache, 30*time.Second)
		next.update(nextLamp)
		got, names = w.get(lamp.ID), w.names()
		expect.That(t, got == nextLamp && names == "[chair 80 lamp 40]", expect.Message{
			Did: "called Get and List at one instance, Update with a price of 40 at another one, whose ttl is 30 s and not " +
				"1 min, and Get and List at the first",
			Want: "40 from both",
			Got:  fmt.Sprintf("%d from Get; %s from List", got.Price, names),
			Why:  "while a new configuration is rolled out the instances have different ones, and one cache",
		})
	})
}

func TestIDsAreFreeText(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		items := []cacheaside.Item{{ID: "LAMP-1", Name: "Lamp", Price: 1}, {ID: "lamp-1 ", Price: 2},
			{ID: "gift"}, {Name: "of an empty id"}, {ID: w.idOfTheList()}}
		items = append(items, alike...)
		for _, it := range items {
			w.db.put(it)
		}
		w.names()
		for _, it := range append(items, items...) {
			got := w.get(it.ID)
			expect.That(t, got == it, expect.Message{
				Did: fmt.Sprintf("called Get(%q), twice; other items are %q and %q, and the list is "+
					"cached as well", it.ID, lamp.ID, items[1].ID),
				Want: fmt.Sprintf("%+v", it),
				Got:  fmt.Sprintf("%+v", got),
				Why: "ids come from other systems, and from whoever types a URL: two that have one " +
					"key in the cache are one item, or the list",
			})
		}
		loads, _ := w.db.counts()
		expect.That(t, loads == 1+len(items), expect.Message{
			Did:  fmt.Sprintf("called Get for %d further items, twice for each", len(items)),
			Want: "1 Load in the database for each: an item that is free and has no name is an item, too",
			Got:  fmt.Sprintf("%d Loads", loads-1),
			Why:  "what is never cached reaches the database with every request",
		})
	})
}

// alike are items whose ids somebody takes for one: cut off, tidied up, or hashed to 32 bits.
var alike = []cacheaside.Item{
	{ID: strings.Repeat("long", 70) + "1", Price: 1}, {ID: strings.Repeat("long", 70) + "2", Price: 2},
	{ID: "a b", Price: 3}, {ID: "a_b", Price: 4}, {ID: "a\nb", Price: 5}, {ID: "a%20b", Price: 6}, {ID: "a+b", Price: 7},
	{ID: "caf\u00e9", Price: 8}, {ID: "cafe\u0301", Price: 9},
	{ID: "plumless", Price: 10}, {ID: "buckeroo", Price: 11}, // of one CRC-32
	{ID: "costarring", Price: 12}, {ID: "liquid", Price: 13}, // of one FNV-1a
}

func TestAnEntryIsWhatTheDatabaseHas(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.db.remove(lamp.ID)
		w.db.remove(chair.ID)
		w.db.backwards = true
		items := []cacheaside.Item{{}, {ID: "1", Name: "a|b;c,d:e\tf"}, {ID: "2", Name: "two\nlines"},
			{ID: "3", Name: `"quoted" \ <b>&amp;`}, {ID: "4", Name: "a\x00b"}, {ID: "5", Name: " "},
			{ID: "6", Price: math.MaxInt>>10 + 2}, {ID: "7", Price: math.MaxInt}, {ID: "8", Price: math.MinInt},
			{ID: "9", Name: "null", Price: -1}}
		listed := slices.Clone(items)
		slices.Reverse(listed)
		for _, it := range items {
			w.db.put(it)
		}
		for _, from := range []string{"database", "cache"} {
			for _, it := range items {
				got := w.get(it.ID)
				expect.That(t, got == it, expect.Message{
					Did:  fmt.Sprintf("called Get(%q), which is answered from the %s", it.ID, from),
					Want: fmt.Sprintf("%#v", it),
					Got:  fmt.Sprintf("%#v", got),
					Why: "what was put into the cache has to come out of it as it was: names come from people, and " +
						"numbers may be as large as they can be",
				})
			}
			all, err := w.repo.List(t.Context())
			expect.That(t, err == nil && slices.Equal(all, listed), expect.Message{
				Did:  fmt.Sprintf("called List, which is answered from the %s; the database begins with the last id", from),
				Want: fmt.Sprintf("%#v", listed),
				Got:  fmt.Sprintf("%#v, error: %v", all, err),
				Why:  "what was put into the cache has to come out of it as it was, and a list has an order",
			})
		}
		loads, lists := w.db.counts()
		expect.That(t, loads == len(items) && lists == 1, expect.Message{
			Did:  fmt.Sprintf("called Get for %d items and List, twice each", len(items)),
			Want: fmt.Sprintf("%d Loads and 1 List: an item in which nothing is set is an item, too", len(items)),
			Got:  fmt.Sprintf("%d Loads and %d Lists", loads, lists),
			Why:  "what is never cached reaches the database with every request",
		})
	})
}

// idOfTheList is an id whose key would be that of the list, if keys are made by putting something
// in front of the id.
func (w *world) idOfTheList() string {
	w.names()
	sets := w.cache.ops("Set")
	if len(sets) < 2 {
		return "items"
	}
	prefix, ok := strings.CutSuffix(sets[0].keys[0], lamp.ID)
	if id, begins := strings.CutPrefix(sets[len(sets)-1].keys[0], prefix); ok && begins {
		return id
	}
	return "items"
}

func TestAnEmptyListIsAnAnswer(t *testing.T) {
	aLongListIsAnAnswer(t)
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.db.remove(lamp.ID)
		w.db.remove(chair.ID)
		for range 10 {
			names := w.names()
			expect.That(t, names == "[]", expect.Message{
				Did: "called List while the database has no item", Want: "none", Got: names})
		}
		_, lists := w.db.counts()
		expect.That(t, lists == 1, expect.Message{
			Did:  "called List 10 times while the database has no item",
			Want: "1 List in the database: that there is nothing is an answer, too",
			Got:  fmt.Sprintf("%d Lists", lists),
			Why:  "an empty catalogue is as often asked for as a full one",
		})
	})
}

func aLongListIsAnAnswer(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		for i := range 1000 {
			w.db.put(cacheaside.Item{ID: fmt.Sprintf("item-%d", i), Price: i})
		}
		first, second := len(w.names()), len(w.names())
		_, lists := w.db.counts()
		expect.That(t, lists == 1 && first == second, expect.Message{
			Did:  "called List twice while the database has 1002 items",
			Want: "1 List in the database, and the same answer twice",
			Got:  fmt.Sprintf("%d Lists; answers of %d and %d characters", lists, first, second),
			Why:  "the long lists are those that cost the database most",
		})
	})
}

func TestNobodyWaitsForAnotherCall(t *testing.T) {
	for _, at := range []string{"Load", "List", "Save", "Delete"} {
		nobodyWaits(t, "Get, List, Update and Delete, of which the one whose "+at+" it is hangs in the database for 10 s",
			func(w *world) {
				var hung atomic.Bool
				w.db.onCall = func(name string) {
					if name == at && !hung.Swap(true) {
						time.Sleep(10 * time.Second)
					}
				}
			})
	}
	for _, at := range []string{"Get", "Set", "Del"} {
		nobodyWaits(t, "Get, List, Update and Delete, of which the first whose "+at+" it is hangs in the cache for 10 s",
			func(w *world) {
				var hung atomic.Bool
				w.cache.meddle(func(_ context.Context, o op) error {
					if o.name == at && !hung.Swap(true) {
						time.Sleep(10 * time.Second)
					}
					return nil
				})
			})
	}
}

// nobodyWaits makes a call of each kind, of which hang lets one hang, and another of each kind meanwhile.
func nobodyWaits(t *testing.T, first string, hang func(*world)) {
	t.Helper()
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.db.put(desk)
		hang(w)
		var all sync.WaitGroup
		for _, call := range []func(){
			func() { w.repo.Get(t.Context(), lamp.ID) },
			func() { w.repo.List(t.Context()) },
			func() { w.repo.Update(t.Context(), lamp) },
			func() { w.repo.Delete(t.Context(), desk.ID) },
		} {
			all.Go(call)
		}
		time.Sleep(dbTime + time.Millisecond) // one of them hangs, the others have returned
		for _, c := range []struct {
			what string
			call func() (answer any, err error)
			want any
		}{
			{"Get for the lamp", func() (any, error) { return w.repo.Get(t.Context(), lamp.ID) }, lamp},
			{"Get for the chair", func() (any, error) { return w.repo.Get(t.Context(), chair.ID) }, chair},
			{"List", func() (any, error) { all, err := w.repo.List(t.Context()); return len(all) >= 2, err }, true},
			{"Update", func() (any, error) { return nil, w.repo.Update(t.Context(), newLamp) }, nil},
			{"Delete", func() (any, error) { return nil, w.repo.Delete(t.Context(), chair.ID) }, nil},
		} {
			start := time.Now()
			got, err := c.call()
			took := time.Since(start)
			expect.That(t, err == nil && got == c.want && took <= dbTime, expect.Message{
				Did:  fmt.Sprintf("called %s, and meanwhile %s; the database takes %v", first, c.what, dbTime),
				Want: fmt.Sprintf("what there is, within %v", dbTime),
				Got:  fmt.Sprintf("%v, error: %v, after %v", got, err, took),
				Why: "one connection that hangs would hold up everybody who asks for the same, and with " +
					"one lock for all of them everybody else",
			})
		}
		all.Wait()
	})
}

func TestTheDatabaseMayTakeItsTime(t *testing.T) {
	for _, slow := range []time.Duration{200 * time.Millisecond, 20 * time.Second} {
		slowDatabase(t, slow)
	}
}

func slowDatabase(t *testing.T, slow time.Duration) {
	t.Helper()
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.db.slow = slow
		w.get(lamp.ID)
		w.get(lamp.ID)
		loads, _ := w.db.counts()
		expect.That(t, loads == 1, expect.Message{
			Did:  fmt.Sprintf("called Get twice, while the database takes %v", dbTime+slow),
			Want: "1 Load: the 50 ms are for the cache, and the cache has not taken any",
			Got:  fmt.Sprintf("%d Loads", loads),
			Why:  "a cache that is not filled when the database is slow is missing when it is needed",
		})
		w.update(newLamp)
		got := w.get(lamp.ID)
		expect.That(t, got == newLamp, expect.Message{
			Did:  fmt.Sprintf("called Update with a price of 35, while the database takes %v, and Get", dbTime+slow),
			Want: "35: there is as much time to forget as ever",
			Got:  fmt.Sprint(got.Price),
			Why:  "otherwise each write that takes long is invisible until the ttl",
		})
	})
}
