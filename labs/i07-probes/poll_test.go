package probes_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	probes "github.com/backend-labs/backend-labs/labs/i07-probes"
)

func TestAPollEndsWithItsContext(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, minds := range []bool{true, false} {
			pollsOfOneThatHangs(t, minds)
		}
		db := database()
		db.is(nil, time.Hour, false)
		p := begin(usual(db.dep()))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		takes(t, "began a poll, and cancelled its context 300 ms later", 300*time.Millisecond,
			func() { p.Poll(ctx) })
		cancelledPolls(t)
	})
}

// cancelledPolls are given up before their checks have returned.
func cancelledPolls(t *testing.T) {
	t.Helper()
	for _, minds := range []bool{true, false} {
		db := database()
		db.is(nil, time.Hour, minds)
		for _, cancels := range []time.Duration{300 * time.Millisecond, 0} {
			p := begin(usual(db.dep()))
			p.Started()
			when := "300 ms later"
			if cancels == 0 {
				when = "before it had begun"
			}
			for range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				if cancels == 0 {
					cancel()
				}
				time.AfterFunc(cancels, cancel)
				p.Poll(ctx)
				time.Sleep(4 * time.Second)
			}
			p.wants(t, "began 3 polls of one whose check hangs, and cancelled the context of each "+when,
				unready, "why nobody waits for longer does not matter: by then the dependency has not answered")
		}
		cancelledBeside(t, minds)
	}
}

// cancelledBeside gives polls up of which some checks have returned.
func cancelledBeside(t *testing.T, minds bool) {
	t.Helper()
	for _, other := range []error{nil, errDown} {
		db, queue := database(), &fake{name: "queue", critical: true}
		db.is(nil, time.Hour, minds)
		queue.is(other, 0, true)
		for _, deps := range [][]probes.Dep{{db.dep(), queue.dep()}, {queue.dep(), db.dep()}} {
			p := begin(usual(deps...))
			p.Started()
			for range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(300*time.Millisecond, cancel)
				p.Poll(ctx)
				time.Sleep(4 * time.Second)
			}
			how := "answers"
			if other != nil {
				how = "fails"
			}
			p.wants(t, fmt.Sprintf("began 3 polls of %s and %s, where db hangs and queue %s, and cancelled the context "+
				"after 300 ms each time", deps[0].Name, deps[1].Name, how), unready,
				"db had not answered when the poll was given up, whatever the other one said")
		}
	}
}

func pollsOfOneThatHangs(t *testing.T, minds bool) {
	t.Helper()
	one, two := database(), &fake{name: "queue", critical: true}
	one.is(nil, 10*time.Minute, minds)
	two.is(nil, 10*time.Minute, minds)
	p := begin(usual(one.dep(), two.dep()))
	p.Started()
	hang := "whose two checks hang for 10 minutes"
	if !minds {
		hang += ", whether their context ends or not"
	}
	did := "made 3 polls of 1 s each, " + hang
	takes(t, "made a poll of 1 s, "+hang, time.Second, func() { p.poll(t) })
	for range 2 {
		time.Sleep(4 * time.Second)
		p.wants(t, "with FailAfter: 3, "+did+"; before the third", ready, "")
		called := time.Now()
		p.poll(t)
		took := time.Since(called)
		expect.That(t, took == time.Second || !minds && took == 0, expect.Message{
			Did: did, Want: "each takes 1 s", Got: fmt.Sprintf("it took %v", took), Why: itsTime,
		})
	}
	time.Sleep(50 * time.Millisecond)
	p.wants(t, did, unready, "a database that does not answer is down, whatever it would have "+
		"said in the end")
}

const itsTime = "whoever polls has said how long that may take. A poll that takes longer makes " +
	"the next one late, and what is known grows old; one that returns early has not looked"

func takes(t *testing.T, did string, want time.Duration, f func()) {
	t.Helper()
	called := time.Now()
	f()
	took := time.Since(called)
	expect.That(t, took == want, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("it takes %v", want),
		Got:  fmt.Sprintf("it took %v", took),
		Why:  itsTime,
	})
}

