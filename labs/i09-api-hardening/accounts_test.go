package shop_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

func TestRightPasswordsDoNotCount(t *testing.T) {
	s := open(t)
	var got []answer
	for i := range 15 {
		got = append(got, s.login("ann@shop.example", "ann-secret", i))
	}
	expect.That(t, !slices.ContainsFunc(got, func(a answer) bool { return a.status != 204 }),
		expect.Message{
			Did: "logged in as ann 15 times, with the right password", Want: "204 each time",
			Got: statuses(got),
			Why: "phone, laptop, and a program that logs in for each request: what is counted " +
				"are mistakes"})
	guesses := s.guess("ann@shop.example", 20)
	expect.That(t, bounded(guesses), expect.Message{
		Did:  "logged in as ann 15 times, and tried 20 wrong passwords for her then",
		Want: "401 for the first 4 at least, 429 from the tenth on at the latest",
		Got:  statuses(guesses),
		Why:  whyBounded,
	})
	wantNothingCleared(t, s)
	wantFailuresDoNotCount(t, s)
	wantAllLetIn(t, s)
	wantNoCredit(t, s)
}

// crowdOf logs people in at the same moment, with the right passwords, and calls between while these are looked at.
func (s *site) crowdOf(emails []string, between func()) (got []answer) {
	got = make([]answer, len(emails))
	var looking atomic.Int64
	on := make(chan struct{})
	s.verifyBy(func(hash, password string) bool {
		if slices.Contains(emails, strings.TrimSuffix(password, "-secret")+"@shop.example") {
			looking.Add(1)
			<-on
		}
		return hash == "hash-of-"+password
	})
	var wg sync.WaitGroup
	for i, email := range emails {
		name, _, _ := strings.Cut(email, "@")
		wg.Go(func() { got[i], _ = s.try(tried(email, name+"-secret", i)) })
	}
	for end := time.Now().Add(time.Second); int(looking.Load()) < len(emails) && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // those that wait for nobody are soon all there
	}
	between()
	close(on)
	wg.Wait()
	s.verifyBy(nil)
	return got
}

// wantAllLetIn has four people log in at the same moment.
func wantAllLetIn(t *testing.T, s *site) {
	t.Helper()
	s.sleep(3 * time.Minute)
	got := s.crowdOf([]string{"ann@shop.example", "bob@shop.example", "mallory@shop.example", "olga@shop.example"},
		func() {})
	expect.That(t, statuses(got) == "204 204 204 204", expect.Message{
		Did:  "logged in as ann, bob, mallory and olga at the same moment, each with the right password",
		Want: "204 each time",
		Got:  statuses(got),
		Why:  "at nine in the morning everybody comes at once; nobody has guessed",
	})
}

// wantNoCredit has bob log in four times at the same moment, and a minute pass while his passwords are looked at.
func wantNoCredit(t *testing.T, s *site) {
	t.Helper()
	s.sleep(3 * time.Minute)
	done := make(chan struct{})
	let := s.crowdOf(slices.Repeat([]string{"bob@shop.example"}, 4), func() {
		s.sleep(61 * time.Second)
		go func() {
			defer close(done)
			s.try(tried("ann@shop.example", "ann-secret", 9))
		}()
		select {
		case <-done:
		case <-time.After(time.Second): // it waits for bob's
		}
	})
	<-done
	s.sleep(50 * time.Second)
	got := s.guess("bob@shop.example", 12)
	s.sleep(11 * time.Second)
	got = append(got, s.guess("bob@shop.example", 12)...)
	n := strings.Count(statuses(got), "401")
	expect.That(t, n < surelyRefused && statuses(let) == "204 204 204 204", expect.Message{
		Did: "logged in as bob 4 times at the same moment, with the right password, which took a minute to look at; " +
			"tried 12 wrong ones 50 s later, and 12 more 11 s after those",
		Want: "204 four times, and 401 for at most 9 of the 24, which lie within 11 s",
		Got:  fmt.Sprintf("%s; 401 for %d: %s", statuses(let), n, statuses(got)),
		Why: "what is taken off in a minute in which it was never counted is a credit: whoever logs in slowly buys " +
			"guesses with it",
	})
}

// wantNothingCleared has somebody guess for carl who also knows his password, or carl come in between.
func wantNothingCleared(t *testing.T, s *site) {
	t.Helper()
	var got []answer
	wrong := 0
	for i := range 40 {
		password := fmt.Sprint("wrong-", i)
		if i%4 == 3 {
			password = "carl-secret"
		}
		a := s.login("carl@shop.example", password, i)
		if got = append(got, a); a.status == 401 {
			wrong++
		}
	}
	expect.That(t, wrong >= surelyLooked-1 && wrong < surelyRefused, expect.Message{
		Did:  "tried three wrong passwords for carl and then the right one, ten times, within a second",
		Want: "401 for at most 9 of the 30 wrong ones: a right one does not count, and takes nothing from the others",
		Got:  fmt.Sprintf("401 for %d: %s", wrong, statuses(got)),
		Why: "with each time that its owner logs in whoever guesses would begin anew, and the owner of a " +
			"popular account does so all day",
	})
}

