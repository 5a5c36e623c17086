package cacheaside_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestTheDatabaseIsAskedForTheCaller(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		ctx := context.WithValue(t.Context(), callerKey{}, true)
		w.repo.Get(ctx, lamp.ID)
		w.repo.List(ctx)
		w.repo.Update(ctx, newLamp)
		w.repo.Delete(ctx, chair.ID)
		expect.That(t, w.db.strays == 0 && w.db.calls >= 4, expect.Message{
			Did:  "called Get, List, Update and Delete, and looked at the contexts that the database got",
			Want: "the caller's, or one made from it, in at least one call each",
			Got:  fmt.Sprintf("another one in %d of %d calls", w.db.strays, w.db.calls),
			Why: "when the caller has gone away a query under another context works for nobody, and " +
				"what is traced by the context is lost on the way",
		})
	})
}

// TestACacheIsToldToStop has a cache that would hang for 10 s, but heeds its context.
func TestACacheIsToldToStop(t *testing.T) {
	for _, name := range []string{"Get", "Set", "Del"} {
		simulate(t, time.Minute, func(t *testing.T, w *world) {
			var mu sync.Mutex
			longest, calls := time.Duration(0), 0
			w.cache.meddle(func(ctx context.Context, o op) error {
				if o.name != name {
					return nil
				}
				start := time.Now()
				err := hanging(ctx, o)
				mu.Lock()
				defer mu.Unlock()
				longest, calls = max(longest, time.Since(start)), calls+1
				return err
			})
			w.repo.Get(t.Context(), lamp.ID)
			w.repo.List(t.Context())
			w.repo.Update(t.Context(), newLamp)
			w.repo.Delete(t.Context(), chair.ID)
			time.Sleep(time.Minute)
			mu.Lock()
			defer mu.Unlock()
			expect.That(t, calls > 0 && longest <= 50*time.Millisecond+500*time.Microsecond,
				expect.Message{
					Did: fmt.Sprintf("called Get, List, Update and Delete while each %s of the cache would take 10 s, "+
						"unless its context ends", name),
					Want: fmt.Sprintf("at least one %s, and each ended by its context within 50 ms", name),
					Got:  fmt.Sprintf("%d, the longest of which took %v", calls, longest),
					Why: "what nobody waits for any more still holds a connection: the pool is empty " +
						"long before the cache is well again",
				})
		})
	}
}

func TestADelThatWorkedIsNotRepeated(t *testing.T) {
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.db.afterCommit = w.cache.forget // what was forgotten before the commit does not count
		for _, c := range []struct {
			write string
			call  func() error
		}{
			{"Update", func() error { return w.repo.Update(t.Context(), newLamp) }},
			{"Delete", func() error { return w.repo.Delete(t.Context(), chair.ID) }},
		} {
			expect.NoError(t, c.call(), expect.Message{Did: "called " + c.write, Want: "nil"})
			dels := w.dels()
			for k, n := range dels {
				expect.That(t, n == 1, expect.Message{
					Did: "called " + c.write +
						", and counted for each key how often the cache was told to forget it after the commit",
					Want: "once: it worked",
					Got:  fmt.Sprintf("%d times, for %q", n, k),
					Why:  "each is a round trip that the caller waits for, and the busier the cache the longer",
				})
			}
			expect.That(t, len(dels) > 0, expect.Message{Did: "called " + c.write, Want: "a Del after the commit",
				Got: "none"})
		}
	})
	// Whoever forgets both keys in one call tries both again, as neither has worked then.
	simulate(t, time.Minute, func(t *testing.T, w *world) {
		w.get(lamp.ID)
		item := w.keyOfTheLast()
		var mu sync.Mutex
		worked, failed := map[string]int{}, false
		w.db.afterCommit = func() {
			w.cache.meddle(func(_ context.Context, o op) error {
				mu.Lock()
				defer mu.Unlock()
				if o.name == "Del" && !failed && slices.ContainsFunc(o.keys, func(k string) bool { return k != item }) {
					failed = true
					return errDown
				}
				if o.name == "Del" {
					for _, k := range o.keys {
						worked[k]++
					}
				}
				return nil
			})
		}
		w.update(newLamp)
		mu.Lock()
		defer mu.Unlock()
		for k, n := range worked {
			expect.That(t, n == 1, expect.Message{
				Did: "let the first Del of another key than the lamp's fail, called Update, and counted for each key " +
					"how often a Del of it worked after the commit",
				Want: "once: what has worked is not tried again",
				Got:  fmt.Sprintf("%d times, for %q", n, k),
				Why:  "each is a round trip that the caller waits for, and when one fails the cache is busy already",
			})
		}
	})
}
