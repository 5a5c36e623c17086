package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	replication "github.com/backend-labs/backend-labs/labs/a16-replication"
)

// promote calls Promote, which must choose that one.
func (w *world) promote(t *testing.T, did string, rs []*replication.Replica, epoch uint64, want int, why string) {
	t.Helper()
	got, err := replication.Promote(rs, epoch)
	words := fmt.Sprintf("%d, %v", got, err)
	if err != nil {
		words = "error: " + err.Error()
	}
	w.tl.Point("client", "promote, epoch %d", epoch)
	expect.That(t, err == nil && got == want, expect.Message{
		Did:  fmt.Sprintf("%s; promoted one of %d for epoch %d", did, len(rs), epoch),
		Want: fmt.Sprintf("%d, <nil>", want), Got: words, Why: why, Picture: w.tl,
	})
}

// filled is a replica with so many entries of epoch 1.
func filled(t *testing.T, n int) *replication.Replica {
	t.Helper()
	w := newWorld(t, 20*ms)
	p := w.primary(t, 1)
	for i := range n {
		w.must(t, p, "", entry(i+1))
	}
	p.Close()
	return w.replicas[0]
}

func TestTheMostAdvancedIsPromoted(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld(t)
		const why = "whatever was acknowledged by one of them is in the most advanced one, and perhaps in no other"
		for _, c := range []struct {
			lens []int // -1 is out of reach
			want int
		}{
			{[]int{3, 5, 4}, 1}, {[]int{5, 3, 4}, 0}, {[]int{3, 4, 5}, 2}, {[]int{4, 4, 4}, 0}, {[]int{3, 4, 4}, 1},
			{[]int{-1, 2, 3}, 2}, {[]int{-1, 3, 3}, 1}, {[]int{-1, -1, 0}, 2}, {[]int{0, 0}, 0}, {[]int{2}, 0},
			{[]int{0, 1}, 1},
		} {
			var rs []*replication.Replica
			for _, n := range c.lens {
				if n < 0 {
					rs = append(rs, nil)
					continue
				}
				rs = append(rs, filled(t, n))
			}
			w.promote(t, fmt.Sprintf("replicas with %d entries of one epoch (-1: out of reach)", c.lens), rs, 2, c.want, why)
		}
		refused(t)
	})
}

// refused has epochs that are taken, and lists without anybody.
func refused(t *testing.T) {
	t.Helper()
	for _, rs := range [][]*replication.Replica{nil, {}, {nil, nil}} {
		_, err := replication.Promote(rs, 2)
		expect.That(t, err != nil, expect.Message{
			Did: fmt.Sprintf("called Promote with %d replicas, none of them within reach", len(rs)), Want: "an error",
			Got: "nil", Why: "nobody is there to take over",
		})
	}
	w := newWorld(t, 20*ms, 20*ms)
	p := w.primary(t, 1)
	w.must(t, p, "", entry(1))
	time.Sleep(time.Second)
	_, err := replication.Promote(w.replicas, 1)
	expect.That(t, err != nil, expect.Message{
		Did: "the first primary, of epoch 1, has written; promoted one of its replicas for epoch 1", Want: "an error",
		Got: "nil", Why: "the old primary has that epoch, and nothing would keep it from writing",
	})
	if _, err := replication.Promote(w.replicas[1:], 7); err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []uint64{7, 6, 1} {
		_, err := replication.Promote(w.replicas, epoch)
		expect.That(t, err != nil, expect.Message{
			Did:  fmt.Sprintf("B has been promoted for epoch 7; promoted one of A and B for epoch %d", epoch),
			Want: "an error", Got: "nil",
			Why: "two primaries of one epoch, or a new one of an older epoch, and nobody can tell whose entries count",
		})
	}
	const great = 1 << 63
	far := filled(t, 1)
	w.promote(t, "a replica with 1 entry of epoch 1", []*replication.Replica{far}, great, 0, "it is a later epoch")
	for _, epoch := range []uint64{great, great - 1, 2} {
		_, err := replication.Promote([]*replication.Replica{far}, epoch)
		expect.That(t, err != nil, expect.Message{
			Did:  fmt.Sprintf("A has been promoted for epoch %d; promoted it for epoch %d", uint64(great), epoch),
			Want: "an error", Got: "nil",
			Why: "who numbers epochs by a clock, or a hash, gets great numbers; a negative one would be lower than all",
		})
	}
	// A has been asked in vain, and has promised nothing.
	old := replication.NewPrimary(1, replication.Mode{Acks: 1}, w.link("P", "A"))
	time.Sleep(time.Second)
	r := w.write(t.Context(), old, entry(1))
	expect.That(t, r.err == nil, expect.Message{
		Did: "called Promote for A and B, which failed because B has heard of a higher epoch; then a primary of epoch 1 " +
			"wrote, with A as its replica", Want: "nil: a Promote that fails changes nothing", Got: r.String(),
		Why: "a primary that works must not be stopped by a fail-over that did not happen",
	})
	old.Close()
	p.Close()
	heard(t)
}

