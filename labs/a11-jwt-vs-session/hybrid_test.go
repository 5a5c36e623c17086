package auth_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	auth "github.com/backend-labs/backend-labs/labs/a11-jwt-vs-session"
)

func TestRefreshTokensRotate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newShop(3)
		for _, user := range []string{"ann", "José 🙂", "a.b:c/d"} {
			access, token := s.login(t, 0, user)
			for _, x := range s.at {
				got, err := x.tokens.Verify(t.Context(), access)
				verified(t, got, err, user, expect.Message{Did: "logged in; verified the access token"})
			}
			used := []string{}
			for i := range 10 {
				used = append(used, token)
				token = s.refresh(t, i%3, token, user, expect.Message{Did: fmt.Sprintf("Refresh number %d, each on another instance", i+1)})
				expect.That(t, !slices.Contains(used, token), expect.Message{Did: "Refresh, ten times",
					Want: "a new refresh token each time", Got: "an old one"})
				time.Sleep(access5(i))
			}
		}
		for _, before := range []int{0, 1, 3} {
			_, token := s.login(t, 0, "ann")
			for i := range before {
				time.Sleep(month - time.Second)
				token = s.refresh(t, i%3, token, "ann", expect.Message{
					Did: fmt.Sprintf("Refresh 1 s before the refresh token was 30 days old, for the %d. time", i+1),
					Why: "who comes once a month stays logged in: the time begins anew with each token"})
			}
			time.Sleep(month + time.Second)
			s.refused(t, token, expect.Message{Did: fmt.Sprintf("Refresh with a token that is 30 days and 1 s old, the number %d of its family", before+1),
				Why: "a token in an old backup should be worth nothing"})
		}
		garbage(t, s)
	})
}

// access5 is a pause between two Refreshes, of different lengths.
func access5(i int) time.Duration { return time.Duration(i%3) * access }

// garbage are tokens that nobody has issued.
func garbage(t *testing.T, s *shop) {
	t.Helper()
	access, _ := s.login(t, 0, "ann")
	for _, token := range []string{"", ".", "..", "x", "x.y", "ann", access, s.session(t, 0, "ann"), "family:x", ":", "null", "{}", "\x00"} {
		_, _, err := s.at[1].hybrid.Refresh(t.Context(), token)
		fails(t, err, auth.ErrInvalid, expect.Message{Did: fmt.Sprintf("Refresh with %.30q", token), Got: refreshed(err)})
	}
	_, token := s.login(t, 0, "ann")
	for i := range token {
		_, token := s.login(t, 0, "ann") // of a family that lives
		if i >= len(token) {
			break
		}
		changed := []byte(token)
		if changed[i]++; changed[i] == 'Z'+1 {
			changed[i] = 'A'
		}
		_, _, err := s.at[1].hybrid.Refresh(t.Context(), string(changed))
		fails(t, err, auth.ErrInvalid, expect.Message{Did: fmt.Sprintf("Refresh with a token of which character %d is another one", i),
			Got: refreshed(err)})
	}
	for _, less := range []struct {
		what string
		of   func(token string) string
	}{
		{"the last character of which is missing", func(token string) string { return token[:len(token)-1] }},
		{"the first character of which is missing", func(token string) string { return token[1:] }},
		{"the second half of which is missing", func(token string) string { return token[:len(token)/2] }},
		{"of which only the beginning is left", func(token string) string { return token[:strings.LastIndexAny(token, ".:/-_")+1] }},
		{"the second half of which is in small letters", func(token string) string { return token[:len(token)/2] + strings.ToLower(token[len(token)/2:]) }},
		{"that is in small letters", strings.ToLower},
	} {
		_, token := s.login(t, 0, "ann")
		other := less.of(token)
		if other == token {
			continue
		}
		_, _, err := s.at[1].hybrid.Refresh(t.Context(), other)
		fails(t, err, auth.ErrInvalid, expect.Message{Did: "Refresh with a token " + less.what, Got: refreshed(err),
			Why: "it is another text than the one that was issued, and easier to come by: logs cut tokens, too"})
	}
	for _, more := range []string{"%sx", "%s.x", "%s.", "x%s", ".%s", "%[1]s%[1]s", "%[1]s.%[1]s"} {
		_, token := s.login(t, 0, "ann")
		_, _, err := s.at[1].hybrid.Refresh(t.Context(), fmt.Sprintf(more, token))
		fails(t, err, auth.ErrInvalid, expect.Message{Did: fmt.Sprintf("Refresh with a token to which something was added: %q", more),
			Got: refreshed(err)})
	}
}

