package herd_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
)

type userKey struct{}

// errClosed is the cause of what a caller does: it is for the log of the caller, and not the error of its context.
var errClosed = errors.New("the reader has closed the tab")

func TestWhoHangsUpHarmsNobody(t *testing.T) {
	both(t, aMinute, func(t *testing.T, w *world) {
		o := outcome{takes: time.Second}
		ctx, cancel := context.WithCancelCause(t.Context())
		first := start(func() answer { return w.askCtx(ctx, 0, page, o) })
		time.Sleep(10 * time.Millisecond)
		others := start(func() []answer { return w.crowd(10, 0, page, o) })
		time.Sleep(90 * time.Millisecond)
		w.tl.Point(w.lane(0), "the first hangs up")
		cancel(errClosed)
		a := first.wait(t, expect.Message{Did: w.with() + "cancelled the context of a caller who waits for a load",
			Want: "an error at once"})
		expect.That(t, sentinel.Is(a.err, context.Canceled) && a.took <= 150*time.Millisecond, expect.Message{
			Did:  w.with() + "cancelled the context of the caller who has started a load, after 100 ms of its second",
			Want: "context.Canceled at once",
			Got:  a.String(),
			Why:  "a request whose client has gone holds its memory and its connection until the handler returns",
		})
		all := others.wait(t, expect.Message{Did: w.with() + "let the first of 11 callers hang up",
			Want: "the value for the other 10"})
		bad := wrong(all, func(a answer) bool { return a.is(page, 1, 1100*time.Millisecond) })
		expect.That(t, bad == "" && w.loaded(page) == 1, expect.Message{
			Did: w.with() + "let 11 callers wait for a load that takes 1s, and the first of them hang up " +
				"after 100 ms",
			Want:    "the value of this one load for the other 10",
			Got:     strings.TrimSuffix(fmt.Sprintf("%s; %s", loads(w.loaded(page)), bad), "; "),
			Why:     "one reader closes a tab, and ten others are told \"context canceled\"",
			Picture: w.tl,
		})
		// The same where the load is another instance's, and this one only waits for it.
		w.tl.Clear()
		key := "of another"
		loading := start(func() answer { return w.ask(1, key, outcome{takes: 2 * time.Second}) })
		time.Sleep(10 * time.Millisecond)
		ctx, cancel = context.WithCancelCause(t.Context())
		first = start(func() answer { return w.askCtx(ctx, 0, key, outcome{takes: 2 * time.Second}) })
		time.Sleep(10 * time.Millisecond)
		other := start(func() answer { return w.ask(0, key, outcome{takes: 2 * time.Second}) })
		time.Sleep(80 * time.Millisecond)
		w.tl.Point(w.lane(0), "the first hangs up")
		cancel(errClosed)
		for _, l := range []*later[answer]{first, loading} {
			l.wait(t, expect.Message{Did: w.with() + "let a caller hang up", Want: "an answer for everybody"})
		}
		a = other.wait(t, expect.Message{Did: w.with() + "let a caller hang up", Want: "an answer for everybody"})
		expect.That(t, a.is(key, 1, 2100*time.Millisecond) && w.loaded(key) == 1, expect.Message{
			Did: w.with() + "let two callers wait for a load of 2s that another one has started (in the other " +
				"instance, if " +
				"there is one), and the first of the two hang up after 90 ms",
			Want: "the value of this load for the other",
			Got:  fmt.Sprintf("%v; %s", a, loads(w.loaded(key))),
			Why: "to wait for another instance is work that is done for all who wait, and not for the one " +
				"who came first",
			Picture: w.tl,
		})
	})
}

