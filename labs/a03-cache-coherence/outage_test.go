package coherence_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// watch reads id on x every step for so long, and returns how long after the beginning it last saw another value than
// the newest, and how often it did.
func (x *instance) watch(id string, lasts, step time.Duration) (lastWrong time.Duration, wrong int) {
	begin := time.Now()
	lastWrong = -1
	was := -1
	for time.Since(begin) < lasts {
		a := x.get(id)
		if a.n != was {
			x.w.tl.Holds(x.name, "%v", a)
			was = a.n
		}
		if a.n != x.w.newest(id) {
			lastWrong = time.Since(begin)
			wrong++
		}
		time.Sleep(step)
	}
	return lastWrong, wrong
}

func TestAnInstanceWhoseLineIsCut(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b := w.insts[0], w.insts[1]
		w.listen(a, b)
		w.warm([]string{"x"}, a, b)
		b.link.Cut()
		w.tl.Point("B", "line cut")
		a.update("x")
		const did = "cut the line of B for 12 s; updated a value on A at once, and read it on B every 50 ms"
		last, _ := b.watch("x", 11900*time.Millisecond, 50*time.Millisecond)
		expect.That(t, last < l1TTL, expect.Message{
			Did:  did,
			Want: "the new value on B 5 s after the update at the latest",
			Got:  fmt.Sprintf("the old one after %v", last),
			Why: "messages get lost, so what ends a mistake is the TTL; one that each hit prolongs never ends for what is read " +
				"most",
			Picture: w.tl,
		})
		a.update("x")
		time.Sleep(100 * time.Millisecond)
		b.link.Heal()
		w.tl.Point("B", "line is back")
		time.Sleep(back)
		w.want("x", expect.Message{
			Did: did + "; updated it again 100 ms before the line was back, and read it 1 s after",
			Why: "pub/sub is fire and forget: what was said while B was away nobody will say again, and B does not know of " +
				"what it knows nothing",
		}, b)
		// It hears again, too.
		a.update("x")
		time.Sleep(soon)
		w.want("x", expect.Message{Did: "updated a value 1 s after the line of B was back, and read it 100 ms later"}, a, b)
		// And again: once is no proof.
		b.link.Cut()
		a.update("x")
		time.Sleep(time.Second)
		b.link.Heal()
		time.Sleep(back)
		w.want("x", expect.Message{Did: "cut the line of B for the second time, updated a value on A meanwhile, and read it " +
			"on B 1 s after the line was back"}, b)
		b.link.Hang()
		a.update("x")
		time.Sleep(time.Second)
		b.link.Heal()
		time.Sleep(back)
		w.want("x", expect.Message{Did: "let the line of B be silent for 1 s, updated a value on A meanwhile, and read it on B " +
			"1 s after the line was well"}, b)
		// An update during which the line was away, and a read in the middle of it.
		b.set(func() {
			b.beforeCommit = func() {
				b.link.Cut()
				b.link.Heal()
				time.Sleep(back)
				b.read("x")
			}
		})
		b.update("x")
		w.want("x", expect.Message{Did: "updated a value on B; while that waited for its commit, cut and healed the line of B, and " +
			"read the value there; read it again when Update had returned",
			Why: "a user saves a form and sees what was there before"}, b)
		// One that has not listened, or has ceased to, has missed what was told until it does.
		for _, when := range []string{"for the first time", "for the second time"} {
			c := w.insts[2]
			w.tl.Clear()
			c.read("x")
			a.update("x")
			w.tl.Point("C", "begins to listen")
			w.listen(c)
			w.want("x", expect.Message{Did: "read a value on C, where nobody listened; updated it on A, called Run on C " + when +
				", and read it there 1 s later", Why: "what was told before it listened nobody will say again, and what it holds " +
				"is as old as that"}, c)
			a.update("x")
			time.Sleep(soon)
			w.want("x", expect.Message{Did: "called Run on C " + when + ", updated a value on A, and read it 100 ms later"}, c)
			c.stop()
			<-c.runs
		}
		// A read that was under way when the line came back.
		w.commit("y", 1)
		w.tl.Clear()
		slow := b.hold("y")
		b.link.Cut()
		a.update("y")
		b.link.Heal()
		time.Sleep(back)
		w.tl.Point("B", "listens again")
		w.r.Refuse("LOADING Redis is loading the dataset in memory") // so that Redis cannot tell it either
		slow.release()
		w.r.Heal()
		w.want("y", expect.Message{Did: "let a read on B be slow; cut its line, updated the value on A, and healed the line; let " +
			"the read end 1 s later, in a moment in which Redis answered with an error, and read it on B", Why: "it was read " +
			"before the line was cut; what is stored after B has forgotten everything is as old as what B has forgotten"}, b)
		// And an update.
		w.tl.Clear()
		b.set(func() {
			b.committed = func() {
				b.link.Cut()
				a.update("y")
				b.link.Heal()
				time.Sleep(back)
				w.tl.Point("B", "listens again")
			}
		})
		b.update("y")
		w.want("y", expect.Message{Did: "updated a value on B; while the answer of the commit was under way, cut the line of B, " +
			"updated the value on A, and healed the line; let the answer come 1 s later, and read the value on B", Why: "what " +
			"B has written itself is as old as what it has read: whatever was told while its line was cut may be newer"}, b)
	})
}