// TestLateIsTooLate has a check that takes longer than a poll, and then is fine.
func TestLateIsTooLate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, one := range []struct {
			takes time.Duration
			want  answers
			why   string
		}{
			{999 * time.Millisecond, ready, "slow is not down, as long as it answers in time"},
			{1001 * time.Millisecond, unready, "a request would have waited in vain as well"},
		} {
			db := database()
			db.is(nil, one.takes, false)
			p := begin(usual(db.dep()))
			p.Started()
			did := fmt.Sprintf("made 3 polls of 1 s, one every 10 s, whose check returns nil "+
				"after %v", one.takes)
			for range 2 {
				p.poll(t)
				time.Sleep(9 * time.Second)
			}
			p.settled(t)
			p.wants(t, did, one.want, one.why)
			time.Sleep(9 * time.Second)
			p.wants(t, did+"; 9 s after the last", one.want, one.why)
		}
	})
}

// TestAPollIsCountedWhenItReturns asks at the very moment.
func TestAPollIsCountedWhenItReturns(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		o := usual(db.dep())
		o.FailAfter, o.RecoverAfter = 1, 1
		p := begin(o)
		p.Started()
		const why = "whoever polls and then asks wants to be told what was found, not what was " +
			"known before: start scripts and tests do just that"
		for _, takes := range []time.Duration{0, 500 * time.Millisecond, time.Minute} {
			db.is(errDown, takes, true)
			p.poll(t)
			p.wants(t, "with FailAfter: 1, let a poll fail, and asked at once", unready, why)
			time.Sleep(time.Second)
			db.is(nil, 0, true)
			p.poll(t)
			p.wants(t, "with RecoverAfter: 1, made a good poll, and asked at once", ready, why)
		}
	})
}

// TestChecksRunAtTheSameTime has three that take 600 ms each, of a poll of a second.
func TestChecksRunAtTheSameTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var deps []probes.Dep
		for _, name := range []string{"db", "queue", "mail"} {
			f := &fake{name: name, critical: true, takes: 600 * time.Millisecond, minds: true}
			deps = append(deps, f.dep())
		}
		o := usual(deps...)
		o.FailAfter = 1
		p := begin(o)
		p.Started()
		did := "made a poll of 1 s, whose three checks take 600 ms each"
		takes(t, did, 600*time.Millisecond, func() { p.poll(t) })
		p.wants(t, did, ready, "one after another they would take 1.8 s, and a slow dependency "+
			"takes their time away from those that are well")
		for i := range 147 {
			f := &fake{name: fmt.Sprintf("shard %d", i), critical: true, takes: 600 * time.Millisecond, minds: true}
			deps = append(deps, f.dep())
		}
		p = begin(usual(deps...))
		p.Started()
		did = "made a poll of 1 s, whose 150 checks take 600 ms each"
		takes(t, did, 600*time.Millisecond, func() { p.poll(t) })
	})
}

func TestAPollWaitsForAll(t *testing.T) {
	virtual(t, func(t *testing.T) {
		fails, slow := database(), &fake{name: "queue", critical: true, minds: true}
		fails.is(errDown, 0, true)
		slow.is(nil, 500*time.Millisecond, true)
		for _, deps := range [][]probes.Dep{
			{fails.dep(), slow.dep()}, {slow.dep(), fails.dep()},
		} {
			p := begin(usual(deps...))
			p.Started()
			did := fmt.Sprintf("made polls of %s and %s, where db fails at once and queue takes "+
				"500 ms", deps[0].Name, deps[1].Name)
			for i := range 3 {
				takes(t, did, 500*time.Millisecond, func() { p.poll(t) })
				_, flying, ended := slow.seen()
				expect.That(t, flying == 0 && len(ended) == 0, expect.Message{
					Did:  did,
					Want: "when a poll returns all its checks have, and none was cut off",
					Got: fmt.Sprintf("%d still running, %d cut off, in poll %d", flying,
						len(ended), i+1),
					Why: "what is left running runs beside the next poll, and what is cut off " +
						"looks like one more dependency that is down",
				})
			}
			time.Sleep(50 * time.Millisecond)
			p.wants(t, did+"; after 3 of them", unready, "")
		}
	})
}

// TestAnotherFailureEndsNoCheck has one that is not critical fail while a critical one runs.
func TestAnotherFailureEndsNoCheck(t *testing.T) {
	virtual(t, func(t *testing.T) {
		extra, db := &fake{name: "recommendations"}, database()
		extra.is(errDown, 0, true)
		db.is(nil, 500*time.Millisecond, true)
		p := begin(usual(extra.dep(), db.dep()))
		p.Started()
		const did = "made 3 polls of 1 s; recommendations, which are not critical, fail at once, " +
			"and db takes 500 ms"
		for range 3 {
			p.poll(t)
		}
		p.wants(t, did, ready, "whatever else is down, the database has answered in time")
		extra.is(nil, time.Hour, false)
		for range 3 {
			p.poll(t)
		}
		p.wants(t, "made 3 polls of 1 s; recommendations, which are not critical, hang, and db "+
			"takes 500 ms", ready, "whatever else hangs, the database has answered in time")
		anotherTakesItsTime(t)
	})
}

