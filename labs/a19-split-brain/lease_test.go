package leader_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

func TestOneLeads(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 20)
		a, b := w.elector(0, "ledger", ttl), w.elector(1, "ledger", ttl)
		acquires(t, a, expect.Message{Did: "A tried first"})
		for range 3 {
			refused(t, b, expect.Message{Did: "A leads, and B tried",
				Why: "two leaders are what all of this is there to prevent"})
			refused(t, a, expect.Message{Did: "A leads, and tried again",
				Want: "ErrHeld: somebody leads, and it is A itself",
				Why:  "two goroutines of one process are two leaders, too"})
		}
		for _, name := range []string{"ledger-lock", "ledger-leader", "ledger-token", "ledger-tokens",
			"ledger-fence", "ledger-counter", "ledger-epoch", "lock", "token", "led", "Ledger"} {
			other := w.elector(1, name, ttl)
			acquires(t, other, expect.Message{Did: fmt.Sprintf("A leads %q, and B tried to lead %q", "ledger", name),
				Want: "a lease: another name is another matter"})
			refused(t, w.elector(2, name, ttl), expect.Message{Did: fmt.Sprintf("B leads %q, and C tried", name)})
		}
		for _, name := range w.namesOfKeys(t, "warehouse-7") {
			did := fmt.Sprintf("A leads %q, and B tried to lead %q", "warehouse-7", name)
			acquires(t, w.elector(1, name, ttl), expect.Message{Did: did, Want: "a lease: another name is another matter",
				Why: "what is kept for one name has the key of another one's lock"})
		}
		w.RTT(10 * time.Millisecond)
		allAtOnce(t, w)
	})
}

// namesOfKeys are names whose keys are among those that are kept for another one, which A leads, if there are any.
func (w *world) namesOfKeys(t *testing.T, name string) (names []string) {
	t.Helper()
	acquires(t, w.elector(0, name, ttl), expect.Message{Did: fmt.Sprintf("A tried to lead %q", name)})
	keys := w.TTLs(t)
	for one := range keys {
		before, behind, ok := strings.Cut(one, name)
		if !ok {
			continue
		}
		for other := range keys {
			rest, begins := strings.CutPrefix(other, before)
			middle, ends := strings.CutSuffix(rest, behind)
			if begins && ends && strings.Contains(middle, name) && middle != name && nameOnly.MatchString(middle) {
				names = append(names, middle)
			}
		}
	}
	return names
}

var nameOnly = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// allAtOnce has each of 20 processes try twice at one moment.
func allAtOnce(t *testing.T, w *world) {
	t.Helper()
	for round := range 5 {
		name := fmt.Sprint("crowd-", round)
		var mu sync.Mutex
		var leases []*leader.Lease
		var others []error
		var wg sync.WaitGroup
		for i := range w.Clients {
			e := w.elector(i, name, ttl)
			for range 2 {
				wg.Go(func() {
					l, err := e.TryAcquire(t.Context())
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						leases = append(leases, l)
					} else if !known.Is(err, leader.ErrHeld) {
						others = append(others, err)
					}
				})
			}
		}
		wg.Wait()
		did := "let 20 processes try twice each, all at one moment, while a round trip to Redis takes 10 ms"
		expect.That(t, len(leases) == 1, expect.Message{Did: did, Want: "one lease",
			Got: fmt.Sprintf("%d", len(leases)),
			Why: "after a deployment all of them start at once: what lies between looking and taking lets several in"})
		for _, err := range others {
			expect.Fatal(t, expect.Message{Did: did, Want: "ErrHeld for the 39 others", Got: known.Say(err)})
		}
	}
}

func TestALeaderThatIsGoneIsFollowed(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		for _, ttl := range []time.Duration{ttl, 1500 * time.Millisecond, time.Second, 100 * time.Hour} {
			for _, renewed := range []int{0, 1, 3} {
				name := fmt.Sprint("ledger-", ttl.Milliseconds(), "-", renewed)
				a, b := w.elector(0, name, ttl), w.elector(1, name, ttl)
				did := fmt.Sprintf("with a ttl of %v, A took the lease", ttl)
				l := acquires(t, a, expect.Message{Did: did})
				for range renewed {
					time.Sleep(ttl * 4 / 10)
					renews(t, a, l, expect.Message{Did: did + fmt.Sprintf(" and renewed it every %v", ttl*4/10)})
				}
				if renewed > 0 {
					did += fmt.Sprintf(", renewed it %d times, after %v each,", renewed, ttl*4/10)
				}
				did += " and was never seen again; "
				time.Sleep(ttl - ttl/100 - time.Millisecond)
				refused(t, b, expect.Message{Did: did + fmt.Sprintf("B tried %v after its last call",
					ttl-ttl/100-time.Millisecond), Why: "A may be alive and at work: nobody knows before its lease " +
					"is over"})
				time.Sleep(ttl/50 + 2*time.Millisecond)
				acquires(t, b, expect.Message{Did: did + fmt.Sprintf("B tried %v after its last call",
					ttl+ttl/100+time.Millisecond), Want: "a lease: A's has run out",
					Why: "a lock that a dead process has taken along must not need somebody who removes it by hand"})
			}
		}
	})
}

