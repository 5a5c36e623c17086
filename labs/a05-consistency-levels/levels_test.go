package consistency_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	consistency "github.com/backend-labs/backend-labs/labs/a05-consistency-levels"
)

// wants ends the check unless a Get returned this value within this time.
func wants(t *testing.T, g got, val string, within time.Duration, m expect.Message) {
	t.Helper()
	m.Want = fmt.Sprintf("%q within %v", val, within)
	m.Got = g.String()
	expect.That(t, g.err == nil && g.val == val && g.took <= within, m)
}

// asks ends the check unless replicas and the primary have been read so often since the last time.
func asks(t *testing.T, c *cluster, replicas, primary int, m expect.Message) {
	t.Helper()
	r, p := c.reads()
	m.Want = fmt.Sprintf("%d reads from replicas, and %d from the primary", replicas, primary)
	m.Got = fmt.Sprintf("%d, and %d", r, p)
	expect.That(t, r == replicas && p == primary, m)
}

func TestEventualIsTheAnswerOfAReplica(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(500*time.Millisecond, 700*time.Millisecond, time.Second)
		s := c.session()
		stale, last := 0, ""
		const n = 1000
		for i := range n {
			last = fmt.Sprint("greeting ", i/10)
			if i%10 == 0 {
				if err := s.Put(t.Context(), "greeting", last); err != nil {
					expect.Fatal(t, expect.Message{Did: "put a greeting", Want: "nil", Got: say(err)})
				}
			}
			g := get(t, s, "greeting", consistency.Eventual)
			expect.That(t, g.err == nil && g.took <= answers, expect.Message{
				Did:  "wrote a greeting and read it at Eventual, while all replicas are well and half a second behind",
				Want: "what a replica has, in the time of one answer", Got: g.String(),
				Why: "whoever can live with an old value need not wait for a new one"})
			if g.val != last {
				stale++
			}
		}
		did := fmt.Sprintf("read %d times at Eventual, while all replicas are well", n)
		asks(t, c, n, 0, expect.Message{Did: did,
			Why: "there are many replicas and one primary; what the primary is spared is why they are there"})
		expect.That(t, stale > n/2, expect.Message{
			Did:  did + ", but half a second behind, of a value that its session had just written",
			Want: "old values: no replica has the new one yet", Got: fmt.Sprintf("%d of %d were old", stale, n),
			Why: "this is what the level costs"})
		c = empty()
		did = "read at Eventual before anything was ever written: all nodes are at position 0"
		wants(t, get(t, c.session(), "greeting", consistency.Eventual), "", answers, expect.Message{Did: did,
			Why: "however far a replica is, its answer is one, also where it has nothing yet"})
		asks(t, c, 1, 0, expect.Message{Did: did, Why: "a cluster that begins has no reason to ask its primary"})
	})
}

func TestEventualAsksThePrimaryLast(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, ill := range []health{fails, hangs} {
			for well := range 6 { // the one that is; 5: none
				c := newCluster(time.Second, time.Second, time.Second, time.Second, time.Second)
				c.put("greeting", "old")
				time.Sleep(2 * time.Second)
				c.put("greeting", "new")
				for i, r := range c.replicas {
					if i != well {
						r.set(ill)
					}
				}
				s := c.session()
				for range 3 {
					g := get(t, s, "greeting", consistency.Eventual)
					did := fmt.Sprintf("read at Eventual, while each of 5 replicas %v", ill)
					if well == 5 {
						wants(t, g, "new", maxWait+2*answers, expect.Message{Did: did,
							Why: "the primary is there for what nobody else can answer"})
						continue
					}
					did += " but one"
					wants(t, g, "old", maxWait+2*answers, expect.Message{Did: did,
						Why: "a primary that is asked as soon as a replica is down gets all reads at once"})
					_, primary := c.reads()
					expect.That(t, primary == 0, expect.Message{Did: did, Want: "the primary is not asked",
						Got: fmt.Sprintf("it was, %d times", primary)})
				}
			}
		}
		alone := newCluster()
		alone.put("greeting", "new")
		for _, l := range levels {
			wants(t, get(t, alone.session(), "greeting", l), "new", maxWait+2*answers, expect.Message{
				Did: fmt.Sprintf("read at %s in a cluster without replicas", name(l))})
		}
	})
}