func TestADeadlineIsTheCallersAlone(t *testing.T) {
	both(t, settings{ttl: time.Minute, lease: time.Hour}, func(t *testing.T, w *world) {
		o := outcome{takes: 2 * time.Minute}
		limited := func(i int) answer {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			return w.askCtx(ctx, i, page, o)
		}
		wants := func(who string, a answer) {
			t.Helper()
			expect.That(t, sentinel.Is(a.err, context.DeadlineExceeded) && a.took >= 99*time.Millisecond &&
				a.took <= 150*time.Millisecond, expect.Message{
				Did:     w.with() + "asked with a deadline of 100 ms for a value that takes 2m to load, as " + who,
				Want:    "context.DeadlineExceeded after 100 ms (150 ms is accepted)",
				Got:     a.String(),
				Why:     "a deadline says after how long the answer is worth nothing any more",
				Picture: w.tl,
			})
		}
		wants("the first caller of all", limited(0))
		time.Sleep(time.Millisecond)
		patient := start(func() answer { return w.ask(0, page, o) })
		time.Sleep(time.Millisecond)
		wants("one who joins a load that is running", limited(0))
		time.Sleep(time.Millisecond)
		wants("one in another instance than the load, if there is one", limited(1))
		a := patient.wait(t, expect.Message{Did: w.with() + "waited for a value without a deadline", Want: "the value"})
		expect.That(t, a.is(page, 1, 2*time.Minute+100*time.Millisecond) && w.loaded(page) == 1, expect.Message{
			Did: w.with() + "waited without a deadline for a load that takes 2m and that a caller with a " +
				"deadline of 100 ms " +
				"had started",
			Want:    "the value of that load",
			Got:     fmt.Sprintf("%v; %s", a, loads(w.loaded(page))),
			Why:     "the deadline was one reader's, and the value is everybody's",
			Picture: w.tl,
		})
	})
	shared(t, 1, settings{ttl: time.Minute}, func(t *testing.T, w *world) {
		w.r.Links[0].Hang()
		w.tl.Point("Redis", "takes what it is sent, and never answers")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		a := w.askCtx(ctx, 0, page, outcome{takes: time.Second})
		expect.That(t, sentinel.Is(a.err, context.DeadlineExceeded) && a.took >= 99*time.Millisecond &&
			a.took <= 150*time.Millisecond, expect.Message{
			Did: w.with() + "asked with a deadline of 100 ms while Redis took what it was sent and never answered; the " +
				"value takes 1s to load",
			Want:    "context.DeadlineExceeded after 100 ms (150 ms is accepted)",
			Got:     a.String(),
			Why:     "whose context it is does not depend on what is being waited for",
			Picture: w.tl,
		})
	})
}

func TestALoadHasTheValuesOfTheCallersContext(t *testing.T) {
	both(t, aMinute, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var users []any
		for i, user := range []string{"alice", "bob"} {
			if i == 1 {
				time.Sleep(time.Minute + time.Second) // so that bob's load is one behind
			}
			ctx := context.WithValue(t.Context(), userKey{}, user)
			w.getCtx(ctx, 0, page, func(ctx context.Context) ([]byte, error) {
				mu.Lock()
				users = append(users, ctx.Value(userKey{}))
				mu.Unlock()
				return []byte(user), nil
			})
			time.Sleep(time.Second)
			mu.Lock()
			got := fmt.Sprint(users)
			mu.Unlock()
			want := []string{"[alice]", "[alice bob]"}[i]
			expect.That(t, got == want, expect.Message{
				Did:  w.with() + "asked with a value in the context, and again when the first value was old",
				Want: "loads whose contexts have " + want,
				Got:  got,
				Why:  "the trace, the tenant and the logger travel in the context: a load without them is in no trace",
			})
		}
	})
}

var errDown = errors.New("the database is down")

func TestAnErrorIsSharedAndNotKept(t *testing.T) {
	both(t, aMinute, func(t *testing.T, w *world) {
		for round := 1; round <= 2; round++ {
			before := w.loaded(page)
			all := make([]answer, 20)
			var wg sync.WaitGroup
			for i := range all {
				wg.Go(func() {
					all[i] = w.get(0, page, w.load(0, page, outcome{takes: time.Second,
						err: fmt.Errorf("round %d: %w", round, errDown)}))
				})
			}
			wg.Wait()
			bad := wrong(all, func(a answer) bool {
				return sentinel.Is(a.err, errDown) && strings.Contains(sentinel.Text(a.err), fmt.Sprint("round "+
					"", round)) &&
					a.value == "" && a.took <= 1100*time.Millisecond
			})
			n := w.loaded(page) - before
			expect.That(t, bad == "" && n == 1, expect.Message{
				Did: w.with() + fmt.Sprintf("let 20 callers of one instance wait for a load that fails after 1s with "+
					"\"round %d: %v\"", round, errDown),
				Want: "1 load, and its error for all of them",
				Got:  strings.TrimSuffix(fmt.Sprintf("%s; %s", loads(n), bad), "; "),
				Why: "if each of those who waited tries again, the database that has just failed gets the whole " +
					"herd; and an " +
					"error that is kept is told to everybody long after the database is well",
			})
		}
		a := w.ask(0, page, outcome{takes: time.Second})
		expect.That(t, a.is(page, 3, 1100*time.Millisecond), expect.Message{
			Did: w.with() + "asked again directly after two loads that have failed", Want: "the value, after 1s",
			Got: a.String(),
			Why: "an error that is kept is told to everybody long after the database is well",
		})
		const broken = "half a page"
		a = w.ask(0, broken, outcome{takes: time.Second, err: errDown, half: []byte("<html><h1>Elec")})
		expect.That(t, sentinel.Is(a.err, errDown), expect.Message{
			Did: w.with() + "let a load return what it had got so far, and an error", Want: "the error: " + errDown.Error(), Got: a.String()})
		a = w.ask(0, broken, outcome{takes: time.Second})
		expect.That(t, a.is(broken, 2, 1100*time.Millisecond), expect.Message{
			Did:  w.with() + "let a load return what it had got so far, and an error, and asked again",
			Want: "the value of a second load, after 1s", Got: a.String(),
			Why: "what comes with an error is no value: half a page would be shown to everybody for a minute",
		})
	})
}