func TestAStolenRefreshToken(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, c := range []struct {
			before, after int // how often it is refreshed before the theft, and after it
			every, later  time.Duration
		}{{0, 1, access, 10*time.Second + time.Millisecond}, {3, 1, access, 11 * time.Second}, {1, 4, time.Hour, time.Hour},
			{0, 1, 0, month - time.Minute}, {0, 3, 9 * 24 * time.Hour, 2 * 24 * time.Hour}, {12, 12, access, 11 * time.Second}, {0, 3, access, time.Second},
			{0, 300, access, access}} {
			s := newShop(2)
			time.Sleep(700 * time.Millisecond) // in the middle of a second
			tl := timeline.New("first", "family", "second")
			_, other := s.login(t, 1, "ann")
			_, bob := s.login(t, 0, "bob")
			_, token := s.login(t, 0, "ann")
			for i := range c.before {
				time.Sleep(c.every)
				token = s.refresh(t, i%2, token, "ann", expect.Message{Did: "Refresh"})
			}
			stolen := token
			tl.Holds("family", "token %d", c.before+1)
			tl.Point("second", "has token %d, too", c.before+1)
			did := fmt.Sprintf("two have the refresh token number %d of a family; one of them makes %d Refresh", c.before+1, c.after)
			for i := range c.after {
				if i > 0 {
					time.Sleep(c.every)
				}
				tl.Point("first", "Refresh token %d", c.before+i+1)
				token = s.refresh(t, 1-i%2, token, "ann", expect.Message{Did: did})
				tl.Holds("family", "token %d", c.before+i+2)
			}
			time.Sleep(c.later)
			did += fmt.Sprintf("; %v later the other one comes with it", c.later)
			access, next, err := s.at[1].hybrid.Refresh(t.Context(), stolen)
			m := expect.Message{Did: did, Picture: tl, Why: "one of the two is a thief, and both would go on for ever"}
			if err == nil {
				m.Got = "another two tokens"
				tl.Point("second", "Refresh token %d works", c.before+1).Breaks()
			} else {
				tl.Point("second", "Refresh token %d: %s", c.before+1, say(err))
			}
			fails(t, err, auth.ErrInvalid, m)
			expect.That(t, access == "" && next == "" || !works(t, s, next), expect.Message{Did: did, Want: "no token that works", Got: next})
			_, _, err = s.at[0].hybrid.Refresh(t.Context(), token)
			m = expect.Message{Did: did + "; the first one comes with the newest token", Picture: tl,
				Why: "it may be the thief who was quicker: he has the newest one, and its owner has just been refused"}
			if err == nil {
				m.Got = "another two tokens"
				tl.Point("first", "Refresh token %d works", c.before+c.after+1).Breaks()
			}
			fails(t, err, auth.ErrInvalid, m)
			s.refused(t, token, m)
			s.refused(t, stolen, m)
			m = expect.Message{Did: did + "; another login of the same user makes a Refresh", Why: "the phone has nothing to do with the stolen laptop"}
			if c.before+c.after < 20 && c.later < month-time.Hour {
				s.refresh(t, 0, other, "ann", m)
				s.refresh(t, 1, bob, "bob", m)
			}
			_, again := s.login(t, 0, "ann")
			s.refresh(t, 1, again, "ann", expect.Message{Did: did + "; logged in again; Refresh"})
			for _, d := range []time.Duration{time.Hour, 20 * 24 * time.Hour} {
				time.Sleep(d)
				s.refused(t, token, expect.Message{Did: did + fmt.Sprintf("; the first one comes with the newest token, %v after that", d),
					Why: "a family that has ended must not come back when nobody thinks of it any more"})
			}
		}
		whileRefreshing(t)
		againWithinTheGrace(t)
	})
}

