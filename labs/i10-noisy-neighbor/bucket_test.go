package fairshare_test

import (
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
	i, alice := 0, by("alice", "203.0.113.7")
	passes(t, protected(bucket(10, 10)), func() *http.Request {
		r := alice()
		i++
		r.Method = []string{"GET", "POST", "DELETE"}[i%3]
		r.URL.Path = fmt.Sprintf("/orders/%d", i)
		r.Host = fmt.Sprintf("shop-%d.example", i%2)
		return r
	}, 10, "with Rate 10 and Burst 10, made requests of different methods, paths and hosts as a new "+
		"client", "the share is that of a client, and not one for each of a thousand routes")
}

// drips asks so often that each time only a part of a token has come in.
func drips(t *testing.T) {
	t.Helper()
	for _, rate := range []float64{10, 0.5, 3, 700} {
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
