package fairshare_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

// narrow are options of which only the number in flight binds.
func narrow(n int) fairshare.Options {
	o := options()
	o.MaxInFlight = n
	return o
}

func TestSoManyAtATime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, most := range []int{10, 1, 1500} {
			s := &slow{takes: time.Second}
			h := fairshare.Protect(narrow(most))(s)
			var c crowd
			opened := most + 90
			c.send(h, opened, by("alice", "203.0.113.7"))
			got := c.got()
			did := fmt.Sprintf("opened %d requests that take a second, with MaxInFlight %d", opened, most)
			expect.That(t, s.now() == most && len(got) == opened-most, expect.Message{Did: did,
				Want: fmt.Sprintf("%d run, and %d are answered at once", most, opened-most),
				Got: fmt.Sprintf("%d run; after a millisecond the others got %s", s.now(),
					statuses(got)),
				Why: "slow requests hold connections and memory, and a limit on requests a second " +
					"does not see them. Those that wait for a slot hold as much"})
			for _, a := range got {
				expect.That(t, a.status == 429 && a.took == 0, expect.Message{Did: did,
					Want: "429 at once for those beyond", Got: fmt.Sprintf("%s after %v", a, a.took)})
				refusal(t, did, a)
			}
			other := send(h, by("bob", "198.51.100.7")())
			expect.That(t, other.status == 200, expect.Message{Did: did + "; another client then made one",
				Want: "200", Got: other.String(),
				Why: "if all share the same slots, one client's slow requests are everybody's outage"})
			c.wg.Wait()
		}
		oneByOne(t)
		refusedMeanwhile(t)
		besideASlowReader(t)
	})
}

// oneByOne has more slots than tokens.
func oneByOne(t *testing.T) {
	t.Helper()
	o := bucket(1, 1)
	o.MaxInFlight = 3
	s := &slow{takes: time.Minute}
	h := fairshare.Protect(o)(s)
	var c crowd
	for range 5 {
		c.send(h, 1, by("alice", "203.0.113.7"))
		time.Sleep(1100 * time.Millisecond)
	}
	expect.That(t, s.now() == 3, expect.Message{
		Did:  "with Burst 1, Rate 1 and MaxInFlight 3, opened 5 requests that take a minute, one every 1.1 s",
		Want: "3 run", Got: fmt.Sprintf("%d run", s.now()),
		Why: "Burst is what may come at once, MaxInFlight what may work at once; neither bounds the other"})
	c.wg.Wait()
}

// refusedMeanwhile has very many requests refused while there is neither a slot nor a token.
func refusedMeanwhile(t *testing.T) {
	t.Helper()
	o := bucket(1, 3)
	o.MaxInFlight = 1
	h := fairshare.Protect(o)(&slow{takes: 10 * time.Millisecond})
	alice := by("alice", "203.0.113.7")
	for range 3 {
		send(h, alice())
	}
	var c crowd
	time.Sleep(time.Second)
	c.send(h, 100, alice) // one runs
	c.wg.Wait()
	time.Sleep(1100 * time.Millisecond)
	a := send(h, alice())
	expect.That(t, a.status == 200, expect.Message{
		Did: "with Rate 1, Burst 3 and MaxInFlight 1, used up all tokens, made 100 requests at once a second later, " +
			"and one more after 1.1 s",
		Want: "200: the 99 that found no token have changed nothing", Got: a.String(),
		Why: "a bucket that owes tokens keeps a client out for as long as it has once tried too hard"})
}

// stalled is a client that reads no answer for an hour, and sends no body.
type stalled struct{ nowhere }

func (w *stalled) Write(p []byte) (int, error) {
	time.Sleep(time.Hour)
	return len(p), nil
}

func (w *stalled) Read(p []byte) (int, error) {
	time.Sleep(time.Hour)
	return 0, io.EOF
}

func (w *stalled) Close() error { return nil }

// besideASlowReader has refused requests of which nobody reads the answer, and which have a body
// that does not come.
func besideASlowReader(t *testing.T) {
	t.Helper()
	h, alice := protected(bucket(0.001, 1)), by("alice", "203.0.113.7")
	send(h, alice())
	r := alice()
	r.Method, r.Body, r.ContentLength = "POST", &stalled{}, 100
	a := send(h, r)
	expect.That(t, a.status == 429 && a.took == 0, expect.Message{
		Did:  "with a Burst of 1, made a second request, whose body does not come for an hour",
		Want: "429 at once", Got: fmt.Sprintf("%s after %v", a, a.took),
		Why: "whoever reads a body that nobody wants waits for as long as the client likes"})
	var wg sync.WaitGroup
	r = alice()
	wg.Go(func() { h.ServeHTTP(&stalled{nowhere{header: http.Header{}}}, r) })
	time.Sleep(time.Millisecond)
	var c crowd
	c.send(h, 1, by("bob", "198.51.100.7"))
	got := c.got()
	expect.That(t, len(got) == 1 && got[0].status == 200, expect.Message{
		Did:  "with a Burst of 1, had a client that reads no answer refused; another client then made a request",
		Want: "200 at once", Got: statuses(got),
		Why: "a lock that is held while an answer is written belongs to the slowest reader"})
	c.wg.Wait()
	wg.Wait()
}

