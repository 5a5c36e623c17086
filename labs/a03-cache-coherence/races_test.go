package coherence_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	coherence "github.com/backend-labs/backend-labs/labs/a03-cache-coherence"
)

const lateWhy = "between reading and storing the world moves on: whoever stores what was read, without asking what has " +
	"happened since, brings the old value back for as long as it lives there"

func TestASlowReadBringsNothingBack(t *testing.T) {
	simulate(t, 6, func(t *testing.T, w *world) {
		a, b, c := w.insts[0], w.insts[1], w.insts[2]
		w.listen(a, b, c)
		for round, reader := range []*instance{b, a, b} {
			id := fmt.Sprint("x", round)
			w.commit(id, 1)
			w.tl.Clear()
			slow := reader.hold(id)
			a.update(id)
			time.Sleep(10 * time.Millisecond)
			slow.release()
			did := fmt.Sprintf("let a read on %s load \"v1\", and be slow; updated the value on A meanwhile; ", reader.name)
			if reader == a {
				w.want(id, expect.Message{Did: did + "let the read end, and read again on A", Why: lateWhy}, a)
			}
			time.Sleep(soon)
			if round < 2 { // else nobody who knows better puts it right
				w.want(id, expect.Message{Did: did + "let the read end, and read again after 100 ms", Why: lateWhy}, w.insts[:3]...)
			}
			time.Sleep(l1TTL + time.Second)
			w.want(id, expect.Message{Did: did + "let the read end, and read again after 6 s, on instances where nobody listens " +
				"and then on the others", Why: lateWhy}, append(w.insts[3:6:6], w.insts[:3]...)...)
		}
		// What is slow is not the database but the answer of Redis: a message overtakes it.
		w.warm([]string{"y"}, a)
		b.link.RTT(30 * time.Millisecond)
		done := make(chan answer)
		go func() { done <- b.read("y") }()
		time.Sleep(10 * time.Millisecond)
		a.update("y")
		<-done
		b.link.RTT(0)
		time.Sleep(soon)
		w.want("y", expect.Message{Did: "read a value on B, from Redis, whose answer takes 30 ms; updated it on A meanwhile, after " +
			"Redis had answered; read it again after 100 ms", Why: lateWhy}, w.insts[:3]...)
	})
}

func TestASlowReadWithoutTheBus(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b := w.insts[0], w.insts[1]
		w.commit("x", 1)
		slow := b.hold("x")
		a.update("x")
		time.Sleep(10 * time.Millisecond)
		slow.release()
		const did = "where nobody listens, let a read on B load \"v1\", and be slow; updated the value on A meanwhile; " +
			"let the read end, and read "
		w.want("x", expect.Message{Did: did + "on A", Why: lateWhy}, a)
		for range 4 {
			time.Sleep(l1TTL)
			w.want("x", expect.Message{Did: did + "after 5 s and more", Why: lateWhy}, w.insts[2], b, a)
		}
	})
}

// A process can stand still for a while: its machine is moved, its disk is full, its debugger is on.
func TestAReadThatOutlivesTheCache(t *testing.T) {
	simulate(t, 4, func(t *testing.T, w *world) {
		const short = 2 * time.Second
		for i, x := range w.insts {
			x.tier = coherence.NewTier(x, w.r.Clients[i], time.Second, short)
		}
		a, b, c, d := w.insts[0], w.insts[1], w.insts[2], w.insts[3]
		w.listen(a)
		w.commit("x", 1)
		slow := b.hold("x")
		a.update("x")
		time.Sleep(short + time.Millisecond)
		slow.release()
		const did = "let a read on B load \"v1\", and stand still for 2 s, which is l2TTL; updated the value on A " +
			"meanwhile; let the read end, and read "
		w.want("x", expect.Message{Did: did + "at once on an instance that has just been started", Why: "what Redis held of " +
			"the update has expired, so nothing contradicts the old value any more; only the reader can know how old it is"},
			c)
		time.Sleep(time.Millisecond)
		w.want("x", expect.Message{Did: did + "on all instances", Why: lateWhy}, d, a, c)
		time.Sleep(time.Second)
		w.want("x", expect.Message{Did: did + "1 s later", Why: lateWhy}, w.insts...)
	})
}

