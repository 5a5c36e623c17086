package shop_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

const (
	surelyLooked  = 4  // so many wrong passwords are a 401
	surelyRefused = 10 // the so many-th is a 429
)

// tried is the request of somebody at one of many addresses who tries a password.
func tried(email, password string, from int) *http.Request {
	r := request("", "POST /login", strings.NewReader(
		fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)))
	addr := fmt.Sprintf("198.51.100.%d", from%250+1)
	r.RemoteAddr = fmt.Sprintf("%s:%d", addr, 40000+from)
	r.Header.Set("X-Forwarded-For", addr)
	r.Header.Set("User-Agent", fmt.Sprintf("browser/%d", from))
	return r
}

func (s *site) login(email, password string, from int) answer {
	s.t.Helper()
	return s.serve(tried(email, password, from))
}

// guess tries n wrong passwords for an e-mail address.
func (s *site) guess(email string, n int) (all []answer) {
	s.t.Helper()
	for i := range n {
		all = append(all, s.login(email, fmt.Sprintf("wrong-%d", i), i))
	}
	return all
}

func statuses(all []answer) string {
	var each []string
	for _, a := range all {
		each = append(each, strconv.Itoa(a.status))
	}
	return strings.Join(each, " ")
}

// bounded reports whether the first are 401, and from the tenth on all are 429.
func bounded(all []answer) bool {
	for i, a := range all {
		if (i < surelyLooked && a.status != 401) || (i+1 >= surelyRefused && a.status != 429) ||
			(a.status != 401 && a.status != 429) {
			return false
		}
	}
	return true
}

const whyBounded = "lists of passwords that leaked elsewhere are tried on every shop, from as " +
	"many addresses as it takes: what they all have in common is the account"

func TestGuessesForAnAccountAreLimited(t *testing.T) {
	s := open(t)
	for _, email := range []string{"bob@shop.example", "nobody@shop.example"} {
		got := s.guess(email, 20)
		did := fmt.Sprintf("tried 20 wrong passwords for %s, from 20 addresses", email)
		expect.That(t, bounded(got), expect.Message{
			Did:  did,
			Want: "401 for the first 4 at least, 429 from the tenth on at the latest",
			Got:  statuses(got),
			Why:  whyBounded,
		})
		after := got[len(got)-1].header.Get("Retry-After")
		seconds, err := strconv.Atoi(after)
		expect.That(t, err == nil && seconds > 0, expect.Message{
			Did: did, Want: "a 429 with Retry-After: a number of seconds, at least 1",
			Got: fmt.Sprintf("Retry-After: %q", after),
			Why: "somebody who has forgotten their password is not told to give up, but when " +
				"to come again"})
	}
	wantRefusedThenLetIn(t, s)
	wantTimeToWait(t, s)
}

// wantTimeToWait goes on guessing, so that some come in the last second of a wait.
func wantTimeToWait(t *testing.T, s *site) {
	t.Helper()
	s.guess("carl@shop.example", 2*surelyRefused)
	const pace = 900 * time.Millisecond
	for i := range 70 {
		s.sleep(pace)
		got := s.login("carl@shop.example", fmt.Sprint("wrong-", i), i)
		after := got.header.Get("Retry-After")
		seconds, err := strconv.Atoi(after)
		expect.That(t, got.status != 429 || err == nil && seconds > 0, expect.Message{
			Did: fmt.Sprintf("tried 20 wrong passwords for carl, and one more every %v: this is number %d of "+
				"those", pace, i+1),
			Want: "401, or a 429 with Retry-After: a number of seconds, at least 1",
			Got:  fmt.Sprintf("%d with Retry-After: %q", got.status, after),
			Why: "what is left of a wait is seldom a whole number of seconds; cut off, its last one is 0, and " +
				"whoever obeys comes again and again until it is over",
		})
	}
}

// wantRefusedThenLetIn goes on where somebody has guessed for bob.
func wantRefusedThenLetIn(t *testing.T, s *site) {
	t.Helper()
	got := s.login("bob@shop.example", "bob-secret", 77)
	expect.That(t, got.status == 429, expect.Message{
		Did:  "tried 20 wrong passwords for bob, and then the right one",
		Want: "429",
		Got:  got.String(),
		Why: "a limit that lets the right one through is none: the guess that counts is " +
			"answered",
	})
	expect.That(t, s.looks() < 2*surelyRefused, expect.Message{
		Did:  "tried 20 wrong passwords for bob, 20 for nobody, and then bob's right one",
		Want: "at most 9 for each of the two looked at",
		Got:  fmt.Sprintf("CheckPassword called %d times", s.looks()),
		Why: "a check of a password is slow on purpose; whoever does it and then says 429 " +
			"has done the work of an attack"})
	s.wants("bob", "GET /orders/1", "", 200, "7 Elm Street")
	other := s.login("ann@shop.example", "ann-secret", 3)
	expect.That(t, other.status == 204, expect.Message{
		Did: "tried 20 wrong passwords for bob, and the right one for ann from one of " +
			"those addresses",
		Want: "204: it is bob's account that is guessed at",
		Got:  other.String(),
		Why: "behind one address may be a whole company; and what shuts everybody out is an " +
			"attack of its own",
	})
	s.sleep(time.Minute + time.Millisecond)
	got = s.login("bob@shop.example", "bob-secret", 1)
	then := got.String()
	if got.status != 204 {
		s.sleep(2 * time.Second)
		then += fmt.Sprintf("; and after 62 s %d", s.login("bob@shop.example", "bob-secret", 2).status)
	}
	expect.That(t, got.status == 204, expect.Message{
		Did:  "tried 20 wrong passwords for bob, and 60.001 s later the right one",
		Want: "204",
		Got:  then,
		Why: "an account that stays shut until somebody calls support can be shut by " +
			"everybody who knows its e-mail address",
	})
}