func TestAnInstanceThatDoesNotHear(t *testing.T) {
	simulate(t, 5, func(t *testing.T, w *world) {
		a, b, c, d, e := w.insts[0], w.insts[1], w.insts[2], w.insts[3], w.insts[4]
		w.listen(a, b, c, d)
		const want = "the new value 5 s after the update at the latest"
		const why = "who cannot rely on messages relies on the TTL, and that promises something only if it is counted from " +
			"the moment at which the value was right for the last time: not from when its answer came, nor from when " +
			"somebody told of it"
		deaf := func(id, did string, x *instance) {
			t.Helper()
			begin := time.Now()
			last, _ := x.watch(id, 3*l1TTL, 50*time.Millisecond)
			expect.That(t, last+time.Since(begin)-3*l1TTL < l1TTL, expect.Message{
				Did: did, Want: want, Got: fmt.Sprintf("the old one after %v", last), Why: why, Picture: w.tl,
			})
		}
		w.warm([]string{"x"}, b)
		time.Sleep(100 * time.Millisecond)
		b.link.Lose(true)
		a.update("x")
		deaf("x", "updated a value on A, lost the message to B, and read it on B every 50 ms", b)

		w.warm([]string{"y"}, e)
		time.Sleep(100 * time.Millisecond)
		a.update("y")
		deaf("y", "updated a value on A, and read it every 50 ms on E, where nobody listens", e)

		// The message of the first update comes 4 s late, that of the second one never.
		w.warm([]string{"z"}, c)
		time.Sleep(100 * time.Millisecond)
		c.link.Late(4 * time.Second)
		a.update("z")
		time.Sleep(10 * time.Millisecond)
		c.link.Lose(true)
		a.update("z")
		deaf("z", "updated a value on A twice: the first message reached C 4 s late, the second one never; read it on C every "+
			"50 ms, from the second update on", c)

		// The same where nothing is held that the first message could end.
		c.link.Heal()
		w.commit("unread", 1)
		w.tl.Clear()
		c.link.Late(4 * time.Second)
		a.update("unread")
		time.Sleep(10 * time.Millisecond)
		c.link.Lose(true)
		time.Sleep(10 * time.Millisecond)
		a.update("unread")
		time.Sleep(4050 * time.Millisecond)
		late, _ := c.watch("unread", 2*l1TTL, 50*time.Millisecond)
		expect.That(t, late < l1TTL-4050*time.Millisecond, expect.Message{
			Did: "updated a value on A twice, which C had not read: the first message reached C 4 s late, the second one never; " +
				"read it on C every 50 ms after that",
			Want: want, Got: fmt.Sprintf("the old one %v after the update", late+4050*time.Millisecond), Why: why, Picture: w.tl,
		})

		// A read that was slow: its answer comes long after it was true.
		w.commit("slow", 1)
		w.tl.Clear()
		d.link.Cut()
		slow := d.hold("slow")
		a.update("slow")
		time.Sleep(3 * time.Second)
		slow.release()
		last, _ := d.watch("slow", 2*l1TTL, 50*time.Millisecond)
		expect.That(t, last < l1TTL-3*time.Second, expect.Message{
			Did: "cut the line of D; let a read on D load the old value and take 3 s; updated the value on A directly after " +
				"it had been read; read it on D every 50 ms",
			Want: want, Got: fmt.Sprintf("the old one %v after the update", last+3*time.Second), Why: why, Picture: w.tl,
		})

		// The answer of a Save is as old as it is, too.
		w.warm([]string{"saved"}, a, b)
		a.link.Lose(true)
		var since time.Time
		a.set(func() {
			a.committed = func() {
				b.update("saved")
				since = time.Now()
				time.Sleep(3 * time.Second)
			}
		})
		a.update("saved")
		last, _ = a.watch("saved", 2*l1TTL, 50*time.Millisecond)
		last += time.Since(since) - 2*l1TTL
		expect.That(t, last < l1TTL, expect.Message{
			Did: "updated a value on A, whose Save took 3 s after its commit; updated it on B directly after that commit; lost " +
				"the message to A, and read it on A every 50 ms",
			Want: want, Got: fmt.Sprintf("the old one %v after the update on B", last), Why: why, Picture: w.tl,
		})
	})
}