func TestAfterAnErrorEveryInstanceMayLoadAtOnce(t *testing.T) {
	shared(t, 3, settings{ttl: time.Minute, lease: 3 * time.Minute}, func(t *testing.T, w *world) {
		for round, bad := range []outcome{{err: errDown}, {panic: "index out of range"}} {
			key := fmt.Sprint("key ", round)
			w.tl.Clear()
			w.ask(0, key, bad)
			time.Sleep(time.Millisecond)
			a := w.ask(1, key, outcome{takes: 20 * time.Millisecond})
			expect.That(t, a.is(key, 2, 70*time.Millisecond), expect.Message{
				Did:  "let a load fail on one instance, and asked another one 1 ms later; the lease is 3m",
				Want: "a load at once, and its value",
				Got:  a.String(),
				Why: "a lock that is let go only after a success turns one failed query into an outage as " +
					"long as the lease",
				Picture: w.tl,
			})
		}
		w.tl.Clear()
		key := "waiting"
		first := start(func() answer { return w.ask(0, key, outcome{takes: time.Second, err: errDown}) })
		time.Sleep(100 * time.Millisecond)
		a := w.ask(1, key, outcome{takes: time.Second})
		first.wait(t, expect.Message{Did: "let a load fail", Want: "its error"})
		expect.That(t, a.is(key, 2, 2100*time.Millisecond), expect.Message{
			Did:     "let a load of 1s fail on one instance, while another one waited for it",
			Want:    "that the other instance loads, and has its value 2s after the beginning",
			Got:     a.String(),
			Why:     "what one instance could not load another one may, and nobody tells it of the error",
			Picture: w.tl,
		})
	})
}

func TestAPanicIsAnError(t *testing.T) {
	both(t, aMinute, func(t *testing.T, w *world) {
		panics := []any{"index out of range", fmt.Errorf("nil map: %w", errDown), 404, http.ErrAbortHandler}
		for i, p := range panics {
			all := make([]answer, 20)
			before := w.loaded(page)
			var wg sync.WaitGroup
			for i := range all {
				wg.Go(func() { all[i] = w.get(0, page, w.load(0, page, outcome{takes: time.Second, panic: p})) })
			}
			wg.Wait()
			bad := wrong(all, func(a answer) bool {
				return a.err != nil && strings.Contains(sentinel.Text(a.err), fmt.Sprint(p)) && a.took <= 1100*time.Millisecond
			})
			expect.That(t, bad == "" && w.loaded(page) == before+1, expect.Message{
				Did: w.with() + fmt.Sprintf("let 20 callers wait for a load that panics after 1s with \"%v\" "+
					"(it is the %d. "+
					"that panics)", p, i+1),
				Want: "1 load, and for all of them an error that has these words",
				Got:  strings.TrimSuffix(fmt.Sprintf("%s; %s", loads(w.loaded(page)-before), bad), "; "),
				Why: "a panic in a goroutine of its own ends the process, with all requests in it; and one that " +
					"leaves the load " +
					"marked as running makes everybody wait for ever",
			})
		}
		a := w.ask(0, page, outcome{takes: time.Second})
		expect.That(t, a.is(page, len(panics)+1, 1100*time.Millisecond), expect.Message{
			Did: w.with() + fmt.Sprintf("asked again after %d loads that have panicked", len(panics)), Want: "the value, after " +
				"1s", Got: a.String(),
			Why: "a mistake in one line, for one row, would take this key away until the next deployment",
		})
	})
}

func TestALoadBehindThatFailsChangesNothing(t *testing.T) {
	both(t, settings{ttl: time.Minute, stale: time.Hour, lease: time.Hour}, func(t *testing.T, w *world) {
		w.ask(0, page, outcome{})
		time.Sleep(time.Minute + time.Second)
		w.tl.Clear()
		for i, bad := range []outcome{{err: errDown}, {panic: "index out of range"}, {err: errDown}, {}} {
			a := w.ask(i, page, bad)
			time.Sleep(time.Second)
			n := w.loaded(page)
			expect.That(t, a.is(page, 1, 10*time.Millisecond) && n == i+2, expect.Message{
				Did: w.with() + fmt.Sprintf("asked for an old value whose load behind fails or panics, %d "+
					"times, 1s apart",
					i+1),
				Want: fmt.Sprintf("the old value each time, and a try behind it each time: %d so far", i+1),
				Got:  fmt.Sprintf("%v; %d tries", a, n-1),
				Why: "the old value is what keeps the page up while the database is down, for as long as " +
					"stale allows",
				Picture: w.tl,
			})
		}
		a := w.ask(0, page, outcome{})
		expect.That(t, a.is(page, 5, 10*time.Millisecond), expect.Message{
			Did: w.with() + "asked again after a load behind that has succeeded", Want: "its value", Got: a.String(),
		})
	})
}
