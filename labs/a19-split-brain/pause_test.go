package leader_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

// TestThePausedLeaderIsFenced has a leader stand still for longer than its lease, between its look at the clock and its
// write.
func TestThePausedLeaderIsFenced(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		a, b := w.elector(0, "ledger", ttl), w.elector(1, "ledger", ttl)
		disk := leader.NewResource()
		tl := drawn(t, "a paused leader wakes up and writes", "A", "the lock in Redis", "B", "disk")
		d := &scribe{t: t, disk: disk, tl: tl}

		first := acquires(t, a, expect.Message{Did: "A tried, and nobody led"})
		lease := tl.Begin("the lock in Redis", "A's, token %d", first.Token)
		belief := tl.Begin("A", "leads, token %d", first.Token)
		d.writes("A", first, "page 1 by A", "A leads, and wrote to the disk")
		d.writes("A", first, "page 2 by A", "A leads, and wrote to the disk once more, with the same token")
		tl.Point("A", "looks: I lead. Pause")
		time.Sleep(ttl)
		lease.End("run out")
		time.Sleep(50 * time.Millisecond)

		did := "A, which had a ttl of 10 s, stood still for 10.1 s; 10.05 s after A's acquisition B "
		second := acquires(t, b, expect.Message{Did: did + "tried", Picture: tl})
		tl.Begin("the lock in Redis", "B's, token %d", second.Token)
		tl.Begin("B", "leads, token %d", second.Token)
		d.writes("B", second, "page 3 by B", did+"tried and wrote")
		time.Sleep(50 * time.Millisecond)

		belief.End("wakes up")
		err := disk.Write(first.Token, "page 3 by A")
		stale := known.Is(err, leader.ErrStale)
		p := tl.Point("disk", "A, token %d: %s", first.Token, map[bool]string{true: "stale",
			false: "page 3 by A"}[stale])
		if !stale {
			p.Breaks()
		}
		did += "acquired the lease and wrote; then A woke up and did what it had been about to do, write"
		expect.That(t, stale, expect.Message{Did: did, Want: "ErrStale for A", Got: known.Say(err), Picture: tl,
			Why: "no clock and no lock can stop a process that looked before it stood still: only the disk can"})
		got := disk.Read()
		expect.That(t, got == "page 3 by B", expect.Message{Did: did, Want: "the disk has \"page 3 by B\"",
			Got: fmt.Sprintf("%q", got), Picture: tl})
		d.writes("B", second, "page 4 by B", did+"; then B wrote again")
		renews(t, b, second, expect.Message{Did: did + "; then B renewed", Picture: tl})
	})
}

// scribe writes to the disk as a leader.
type scribe struct {
	t    *testing.T
	disk *leader.Resource
	tl   *timeline.Timeline
}

func (d *scribe) writes(who string, l *leader.Lease, page, did string) {
	d.t.Helper()
	err := d.disk.Write(l.Token, page)
	p := d.tl.Point("disk", "%s, token %d: %s", who, l.Token, map[bool]string{true: page, false: "refused"}[err == nil])
	if err != nil {
		p.Breaks()
	}
	expect.That(d.t, err == nil, expect.Message{Did: did, Want: "nil: nobody newer has written", Got: known.Say(err),
		Picture: d.tl, Why: "a fence that keeps the leader out is no better than none"})
	got := d.disk.Read()
	expect.That(d.t, got == page, expect.Message{Did: did, Want: fmt.Sprintf("the disk has %q", page),
		Got: fmt.Sprintf("%q", got), Picture: d.tl})
}

// TestAPauseInsideTryAcquire has A stand still before and after each command of TryAcquire for longer than a lease
// lasts; meanwhile B
// leads, and writes.
func TestAPauseInsideTryAcquire(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		w.ready(t, 0)
		for place, stood := 0, true; stood && place < 40; place++ {
			stood = overslept(t, w, place)
		}
		for place, stood := 0, true; stood && place < 40; place++ {
			stood = overtaken(t, w, place)
		}
	})
}

// attempt is a TryAcquire of A's that stands still on its way.
type attempt struct {
	done  chan struct{}
	lease *leader.Lease
	err   error
	drawn timeline.Recorded
}

// tries has A try, and stand still for so long at a place.
func tries(t *testing.T, w *world, name string, place int, still time.Duration, tl *timeline.Timeline) *attempt {
	a := w.elector(0, name, ttl)
	w.halts[0].at(place, still)
	p := &attempt{done: make(chan struct{}), drawn: tl.Begin("A", "TryAcquire, pauses")}
	go func() {
		defer close(p.done)
		p.lease, p.err = a.TryAcquire(t.Context())
	}()
	return p
}

// end waits for what has come of it.
func (p *attempt) end() (*leader.Lease, error) {
	<-p.done
	p.drawn.End("%s", outcome(p.lease, p.err))
	return p.lease, p.err
}