func TestAWriterThatDies(t *testing.T) {
	const most = 8
	simulate(t, most+4, func(t *testing.T, w *world) {
		b, c, d := w.insts[0], w.insts[1], w.insts[2]
		w.listen(b, d)
		w.warm([]string{"other"}, w.insts...) // what there is of scripts is known to Redis
		w.introduce(most)
		time.Sleep(2 * l1TTL)
		begin := time.Now()
		id := func(k int) string { return fmt.Sprint("x", k) }
		for k := range most {
			w.warm([]string{id(k)}, b)
		}
		w.commit("slow", 1)
		slow := d.hold("slow")
		w.commit("slow", 2) // by somebody who died at once
		// Somebody else dies directly after the commit of one that lives, and waits for its answer.
		e := w.insts[3]
		w.warm([]string{"saved"}, b)
		e.set(func() {
			e.committed = func() {
				w.commit("saved", 3)
				time.Sleep(3 * time.Second)
			}
		})
		saved := make(chan bool)
		go func() { e.update("saved"); close(saved) }()
		time.Sleep(100 * time.Millisecond)
		through := -1
		for k := range most {
			writer := w.insts[4+k]
			writer.link.Forget()
			writer.link.CutAfter(k)
			writer.update(id(k)) // which returns nil
			if n, _ := commands(writer); n < k && through < 0 {
				through = k
			}
			writer.link.Cut()
			w.tl.Point(writer.name, "dies")
		}
		expect.That(t, through > 0, expect.Message{
			Did:  fmt.Sprintf("let instances die after 0 to %d commands of an Update", most-1),
			Want: fmt.Sprintf("an Update that tells Redis something, in at most %d commands", most-2),
			Got:  "none, or more",
			Why:  "each command of an Update is one that everybody who saves waits for",
		})
		time.Sleep(3*time.Second - time.Since(begin)%time.Second)
		slow.release()
		<-saved
		time.Sleep(4800*time.Millisecond - time.Since(begin))
		// C reads for the first time now: what it finds in Redis is as old as can be when it expires there, and it keeps it.
		last := map[string]time.Duration{}
		for time.Since(begin) < l1TTL+l2TTL+4*time.Second {
			for k := range most {
				for _, x := range []*instance{b, c} {
					if got := x.get(id(k)); got.n != 2 {
						last[fmt.Sprintf("the writer of %s died after %d commands: %s", id(k), k, x.name)] = time.Since(begin)
					}
				}
			}
			for _, x := range []*instance{c, d} {
				if got := x.get("saved"); got.n != 3 {
					last["the writer died directly after the commit of another one, whose answer took 3 s: "+x.name] =
						time.Since(begin)
				}
				if got := x.get("slow"); got.n != 2 {
					last["the writer died while a read on D was slow and took 3 s: "+x.name] = time.Since(begin)
				}
			}
			time.Sleep(97 * time.Millisecond)
		}
		for _, which := range slices.Sorted(maps.Keys(last)) {
			at := last[which]
			expect.That(t, at <= l1TTL+l2TTL+100*time.Millisecond, expect.Message{
				Did: "let instances die after each command of an Update, and read on two others, all the time",
				Want: "the new value everywhere 65 s after the update (l1TTL + l2TTL): what the one tier holds it may " +
					"have from the other in its last moment",
				Got: fmt.Sprintf("%s returned the old one %v after the update", which, at-100*time.Millisecond),
				Why: "nobody is left who could say that it is old; what ends it is the TTL, if there is one and nothing " +
					"prolongs it",
			})
		}
	})
}

