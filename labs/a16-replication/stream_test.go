package replication_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	replication "github.com/backend-labs/backend-labs/labs/a16-replication"
)

// rough is a network that loses, delays, doubles and reorders.
func rough(seed uint64) func(leg) fate {
	way := simnet.Random[string](seed, simnet.Faults{Min: ms, Max: 90 * ms, Loss: 0.2})
	again := simnet.Random[string](seed+1000, simnet.Faults{Min: ms, Max: 2 * time.Second, Loss: 0.5})
	return func(l leg) fate {
		f := way(l)
		if extra := again(l); !extra.Lost && !l.Answer {
			f.Again = []time.Duration{extra.After}
		}
		return f
	}
}

// TestALogIsAlwaysTheBeginningOfThePrimarys watches the replicas all the time.
func TestALogIsAlwaysTheBeginningOfThePrimarys(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for seed := range uint64(5) {
			acks := int(seed % 3)
			w := newWorld(t, 20*ms, 100*ms)
			p := w.primary(t, acks)
			w.net.Rule(rough(seed))
			did := fmt.Sprintf("%s; wrote 40 entries over a network that loses, doubles and reorders messages (seed %d)",
				modeOf(acks, 2), seed)
			over := make(chan struct{})
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				watch(t, w, p, did, over)
			}()
			for i := range 40 {
				w.write(t.Context(), p, entry(i+1))
				time.Sleep(20 * ms)
			}
			time.Sleep(3 * time.Second)
			w.net.Rule(w.rule)
			time.Sleep(3 * time.Second)
			close(over)
			<-watched
			for i, r := range w.replicas {
				w.same(t, did+"; 3 s after it was good again", w.names[i], r.Log(), numbered(40),
					"what was lost must be sent again, in its place")
			}
			p.Close()
		}
	})
}

// watch looks at all logs every 5 ms.
func watch(t *testing.T, w *world, p *replication.Primary, did string, over chan struct{}) {
	had := make([]int, len(w.replicas))
	for {
		select {
		case <-over:
			return
		case <-time.After(5 * ms):
		}
		for i, r := range w.replicas {
			got := r.Log()
			all := p.Log()
			if !prefix(got, all) {
				w.logs(map[string][][]byte{"P": all, w.names[i]: got})
				expect.Fail(t, expect.Message{
					Did: did, Want: "at every moment a replica's log is the beginning of its primary's",
					Got: fmt.Sprintf("%s has %s", w.names[i], list(texts(got))),
					Why: "whoever is promoted with a gap, or with entries in another order, has another history than the one " +
						"that was acknowledged", Picture: w.tl,
				})
				return
			}
			if len(got) < had[i] {
				expect.Fail(t, expect.Message{
					Did: did, Want: "a replica's log never gets shorter while its primary is the same",
					Got: fmt.Sprintf("%s had %d entries, and has %d", w.names[i], had[i], len(got)),
					Why: "it has acknowledged what it throws away, and the primary counts on it: a late copy of an old message " +
						"says nothing about what came after it", Picture: w.tl,
				})
				return
			}
			had[i] = len(got)
		}
	}
}

// TestALateCopyChangesNothing delivers messages twice at once, and again when they are old.
func TestALateCopyChangesNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for first := range 4 {
			w := newWorld(t, 20*ms)
			p := w.primary(t, 1)
			n := 0
			w.net.Rule(func(l leg) fate {
				f := w.rule(l)
				if !l.Answer {
					if n >= first {
						f.Again = []time.Duration{f.After, 700 * ms, 1900 * ms}
					}
					n++
				}
				return f
			})
			for i := range 8 {
				w.must(t, p, "delivered each message twice at once, and again 0.7 and 1.9 s later", entry(i+1))
				time.Sleep(100 * ms)
			}
			for range 40 {
				w.same(t, "wrote 8 entries, and delivered each message twice at once, and again 0.7 and 1.9 s later", "A",
					w.replicas[0].Log(), numbered(8), "it has acknowledged all 8; an old message says nothing about what "+
						"came after it")
				time.Sleep(60 * ms)
			}
			p.Close()
		}
	})
}

// TestASilentReplicaCatchesUp has one out of reach for 10 s, at a thousand writes a second.
func TestASilentReplicaCatchesUp(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, acks := range []int{0, 1} {
			silent(t, acks)
		}
		farBehind(t)
	})
}

