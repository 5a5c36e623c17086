package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	secrets "github.com/backend-labs/backend-labs/labs/i18-secrets"
)

var errDown = errors.New("connection refused")

// outages are the ways in which a store can be down.
var outages = []struct {
	name string
	down func(v *vault)
}{
	{"says " + errDown.Error(), func(v *vault) { v.down(errDown, false) }},
	{"says " + errDown.Error() + ", and lists keys beside the error", func(v *vault) {
		v.down(errDown, false)
		v.broken(3, map[int]string{1: keyOf(1), 9: keyOf(9), 3: keyOf(3)})
	}},
	{"does not answer", func(v *vault) { v.down(nil, true) }},
	{"has no key for its current version",
		func(v *vault) { v.broken(3, map[int]string{1: keyOf(1), 9: keyOf(9)}) }},
	{"has an empty key for its current version",
		func(v *vault) { v.broken(3, map[int]string{1: keyOf(1), 9: keyOf(9), 3: ""}) }},
}

func TestTheStoreIsDown(t *testing.T) {
	for i, outage := range outages {
		bubble.RunLeaky(t, func(t *testing.T) {
			v := newVault(1)
			r := secrets.NewRing(v, ttl, grace)
			sign(t, r, "the first Sign")
			v.publish(2, 1)
			time.Sleep(ttl + time.Second)
			wantSigned(t, r, 2, "version 1 is followed by 2", "")
			outage.down(v)
			did := "the store " + outage.name
			time.Sleep(ttl)
			v.asked()
			begin := time.Now()
			for n := 0; n < 10_000 && time.Since(begin) < 10*time.Second; n++ {
				asked := time.Now()
				_, err := r.Sign(background(), message)
				expect.NoError(t, err, expect.Message{Did: did + ", Sign every ms", Want: "a token"})
				expect.That(t, time.Since(asked) <= time.Second, expect.Message{
					Did: did + ", Sign every ms", Want: "a token within 1 s",
					Got: fmt.Sprint("one after ", time.Since(asked)),
					Why: "requests that wait for a store that is down are down as well"})
				time.Sleep(time.Millisecond)
			}
			n := v.asked()
			expect.That(t, n <= 12, expect.Message{Did: did + ", Sign every ms for 10 s",
				Want: "a fetch a second", Got: fmt.Sprintf("%d fetches", n),
				Why: "what is down does not get up while everybody asks it a thousand times a second"})
			wantPause(t, v, expect.Message{
				Did:  did + ", Sign every ms for 10 s",
				Want: "no fetch within 1 s after one that has failed",
				Why:  "it has just said that it cannot, or has just needed all the time there was"})
			wantVerified(t, r, 1, true, did, "its grace has begun, and not ended")
			wantVerified(t, r, 2, true, did, "")
			wantVerified(t, r, 9, false, did, "nothing of a fetch that has failed counts")
			every10s(t, r, time.Hour)
			wantSigned(t, r, 2, did+" for an hour", "keys that were good are better than none")
			wantVerified(t, r, 2, true, did+" for an hour", "")
			wantVerified(t, r, 1, false, did+" for an hour", "that the store is down is no reason to "+
				"accept what has ended")
			if i == 0 {
				time.Sleep(30 * time.Hour)
				wantSigned(t, r, 2, did+" for 30 h", "the contract knows no outage that is too long: "+
					"keys that were good are better than none")
			}
			v.down(nil, false)
			v.publish(4)
			time.Sleep(1100 * time.Millisecond)
			r.Sign(background(), message)
			time.Sleep(time.Millisecond)
			wantSigned(t, r, 4, did+" no more, for more than a second", "nobody restarts 40 instances "+
				"because the store was down")
			wantVerified(t, r, 2, true, did+" no more, and 4 is current instead of 2", "with 2 was signed "+
				"until now: its grace has just begun")
		})
	}
}

// wantPause ends the check if the store was asked again within a second after a fetch that has failed.
func wantPause(t *testing.T, v *vault, m expect.Message) {
	t.Helper()
	soonest := v.again()
	m.Got = fmt.Sprintf("one %v after that", soonest)
	expect.That(t, soonest < 0 || soonest >= time.Second, m)
}