// heard has replicas that know an epoch otherwise than from entries of it.
func heard(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms)
	p := w.primary(t, 1)
	w.must(t, p, "", entry(1))
	time.Sleep(time.Second)
	back := p.Demote()
	_, err := replication.Promote([]*replication.Replica{back}, 1)
	expect.That(t, err != nil, expect.Message{
		Did: "demoted the first primary, of epoch 1, which had written; promoted it for epoch 1", Want: "an error",
		Got: "nil", Why: "it was the primary of that epoch itself: nobody has heard of it more surely",
	})

	w = newWorld(t, 20*ms, 20*ms)
	w.down("B")
	p = w.primary(t, 1)
	for i := range 5 {
		w.must(t, p, "", entry(i+1))
	}
	p.Close()
	a, b := w.replicas[0], w.replicas[1]
	if _, err := replication.Promote([]*replication.Replica{a}, 2); err != nil {
		t.Fatal(err)
	}
	w.up()
	legs := 0
	w.net.Rule(func(l leg) fate {
		legs++
		f := w.rule(l)
		f.Lost = legs > 1
		return f
	})
	next := a.Lead(2, 1, replication.Mode{Acks: 1}, w.link("A", "B"))
	time.Sleep(time.Second)
	next.Close()
	_, err = replication.Promote([]*replication.Replica{b}, 2)
	expect.That(t, err != nil, expect.Message{
		Did: "A, with 5 entries, leads in epoch 2; B, which has none, got its first message, and nothing after that; " +
			"promoted B for epoch 2", Want: "an error: it has heard of that epoch", Got: "nil",
		Why: "A is the primary of epoch 2. Whether B could do anything with its message is another matter",
	})
}

// TestACrashAfterEachMessage has the primary die after the k-th message, for each k.
func TestACrashAfterEachMessage(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, acks := range []int{1, 2} {
			for _, trips := range [][]time.Duration{{20 * ms, 100 * ms}, {100 * ms, 20 * ms}, {40 * ms, 40 * ms}} {
				step := acks // each message of the mode in which some replicas have more than others
				if trips[0] == trips[1] {
					step = 5
				}
				for k := 1; ; k += step {
					if all := crash(t, acks, trips, k); all {
						break
					}
				}
			}
		}
	})
}

