package replication_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	replication "github.com/backend-labs/backend-labs/labs/a16-replication"
)

// price is what a Write may cost in a mode.
type price struct {
	trips []time.Duration
	acks  int
	least time.Duration
}

// TestWhatEachModeCosts has replicas that are near and far, in each order.
func TestWhatEachModeCosts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		near, mid, far := 20*ms, 60*ms, 100*ms
		for _, c := range []price{
			{[]time.Duration{near, far}, 0, 0}, {[]time.Duration{near, far}, 1, near},
			{[]time.Duration{near, far}, 2, far}, {[]time.Duration{far, near}, 0, 0},
			{[]time.Duration{far, near}, 1, near}, {[]time.Duration{far, near}, 2, far},
			{[]time.Duration{mid, far, near}, 2, mid}, {[]time.Duration{near, mid, far, far, near}, 3, mid},
			{[]time.Duration{far}, 1, far}, {nil, 0, 0},
			{[]time.Duration{195 * ms}, 1, 195 * ms}, {[]time.Duration{near, 195 * ms}, 2, 195 * ms}, // a Link takes 200 ms at most
		} {
			w := newWorld(t, c.trips...)
			p := w.primary(t, c.acks)
			most := c.least + 20*ms
			if c.acks == 0 {
				most = ms
			}
			for i := range 20 {
				did := fmt.Sprintf("%s, round trips %v, one write after another", modeOf(c.acks, len(c.trips)), c.trips)
				r := w.must(t, p, did, entry(i+1))
				expect.That(t, r.took >= c.least && r.took <= most, expect.Message{
					Did: did + fmt.Sprintf("; write %d", i+1), Want: fmt.Sprintf("ok after %v to %v", c.least, most),
					Got: r.String(),
					Why: "sooner is before the replicas have it; later is waiting for replicas that the mode does not ask " +
						"for, or for one after the other",
				})
				expect.That(t, r.lsn == uint64(i+1), expect.Message{
					Did: did, Want: fmt.Sprintf("LSN %d", i+1), Got: r.String(), Why: "LSNs begin at 1 and have no gaps",
				})
			}
			time.Sleep(time.Second)
			for i, replica := range w.replicas {
				w.same(t, "wrote 20 entries; a second later", w.names[i], replica.Log(), numbered(20),
					"also replicas that no write waits for get everything")
			}
		}
		empties(t)
	})
}

// empties has entries in which there is nothing.
func empties(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms)
	p := w.primary(t, 1)
	const did = "wrote an entry of no bytes, one of some, and nil"
	for i, e := range [][]byte{{}, []byte("some"), nil} {
		lsn, err := p.Write(t.Context(), e)
		r := wrote{lsn: lsn, err: err}
		expect.That(t, err == nil && lsn == uint64(i+1), expect.Message{
			Did: did, Want: fmt.Sprintf("nil and LSN %d for write %d", i+1, i+1), Got: r.String(),
			Why: "what is in an entry is its writer's business: that it was written is what it says",
		})
	}
	time.Sleep(time.Second)
	w.same(t, did, "P", p.Log(), logOf("", "some", ""), "without one of them those behind it have other LSNs")
	w.same(t, did, "A", w.replicas[0].Log(), logOf("", "some", ""),
		"without one of them those behind it have other LSNs")
}

// TestACrashAfterTheLastAcknowledgement has a primary that dies when its client has been told.
func TestACrashAfterTheLastAcknowledgement(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, trips := range [][]time.Duration{{20 * ms, 100 * ms}, {100 * ms, 20 * ms}, {60 * ms, 100 * ms, 20 * ms}} {
			for acks := 1; acks <= len(trips); acks++ {
				w := newWorld(t, trips...)
				p := w.primary(t, acks)
				w.tl.Clear()
				w.draw()
				did := fmt.Sprintf("%s, round trips %v; wrote 20 entries, and the primary died in the moment of the last ok",
					modeOf(acks, len(trips)), trips)
				for i := range 20 {
					w.must(t, p, did, entry(i+1))
				}
				w.down("P")
				have := 0
				for _, r := range w.replicas {
					if equal(r.Log(), numbered(20)) {
						have++
					}
				}
				if have < acks {
					w.tl.Point("P", "dies").Breaks()
				}
				expect.That(t, have >= acks, expect.Message{
					Did: did, Want: fmt.Sprintf("at least %d replicas have all 20", acks), Got: fmt.Sprintf("%d have", have),
					Why: "an entry that was sent is not one that has arrived. What was acknowledged too early is gone with the " +
						"primary, and its client knows nothing of that", Picture: w.tl,
				})
				p.Close()
			}
		}
	})
}

