package fairshare_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/heap"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

// table are options of which the bucket and the table bind.
func table(rate float64, burst, clients int) fairshare.Options {
	o := bucket(rate, burst)
	o.MaxClients = clients
	return o
}

const whyFlood = "names of clients cost nothing to make up. If a flood of them makes the server " +
	"forget what a client has used, a script that begins with one has no limit at all"

func TestAFloodGivesNothingBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, used := range []int{9, 10, 1, 5} {
			atOneInstant(t, used, 400)
		}
		atOneInstant(t, 9, 10_000)
		whileTimePasses(t)
		rightBeforeItIsFull(t)
	})
}

// atOneInstant has a client use some of 10 tokens, then very many others, then that client again.
func atOneInstant(t *testing.T, used, others int) {
	t.Helper()
	tl := timeline.New("client", "made-up clients")
	h, alice := protected(table(10, 10, 100)), by("alice", "203.0.113.7")
	admitted(h, alice, 1) // it is no new client
	time.Sleep(5 * time.Second)
	tl.Point("client", "%d of %d served", admitted(h, alice, used), used)
	flood(h, others)
	tl.Point("made-up clients", "%d requests", others)
	got := admitted(h, alice, 20)
	drawn := tl.Point("client", "%d of 20 more served", got)
	if got != 10-used {
		drawn.Breaks()
	}
	expect.That(t, got == 10-used, expect.Message{
		Did: fmt.Sprintf("with Burst 10 and MaxClients 100, as a client that had made one request some "+
			"time ago, made %d, then one with each of %d other addresses, and then 20 more; all at one "+
			"instant", used, others),
		Want: fmt.Sprintf("%d more are served: the tokens that were left", 10-used),
		Got:  fmt.Sprintf("served: %d of 20", got), Why: whyFlood, Picture: tl})
}

// rightBeforeItIsFull has others come when a token is still missing.
func rightBeforeItIsFull(t *testing.T) {
	t.Helper()
	for _, tt := range []struct {
		rate  float64
		burst int
		later time.Duration
	}{{2, 5, 2450 * time.Millisecond}, {10, 10, 990 * time.Millisecond}, {3, 10, 3300 * time.Millisecond},
		{0.3, 2, 6600 * time.Millisecond}, {700, 5, 7 * time.Millisecond}, {1e-3, 5, 4900 * time.Second},
		{1e-7, 3, 28_000_000 * time.Second}} {
		h, alice := protected(table(tt.rate, tt.burst, 1)), by("alice", "203.0.113.7")
		admitted(h, alice, tt.burst)
		time.Sleep(tt.later)
		flood(h, 5)
		got := admitted(h, alice, tt.burst+3)
		expect.That(t, got == tt.burst-1, expect.Message{
			Did: fmt.Sprintf("with Rate %v, Burst %d and MaxClients 1, used up all tokens; made one request "+
				"with each of 5 other addresses %v later, and then %d", tt.rate, tt.burst, tt.later,
				tt.burst+3),
			Want: fmt.Sprintf("%d are served: the bucket is not full yet", tt.burst-1), Got: fmt.Sprint(got),
			Why: whyFlood})
	}
}

// whileTimePasses has a flood that lasts: meanwhile a client's bucket fills as fast as ever, and
// another client, which never uses up its tokens, is served.
func whileTimePasses(t *testing.T) {
	t.Helper()
	h := protected(table(1, 10, 100))
	alice, bob := by("alice", "203.0.113.7"), by("bob", "198.51.100.7")
	admitted(h, alice, 10)
	served := admitted(h, bob, 5)
	for i := range 550 { // 5.5 s
		send(h, stranger(i)())
		if i%100 == 50 {
			served += admitted(h, bob, 1)
		}
		time.Sleep(10 * time.Millisecond)
	}
	got := admitted(h, alice, 20)
	did := "with Rate 1, Burst 10 and MaxClients 100, used up all tokens, and then made a request " +
		"with another address every 10 ms"
	expect.That(t, got == 5, expect.Message{Did: did + "; 5.5 s later made 20 requests",
		Want: "5 are served: Rate alone gives tokens back", Got: fmt.Sprint(got), Why: whyFlood})
	expect.That(t, served == 10, expect.Message{Did: did + "; meanwhile another client, which had " +
		"used half of its tokens before, asked once a second",
		Want: "it is served each time: 10 in all", Got: fmt.Sprint(served),
		Why: "who was there before the flood, and behaves, must not notice it"})
}