// wantFailuresDoNotCount has right passwords meet a table of sessions that fails.
func wantFailuresDoNotCount(t *testing.T, s *site) {
	t.Helper()
	pg.Exec(t, s.own, `ALTER TABLE sessions RENAME TO sessions_gone`)
	var got []answer
	for i := range 15 {
		got = append(got, s.login("bob@shop.example", "bob-secret", i))
	}
	pg.Exec(t, s.own, `ALTER TABLE sessions_gone RENAME TO sessions`)
	after := s.login("bob@shop.example", "bob-secret", 15)
	failed := !slices.ContainsFunc(got, func(a answer) bool { return a.status != 500 })
	expect.That(t, failed && after.status == 204, expect.Message{
		Did: "logged in as bob 15 times, with the right password, while the table of sessions failed, and " +
			"once when it was back",
		Want: "500 each time, and then 204",
		Got:  statuses(append(got, after)),
		Why: "the password was right, whatever came of it: whoever tries until it works has not guessed, " +
			"and must not be shut out when it does",
	})
}

const whySlow = "the check of a password is slow on purpose: whoever is answered without it " +
	"learns from a clock what the words do not say"

func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	s := open(t)
	known := s.login("bob@shop.example", "wrong", 1)
	unknown := s.login("nobody@shop.example", "wrong", 2)
	expect.That(t, known.status == 401 && known.same(unknown), expect.Message{
		Did:  "tried a wrong password for bob, and one for nobody@shop.example",
		Want: "401 for both, the same in every byte",
		Got:  fmt.Sprintf("for bob %s; for nobody %s", known, unknown),
		Why: "a list of who has an account is worth money, and for some shops it is a secret " +
			"of its own",
	})
	for _, email := range []string{"bob@shop.example", "nobody@shop.example"} {
		wantLookedAt(t, s, email)
	}
	s.verifyBy(func(string, string) bool { return true })
	got := s.login("nobody@shop.example", "whatever", 4)
	expect.That(t, got.status == 401, expect.Message{
		Did:  "tried a password for nobody@shop.example, for which CheckPassword returned true",
		Want: "401: there is nobody whom it could be the password of",
		Got:  got.String(),
		Why:  "the hash that stands in for a missing one is no account",
	})
	guesses := s.guess("stranger@shop.example", 20)
	expect.That(t, bounded(guesses), expect.Message{
		Did: "tried 20 passwords for stranger@shop.example, whom nobody knows, and for which " +
			"CheckPassword returned true",
		Want: "401 for the first 4 at least, 429 from the tenth on at the latest",
		Got:  statuses(guesses),
		Why: "where there is no account no password is right, so each is one that counts: who gets no 429 " +
			"has learned that there is none",
	})
	s.verifyBy(nil)
	right := s.login("bob@shop.example", "bob-secret", 5)
	expect.That(t, right.status == 204, expect.Message{
		Did: "tried bob's password", Want: "204", Got: right.String(),
		Why: "secure and useless: bob has to get in"})
}

// wantLookedAt demands that a wrong password for this address is looked at once, and waited for.
func wantLookedAt(t *testing.T, s *site, email string) {
	t.Helper()
	const slow = 60 * time.Millisecond
	var looked, empty atomic.Int64
	s.verifyBy(func(hash, password string) bool {
		if password == "wrong for "+email { // not one that was tried before
			looked.Add(1)
			if hash == "" {
				empty.Add(1)
			}
		}
		time.Sleep(slow)
		return false
	})
	began := time.Now()
	s.login(email, "wrong for "+email, 3)
	took := time.Since(began)
	for looked.Load() == 0 && time.Since(began) < time.Second {
		time.Sleep(time.Millisecond) // for what was only begun
	}
	did := fmt.Sprintf("tried a wrong password for %s, where CheckPassword takes %v", email, slow)
	expect.That(t, looked.Load() == 1, expect.Message{
		Did:  did,
		Want: "CheckPassword called once",
		Got:  fmt.Sprintf("called %d times", looked.Load()),
		Why:  whySlow,
	})
	expect.That(t, empty.Load() == 0, expect.Message{
		Did:  did,
		Want: "CheckPassword called with a hash: UnknownHash is there for whoever has none",
		Got:  "called with an empty one",
		Why:  "of what is no hash it sees at once that it is none: " + whySlow,
	})
	expect.That(t, took >= slow, expect.Message{
		Did:  did,
		Want: "no answer before CheckPassword has returned",
		Got:  fmt.Sprintf("an answer %v after the request", took),
		Why:  whySlow,
	})
}
