package fairshare_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

// item is one member of a list of structured fields: a name in quotes and parameters.
var item = regexp.MustCompile(`^"default"((?:;[a-z]+=[0-9]{1,15})+)$`)

// fields reads a header that is a single item, or returns nil.
func fields(h http.Header, name string) map[string]int {
	lines := h.Values(name)
	if len(lines) != 1 {
		return nil
	}
	m := item.FindStringSubmatch(lines[0])
	if m == nil {
		return nil
	}
	got := map[string]int{}
	for _, p := range strings.Split(m[1], ";")[1:] {
		key, value, _ := strings.Cut(p, "=")
		got[key], _ = strconv.Atoi(value)
	}
	return got
}

const whyFields = "a client that is written well slows down by these numbers before it is " +
	"refused; one that cannot read them tries again at once"

// quota demands both headers, and returns what RateLimit says.
func quota(t *testing.T, did string, a answer) (r, wait int) {
	t.Helper()
	limit, policy := fields(a.header, "RateLimit"), fields(a.header, "RateLimit-Policy")
	_, hasR := limit["r"]
	_, hasT := limit["t"]
	expect.That(t, hasR && hasT && len(limit) == 2 && len(policy) == 2, expect.Message{Did: did,
		Want: `RateLimit: "default";r=N;t=N and RateLimit-Policy: "default";q=N;w=N`,
		Got: fmt.Sprintf("%s with RateLimit: %q, RateLimit-Policy: %q", a,
			a.header.Values("RateLimit"), a.header.Values("RateLimit-Policy")),
		Why: whyFields})
	return limit["r"], limit["t"]
}

// refusal demands what every 429 has, and returns its Retry-After.
func refusal(t *testing.T, did string, a answer) int {
	t.Helper()
	_, wait := quota(t, did, a)
	text := a.header.Get("Retry-After")
	after, err := strconv.Atoi(text)
	expect.That(t, a.status == 429 && err == nil && after >= 1 && strconv.Itoa(after) == text,
		expect.Message{Did: did, Want: "429 with Retry-After: a whole number of seconds, at least 1",
			Got: fmt.Sprintf("%s with Retry-After: %q", a, text),
			Why: "whoever is not told when to come again comes at once"})
	expect.That(t, wait <= after, expect.Message{Did: did,
		Want: fmt.Sprintf("t in RateLimit at most Retry-After, %d", after), Got: strconv.Itoa(wait),
		Why: "of two numbers that disagree the client believes one, and the draft says which must " +
			"not be the earlier one"})
	return after
}

// waits are moments at which a token is missing: of a bucket that was emptied some time ago.
var waits = []struct {
	rate   float64
	burst  int
	later  time.Duration
	needed time.Duration // until there is a token
	after  int
}{
	{0.5, 1, 300 * time.Millisecond, 1700 * time.Millisecond, 2},
	{0.5, 1, 1300 * time.Millisecond, 700 * time.Millisecond, 1},
	{0.25, 3, 1700 * time.Millisecond, 2300 * time.Millisecond, 3},
	{10, 10, 30 * time.Millisecond, 70 * time.Millisecond, 1},
	{0.01, 2, 500 * time.Millisecond, 99500 * time.Millisecond, 100},
	{0.01, 1, 95500 * time.Millisecond, 4500 * time.Millisecond, 5},
	{0.001, 1, 100 * time.Second, 900 * time.Second, 900},
	{0.000001, 1, 100 * time.Second, 999_900 * time.Second, 999_900},
	{0.5, 1, 998 * time.Millisecond, 1002 * time.Millisecond, 2},
	{0.25, 1, 998 * time.Millisecond, 3002 * time.Millisecond, 4},
	{0.5, 1, 1002 * time.Millisecond, 998 * time.Millisecond, 1},
}

func TestRetryAfterIsTrue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range waits {
			h, alice := protected(bucket(tt.rate, tt.burst)), by("alice", "203.0.113.7")
			admitted(h, alice, tt.burst)
			time.Sleep(tt.later + time.Microsecond)
			did := fmt.Sprintf("with Rate %v and Burst %d, used up all tokens and made a request %v "+
				"later, %v before there is one", tt.rate, tt.burst, tt.later, tt.needed)
			for range 3 {
				after := refusal(t, did, send(h, alice()))
				expect.That(t, after == tt.after, expect.Message{Did: did,
					Want: fmt.Sprintf("Retry-After: %d, the smallest number that is enough", tt.after),
					Got:  fmt.Sprintf("told to come again after %d s", after),
					Why: "a client that is told too little comes again in vain, and one that is told " +
						"too much loses what is its own"})
			}
			time.Sleep(tt.needed - time.Millisecond)
			early := send(h, alice())
			expect.That(t, early.status == 429, expect.Message{
				Did:  did + fmt.Sprintf("; came again after %v", tt.needed-time.Millisecond),
				Want: "429", Got: early.String()})
			time.Sleep(time.Duration(tt.after)*time.Second - tt.needed + time.Millisecond)
			again := send(h, alice())
			expect.That(t, again.status == 200, expect.Message{
				Did:  did + fmt.Sprintf("; came again when the %d s were over", tt.after),
				Want: "200", Got: again.String(),
				Why: "clients that keep to what they are told must be served, or they stop keeping to it"})
		}
	})
}

