package idempotency_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

func TestOnceForAHundredAtTheSameMoment(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const calls = 100
		store := newMemory()
		s := &shop{takes: time.Second}
		instances := []http.Handler{guard(store, s), guard(store, s)}
		answers := make([]answer, calls)
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				time.Sleep(time.Duration(max(0, i-97)) * 100 * time.Millisecond) // the last two
				answers[i] = ask(instances[i%2], post())
			})
		}
		wg.Wait()
		did := "sent a POST 98 times at the same moment, and 100 and 200 ms later, to two " +
			"instances that share a store; the handler takes 1 s"
		wantRuns(t, s, 1, expect.Message{Did: did, Why: "a user who is impatient taps twice, and an " +
			"app that retries does not wait for the first attempt to end"})
		created := 0
		for _, got := range answers {
			if got.status == 201 {
				created++
				expect.That(t, got.body == `{"charge":1}`, expect.Message{Did: did,
					Want: "each 201 is the one charge", Got: got.String()})
				continue
			}
			wantProblem(t, got, expect.Message{Did: did + "; looked at those who came too early"}, 409)
		}
		expect.That(t, created > 0, expect.Message{Did: did, Want: "the first of them gets its 201",
			Got: "nobody does"})
		for _, h := range instances {
			wantReplay(t, ask(h, post()), charge(1),
				expect.Message{Did: did + "; then sent it once more to each instance"})
		}
		wantRuns(t, s, 1, expect.Message{Did: did + "; then sent it once more to each instance"})
	})
}

// TestWhileTheFirstIsAtWork sends others meanwhile. Those that wait instead of being refused have
// 5 s; the handler takes 30.
func TestWhileTheFirstIsAtWork(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const patience = 5 * time.Second
		tl := timeline.New("first", "others", "handler")
		store := newMemory()
		s := &shop{takes: 30 * time.Second, tl: tl}
		one, two := guard(store, s), guard(store, s)
		var wg sync.WaitGroup
		var first answer
		wg.Go(func() { first = asks(tl, "first", one, post(), time.Hour) })
		did := "sent a POST, for which the handler takes 30 s; meanwhile "
		for i, what := range []string{"a repetition", "one with another body", "a repetition",
			"one with another body", "a repetition"} {
			time.Sleep(100 * time.Millisecond)
			r, allowed := post(), []int{409}
			if what != "a repetition" {
				r, allowed = request("POST", key, body+" "), []int{409, 422}
			}
			did := fmt.Sprintf("%s%s, number %d of 5, whose client waits for 5 s", did, what, i+1)
			start := time.Now()
			got := asks(tl, "others", []http.Handler{one, two}[i%2], r, patience)
			took := time.Since(start)
			wantRuns(t, s, 1, expect.Message{Did: did, Picture: tl,
				Why: "whoever comes too early, or with something else, has no say in who is at work"})
			expect.That(t, took < patience+time.Second, expect.Message{Did: did,
				Want: "the middleware ends when its client has gone, after 5 s, at the latest",
				Got:  fmt.Sprintf("it took %v", took), Picture: tl,
				Why: "each request that nobody waits for any more keeps a connection and memory"})
			expect.That(t, what != "a repetition" || took == 0 || took >= patience, expect.Message{
				Did: did, Want: "409 at once, or no answer before the first has got its own",
				Got: fmt.Sprintf("%d after %v", got.status, took), Picture: tl,
				Why: "who is refused in the end has waited for nothing"})
			if took < patience {
				wantProblem(t, got, expect.Message{Did: did, Picture: tl,
					Why: "the client may try again later, and must not take this for an outcome"},
					allowed...)
			}
		}
		othersDoNotWait(t, s, one, did)
		wg.Wait()
		wantReplay(t, ask(two, post()), first, expect.Message{
			Did: did + "repetitions and others; and a repetition when the first had been answered"})
	})
}