func TestAProcessMayDieHalfWay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		w.ready(t, 0)
		dies := func(what string, k int, call func(e *leader.Elector, l *leader.Lease) error) bool {
			name := fmt.Sprint(what, "-", k)
			a, b := w.elector(0, name, ttl), w.elector(1, name, ttl)
			var l *leader.Lease
			if what != "TryAcquire" {
				l = acquires(t, a, expect.Message{Did: "A tried, and nobody led"})
				time.Sleep(ttl / 4)
			}
			w.Links[0].CutAfter(k)
			err := call(a, l)
			w.Links[0].Heal()
			time.Sleep(ttl + ttl/100)
			acquires(t, b, expect.Message{
				Did: fmt.Sprintf("A called %s and died after the %s command that it had sent; %v later B tried", what,
					ordinal(k), ttl+ttl/100),
				Want: "a lease: whatever A has left behind has run out",
				Why:  "who dies between taking a lock and giving it an expiry locks everybody out for good"})
			return err != nil
		}
		for k := 1; k < 20 && dies("TryAcquire", k, func(e *leader.Elector, _ *leader.Lease) error {
			_, err := e.TryAcquire(t.Context())
			return err
		}); k++ {
		}
		for k := 1; k < 20 && dies("Renew", k, func(e *leader.Elector, l *leader.Lease) error {
			return e.Renew(t.Context(), l)
		}); k++ {
		}
		for k := 1; k < 20 && dies("Release", k, func(e *leader.Elector, l *leader.Lease) error {
			return e.Release(t.Context(), l)
		}); k++ {
		}
	})
}

func ordinal(k int) string {
	return []string{"zeroth", "first", "second", "third", "fourth", "fifth", "sixth"}[min(k, 6)]
}

// TestALeaseIsItsHoldersOwn renews and releases what is somebody else's, or nobody's.
func TestALeaseIsItsHoldersOwn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 3)
		calls := []string{"Renew", "Release"}
		for i, gone := range []struct {
			how       string
			away      func(e, other *leader.Elector, l *leader.Lease)
			successor int // the process that leads then; -1: nobody
		}{
			{"ran out", func(_, _ *leader.Elector, _ *leader.Lease) { time.Sleep(ttl + ttl/50) }, -1},
			{"was released", func(e, _ *leader.Elector, l *leader.Lease) { e.Release(t.Context(), l) }, -1},
			{"ran out, and B leads", func(_, _ *leader.Elector, _ *leader.Lease) { time.Sleep(ttl + ttl/50) }, 1},
			{"was released, and B leads", func(e, _ *leader.Elector, l *leader.Lease) { e.Release(t.Context(), l) }, 1},
			{"ran out, and A has a new one", func(_, _ *leader.Elector, _ *leader.Lease) {
				time.Sleep(ttl + ttl/50)
			}, 0},
		} {
			for j, call := range calls {
				name := fmt.Sprint("ledger-", i, "-", j)
				es := []*leader.Elector{w.elector(0, name, ttl), w.elector(1, name, ttl)}
				old := acquires(t, es[0], expect.Message{Did: "A tried, and nobody led"})
				gone.away(es[0], es[1], old)
				did := fmt.Sprintf("A's lease %s; A called %s with the old one", gone.how, call)
				if gone.successor >= 0 {
					acquires(t, es[gone.successor], expect.Message{Did: "A's lease " + gone.how})
					time.Sleep(ttl / 2)
				}
				until := old.Until
				got := callOf(t, es[0], old, call)
				expect.That(t, known.Is(got, leader.ErrLost), expect.Message{Did: did,
					Want: "ErrLost: it is not A's any more", Got: known.Say(got),
					Why: "whoever is told that all is well goes on writing"})
				expect.That(t, old.Until.Equal(until), expect.Message{Did: did, Want: "its Until stays where it was",
					Got: fmt.Sprintf("it has moved by %v", old.Until.Sub(until))})
				undisturbed(t, w, name, did, gone.successor >= 0)
			}
		}
	})
}