// farBehind has a replica that misses more than a few messages hold, and is as far away as a link can be.
func farBehind(t *testing.T) {
	t.Helper()
	const n = 40000
	w := newWorld(t, 20*ms, 200*ms)
	w.tl = nil // as above
	p := w.primary(t, 0)
	w.down("B")
	did := fmt.Sprintf("asynchronous; B, 200 ms away, was out of reach while %d entries were written", n)
	for i := range n {
		w.must(t, p, did, entry(i+1))
	}
	time.Sleep(time.Second)
	w.up()
	time.Sleep(3 * time.Second)
	w.same(t, did+"; 3 s after it could be reached again", "B", w.replicas[1].Log(), p.Log(),
		"however much it has missed: until it has caught up it is no use at a fail-over")
	p.Close()
}

func silent(t *testing.T, acks int) {
	w := newWorld(t, 20*ms, 100*ms)
	w.tl = nil // ten thousand writes are no picture
	p := w.primary(t, acks)
	w.must(t, p, "", entry(1))
	time.Sleep(time.Second)
	w.down("B")
	n, pause := 1, ms
	did := fmt.Sprintf("%s; B was silent for 10 s, and meanwhile entries were written as fast as they can, at most "+
		"1000 a second", modeOf(acks, 2))
	before := runtime.NumGoroutine()
	most := before
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); n++ {
		w.must(t, p, did, entry(n+1))
		time.Sleep(pause)
		if n%50 == 0 {
			most = max(most, runtime.NumGoroutine())
		}
	}
	calls := w.busiest()
	expect.That(t, calls <= 100 && most-before <= 100, expect.Message{
		Did:  did,
		Want: "at most 100 calls for a replica under way at a time, and 100 goroutines",
		Got:  fmt.Sprintf("%d calls, %d goroutines more than before", calls, most-before),
		Why:  "a call for each entry that nobody answers is memory that grows until the primary dies, too",
	})
	time.Sleep(300 * ms)
	lags(t, p, did, 0, uint64(n-1))
	w.up()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); n++ {
		w.must(t, p, did, entry(n+1))
		time.Sleep(10 * ms)
	}
	got := len(w.replicas[1].Log())
	expect.That(t, got > n-100, expect.Message{
		Did: did + "; for 3 s it can be reached again, and writing went on", Want: fmt.Sprintf("B has nearly all of %d", n),
		Got: fmt.Sprint(got), Why: "until it has caught up it is no use at a fail-over",
	})
	time.Sleep(500 * ms)
	w.same(t, did+"; 3 s after it could be reached again, writing ended", "B", w.replicas[1].Log(), p.Log(),
		"until it has caught up it is no use at a fail-over")
	lags(t, p, did+"; and caught up", 0, 0)
	p.Close()
}

func lags(t *testing.T, p *replication.Primary, did string, want ...uint64) {
	t.Helper()
	got := p.Lag()
	expect.That(t, slices.Equal(got, want), expect.Message{
		Did: did + "; asked for Lag", Want: fmt.Sprint(want), Got: fmt.Sprint(got),
		Why: "it is what a fail-over would lose, and what alerts are made of",
	})
}

// TestLagIsWhatAReplicaHasNot counts.
func TestLagIsWhatAReplicaHasNot(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld(t, 20*ms, 100*ms, 40*ms)
		p := w.primary(t, 0)
		lags(t, p, "made a primary with three replicas", 0, 0, 0)
		for i := range 5 {
			w.must(t, p, "", entry(i+1))
		}
		lags(t, p, "wrote 5 entries at once, asynchronously, and in the same moment", 5, 5, 5)
		time.Sleep(time.Second)
		lags(t, p, "wrote 5 entries; a second later", 0, 0, 0)
		w.down("B")
		for i := range 7 {
			w.must(t, p, "", entry(i+6))
		}
		time.Sleep(time.Second)
		lags(t, p, "B is out of reach; wrote 7 more; a second later", 0, 7, 0)
		p.Lag()[1] = 99
		lags(t, p, "changed what Lag had returned", 0, 7, 0)
		w.up()
		time.Sleep(3 * time.Second)
		lags(t, p, "B can be reached for 3 s", 0, 0, 0)
		p.Close()
	})
}
