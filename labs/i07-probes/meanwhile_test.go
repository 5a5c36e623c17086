package probes_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	probes "github.com/backend-labs/backend-labs/labs/i07-probes"
)

// TestAHangingCheckHoldsUpNothing has checks that hang for ten minutes; one does not even mind its
// context.
func TestAHangingCheckHoldsUpNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		minds, deaf := database(), &fake{name: "queue", critical: true}
		minds.is(nil, 10*time.Minute, true)
		deaf.is(nil, 10*time.Minute, false)
		p := begin(probes.Options{LiveWindow: 30 * time.Second, FailAfter: 1, RecoverAfter: 1,
			Deps: []probes.Dep{minds.dep(), deaf.dep()}})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var poll sync.WaitGroup
		poll.Go(func() { p.Poll(ctx) })
		time.Sleep(time.Second)

		const during = "began a poll whose checks hang; meanwhile "
		const why = "a dependency that hangs must not take the probes with it"
		p.wants(t, during+"asked all three", starting, why)
		instant(t, during+"called Started", p.Started)
		p.wants(t, during+"called Started", well, why)
		time.Sleep(20 * time.Second)
		instant(t, during+"called Beat", p.Beat)
		time.Sleep(29 * time.Second)
		p.wants(t, during+"called Started, 20 s later Beat, and asked 29 s after that, with a "+
			"LiveWindow of 30 s", well, why)
		instant(t, during+"called Stopping", p.Stopping)
		p.wants(t, during+"called Stopping", waiting, why)
		poll.Wait()
		p.wants(t, "called Stopping during a poll, and asked when that was over", waiting, why)
	})
}

func TestStoppingDuringAGoodPoll(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		db.is(nil, 500*time.Millisecond, true)
		o := usual(db.dep())
		o.RecoverAfter = 1
		p := begin(o)
		p.Started()
		var poll sync.WaitGroup
		poll.Go(func() { p.poll(t) })
		time.Sleep(100 * time.Millisecond)
		p.Stopping()
		poll.Wait()
		p.wants(t, "called Stopping during a poll that turns out good, and asked when it was over",
			unready, "what was found before the end of the process says nothing about its end")
	})
}

// TestProbesRunNoChecks has a hundred probes.
func TestProbesRunNoChecks(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		p := begin(usual(db.dep()))
		p.Started()
		db.is(errDown, 0, true)
		for range 100 {
			p.wants(t, "let db break, and probed 100 times without a poll", ready,
				"nobody has found out yet")
			time.Sleep(time.Second)
		}
		runs, _, _ := db.seen()
		expect.That(t, runs == 0, expect.Message{
			Did:  "probed 100 times without a poll",
			Want: "no check run",
			Got:  fmt.Sprintf("db was asked %d times", runs),
			Why: "who probes how often is not in the hands of the process: kubelet, balancer and " +
				"monitor would all load the database, just when it has enough of it",
		})
		for range 3 {
			p.settled(t)
		}
		p.wants(t, "let db break, and made 3 polls", unready, "")
	})
}

func TestManyAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		o := usual(db.dep())
		p := begin(o)
		var all sync.WaitGroup
		all.Go(func() { time.Sleep(10 * time.Millisecond); p.Started() })
		for range 8 {
			all.Go(func() {
				for range 100 {
					p.Beat()
					p.ask("GET", ready)
					time.Sleep(time.Millisecond)
				}
			})
		}
		all.Go(func() {
			for range 50 {
				p.poll(t)
				time.Sleep(time.Millisecond)
			}
		})
		all.Go(func() { time.Sleep(75 * time.Millisecond); p.Stopping() })
		all.Wait()
		p.wants(t, "called all of it from 11 goroutines at once, Stopping as well", unready, "")
	})
}