// TestNobodyAnswers has both replicas out of reach for a while.
func TestNobodyAnswers(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for acks := range 3 {
			w := newWorld(t, 20*ms, 100*ms)
			p := w.primary(t, acks)
			did := modeOf(acks, 2)
			w.must(t, p, did, entry(1))
			time.Sleep(time.Second)
			w.down("A", "B")
			did += "; both replicas are out of reach"
			for i := 2; i <= 3; i++ {
				if acks == 0 {
					w.must(t, p, did, entry(i))
				} else {
					w.not(t, p, did, entry(i))
				}
			}
			w.same(t, did+"; wrote entries 2 and 3", "P", p.Log(), numbered(3),
				"that not enough replicas answered does not undo the entry: it may have reached them")
			time.Sleep(10 * time.Second)
			w.up()
			did += " for 10 s; then they are back"
			time.Sleep(3 * time.Second)
			for i, r := range w.replicas {
				w.same(t, did+"; 3 s later", w.names[i], r.Log(), numbered(3),
					"an entry in the primary's log reaches the replicas sooner or later, or their logs have gaps")
			}
			r := w.must(t, p, did, entry(4))
			expect.That(t, r.lsn == 4, expect.Message{Did: did + "; wrote entry 4", Want: "LSN 4", Got: r.String(),
				Why: "entries 2 and 3 have LSNs of their own, whatever their writers were told"})
			p.Close()
		}
		patience(t)
	})
}

// patience has callers who do not wait as long.
func patience(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 100*ms)
	p := w.primary(t, 1)
	w.down("A", "B")
	for _, how := range []string{"ctx ends after 200 ms", "ctx is cancelled after 200 ms"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*ms)
		if how == "ctx is cancelled after 200 ms" {
			ctx, cancel = context.WithCancel(t.Context())
			go func() {
				time.Sleep(200 * ms)
				cancel()
			}()
		}
		r := w.write(ctx, p, "entry")
		cancel()
		expect.That(t, known.Is(r.err, replication.ErrNotDurable) && r.took <= 201*ms, expect.Message{
			Did: "both replicas are out of reach; wrote, and " + how, Want: "ErrNotDurable after 200 ms at the latest",
			Got: r.String(), Why: "the caller has decided how long the answer is worth waiting for",
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	r := w.write(ctx, p, "entry")
	expect.That(t, known.Is(r.err, replication.ErrNotDurable) && r.took >= 500*ms && r.took <= 2*time.Second+ms,
		expect.Message{
			Did:  "both replicas are out of reach; wrote, and ctx ends after an hour",
			Want: "ErrNotDurable, 0.5 to 2 s after the call", Got: r.String(),
			Why: "a caller with more patience changes nothing: one write at a time waits, and all others behind it",
		})
}

// TestOneReplicaIsDown has one of them out of reach, each in turn.
func TestOneReplicaIsDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for lost := range 2 {
			for acks := range 3 {
				w := newWorld(t, 20*ms, 100*ms)
				p := w.primary(t, acks)
				w.must(t, p, "", entry(1))
				time.Sleep(time.Second)
				w.down(w.names[lost])
				did := fmt.Sprintf("%s, round trips of 20 and 100 ms; %s is out of reach", modeOf(acks, 2), w.names[lost])
				trip := w.trips[w.names[1-lost]]
				for i := 2; i <= 5; i++ {
					if acks == 2 {
						w.not(t, p, did, entry(i))
						continue
					}
					r := w.must(t, p, did, entry(i))
					least, most := trip, trip+20*ms
					if acks == 0 {
						least, most = 0, ms
					}
					expect.That(t, r.took >= least && r.took <= most, expect.Message{
						Did: did + "; wrote", Want: fmt.Sprintf("ok after %v to %v", least, most), Got: r.String(),
						Why: "the one that is there is enough, and it alone counts: once, however often it answers",
					})
				}
				p.Close()
			}
		}
		three(t)
	})
}