func callOf(t *testing.T, e *leader.Elector, l *leader.Lease, call string) error {
	t.Helper()
	if call == "Renew" {
		return e.Renew(t.Context(), l)
	}
	return e.Release(t.Context(), l)
}

// undisturbed looks whether the lease of a name is as it was before somebody tried to prolong or to end it: acquired
// half a ttl ago, or free.
func undisturbed(t *testing.T, w *world, name, did string, taken bool) {
	t.Helper()
	c := w.elector(2, name, ttl)
	if !taken {
		acquires(t, c, expect.Message{Did: did + ", and then C tried", Want: "a lease: nobody leads",
			Why: "a call that ends with ErrLost must not have taken the lease again"})
		return
	}
	refused(t, c, expect.Message{Did: did + ", and then C tried", Want: "ErrHeld: the successor leads",
		Why: "you have released somebody else's lock, and now there are two leaders"})
	time.Sleep(ttl/2 + ttl/100)
	acquires(t, c, expect.Message{
		Did: fmt.Sprintf("%s; and C tried %v after the successor had acquired its own, and not renewed it", did,
			ttl+ttl/100),
		Want: "a lease: the successor's has run out at its time",
		Why:  "a process that does not lead has kept a dead leader's lease alive"})
}

func TestReleaseFreesAtOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		for _, ttl := range []time.Duration{ttl, time.Hour} {
			name := fmt.Sprint("ledger-", ttl.Seconds())
			a, b := w.elector(0, name, ttl), w.elector(1, name, ttl)
			for i := range 4 {
				did := fmt.Sprintf("A acquired a lease of %v", ttl)
				l := acquires(t, a, expect.Message{Did: did})
				if i%2 == 1 {
					time.Sleep(ttl / 4)
					renews(t, a, l, expect.Message{Did: did + ", and renewed it a quarter of that later"})
					did += ", renewed it"
				}
				err := a.Release(t.Context(), l)
				did += " and released it"
				expect.That(t, err == nil, expect.Message{Did: did, Want: "nil: it was A's", Got: known.Say(err)})
				next := acquires(t, b, expect.Message{Did: did + "; B tried at the same moment",
					Why: "a deployment stops every leader in turn: without a release each time is a pause of a " +
						"whole ttl"})
				b.Release(t.Context(), next)
			}
		}
	})
}

func TestUntilIsBeforeTheEnd(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 1)
		for i, c := range []struct{ ttl, rtt time.Duration }{
			{ttl, 0}, {ttl, 10 * time.Millisecond}, {ttl, time.Second}, {1500 * time.Millisecond,
				150 * time.Millisecond},
			{100 * time.Hour, time.Second},
		} {
			w.RTT(c.rtt)
			e := w.elector(0, fmt.Sprint("ledger-", i), c.ttl)
			began := time.Now()
			l := acquires(t, e, expect.Message{Did: fmt.Sprintf("called TryAcquire while a round trip takes %v",
				c.rtt)})
			untilWithin(t, l, began, c.ttl, fmt.Sprintf("called TryAcquire while a round trip takes %v", c.rtt))
			for range 3 {
				time.Sleep(c.ttl / 4)
				began = time.Now()
				did := fmt.Sprintf("renewed a lease of %v every %v, while a round trip takes %v", c.ttl, c.ttl/4, c.rtt)
				renews(t, e, l, expect.Message{Did: did})
				untilWithin(t, l, began, c.ttl, did)
			}
		}
		w.RTT(0)
		standStill(t, w)
	})
}

// untilWithin holds Until to its bounds.
func untilWithin(t *testing.T, l *leader.Lease, began time.Time, ttl time.Duration, did string) {
	t.Helper()
	got := l.Until.Sub(began)
	why := "you and the store count from different moments: it has begun to count when the command arrived, and " +
		"you know only when you sent it"
	if got < ttl/2 {
		why = "a leader that stops long before its lease ends leaves the name without one"
	}
	expect.That(t, got >= ttl/2 && got <= ttl-ttl/100, expect.Message{Did: did,
		Want: fmt.Sprintf("Until is between %v and %v after the beginning of the call: ttl/2 and ttl - ttl/100", ttl/2,
			ttl-ttl/100),
		Got: fmt.Sprintf("%v after it", got), Why: why})
}

