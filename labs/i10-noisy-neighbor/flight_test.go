package fairshare_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
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
		for _, most := range []int{10, 1} {
			s := &slow{takes: time.Second}
			h := fairshare.Protect(narrow(most))(s)
			var c crowd
			c.send(h, 100, by("alice", "203.0.113.7"))
			got := c.got()
			did := fmt.Sprintf("opened 100 requests that take a second, with MaxInFlight %d", most)
			expect.That(t, s.now() == most && len(got) == 100-most, expect.Message{Did: did,
				Want: fmt.Sprintf("%d run, and %d are answered at once", most, 100-most),
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
	})
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
	{"return when the client has gone away", func(r *http.Request) { <-r.Context().Done() }, nil},
}

func TestSlotsComeBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const most = 10
		s := &slow{takes: time.Second}
		h := fairshare.Protect(narrow(most))(s)
		alice := by("alice", "203.0.113.7")
		for round := range 20 {
			e := endings[round%len(endings)]
			s.end = e.end
			ctx, cancel := context.WithCancel(t.Context())
			var c crowd
			c.send(h, 2*most, func() *http.Request {
				r := alice()
				return r.WithContext(withCancel(r.Context(), ctx))
			})
			did := fmt.Sprintf("opened 20 requests with MaxInFlight 10, waited until all had ended, "+
				"and did it again, 20 rounds in all; those of round %d %s", round+1, e.what)
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
		tl := timeline.New("client", "handler")
		s := &slow{takes: time.Minute, tl: tl}
		h := fairshare.Protect(narrow(2))(s)
		alice := by("alice", "203.0.113.7")
		var c crowd
		for round := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
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
					"anybody waits or not; went away after a second, and did it again",
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
	})
}