// three has two of three out of reach.
func three(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms, 20*ms)
	p := w.primary(t, 2)
	const did = "semi-synchronous, 2 of 3; "
	w.down("B")
	w.must(t, p, did+"B is out of reach", entry(1))
	w.down("A", "B")
	w.not(t, p, did+"A and B are out of reach", entry(2))
	w.not(t, p, did+"A and B are out of reach", entry(3))
	w.up()
	time.Sleep(3 * time.Second)
	w.must(t, p, did+"all are back", entry(4))
}

// TestThreeModesSideBySide is the answer in twelve numbers.
func TestThreeModesSideBySide(t *testing.T) {
	virtual(t, func(t *testing.T) {
		lanes := []string{"asynchronous", "1 of 2", "synchronous"}
		tl := timeline.New(lanes...)
		row := func(f func(acks int) string) {
			for acks, lane := range lanes {
				tl.Point(lane, "%s", f(acks))
			}
		}
		lost := make([]int, 3)
		row(func(acks int) string {
			w := newWorld(t, 20*ms, 100*ms)
			p := w.primary(t, acks)
			var all time.Duration
			for i := range 20 {
				all += w.must(t, p, modeOf(acks, 2), entry(i+1)).took
			}
			w.down("P")
			time.Sleep(time.Second)
			best, err := replication.Promote(w.replicas, 2)
			expect.That(t, err == nil && best >= 0 && best < 2, expect.Message{
				Did: "promoted one of two replicas", Want: "no error", Got: fmt.Sprintf("%d, %v", best, err)})
			lost[acks] = 20 - len(w.replicas[best].Log())
			p.Close()
			return fmt.Sprintf("a write: %v", all/20)
		})
		row(func(acks int) string { return fmt.Sprintf("lost with P: %d/20", lost[acks]) })
		one := make([]bool, 3)
		row(func(acks int) string {
			w := newWorld(t, 20*ms, 100*ms)
			p := w.primary(t, acks)
			w.down("B")
			one[acks] = w.write(t.Context(), p, "entry").err == nil
			p.Close()
			return fmt.Sprintf("without B: %v", map[bool]string{true: "yes", false: "no"}[one[acks]])
		})
		none := make([]bool, 3)
		row(func(acks int) string {
			w := newWorld(t, 20*ms, 100*ms)
			p := w.primary(t, acks)
			w.down("A", "B")
			none[acks] = w.write(t.Context(), p, "entry").err == nil
			p.Close()
			return fmt.Sprintf("without both: %v", map[bool]string{true: "yes", false: "no"}[none[acks]])
		})
		expect.That(t, lost[0] > 0 && lost[1] == 0 && lost[2] == 0 && slices.Equal(one, []bool{true, true, false}) &&
			slices.Equal(none, []bool{true, false, false}), expect.Message{
			Did: "did the same in three modes: wrote 20 entries, and lost the primary in the moment of the last ok; wrote " +
				"without one replica, and without both",
			Want: "asynchronous: some are lost, it writes on; 1 of 2: none is lost, it writes without one; synchronous: " +
				"none is lost, it stands still without one",
			Got: fmt.Sprintf("lost %v, writes without one %v, without both %v", lost, one, none),
			Why: "that is the whole difference: who must have it before the client hears ok", Picture: tl,
		})
		expect.Show(t, "two replicas, 20 and 100 ms away: what each mode costs, loses and survives", tl)
	})
}