// standStill pauses the process for 6 of 10 s before and after each command.
func standStill(t *testing.T, w *world) {
	t.Helper()
	const still = 6 * time.Second
	for place, stood := 0, true; stood && place < 40; place++ {
		e := w.elector(0, fmt.Sprint("still-", place), ttl)
		w.halts[0].at(place, still)
		began := time.Now()
		l, err := e.TryAcquire(t.Context())
		stood = w.halts[0].disarm()
		if err == nil && l != nil {
			untilWithin(t, l, began, ttl, fmt.Sprintf("called TryAcquire, and the process stood still for %v %s", still,
				placeName(place)))
		}
	}
	for place, stood := 0, true; stood && place < 40; place++ {
		e := w.elector(0, fmt.Sprint("renewed-", place), ttl)
		l := acquires(t, e, expect.Message{Did: "tried, and nobody led"})
		w.halts[0].at(place, still)
		began := time.Now()
		err := e.Renew(t.Context(), l)
		stood = w.halts[0].disarm()
		if err == nil {
			untilWithin(t, l, began, ttl, fmt.Sprintf("called Renew, and the process stood still for %v %s", still,
				placeName(place)))
		}
	}
}

func TestALeaseThatIsOverIsNotReturned(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 1)
		for _, still := range []time.Duration{ttl - ttl/200, ttl + ttl/100, 10 * ttl} {
			for place, stood := 0, true; stood && place < 40; place++ {
				e := w.elector(0, fmt.Sprint("ledger-", still.Milliseconds(), "-", place), ttl)
				w.halts[0].at(place, still)
				l, err := e.TryAcquire(t.Context())
				stood = w.halts[0].disarm()
				left := time.Duration(-1)
				if err == nil && l != nil {
					left = time.Until(l.Until)
				}
				expect.That(t, err != nil || left > 0, expect.Message{
					Did: fmt.Sprintf("called TryAcquire with a ttl of %v, and the process stood still for %v %s", ttl,
						still,
						placeName(place)),
					Want: "an error, or a lease that is not over",
					Got:  fmt.Sprintf("a lease whose Until was %v ago", -left),
					Why:  "whoever is told that it leads does not look at the clock before its first write"})
			}
		}
	})
}

func TestAnOutageIsNoAnswer(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const ttl, patience = time.Minute, 2 * time.Second
		w := start(t, 1)
		for i, o := range []struct {
			name  string
			begin func()
		}{
			{"Redis cannot be reached", w.Cut},
			{"Redis hangs", w.Hang},
			{"Redis answers with an error", func() { w.Refuse("LOADING Redis is loading the dataset in memory") }},
		} {
			e := w.elector(0, fmt.Sprint("ledger-", i), ttl)
			free := w.elector(0, fmt.Sprint("free-", i), ttl)
			l := acquires(t, e, expect.Message{Did: "tried, and nobody led"})
			token, until := l.Token, l.Until
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			err := e.Renew(ended, l)
			expect.That(t, err == nil || known.None(err) && l.Until.Equal(until) && l.Token == token, expect.Message{
				Did:  "called Renew with a context that had been cancelled",
				Want: "an error that is neither ErrHeld nor ErrLost, and the lease stays as it is",
				Got:  fmt.Sprintf("%s; Until has moved by %v", known.Say(err), l.Until.Sub(until)),
				Why:  "whether a caller has the patience to ask says nothing about the lease"})
			token, until = l.Token, l.Until
			o.begin()
			for _, call := range []struct {
				name string
				do   func(ctx context.Context) error
			}{
				{"TryAcquire", func(ctx context.Context) error { _, err := free.TryAcquire(ctx); return err }},
				{"Renew", func(ctx context.Context) error { return e.Renew(ctx, l) }},
				{"Release", func(ctx context.Context) error { return e.Release(ctx, l) }},
			} {
				did := fmt.Sprintf("%s; called %s with a context that ends after %v", o.name, call.name, patience)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				began := time.Now()
				err := call.do(ctx)
				cancel()
				expect.That(t, since(began) <= patience, expect.Message{Did: did, Want: "it ends by then",
					Got: fmt.Sprintf("it took %v", since(began)),
					Why: "a leader that hangs in a call does not notice that its lease is over"})
				expect.That(t, known.None(err), expect.Message{Did: did,
					Want: "an error that is neither ErrHeld nor ErrLost: nobody knows who leads", Got: known.Say(err),
					Why: "a leader that takes an outage for a lost lease stops at each hiccup, and one that takes " +
						"it for success goes on without a lease"})
				expect.That(t, l.Until.Equal(until) && l.Token == token, expect.Message{Did: did,
					Want: "the lease stays as it is: nothing has prolonged it",
					Got: fmt.Sprintf("Until has moved by %v, the token is %d and was %d", l.Until.Sub(until),
						l.Token, token)})
			}
			w.Heal()
			renews(t, e, l, expect.Message{Did: fmt.Sprintf("%s for a while; then it was well again, and the lease "+
				"had "+
				"not run out; called Renew", o.name)})
			did := fmt.Sprintf("%s, and Release failed; then all was well again, and the lease had not run out; called "+
				"Release", o.name)
			err = e.Release(t.Context(), l)
			expect.That(t, err == nil, expect.Message{Did: did, Want: "nil: it is the leader's yet", Got: known.Say(err),
				Why: "what could not be done is not done: who takes it for done keeps the name without a leader"})
			next := acquires(t, e, expect.Message{Did: did + ", and TryAcquire"})
			e.Release(t.Context(), next)
			time.Sleep(ttl + ttl/50)
		}
	})
}

func TestTheWallClockChangesNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		clocks := []time.Duration{time.Hour, -time.Hour, 0, -time.Hour, time.Hour, 20 * time.Second, -20 * time.Second}
		for i, off := range clocks {
			name := fmt.Sprint("ledger-", i)
			w.walls[0].set(clocks[(i+1)%len(clocks)])
			a, b := w.elector(0, name, ttl), w.elector(1, name, ttl)
			w.walls[0].set(off)
			began := time.Now()
			did := fmt.Sprintf("set A's wall clock by %v; A called TryAcquire", off)
			l := acquires(t, a, expect.Message{Did: did})
			untilWithin(t, l, began, ttl, did)
			w.walls[0].set(clocks[(i+2)%len(clocks)])
			time.Sleep(ttl / 4)
			began = time.Now()
			did = fmt.Sprintf("set A's wall clock by %v when it had acquired a lease; A called Renew",
				clocks[(i+2)%len(clocks)]-off)
			renews(t, a, l, expect.Message{Did: did})
			untilWithin(t, l, began, ttl, did)
			refused(t, b, expect.Message{Did: did + ", and B, whose clock is right, tried"})
			time.Sleep(ttl + ttl/100)
			next := acquires(t, b, expect.Message{Did: did + fmt.Sprintf("; B tried %v later", ttl+ttl/100)})
			b.Release(t.Context(), next)
		}
		jumpsWhileLeading(t, w)
	})
}

// jumpsWhileLeading sets the clock of a leader, and of one that waits, again and again.
func jumpsWhileLeading(t *testing.T, w *world) {
	t.Helper()
	did := "A leads by Lead and B waits, while the wall clocks of both jump by an hour, forth and back, every 7 s"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := leading(t, ctx, w.elector(0, "jumps", ttl), nil, expect.Message{Did: did})
	b := lead(ctx, w.elector(1, "jumps", ttl), nil)
	for i := range 30 {
		off := time.Hour * time.Duration(i%3-1)
		w.walls[0].set(off)
		w.walls[1].set(-off)
		time.Sleep(7 * time.Second)
		expect.That(t, a.leads() && !b.leads(), expect.Message{Did: did,
			Want: "A leads on, and B does not",
			Got:  fmt.Sprintf("%v after the beginning A leads: %t, B leads: %t", since(a.began), a.leads(), b.leads()),
			Why: "NTP sets a clock at any moment, and a virtual machine that is resumed jumps by as long as it " +
				"was gone"})
	}
	last := cutNow(w, 0, (w.Links[0]).Cut)
	w.walls[0].set(-time.Hour)
	expect.That(t, awaits(ttl, func() bool { return !a.leads() }), expect.Message{
		Did:  did + "; then A was cut off from Redis, and its clock went back by an hour",
		Want: fmt.Sprintf("the context of its work ends %v after its last renewal at the latest", ttl-ttl/100),
		Got:  fmt.Sprintf("it lives %v after it", since(last))})
	expect.That(t, awaits(2*ttl, b.leads), expect.Message{Did: did + "; then A was cut off from Redis",
		Want: "B leads soon after A's lease has run out",
		Got:  fmt.Sprintf("not %v after A's last renewal", since(last))})
	w.Heal()
	cancel()
	a.back(2 * ttl)
	b.back(2 * ttl)
}

// cutNow breaks a link and returns when the last command has gone over it.
func cutNow(w *world, i int, cut func()) time.Time {
	cs := w.Links[i].Commands()
	cut()
	if len(cs) == 0 {
		return time.Now()
	}
	return cs[len(cs)-1].At
}
