package coherence_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	coherence "github.com/backend-labs/backend-labs/labs/a03-cache-coherence"
)

func TestOwnWritesAreSeenAtOnce(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b, c := w.insts[0], w.insts[1], w.insts[2]
		w.listen(a)
		w.warm([]string{"x"}, a, b, c)
		b.link.Cut()
		c.link.Hang()
		for _, s := range []struct {
			x   *instance
			how string
		}{
			{a, "which listens"}, {b, "which does not listen, and whose line to Redis is cut"},
			{c, "which does not listen, and to which Redis is silent"},
		} {
			for range 2 {
				s.x.update("x")
				w.want("x", expect.Message{
					Did: "updated a value that had been read, on " + s.x.name + ", " + s.how + ", and read it there",
					Why: "a user saves a form and sees what was there before; most of them save it again",
				}, s.x)
			}
		}
		for _, x := range w.insts {
			id := "new of " + x.name
			w.commit(id, 1)
			x.update(id)
			w.want(id, expect.Message{
				Did: "updated a value that had never been read, on " + x.name + ", and read it there",
				Why: "a user saves a form and sees what was there before; most of them save it again",
			}, x)
		}
	})
}

// All other checks update to values that have not been there before.
func TestAnOldValueIsANewOne(t *testing.T) {
	simulate(t, 4, func(t *testing.T, w *world) {
		a, b := w.insts[0], w.insts[1]
		w.listen(w.insts[:3]...)
		w.warm([]string{"x"}, w.insts[:3]...)
		a.link.Lose(true)
		b.update("x")
		time.Sleep(soon)
		const did = "updated a value on B from \"v1\" to \"v2\", lost the message to A, which holds \"v1\", and updated it to " +
			"\"v1\" again on A"
		w.tl.Point("A", "updates x to v1")
		err := a.saveAs("x", 1)
		w.mu.Lock()
		commits := len(w.all["x"])
		w.mu.Unlock()
		const why = "whoever compares with what is held compares with what may be old: it is the database that knows " +
			"whether something changes"
		expect.That(t, err == nil && commits == 3, expect.Message{Did: did, Want: "nil, and a third commit",
			Got: fmt.Sprintf("%v, and %d commits", err, commits), Why: why, Picture: w.tl})
		time.Sleep(soon)
		w.want("x", expect.Message{Did: did + "; read it 100 ms later", Why: why}, w.insts...)
	})
}

func TestOthersHearOfAnUpdate(t *testing.T) {
	simulate(t, 4, func(t *testing.T, w *world) {
		a, b, c, d := w.insts[0], w.insts[1], w.insts[2], w.insts[3]
		w.listen(w.insts...)
		w.warm([]string{"x", "y"}, a, b, c) // D has not read it
		w.r.RTT(10 * time.Millisecond)
		for i, writer := range []*instance{a, a, b, d, c} {
			before := w.loaded("x")
			writer.update("x")
			time.Sleep(soon)
			got := w.loaded("x") - before
			expect.That(t, got == 0, expect.Message{
				Did:  "updated a value on " + writer.name + ", and read it nowhere",
				Want: "no Load: nobody has asked",
				Got:  fmt.Sprintf("%d", got),
				Why: "each instance that fetches what it was told of is a load for each update and instance, mostly for " +
					"values that nobody reads there",
			})
			readers := []*instance{b, c, a, d}
			if i == 0 {
				readers = []*instance{b, c}
			}
			w.want("x", expect.Message{
				Did: fmt.Sprintf("updated a value on %s (update %d), and read it %v later where it had been read before",
					writer.name, i+1, soon),
				Why: "they serve the old value until it expires where they are, and a user whose requests go to several " +
					"instances sees both in turn",
			}, readers...)
		}
		w.want("y", expect.Message{Did: "updated x, and read y"}, w.insts...)
		w.r.RTT(0)
		ids := []string{"lamp", "Lamp", "lamp ", " lamp", "lamp:1", "lamp:", ":", "", "a b", "a\x00b", "äöü", "{lamp}",
			"%s", "3"}
		for _, n := range []int{-1, -2, -3, -4, -5, -1} {
			err := b.saveAs("x", n)
			time.Sleep(soon)
			did := fmt.Sprintf("updated a value to %.40q on B, and read it %v later", row{n: n}, soon)
			expect.NoError(t, err, expect.Message{Did: did, Want: "nil from Update"})
			w.want("x", expect.Message{Did: did, Why: "values are any text, and one that is empty is one"}, w.insts...)
		}
		var last string
		all := func() {
			t.Helper()
			for _, x := range w.insts {
				for _, other := range ids {
					w.want(other, expect.Message{
						Did: fmt.Sprintf("read and updated values with the ids %q, %q the last; read %q", ids, last, other),
						Why: "ids are any text, and two of them that look alike are two"}, x)
				}
			}
		}
		for i, id := range ids {
			w.commit(id, 10*i+1)
		}
		all()
		for _, last = range ids {
			b.update(last)
			time.Sleep(soon)
			all()
		}
	})
}