func TestNothingWasEverFetched(t *testing.T) {
	for _, outage := range outages {
		bubble.RunLeaky(t, func(t *testing.T) {
			v := newVault(1)
			outage.down(v)
			r := secrets.NewRing(v, ttl, grace)
			did := "the store " + outage.name + " from the start"
			for range 3 {
				begin := time.Now()
				inTime := func(call string) {
					t.Helper()
					expect.That(t, time.Since(begin) <= time.Second, expect.Message{Did: did + ", " + call,
						Want: "an error within 1 s", Got: fmt.Sprint("one after ", time.Since(begin))})
					begin = time.Now()
				}
				token, err := r.Sign(background(), message)
				inTime("Sign")
				expect.That(t, err != nil && token == "", expect.Message{Did: did + ", Sign",
					Want: "an error and no token", Got: fmt.Sprintf("%q and the error %v", token, err),
					Why: "HMAC takes the empty key, and so does everybody else who guesses that"})
				for _, version := range []int{0, 1, 2, 3} {
					err = r.Verify(background(), message, by(t, version))
					inTime("Verify")
					expect.That(t, err != nil, expect.Message{Did: did + ", Verify", Want: "an error",
						Got: "accepted", Why: "what cannot be verified is not true"})
				}
				time.Sleep(700 * time.Millisecond)
			}
			wantPause(t, v, expect.Message{
				Did:  did + ", Sign and Verify",
				Want: "no fetch within 1 s after one that has failed, also if none was good before",
				Why:  "a store that comes up meets all that wait for it; there are forty instances"})
			v.down(nil, false)
			v.publish(1)
			time.Sleep(1100 * time.Millisecond)
			r.Sign(background(), message)
			time.Sleep(time.Millisecond)
			wantSigned(t, r, 1, did+", and now it is up", "")
		})
	}
}