// anotherTakesItsTime has one that is not critical answer last.
func anotherTakesItsTime(t *testing.T) {
	t.Helper()
	extra, db := &fake{name: "recommendations"}, database()
	extra.is(nil, 500*time.Millisecond, true)
	p := begin(usual(extra.dep(), db.dep()))
	p.Started()
	p.poll(t)
	_, flying, ended := extra.seen()
	time.Sleep(time.Millisecond) // for a check that has just been told
	_, _, after := extra.seen()
	expect.That(t, flying == 0 && len(ended) == 0 && len(after) == 0, expect.Message{
		Did: "made a poll of 1 s; db answers at once, and recommendations, which are not critical, take 500 ms",
		Want: "if the poll has begun to check recommendations, it returns when they have answered, and their " +
			"context does not end before",
		Got: fmt.Sprintf("when it returned %d checks of recommendations were running; %d were cut off", flying,
			len(after)),
		Why: "what a poll has begun it ends. A check that is cut off each time does all of its work in vain, and " +
			"tells in its log of a dependency that is down",
	})
}

func TestTheContextOfACheck(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		db.is(nil, time.Hour, true)
		p := begin(usual(db.dep()))
		p.Started()
		p.poll(t)
		time.Sleep(time.Millisecond) // for a check that has just been told
		_, _, ended := db.seen()
		expect.That(t, len(ended) == 1 && ended[0] == time.Second, expect.Message{
			Did:  "made a poll of 1 s, whose check waits for the end of its context",
			Want: "its context ends after 1 s",
			Got:  fmt.Sprintf("it ended after: %v", ended),
			Why: "a check that is not told goes on for ever: a connection and a goroutine are " +
				"lost in each poll, as long as the database hangs",
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(700*time.Millisecond, cancel)
		p.Poll(ctx)
		time.Sleep(time.Millisecond)
		_, _, ended = db.seen()
		expect.That(t, len(ended) == 2 && ended[1] == 700*time.Millisecond, expect.Message{
			Did: "made a poll without a deadline, whose check waits for the end of its context, and cancelled the " +
				"poll's after 700 ms",
			Want: "the check's context ends with it",
			Got:  fmt.Sprintf("%d checks were told, after: %v", len(ended), ended),
			Why:  "whoever gives up a poll gives up its checks: no deadline tells them",
		})
		stopsMeanwhile(t)
		const long = 3 * 24 * time.Hour
		db.is(nil, long, true)
		takes(t, "made a poll without a deadline, whose check takes 3 days", long,
			func() { p.Poll(t.Context()) })
		_, _, ended = db.seen()
		expect.That(t, len(ended) == 2, expect.Message{
			Did:  "made a poll without a deadline, whose check takes 3 days",
			Want: "its context does not end while it runs",
			Got:  fmt.Sprintf("it ended %v after the check had begun", ended[len(ended)-1]),
			Why: "how long a poll may take is said by whoever polls; a limit of one's own calls " +
				"a slow database dead",
		})
	})
}

// stopsMeanwhile calls all that may be called while a check runs.
func stopsMeanwhile(t *testing.T) {
	t.Helper()
	db := database()
	db.is(nil, 500*time.Millisecond, true)
	p := begin(usual(db.dep()))
	time.AfterFunc(100*time.Millisecond, p.Started)
	time.AfterFunc(200*time.Millisecond, p.Beat)
	time.AfterFunc(300*time.Millisecond, p.Stopping)
	p.poll(t)
	time.Sleep(time.Millisecond) // for a check that has just been told
	_, _, ended := db.seen()
	expect.That(t, len(ended) == 0, expect.Message{
		Did: "during a poll of 1 s, whose check takes 500 ms, called Started after 100 ms, Beat after 200 ms and " +
			"Stopping after 300 ms",
		Want: "the context of the check does not end while it runs",
		Got:  fmt.Sprintf("it ended: the check returned after %v", ended),
		Why: "only whoever polls ends a poll. A check that is cut off because the process is leaving is one more " +
			"alarm about a database that is well",
	})
}