func TestWhatAReadCosts(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b, c := w.insts[0], w.insts[1], w.insts[2]
		w.listen(w.insts...)
		w.warm([]string{"other"}, a, b, c) // what there is of scripts is known to Redis
		w.commit("x", 1)
		begin, id := time.Now(), "x"
		cost := func(x *instance, wantCommands, wantLoads int, why string) {
			t.Helper()
			x.link.Forget()
			before := w.loaded(id)
			got := x.get(id)
			synctest.Wait() // for what it leaves to others
			n, list := commands(x)
			loads := w.loaded(id) - before
			right := got.n == w.newest(id) && loads == wantLoads && (n == wantCommands || wantLoads > 0)
			want := fmt.Sprintf("%q, with %d commands to Redis and no Load", row{n: w.newest(id)}, wantCommands)
			if wantLoads > 0 {
				want = fmt.Sprintf("%q, with one Load", row{n: w.newest(id)})
			}
			expect.That(t, right, expect.Message{
				Did: fmt.Sprintf("read a value on %s, %v after it was loaded on A for the first time", x.name,
					time.Since(begin)),
				Want: want,
				Got:  fmt.Sprintf("%v, with %d commands (%s) and %d Loads", got, n, strings.Join(list, ", "), loads),
				Why:  why,
			})
		}
		const free = "the first tier is there to answer without the network; who asks Redis each time has one tier"
		const shared = "the second tier is there so that an instance that starts does not load what the others have"
		cost(a, 0, 1, "each Load is a query")
		cost(a, 0, 0, free)
		cost(b, 1, 0, shared)
		cost(b, 0, 0, free)
		time.Sleep(2 * time.Second)
		c.update("other")
		time.Sleep(2999*time.Millisecond - time.Since(begin)%time.Second)
		cost(a, 0, 0, "an update of one value says nothing of the others")
		cost(b, 0, 0, "an update of one value says nothing of the others")
		time.Sleep(l1TTL)
		cost(a, 1, 0, shared)
		time.Sleep(l2TTL - time.Millisecond - time.Since(begin))
		cost(c, 1, 0, shared)
		time.Sleep(l2TTL)
		cost(b, 0, 1, "what has expired is loaded")
		id = "empty"
		w.commit(id, -1)
		begin = time.Now()
		const nothing = "an empty text is a value: whoever takes it for none asks the database for it each time"
		cost(a, 0, 1, nothing)
		cost(a, 0, 0, nothing)
		cost(b, 1, 0, nothing)
		cost(b, 0, 0, nothing)

		// Redis holds an older value than both A and B have seen.
		id = "older in Redis"
		w.commit(id, 1)
		c.get(id)
		w.commit(id, 2) // by somebody who died at once
		w.r.Refuse("LOADING Redis is loading the dataset in memory")
		a.get(id)
		b.get(id)
		w.r.Heal()
		time.Sleep(l1TTL)
		a.get(id)
		b.link.Forget()
		before := w.loaded(id)
		got := b.get(id)
		synctest.Wait()
		n, list := commands(b)
		loads := w.loaded(id) - before
		expect.That(t, got.n == 2 && n == 1 && loads == 0, expect.Message{
			Did: "let somebody update a value and die at once, while Redis holds the old one; read the new one on A and B in a " +
				"moment in which Redis answered with an error; read it again 5 s later on A, and then on B",
			Want: `"v2", with one command to Redis and no Load`,
			Got:  fmt.Sprintf("%v, with %d commands (%s) and %d Loads", got, n, strings.Join(list, ", "), loads),
			Why: "A has just loaded it: what Redis holds is known to be old, and whoever leaves it there has each instance " +
				"that knows it ask the database until it expires",
		})
	})
}

