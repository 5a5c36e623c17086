package health_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	health "github.com/backend-labs/backend-labs/labs/b14-health-endpoint"
)

func TestWhatWasFoundGrowsOld(t *testing.T) {
	for _, one := range []struct{ cacheFor, wait time.Duration }{{0, 0},
		{50 * time.Millisecond, 120 * time.Millisecond}} {
		var broken atomic.Bool
		db := func(context.Context) error {
			if broken.Load() {
				return errDown
			}
			return nil
		}
		h := health.NewHealth(one.cacheFor, health.Check{Name: "db", Critical: true, Timeout: ample,
			Func: db})
		for _, turn := range []struct {
			broken         bool
			code           int
			status, of, is string
		}{{false, 200, "ok", "up", "was up"}, {true, 503, "down", "down", "broke"},
			{false, 200, "ok", "up", "came back"}} {
			broken.Store(turn.broken)
			time.Sleep(one.wait)
			wantAnswer(t, fmt.Sprintf("probed %v after db %s, with a cacheFor of %v", one.wait,
				turn.is, one.cacheFor), probe(t, h, "GET"),
				turn.code, turn.status, map[string]string{"db": turn.of},
				"what was found a while ago says nothing about now; an instance must leave the "+
					"balancer when it breaks, and come back when it is well")
		}
	}
}

// TestItIsUsedUntilTheEndAndNoLonger: to the millisecond.
func TestItIsUsedUntilTheEndAndNoLonger(t *testing.T) {
	for _, cacheFor := range []time.Duration{time.Minute, 30 * time.Millisecond, 1600 * time.Millisecond,
		26 * time.Hour} {
		usedFor(t, cacheFor, true)
	}
	usedFor(t, 10*time.Second, false)
}

func usedFor(t *testing.T, cacheFor time.Duration, isCritical bool) {
	t.Helper()
	code, status := 503, "down"
	if !isCritical {
		code, status = 200, "degraded"
	}
	bubble.Run(t, func(t *testing.T) {
		runs := 0
		h := health.NewHealth(cacheFor, health.Check{Name: "db", Critical: isCritical, Timeout: ample,
			Func: func(context.Context) error {
				runs++
				if runs == 2 {
					return errDown
				}
				return nil
			}})
		for _, at := range []struct {
			wait   time.Duration
			what   string
			code   int
			status string
			is     string
		}{
			{0, "for the first time, while db was up", 200, "ok", "up"},
			{cacheFor - time.Millisecond, fmt.Sprintf("1 ms before what was found was %v old, with a "+
				"cacheFor of %[1]v, when db had broken", cacheFor), 200, "ok", "up"},
			{2 * time.Millisecond, fmt.Sprintf("1 ms after it was %v old, with a cacheFor of %[1]v, when "+
				"db had broken", cacheFor), code, status, "down"},
			{cacheFor - time.Millisecond, fmt.Sprintf("1 ms before that was %v old, with a cacheFor of %[1]v, when db had "+
				"recovered", cacheFor), code, status, "down"},
			{2 * time.Millisecond, fmt.Sprintf("1 ms after that was %v old, with a cacheFor of %[1]v, when db had "+
				"recovered", cacheFor), 200, "ok", "up"},
		} {
			time.Sleep(at.wait)
			wantAnswer(t, "probed "+at.what, probe(t, h, "GET"), at.code, at.status,
				map[string]string{"db": at.is},
				"whoever says how old an answer may be counts on it: a balancer that is told what "+
					"was true before sends customers to an instance that is down")
		}
	})
}

// TestProbesDoNotKeepItYoung: what grows old is what was found, however often it is asked for.
func TestProbesDoNotKeepItYoung(t *testing.T) {
	var broken atomic.Bool
	h := health.NewHealth(time.Second, health.Check{Name: "db", Critical: true, Timeout: ample,
		Func: func(context.Context) error {
			if broken.Load() {
				return errDown
			}
			return nil
		}})
	wantAnswer(t, "probed while db was up", probe(t, h, "GET"), 200, "ok",
		map[string]string{"db": "up"}, "")
	broken.Store(true)
	var got answer
	for begin := time.Now(); got.code != 503 && time.Since(begin) < 3*time.Second; {
		time.Sleep(20 * time.Millisecond)
		got = probe(t, h, "GET")
	}
	wantAnswer(t, "let db break, and probed every 20 ms for 3 s, with a cacheFor of a second", got,
		503, "down", map[string]string{"db": "down"},
		"an instance is probed all the time; if each probe makes what was found last longer, it "+
			"lasts for ever")
}

// TestItIsYoungWhenItIsFound: not when somebody began to look.
func TestItIsYoungWhenItIsFound(t *testing.T) {
	var runs atomic.Int32
	for range 3 { // a busy machine may be late once
		runs.Store(0)
		h := health.NewHealth(700*time.Millisecond, health.Check{Name: "db", Critical: true,
			Timeout: ample, Func: func(context.Context) error {
				runs.Add(1)
				time.Sleep(time.Second)
				return nil
			}})
		for range 2 {
			wantAnswer(t, "probed while the check of db took a second",
				probe(t, h, "GET"), 200, "ok", map[string]string{"db": "up"}, "")
		}
		if runs.Load() == 1 {
			return
		}
	}
	expect.Fatal(t, expect.Message{
		Did:  "probed a check that takes a second, with a cacheFor of 700 ms, and once more at once",
		Want: "the check run once: what was found a moment ago is used",
		Got:  fmt.Sprintf("run %d times", runs.Load()),
		Why: "a slow database is asked all the more if what it says is too old before it is " +
			"known: the check then runs without a pause",
	})
}

// TestWhoComesMeanwhileWaits: also when there is something older to be had.
func TestWhoComesMeanwhileWaits(t *testing.T) {
	const cacheFor = 50 * time.Millisecond
	var broken atomic.Bool
	started, release := make(chan struct{}, 8), make(chan struct{})
	h := health.NewHealth(cacheFor, health.Check{Name: "db", Critical: true, Timeout: ample,
		Func: func(context.Context) error {
			if !broken.Load() {
				return nil
			}
			started <- struct{}{}
			<-release
			return errDown
		}})
	wantAnswer(t, "probed while db was up", probe(t, h, "GET"), 200, "ok",
		map[string]string{"db": "up"}, "")
	broken.Store(true)
	time.Sleep(2 * cacheFor)
	answers := make(chan answer, 2)
	ask := func() { answers <- serve(t, h, httptest.NewRequest("GET", "/healthz", nil)) }
	go ask()
	select {
	case <-started:
	case <-time.After(ample):
	}
	go ask()
	var early []answer
	select {
	case a := <-answers:
		early = append(early, a)
	case <-time.After(200 * time.Millisecond):
	}
	close(release)
	for range 2 - len(early) {
		early = append(early, receive(t, answers))
	}
	for _, got := range early {
		wantAnswer(t, "let db break, probed when what was found before was too old, and once "+
			"more while the check was running again", got, 503, "down",
			map[string]string{"db": "down"},
			"what is too old is not used any more, also not while something newer is on its "+
				"way: that may take as long as a timeout")
	}
}