// TestTenMillisecondsAreWell: a replica that takes nearly as long is not down.
func TestTenMillisecondsAreWell(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(0, 0, 0)
		var replicas []consistency.Node
		for _, r := range c.replicas {
			replicas = append(replicas, &slow{node: r, by: slices.Repeat([]time.Duration{4900 * time.Microsecond}, 9)})
		}
		c.put("greeting", "mine")
		for _, l := range levels[:3] {
			did := fmt.Sprintf("read at %s from replicas that answer after 9.9 ms", name(l))
			s := consistency.NewSession(c.primary, replicas, maxWait)
			wants(t, get(t, s, "greeting", l), "mine", 10*time.Millisecond, expect.Message{Did: did})
			asks(t, c, 1, 0, expect.Message{Did: did,
				Why: "whoever gives up on them too soon asks all of them, and then the primary, just when they have much to do"})
		}
	})
}

func TestSessionsAreSpreadOverTheReplicas(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(0, 0, 0)
		const sessions = 300
		for i := range sessions {
			get(t, c.session(), "greeting", levels[i%3])
		}
		for _, r := range c.replicas {
			n := len(r.clear())
			expect.That(t, n > sessions/10, expect.Message{
				Did:  fmt.Sprintf("read once in each of %d sessions, with three replicas", sessions),
				Want: "each replica gets its share, a tenth at least", Got: fmt.Sprintf("%s got %d", r.name, n),
				Why: "three replicas of which one is asked bear what one does"})
		}
	})
}

func TestYourOwnWriteIsThere(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(100*time.Millisecond, time.Second, 2*time.Second)
		s := c.session()
		for i := range 200 {
			if i%20 == 0 {
				s = c.session() // which may ask another replica first
			}
			val := fmt.Sprint("greeting ", i)
			s.Put(t.Context(), "greeting", fmt.Sprint("draft ", i))
			time.Sleep(60 * time.Millisecond)
			if err := s.Put(t.Context(), "greeting", val); err != nil {
				expect.Fatal(t, expect.Message{Did: "put a greeting", Want: "nil", Got: say(err)})
			}
			did := fmt.Sprintf("wrote a draft, 60 ms later wrote %q, and read it at ReadYourWrites right away, with replicas that lag 100 ms, 1 s "+
				"and 2 s", val)
			c.reads()
			wants(t, get(t, s, "greeting", consistency.ReadYourWrites), val, 100*time.Millisecond+100*time.Millisecond,
				expect.Message{Did: did, Why: "who does not see what he has just written writes it again"})
			_, primary := c.reads()
			expect.That(t, primary == 0, expect.Message{Did: did,
				Want: "the answer of the first replica, which has it after 100 ms, and none of the primary",
				Got:  "the primary was asked",
				Why:  "writes come in bursts: if each sends the reads behind it to the primary, they are all there"})
		}
		c = newCluster(100 * time.Millisecond)
		c.older = 1<<63 - 2 - before
		s = c.session()
		s.Put(t.Context(), "greeting", "draft")
		time.Sleep(200 * time.Millisecond)
		s.Put(t.Context(), "greeting", "mine")
		wants(t, get(t, s, "greeting", consistency.ReadYourWrites), "mine", 100*time.Millisecond+100*time.Millisecond,
			expect.Message{Did: "wrote a draft at position 2^63 - 1, then a greeting at 2^63, and read it at " +
				"ReadYourWrites right away, with a replica that lags 100 ms",
				Why: "a position may be any uint64"})
	})
}