// othersDoNotWait sends requests with other keys while one is at work.
func othersDoNotWait(t *testing.T, s *shop, h http.Handler, did string) {
	t.Helper()
	const others = 500
	start := time.Now()
	var wg sync.WaitGroup
	for i := range others {
		wg.Go(func() { ask(h, request("POST", fmt.Sprint("another-", i), body)) })
	}
	wg.Wait()
	took := time.Since(start)
	expect.That(t, took == s.takes && s.count() == others+1, expect.Message{
		Did:  did + "500 at once with other keys, each another one",
		Want: "all are answered after their own 30 s: they wait for nobody",
		Got:  fmt.Sprintf("after %v; the handler has run %s", took, times(s.count())),
		Why:  "one slow request would stop all others"})
}

// TestWhoWaitsGetsTheReplay has a second client that waits for as long as it takes.
func TestWhoWaitsGetsTheReplay(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, takes := range []time.Duration{time.Second, 50 * time.Second} {
			store := newMemory()
			s := &shop{takes: takes}
			var wg sync.WaitGroup
			var first, second answer
			wg.Go(func() { first = ask(guard(store, s), post()) })
			time.Sleep(100 * time.Millisecond)
			start := time.Now()
			second = ask(guard(store, s), post())
			took := time.Since(start)
			wg.Wait()
			did := fmt.Sprintf("sent a POST, for which the handler takes %v, and 100 ms later a "+
				"repetition, whose client waits as long as it takes", takes)
			wantRun(t, s, first, 1, expect.Message{Did: did + "; looked at the first answer"})
			if second.status == 409 {
				wantProblem(t, second, expect.Message{Did: did}, 409)
				expect.That(t, took == 0, expect.Message{Did: did, Want: "409 at once, or the replay",
					Got: fmt.Sprintf("409 after %v", took)})
				continue
			}
			wantReplay(t, second, first, expect.Message{Did: did})
		}
	})
}

func TestAKeyIsRememberedFor24Hours(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const day, takes = 24 * time.Hour, 2 * time.Second
		s := &shop{takes: takes}
		h := guard(newMemory(), s)
		first := ask(h, post())
		did := "sent a POST, for which the handler takes 2 s, and again "
		time.Sleep(day / 2)
		wantReplay(t, ask(h, post()), first, expect.Message{Did: did + "12 h after the answer"})
		wantProblem(t, ask(h, request("POST", key, "{}")), expect.Message{
			Did: did + "12 h after the answer, with another body"}, 422)
		time.Sleep(day/2 - time.Millisecond)
		wantReplay(t, ask(h, post()), first, expect.Message{Did: did + "23:59:59.999 h after the answer",
			Why: "clients are told for how long they may try, and some queue requests over night"})
		time.Sleep(2 * time.Millisecond)
		wantRun(t, s, ask(h, post()), 2, expect.Message{
			Did: did + "12 h, 23:59:59.999 h and 24:00:00.001 h after the answer",
			Why: "what is remembered for ever fills the store; and whoever asks every hour must not " +
				"keep it there"})
	})
}

// TestADeadInstance has one that dies at work: what it does to the store afterwards never arrives.
func TestADeadInstance(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const lock = time.Minute
		tl := timeline.New("client", "handler")
		store := newMemory()
		s := &shop{tl: tl, takes: 3 * time.Second}
		dying := guard(&flaky{Store: store, complete: errStore, release: errStore}, s)
		alive := guard(store, s)
		start := time.Now()
		go ask(dying, post())
		tl.Point("client", "POST, and the instance dies at work")
		for at := 10 * time.Second; at < lock; at += 10 * time.Second {
			time.Sleep(at - time.Since(start))
			asks(tl, "client", alive, post(), time.Second)
		}
		time.Sleep(lock - time.Millisecond - time.Since(start))
		asks(tl, "client", alive, post(), time.Nanosecond)
		did := "sent a POST to an instance that dies at work, and again to another instance, "
		wantRuns(t, s, 1, expect.Message{Did: did + "until 59.999 s after the beginning", Picture: tl,
			Why: "the other instance cannot tell a dead one from a slow one"})
		time.Sleep(2 * time.Millisecond)
		got := asks(tl, "client", alive, post(), time.Hour)
		wantRun(t, s, got, 2, expect.Message{Did: did + "the last time 60.001 s after the beginning",
			Picture: tl, Why: "a lock that its owner cannot return must run out, or the client is " +
				"locked out for good"})
		wantReplay(t, ask(alive, post()), got, expect.Message{Did: did + "and once more, when that " +
			"had been answered"})
	})
}