func TestMaxInFlightHoldsInAFlood(t *testing.T) {
	virtual(t, func(t *testing.T) {
		o := table(1000, 1000, 100)
		o.MaxInFlight = 2
		s := &slow{takes: 10 * time.Second}
		h := http.NewServeMux()
		h.Handle("/report", s)
		h.Handle("/", ok)
		protected := fairshare.Protect(o)(h)
		var c crowd
		report := func() *http.Request {
			r := by("alice", "203.0.113.7")()
			r.URL.Path = "/report"
			return r
		}
		c.send(protected, 2, report)
		for i := range 5000 { // 5 s, in which each bucket is full again
			send(protected, stranger(i)())
			if i%1000 == 999 {
				c.send(protected, 3, report)
			}
			time.Sleep(time.Millisecond)
		}
		expect.That(t, s.peak() == 2, expect.Message{
			Did: "with MaxInFlight 2 and MaxClients 100, opened 2 requests that take 10 s, made one " +
				"with each of 5,000 other addresses meanwhile, and opened more",
			Want: "no more than 2 run", Got: fmt.Sprintf("%d ran", s.peak()),
			Why: "a client with requests in flight is not as good as new, also if its bucket is full"})
		c.wg.Wait()
		again := &crowd{}
		again.send(protected, 3, report)
		expect.That(t, s.now() == 2, expect.Message{
			Did:  "waited until they had ended, and opened 3",
			Want: "2 run", Got: fmt.Sprintf("%d run", s.now()),
			Why: "what ends must free the slot that it took, and no other"})
		again.wg.Wait()
	})
}

func TestWhoFindsNoRoom(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, room := range []int{3, 1, 20} {
			noRoom(t, room)
			noRoomInFlight(t, room)
		}
		roomForMany(t)
	})
}

// noRoom has as many clients as there is room for, and then others.
func noRoom(t *testing.T, room int) {
	t.Helper()
	h := protected(table(0.001, 5, room))
	counts := make([]int, room)
	for range 8 {
		for i := range counts {
			counts[i] += admitted(h, stranger(i), 1)
		}
	}
	did := fmt.Sprintf("with MaxClients %d and Burst 5, let %d clients make 8 requests each, in turn",
		room, room)
	for i, n := range counts {
		expect.That(t, n == 5, expect.Message{Did: did, Want: "5 of each client are served",
			Got: fmt.Sprintf("%d of client %d", n, i+1),
			Why: "as many as there is room for must not get into each other's way"})
	}
	begin, others := time.Now(), 0
	for i := range 50 {
		for range 8 {
			a := send(h, stranger(1000+i)())
			if a.status == http.StatusOK {
				others++
				continue
			}
			refusal(t, did+"; then another one made requests", a)
		}
	}
	took := time.Since(begin)
	expect.That(t, (others == 0 || others == 5) && took == 0, expect.Message{
		Did:  did + "; then let 50 others make 8 each",
		Want: "all of these are refused; or 5 are served, if the 50 share one bucket; at once",
		Got:  fmt.Sprintf("%d are served, after %v", others, took),
		Why: "whoever is not remembered must not be let through without a bound: a flood would make " +
			"the limiter let everybody through"})
	for i := range counts {
		expect.That(t, admitted(h, stranger(i), 1) == 0, expect.Message{
			Did:  did + "; then 50 others, then one of the first again",
			Want: "429: it has used up its tokens", Got: "200", Why: whyFlood})
	}
}

// roomForMany has a table of many places, all of which are needed.
func roomForMany(t *testing.T) {
	t.Helper()
	const room = 20_000
	served := 0
	next := func(http.ResponseWriter, *http.Request) { served++ }
	h := fairshare.Protect(table(1e-6, 1, room))(http.HandlerFunc(next))
	flood(h, room)
	flood(h, room)
	expect.That(t, served == room, expect.Message{
		Did: fmt.Sprintf("with MaxClients %d and Burst 1, let %d clients make a request each, and then another one",
			room, room),
		Want: fmt.Sprintf("%d are served: the first of each", room), Got: fmt.Sprintf("%d are served", served),
		Why: "how many there is room for is said by the options, and by nothing else"})
}

// noRoomInFlight has newcomers with slow requests.
func noRoomInFlight(t *testing.T, room int) {
	t.Helper()
	o := table(0.001, 5, room)
	o.MaxInFlight = 2
	s := &slow{takes: time.Minute}
	h := fairshare.Protect(o)(s)
	var c crowd
	for i := range room {
		c.send(h, 1, stranger(i))
	}
	for i := range 50 {
		c.send(h, 1, stranger(1000+i))
	}
	expect.That(t, s.now() == room || s.now() == room+2, expect.Message{
		Did: fmt.Sprintf("with MaxClients %d and MaxInFlight 2, let %d clients open a request that "+
			"takes a minute, and then 50 others", room, room),
		Want: fmt.Sprintf("%d run; or %d, if the others share their slots", room, room+2),
		Got:  fmt.Sprintf("%d run", s.now()),
		Why:  "whoever is not remembered must not be let through without a bound"})
	c.wg.Wait()
}

func TestThereIsRoomAfterAFlood(t *testing.T) {
	virtual(t, func(t *testing.T) {
		afterAFlood(t, 2, 10)
		afterAFlood(t, 2, 1)
		afterAFlood(t, 100, 10)
		besideABusyOne(t)
	})
}