// againWithinTheGrace lets a used token come several times. What happens within 10 s is up to the solution,
// but it does not put off the end of the 10 s.
func againWithinTheGrace(t *testing.T) {
	t.Helper()
	s := newShop(2)
	_, stolen := s.login(t, 0, "ann")
	next := s.refresh(t, 0, stolen, "ann", expect.Message{Did: "Refresh"})
	did := "Refresh; came with the used token 6 s later"
	time.Sleep(6 * time.Second)
	access, again, err := s.at[1].hybrid.Refresh(t.Context(), stolen)
	within := expect.Message{Did: did, Want: "the same refresh token as before, with an access token, or ErrInvalid", Got: say(err),
		Why: "the answer may have been lost on the way, and a second one that differs is a second family"}
	if err == nil {
		user, err := s.at[1].tokens.Verify(t.Context(), access)
		within.Got = fmt.Sprintf("another refresh token: %t; its access token is %s", again != next, answer(user, err))
		expect.That(t, again == next && err == nil && user == "ann", within)
	} else {
		fails(t, err, auth.ErrInvalid, within)
	}
	time.Sleep(6 * time.Second)
	m := expect.Message{Did: did + ", and again 12 s after it was used",
		Why: "the 10 s begin when it is used: a thief who comes every few seconds would never be noticed"}
	_, _, err = s.at[0].hybrid.Refresh(t.Context(), stolen)
	m.Got = refreshed(err)
	fails(t, err, auth.ErrInvalid, m)
	m.Did += "; came with the newest token"
	s.refused(t, next, m)
}

// works tells whether a refresh token does.
func works(t *testing.T, s *shop, token string) bool {
	t.Helper()
	_, _, err := s.at[0].hybrid.Refresh(t.Context(), token)
	return err == nil
}

// whileRefreshing lets an old token come again while the newest is being used.
func whileRefreshing(t *testing.T) {
	t.Helper()
	for quarter := range 33 {
		s := newShop(2)
		_, stolen := s.login(t, 0, "ann")
		token := s.refresh(t, 0, stolen, "ann", expect.Message{Did: "Refresh"})
		time.Sleep(11 * time.Second)
		s.store.slow(time.Millisecond)
		var wg sync.WaitGroup
		var next string
		wg.Go(func() {
			time.Sleep(4 * time.Millisecond)
			_, next, _ = s.at[0].hybrid.Refresh(t.Context(), token)
		})
		offset := time.Duration(quarter) * time.Millisecond / 4
		time.Sleep(offset)
		_, _, err := s.at[1].hybrid.Refresh(t.Context(), stolen)
		wg.Wait()
		did := fmt.Sprintf("an old refresh token came again %s a Refresh with the newest one began; a call of the store takes 1 ms",
			when(offset-4*time.Millisecond))
		fails(t, err, auth.ErrInvalid, expect.Message{Did: did, Got: refreshed(err)})
		for _, token := range []string{next, token} { // the newest one first: an old one ends the family
			if token != "" {
				s.refused(t, token, expect.Message{Did: did + "; Refresh with what came of that", Why: "the family is dead, and one of its tokens lives"})
			}
		}
	}
}

func TestTwoRefreshAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, callers := range []int{2, 3, 10} {
			for quarter := range 20 {
				s := newShop(callers)
				_, token := s.login(t, 0, "ann")
				token = s.refresh(t, 1, token, "ann", expect.Message{Did: "Refresh"})
				time.Sleep(access)
				s.store.slow(time.Millisecond)
				offset := time.Duration(quarter) * time.Millisecond / 4
				tl := timeline.New("tab 1", "store", "tab 2")
				if callers == 2 {
					s.store.tl = tl
				}
				tokens, nexts, errs := make([]string, callers), make([]string, callers), make([]error, callers)
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * offset)
						lane := fmt.Sprint("tab ", i+1)
						var span timeline.Recorded
						if callers == 2 {
							span = tl.Begin(lane, "Refresh")
						}
						tokens[i], nexts[i], errs[i] = s.at[i].hybrid.Refresh(t.Context(), token)
						if callers == 2 {
							span.End("%s", map[bool]string{true: "a new token", false: say(errs[i])}[errs[i] == nil])
						}
					})
				}
				wg.Wait()
				got, good := map[string]bool{}, 0
				for i, err := range errs {
					if err == nil {
						good++
						got[nexts[i]] = true
						user, err := s.at[0].tokens.Verify(t.Context(), tokens[i])
						verified(t, user, err, "ann", expect.Message{
							Did: fmt.Sprintf("%d callers came with one refresh token; verified the access token of one that succeeded", callers)})
						continue
					}
					fails(t, err, auth.ErrInvalid, expect.Message{Did: fmt.Sprintf("%d callers with one refresh token", callers)})
				}
				m := expect.Message{
					Did: fmt.Sprintf("%d callers on as many instances came with one refresh token, %v after each other; a call of the store takes 1 ms",
						callers, offset),
					Want: "one succeeds at least, and all that do get the same refresh token",
					Got:  fmt.Sprintf("%d succeed, and get %d different ones", good, len(got)),
					Why:  "two tokens of one are two families: a thief who is quick enough would never be noticed"}
				if callers == 2 {
					m.Picture = tl
				}
				if len(got) > 1 {
					tl.Point("tab 2", "has another token").Breaks()
				}
				expect.That(t, len(got) == 1, m)
			}
		}
		apart(t)
	})
}

// apart has two families of one user refreshed at once, while a third one begins.
func apart(t *testing.T) {
	t.Helper()
	for quarter := range 20 {
		s := newShop(3)
		_, first := s.login(t, 0, "ann")
		_, second := s.login(t, 1, "ann")
		s.store.slow(time.Millisecond)
		offset := time.Duration(quarter) * time.Millisecond / 4
		var errs [3]error
		var wg sync.WaitGroup
		for i, f := range []func() error{
			func() error { _, _, err := s.at[0].hybrid.Refresh(t.Context(), first); return err },
			func() error { _, _, err := s.at[1].hybrid.Refresh(t.Context(), second); return err },
			func() error { _, _, err := s.at[2].hybrid.Login(t.Context(), "ann"); return err },
		} {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * offset)
				errs[i] = f()
			})
		}
		wg.Wait()
		for _, err := range errs {
			fine(t, err, expect.Message{Did: fmt.Sprintf("a Refresh, one in another family of the same user, and a Login of theirs, "+
				"%v after each other; a call of the store takes 1 ms", offset), Why: "laptop and phone have nothing to do with each other"})
		}
	}
}

