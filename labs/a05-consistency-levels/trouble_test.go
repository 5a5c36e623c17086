package consistency_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/history"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	consistency "github.com/backend-labs/backend-labs/labs/a05-consistency-levels"
)

func TestReplicasAreDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, ill := range []health{fails, hangs} {
			for _, l := range []consistency.Level{consistency.ReadYourWrites, consistency.Monotonic} {
				c := newCluster(0, 0, 0)
				s := c.session()
				s.Put(t.Context(), "greeting", "mine")
				get(t, s, "greeting", consistency.Linearizable)
				for _, r := range c.replicas {
					r.set(ill)
				}
				did := fmt.Sprintf("wrote, and read at %s, while each of three replicas %v", name(l), ill)
				allDown(t, l, ill)
				wants(t, get(t, s, "greeting", l), "mine", maxWait+2*answers, expect.Message{Did: did,
					Why: "the reader knows how long it wants to wait, and has said so"})
				c.replicas[1].set(well)
				c.reads()
				wants(t, get(t, s, "greeting", l), "mine", maxWait+2*answers, expect.Message{Did: did + " but one"})
				_, primary := c.reads()
				expect.That(t, primary == 0, expect.Message{Did: did + " but one, which is far enough",
					Want: "its answer", Got: "the primary was asked",
					Why: "one replica that is down must not send its readers to the primary"})
			}
		}
		for _, l := range []consistency.Level{consistency.ReadYourWrites, consistency.Monotonic} {
			backInTime(t, l, time.Hour)
			backInTime(t, l, 0)
		}
	})
}

// backInTime has a replica be down for 100 ms; the other one is down for good, or never catches up.
func backInTime(t *testing.T, l consistency.Level, lag time.Duration) {
	t.Helper()
	c := newCluster(0, lag)
	s := c.session()
	s.Put(t.Context(), "greeting", "mine")
	get(t, s, "greeting", consistency.Linearizable)
	c.replicas[0].set(fails)
	other := "lags an hour"
	if lag == 0 {
		c.replicas[1].set(fails)
		other = "fails at once all the time"
	}
	c.reads()
	time.AfterFunc(100*time.Millisecond, func() { c.replicas[0].set(well) })
	did := fmt.Sprintf("wrote, and read at %s, while one of two replicas failed at once, but only for 100 ms more, and the "+
		"other one %s", name(l), other)
	wants(t, get(t, s, "greeting", l), "mine", 200*time.Millisecond, expect.Message{Did: did,
		Why: "a replica that is restarted is back before a reader has lost patience"})
	for _, r := range c.replicas {
		asked := r.clear()
		expect.That(t, closest(asked) >= 10*time.Millisecond, expect.Message{Did: did,
			Want: "each replica is asked at most once in 10 ms, also one that answers at once",
			Got:  fmt.Sprintf("%s was asked %d times, twice within %v", r.name, len(asked), closest(asked)),
			Why:  "a replica that is being restarted has enough to do; questions without a pause are more of it"})
	}
	_, primary := c.reads()
	expect.That(t, primary == 0, expect.Message{Did: did, Want: "the answer of that replica",
		Got: "the primary was asked",
		Why: "when all replicas are down for a moment, all readers would come to the primary at that moment"})
}

// allDown reads while each of many replicas is ill.
func allDown(t *testing.T, l consistency.Level, ill health) {
	t.Helper()
	c := newCluster(0, 0, 0, 0, 0, 0, 0)
	s := c.session()
	s.Put(t.Context(), "greeting", "mine")
	get(t, s, "greeting", consistency.Linearizable)
	for _, r := range c.replicas {
		r.set(ill)
	}
	wants(t, get(t, s, "greeting", l), "mine", maxWait+2*answers, expect.Message{
		Did: fmt.Sprintf("wrote, and read at %s, while each of seven replicas %v", name(l), ill),
		Why: "how long it waits does not depend on how many do not answer"})
}

func TestThePrimaryIsDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(time.Second, time.Second)
		c.put("greeting", "old")
		time.Sleep(2 * time.Second)
		s := c.session()
		s.Put(t.Context(), "greeting", "mine")
		c.primary.set(fails)
		c.reads()
		did := "wrote, and then the primary was down, with replicas that lag 1 s; read at "
		wants(t, get(t, s, "greeting", consistency.Eventual), "old", answers, expect.Message{Did: did + "Eventual",
			Why: "a catalogue can be read while nothing can be bought"})
		g := get(t, s, "greeting", consistency.Linearizable)
		expect.That(t, known.Is(g.err, errDown) && g.took <= 2*answers, expect.Message{
			Did: did + "Linearizable", Want: "the primary's error, within 10 ms", Got: g.String(),
			Why: "nobody else knows what is true, and nobody is helped by waiting"})
		g = get(t, s, "greeting", consistency.ReadYourWrites)
		expect.That(t, known.Is(g.err, errDown) && g.took <= maxWait+2*answers, expect.Message{
			Did: did + "ReadYourWrites", Want: "the primary's error, when maxWait is over", Got: g.String()})
		err := s.Put(t.Context(), "greeting", "lost")
		expect.That(t, known.Is(err, errDown), expect.Message{
			Did: "put a greeting while the primary was down", Want: "its error", Got: say(err)})
		time.Sleep(time.Second)
		wants(t, get(t, s, "greeting", consistency.ReadYourWrites), "mine", answers, expect.Message{
			Did: did + "ReadYourWrites, when the replicas had caught up, and after a Put that failed",
			Why: "a write that has not been made is nothing to wait for"})
		c = newCluster(0)
		c.primary.once = true
		err = c.session().Put(t.Context(), "greeting", "mine")
		expect.That(t, known.Is(err, errDown) && len(c.log) == 0, expect.Message{
			Did: "put a greeting at a primary that failed once, and was well after that", Want: "its error",
			Got: fmt.Sprintf("%s, and %d writes", say(err), len(c.log)),
			Why: "it may have been made all the same, and made again it may undo what came between; who put it decides"})
	})
}

func TestAWriteIsLost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, l := range []consistency.Level{consistency.ReadYourWrites, consistency.Monotonic} {
			tl := timeline.New("ann", "primary", "new primary")
			c := newCluster(time.Second, time.Second)
			c.put("greeting", "old")
			time.Sleep(2 * time.Second)
			ann := c.session()
			ann.Put(t.Context(), "greeting", "mine")
			tl.Point("ann", "writes")
			tl.Holds("primary", "position 1002")
			get(t, ann, "greeting", consistency.Linearizable)
			tl.Point("primary", "lost")
			c.failover(1)
			tl.Holds("new primary", "position 1001")
			time.Sleep(2 * time.Second)
			g := get(t, ann, "greeting", l)
			step := tl.Point("ann", "reads: %s", g.val)
			if g.err == nil {
				step.Breaks()
			}
			did := fmt.Sprintf("wrote, and read it; then the primary was lost, and the new one had not got this last "+
				"write; read at %s", name(l))
			expect.That(t, known.Is(g.err, consistency.ErrLost) && g.took <= maxWait+2*answers, expect.Message{
				Did: did, Want: "ErrLost, within maxWait and two answers", Got: fmt.Sprintf("%s at %s", g, name(l)),
				Why:     "what this level promises nobody can keep any more, and who relies on it must hear of it",
				Picture: tl})
			for _, l := range []consistency.Level{consistency.Eventual, consistency.Linearizable} {
				wants(t, get(t, ann, "greeting", l), "old", 2*answers, expect.Message{
					Did: fmt.Sprintf("wrote, and lost it in a failover; read at %s", name(l)),
					Why: "this level promises nothing about what was: it is what is"})
			}
			wants(t, get(t, c.session(), "greeting", l), "old", answers, expect.Message{
				Did: fmt.Sprintf("a write of another session was lost in a failover; read at %s", name(l))})
		}
	})
}