func TestWhatLiesInRedis(t *testing.T) {
	simulate(t, 4, func(t *testing.T, w *world) {
		a, b, c, d := w.insts[0], w.insts[1], w.insts[2], w.insts[3]
		const brief = 1500 * time.Millisecond
		c.tier = coherence.NewTier(c, w.r.Clients[2], 300*time.Millisecond, brief)
		d.tier = coherence.NewTier(d, w.r.Clients[3], 300*time.Millisecond, brief)
		w.listen(w.insts...)
		look := func(did string, most time.Duration) {
			t.Helper()
			all := w.r.TTLs(t)
			for key, ttl := range all {
				expect.That(t, ttl != vredis.NoExpiry && ttl <= most, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("that everything in Redis expires, within %v", most),
					Got:  fmt.Sprintf("%q: %v", key, shownTTL(ttl)),
					Why: "the TTL is what ends a mistake that nobody knows of; where there is none, an instance that dies " +
						"between its commit and its message leaves the old value for ever",
				})
			}
			expect.That(t, len(all) > 0, expect.Message{Did: did, Want: "something in Redis", Got: "nothing",
				Why: "what lies nowhere is loaded by each instance"})
		}
		w.warm([]string{"x", "y"}, a, b)
		look("read values", l2TTL)
		a.update("x")
		look("updated a value that had been read", l2TTL)
		b.update("new")
		look("updated a value that had never been read", l2TTL)
		b.link.Cut()
		b.update("y")
		time.Sleep(back)
		b.link.Heal()
		time.Sleep(2 * back)
		look("updated a value while the line to Redis was cut, and healed it", l2TTL)
		for range 13 {
			time.Sleep(l1TTL + 200*time.Millisecond)
			for _, x := range []*instance{a, b} {
				w.want("x", expect.Message{Did: "read a value every 5 s"}, x)
				look("read a value every 5 s on "+x.name, l2TTL)
			}
		}
		w.r.Admin.FlushAll(t.Context())
		w.warm([]string{"brief"}, c)
		look("read a value on an instance whose l2TTL is 1.5 s", brief)
		time.Sleep(brief - 100*time.Millisecond)
		before := w.loaded("brief")
		got := d.get("brief")
		loads := w.loaded("brief") - before
		expect.That(t, got.n == 1 && loads == 0, expect.Message{
			Did:  "read it on another instance after 1.4 s",
			Want: `"v1" without a Load`, Got: fmt.Sprintf("%v with %d", got, loads),
			Why: "a TTL in whole seconds is not the one that was asked for",
		})
		d.update("brief")
		look("updated a value on an instance whose l2TTL is 1.5 s", brief)
		for _, x := range w.insts {
			for _, cmd := range x.link.Commands() {
				expect.That(t, !forbidden(cmd), expect.Message{
					Did:  "read and updated values, also after the line to Redis was cut, and looked at what Redis was told",
					Want: "neither KEYS nor SCAN, FLUSHALL or FLUSHDB",
					Got:  cmd.String(),
					Why: "KEYS and SCAN walk through all keys of all users, and KEYS lets everybody wait meanwhile; a flush " +
						"takes the cache from everybody, and the database gets all their reads at once",
				})
			}
		}
	})
}

func shownTTL(ttl time.Duration) string {
	if ttl == vredis.NoExpiry {
		return "for ever"
	}
	return ttl.String()
}

func forbidden(c vredis.Command) bool {
	bad := []string{"KEYS", "SCAN", "FLUSHALL", "FLUSHDB"}
	if slices.Contains(bad, c.Name) {
		return true
	}
	if c.Name != "EVAL" && (c.Name != "SCRIPT" && c.Name != "FUNCTION" || len(c.Args) < 2) {
		return false
	}
	text := strings.ToUpper(strings.Join(c.Args, " "))
	return slices.ContainsFunc(bad, func(word string) bool {
		return strings.Contains(text, "'"+word+"'") || strings.Contains(text, `"`+word+`"`)
	})
}