// crash is one of these runs. It reports whether all writes were done before the crash.
func crash(t *testing.T, acks int, trips []time.Duration, k int) (all bool) {
	t.Helper()
	w := newWorld(t, trips...)
	p := w.primary(t, acks)
	w.tl.Clear()
	w.draw()
	legs := 0
	w.net.Rule(func(l leg) fate {
		legs++
		f := w.rule(l)
		f.Lost = legs > k
		return f
	})
	did := fmt.Sprintf("%s, round trips %v; the primary died after message %d", modeOf(acks, 2), trips, k)
	acked := 0
	for i := range 20 {
		if w.write(t.Context(), p, entry(i+1)).err != nil {
			break
		}
		acked++
	}
	all = acked == 20
	p.Close()
	time.Sleep(time.Second)
	a, b := w.replicas[0].Log(), w.replicas[1].Log()
	want := 0
	if len(b) > len(a) {
		want = 1
	}
	w.logs(map[string][][]byte{"A": a, "B": b})
	w.promote(t, did, w.replicas, 2, want, "whatever was acknowledged by one of them is in the most advanced one, and "+
		"perhaps in no other")
	log := w.replicas[want].Log()
	if !prefix(numbered(acked), log) {
		w.tl.Point(w.names[want], "promoted").Breaks()
	}
	expect.That(t, prefix(numbered(acked), log), expect.Message{
		Did:  fmt.Sprintf("%s, when %d writes had been acknowledged; promoted %s", did, acked, w.names[want]),
		Want: fmt.Sprintf("its log has these %d", acked), Got: list(texts(log)),
		Why: "to each of these clients somebody has said ok", Picture: w.tl,
	})
	w.net.Rule(w.rule)
	next := w.replicas[want].Lead(2, 1, replication.Mode{Acks: 1}, w.link(w.names[want], w.names[1-want]))
	defer next.Close()
	r := w.must(t, next, did+"; the other one follows "+w.names[want], "entry of epoch 2")
	expect.That(t, r.lsn == uint64(len(log)+1), expect.Message{
		Did:  fmt.Sprintf("%s; promoted %s, which had %d entries; wrote", did, w.names[want], len(log)),
		Want: fmt.Sprintf("LSN %d", len(log)+1), Got: r.String(), Why: "a new primary goes on where its log ends",
	})
	w.same(t, did+"; it wrote one more entry, which was acknowledged", w.names[1-want], w.replicas[1-want].Log(),
		next.Log(), "who follows a new primary has its log")
	return all
}

// TestTheOldPrimaryIsRefused has one that goes on writing after its successor was promoted.
func TestTheOldPrimaryIsRefused(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, acks := range []int{1, 2, 0} {
			w := newWorld(t, 20*ms, 100*ms)
			old := w.primary(t, acks)
			for i := range 3 {
				w.must(t, old, modeOf(acks, 2), entry(i+1))
			}
			time.Sleep(time.Second)
			w.tl.Clear()
			w.draw()
			did := modeOf(acks, 2) + "; A was promoted for epoch 2"
			w.promote(t, "both have 3 entries", w.replicas, 2, 0, "")
			next := w.replicas[0].Lead(2, 1, replication.Mode{Acks: 1}, w.link("A", "B"))
			r := w.write(t.Context(), old, "too late")
			expect.That(t, acks == 0 || known.Is(r.err, replication.ErrFenced) && r.took <= 250*ms, expect.Message{
				Did:  did + "; the old primary, which knew nothing of it, wrote",
				Want: "ErrFenced, as soon as a replica has refused it", Got: r.String(),
				Why: "its client must not believe that this is written: it is in nobody's log", Picture: w.tl,
			})
			time.Sleep(time.Second)
			had := len(old.Log())
			for range 2 {
				r = w.write(t.Context(), old, "far too late")
				expect.That(t, known.Is(r.err, replication.ErrFenced) && r.took <= ms, expect.Message{
					Did:  did + "; the old primary was told so by the replicas; a second later it was asked to write",
					Want: "ErrFenced at once", Got: r.String(),
					Why: "it knows that it is none any more. What it still takes is lost", Picture: w.tl,
				})
			}
			expect.That(t, len(old.Log()) == had, expect.Message{
				Did:  did + "; the old primary was told so; then it was asked to write twice",
				Want: fmt.Sprintf("a log of %d entries, as before", had), Got: fmt.Sprint(len(old.Log())),
				Why: "what is in its log may be taken for written by whoever reads there",
			})
			w.must(t, next, did, "entry 4")
			for i, r := range w.replicas[1:] {
				w.same(t, did+"; the old primary wrote, and so did the new one", w.names[i+1], r.Log(), numbered(4),
					"a log with entries of two primaries is nobody's")
			}
			w.same(t, did+"; the old primary wrote, and so did the new one", "A", next.Log(), numbered(4),
				"a log with entries of two primaries is nobody's")
			next.Close()
			old.Close()
			r = w.write(t.Context(), old, "after Close")
			expect.That(t, known.Is(r.err, replication.ErrFenced) && len(old.Log()) == had, expect.Message{
				Did:  did + "; the old primary was told so; closed it, and wrote",
				Want: fmt.Sprintf("ErrFenced, as from each later Write, and a log of %d entries", had),
				Got:  fmt.Sprintf("%v; %d entries", r, len(old.Log())),
				Why:  "whoever gets ErrFenced looks for the new primary, and whoever gets ErrNotDurable tries again",
			})
		}
		oneIsEnough(t)
		fromTheBeginning(t)
		while(t)
		byAMessage(t)
		tooLateToLead(t)
	})
}