func TestAfterAWhileReplicasDo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, l := range []consistency.Level{consistency.ReadYourWrites, consistency.Monotonic} {
			c := newCluster(100*time.Millisecond, time.Second, 2*time.Second)
			s := c.session()
			s.Put(t.Context(), "greeting", "mine")
			get(t, s, "greeting", consistency.Linearizable)
			time.Sleep(2100 * time.Millisecond)
			c.reads()
			const n = 200
			for i := range n {
				c.put("other", "theirs") // others go on writing
				key, want := "greeting", "mine"
				if i%2 == 1 {
					key, want = "never written", ""
				}
				wants(t, get(t, s, key, l), want, maxWait, expect.Message{
					Did: fmt.Sprintf("wrote a greeting, waited for 2.1 s, and read %q at %s", key, name(l))})
			}
			if l == consistency.ReadYourWrites {
				asks(t, c, n, 0, expect.Message{
					Did: fmt.Sprintf("wrote, waited until each replica had it, and read %d times at %s, while others "+
						"wrote", n, name(l)),
					Why: "one replica, asked once: a write of two seconds ago is everywhere, and what others write " +
						"meanwhile this level does not ask for"})
				continue
			}
			_, primary := c.reads()
			expect.That(t, primary <= n/10, expect.Message{
				Did:  fmt.Sprintf("read %d times at %s, while others wrote", n, name(l)),
				Want: "at most a tenth from the primary", Got: fmt.Sprint(primary)})
		}
	})
}

func TestWaitingForAReplica(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for i, lag := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Hour, time.Hour,
			200 * time.Millisecond} {
			c := newCluster(lag, lag, time.Hour)
			if i > 2 {
				c = newCluster(lag) // so that one is asked as often as it can be
			}
			s := c.session()
			s.Put(t.Context(), "greeting", "mine")
			c.reads()
			g := get(t, s, "greeting", consistency.ReadYourWrites)
			_, primary := len(c.replicas), len(c.primary.clear())
			did := fmt.Sprintf("wrote and read right away, with maxWait of %v and %d replicas, the best of which lags %v",
				maxWait, len(c.replicas), lag)
			within := min(lag+100*time.Millisecond, maxWait+2*answers)
			wants(t, g, "mine", within, expect.Message{Did: did, Why: "a replica that has caught up can answer"})
			if lag < maxWait {
				expect.That(t, primary == 0, expect.Message{Did: did,
					Want: "the primary is not asked", Got: fmt.Sprintf("it was, %d times", primary)})
			} else {
				expect.That(t, primary == 1 && g.took >= maxWait-50*time.Millisecond, expect.Message{Did: did,
					Want: "the primary is asked, once, when maxWait is over",
					Got:  fmt.Sprintf("%d times, and the answer was there after %v", primary, g.took)})
			}
			for _, r := range c.replicas {
				asked := r.clear()
				expect.That(t, closest(asked) >= 10*time.Millisecond, expect.Message{Did: did,
					Want: "each replica is asked at most once in 10 ms",
					Got:  fmt.Sprintf("%s was asked %d times, twice within %v", r.name, len(asked), closest(asked)),
					Why:  "a replica falls behind when it has much to do; questions without a pause are more of it"})
			}
		}
		for _, wait := range []time.Duration{100 * time.Millisecond, 1700 * time.Millisecond, time.Minute} {
			waitsAsLongAsItMay(t, wait)
		}
	})
}

// waitsAsLongAsItMay has replicas that never catch up.
func waitsAsLongAsItMay(t *testing.T, wait time.Duration) {
	t.Helper()
	c := newCluster(time.Hour, time.Hour)
	s := consistency.NewSession(c.primary, []consistency.Node{c.replicas[0], c.replicas[1]}, wait)
	s.Put(t.Context(), "greeting", "mine")
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	g := getWith(ctx, s, "greeting", consistency.ReadYourWrites)
	expect.That(t, g.err == nil && g.val == "mine" && g.took >= wait-50*time.Millisecond && g.took <= wait+2*answers,
		expect.Message{
			Did:  fmt.Sprintf("wrote and read right away, with a maxWait of %v and replicas that lag an hour", wait),
			Want: fmt.Sprintf(`"mine", the primary's answer, after %v`, wait), Got: g.String(),
			Why: "how long a user can wait, and how much the primary can bear, knows whoever sets maxWait"})
}

func TestReadsDoNotGoBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(0, 2*time.Second)
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 1; ; i++ {
				c.put("seen", strconv.Itoa(i))
				select {
				case <-time.After(20 * time.Millisecond):
				case <-stop:
					return
				}
			}
		}()
		s := c.session()
		time.Sleep(5 * time.Second)
		last, tl := 0, timeline.New("reader", "replica 1", "replica 2")
		for i := range 1000 {
			if i%20 == 0 {
				tl.Clear()
				up, down := c.replicas[i/20%2], c.replicas[(i/20+1)%2]
				up.set(well)
				down.set([...]health{fails, hangs}[i/40%2])
				tl.Point(up.name, "is up, lag %v", up.lag)
				tl.Point(down.name, "is down")
			}
			g := get(t, s, "seen", consistency.Monotonic)
			now, err := strconv.Atoi(g.val)
			step := tl.Point("reader", "%s", g.val)
			if now < last {
				step.Breaks()
			}
			expect.That(t, g.err == nil && err == nil && now >= last, expect.Message{
				Did: fmt.Sprintf("read a value that only grows, at Monotonic, %d times; of two replicas, one of which "+
					"lags 2 s, always one is down", i+1),
				Want:    fmt.Sprintf("at least %d, as the time before", last),
				Got:     g.String(),
				Why:     "a message that was there and is gone is worse than one that is late",
				Picture: tl})
			last = now
		}
		close(stop)
		<-stopped
	})
}

func TestMonotonicCountsAnswersOfAnyLevel(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, l := range levels {
			for _, key := range []string{"greeting", "another key"} {
				c := newCluster(0, 2*time.Second)
				c.put("greeting", "old")
				time.Sleep(3 * time.Second)
				c.put(key, "new")
				c.put("greeting", "new")
				c.replicas[1].set(fails)
				s := c.session()
				first := get(t, s, key, l)
				c.replicas[0].set(fails)
				c.replicas[1].set(well)
				did := fmt.Sprintf("read the new value of %q at %s; then only a replica was left that lags 2 s, and "+
					"read %q at Monotonic", key, name(l), "greeting")
				expect.That(t, first.val == "new", expect.Message{Did: did, Want: `first of all "new"`, Got: first.String()})
				wants(t, get(t, s, "greeting", consistency.Monotonic), "new", maxWait+2*answers, expect.Message{Did: did,
					Why: "all keys share one log: who has seen the later write must not be shown a time before the " +
						"earlier one"})
			}
		}
		notGivenDoesNotCount(t)
	})
}

// notGivenDoesNotCount has a primary answer that is none any more, and what it knew is lost.
func notGivenDoesNotCount(t *testing.T) {
	t.Helper()
	c := newCluster(0, 0)
	c.put("greeting", "old")
	c.put("greeting", "lost")
	c.primary.depose()
	s := c.session()
	g := get(t, s, "greeting", consistency.Linearizable)
	expect.That(t, g.err != nil, expect.Message{Did: "read at Linearizable from a primary that has been deposed",
		Want: "the error of Confirm", Got: g.String()})
	c.failover(1)
	wants(t, get(t, s, "greeting", consistency.Monotonic), "old", answers, expect.Message{
		Did: "read at Linearizable from a primary that has been deposed, and got the error of its Confirm; the new " +
			"primary and its replicas have one write less; read at Monotonic",
		Why: "what was not given to anybody binds nobody: this session has not seen what was lost"})
}