// TestCloseEndsEverything demands that no goroutine is left, which the bubble does.
func TestCloseEndsEverything(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for acks := range 3 {
			w := newWorld(t, 20*ms, 100*ms)
			p := replication.NewPrimary(2, replication.Mode{Acks: acks}, w.link("P", "A", "B"))
			w.must(t, p, modeOf(acks, 2), entry(1))
			time.Sleep(time.Second) // so that nothing is under way
			w.down("B")
			if acks < 2 {
				w.must(t, p, modeOf(acks, 2)+", B is out of reach", entry(2))
			} else {
				closedMeanwhile(t, w, p)
			}
			p.Close()
			time.Sleep(3 * time.Second) // what the network has delayed
		}
		w := newWorld(t, 20*ms)
		p := replication.NewPrimary(1, replication.Mode{Acks: 1}, w.link("P", "A"))
		w.must(t, p, "", entry(1))
		w.down("A")
		r := p.Demote()
		w.same(t, "wrote an entry, and called Demote", "P", r.Log(), numbered(1), "its log is what it comes back with")
		time.Sleep(3 * time.Second)
	})
}

// closedMeanwhile closes a primary while a Write waits.
func closedMeanwhile(t *testing.T, w *world, p *replication.Primary) {
	t.Helper()
	waits := make(chan wrote, 1)
	go func() { waits <- w.write(t.Context(), p, entry(2)) }()
	time.Sleep(300 * ms)
	p.Close()
	r := <-waits
	expect.That(t, known.Is(r.err, replication.ErrNotDurable) && r.took <= 310*ms, expect.Message{
		Did:  "a Write waited for a replica that is out of reach; closed the primary after 300 ms",
		Want: "ErrNotDurable, at once", Got: r.String(), Why: "nobody will answer it any more",
	})
}

// TestWhatIsLentIsNotKept changes what was handed in and out.
func TestWhatIsLentIsNotKept(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for acks := range 2 {
			w := newWorld(t, 20*ms, 100*ms)
			p := w.primary(t, acks)
			buf := make([]byte, 7)
			var want [][]byte
			for i := range 9 {
				copy(buf, entry(i))
				want = append(want, []byte(entry(i)))
				if _, err := p.Write(t.Context(), buf); err != nil {
					t.Fatal(err)
				}
			}
			clear(buf)
			time.Sleep(time.Second)
			const did = "wrote nine entries from one buffer, and cleared it"
			w.same(t, did, "P", p.Log(), want, "the buffer is the caller's, who uses it again")
			for i, r := range w.replicas {
				w.same(t, did, w.names[i], r.Log(), want, "the buffer is the caller's, who uses it again")
			}
			const why = "a log that its readers can rewrite is none"
			for i, r := range w.replicas {
				clear(r.Log()[0])
				r.Log()[1][0] = 'X'
				w.same(t, "changed what a replica's Log had returned, and called it again", w.names[i], r.Log(), want, why)
			}
			clear(p.Log()[0])
			p.Log()[1][0] = 'X'
			w.same(t, "changed what the primary's Log had returned, and called it again", "P", p.Log(), want, why)
			p.Close()
		}
		handedOver(t)
	})
}

// handedOver has a replica that has led, and that follows a later primary with the log that it had before.
func handedOver(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms)
	p := w.primary(t, 2)
	for i := range 5 {
		w.must(t, p, "", entry(i+1))
	}
	p.Close()
	a, b := w.replicas[0], w.replicas[1]
	w.promote(t, "both have 5 entries", []*replication.Replica{a, b}, 2, 0, "")
	second := a.Lead(2, 0, replication.Mode{}, nil)
	w.must(t, second, "A leads", "new 1")
	w.promote(t, "A has led", []*replication.Replica{b, a}, 3, 0, "")
	third := b.Lead(3, 1, replication.Mode{Acks: 1}, w.link("B", "A"))
	w.must(t, third, "A has led; B leads, and A, as the replica that it was, follows", "other")
	w.same(t, "A led, with 5 entries, and wrote one; then B led, A followed it as the replica that it had been, "+
		"and B wrote another one; looked at the primary that A had made", "A", second.Log(), append(numbered(5), []byte("new 1")),
		"a log that somebody else goes on writing is nobody's")
	second.Close()
	third.Close()
}