// oneIsEnough has a replica that was not asked when the other one was promoted.
func oneIsEnough(t *testing.T) {
	t.Helper()
	for i := range 2 {
		w := newWorld(t, 20*ms, 60*ms)
		old := w.primary(t, 1)
		w.must(t, old, "", entry(1))
		time.Sleep(time.Second)
		if _, err := replication.Promote(w.replicas[i:i+1], 2); err != nil {
			t.Fatal(err)
		}
		w.write(t.Context(), old, "perhaps")
		time.Sleep(time.Second)
		r := w.write(t.Context(), old, "too late")
		expect.That(t, known.Is(r.err, replication.ErrFenced), expect.Message{
			Did: fmt.Sprintf("semi-synchronous, 1 of 2; %s was promoted and has refused the old primary, and the other one, "+
				"which could not be asked, still acknowledges; wrote", w.names[i]),
			Want: "ErrFenced: one refusal is enough", Got: r.String(),
			Why: "there is a primary of a later epoch. That somebody has not heard of it yet makes nothing better",
		})
		old.Close()
	}
}

// fromTheBeginning has a primary that no replica has ever answered otherwise.
func fromTheBeginning(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms)
	if _, err := replication.Promote(w.replicas, 5); err != nil {
		t.Fatal(err)
	}
	old := w.primary(t, 1)
	r := w.write(t.Context(), old, entry(1))
	if known.Is(r.err, replication.ErrNotDurable) { // it may not have been told before
		r = w.write(t.Context(), old, entry(2))
	}
	expect.That(t, known.Is(r.err, replication.ErrFenced), expect.Message{
		Did: "A was promoted for epoch 5; then the primary of epoch 1, which had never met A, sent it its first message " +
			"and wrote",
		Want: "ErrFenced: A has told it", Got: r.String(), Why: "it is none any more, and has never been one for A",
	})
	old.Close()
}

// while promotes a replica while a Write waits.
func while(t *testing.T) {
	t.Helper()
	w := newWorld(t, 100*ms, 100*ms)
	old := w.primary(t, 2)
	waits := make(chan wrote, 1)
	go func() { waits <- w.write(t.Context(), old, entry(1)) }()
	time.Sleep(20 * ms)
	if _, err := replication.Promote(w.replicas, 2); err != nil {
		t.Fatal(err)
	}
	r := <-waits
	expect.That(t, known.Is(r.err, replication.ErrFenced) && r.took <= 250*ms, expect.Message{
		Did:  "promoted a replica while the old primary's message was under way, and its Write waited",
		Want: "ErrFenced, with the refusal", Got: r.String(), Why: "there is nothing left to wait for",
	})
	for i, r := range w.replicas {
		w.same(t, "promoted a replica while the old primary's message was under way", w.names[i], r.Log(), nil,
			"what comes from a lower epoch changes nothing")
	}
	old.Close()
}

// byAMessage has a replica that nobody could ask when the other one was promoted, and that follows that one.
func byAMessage(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 60*ms)
	old := w.primary(t, 1)
	w.must(t, old, "", entry(1))
	time.Sleep(time.Second)
	w.net.Cut(func(from, to string) bool { return from == "P" && to == "A" || from == "A" && to == "P" })
	if _, err := replication.Promote(w.replicas[:1], 2); err != nil {
		t.Fatal(err)
	}
	next := w.replicas[0].Lead(2, 1, replication.Mode{Acks: 1}, w.link("A", "B"))
	const did = "A was promoted for epoch 2 when B could not be asked, and wrote an entry, which B has acknowledged"
	w.must(t, next, did, entry(2))
	r := w.write(t.Context(), old, "too late")
	expect.That(t, known.Is(r.err, replication.ErrFenced), expect.Message{
		Did: did + "; the old primary, which can reach B alone, wrote", Want: "ErrFenced: B follows a later one",
		Got: r.String(), Why: "a replica of two primaries acknowledges to both, and has the log of neither", Picture: w.tl,
	})
	w.same(t, did+"; the old primary, which can reach B alone, wrote", "B", w.replicas[1].Log(), numbered(2),
		"what was acknowledged to the new primary stays")
	next.Close()
	old.Close()
}

