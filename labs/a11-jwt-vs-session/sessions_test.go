package auth_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	auth "github.com/backend-labs/backend-labs/labs/a11-jwt-vs-session"
)

// lives ends the check unless a session is ann's.
func lives(t *testing.T, x *auth.Sessions, id string, m expect.Message) {
	t.Helper()
	user, err := x.Verify(t.Context(), id)
	verified(t, user, err, "ann", m)
}

// over ends the check unless a session has ended.
func over(t *testing.T, x *auth.Sessions, id string, m expect.Message) {
	t.Helper()
	user, err := x.Verify(t.Context(), id)
	if err == nil {
		m.Got = fmt.Sprintf("it is %q's", user)
	}
	fails(t, err, auth.ErrInvalid, m)
}

func TestASessionHasItsTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, c := range []struct{ idle, absolute time.Duration }{
			{30 * time.Minute, 8 * time.Hour}, {time.Minute, 10 * time.Minute}, {12 * time.Hour, 8 * time.Hour},
			{90*time.Second + 500*time.Millisecond, 15*time.Minute + 300*time.Millisecond},
		} {
			s := newStore()
			at := []*auth.Sessions{auth.NewSessions(s, c.idle, c.absolute), auth.NewSessions(s, c.idle, c.absolute)}
			login := func() string {
				id, err := at[0].Login(t.Context(), "", "ann")
				fine(t, err, expect.Message{Did: "Login"})
				return id
			}
			did := fmt.Sprintf("idle is %v, absolute %v; logged in", c.idle, c.absolute)
			quiet := min(c.idle, c.absolute)
			for _, verifies := range []int{0, 1, 3} {
				if c.idle*time.Duration(verifies+1) > c.absolute {
					continue
				}
				id, did := login(), did
				for range verifies {
					time.Sleep(quiet - time.Second)
					did += fmt.Sprintf("; verified after %v", quiet-time.Second)
					lives(t, at[1], id, expect.Message{Did: did})
				}
				time.Sleep(quiet + time.Millisecond)
				over(t, at[0], id, expect.Message{Did: did + fmt.Sprintf("; verified after %v", quiet+time.Millisecond),
					Why: "a browser that somebody has left open on a library's computer should not stay logged in"})
			}
			for _, early := range []time.Duration{time.Second, c.idle / 4} {
				if early+c.idle > c.absolute {
					continue
				}
				id, did := login(), did
				time.Sleep(early)
				lives(t, at[1], id, expect.Message{Did: did + fmt.Sprintf("; verified after %v", early)})
				time.Sleep(c.idle - time.Millisecond)
				lives(t, at[0], id, expect.Message{Did: did + fmt.Sprintf("; verified after %v, and again after %v", early, c.idle-time.Millisecond),
					Why: "the idle time begins anew with each request, also with one that comes soon after the one before"})
			}
			for _, first := range []time.Duration{time.Second, time.Millisecond} {
				id, began, did := login(), time.Now(), did
				often := c.idle * 2 / 3
				for time.Since(began)+often < c.absolute-time.Second {
					time.Sleep(often)
					s.count()
					lives(t, at[1], id, expect.Message{Did: did + fmt.Sprintf("; verified every %v, for %v", often, time.Since(began))})
					n := s.count()
					expect.That(t, n >= 1 && n <= 2, expect.Message{Did: did + "; verified", Want: "one or two calls of the store",
						Got: fmt.Sprint(n), Why: "each request of the shop makes them"})
				}
				did += fmt.Sprintf("; verified every %v", often)
				time.Sleep(time.Until(began.Add(c.absolute - time.Second)))
				lives(t, at[0], id, expect.Message{Did: did + ", and 1 s before absolute"})
				for _, after := range []time.Duration{first, first + time.Second} {
					time.Sleep(time.Until(began.Add(c.absolute + after)))
					over(t, at[0], id, expect.Message{Did: did + fmt.Sprintf(", and %v after absolute", after),
						Why: "whoever has stolen a session keeps it alive for as long as he likes"})
				}
			}
		}
	})
}