func TestContexts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, l := range levels {
			for _, cancels := range []bool{false, true} {
				c := newCluster(time.Hour, time.Hour)
				s := c.session()
				s.Put(t.Context(), "greeting", "mine")
				get(t, s, "greeting", consistency.Linearizable)
				if l == consistency.Eventual {
					for _, r := range c.replicas {
						r.set(hangs)
					}
				}
				c.primary.set(hangs)
				for _, after := range []time.Duration{15 * time.Millisecond, 120 * time.Millisecond, time.Second, time.Hour} {
					ctx, cancel := context.WithTimeout(t.Context(), after)
					want := context.DeadlineExceeded
					if cancels {
						ctx, cancel = context.WithCancel(t.Context())
						time.AfterFunc(after, cancel)
						want = context.Canceled
					}
					g := getWith(ctx, s, "greeting", l)
					cancel()
					expect.That(t, known.Is(g.err, want) && g.took == after, expect.Message{
						Did: fmt.Sprintf("read at %s, while no replica can answer and the primary hangs; its context "+
							"ended after %v", name(l), after),
						Want: fmt.Sprintf("%s after %v", say(want), after), Got: g.String(),
						Why: "whoever has given up holds a goroutine, and a connection"})
				}
			}
		}
		c := newCluster(0)
		c.primary.set(hangs)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := c.session().Put(ctx, "greeting", "mine")
		took := time.Since(start)
		expect.That(t, known.Is(err, context.DeadlineExceeded) && took == time.Second, expect.Message{
			Did: "put a greeting while the primary hangs, with a context of a second", Want: "its error after 1s",
			Got: fmt.Sprintf("%s after %v", say(err), took)})
		c = newCluster(0)
		unsure := consistency.NewSession(silent{c.primary}, []consistency.Node{c.replicas[0]}, maxWait)
		ctx1, cancel1 := context.WithTimeout(t.Context(), time.Second)
		defer cancel1()
		g := getWith(ctx1, unsure, "greeting", consistency.Linearizable)
		expect.That(t, known.Is(g.err, context.DeadlineExceeded) && g.took == time.Second, expect.Message{
			Did: "read at Linearizable, with a context of a second, from a primary that answers, but whose Confirm " +
				"takes an hour: it cannot reach the others",
			Want: "the context's error after 1s", Got: g.String(),
			Why: "cut off from the others a primary waits for them; whoever asks it does not have to"})
		late := newCluster(time.Hour)
		s := late.session()
		s.Put(t.Context(), "greeting", "mine")
		late.reads()
		ctx2, cancel2 := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel2()
		getWith(ctx2, s, "greeting", consistency.ReadYourWrites)
		_, primary := late.reads()
		expect.That(t, primary == 0, expect.Message{
			Did:  "wrote and read at ReadYourWrites, while no replica has it, with a context of 100 ms",
			Want: "the primary is not asked: nobody waits for its answer any more", Got: fmt.Sprint(primary, " reads")})
	})
}

// silent is a primary that hears nothing of the others.
type silent struct{ *node }

func (s silent) Confirm(ctx context.Context) error { return sleep(ctx, time.Hour) }

// instant is a node that takes no time, and has no lock.
type instant struct{}

func (instant) Read(context.Context, string) (string, uint64, error)          { return "mine", 1, nil }
func (instant) Write(context.Context, string, string) (lsn uint64, err error) { return 1, nil }
func (instant) Confirm(context.Context) error                                 { return nil }

// slow is a node whose n-th answers come later by so much.
type slow struct {
	*node
	by []time.Duration

	mu sync.Mutex
	n  int
}

func (s *slow) wait(ctx context.Context) error {
	s.mu.Lock()
	var d time.Duration
	if s.n < len(s.by) {
		d = s.by[s.n]
	}
	s.n++
	s.mu.Unlock()
	return sleep(ctx, d)
}

func (s *slow) Write(ctx context.Context, key, val string) (uint64, error) {
	lsn, err := s.node.Write(ctx, key, val)
	if err == nil {
		err = s.wait(ctx)
	}
	return lsn, err
}

func (s *slow) Read(ctx context.Context, key string) (string, uint64, error) {
	val, lsn, err := s.node.Read(ctx, key)
	if err == nil {
		err = s.wait(ctx)
	}
	return val, lsn, err
}