// overslept pauses A for 15 s at a place, and has B lead from 10.1 s on.
func overslept(t *testing.T, w *world, place int) (stood bool) {
	t.Helper()
	const still = ttl + ttl/2
	name := fmt.Sprint("overslept-", place)
	b, disk, tl := w.elector(1, name, ttl), leader.NewResource(), timeline.New("A", "B", "disk")
	a := tries(t, w, name, place, still, tl)
	time.Sleep(ttl + ttl/100)
	stood = w.halts[0].disarm()
	if !stood { // it has come to its end before
		<-a.done
		return false
	}
	did := fmt.Sprintf("A called TryAcquire and stood still for %v %s; meanwhile, %v after A's beginning, B acquired "+
		"the lease", still, placeName(place), ttl+ttl/100)
	next := acquires(t, b, expect.Message{Did: did, Picture: tl,
		Why: "what A has taken, if it has, has run out"})
	tl.Begin("B", "leads, token %d", next.Token)
	(&scribe{t: t, disk: disk, tl: tl}).writes("B", next, "page 1 by B", did+" and wrote")
	l, err := a.end()
	did += " and wrote; then A went on"
	if err == nil && l != nil {
		e := disk.Write(l.Token, "page 1 by A")
		p := tl.Point("disk", "A, token %d: %s", l.Token, map[bool]string{true: "stale",
			false: "page 1 by A"}[e != nil])
		if e == nil {
			p.Breaks()
		}
		expect.That(t, known.Is(e, leader.ErrStale), expect.Message{Did: did + " and wrote",
			Want:    "TryAcquire has failed, or the disk says ErrStale: B is the later leader",
			Got:     fmt.Sprintf("A's token is %d and B's is %d; the disk says: %s", l.Token, next.Token, known.Say(e)),
			Picture: tl,
			Why: "a token that is drawn when the lock may be lost already is newer than the leader's: the zombie " +
				"then passes the fence, and the leader is fenced off"})
	}
	(&scribe{t: t, disk: disk, tl: tl}).writes("B", next, "page 2 by B", did+", and B wrote again")
	renews(t, b, next, expect.Message{Did: did + ", and B renewed its lease", Picture: tl})
	return true
}

// overtaken pauses A for a second at a place; meanwhile B leads, if it can, writes and releases.
func overtaken(t *testing.T, w *world, place int) (stood bool) {
	t.Helper()
	const still = time.Second
	name := fmt.Sprint("overtaken-", place)
	b, disk, tl := w.elector(1, name, ttl), leader.NewResource(), timeline.New("A", "B", "disk")
	a := tries(t, w, name, place, still, tl)
	time.Sleep(still / 2)
	stood = w.halts[0].disarm()
	next, before := b.TryAcquire(t.Context())
	did := fmt.Sprintf("A called TryAcquire and stood still for %v %s", still, placeName(place))
	if stood && before == nil && next != nil {
		did += "; meanwhile B acquired the lease, wrote and released it"
		(&scribe{t: t, disk: disk, tl: tl}).writes("B", next, "page 1 by B", did)
		tl.Point("B", "led, token %d", next.Token)
		b.Release(t.Context(), next)
	}
	l, err := a.end()
	if !stood || err != nil || l == nil {
		return stood
	}
	(&scribe{t: t, disk: disk, tl: tl}).writes("A", l, "page 2 by A", did+"; then A went on, leads, and wrote")
	refused(t, b, expect.Message{Did: did + "; then A went on, leads, and B tried", Picture: tl})
	return true
}

// TestAPauseInsideRenewAndRelease has A look whether a lease is its own, stand still until it is B's, and go on.
func TestAPauseInsideRenewAndRelease(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 3)
		w.ready(t, 0)
		for _, call := range []string{"Renew", "Release"} {
			for place, stood := 0, true; stood && place < 40; place++ {
				stood = lateActs(t, w, call, place)
			}
		}
	})
}

// lateActs pauses A for 15 s at a place; B acquires when A's lease has run out, and dies.
func lateActs(t *testing.T, w *world, call string, place int) (stood bool) {
	t.Helper()
	const still = ttl + ttl/2
	name := fmt.Sprint(call, "-", place)
	a, b, c := w.elector(0, name, ttl), w.elector(1, name, ttl), w.elector(2, name, ttl)
	tl := timeline.New("A", "the lock in Redis", "B", "C")
	l := acquires(t, a, expect.Message{Did: "A tried, and nobody led"})
	lock := tl.Begin("the lock in Redis", "A's")
	done := make(chan struct{})
	var err error
	w.halts[0].at(place, still)
	calling := tl.Begin("A", "%s, pauses", call)
	go func() {
		defer close(done)
		err = callOf(t, a, l, call)
	}()
	time.Sleep(ttl + ttl/100)
	stood = w.halts[0].disarm()
	if !stood {
		<-done
		return false
	}
	lock.End("")
	did := fmt.Sprintf("A, which led, called %s and stood still for %v %s; %v later B acquired the lease", call, still,
		placeName(place), ttl+ttl/100)
	began := time.Now()
	acquires(t, b, expect.Message{Did: did, Picture: tl})
	tl.Begin("the lock in Redis", "B's")
	tl.Begin("B", "leads")
	<-done
	calling.End("%s", known.Say(err))
	did += "; then A went on"
	expect.That(t, call != "Renew" || err != nil || time.Now().After(l.Until), expect.Message{Did: did,
		Want: "an error, or a lease that is over: B leads", Got: fmt.Sprintf("nil, and A's Until lies %v ahead",
			time.Until(l.Until)), Picture: tl})
	tl.Point("C", "tries")
	refused(t, c, expect.Message{Did: did + ", and C tried", Want: "ErrHeld: B leads", Picture: tl,
		Why: "between looking whose lock it is and removing it, it can become somebody else's"})
	time.Sleep(ttl + ttl/100 - time.Since(began))
	acquires(t, c, expect.Message{Did: did + fmt.Sprintf("; C tried %v after B's acquisition, which B did not renew",
		ttl+ttl/100), Want: "a lease: B's has run out", Picture: tl,
		Why: "between looking whose lock it is and prolonging it, it can become somebody else's"})
	return true
}