func TestRevoke(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newShop(3)
		type one struct{ access, refresh string }
		var mine, revoked []one
		for i := range 6 {
			access, refresh := s.login(t, i%3, "ann")
			mine = append(mine, one{access, refresh})
		}
		others := map[string]string{}
		for _, user := range []string{"bob", "ann2", "an", "Ann", "ann:", "ann ", " ann", "ann\n"} {
			_, others[user] = s.login(t, 0, user)
		}
		for round := range 2 {
			// Long enough for the first to be forgotten, but for what Refresh does.
			for range 2 {
				time.Sleep(20 * 24 * time.Hour)
				for i := range mine {
					mine[i].refresh = s.refresh(t, i%3, mine[i].refresh, "ann", expect.Message{Did: "Refresh every 20 days"})
				}
				for _, user := range slices.Sorted(maps.Keys(others)) {
					others[user] = s.refresh(t, 0, others[user], user, expect.Message{Did: fmt.Sprintf("ann was revoked %d times; Refresh of %q", round, user)})
				}
			}
			for i := range mine {
				mine[i].access, _ = s.at[i%3].tokens.Issue("ann")
			}
			session := s.session(t, 0, "ann")
			did := "Revoke, 40 days after the login"
			if round > 0 {
				did = "Revoke, for the second time"
			}
			fine(t, s.at[round].hybrid.Revoke(t.Context(), "ann"), expect.Message{Did: did})
			newAccess, newRefresh := s.login(t, 2, "ann")
			for i := range mine {
				s.refused(t, mine[i].refresh, expect.Message{Did: did + "; Refresh on each instance", Why: "the laptop is stolen, and still logged in"})
			}
			lives(t, s.at[1].sessions, session, expect.Message{Did: did + "; verified a session of the same user"})
			time.Sleep(access + 29*time.Second)
			for i, x := range s.at {
				for _, tok := range []string{mine[i].access, newAccess} {
					user, err := x.tokens.Verify(t.Context(), tok)
					verified(t, user, err, "ann", expect.Message{Did: did + "; verified an access token 5 minutes and 29 s later",
						Why: "an access token is not looked up, so all instances must agree: one that knows better helps nobody"})
				}
			}
			time.Sleep(2 * time.Second)
			for i, x := range s.at {
				_, err := x.tokens.Verify(t.Context(), mine[i].access)
				fails(t, err, auth.ErrInvalid, expect.Message{Did: did + "; verified an access token 5 minutes and 31 s later",
					Why: "that is how long a thief is in"})
			}
			next := s.refresh(t, 0, newRefresh, "ann", expect.Message{Did: did + "; logged in at the same instant; Refresh"})
			revoked = append(revoked, mine...)
			mine = []one{{refresh: next}, {}, {}}
			for i := 1; i < 3; i++ {
				_, mine[i].refresh = s.login(t, i, "ann")
			}
		}
		for range 3 {
			time.Sleep(20 * 24 * time.Hour)
			for i := range revoked {
				s.refused(t, revoked[i].refresh, expect.Message{Did: "Revoke; Refresh with a token from before it, 20 days later and more",
					Why: "it has not expired yet, and is remembered by whoever has stolen it"})
			}
			for i := range mine {
				mine[i].refresh = s.refresh(t, i, mine[i].refresh, "ann", expect.Message{
					Did: "revoked, logged in again, Refresh every 20 days", Why: "that somebody was revoked once must be known for longer than any family lives"})
			}
		}
		fine(t, s.at[0].hybrid.Revoke(t.Context(), "nobody"), expect.Message{Did: "Revoke of somebody who never was here"})
		revokedMeanwhile(t)
		manyLogins(t)
	})
}

// manyLogins has one user log in on many instances at once.
func manyLogins(t *testing.T) {
	t.Helper()
	const n = 8
	for _, offset := range []time.Duration{0, time.Millisecond / 4, time.Millisecond, 3 * time.Millisecond / 2} {
		s := newShop(n)
		s.store.slow(time.Millisecond)
		tokens, errs := make([]string, n), make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * offset)
				_, tokens[i], errs[i] = s.at[i].hybrid.Login(t.Context(), "ann")
			})
		}
		wg.Wait()
		did := fmt.Sprintf("one user logged in on %d instances, %v after each other; a call of the store takes 1 ms", n, offset)
		for i := range n {
			fine(t, errs[i], expect.Message{Did: did})
			tokens[i] = s.refresh(t, i, tokens[i], "ann", expect.Message{Did: did + "; Refresh in each family"})
		}
		fine(t, s.at[0].hybrid.Revoke(t.Context(), "ann"), expect.Message{Did: did + "; Revoke"})
		for i := range n {
			s.refused(t, tokens[i], expect.Message{Did: did + "; Revoke; Refresh in each family", Why: "the laptop is stolen, and still logged in"})
		}
	}
}