// endings are ways in which a request ends.
var endings = []struct {
	what     string
	end      func(r *http.Request)
	panicked any
}{
	{"return", nil, nil},
	{"panic with http.ErrAbortHandler", func(*http.Request) { panic(http.ErrAbortHandler) },
		http.ErrAbortHandler},
	{"panic with a text", func(*http.Request) { panic("row 12") }, "row 12"},
	{"panic with an error", func(*http.Request) { panic(errRow) }, errRow},
	{"panic with an error in an error", func(*http.Request) { panic(errAborted) }, errAborted},
	{"panic with context.Canceled", func(*http.Request) { panic(context.Canceled) }, context.Canceled},
	{"panic with a number", func(*http.Request) { panic(12) }, 12},
	{"panic with an error of the runtime", func(*http.Request) { panic(errRuntime) }, errRuntime},
	{"return when the client has gone away", func(r *http.Request) { <-r.Context().Done() }, nil},
}

var (
	errRow     = errors.New("table 3")
	errAborted = fmt.Errorf("table 3: %w", http.ErrAbortHandler)
	errRuntime = func() (v any) {
		defer func() { v = recover() }()
		var none []string
		return none[len(none)]
	}()
)

func TestSlotsComeBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const most = 10
		s := &slow{takes: time.Second}
		h := fairshare.Protect(narrow(most))(s)
		alice := by("alice", "203.0.113.7")
		for round := range 3 * len(endings) {
			e := endings[round%len(endings)]
			s.end = e.end
			ctx, cancel := context.WithCancel(t.Context())
			var c crowd
			c.send(h, 2*most, func() *http.Request {
				r := alice()
				return r.WithContext(withCancel(r.Context(), ctx))
			})
			did := fmt.Sprintf("opened 20 requests with MaxInFlight 10, waited until all had ended, "+
				"and did it again; those of round %d %s", round+1, e.what)
			expect.That(t, s.now() == most, expect.Message{Did: did, Want: "10 run in each round",
				Got: fmt.Sprintf("in round %d %d ran", round+1, s.now()),
				Why: "a slot that does not come back is lost until the next restart; after ten " +
					"panics the client is locked out"})
			time.Sleep(time.Second)
			cancel()
			c.wg.Wait()
			for _, a := range c.got() {
				ended := a.status != 429
				expect.That(t, !ended || a.panicked == e.panicked, expect.Message{
					Did:  "served a request whose handler ends with: " + e.what,
					Want: fmt.Sprintf("the panic that goes on: %v", e.panicked),
					Got:  fmt.Sprint(a.panicked),
					Why: "the server cuts the connection by it, and what recovers and logs stands " +
						"in front of this middleware"})
			}
		}
	})
}

// withCancel is a context with the values of one and the end of another.
func withCancel(values, end context.Context) context.Context {
	return joined{end, values}
}

type joined struct {
	context.Context
	values context.Context
}

func (j joined) Value(key any) any { return j.values.Value(key) }

func TestAClientThatHasGoneStillCounts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		stillCounts(t, "went away after a second", time.Hour)
		stillCounts(t, "had no more time after a second", time.Second)
	})
}

// stillCounts has requests that end for their client after a second, in that way, and not for their
// handlers.
func stillCounts(t *testing.T, how string, limit time.Duration) {
	t.Helper()
	tl := timeline.New("client", "handler")
	s := &slow{takes: time.Minute, tl: tl}
	h := fairshare.Protect(narrow(2))(s)
	alice := by("alice", "203.0.113.7")
	var c crowd
	for round := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		drawn := tl.Point("client", "sends 2, round %d", round+1)
		c.send(h, 2, func() *http.Request {
			r := alice()
			return r.WithContext(withCancel(r.Context(), ctx))
		})
		if s.now() > 2 {
			drawn.Breaks()
		}
		expect.That(t, s.peak() == 2, expect.Message{
			Did: "with MaxInFlight 2, opened 2 requests whose handlers work for a minute, whether " +
				"anybody waits or not; " + how + ", and did it again",
			Want: "2 handlers run; more are let in when those have ended",
			Got:  strconv.Itoa(s.peak()) + " run",
			Why: "what the limit protects is busy until the handler ends. Reloading a slow page " +
				"would start it once more each time", Picture: tl})
		time.Sleep(time.Second)
		tl.Point("client", "goes away")
		cancel()
		time.Sleep(time.Second)
	}
	c.wg.Wait()
	again := &crowd{}
	again.send(h, 2, alice)
	expect.That(t, s.now() == 2, expect.Message{
		Did:  "waited until both handlers had ended, and opened 2 requests",
		Want: "2 run", Got: fmt.Sprintf("%d run", s.now())})
	again.wg.Wait()
}