func afterAFlood(t *testing.T, rate float64, room int) {
	t.Helper()
	h := protected(table(rate, 5, room))
	for i := range 200 {
		admitted(h, stranger(i), 7)
	}
	later := time.Duration(5/rate*float64(time.Second)) + time.Millisecond
	time.Sleep(later)
	for i := range room {
		got := burstOf(h, stranger(1000+i), 5)
		expect.That(t, got == 5, expect.Message{
			Did: fmt.Sprintf("with Rate %v, Burst 5 and MaxClients %d, let 200 clients use up their "+
				"tokens; %v later %d new ones came", rate, room, later, room),
			Want: "each of these has its Burst of 5", Got: fmt.Sprintf("%d for number %d", got, i+1),
			Why: "a flood that fills the table for good keeps all new customers out, and nobody can " +
				"tell why"})
	}
}

// burstOf counts how many of the first n requests at one instant are served; -1 if one more is, too.
func burstOf(h http.Handler, c caller, n int) int {
	got := admitted(h, c, n)
	if admitted(h, c, 2) > 0 {
		return -1
	}
	return got
}

// besideABusyOne has a client with a request in flight, which nobody may forget, in a table of 3.
func besideABusyOne(t *testing.T) {
	t.Helper()
	o := table(2, 5, 3)
	o.MaxInFlight = 1
	s := &slow{takes: 2600 * time.Millisecond}
	mux := http.NewServeMux()
	mux.Handle("/report", s)
	mux.Handle("/", ok)
	h := fairshare.Protect(o)(mux)
	var c crowd
	admitted(h, stranger(0), 4)
	c.send(h, 1, func() *http.Request {
		r := stranger(0)()
		r.URL.Path = "/report"
		return r
	})
	admitted(h, stranger(1), 7)
	admitted(h, stranger(2), 7)
	time.Sleep(2500*time.Millisecond + time.Millisecond)
	got := [2]int{burstOf(h, stranger(3), 5), burstOf(h, stranger(4), 5)}
	busy := send(h, stranger(0)())
	expect.That(t, got == [2]int{5, 5} && busy.status == 429, expect.Message{
		Did: "with Rate 2, Burst 5, MaxInFlight 1 and MaxClients 3, had one client with a slow request " +
			"in flight and no token, and two that used up their tokens; 2.501 s later two new ones came, and then " +
			"the first one again",
		Want: "both new ones have their Burst of 5, and the first one gets 429",
		Got:  fmt.Sprintf("%d and %d, and %s", got[0], got[1], busy),
		Why: "one client that is busy must neither be forgotten nor keep the places of the others " +
			"occupied"})
	c.wg.Wait()
	own := admitted(h, stranger(0), 7)
	expect.That(t, own == 5 || own == 4, expect.Message{
		Did:  "when that slow request had ended, 2.6 s after it began, let its client make 7 more",
		Want: "5 are served, or 4 if the request that was refused has cost one: its bucket has filled again",
		Got:  fmt.Sprintf("%d are served", own),
		Why:  "tokens come in by Rate also while others look for room, and for a client that is busy"})
}

func TestMemoryIsBounded(t *testing.T) {
	address := stranger
	name := func(i int) caller { return by(fmt.Sprint("customer ", i), "203.0.113.7") }
	virtual(t, func(t *testing.T) {
		grows(t, address, "addresses", 8000, 0)
		grows(t, name, "names", 8000, 0)
		grows(t, address, "addresses", 8000, 20*time.Millisecond)
	})
}

// grows has so many clients, one after another, in each of several rounds, and looks at the heap.
func grows(t *testing.T, client func(i int) caller, what string, n int, pause time.Duration) {
	t.Helper()
	const rounds, most = 4, 192 << 10
	var served, all int
	grown := heap.Rise(rounds, most, func() func(int) {
		served, all = 0, 0
		next := func(http.ResponseWriter, *http.Request) { served++ }
		h := fairshare.Protect(table(100, 10, 100))(http.HandlerFunc(next))
		return func(int) {
			for range n {
				h.ServeHTTP(&nowhere{header: http.Header{}}, client(all)())
				all++
				time.Sleep(pause)
			}
		}
	})
	did := fmt.Sprintf("with Rate 100, Burst 10 and MaxClients 100, made a request with each of %d %s, "+
		"one every %v", all, what, pause)
	expect.That(t, served >= 100 && (pause == 0 || served == all), expect.Message{Did: did,
		Want: "those for whom there is room are served: 100 at one instant, all if they come slowly",
		Got:  fmt.Sprintf("%d are served", served),
		Why:  "who is refused although there is room is a customer for whom the service is down"})
	expect.That(t, grown <= most, expect.Message{
		Did:  fmt.Sprintf("%s; collected garbage after every %d, and looked at the heap", did, n),
		Want: fmt.Sprintf("at most %d KiB more", most>>10),
		Got:  fmt.Sprintf("%d KiB more", grown>>10),
		Why: "whoever wants to can send from a new address each time: an IPv6 block has more of " +
			"them than there is memory in the world"})
}

// TestNothingRunsInTheBackground is the one check that looks at what is left: see virtual.
func TestNothingRunsInTheBackground(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		h := protected(table(10, 10, 3))
		for i := range 10 {
			send(h, stranger(i)())
		}
		time.Sleep(time.Hour)
		a := send(h, stranger(99)())
		expect.That(t, a.status == http.StatusOK, expect.Message{
			Did: "made a request an hour later", Want: "200", Got: a.String()})
	})
}
