package probes_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	probes "github.com/backend-labs/backend-labs/labs/i07-probes"
)

func TestBeforeAndAfterTheStart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		p := begin(usual(db.dep()))
		const why = "a process that starts needs time, and neither traffic nor a restart: a " +
			"request would find it empty, a restart would begin the start anew"
		p.wants(t, "made new Probes", starting, why)
		p.poll(t)
		time.Sleep(time.Minute)
		p.wants(t, "made new Probes and one good poll; a minute later", starting, why)
		p.Beat()
		p.wants(t, "beat before Started", starting, why)
		p.Started()
		p.wants(t, "called Started", well, "it has told that it has warmed up, and nothing "+
			"speaks against it")
	})
}

// TestReadyFromTheStart has nobody who polls yet.
func TestReadyFromTheStart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		p := begin(usual(database().dep()))
		p.Started()
		p.wants(t, "called Started before any poll", ready,
			"until a poll says otherwise the process believes in what it needs: it has just "+
				"warmed up with it")
	})
}

func TestUpForGood(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		o := usual(db.dep())
		o.LiveWindow = 30 * time.Second
		p := begin(o)
		p.Started()
		up := answers{startupz: 200}
		const why = "a kubelet whose startup probe fails kills the process; whether it works is " +
			"what the other two are for"
		p.wants(t, "called Started", up, why)
		db.is(errDown, 0, true)
		for range 5 {
			p.poll(t)
		}
		p.wants(t, "called Started, then let 5 polls in a row fail", up, why)
		time.Sleep(time.Hour)
		p.wants(t, "called Started, then did not beat for an hour", up, why)
		p.Started()
		p.wants(t, "called Started, let 5 polls in a row fail, and called Started once more", answers{200, 0, 503},
			"what polls have found is as true as before")
		p.Stopping()
		p.wants(t, "called Started, then Stopping", up, why)

		p = begin(usual())
		p.Stopping()
		p.wants(t, "called Stopping before Started", answers{503, 200, 503},
			"it has not come up")
	})
}

// TestBeatsKeepItAlive has windows that are no whole seconds, too.
func TestBeatsKeepItAlive(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, window := range []time.Duration{30 * time.Second, 1500 * time.Millisecond, 20 * time.Millisecond} {
			o := usual()
			o.LiveWindow = window
			p := begin(o)
			with := "with a LiveWindow of " + window.String() + ", "
			p.Started()
			for range 20 {
				time.Sleep(window - time.Millisecond)
				p.wants(t, with+"beat each time 1 ms before it was over", answers{livez: 200},
					"a loop that is slow is not dead")
				p.Beat()
			}
			time.Sleep(window + time.Millisecond)
			p.wants(t, with+"did not beat for 1 ms more than that", answers{livez: 503},
				"a loop that hangs for ever serves nobody, and only a restart helps")
			time.Sleep(time.Hour)
			p.wants(t, with+"did not beat for an hour", answers{livez: 503},
				"a loop that hangs for ever serves nobody, and only a restart helps")
			const again = "it has only been very slow: whoever beats is alive"
			p.Beat()
			p.wants(t, with+"did not beat for an hour, then beat", answers{livez: 200}, again)
			time.Sleep(window - time.Millisecond)
			p.wants(t, with+"beat again after an hour; 1 ms before the window was over",
				answers{livez: 200}, again)
			time.Sleep(2 * time.Millisecond)
			p.wants(t, with+"beat again after an hour, and hung a second time",
				answers{livez: 503}, "what hangs a second time needs a restart as well")
		}
	})
}

func TestTheStartMayTakeItsTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		endless := usual()
		endless.LiveWindow = 1<<63 - 1
		p := begin(endless)
		p.Started()
		const why = "whoever wants no limit gives the longest that there is: now plus that is not in the past"
		time.Sleep(time.Hour)
		p.wants(t, "with a LiveWindow of "+endless.LiveWindow.String()+", called Started; an hour later", answers{livez: 200}, why)
		time.Sleep(1000 * 24 * time.Hour)
		p.wants(t, "with a LiveWindow of "+endless.LiveWindow.String()+", called Started; 1000 days later", answers{livez: 200}, why)
		for _, beats := range []bool{false, true} {
			slow := "a start of 90 s, with a LiveWindow of 30 s and no beat"
			o := usual()
			o.LiveWindow = 30 * time.Second
			p := begin(o)
			if beats {
				slow = "a start of 90 s, with a LiveWindow of 30 s and one beat at its beginning"
				p.Beat()
			}
			for range 89 {
				time.Sleep(time.Second)
				p.wants(t, "probed every second of "+slow, answers{livez: 200},
					"a process that is killed because it takes long to start starts again, "+
						"and takes as long: it never gets there")
			}
			time.Sleep(time.Second)
			p.Started()
			const why = "Started is the first sign of the loop: from there on beats are due"
			p.wants(t, "called Started at the end of "+slow, answers{livez: 200}, why)
			time.Sleep(o.LiveWindow - time.Millisecond)
			p.wants(t, "called Started after "+slow+"; 29.999 s later", answers{livez: 200}, why)
			time.Sleep(2 * time.Millisecond)
			p.wants(t, "called Started after "+slow+"; 30.001 s later", answers{livez: 503},
				"a loop that hangs in its first round hangs as well")
			p.Beat()
			p.wants(t, "called Started after "+slow+", and beat 30.001 s later", answers{livez: 200},
				"whoever beats is alive")
		}
		startedAgain(t)
	})
}

// startedAgain calls Started in each round, as a loop may that warms up again.
func startedAgain(t *testing.T) {
	t.Helper()
	o := usual()
	o.LiveWindow = 30 * time.Second
	p := begin(o)
	for range 4 {
		p.Started()
		time.Sleep(20 * time.Second)
	}
	p.wants(t, "with a LiveWindow of 30 s, called Started every 20 s, and nothing else; 20 s after the fourth",
		answers{livez: 200}, "Started is a beat, each time: whoever calls it is not hanging")
	time.Sleep(11 * time.Second)
	p.wants(t, "with a LiveWindow of 30 s, called Started every 20 s, and nothing else; 31 s after the fourth",
		answers{livez: 503}, "it is a beat, and no more than that")
	beatsAndStarts(t)
}

// beatsAndStarts has a loop that beats before it has warmed up, and then hangs.
func beatsAndStarts(t *testing.T) {
	t.Helper()
	o := usual()
	o.LiveWindow = 30 * time.Second
	for _, before := range []time.Duration{time.Second, 20 * time.Second, 29 * time.Second} {
		p := begin(o)
		p.Beat()
		time.Sleep(before)
		p.Started()
		did := fmt.Sprintf("with a LiveWindow of 30 s, beat, and called Started %v later; ", before)
		time.Sleep(o.LiveWindow - time.Millisecond)
		p.wants(t, did+"29.999 s after Started", answers{livez: 200},
			"Started is a beat, whatever came before it: the window begins anew")
		time.Sleep(2 * time.Millisecond)
		p.wants(t, did+"30.001 s after Started", answers{livez: 503},
			"it is a beat, and no more than that")
	}
}

func TestLeaving(t *testing.T) {
	virtual(t, func(t *testing.T) {
		leave := func(did string, o probes.Options, before, after func(p process)) {
			p := begin(o)
			before(p)
			p.Stopping()
			after(p)
			p.wants(t, did, waiting, "whoever leaves gets no more traffic, and is not to be "+
				"killed while it answers what it has: the grace period bounds that")
		}
		none := func(process) {}
		up := func(p process) { p.Started() }
		short := usual()
		short.LiveWindow = 30 * time.Second
		leave("called Started, then Stopping", short, up, none)
		leave("called Started, and Stopping twice", short, up, func(p process) { p.Stopping() })
		leave("called Stopping, then beat", short, up, func(p process) { p.Beat() })
		leave("called Stopping, then made 10 good polls", short, up, func(p process) {
			for range 10 {
				p.poll(t)
			}
		})
		leave("called Stopping, then did not beat for an hour, with a LiveWindow of 30 s", short,
			up, func(process) { time.Sleep(time.Hour) })
		leave("called Stopping, beat once, then did not for an hour, with a LiveWindow of 30 s",
			short, up, func(p process) { p.Beat(); time.Sleep(time.Hour) })
		leave("did not beat for an hour, with a LiveWindow of 30 s, then called Stopping", short,
			func(p process) { p.Started(); time.Sleep(time.Hour) }, none)
		leavesBeforeItIsUp(t)
	})
}