// introduce lets each of the writers update something, so that what there is of scripts is known to all.
func (w *world) introduce(n int) {
	for _, x := range w.insts[4 : 4+n] {
		x.update("other")
	}
}

func TestRedisIsDown(t *testing.T) {
	simulate(t, 3, func(t *testing.T, w *world) {
		a, b, c := w.insts[0], w.insts[1], w.insts[2]
		w.listen(w.insts...)
		const db = 20 * time.Millisecond
		for _, how := range []struct {
			name string
			down func()
		}{
			{"cut off", w.r.Cut}, {"silent", w.r.Hang},
			{"loading its data", func() { w.r.Refuse("LOADING Redis is loading the dataset in memory") }},
		} {
			warm, cold := "warm, "+how.name, "cold, "+how.name
			w.warm([]string{warm}, w.insts...)
			w.commit(cold, 1)
			for _, x := range w.insts {
				x.set(func() { x.takes = db })
			}
			how.down()
			did := "while Redis was " + how.name + ", with a database that takes 20 ms, "
			for range 2 {
				before := w.loaded(warm)
				got := c.get(warm)
				loads := w.loaded(warm) - before
				expect.That(t, got.n == 1 && loads == 0, expect.Message{
					Did: did + "read a value that had been read before", Want: `"v1" without a Load`,
					Got: fmt.Sprintf("%v with %d", got, loads),
					Why: "the first tier needs nobody; without it the database has all reads at the worst moment",
				})
			}
			for _, x := range []*instance{a, b} {
				got := x.get(cold)
				expect.That(t, got.n == 1 && got.took <= db+100*time.Millisecond, expect.Message{
					Did:  did + "read a value that no tier holds, on " + x.name,
					Want: `"v1" after 120 ms at most`,
					Got:  fmt.Sprintf("%v after %v", got, got.took),
					Why:  "a cache is there to make things faster; one that is down must not make them slow, or fail",
				})
			}
			for range 2 {
				begin := time.Now()
				a.update(cold)
				took := time.Since(begin)
				expect.That(t, took <= db+100*time.Millisecond, expect.Message{
					Did:  did + "updated a value",
					Want: "that Update returns after 120 ms at most",
					Got:  fmt.Sprintf("after %v", took),
					Why:  "the value is committed; whoever saves need not wait until Redis is back",
				})
			}
			w.want(cold, expect.Message{Did: did + "updated a value, and read it where it was updated"}, a)
			time.Sleep(l1TTL)
			w.want(cold, expect.Message{Did: did + "updated a value, and read it 5 s later"}, w.insts...)
			w.r.Heal()
			for _, x := range w.insts {
				x.set(func() { x.takes = 0 })
			}
			time.Sleep(2 * time.Second)
			a.update(cold)
			time.Sleep(soon)
			w.want(cold, expect.Message{Did: "updated a value after Redis had been " + how.name}, w.insts...)
		}
	})
}