// tooLateToLead has a replica that was promoted, and leads when another one has been promoted after it.
func tooLateToLead(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms)
	p := w.primary(t, 2)
	w.must(t, p, "", entry(1))
	p.Close()
	a, b := w.replicas[0], w.replicas[1]
	w.promote(t, "both have 1 entry", []*replication.Replica{a, b}, 2, 0, "")
	w.promote(t, "A was promoted for epoch 2", []*replication.Replica{b, a}, 3, 0, "")
	late := a.Lead(2, 1, replication.Mode{Acks: 1}, w.link("A", "B"))
	r := w.write(t.Context(), late, "too late")
	if known.Is(r.err, replication.ErrNotDurable) { // it may not have been told before
		r = w.write(t.Context(), late, "far too late")
	}
	expect.That(t, known.Is(r.err, replication.ErrFenced), expect.Message{
		Did:  "A was promoted for epoch 2, and then B for epoch 3; A led, in epoch 2, and wrote",
		Want: "ErrFenced: B has promised to refuse epoch 2", Got: r.String(), Picture: w.tl,
		Why: "an epoch is given to one primary: one that leads in whatever it has heard of last is a second one",
	})
	late.Close()
}

// TestTheOldPrimaryComesBack has one with a tail that nobody acknowledged.
func TestTheOldPrimaryComesBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tail := range []int{3, 0, 1} {
			for _, more := range []int{0, 1, 3, 5} {
				for _, acks := range []int{0, 1, 2} {
					comesBack(t, tail, more, acks)
				}
			}
		}
		itsTailIsNoAcknowledgement(t)
	})
}

// tailed is an old primary, of which both replicas have 5 entries, and that has so many more.
func tailed(t *testing.T, tail int) (*world, *replication.Primary) {
	t.Helper()
	w := newWorld(t, 20*ms, 40*ms)
	w.trips["P"] = 60 * ms
	old := w.primary(t, 1)
	for i := range 5 {
		w.must(t, old, "", entry(i+1))
	}
	time.Sleep(time.Second)
	w.down("P")
	for i := range tail {
		w.not(t, old, "nobody can reach the old primary", fmt.Sprint("tail ", i+1))
	}
	w.tl.Clear()
	w.draw()
	return w, old
}

func comesBack(t *testing.T, tail, more, acks int) {
	t.Helper()
	w, old := tailed(t, tail)
	did := fmt.Sprintf("an old primary has 5 entries that all have, and %d that nobody else has; A was promoted, %s, and "+
		"wrote %d more", tail, modeOf(acks, 2), more)
	w.promote(t, did, w.replicas, 2, 0, "")
	next := w.replicas[0].Lead(2, 2, replication.Mode{Acks: acks}, w.link("A", "B", "P"))
	want := numbered(5)
	for range 60 {
		time.Sleep(3 * ms)
		expect.That(t, prefix(numbered(5), w.replicas[1].Log()), expect.Message{
			Did: did + "; looked at B while it met A", Want: "the 5 entries that both have stay where they are",
			Got: list(texts(w.replicas[1].Log())),
			Why: "a replica that throws away what it will get again has lost it if the new primary dies meanwhile",
		})
	}
	for i := range more {
		text := fmt.Sprint("new ", i+1)
		if acks < 2 {
			w.must(t, next, did, text)
		} else {
			w.not(t, next, did, text)
		}
		want = append(want, []byte(text))
	}
	time.Sleep(time.Second)
	lags(t, next, did+"; the old one is out of reach", 0, uint64(len(want)))
	back := old.Demote()
	had := old.Log()
	expect.That(t, prefix(numbered(5), back.Log()), expect.Message{
		Did: did + "; the old one was demoted", Want: "it has at least the 5 that were acknowledged",
		Got: list(texts(back.Log())), Why: "until a new primary tells it otherwise it has what it has",
	})
	w.serve("P", back)
	w.up()
	time.Sleep(3 * time.Second)
	const why = "what nobody acknowledged is in nobody's history but its own; what was acknowledged stays"
	w.same(t, did+"; 3 s after the old one came back as a replica", "P", back.Log(), want, why)
	w.same(t, did+"; 3 s after the old one came back as a replica", "B", w.replicas[1].Log(), want, why)
	w.same(t, did+"; 3 s after the old one came back as a replica", "A", next.Log(), want, why)
	lags(t, next, did+"; 3 s after the old one came back", 0, 0)
	w.same(t, did+"; 3 s after the old one came back as a replica, looked at the primary that was demoted", "P", old.Log(),
		had, "whoever reads there finds out what was lost: it must be what it was")
	w.must(t, next, did+"; the old one came back", "last")
	time.Sleep(time.Second)
	w.same(t, did+"; the old one came back, and A wrote once more", "P", back.Log(), append(want, []byte("last")), why)
	next.Close()
}