func TestTheClientIsToldWhatIsLeft(t *testing.T) {
	virtual(t, func(t *testing.T) {
		o := bucket(2, 10)
		o.MaxInFlight = 1
		h, alice := protected(o), by("alice", "203.0.113.7")
		left := func(did string, status, want int) {
			t.Helper()
			a := send(h, alice())
			r, _ := quota(t, did, a)
			expect.That(t, a.status == status && r == want, expect.Message{
				Did:  "with Rate 2 and Burst 10, " + did,
				Want: fmt.Sprintf("%d, with r=%d: the whole tokens that are left", status, want),
				Got:  fmt.Sprintf("%s, with r=%d", a, r), Why: whyFields})
		}
		for i := range 10 {
			left(fmt.Sprintf("made request %d at one instant", i+1), 200, 9-i)
		}
		left("made request 11 at one instant", 429, 0)
		time.Sleep(1400 * time.Millisecond)
		left("came again 1.4 s later, when there were 2.8 tokens", 200, 1)
		left("and once more", 200, 0)
		left("and once more, with 0.8 of a token", 429, 0)
		time.Sleep(time.Hour)
		left("came again after an hour", 200, 9)
		leftWhileBusy(t)
		leftOfVeryMany(t)
	})
}

// leftOfVeryMany has more tokens than a float32 can count.
func leftOfVeryMany(t *testing.T) {
	t.Helper()
	const burst = 100_000_001
	h, alice := protected(bucket(1, burst)), by("alice", "203.0.113.7")
	for i := 1; i <= 3; i++ {
		did := fmt.Sprintf("with Burst %d, made request %d at one instant", burst, i)
		r, _ := quota(t, did, send(h, alice()))
		expect.That(t, r == burst-i, expect.Message{Did: did, Want: fmt.Sprintf("r=%d", burst-i),
			Got: fmt.Sprintf("r=%d", r), Why: whyFields})
	}
}

// leftWhileBusy has a request refused for want of a slot: the tokens are there.
func leftWhileBusy(t *testing.T) {
	t.Helper()
	o := bucket(0.001, 10)
	o.MaxInFlight = 1
	h, alice := fairshare.Protect(o)(&slow{takes: time.Second}), by("alice", "203.0.113.7")
	var c crowd
	c.send(h, 1, alice)
	did := "with Burst 10 and MaxInFlight 1, made a request that takes a second, and another one meanwhile"
	a := send(h, alice())
	refusal(t, did, a)
	r, _ := quota(t, did, a)
	expect.That(t, r == 9 || r == 8, expect.Message{Did: did,
		Want: "429, with r=9, or r=8 if this one has cost a token: the whole tokens that are left",
		Got:  fmt.Sprintf("%s, with r=%d", a, r),
		Why:  "r=0 tells a client to wait for tokens, of which it has enough: what is missing is a slot"})
	c.wg.Wait()
}

func TestThePolicyIsTold(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct {
			rate  float64
			burst int
			w     int
		}{{10, 10, 1}, {3, 10, 4}, {0.25, 3, 12}, {1000, 1, 1}, {2, 9, 5}} {
			h, alice := protected(bucket(tt.rate, tt.burst)), by("alice", "203.0.113.7")
			for _, a := range []answer{send(h, alice()), send(h, alice())} {
				did := fmt.Sprintf("made a request with Rate %v and Burst %d", tt.rate, tt.burst)
				quota(t, did, a)
				got := fields(a.header, "RateLimit-Policy")
				expect.That(t, got["q"] == tt.burst && got["w"] == tt.w, expect.Message{Did: did,
					Want: fmt.Sprintf(`RateLimit-Policy: "default";q=%d;w=%d`, tt.burst, tt.w),
					Got:  a.header.Get("RateLimit-Policy"), Why: whyFields})
			}
		}
	})
}

func TestEveryAnswerTellsTheQuota(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct {
			what string
			next http.HandlerFunc
		}{
			{"does nothing", func(w http.ResponseWriter, r *http.Request) {}},
			{"writes a body", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") }},
			{"answers 404", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }},
			{"answers 500", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "broken", 500) }},
			{"answers 204", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }},
			{"flushes", func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).Flush()
			}},
		} {
			a := send(fairshare.Protect(bucket(10, 10))(tt.next), by("alice", "203.0.113.7")())
			did := "made a request of a handler that " + tt.what
			quota(t, did, a)
			after := a.header.Values("Retry-After")
			expect.That(t, len(after) == 0, expect.Message{Did: did, Want: "no Retry-After: it was not refused",
				Got: fmt.Sprintf("Retry-After: %q", after),
				Why: "a client that has been served and is told to come again does so, and pays twice"})
		}
	})
}