func TestWhatCouldNotBeTold(t *testing.T) {
	simulate(t, 5, func(t *testing.T, w *world) {
		a, b, c, d := w.insts[0], w.insts[1], w.insts[2], w.insts[3]
		w.listen(w.insts[:4]...)
		const why = "nobody else knows of this update: if its instance does not tell of it when it can, Redis hands out the " +
			"old value for as long as it has it, to everybody who was not there"
		ids := []string{"x", "y", "z"}
		w.warm(ids, a, b, c)
		for _, l := range w.r.Links {
			l.Cut()
		}
		w.tl.Point("A", "all lines cut")
		for _, id := range ids {
			a.update(id)
		}
		a.update("y")
		time.Sleep(l1TTL)
		for _, id := range ids {
			w.want(id, expect.Message{Did: "cut all lines to Redis, updated values on A, and read them 5 s later"}, a, b)
		}
		w.r.Heal()
		w.tl.Point("A", "all lines are back")
		for _, id := range ids {
			w.want(id, expect.Message{Did: "cut all lines to Redis, updated values on A, read the new ones on A and B, and read " +
				"them again directly after the lines were back, where Redis still holds the old ones",
				Why: "a user reloads the page, and what was there a second ago is gone"}, a, b)
		}
		time.Sleep(back)
		for _, id := range ids {
			w.want(id, expect.Message{Did: "cut all lines to Redis, updated three values on A, one of them twice, and read them " +
				"1 s after the lines were back, on instances that had not read them meanwhile", Why: why}, c, d)
		}
		// Only A is cut off: the others hear, but there is nothing to be heard.
		for _, how := range []struct {
			name string
			down func()
		}{{"cut", a.link.Cut}, {"silent", a.link.Hang}} {
			id := "only A, " + how.name
			w.warm([]string{id}, a, b, c)
			how.down()
			w.tl.Point("A", "line %s", how.name)
			a.update(id)
			time.Sleep(l1TTL + 100*time.Millisecond)
			b.read(id) // once more the old one, from Redis
			c.read(id)
			a.link.Heal()
			w.tl.Point("A", "line is back")
			time.Sleep(back)
			w.want(id, expect.Message{Did: fmt.Sprintf("with the line of A %s, updated a value on A, read the old one on B and C "+
				"after 5 s, and read it again 1 s after the line of A was back", how.name), Why: why +
				"; and who has it from there in its own tier must hear of it"}, w.insts[:4]...)
		}
		// Nor does one that does not listen keep it to itself.
		e := w.insts[4]
		w.warm([]string{"of E"}, a, b, c)
		e.link.Cut()
		e.update("of E")
		time.Sleep(l1TTL + 100*time.Millisecond)
		b.read("of E")
		e.link.Heal()
		time.Sleep(back)
		w.want("of E", expect.Message{Did: "updated a value on E, cut off from Redis, where nobody listens, and read it 1 s after " +
			"its line was back", Why: why}, a, b, c, d)
		// Meanwhile somebody else has updated it.
		w.warm([]string{"both"}, a, b, c)
		a.link.Cut()
		a.update("both")
		b.update("both")
		time.Sleep(soon)
		w.want("both", expect.Message{Did: "updated a value on A, cut off from Redis, and then on B"}, b, c)
		a.link.Heal()
		for _, wait := range []time.Duration{back, l1TTL, l1TTL} {
			time.Sleep(wait)
			w.want("both", expect.Message{Did: "updated a value on A, cut off from Redis, and then on B; healed the line of A, " +
				"and read it", Why: "what is told late is old: it must not win against what has been told since"}, w.insts...)
		}
		// And a minute later: what A has to tell is by then as old as what it would replace.
		w.warm([]string{"late"}, a, c)
		a.link.Cut()
		a.update("late")
		time.Sleep(time.Second)
		w.commit("late", 3) // by somebody who died at once
		time.Sleep(l2TTL - 500*time.Millisecond)
		a.link.Heal()
		time.Sleep(l1TTL + 600*time.Millisecond)
		w.want("late", expect.Message{Did: "updated a value on A, cut off from Redis; let another instance update it 1 s later, " +
			"and die at once; healed the line of A after 60.5 s, and read the value 65.1 s after the second update on an " +
			"instance that had not read it", Why: "what is told a minute late is a minute old, and is told to live for another " +
			"minute"}, w.insts[4])
		// A little more than a minute later Redis has lost the old value, but who took it from there at last has not.
		w.warm([]string{"at last"}, b)
		a.link.Cut()
		a.update("at last")
		time.Sleep(l2TTL - 50*time.Millisecond)
		b.read("at last")
		time.Sleep(250 * time.Millisecond)
		a.link.Heal()
		time.Sleep(back)
		w.want("at last", expect.Message{Did: "updated a value on A, cut off from Redis; read it on B 59.95 s later, healed the line " +
			"of A after another 0.25 s, and read it on B 1 s later", Why: "what Redis has lost by then may have been read " +
			"from there a moment before"}, b)
		// Somebody else has updated it meanwhile, and has died at once; only A has seen that.
		w.warm([]string{"overtaken"}, b, c)
		a.link.Cut()
		a.update("overtaken")
		w.commit("overtaken", 3)
		time.Sleep(l1TTL + 137*time.Millisecond) // not in the very moment in which A may try again
		for _, x := range []*instance{a, b, c} {
			x.read("overtaken")
		}
		a.link.Heal()
		time.Sleep(back)
		w.wantNotBefore("overtaken", 2, expect.Message{Did: "updated a value on A, cut off from Redis, to \"v2\"; let another " +
			"instance update it to \"v3\", and die at once; read it 5.1 s later on A, B and C, healed the line of A, and read " +
			"it 1 s later", Why: "that A knows of a newer one does not mean that the others have been told of it"}, a, b, c, d)
		// One update fails while an older one is being told.
		w.warm([]string{"next"}, b, c)
		a.link.Cut()
		a.update("next")
		time.Sleep(back)
		a.link.RTT(20 * time.Millisecond)
		a.link.Forget()
		a.link.Heal()
		for range 1000 {
			if n, _ := commands(a); n > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		w.r.Refuse("ERR not now")
		time.AfterFunc(10*time.Millisecond, w.r.Heal)
		a.update("next")
		a.link.RTT(0)
		time.Sleep(back)
		w.want("next", expect.Message{Did: "updated a value on A, cut off from Redis, and healed its line; while A told of that " +
			"update, updated the value again, in a moment in which Redis answered with an error; read it 1 s later",
			Why: why + "; that the one before has been told says nothing of it"}, b, c, d)
		// Two updates at once, the answer of the first of which comes last.
		w.warm([]string{"crossed"}, a, b, c)
		a.link.Cut()
		a.set(func() { a.committed = func() { a.update("crossed") } })
		w.tl.Point("A", "updates crossed")
		err := a.tier.Update(t.Context(), "crossed", "v2")
		expect.NoError(t, err, expect.Message{Did: "updated a value on A, cut off from Redis", Want: "nil"})
		a.link.Heal()
		time.Sleep(back)
		w.want("crossed", expect.Message{Did: "updated a value on A, cut off from Redis, to \"v2\" and then to \"v3\", and let " +
			"the answer of the first commit come last; read it 1 s after the line of A was back", Why: "the order in which " +
			"answers come is not the one in which was committed; what is told in the end is the newest"}, d, c, b, a)
		// Redis fails in the middle of what is told.
		for _, after := range []time.Duration{10, 30, 50} {
			after *= time.Millisecond
			id := fmt.Sprint("after ", after)
			w.warm([]string{id}, a, b, c)
			a.link.RTT(20 * time.Millisecond)
			failing := time.AfterFunc(after, func() { w.r.Refuse("LOADING Redis is loading the dataset in memory") })
			a.update(id)
			a.link.RTT(0)
			failing.Stop()
			w.r.Heal()
			time.Sleep(back)
			w.want(id, expect.Message{Did: fmt.Sprintf("updated a value on A, where an answer of Redis takes 20 ms, while Redis "+
				"failed from %v after the commit on, until Update returned; read it 1 s later", after), Why: why + "; and who holds the " +
				"old one must hear of it"}, b, c, d, a)
		}
		// And however many there are.
		var many []string
		for i := range 40 {
			many = append(many, fmt.Sprint("many ", i))
		}
		w.warm(many, c)
		a.link.Cut()
		for _, id := range many {
			a.update(id)
		}
		a.link.Heal()
		time.Sleep(back)
		for _, id := range many {
			w.want(id, expect.Message{Did: "updated 40 values on A, cut off from Redis, and read them 1 s after its line was back",
				Why: why}, c, d)
		}
	})
}