func TestErrorsOfTheDatabase(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b, c := w.insts[0], w.insts[1], w.insts[2]
		w.listen(w.insts...)
		w.commit("x", 1)
		fail := func(err error) {
			for _, x := range w.insts {
				x.set(func() { x.fails = err })
			}
		}
		for range 2 {
			fail(errDB)
			got := a.get("x")
			expect.That(t, sentinel.Is(got.err, errDB), expect.Message{
				Did: "read a value that no tier holds while the database failed", Want: "its error", Got: got.String(),
				Why: "a value that nobody has committed is worse than none",
			})
		}
		fail(nil)
		w.want("x", expect.Message{
			Did: "read a value directly after a Load of it had failed",
			Why: "an error that is kept is served long after the database is well",
		}, a, b)
		fail(errDB)
		err := a.save("x")
		expect.That(t, sentinel.Is(err, errDB), expect.Message{
			Did: "updated a value while the database failed", Want: "its error", Got: fmt.Sprint(err),
			Why: "whoever is not told believes that the value is saved",
		})
		fail(nil)
		time.Sleep(soon)
		w.want("x", expect.Message{
			Did: "updated a value while the database failed, and read it when it did not",
			Why: "a value that was never committed is shown, until it expires and is gone",
		}, a, b, c)
		a.update("x")
		time.Sleep(soon)
		w.want("x", expect.Message{Did: "updated a value after an Update of it had failed"}, a, b, c)
	})
}

func TestACallerThatHangsUp(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b, c := w.insts[0], w.insts[1], w.insts[2]
		w.listen(w.insts...)
		w.warm([]string{"x"}, a, b, c)
		ctx, hangUp := context.WithCancel(t.Context())
		a.set(func() { a.committed = hangUp })
		err := a.tier.Update(ctx, "x", row{n: 2}.String())
		expect.That(t, err == nil, expect.Message{
			Did:  "cancelled the context of an Update directly after Save had committed",
			Want: "nil: it is committed",
			Got:  fmt.Sprint(err),
		})
		time.Sleep(soon)
		w.want("x", expect.Message{
			Did: fmt.Sprintf("cancelled the context of an Update directly after Save had committed, and read the value %v "+
				"later", soon),
			Why: "a user who closes the tab after pressing save has saved; the others see it all the same",
		}, a, b, c)
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	simulate(t, 4, func(t *testing.T, w *world) {
		w.listen(w.insts...)
		w.warm([]string{"x"}, w.insts...)
		w.insts[0].update("x")
		time.Sleep(soon)
		w.want("x", expect.Message{Did: "updated a value while all instances listened"}, w.insts...)
		w.insts[1].link.Cut()
		w.insts[2].link.Hang()
		w.insts[3].link.Hang()
		time.Sleep(10 * time.Second)
		w.insts[3].link.Heal()
		time.Sleep(50 * time.Millisecond)
		for i, how := range []string{"while Redis was well", "while the line to Redis was cut", "while Redis was silent",
			"while Redis had just come back"} {
			x := w.insts[i]
			x.stop()
			x.stop = nil
			select {
			case err := <-x.runs:
				expect.That(t, sentinel.Is(err, context.Canceled), expect.Message{
					Did:  "ended the context of Run " + how,
					Want: "that Run returns its error",
					Got:  fmt.Sprint(err),
				})
			case <-time.After(time.Second):
				expect.Fatal(t, expect.Message{
					Did:  "ended the context of Run " + how,
					Want: "that Run returns within 1 s",
					Got:  "it does not",
					Why:  "a process that is told to stop waits for it, and is killed in the end",
				})
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		err := w.insts[0].tier.Run(ctx)
		took := time.Since(begin)
		expect.That(t, sentinel.Is(err, context.DeadlineExceeded) && took >= 2*time.Second && took <= 3*time.Second,
			expect.Message{Did: "called Run again, with a context whose deadline is in 2 s",
				Want: "that Run returns its error, between 2 s and 3 s later", Got: fmt.Sprintf("%v after %v", err, took),
				Why: "whoever stops the program tells one that was told to stop from one whose time was over"})
	})
}