// itsTailIsNoAcknowledgement has a new primary whose only replica is the old one.
func itsTailIsNoAcknowledgement(t *testing.T) {
	t.Helper()
	w, old := tailed(t, 3)
	w.promote(t, "an old primary has a tail", w.replicas, 2, 0, "")
	back := old.Demote()
	w.serve("P", back)
	w.up()
	next := w.replicas[0].Lead(2, 1, replication.Mode{Acks: 1}, w.link("A", "P"))
	const did = "an old primary with 8 entries came back, of which 5 are those of the new one; the new one, which waits " +
		"for it, wrote its 6th"
	r := w.must(t, next, did, "new 1")
	expect.That(t, r.lsn == 6, expect.Message{Did: did, Want: "LSN 6", Got: r.String(),
		Why: "its own log has 5 entries, and no more"})
	w.same(t, did+", and was told that it has it", "P", back.Log(), append(numbered(5), []byte("new 1")),
		"8 entries are no acknowledgement of the 6th if they are other entries")
	next.Close()
}

// TestASecondFailOver has a log that is longer, and a log that is newer.
func TestASecondFailOver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld(t, 20*ms, 20*ms, 20*ms)
		p := w.primary(t, 2)
		w.must(t, p, "", entry(1))
		time.Sleep(time.Second)
		w.tl.Clear()
		w.down("B", "C")
		for i := range 3 {
			w.not(t, p, "2 of 3; B and C are out of reach", fmt.Sprint("tail ", i+1))
		}
		p.Close()
		w.up()
		a, b, c := w.replicas[0], w.replicas[1], w.replicas[2]
		w.promote(t, "P is dead, and A, which has 3 more entries, is out of reach", []*replication.Replica{nil, b, c}, 2, 1,
			"both have the same")
		w.net.Handle("A", nil)
		second := b.Lead(2, 2, replication.Mode{Acks: 1}, w.link("B", "A", "C"))
		w.must(t, second, "B leads, and C follows", "new 1")
		second.Close()
		w.serve("A", a)
		w.logs(map[string][][]byte{"A": a.Log(), "C": c.Log()})
		const did = "A has entry 1 and three of epoch 1 that nobody acknowledged; C has entry 1 and one of epoch 2 that was " +
			"acknowledged; B, the primary of epoch 2, is dead"
		w.promote(t, did, []*replication.Replica{a, nil, c}, 3, 2, "the longer log is the older one. What was "+
			"acknowledged in epoch 2 is in C alone, and would be lost with it")
		third := c.Lead(3, 1, replication.Mode{Acks: 1}, w.link("C", "A"))
		w.must(t, third, did+"; C leads, and A follows", "new 2")
		want := logOf("entry 1", "new 1", "new 2")
		w.same(t, did+"; C leads and has written", "A", a.Log(), want, "what was acknowledged stays, and nothing else")
		w.same(t, did+"; C leads and has written", "C", third.Log(), want, "what was acknowledged stays, and nothing else")
		third.Close()
		heardIsNotHad(t)
		theSameAgain(t)
		aLaterTail(t)
	})
}