func TestLinearizableAsksWhetherItIsThePrimary(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(0, 0)
		c.put("balance", "100")
		s := c.session()
		wants(t, get(t, s, "balance", consistency.Linearizable), "100", 2*answers, expect.Message{
			Did: "read at Linearizable from a primary that is well"})
		asks(t, c, 0, 1, expect.Message{Did: "read at Linearizable"})
		c.primary.depose()
		c.put("balance", "0")
		for i, s := range []*consistency.Session{c.session(), s} {
			g := get(t, s, "balance", consistency.Linearizable)
			expect.That(t, known.Is(g.err, errDeposed), expect.Message{
				Did: "read at Linearizable" + []string{"", ", in a session that had read before,"}[i] + " from a primary " +
					"that has been deposed and does not know it: it still answers, and its Confirm gives an error",
				Want: "the error of Confirm", Got: g.String(),
				Why: "cut off from the others it knows nothing of what has been written since; 100 is what it was"})
			asks(t, c, 0, 1, expect.Message{Did: "read at Linearizable from a primary that has been deposed",
				Why: "what it can answer, no replica can either"})
		}
		wants(t, get(t, empty().session(), "balance", consistency.Linearizable), "", 2*answers, expect.Message{
			Did: "read at Linearizable before anything was ever written: all nodes are at position 0",
			Why: "nothing is what there is, and nothing has been lost"})
		othersNeedNoConfirm(t)
	})
}

// empty is a cluster in which nothing was ever written.
func empty() *cluster {
	c := newCluster(0, 0)
	c.older -= before // so that the sum is 0
	return c
}

// othersNeedNoConfirm has nobody left to answer but a primary that has been deposed.
func othersNeedNoConfirm(t *testing.T) {
	t.Helper()
	c := newCluster(0, 0)
	s := c.session()
	s.Put(t.Context(), "greeting", "mine")
	get(t, s, "greeting", consistency.Linearizable)
	for _, r := range c.replicas {
		r.set(fails)
	}
	c.primary.depose()
	for _, l := range levels[:3] {
		wants(t, get(t, s, "greeting", l), "mine", maxWait+2*answers, expect.Message{
			Did: fmt.Sprintf("wrote, and read at %s, while each of two replicas failed at once and the primary had "+
				"been deposed and did not know it: it still answers, and its Confirm gives an error", name(l)),
			Why: "this level asks how far a node is, and it is as far as that write; whether it still is the primary only " +
				"Linearizable has to know"})
	}
}

func TestSessionsAreApart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(2*time.Second, 2*time.Second)
		c.put("greeting", "old")
		time.Sleep(3 * time.Second)
		ann, bob, third, fourth := c.session(), c.session(), c.session(), c.session()
		ann.Put(t.Context(), "greeting", "new")
		wants(t, get(t, bob, "greeting", consistency.Linearizable), "new", 2*answers, expect.Message{
			Did: "ann wrote, and bob read at Linearizable"})
		c.reads()
		for l, s := range map[consistency.Level]*consistency.Session{
			consistency.ReadYourWrites: fourth, consistency.Monotonic: third} {
			wants(t, get(t, s, "greeting", l), "old", answers, expect.Message{
				Did: fmt.Sprintf("ann wrote, bob read that at Linearizable, and somebody who has done nothing yet read at "+
					"%s, from replicas that lag 2 s", name(l)),
				Why: "what one user does must not send all others to the primary"})
		}
		asks(t, c, 2, 0, expect.Message{Did: "they read, once each"})
		c = newCluster(0, 0, 0, 0)
		var all []consistency.Node
		for _, r := range c.replicas {
			all = append(all, r)
		}
		was := slices.Clone(all)
		for i := range 30 {
			get(t, consistency.NewSession(c.primary, all[:2+i%3], maxWait), "greeting", levels[i%3])
			// After each of them: what is shuffled thirty times may lie as it lay at first.
			expect.That(t, slices.Equal(all, was), expect.Message{
				Did:  "made sessions with the same slice of four replicas, some of them with its beginning, and read in each",
				Want: "the slice is as it was", Got: "it is another one",
				Why: "other sessions have it, too, and perhaps read from it just now"})
		}
	})
}
