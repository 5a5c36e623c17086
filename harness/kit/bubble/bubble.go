// Package bubble runs a check in virtual time: a testing/synctest bubble whose failures are
// explained in the learner's words. In a bubble the clock stands still while any goroutine can run
// and jumps to the next timer when all of them wait, so that an hour takes microseconds and 99 ms
// are 99 ms on every machine.
//
// A bubble has three ways to go wrong that say nothing to somebody who has never seen one. Each is
// turned into a finding that names the learner's own line: a goroutine that outlives the check, a
// deadlock, and a mutex that is held while time stands still. So is what runs outside of any bubble.
package bubble

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// Run runs f in virtual time, which starts at 2000-01-01 00:00:00 UTC. When f returns every
// goroutine that was started in it must have ended: one that has not is the check's failure, "this
// goroutine is still waiting at …". So must every timer that sets itself again.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	run(t, f, true)
}

// RunLeaky is Run for a lab whose API has no way to stop what it has started: goroutines that are
// left when f returns are no failure.
func RunLeaky(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	run(t, f, false)
}

func run(t *testing.T, f func(t *testing.T), leakMatters bool) {
	t.Helper()
	within(t, func() {
		t.Helper()
		if m := explore(t, f, leakMatters); m != nil {
			expect.Fail(t, *m)
		}
	})
}

// explore runs f in a bubble and returns what went wrong with the bubble as such, if anything did.
func explore(t *testing.T, f func(t *testing.T), leakMatters bool) (m *expect.Message) {
	var bubble atomic.Value // the bubble's number, a string
	bubble.Store("none yet")
	stop := watch(t, &bubble)
	defer stop()
	// The stacks of what is left are gone once synctest.Test has panicked, so they are taken just
	// before f ends.
	var left []stacks.Goroutine
	defer func() {
		r := recover()
		switch text := fmt.Sprint(r); {
		case r == nil:
		case strings.Contains(text, "blocked goroutines remain"):
			if leakMatters {
				m = leakMessage(left)
			}
		case strings.Contains(text, "all goroutines in bubble are blocked"):
			// Blocked for ever, the goroutines still exist and can be looked at from here.
			m = deadlockMessage(bubbled(dump(), bubble.Load().(string)))
		default:
			panic(r)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		bubble.Store(current())
		t.Cleanup(func() {
			synctest.Wait() // let what is about to end do so
			left = others(dump())
			switch {
			case !leakMatters || len(left) > 0 || !alone():
			case goesOn():
				m = timerMessage()
			default:
				left = others(dump()) // what timers have begun meanwhile
			}
		})
		f(t)
	})
	return m
}

// listed says what the first few goroutines are doing, where.
func listed(left []stacks.Goroutine) string {
	where := make([]string, 0, len(left))
	for i, s := range left {
		if i == 3 {
			where = append(where, fmt.Sprintf("and %d more", len(left)-i))
			break
		}
		where = append(where, s.Describe())
	}
	return strings.Join(where, "; ")
}

func leakMessage(left []stacks.Goroutine) *expect.Message {
	return &expect.Message{
		Did: "let the check run to its end, stopped everything that the API lets a caller " +
			"stop, and looked for goroutines that are left",
		Want: "none: whatever a call starts has ended when its work is done or its owner has " +
			"stopped it",
		Got: plural(len(left), "goroutine") + " still there: " + listed(left),
		Why: "a goroutine that nothing can end is a leak: each one holds its memory, and often " +
			"a connection, until the process dies",
	}
}

func deadlockMessage(all []stacks.Goroutine) *expect.Message {
	where := make([]string, 0, len(all))
	for _, s := range all {
		if s.Where() != "" && len(where) < 3 {
			where = append(where, s.Describe())
		}
	}
	got := "nothing can go on: every goroutine waits, and no timer is left that could wake one"
	if len(where) > 0 {
		got += ". " + strings.Join(where, "; ")
	}
	return &expect.Message{
		Did:  "ran the check until nothing moved any more",
		Want: "every call returns in the end",
		Got:  got,
		Why:  "in production this request hangs for ever, with all that it holds",
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// patience is the real time after which the watchdog first looks at a bubble that has not ended,
// and the time between two looks. Two looks that find the very same goroutines at the same places
// are needed for a diagnosis, so a machine that is merely slow never gets one.
const patience = time.Second

// watch looks at the bubble from outside, in real time. A goroutine that waits for a mutex is not
// durably blocked, so when the mutex is held by one that sleeps, or by itself, virtual time can
// never advance (golang/go#77687) and the check would hang until its deadline. The bubble cannot be
// unblocked: the process ends with the diagnosis.
func watch(t *testing.T, bubble *atomic.Value) (stop func()) {
	done := make(chan struct{})
	started := time.Now()
	go func() {
		before := ""
		for {
			select {
			case <-done:
				return
			case <-time.After(patience):
			}
			if stacks.Many() > 0 {
				continue // a dump would hold up what may well be at work
			}
			all, whole := stacks.All()
			jam, now := jammed(all, whole, bubble.Load().(string))
			if now == "" || now != before {
				before = now
				continue
			}
			give(t, jam, time.Since(started))
		}
	}()
	return func() { close(done) }
}

// jammed looks whether a bubble has come to a stop before a mutex. now is the same for two looks
// between which nothing has moved, and empty where there is no jam that is certain: a dump that is
// not whole may lack the one that is about to unlock.
func jammed(all []stacks.Goroutine, whole bool, bubble string) (jam stacks.Jam, now string) {
	if !whole {
		return jam, ""
	}
	in := bubbled(all, bubble)
	for _, g := range all {
		inside := g.Bubble == bubble
		// One outside of the bubble may hold the mutex, too, as long as it moves in the lab's code.
		if g.Moves() && (inside || g.Where() != "") {
			return jam, ""
		}
	}
	jam, ok := stacks.FindJam(in)
	if !ok {
		return jam, ""
	}
	return jam, fingerprint(in)
}

// give ends the process with the diagnosis.
func give(t *testing.T, jam stacks.Jam, after time.Duration) {
	f := account.Finding{Did: "ran the check until nothing moved any more", Want: jam.Want(),
		Got: jam.Got(), Why: jam.Why(),
		When: fmt.Sprintf("after %v of real time in which virtual time could not move",
			after.Round(time.Second))}
	account.Record(f)
	fmt.Printf("--- FAIL: %s\n    %s\n", t.Name(), strings.ReplaceAll(expect.Text(f), "\n", "\n    "))
	os.Exit(1)
}