const whyEveryMinute = "whoever knows when counting begins anew guesses right before and right " +
	"after: a limit is one for every minute, not for those of the clock"

func TestGuessesAreLimitedInEveryMinute(t *testing.T) {
	s := open(t)
	for _, first := range []struct {
		who, then string
		wait      time.Duration
	}{{"ann", "ann", 50 * time.Second}, {"bob", "bob", 59 * time.Second},
		{"nobody", "carl", 55 * time.Second}} {
		s.sleep(3 * time.Minute)
		email := first.then + "@shop.example"
		got := s.guess(first.who+"@shop.example", 1)
		s.sleep(first.wait) // and then as many as go through, before a minute is over and after
		got = append(got, s.guess(email, 12)...)
		s.sleep(10 * time.Second)
		got = append(got, s.guess(email, 12)...)
		n := strings.Count(statuses(got[1:]), "401")
		expect.That(t, n < surelyRefused && got[0].status == 401, expect.Message{
			Did: fmt.Sprintf("tried a wrong password for %s; %v later 12 for %s, and 12 more 10 s "+
				"after those", first.who, first.wait, first.then),
			Want: "401 for the first, and for at most 9 of the other 24, which lie within 10 s",
			Got:  fmt.Sprintf("401 for %d of those: %s", n, statuses(got)),
			Why:  whyEveryMinute,
		})
	}
	wantRemembered(t, s)
	for _, who := range []string{"olga", "mallory"} {
		wantPace(t, s, who, map[string]time.Duration{"olga": 3 * time.Second,
			"mallory": 6600 * time.Millisecond}[who])
	}
}

// wantRemembered demands that guesses for others make nobody forget those for bob.
func wantRemembered(t *testing.T, s *site) {
	t.Helper()
	s.sleep(3 * time.Minute)
	var got []answer
	for i := range 360 {
		if i%120 == 0 {
			got = append(got, s.guess("bob@shop.example", 8)...)
		}
		s.login(fmt.Sprintf("customer-%d@shop.example", i), "wrong", i)
	}
	n := strings.Count(statuses(got), "401")
	expect.That(t, n < surelyRefused, expect.Message{
		Did: "tried 8 wrong passwords for bob, one for each of 120 others, 8 more for bob, and so " +
			"on, three times, all within a second",
		Want: "401 for at most 9 of the 24 for bob",
		Got:  fmt.Sprintf("401 for %d: %s", n, statuses(got)),
		Why: "a list is tried for many accounts in turn; what is forgotten to make room for " +
			"others is forgotten on demand",
	})
}

// wantPace guesses for somebody again and again.
func wantPace(t *testing.T, s *site, who string, pace time.Duration) {
	t.Helper()
	email := who + "@shop.example"
	var wrong []time.Time // the 401s
	for i := range 60 {
		if got := s.login(email, fmt.Sprint("wrong-", i), i); got.status == 401 {
			wrong = append(wrong, s.clock())
		}
		for len(wrong) > 0 && s.clock().Sub(wrong[0]) >= time.Minute {
			wrong = wrong[1:]
		}
		expect.That(t, len(wrong) < surelyRefused, expect.Message{
			Did:  fmt.Sprintf("tried a wrong password for %s every %v", who, pace),
			Want: "at most 9 times a 401 within any minute",
			Got:  fmt.Sprintf("%d within the minute that ends with try %d", len(wrong), i+1),
			Why:  whyEveryMinute,
		})
		s.sleep(pace)
	}
	s.sleep(time.Minute + time.Millisecond - pace)
	got := s.login(email, who+"-secret", 1)
	expect.That(t, got.status == 204, expect.Message{
		Did: fmt.Sprintf("tried a wrong password for %s every %v, and the right one 60.001 s after "+
			"the last", who, pace),
		Want: "204", Got: got.String(),
		Why: "secure and useless: its owner has to get in some day"})
}

func TestGuessesAtTheSameMomentAreLimited(t *testing.T) {
	const clients = 30
	tl := timeline.New("30 clients", "the shop")
	s := openDrawn(t, tl)
	var mu sync.Mutex
	looking, answered, on := 0, 0, make(chan struct{})
	enough := sync.OnceFunc(func() { close(on) })
	come := func(n *int) { // holds all until too many look, or nobody is left who could
		mu.Lock()
		defer mu.Unlock()
		if *n++; looking == surelyRefused || looking+answered == clients {
			enough()
		}
	}
	time.AfterFunc(2*time.Second, enough) // those that come one by one are not all there before
	s.verifyBy(func(string, string) bool {
		tl.Point("the shop", "looks at a guess")
		come(&looking)
		<-on
		return false
	})
	tl.Point("30 clients", "guess bob's password")
	got := make([]answer, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			got[i], _ = s.try(tried("bob@shop.example", fmt.Sprint("wrong-", i), i))
			tl.Point("30 clients", "%d", got[i].status)
			come(&answered)
		})
	}
	wg.Wait()
	n := strings.Count(statuses(got), "401")
	expect.That(t, n >= surelyLooked && n < surelyRefused && s.looks() < surelyRefused,
		expect.Message{
			Did:  fmt.Sprintf("tried %d wrong passwords for bob at the same moment", clients),
			Want: "from 4 to 9 of them answered with 401, and at most 9 looked at",
			Got:  fmt.Sprintf("%d with 401, and %d looked at", n, s.looks()),
			Why: "between looking how many there were and counting one more lies the check of " +
				"the password, which is slow: all that come meanwhile see room",
			Picture: tl,
		})
}