// leavesBeforeItIsUp is told to leave while it starts, and finishes its start nevertheless.
func leavesBeforeItIsUp(t *testing.T) {
	t.Helper()
	p := begin(usual())
	p.Stopping()
	p.Started()
	const why = "a deploy that is taken back stops processes that are still starting. One that is " +
		"ready when it is about to leave gets requests, and takes them with it"
	p.wants(t, "called Stopping, then Started", answers{livez: 200, readyz: 503}, why)
	p.wants(t, "called Stopping of a process that finishes its start nevertheless", answers{startupz: 200},
		"it has come up, whatever comes next")
	time.Sleep(2 * time.Hour)
	p.wants(t, "called Stopping before the start was over, with a LiveWindow of 1 h; 2 hours later", waiting, why)

	p = begin(usual())
	p.Started()
	p.Stopping()
	p.Started()
	p.wants(t, "called Started, Stopping, and Started once more", waiting, why)
}

func TestProbesAreIndependent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db, cache := database(), database()
		one, other := begin(usual(db.dep())), begin(usual(cache.dep()))
		one.Started()
		const why = "a process may have several parts with probes of their own, and tests have " +
			"many; what is known of one is known of that one"
		other.wants(t, "called Started of the other Probes",
			answers{startupz: 503, readyz: 503}, why)
		other.Started()
		db.is(errDown, 0, true)
		for range 2 {
			one.settled(t)
			other.settled(t)
		}
		one.settled(t)
		one.wants(t, "let 3 polls fail, and between them good polls of other Probes", unready, why)
		other.wants(t, "let 3 polls of the other Probes fail", ready, why)
		other.Stopping()
		one.polls(t, db, "FailAfter: 3, RecoverAfter: 2 and other Probes that are stopping", "oo",
			"01", why)
		pollsBeside(t)
	})
}

// pollsBeside has a poll of one hang while the other polls.
func pollsBeside(t *testing.T) {
	t.Helper()
	db, cache := database(), database()
	db.is(nil, time.Hour, true)
	one, other := begin(usual(db.dep())), begin(usual(cache.dep()))
	var wg sync.WaitGroup
	wg.Go(func() { one.poll(t) })
	time.Sleep(100 * time.Millisecond)
	takes(t, "made a poll while one of the other Probes hung", 0, func() { other.poll(t) })
	wg.Wait()
}

// TestNothingRunsInTheBackground is the one check that looks at what is left: see virtual.
func TestNothingRunsInTheBackground(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		db := database()
		p := begin(usual(db.dep()))
		p.Started()
		p.Beat()
		db.is(nil, 3*time.Second, false)
		p.poll(t)
		p.wants(t, "called Started, and made a poll whose check comes back 2 s after the poll "+
			"has ended", answers{startupz: 200}, "")
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		db.is(nil, 0, true)
		p.Poll(ctx)
		cancel()
		manyComeLate(t)
	})
}

// manyComeLate has checks, some of them critical, that return when their poll is long over.
func manyComeLate(t *testing.T) {
	t.Helper()
	var deps []probes.Dep
	for i := range 40 {
		f := &fake{name: fmt.Sprintf("shard %d", i), critical: i%2 == 0, takes: 3 * time.Second}
		deps = append(deps, f.dep())
	}
	p := begin(usual(deps...))
	p.poll(t)
	p.wants(t, "made a poll with 40 checks, half of them critical, which come back 2 s after the poll has ended",
		answers{startupz: 503}, "")
	time.Sleep(10 * time.Second)
}