func TestCallsOverlap(t *testing.T) {
	virtual(t, func(t *testing.T) {
		// Of two Puts the first returns last.
		c := newCluster(2 * time.Second)
		p := &slow{node: c.primary, by: []time.Duration{50 * time.Millisecond}}
		s := consistency.NewSession(p, []consistency.Node{c.replicas[0]}, maxWait)
		var wg sync.WaitGroup
		wg.Go(func() { s.Put(t.Context(), "greeting", "first") })
		time.Sleep(20 * time.Millisecond)
		wg.Go(func() { s.Put(t.Context(), "greeting", "second") })
		wg.Wait()
		time.Sleep(time.Until(c.log[0].at.Add(2*time.Second + 10*time.Millisecond)))
		wants(t, get(t, s, "greeting", consistency.ReadYourWrites), "second", maxWait, expect.Message{
			Did: "put two greetings at the same time, of which the first, with the lower position, returned last; read " +
				"at ReadYourWrites when the replica had got as far as that",
			Why: "each Put that has returned counts, and not the one that has returned last"})
		// Of two Gets the first returns last.
		c = newCluster(0, 2*time.Second)
		c.put("greeting", "old")
		p = &slow{node: c.primary, by: []time.Duration{50 * time.Millisecond}}
		s = consistency.NewSession(p, []consistency.Node{c.replicas[1]}, maxWait)
		wg.Go(func() { get(t, s, "greeting", consistency.Linearizable) })
		time.Sleep(20 * time.Millisecond)
		c.put("greeting", "new")
		wg.Go(func() { get(t, s, "greeting", consistency.Linearizable) })
		wg.Wait()
		time.Sleep(time.Until(c.log[0].at.Add(2*time.Second + 10*time.Millisecond)))
		wants(t, get(t, s, "greeting", consistency.Monotonic), "new", maxWait, expect.Message{
			Did: "read twice at the same time; the answer that was older came last; read at Monotonic when the replica " +
				"had got as far as that one",
			Why: "what has been seen is the furthest of all answers, and not the last"})
		// In each of many sessions a Put and Gets begin at one moment, and nothing orders them but the session: not even
		// time, for the nodes take none.
		for range 200 {
			s := consistency.NewSession(instant{}, []consistency.Node{instant{}}, maxWait)
			var answered [3]got
			for l := range answered {
				wg.Go(func() { answered[l] = get(t, s, "greeting", levels[l]) })
			}
			wg.Go(func() { s.Put(t.Context(), "greeting", "mine") })
			wg.Wait()
			for l, g := range answered {
				wants(t, g, "mine", 0, expect.Message{
					Did: fmt.Sprintf("put a greeting and read at %s at one moment, from nodes that take no time", name(levels[l]))})
			}
		}
		// One that waits holds up no other.
		c = newCluster(time.Hour)
		s = c.session()
		s.Put(t.Context(), "greeting", "mine")
		wg.Go(func() { get(t, s, "greeting", consistency.ReadYourWrites) })
		time.Sleep(50 * time.Millisecond)
		wants(t, get(t, s, "greeting", consistency.Eventual), "", answers, expect.Message{
			Did: "read at Eventual, while another Get of the session waited for a replica"})
		start := time.Now()
		s.Put(t.Context(), "greeting", "again")
		took := time.Since(start)
		wg.Wait()
		expect.That(t, took <= answers, expect.Message{
			Did: "put a greeting, while a Get of the session waited for a replica", Want: "done in 5ms",
			Got: fmt.Sprint("after ", took), Why: "calls of one session overlap: a page loads its parts side by side"})
	})
}

func TestLinearizableIsLinearizable(t *testing.T) {
	const sessions, each = 8, 50
	h := history.New()
	virtual(t, func(t *testing.T) {
		c := newCluster(200*time.Millisecond, 300*time.Millisecond, time.Second)
		var wg sync.WaitGroup
		for i := range sessions {
			wg.Go(func() {
				s, who := c.session(), fmt.Sprint("session ", i+1)
				for n := range each {
					key, val := fmt.Sprint("card ", (i+n*3)%5), fmt.Sprintf("%d.%d", i, n)
					time.Sleep(time.Duration(i*n%7) * time.Millisecond)
					if (i+n)%2 == 0 && i > 2 { // some only read
						call := h.Begin(who, history.Write, key, val)
						if s.Put(t.Context(), key, val) == nil {
							call.Done(nil)
						}
						continue
					}
					call := h.Begin(who, history.Read, key, nil)
					if g := get(t, s, key, consistency.Linearizable); g.err == nil {
						call.Done(g.val)
					}
				}
			})
		}
		wg.Wait()
	})
	bad, decided := h.Judge("", 5*time.Second)
	done, _, _ := h.Count()
	did := fmt.Sprintf("wrote and read at Linearizable in %d sessions, %d times in all", sessions, sessions*each)
	expect.That(t, done == sessions*each, expect.Message{Did: did, Want: "no error", Got: fmt.Sprintf(
		"%d without one", done)})
	if bad != nil && decided {
		expect.Fatal(t, expect.Message{Did: did,
			Want:    "what a single copy of the data could have answered",
			Got:     "these contradict each other:\n" + bad.String(),
			Why:     "linearizable is as if there was one copy, and each call took place at one instant",
			Picture: bad.Timeline()})
	}
}

// pays takes 10 from a card at each of 50 tills, one after another, as long as there is enough.
func pays(t *testing.T, l consistency.Level) (paid int) {
	c := newCluster(500*time.Millisecond, 600*time.Millisecond)
	c.put("card", "100")
	time.Sleep(time.Second)
	for till := range 50 {
		s := c.session()
		g := get(t, s, "card", l)
		balance, err := strconv.Atoi(g.val)
		expect.That(t, g.err == nil && err == nil, expect.Message{
			Did: fmt.Sprintf("read the balance of a card at %s, at till %d", name(l), till+1), Want: "a number",
			Got: g.String()})
		if balance < 10 {
			continue
		}
		if err := s.Put(t.Context(), "card", strconv.Itoa(balance-10)); err == nil {
			paid += 10
		}
	}
	return paid
}

func TestACardPaysWhatIsOnIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		did := "paid 10 with a card of 100 at each of 50 tills, one after another, each in a session of its own, as long " +
			"as the balance that was read at "
		paid := pays(t, consistency.Linearizable)
		expect.That(t, paid == 100, expect.Message{
			Did: did + "Linearizable was enough", Want: "100 in all", Got: fmt.Sprint(paid),
			Why: "each read sees the write before it"})
		paid = pays(t, consistency.Eventual)
		expect.That(t, paid > 100, expect.Message{
			Did: did + "Eventual was enough, from replicas half a second behind", Want: "more than 100 in all",
			Got: fmt.Sprint(paid),
			Why: "this is what the cheap level costs: an Eventual read that is right here has asked the primary"})
	})
}

// price is what a level costs, and what it gives.
type price struct {
	reads, replicas    int
	oldest             time.Duration
	latency, slowest   time.Duration
	withoutThePrimary  int // of 10
	sawItsOwn, mustSee int
}

func TestWhatEachLevelCosts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var lanes []string
		for _, l := range levels {
			lanes = append(lanes, name(l))
		}
		tl := timeline.New(lanes...)
		prices := map[consistency.Level]price{}
		for _, l := range levels {
			prices[l] = measure(t, l)
		}
		for _, l := range levels {
			p := prices[l]
			tl.Point(name(l), "%d %% from replicas", 100*p.replicas/p.reads)
		}
		for _, l := range levels {
			tl.Point(name(l), "up to %v old", prices[l].oldest.Round(10*time.Millisecond))
		}
		for _, l := range levels {
			p := prices[l]
			tl.Point(name(l), "%v, up to %v", (p.latency / time.Duration(p.reads)).Round(time.Millisecond),
				p.slowest.Round(time.Millisecond))
		}
		for _, l := range levels {
			tl.Point(name(l), "primary down: %d of 10", prices[l].withoutThePrimary)
		}
		for _, l := range levels {
			p := prices[l]
			cheap := l != consistency.Linearizable
			least, most := p.reads*9/10, p.reads
			switch l {
			case consistency.Eventual:
				least = p.reads
			case consistency.Linearizable:
				least, most = 0, 0
			}
			expect.That(t, p.replicas >= least && p.replicas <= most, expect.Message{
				Did:  fmt.Sprintf("wrote now and then, and read %d times at %s", p.reads, name(l)),
				Want: fmt.Sprintf("%d to %d reads without the primary", least, most),
				Got:  fmt.Sprint(p.replicas), Picture: tl})
			expect.That(t, l == consistency.Eventual || l == consistency.Monotonic || p.sawItsOwn == p.mustSee,
				expect.Message{Did: fmt.Sprintf("wrote, and read at %s", name(l)), Want: "what was written",
					Got: fmt.Sprintf("%d of %d times", p.sawItsOwn, p.mustSee), Picture: tl})
			expect.That(t, (p.withoutThePrimary == 10) == cheap, expect.Message{
				Did:  fmt.Sprintf("read 10 times at %s, while the primary was down and replicas were 2 s behind", name(l)),
				Want: map[bool]string{true: "10 answers", false: "none"}[cheap],
				Got:  fmt.Sprint(p.withoutThePrimary), Picture: tl})
		}
		expect.Show(t, "what each level costs", tl)
	})
}

// measure has a session write now and then, and read often at one level.
func measure(t *testing.T, l consistency.Level) (p price) {
	c := newCluster(100*time.Millisecond, 400*time.Millisecond, time.Second)
	c.put("n", "0")
	time.Sleep(2 * time.Second)
	s := c.session()
	for i := range 200 {
		if i%20 == 0 {
			s.Put(t.Context(), "n", strconv.Itoa(i/20+1))
			p.mustSee++
		}
		c.reads()
		begin := time.Now()
		g := get(t, s, "n", l)
		_, primary := c.reads()
		p.reads++
		if primary == 0 {
			p.replicas++
		}
		if i%20 == 0 && g.val == strconv.Itoa(i/20+1) {
			p.sawItsOwn++
		}
		p.latency += g.took
		p.slowest = max(p.slowest, g.took)
		p.oldest = max(p.oldest, c.age(g.val, begin))
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(3 * time.Second)
	c.primary.set(fails)
	for range 10 {
		if get(t, s, "n", l).err == nil {
			p.withoutThePrimary++
		}
	}
	return p
}

// age is how long a value had been replaced by then.
func (c *cluster) age(val string, then time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.log {
		if w.val == val && i+1 < len(c.log) && c.log[i+1].at.Before(then) {
			return then.Sub(c.log[i+1].at)
		}
	}
	return 0
}
