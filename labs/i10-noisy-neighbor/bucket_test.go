package fairshare_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

// bucket are options of which only the bucket binds.
func bucket(rate float64, burst int) fairshare.Options {
	o := options()
	o.Rate, o.Burst = rate, burst
	return o
}

func TestTheBucket(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, burst := range []int{10, 1, 3} {
			h, alice := protected(bucket(10, burst)), by("alice", "203.0.113.7")
			did := fmt.Sprintf("with Rate 10 and Burst %d, ", burst)
			passes(t, h, alice, burst, did+"made requests as a new client",
				"a page asks for ten things at once and then for nothing: that is no attack")
			time.Sleep(99 * time.Millisecond)
			passes(t, h, alice, 0, did+"used up all tokens, and made requests 99 ms later",
				"a limit that lets more through is none")
			time.Sleep(2 * time.Millisecond)
			passes(t, h, alice, 1, did+"used up all tokens, and made requests 101 ms later, after "+
				"some that had been refused", "a refusal that costs something keeps a client out that "+
				"tries again too early, in the end for ever")
			time.Sleep(time.Hour)
			passes(t, h, alice, burst, did+"made requests after an hour of silence",
				"tokens that pile up overnight are a wave in the morning")
			time.Sleep(99 * time.Millisecond)
			passes(t, h, alice, 0, did+"used up all tokens after an hour of silence, and made requests "+
				"99 ms later", "a bucket that is full holds not a part of a token more")
			passes(t, h, by("bob", "198.51.100.7"), burst, did+"made requests as another client",
				"each has a share of its own")
		}
		whateverItAsksFor(t)
		however(t)
		afterALongSilence(t)
		drips(t)
	})
}

// passes demands that of n + 3 requests at one instant n pass, and that none waits.
func passes(t *testing.T, h http.Handler, c caller, n int, did, why string) {
	t.Helper()
	begin := time.Now()
	got := admitted(h, c, n+3)
	took := time.Since(begin)
	expect.That(t, got == n && took == 0, expect.Message{
		Did: did, Want: fmt.Sprintf("%d pass, the others are refused, all at once", n),
		Got: fmt.Sprintf("%d passed, after %v", got, took), Why: why})
}

// whateverItAsksFor makes requests that differ in all but the client.
func whateverItAsksFor(t *testing.T) {
	t.Helper()
	methods := []string{"GET", "POST", "DELETE", "HEAD", "OPTIONS"}
	paths := []string{"/orders/1", "/orders/2", "/", "/healthz", "/metrics", "/favicon.ico", "/static/logo.svg"}
	i, alice := 0, by("alice", "203.0.113.7")
	passes(t, protected(bucket(10, 10)), func() *http.Request {
		r := alice()
		i++
		r.Method = methods[i%len(methods)]
		r.URL.Path = paths[i%len(paths)]
		r.Host = fmt.Sprintf("shop-%d.example", i%2)
		return r
	}, 10, "with Rate 10 and Burst 10, made requests of different methods, paths and hosts as a new "+
		"client", "the share is that of a client, and not one for each of a thousand routes")
}

// however has requests that end in some way or other: each has taken its token.
func however(t *testing.T) {
	t.Helper()
	for _, e := range endings {
		if e.what == "return" {
			continue
		}
		s := &slow{takes: time.Second, end: e.end}
		h := fairshare.Protect(bucket(0.001, 3))(s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		var c crowd
		alice := by("alice", "203.0.113.7")
		request := func() *http.Request {
			r := alice()
			return r.WithContext(withCancel(r.Context(), ctx))
		}
		c.send(h, 3, request)
		c.wg.Wait()
		cancel()
		a := send(h, request())
		expect.That(t, a.status == http.StatusTooManyRequests, expect.Message{
			Did:  "with Rate 0.001 and Burst 3, made 3 requests whose handlers end with: " + e.what + "; and then one more",
			Want: "429: each of them has taken a token", Got: a.String(),
			Why: "what went wrong has cost the server as much as what went well. A client that makes handlers fail, " +
				"or hangs up, would have no limit"})
	}
}

// afterALongSilence has buckets fill for longer than some numbers last.
func afterALongSilence(t *testing.T) {
	t.Helper()
	for _, rate := range []float64{1e6, 100, 1} {
		h, alice := protected(bucket(rate, 10)), by("alice", "203.0.113.7")
		passes(t, h, alice, 10, fmt.Sprintf("with Rate %v and Burst 10, made requests as a new client", rate), whyBack)
		time.Sleep(300 * 24 * time.Hour)
		passes(t, h, alice, 10, fmt.Sprintf("with Rate %v and Burst 10, made requests after 300 days of silence", rate),
			whyBack)
	}
}

const whyBack = "a customer who comes back after a long time has a full bucket, and no negative one"

// drips asks so often that each time only a part of a token has come in.
func drips(t *testing.T) {
	t.Helper()
	for _, rate := range []float64{10, 0.5, 3, 700, 2.5, 300_000} {
		h, alice := protected(bucket(rate, 5)), by("alice", "203.0.113.7")
		admitted(h, alice, 5)
		window := time.Duration(20.5 / rate * float64(time.Second)) // for half a token more than 20
		got, step := 0, window/2000
		for begin := time.Now(); time.Since(begin) < window; time.Sleep(step) {
			got += admitted(h, alice, 1)
		}
		expect.That(t, got == 20, expect.Message{
			Did: fmt.Sprintf("with Rate %v and Burst 5, used up all tokens, and then made a request "+
				"every %v for %v", rate, step, window),
			Want: "20 pass", Got: fmt.Sprintf("%d passed", got),
			Why: "tokens come in continuously; where fractions are lost a client gets less than its " +
				"share, and where they are rounded up more"})
	}
}

func TestEachProtectHasItsOwnBooks(t *testing.T) {
	virtual(t, func(t *testing.T) {
		prices, orders := protected(bucket(0.001, 5)), protected(bucket(0.001, 2))
		alice := by("alice", "203.0.113.7")
		got := [2]int{admitted(prices, alice, 8), admitted(orders, alice, 8)}
		expect.That(t, got == [2]int{5, 2}, expect.Message{
			Did:  "made 8 requests of a server with a Burst of 5, then 8 of another with a Burst of 2",
			Want: "5 and 2 pass", Got: fmt.Sprintf("%d and %d", got[0], got[1]),
			Why: "two servers in one program, a public one and one for the staff for instance, " +
				"have limits of their own"})
		protect := fairshare.Protect(bucket(0.001, 5))
		prices, orders = protect(ok), protect(ok)
		got = [2]int{admitted(prices, alice, 3), admitted(orders, alice, 8)}
		expect.That(t, got == [2]int{3, 2}, expect.Message{
			Did: "put two handlers behind the middleware of one Protect, with a Burst of 5, and made 3 " +
				"requests of the first, then 8 of the second",
			Want: "3 and 2 pass: one Protect, one bucket", Got: fmt.Sprintf("%d and %d", got[0], got[1]),
			Why: "a client has a share of what stands behind, and not one more for each route that is " +
				"registered"})
	})
}