// revokedMeanwhile revokes while a Refresh is under way.
func revokedMeanwhile(t *testing.T) {
	t.Helper()
	for quarter := range 33 {
		s := newShop(2)
		_, token := s.login(t, 0, "ann")
		s.store.slow(time.Millisecond)
		var wg sync.WaitGroup
		var next string
		wg.Go(func() {
			time.Sleep(4 * time.Millisecond)
			_, next, _ = s.at[0].hybrid.Refresh(t.Context(), token)
		})
		offset := time.Duration(quarter) * time.Millisecond / 4
		time.Sleep(offset)
		err := s.at[1].hybrid.Revoke(t.Context(), "ann")
		wg.Wait()
		did := fmt.Sprintf("Revoke, %s a Refresh began; a call of the store takes 1 ms", when(offset-4*time.Millisecond))
		fine(t, err, expect.Message{Did: did})
		for _, token := range []string{next, token} { // the newest one first: an old one ends the family
			if token != "" {
				s.refused(t, token, expect.Message{Did: did + "; Refresh with what came of that", Why: "whoever refreshes often enough would never be revoked"})
			}
		}
	}
}

// down ends the check unless an error is ErrUnavailable.
func down(t *testing.T, err error, what string) {
	t.Helper()
	fails(t, err, auth.ErrUnavailable, expect.Message{Did: what + " while the store is down",
		Why: "503 says try again; 401 would log everybody out, and send them to a login that does not work"})
}

func TestTheStoreIsDown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newShop(2)
		x := s.at[1]
		id := s.session(t, 0, "ann")
		access, token := s.login(t, 0, "ann")
		_, used := s.login(t, 0, "ann")
		newest := s.refresh(t, 0, used, "ann", expect.Message{Did: "Refresh"})
		time.Sleep(time.Minute)
		s.store.breaks(always)
		user, err := x.tokens.Verify(t.Context(), access)
		verified(t, user, err, "ann", expect.Message{Did: "verified an access token while the store is down",
			Why: "that is what it is for"})
		_, err = x.sessions.Verify(t.Context(), id)
		down(t, err, "Sessions.Verify")
		_, err = x.sessions.Login(t.Context(), "", "ann")
		down(t, err, "Sessions.Login")
		down(t, x.sessions.Logout(t.Context(), id), "Sessions.Logout")
		down(t, x.sessions.LogoutAll(t.Context(), "ann"), "Sessions.LogoutAll")
		_, _, err = x.hybrid.Login(t.Context(), "ann")
		down(t, err, "Hybrid.Login")
		for _, token := range []string{token, used, newest} {
			_, _, err = x.hybrid.Refresh(t.Context(), token)
			down(t, err, "Refresh")
		}
		down(t, x.hybrid.Revoke(t.Context(), "ann"), "Revoke")
		time.Sleep(time.Minute)
		s.store.breaks(nil)
		lives(t, x.sessions, id, expect.Message{Did: "verified a session when the store was up again"})
		for _, token := range []string{token, newest} {
			s.refresh(t, 0, token, "ann", expect.Message{Did: "Refresh when the store was up again", Why: "an outage logs nobody out"})
		}
		eachCallFails(t, only, "", 0)
		eachCallFails(t, from, " and all after it", time.Minute)
		failedLate(t)
	})
}