func TestReadsDuringACommit(t *testing.T) {
	simulate(t, 6, func(t *testing.T, w *world) {
		listening, deaf := w.insts[:3], w.insts[3:]
		w.listen(listening...)
		for i, when := range []string{"directly before the commit", "directly after the commit, before Save returned"} {
			for _, warm := range []bool{false, true} {
				id := fmt.Sprint("x", i, warm)
				w.commit(id, 1)
				a := w.insts[0]
				w.tl.Clear()
				if warm {
					for _, x := range w.insts {
						x.read(id)
					}
				}
				reads := func() {
					for _, x := range w.insts {
						x.read(id)
					}
				}
				a.set(func() {
					if i == 0 {
						a.beforeCommit = reads
					} else {
						a.committed = reads
					}
				})
				a.update(id)
				did := fmt.Sprintf("updated a value on A, and read it on all instances %s; read it ", when)
				const why = "what is said before the commit is over when it comes: everybody reads the old value again, and " +
					"keeps it"
				w.want(id, expect.Message{Did: did + "on A when Update had returned", Why: why}, a)
				time.Sleep(soon)
				w.want(id, expect.Message{Did: did + "100 ms after Update", Why: why}, listening...)
				time.Sleep(l1TTL - soon)
				w.want(id, expect.Message{Did: did + "5 s after Update, also where nobody listens", Why: why}, append(deaf,
					listening...)...)
				time.Sleep(l1TTL + time.Second)
				w.want(id, expect.Message{Did: did + "11 s after Update", Why: why}, w.insts...)
			}
		}
	})
}

func TestTwoUpdatesAtOnce(t *testing.T) {
	simulate(t, 4, func(t *testing.T, w *world) {
		a, b, d := w.insts[0], w.insts[1], w.insts[3]
		w.listen(w.insts[:3]...)
		for _, two := range [][2]*instance{{a, a}, {a, b}, {d, d}} {
			first, second := two[0], two[1]
			id := "x of " + second.name
			w.warm([]string{id}, w.insts...)
			// The first commit is made, and its answer under way, when the second one is made and answered.
			first.set(func() { first.committed = func() { second.update(id) } })
			w.tl.Point(first.name, "updates %s", id)
			err := first.tier.Update(t.Context(), id, "v2")
			w.tl.Point(first.name, "v2 is answered")
			did := fmt.Sprintf("updated a value on %s (v2) and then on %s (v3), and let the answer of the first commit come after "+
				"all of the second update; read it ", first.name, second.name)
			expect.NoError(t, err, expect.Message{Did: did, Want: "nil from both"})
			const why = "the order in which answers come is not the one in which was committed; who lets the last one win lets " +
				"chance decide"
			w.want(id, expect.Message{Did: did + "at once on " + second.name, Why: why}, second)
			time.Sleep(soon)
			w.want(id, expect.Message{Did: did + "after 100 ms", Why: why}, w.insts[:3]...)
			time.Sleep(l1TTL)
			w.want(id, expect.Message{Did: did + "after 5 s", Why: why}, w.insts...)
		}
		// The second one is by somebody who dies at once, and only the instance of the first one sees it.
		w.warm([]string{"seen"}, b, w.insts[2])
		a.set(func() {
			a.committed = func() {
				w.commit("seen", 3)
				w.r.Refuse("LOADING Redis is loading the dataset in memory") // so that A asks the database
				a.read("seen")
				w.r.Heal()
			}
		})
		w.tl.Point("A", "updates seen")
		err := a.tier.Update(t.Context(), "seen", "v2")
		w.tl.Point("A", "v2 is answered")
		const did = "updated a value on A to \"v2\"; let another instance update it to \"v3\" and die at once, and read " +
			"that on A, before the answer of the first commit came; read it "
		expect.NoError(t, err, expect.Message{Did: did, Want: "nil"})
		time.Sleep(soon)
		w.wantNotBefore("seen", 2, expect.Message{Did: did + "after 100 ms", Why: "that A has read a newer one in the database " +
			"tells nobody else of it: who wrote that one may never do so"}, w.insts[:3]...)
	})
}

func TestCallsDoNotWaitForEachOther(t *testing.T) {
	simulate(t, 1, func(t *testing.T, w *world) {
		a := w.insts[0]
		const why = "one query that is slow, and all requests of this instance stand behind it"
		for _, id := range []string{"x", "y"} {
			w.commit(id, 1)
		}
		slow := a.hold("x")
		for _, id := range []string{"y", "x"} {
			w.want(id, expect.Message{Did: "let a Load of x be slow on A, and read " + id + " there", Why: why}, a)
		}
		done := make(chan bool)
		go func() { a.update("x"); close(done) }()
		select {
		case <-done:
		case <-time.After(time.Second):
			expect.Fatal(t, expect.Message{Did: "let a Load of x be slow on A, and updated x there", Want: "that it is updated",
				Got: "Update has not returned after 1 s", Why: why})
		}
		w.want("x", expect.Message{Did: "let a Load of x be slow on A, updated x there, and read it", Why: why}, a)
		slow.release()
		a.set(func() {
			a.beforeCommit = func() {
				w.want("x", expect.Message{Did: "let a Save of x be slow on A, and read x there", Why: why}, a)
				w.want("y", expect.Message{Did: "let a Save of x be slow on A, and read y there", Why: why}, a)
			}
		})
		a.update("x")
		w.want("x", expect.Message{Did: "updated x on A"}, a)
	})
}