func TestALogoutWins(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, all := range []bool{false, true} {
			name := map[bool]string{false: "Logout", true: "LogoutAll"}[all]
			for quarter := range 21 {
				s := newShop(2)
				id := s.session(t, 0, "ann")
				lives(t, s.at[1].sessions, id, expect.Message{Did: "logged in, and verified"})
				tl := timeline.New("request", "store", "owner")
				s.store.slow(time.Millisecond)
				s.store.tl = tl
				offset := time.Duration(quarter) * time.Millisecond / 4
				var wg sync.WaitGroup
				wg.Go(func() {
					time.Sleep(2 * time.Millisecond)
					verify := tl.Begin("request", "Verify")
					user, err := s.at[1].sessions.Verify(t.Context(), id)
					verify.End("%s", answer(user, err))
				})
				time.Sleep(offset)
				logout := tl.Begin("owner", "%s", name)
				var err error
				if all {
					err = s.at[0].sessions.LogoutAll(t.Context(), "ann")
				} else {
					err = s.at[0].sessions.Logout(t.Context(), id)
				}
				logout.End("done")
				did := fmt.Sprintf("%s, %s a Verify on another instance begins; a call of the store takes 1 ms",
					name, when(offset-2*time.Millisecond))
				fine(t, err, expect.Message{Did: did})
				wg.Wait()
				time.Sleep(time.Second)
				user, err := s.at[0].sessions.Verify(t.Context(), id)
				if err == nil {
					tl.Point("request", "is %s's again", user).Breaks()
				}
				m := expect.Message{Did: did + "; a second later verified", Picture: tl,
					Why: "the owner has seen that he is logged out, and the session is alive again"}
				if err == nil {
					m.Got = fmt.Sprintf("it is %q's", user)
				}
				fails(t, err, auth.ErrInvalid, m)
				over(t, s.at[1].sessions, id, m)
			}
		}
	})
}

func TestALoginIsANewSession(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newShop(3)
		bob := s.session(t, 0, "bob")
		mine, seen := []string{}, map[string]bool{}
		for i := range 1000 {
			user := "ann"
			if i >= 50 { // in all a thousand, and not too long a list
				user = fmt.Sprint("user ", i%50)
			}
			id := s.session(t, i%3, user)
			expect.That(t, len(id) >= 22 && !seen[id], expect.Message{Did: "logged in a thousand times",
				Want: "ids of 22 characters or more, all different", Got: fmt.Sprintf("%q", id), Why: "whoever can guess an id is its user"})
			seen[id] = true
			if user == "ann" {
				mine = append(mine, id)
			}
		}
		_, family := s.login(t, 0, "ann")
		for _, old := range []string{mine[0], bob, "unknown", ""} {
			id, err := s.at[1].sessions.Login(t.Context(), old, "ann")
			did := fmt.Sprintf("logged in with the old session %q", old)
			fine(t, err, expect.Message{Did: did})
			expect.That(t, id != old, expect.Message{Did: did, Want: "a new id", Got: id})
			lives(t, s.at[2].sessions, id, expect.Message{Did: did + "; verified the new one"})
			over(t, s.at[0].sessions, old, expect.Message{Did: did + "; verified the old one",
				Why: "an attacker may have planted it in the browser, and would be in with it"})
			mine = append(mine, id)
		}
		bob = s.session(t, 0, "bob")
		ann2 := s.session(t, 0, "ann2")
		for i := range 20 { // nearly to the end of their time
			time.Sleep(23 * time.Minute)
			if i == 10 {
				mine = append(mine, s.session(t, 1, "ann"))
			}
			for _, id := range append(mine[1:], bob, ann2) {
				if _, err := s.at[0].sessions.Verify(t.Context(), id); err != nil {
					expect.Fatal(t, expect.Message{Did: "verified sessions every 23 minutes", Want: "they live", Got: say(err)})
				}
			}
		}
		fine(t, s.at[1].sessions.LogoutAll(t.Context(), "ann"), expect.Message{Did: "LogoutAll"})
		fine(t, s.at[1].sessions.LogoutAll(t.Context(), "nobody"), expect.Message{Did: "LogoutAll of somebody without a session"})
		again := s.session(t, 2, "ann")
		for i, id := range mine {
			over(t, s.at[i%3].sessions, id, expect.Message{Did: "LogoutAll after fifty logins on three instances; verified a session",
				Why: "the stolen laptop has one of them"})
		}
		lives(t, s.at[0].sessions, again, expect.Message{Did: "LogoutAll; logged in at the same instant; verified"})
		for id, user := range map[string]string{bob: "bob", ann2: "ann2"} {
			got, err := s.at[0].sessions.Verify(t.Context(), id)
			verified(t, got, err, user, expect.Message{Did: "LogoutAll of ann; verified the session of " + user})
		}
		s.refresh(t, 0, family, "ann", expect.Message{Did: "LogoutAll; Refresh in a family of the same user"})
	})
}