// eachCallFails makes one call of the store fail, each in its turn, or it and all after it. The next attempt
// comes a while later.
func eachCallFails(t *testing.T, which func(n int) func(int) bool, others string, later time.Duration) {
	t.Helper()
	for _, what := range []string{"Sessions.Verify", "Login", "Refresh", "Refresh with a used token", "Revoke"} {
		for n := 1; ; n++ {
			s := newShop(2)
			x := s.at[1]
			id := s.session(t, 0, "ann")
			_, _ = s.login(t, 0, "ann")
			_, used := s.login(t, 0, "ann")
			token := s.refresh(t, 0, used, "ann", expect.Message{Did: "Refresh"})
			time.Sleep(time.Minute)
			s.store.breaks(which(n))
			var err error
			switch what {
			case "Sessions.Verify":
				_, err = x.sessions.Verify(t.Context(), id)
			case "Login":
				_, _, err = x.hybrid.Login(t.Context(), "ann")
			case "Refresh":
				_, _, err = x.hybrid.Refresh(t.Context(), token)
			case "Refresh with a used token":
				_, _, err = x.hybrid.Refresh(t.Context(), used)
			case "Revoke":
				err = x.hybrid.Revoke(t.Context(), "ann")
			}
			failed := s.store.count() >= n
			s.store.breaks(nil)
			if !failed {
				expect.That(t, n > 1, expect.Message{Did: what, Want: "it calls the store", Got: "it does not"})
				break
			}
			did := fmt.Sprintf("%s; call %d of the store failed%s", what, n, others)
			fails(t, err, auth.ErrUnavailable, expect.Message{Did: did})
			time.Sleep(later)
			switch what {
			case "Sessions.Verify":
				lives(t, x.sessions, id, expect.Message{Did: did + "; verified again"})
			case "Refresh with a used token":
				s.refused(t, used, expect.Message{Did: did + "; again"})
				s.refused(t, token, expect.Message{Did: did + "; again, and with the newest token", Why: "a thief would be lucky"})
			case "Revoke":
				fine(t, x.hybrid.Revoke(t.Context(), "ann"), expect.Message{Did: did + "; again"})
				s.refused(t, token, expect.Message{Did: did + "; again; Refresh", Why: "the laptop is stolen, and still logged in"})
			default:
				next := s.refresh(t, 0, token, "ann", expect.Message{Did: did + "; Refresh with the same token",
					Why: "the user has no other one: it must not be used up by a call that has brought nothing"})
				s.refresh(t, 0, next, "ann", expect.Message{Did: did + "; Refresh with the same token, and then with the next one"})
			}
		}
	}
}

// failedLate has a Refresh fail, at each call of the store in its turn, shortly before the refresh token expires.
func failedLate(t *testing.T) {
	t.Helper()
	for n := 1; ; n++ {
		s := newShop(2)
		_, token := s.login(t, 0, "ann")
		time.Sleep(20 * 24 * time.Hour)
		s.store.breaks(only(n))
		_, _, err := s.at[1].hybrid.Refresh(t.Context(), token)
		failed := s.store.count() >= n
		s.store.breaks(nil)
		if !failed {
			return
		}
		did := fmt.Sprintf("Refresh when the token is 20 days old; call %d of the store failed", n)
		fails(t, err, auth.ErrUnavailable, expect.Message{Did: did})
		time.Sleep(10*24*time.Hour + time.Second)
		s.refused(t, token, expect.Message{Did: did + "; Refresh when it is 30 days and 1 s old",
			Why: "a Refresh that has failed has changed nothing, nor the time that is left to the token"})
	}
}

// requests are made in each way, one every 5 s.
const requests = 200

// row is what one of the three costs.
type row struct {
	calls int           // of the store, for all requests
	bytes int           // on each request
	felt  time.Duration // from the logout to the last request that was accepted
	down  string        // what works while the store is down
}