func TestManyAtOnce(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		w.listen(w.insts...)
		w.tl = nil
		var next atomic.Int64
		ids := []string{"x", "y"}
		for _, id := range ids {
			w.commit(id, int(next.Add(1)))
		}
		for i, x := range w.insts {
			rnd := rand.New(rand.NewPCG(uint64(i), 7))
			var mu sync.Mutex
			x.set(func() {
				x.jitter = func() {
					mu.Lock()
					d := time.Duration(rnd.IntN(3)) * time.Millisecond
					mu.Unlock()
					time.Sleep(d)
				}
			})
		}
		w.r.RTT(time.Millisecond)
		const did = "read and updated two values from 8 goroutines on each of three instances, at once"
		var wg sync.WaitGroup
		for i, x := range w.insts {
			latest := map[string]*atomic.Int64{"x": new(atomic.Int64), "y": new(atomic.Int64)}
			for g := range 8 {
				rnd := rand.New(rand.NewPCG(uint64(i), uint64(g)))
				wg.Go(func() {
					for range 60 {
						id := ids[rnd.IntN(2)]
						least, why := int(latest[id].Load()), "which it had returned before, or updated"
						if rnd.IntN(6) == 0 {
							n := int(next.Add(1))
							if err := x.tier.Update(t.Context(), id, row{n: n}.String()); err != nil {
								expect.Fail(t, expect.Message{Did: did, Want: "nil from Update", Got: err.Error()})
								return
							}
							least = max(least, w.rank(id, n))
						}
						a := x.get(id)
						got := w.rank(id, a.n)
						if got < least {
							expect.Fail(t, expect.Message{
								Did:  did,
								Want: fmt.Sprintf("nothing from %s that is older than commit %d of %s, %s", x.name, least, id, why),
								Got:  fmt.Sprintf("%v, which is commit %d", a, got),
								Why:  "a user reloads the page, and what was there a second ago is gone",
							})
							return
						}
						raise(latest[id], int64(got))
						time.Sleep(time.Duration(rnd.IntN(4)) * time.Millisecond)
					}
				})
			}
		}
		wg.Wait()
		time.Sleep(soon)
		for _, id := range ids {
			w.want(id, expect.Message{Did: did + ", and read them 100 ms after all that",
				Why: "one update that loses against an older one is one instance that sells at the old price"}, w.insts...)
		}
	})
}

func raise(to *atomic.Int64, n int64) {
	for {
		old := to.Load()
		if n <= old || to.CompareAndSwap(old, n) {
			return
		}
	}
}

func TestMessagesInAnyOrder(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b := w.insts[0], w.insts[1]
		w.first = 1 << 60
		w.listen(w.insts...)
		const late = "messages overtake each other; the last one that comes is not the last one that was sent"
		// What is said of the second version, word for word, is said again after the third.
		said := w.eavesdrop()
		w.warm([]string{"x"}, w.insts...)
		a.update("x")
		time.Sleep(soon)
		second := said()
		w.want("x", expect.Message{Did: "updated a value on A"}, w.insts...)
		b.update("x")
		time.Sleep(soon)
		w.want("x", expect.Message{Did: "updated a value on A and then on B"}, w.insts...)
		for range 2 {
			for _, m := range second {
				w.r.Admin.Publish(t.Context(), m.Channel, m.Payload)
			}
			w.tl.Point("bus", "v2's messages")
			time.Sleep(time.Millisecond)
			w.want("x", expect.Message{
				Did: "updated a value on A and then on B, and let the messages of the first update come once more", Why: late,
			}, w.insts...)
			time.Sleep(l1TTL + time.Second)
		}
		// And each instance in turn hears late of the one and in time of the other.
		for _, x := range w.insts {
			id := "of " + x.name
			w.warm([]string{id}, w.insts...)
			x.link.Late(2 * time.Second)
			a.update(id)
			time.Sleep(time.Millisecond)
			x.link.Late(0)
			b.update(id)
			for _, wait := range []time.Duration{soon, 1900 * time.Millisecond, time.Second} {
				time.Sleep(wait)
				w.want(id, expect.Message{
					Did: "updated a value on A and then on B; the message of the first update reached " + x.name +
						" 2 s late, after that of the second", Why: late,
				}, w.insts...)
			}
		}
	})
}