// heardIsNotHad has a replica that has promised an epoch, and has less than one that has not heard of it.
func heardIsNotHad(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms)
	w.down("B")
	p := w.primary(t, 1)
	for i := range 3 {
		w.must(t, p, "1 of 2; B is out of reach", entry(i+1))
	}
	p.Close()
	w.up()
	a, b := w.replicas[0], w.replicas[1]
	w.promote(t, "P is dead, and A, which has 3 entries, is out of reach; B has none", []*replication.Replica{nil, b}, 2, 1,
		"nobody else is there")
	w.promote(t, "A has 3 entries, all of which it has acknowledged; B has none, and was promoted for epoch 2, but has "+
		"not led; A can be reached again", []*replication.Replica{a, b}, 3, 0, "what counts is the epoch of an entry "+
		"that it has. B has only heard of a higher one, and with it all that was acknowledged would be lost")
}

// theSameAgain has a client that writes again, to the new primary, what the old one has not confirmed.
func theSameAgain(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms, 20*ms)
	p := w.primary(t, 3)
	w.must(t, p, "", entry(1))
	time.Sleep(time.Second)
	w.down("B")
	w.not(t, p, "3 of 3; B is out of reach", "pay bob 10")
	w.down("A", "B")
	w.not(t, p, "3 of 3; A and B are out of reach", "tail")
	p.Close()
	a, b, c := w.replicas[0], w.replicas[1], w.replicas[2]
	w.promote(t, "P is dead, and A and C, which have more, are out of reach", []*replication.Replica{nil, b, nil}, 2, 1,
		"nobody else is there")
	second := b.Lead(2, 1, replication.Mode{Acks: 0}, w.link("B", "A"))
	w.must(t, second, "B leads, and A is still out of reach", "pay bob 10")
	w.up()
	time.Sleep(3 * time.Second)
	second.Close()
	const did = "A and C have two entries of epoch 1, and C a third one; in epoch 2 the second one was written again, " +
		"word for word, and A has followed; the primary of epoch 2 is dead"
	w.same(t, did, "A", a.Log(), logOf("entry 1", "pay bob 10"), "what both have stays, what only it has goes")
	w.promote(t, did, []*replication.Replica{a, nil, c}, 3, 0, "an entry is that of whoever wrote it: A's last one is of "+
		"epoch 2, whatever it says")
}

// aLaterTail has a replica with an entry of a later epoch than the one that the next primary has at its place.
func aLaterTail(t *testing.T) {
	t.Helper()
	w := newWorld(t, 20*ms, 20*ms, 20*ms)
	p := w.primary(t, 3)
	w.must(t, p, "", entry(1))
	time.Sleep(time.Second)
	w.down("A", "B")
	w.not(t, p, "3 of 3; A and B are out of reach", "of C")
	p.Close()
	a, b, c := w.replicas[0], w.replicas[1], w.replicas[2]
	w.promote(t, "P is dead, and B and C are out of reach", []*replication.Replica{a, nil, nil}, 2, 0, "nobody else is there")
	w.down("A")
	second := a.Lead(2, 2, replication.Mode{Acks: 0}, w.link("A", "B", "C"))
	w.must(t, second, "A leads, and nobody can be reached", "of A")
	old := second.Demote()
	w.tl.Clear()
	w.logs(map[string][][]byte{"A": old.Log(), "B": b.Log(), "C": c.Log()})
	const did = "A, B and C have entry 1; C has a second one of epoch 1, and A one of epoch 2, when it led and could reach nobody"
	w.promote(t, did, []*replication.Replica{nil, b, c}, 3, 2, "it has more than B, and A is out of reach")
	third := c.Lead(3, 2, replication.Mode{Acks: 2}, w.link("C", "A", "B"))
	w.serve("A", old)
	w.up()
	w.must(t, third, did+"; C leads, and A is back", "new")
	want := logOf("entry 1", "of C", "new")
	const why = "what both have stays, what only it has goes: the primary is right, whichever epoch its entries are of"
	w.same(t, did+"; C leads and has written", "A", old.Log(), want, why)
	w.same(t, did+"; C leads and has written", "C", third.Log(), want, why)
	third.Close()
}