func TestTheTrade(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New("JWT", "session", "hybrid")
		rows := map[string]row{}
		for _, kind := range []string{"JWT", "session", "hybrid"} {
			rows[kind] = measure(t, kind)
		}
		for _, kind := range []string{"JWT", "session", "hybrid"} {
			tl.Holds(kind, "%d bytes on each", rows[kind].bytes)
		}
		for _, kind := range []string{"JWT", "session", "hybrid"} {
			tl.Holds(kind, "%d cost %d calls", requests, rows[kind].calls)
		}
		for _, kind := range []string{"JWT", "session", "hybrid"} {
			tl.Holds(kind, "out after %v", rows[kind].felt)
		}
		for _, kind := range []string{"JWT", "session", "hybrid"} {
			tl.Holds(kind, "store down: %s", rows[kind].down)
		}
		check := func(ok bool, kind, want, why string) {
			t.Helper()
			x := rows[kind]
			expect.That(t, ok, expect.Message{Did: fmt.Sprintf("made %d requests, one every 5 s, with %s; logged out; made more of them", requests, kind),
				Want: want, Got: fmt.Sprintf("%d calls of the store, the last request accepted %v after the logout, and while the store was down: %s",
					x.calls, x.felt, x.down), Why: why, Picture: tl})
		}
		x := rows["JWT"]
		check(x.calls == 0 && x.down == "works" && x.felt > absolute, "JWT", "no call of the store, and works while it is down; but nobody can be logged out",
			"that is the bargain: nobody is asked, so nobody can object")
		x = rows["session"]
		check(x.calls >= requests && x.calls <= 2*requests && x.felt == 0 && x.down == "503", "session",
			"one or two calls for each request, the logout is felt at once, and 503 while the store is down", "the store is asked each time")
		x = rows["hybrid"]
		check(x.calls > 0 && x.calls < requests/4 && x.felt <= access+30*time.Second && x.felt >= 4*time.Minute && x.down == "works", "hybrid",
			"some calls, for the Refreshes, the logout is felt within 5 minutes 30, and works while the store is down",
			"five minutes are what you pay")
		expect.Show(t, fmt.Sprintf("what each costs: %d requests, one every 5 s", requests), tl)
	})
}

// measure makes requests in one of three ways.
func measure(t *testing.T, kind string) (r row) {
	t.Helper()
	s := newShop(2)
	ctx := t.Context()
	long := auth.NewJWT(&keys{issuer: newIssuer("a"), kid: "a"}, iss, aud, absolute)
	first, second := s.at[0], s.at[1]
	var credential, refresh string
	var err error
	request := func() error { return nil }
	var logout func() error
	switch kind {
	case "JWT":
		credential, err = long.Issue("ann")
		request = func() error { _, err := long.Verify(ctx, credential); return err }
		logout = func() error { return nil } // whom should it tell?
	case "session":
		credential, err = first.sessions.Login(ctx, "", "ann")
		request = func() error { _, err := second.sessions.Verify(ctx, credential); return err }
		logout = func() error { return first.sessions.Logout(ctx, credential) }
	case "hybrid":
		credential, refresh, err = first.hybrid.Login(ctx, "ann")
		request = func() error {
			_, err := second.tokens.Verify(ctx, credential)
			if !sentinel.Is(err, auth.ErrInvalid) {
				return err
			}
			a, b, err := second.hybrid.Refresh(ctx, refresh)
			if err == nil {
				credential, refresh = a, b
			}
			return err
		}
		logout = func() error { return first.hybrid.Revoke(ctx, "ann") }
	}
	fine(t, err, expect.Message{Did: "logged in with " + kind})
	r.bytes = len(credential)
	s.store.count()
	for range requests {
		fine(t, request(), expect.Message{Did: "made a request with " + kind})
		time.Sleep(5 * time.Second)
	}
	r.calls = s.store.count()
	// A user who has just begun, and so has all of his time before him.
	if kind == "hybrid" {
		credential, refresh, err = first.hybrid.Login(ctx, "ann")
	} else if kind == "JWT" {
		credential, err = long.Issue("ann")
	}
	fine(t, err, expect.Message{Did: "logged in with " + kind})
	s.store.breaks(always)
	switch err := request(); {
	case err == nil:
		r.down = "works"
	case known.Is(err, auth.ErrUnavailable):
		r.down = "503"
	default:
		r.down = "401"
	}
	s.store.breaks(nil)
	fine(t, logout(), expect.Message{Did: "logged out with " + kind})
	began := time.Now()
	ttl := map[string]time.Duration{"JWT": absolute, "hybrid": access}[kind]
	for request() == nil && time.Since(began) < ttl+10*time.Minute {
		r.felt = time.Since(began)
		if r.felt < ttl {
			time.Sleep(ttl / 30)
		} else {
			time.Sleep(time.Second)
		}
	}
	return r
}