// eavesdrop listens to all channels; what it returns gives what was said since.
func (w *world) eavesdrop() func() []*redis.Message {
	all := w.r.Admin.PSubscribe(w.t.Context(), "*")
	if _, err := all.Receive(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return func() []*redis.Message {
		defer all.Close()
		var said []*redis.Message
		for {
			m, err := all.ReceiveTimeout(context.Background(), time.Millisecond)
			if err != nil {
				return said
			}
			if m, ok := m.(*redis.Message); ok {
				said = append(said, m)
			}
		}
	}
}

func TestReadsNeverGoBack(t *testing.T) {
	simulate(t, 6, func(t *testing.T, w *world) {
		a, b, c, d := w.insts[0], w.insts[1], w.insts[2], w.insts[3]
		w.listen(a, b)
		const why = "a user reloads the page, and what was there a second ago is gone; nobody believes such a page any more"
		// Redis holds first values, of which an instance knows that they are old.
		readers := []*instance{b, c}
		ids := func(x *instance) []string { return []string{"x of " + x.name, "y of " + x.name} }
		a.link.Cut()
		for _, x := range readers {
			w.warm(ids(x), x)
			a.update(ids(x)[0])
			a.update(ids(x)[1])
		}
		time.Sleep(l1TTL + time.Second)
		w.tl.Clear()
		for _, x := range readers {
			x.link.Cut()
			time.Sleep(10 * time.Millisecond)
			w.tl.Point(x.name, "line cut")
			for _, id := range ids(x) {
				w.want(id, expect.Message{Did: "updated a value on A, cut off from Redis, and read it 6 s later on " + x.name +
					", cut off as well, so that the database answers"}, x)
			}
			time.Sleep(l1TTL)
			x.link.Heal()
			w.tl.Point(x.name, "line is back")
		}
		const did = "with the first value in Redis, which has not heard of the update, read the second one from the " +
			"database on %s while its line was cut; read it again when the line was back"
		for range 3 {
			time.Sleep(back)
			for _, x := range readers {
				w.want(ids(x)[0], expect.Message{Did: fmt.Sprintf(did, x.name), Why: why}, x)
			}
			time.Sleep(l1TTL)
		}
		for _, x := range readers { // and the other one where there is no database to be right
			x.set(func() { x.fails = errDB })
			got := x.get(ids(x)[1])
			expect.That(t, got.n == 2 || got.err != nil, expect.Message{
				Did:  fmt.Sprintf(did, x.name) + ", but the database down",
				Want: "an error, or the second value", Got: got.String(), Why: why,
			})
			x.set(func() { x.fails = nil })
		}
		// A read that was slow ends after one that was not.
		w.commit("z", 1)
		w.tl.Clear()
		slow := d.hold("z")
		w.insts[4].update("z")
		w.want("z", expect.Message{Did: "updated a value on E while a read of it on D, where nobody listens, was slow, and " +
			"read it again on D"}, d)
		slow.release()
		for range 3 {
			w.want("z", expect.Message{Did: "updated a value on E while a read of it on D, where nobody listens, was slow; " +
				"read it again on D; then let the slow one end, and read it once more", Why: why}, d)
			time.Sleep(l1TTL + time.Millisecond)
		}
		// A slow one during which the line was cut and came back, while Redis holds what is old.
		w.warm([]string{"w"}, c)
		w.commit("w", 2) // by somebody who died at once
		w.r.Refuse("LOADING Redis is loading the dataset in memory")
		slow = b.hold("w")
		b.link.Cut()
		w.r.Heal()
		time.Sleep(back)
		w.tl.Point("B", "listens again")
		for _, id := range []string{"u1", "u2", "u3"} { // what was connected before is not any more, and is found out
			w.commit(id, 1)
			b.get(id)
		}
		slow.release()
		w.want("w", expect.Message{Did: "let a read on B, which the database answers because Redis does not, be slow; cut and " +
			"healed its line meanwhile, let it end, and read the same on B, where Redis holds the first value", Why: why +
			"; that it may not be kept does not mean that it was not seen"}, b)
	})
}