func TestAFetchIsWaitedForASecondAtMost(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		v.slow(900 * time.Millisecond)
		wantSigned(t, r, 1, "a fetch takes 900 ms", "that is still an answer")
		v.publish(2)
		v.slow(3 * time.Second)
		time.Sleep(10 * time.Minute)
		for range 20 {
			for _, call := range []string{"Sign", "Verify"} {
				begin := time.Now()
				var err error
				if call == "Sign" {
					_, err = r.Sign(background(), message)
				} else {
					err = r.Verify(background(), message, by(t, 1))
				}
				took := time.Since(begin)
				expect.That(t, err == nil && took <= time.Second, expect.Message{
					Did:  call + "; a fetch takes 3 s",
					Want: "no error, after 1 s at the latest: the keys of before will do",
					Got:  fmt.Sprintf("%v after %v", err, took)})
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// sourceFunc is a source in which fmt finds nothing.
type sourceFunc func(ctx context.Context) (map[int]string, int, error)

func (f sourceFunc) Fetch(ctx context.Context) (map[int]string, int, error) { return f(ctx) }

func TestNothingOfTheRingIsShown(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(sourceFunc(v.Fetch), ttl, grace)
		token := sign(t, r, "the first Sign")
		v.publish(2, 1, 3)
		time.Sleep(ttl + time.Second)
		sign(t, r, "Sign")
		synctest.Wait() // nothing of the Ring runs while it is printed
		for version := 1; version <= 3; version++ {
			hidden(t, "a Ring", r, keyOf(version))
			hidden(t, "a struct with a Ring", struct{ ring *secrets.Ring }{r}, keyOf(version))
		}
		_, mac, _ := strings.Cut(token, ".")
		for _, forged := range []string{"", "x", token[:len(token)-2], "v1.", "v9." + mac, "v01." + mac,
			"v2." + mac, by(t, 9)} {
			err := r.Verify(background(), message, forged)
			if err == nil {
				continue // that is another check's concern
			}
			for version := 1; version <= 3; version++ {
				said := shows(err.Error(), keyOf(version))
				expect.That(t, said == "" && !strings.Contains(err.Error(), by(t, version)), expect.Message{
					Did:  fmt.Sprintf("Verify %q", forged),
					Want: "an error with neither a key nor a token that would have been right",
					Got:  err.Error(), Why: "errors are logged, and told to those who have forged"})
			}
		}
		ctx, cancel := context.WithCancel(background())
		cancel()
		r.Sign(ctx, message) // must not panic
		wantSigned(t, r, 2, "printed a Ring", "")
	})
	bubble.RunLeaky(t, wantKeysUntold)
	for _, outage := range outages {
		bubble.RunLeaky(t, func(t *testing.T) {
			v, token := newVault(1), by(t, 1)
			outage.down(v)
			r := secrets.NewRing(v, ttl, grace)
			_, signed := r.Sign(background(), message)
			errs := errors.Join(signed, r.Verify(background(), message, token))
			if errs == nil {
				return // that is another check's concern
			}
			for _, version := range []int{1, 3, 9} {
				said := shows(errs.Error(), keyOf(version))
				expect.That(t, said == "", expect.Message{
					Did: fmt.Sprintf("Sign and Verify; the store %s from the start, and lists the versions 1 and 9",
						outage.name),
					Want: "errors without a key",
					Got:  fmt.Sprintf("the key of version %d %s: %v", version, said, errs),
					Why:  "what cannot be used for signing now is a secret all the same, and errors are logged"})
			}
		})
	}
}

// wantKeysUntold compares what is printed of a Ring, and what its errors say, with one key and with another.
func wantKeysUntold(t *testing.T) {
	ring := func(key string) *secrets.Ring {
		v := newVault(1)
		v.broken(1, map[int]string{1: key, 2: "x" + key})
		r := secrets.NewRing(sourceFunc(v.Fetch), ttl, grace)
		sign(t, r, "Sign")
		synctest.Wait()
		return r
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		how := secrecy.Told(20, func(key string) string {
			return addresses.ReplaceAllString(fmt.Sprintf(verb, ring(key)), "…")
		})
		expect.That(t, how == "", expect.Message{
			Did:  "printed a Ring with one key and with another: fmt with " + verb,
			Want: "the same for both: nothing of the key, neither a part of it nor what is made of it",
			Got:  how, Why: "what is printed is in the logs for years"})
	}
	for _, forged := range []string{"v1.0", by(t, 1), by(t, 2), by(t, 9)} {
		how := secrecy.Told(20, func(key string) string { return fmt.Sprint(ring(key).Verify(background(), message, forged)) })
		expect.That(t, how == "", expect.Message{
			Did:  fmt.Sprintf("Verify %q, on a Ring with one key and on one with another", forged),
			Want: "the same error from both: nothing of the key, and nothing of the token that would have been right",
			Got:  how, Why: "errors are logged, and told to those who have forged"})
	}
}

func TestTwoInstancesThroughARotation(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v, tl := newVault(1), timeline.New("store", "instance a", "instance b")
		a, b := secrets.NewRing(v, ttl, grace), secrets.NewRing(v, ttl, grace)
		sign(t, a, "Sign on a")
		time.Sleep(30 * time.Second)
		sign(t, b, "Sign on b")
		old := sign(t, a, "Sign on a")
		tl.Holds("store", "1")
		begin, last, refused := time.Now(), map[string]int{}, false
		for time.Since(begin) < 12*time.Minute {
			switch time.Since(begin) {
			case 2 * time.Minute:
				v.publish(1, 2)
				tl.Holds("store", "1, announces 2")
			case 2*time.Minute + 100*time.Second:
				v.publish(2, 1)
				tl.Holds("store", "2, lists 1")
			}
			for _, pair := range [][2]*secrets.Ring{{a, b}, {b, a}} {
				from, to := "instance a", "instance b"
				if pair[0] == b {
					from, to = to, from
				}
				token := sign(t, pair[0], "Sign on "+from)
				if version := versionOf(token); last[from] != version {
					last[from] = version
					tl.Point(from, "signs with %d", version)
				}
				if err := pair[1].Verify(background(), message, token); err != nil {
					tl.Point(to, "refuses a token of the other").Breaks()
					expect.Fatal(t, expect.Message{
						Did: "two instances that fetch 30 s apart sign every 10 s, and verify each other's " +
							"tokens; 100 s before version 2 becomes current it is listed",
						Want: "accepted, all of them", Got: fmt.Sprintf("refused %v after the announcement",
							time.Since(begin)-2*time.Minute),
						Why:     "a rotation is no outage: not for a minute, not for every second request",
						Picture: tl})
				}
			}
			if err := b.Verify(background(), message, old); err != nil && !refused {
				refused = true
				tl.Point("instance b", "refuses what 1 has signed")
			}
			time.Sleep(10 * time.Second)
		}
		expect.That(t, refused && last["instance a"] == 2 && last["instance b"] == 2, expect.Message{
			Did:  "an announced rotation, and eight minutes more",
			Want: "both sign with 2, and refuse what 1 has signed",
			Got:  fmt.Sprintf("they sign with %v; version 1 refused: %v", last, refused), Picture: tl})
		expect.Show(t, "a rotation that nobody notices", tl)
	})
}
