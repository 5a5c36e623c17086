package secrets_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	secrets "github.com/backend-labs/backend-labs/labs/i18-secrets"
)

func TestTheCurrentVersionSigns(t *testing.T) {
	const why = "which one is current the source says: a higher number may be announced, or was " +
		"rolled back"
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(2, 1, 3)
		r := secrets.NewRing(v, ttl, grace)
		for _, current := range []int{2, 3, 2, 0, 1} {
			v.publish(current, 0, 1, 2, 3)
			time.Sleep(ttl + time.Second)
			wantSigned(t, r, current, fmt.Sprintf("version %d of 0 to 3 is current", current), why)
			wantVerified(t, r, current, true, fmt.Sprintf("version %d is current", current), why)
		}
		for _, current := range []int{-1, 1 << 30, math.MaxInt, math.MinInt} {
			v.publish(current)
			time.Sleep(ttl + time.Second)
			did := fmt.Sprintf("version %d is current, then Sign", current)
			token := sign(t, r, did)
			err := r.Verify(background(), message, token)
			other := r.Verify(background(), []byte("another"), token)
			expect.That(t, err == nil && other != nil && token != by(t, 1), expect.Message{
				Did:  did + ", and Verify of its token",
				Want: "accepted, and refused for another message",
				Got:  fmt.Sprintf("the errors %v and %v", err, other),
				Why:  "a number is a name here; some stores count seconds, or backwards"})
		}
		v.broken(5, map[int]string{5: " "})
		const did = "the first version is 5, and its key is a space; Sign, and Verify of its token"
		r = secrets.NewRing(v, ttl, grace)
		err := r.Verify(background(), message, sign(t, r, did))
		expect.NoError(t, err, expect.Message{Did: did, Want: "accepted",
			Why: "a space is a poor key, and not an empty one: what is one the source says"})
	})
}

// every10s calls a ring until that much time has passed.
func every10s(t *testing.T, r *secrets.Ring, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Until(end) >= 10*time.Second; time.Sleep(10 * time.Second) {
		sign(t, r, "Sign every 10 s")
	}
}

// retire lets a ring see that version 1 is followed by 2, and returns when it must have.
func retire(t *testing.T, v *vault, listed ...int) *secrets.Ring {
	t.Helper()
	r := secrets.NewRing(v, ttl, grace)
	sign(t, r, "the first Sign")
	every10s(t, r, 10*time.Minute)
	v.publish(2, listed...)
	return r
}

func TestAnOldVersionIsAcceptedUntilItsGraceEnds(t *testing.T) {
	for _, listed := range [][]int{nil, {1}} {
		did := fmt.Sprintf("version 1 is followed by 2 (listed beside it: %v)", listed)
		bubble.RunLeaky(t, func(t *testing.T) {
			v := newVault(1)
			r := retire(t, v, listed...)
			every10s(t, r, grace-10*time.Second)
			time.Sleep(10*time.Second - time.Millisecond)
			wantVerified(t, r, 2, true, did+", 1 ms less than 5 min ago", "")
			wantVerified(t, r, 1, true, did+", 1 ms less than 5 min ago", "what was "+
				"signed before is still in people's mails and tabs")
			every10s(t, r, ttl)
			time.Sleep(time.Second + time.Millisecond)
			wantVerified(t, r, 1, false, did+", 6 min and 1 s ago", "a key that was rotated because it "+
				"has leaked must end, whether or not somebody has cleaned up the store")
			wantVerified(t, r, 2, true, did+", 6 min and 1 s ago", "")
			every10s(t, r, time.Hour)
			wantVerified(t, r, 1, false, did+", more than an hour ago", "what has ended does not begin "+
				"again with the next fetch")
		})
	}
}

func TestTwoRotationsInOneGrace(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		for version := 1; version <= 4; version++ {
			v.publish(version)
			time.Sleep(ttl + time.Second)
			wantSigned(t, r, version, fmt.Sprintf("version %d became current", version), "")
		}
		for version := 1; version <= 4; version++ {
			wantVerified(t, r, version, true, "versions 1, 2, 3 and 4 became current, a minute after each "+
				"other", "each has a grace of its own")
		}
		every10s(t, r, grace-ttl)
		wantVerified(t, r, 1, false, "4 min later", "its grace has ended")
		wantVerified(t, r, 3, true, "4 min later", "its grace has not")
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		const many = 40
		var listed []int
		for version := range many {
			listed = append(listed, version)
		}
		r := secrets.NewRing(newVault(many, listed...), ttl, grace)
		for version := range many + 1 {
			wantVerified(t, r, version, true, fmt.Sprintf("the first fetch has brought the versions 0 to %d", many),
				"each is accepted until its grace ends, however many there are")
		}
	})
	bubble.RunLeaky(t, sameKeyAgain)
}

// sameKeyAgain rotates to a version with the key that the one before had.
func sameKeyAgain(t *testing.T) {
	v := newVault(1)
	r := secrets.NewRing(v, ttl, grace)
	first := sign(t, r, "the first Sign")
	v.broken(2, map[int]string{1: keyOf(1), 2: keyOf(1)})
	time.Sleep(ttl + time.Second)
	const did = "version 1 is followed by 2, which has the same key; "
	second := sign(t, r, did+"Sign")
	for _, tt := range []struct {
		after          time.Duration
		one, two       string
		accepts, other bool
	}{
		{0, "accepted", "accepted", true, true}, {grace - ttl - 2*time.Second, "accepted", "accepted", true, true},
		{ttl + 2*time.Second + time.Millisecond, "refused", "accepted", false, true},
	} {
		time.Sleep(tt.after)
		one, two := r.Verify(background(), message, first), r.Verify(background(), message, second)
		expect.That(t, first != second && (one == nil) == tt.accepts && (two == nil) == tt.other, expect.Message{
			Did:  fmt.Sprintf("%sVerify a token of version 1 and one of 2, %v after the last Verify or Sign", did, tt.after),
			Want: tt.one + " and " + tt.two,
			Got:  fmt.Sprintf("the errors %v and %v", one, two),
			Why:  "what is current, and until when, is said of versions: what their keys are does not matter"})
	}
}

func TestTheGraceIsExact(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		v.publish(2, 1)
		time.Sleep(10 * time.Minute) // a fetch is due, or the background has made it long ago
		v.publish(3, 2, 1)
		time.Sleep(ttl + time.Millisecond)
		wantSigned(t, r, 3, "1 min and 1 ms after version 3 became current", "what was fetched before "+
			"is more than ttl old")
		v.publish(4, 3, 2, 1)
		begin := time.Now()
		for v.asked(); v.asked() == 0; time.Sleep(time.Second) {
			sign(t, r, "Sign every second")
			expect.That(t, time.Since(begin) <= ttl+10*time.Second, expect.Message{
				Did: "Sign every second for a minute", Want: "a fetch", Got: "none",
				Why: "a ring that does not fetch does not rotate"})
		}
		seen := v.lastAsked()
		time.Sleep(time.Until(seen.Add(grace - time.Millisecond)))
		did := fmt.Sprintf("the fetch at which version 3 was not current any more is %v ago",
			time.Since(seen))
		wantVerified(t, r, 3, true, did, "grace is promised to those who hold a token")
		time.Sleep(2 * time.Millisecond)
		did = fmt.Sprintf("the fetch at which version 3 was not current any more is %v ago",
			time.Since(seen))
		wantVerified(t, r, 3, false, did, "grace ends on time")
		wantVerified(t, r, 4, true, did, "the current one has no end")
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, 0)
		sign(t, r, "the first Sign")
		v.publish(2, 1, 3)
		time.Sleep(ttl + time.Second)
		const did = "with a grace of 0, version 1 is followed by 2, and 3 is announced"
		wantSigned(t, r, 2, did, "")
		wantVerified(t, r, 2, true, did, "")
		wantVerified(t, r, 1, false, did, "a key that has leaked may have to end at once")
		wantVerified(t, r, 3, false, did, "the grace is that of the ring, for this one, too")
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, math.MaxInt64)
		sign(t, r, "the first Sign")
		v.publish(2, 3)
		time.Sleep(ttl + time.Second)
		const did = "with a grace of math.MaxInt64, version 1 is followed by 2, and 3 is announced"
		for version := 1; version <= 3; version++ {
			wantVerified(t, r, version, true, did, "whoever wants no end gives the longest time that "+
				"there is; a sum with it must not overflow")
		}
	})
}

func TestAnAnnouncedVersion(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		wantVerified(t, r, 2, false, "version 1 is the only one", "version 2 is not known")
		v.publish(1, 2)
		every10s(t, r, ttl+10*time.Second)
		wantVerified(t, r, 2, true, "version 2 is listed, and 1 still current",
			"another instance may have seen already that it is current")
		wantSigned(t, r, 1, "version 2 is listed, and 1 still current", "others may not know 2 yet")
		every10s(t, r, grace+ttl)
		wantVerified(t, r, 2, false, "version 2 was listed for more than 6 min and never current",
			"what nobody signs with nobody needs to verify")
		v.publish(2, 1)
		every10s(t, r, ttl+10*time.Second)
		wantSigned(t, r, 2, "version 2 became current at last", "")
		wantVerified(t, r, 2, true, "version 2 became current at last", "")
		wantVerified(t, r, 1, true, "version 2 became current at last", "its grace has just begun")
		v.publish(1, 2)
		every10s(t, r, ttl+10*time.Second)
		wantSigned(t, r, 1, "version 1 became current again", "a rotation may be rolled back")
		every10s(t, r, time.Hour)
		wantVerified(t, r, 1, true, "version 1 has been current again for an hour", "")
		wantVerified(t, r, 2, false, "version 1 has been current again for an hour", "")
		v.publish(2, 1)
		every10s(t, r, ttl+10*time.Second)
		const again = "version 2 became current for the second time"
		wantVerified(t, r, 1, true, again, "the grace of 1 begins anew: it has signed until now")
		wantVerified(t, r, 2, true, again, "that it had ended once does not matter: it is current")
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		v.publish(1, 2)
		every10s(t, r, ttl+10*time.Second)
		v.publish(1)
		every10s(t, r, ttl+10*time.Second)
		const did = "version 2 was listed, never current, and taken from the list "
		wantVerified(t, r, 2, true, did+"a minute ago", "whether the source still lists it does not "+
			"matter; another instance may have signed with it in between")
		every10s(t, r, grace)
		wantVerified(t, r, 2, false, did+"6 min ago", "its grace has ended")
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		v.publish(1, 2)
		begin := time.Now()
		for v.asked(); v.asked() == 0 && time.Since(begin) <= 2*ttl; time.Sleep(time.Second) {
			sign(t, r, "Sign every second")
		}
		seen := v.lastAsked()
		did := "version 2 was listed and never current; the fetch that brought it is "
		time.Sleep(time.Until(seen.Add(grace - time.Millisecond)))
		wantVerified(t, r, 2, true, did+"1 ms less than 5 min ago", "the other instances may be about to sign with it")
		time.Sleep(2 * time.Millisecond)
		wantVerified(t, r, 2, false, did+"5 min and 1 ms ago", "grace ends on time, also for this one")
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		every10s(t, r, grace+ttl)
		v.publish(1, 0)
		every10s(t, r, ttl+10*time.Second)
		wantVerified(t, r, 0, true, "version 0 is listed, 6 min after the first fetch, and 1 still current",
			"its grace begins with the fetch that brought it; 0 is a number like others, and not that of no version")
	})
}

func TestNoKeyIsOlderThanItsTime(t *testing.T) {
	const why = "a key that was rotated because it has leaked is used on, as long as nobody comes by"
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		v.publish(2, 1)
		time.Sleep(10 * time.Minute)
		wantSigned(t, r, 2, "version 2 became current, and 10 min nothing was called", why)
		v.publish(3, 2)
		time.Sleep(ttl + time.Millisecond)
		wantVerified(t, r, 3, true, "version 3 became current 1 min and 1 ms ago", why)
		wantSigned(t, r, 3, "version 3 became current 1 min and 1 ms ago", why)
		v.slow(300 * time.Millisecond)
		v.publish(4, 3)
		time.Sleep(10 * time.Minute)
		wantSigned(t, r, 4, "version 4 became current, 10 min nothing was called, and a fetch takes "+
			"300 ms", why)
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, ttl, grace)
		sign(t, r, "the first Sign")
		replaced := map[int]string{1: "Another-Key-1"}
		v.broken(1, replaced)
		other := newVault(1)
		other.broken(1, replaced)
		fresh := secrets.NewRing(other, ttl, grace)
		time.Sleep(ttl + time.Millisecond)
		const did = "the key of version 1 was replaced by another one, with the same number, 1 min and 1 ms ago; "
		token, is := sign(t, r, did+"Sign"), sign(t, fresh, "Sign with that key")
		expect.That(t, token == is && r.Verify(background(), message, is) == nil, expect.Message{
			Did:  did + "Sign, and Verify of a token by the new key",
			Want: "a token by the new key, and accepted",
			Got: fmt.Sprintf("by the new key: %t; the error %v", token == is,
				r.Verify(background(), message, is)),
			Why: "somebody has mended what was leaked or misspelt; what is used is what was fetched last"})
	})
	bubble.RunLeaky(t, replacedAndOld)
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, 300*time.Millisecond, grace)
		sign(t, r, "the first Sign")
		v.publish(2, 1)
		time.Sleep(301 * time.Millisecond)
		wantSigned(t, r, 2, "with a ttl of 300 ms, version 2 became current 301 ms ago", "the second for "+
			"which nothing is fetched comes after a failure; this store answers")
	})
}

// replacedAndOld replaces the key of a version that is not current any more.
func replacedAndOld(t *testing.T) {
	v := newVault(1)
	r := secrets.NewRing(v, ttl, grace)
	sign(t, r, "the first Sign")
	v.publish(2, 1)
	time.Sleep(ttl + time.Millisecond)
	sign(t, r, "Sign")
	seen := time.Now()
	v.broken(2, map[int]string{2: keyOf(2), 1: "Another-Key-1"})
	other := newVault(1)
	other.broken(1, map[int]string{1: "Another-Key-1"})
	token := sign(t, secrets.NewRing(other, ttl, grace), "Sign with another key of version 1")
	time.Sleep(3 * ttl)
	const did = "version 1 was followed by 2 more than 3 min ago, and its key replaced by another one"
	wantVerified(t, r, 1, false, did+", 3 min ago", "whoever replaces a key that is on its way out has a "+
		"reason; the one of before was fetched more than ttl ago")
	err := r.Verify(background(), message, token)
	expect.NoError(t, err, expect.Message{Did: did + "; Verify a token by the new key", Want: "accepted"})
	time.Sleep(time.Until(seen.Add(grace + time.Millisecond)))
	err = r.Verify(background(), message, token)
	expect.That(t, err != nil, expect.Message{
		Did:  "version 1 was followed by 2 more than 5 min ago; Verify a token by its key, which was replaced then",
		Want: "an error", Got: "accepted",
		Why: "the grace is the version's, and goes on whatever its key is"})
}

func TestCallsShareWhatWasFetched(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		v.slow(100 * time.Millisecond)
		r := secrets.NewRing(v, ttl, grace)
		errs := make(chan error, 100)
		for range 100 {
			go func() {
				_, err := r.Sign(background(), message)
				errs <- err
			}()
		}
		for range 100 {
			expect.NoError(t, <-errs, expect.Message{Did: "100 first Signs at the same moment",
				Want: "a token for each"})
		}
		n := v.asked()
		expect.That(t, n == 1, expect.Message{
			Did: "100 first Signs at the same moment; a fetch takes 100 ms", Want: "one fetch",
			Got: fmt.Sprint(n), Why: "a deploy of 40 instances would ask 4000 times"})

		token := sign(t, r, "Sign")
		for i := range 10_000 {
			if i%2 == 0 {
				sign(t, r, "Sign every ms")
			} else if err := r.Verify(background(), message, token); err != nil {
				expect.Fatal(t, expect.Message{Did: "Verify every other ms", Want: "no error",
					Got: err.Error()})
			}
			time.Sleep(time.Millisecond)
		}
		n = v.asked()
		expect.That(t, n <= 1, expect.Message{Did: "10,000 calls in 10 s, in the first minute",
			Want: "no fetch, or one to be ahead", Got: fmt.Sprint(n),
			Why: "the store would have to answer as often as you"})
		unknown := by(t, 9)
		for range 1000 {
			r.Verify(background(), message, unknown)
			time.Sleep(time.Millisecond)
		}
		n = v.asked()
		expect.That(t, n <= 1, expect.Message{Did: "1,000 times Verify with a version that is not known",
			Want: "no fetch, or one to be ahead", Got: fmt.Sprint(n),
			Why: "whoever makes up tokens could send your whole load to the store"})
		every10s(t, r, 30*time.Minute)
		n = v.asked()
		expect.That(t, n >= 15 && n <= 61, expect.Message{Did: "Sign every 10 s for half an hour",
			Want: "about 30 fetches, and no more than twice that", Got: fmt.Sprint(n)})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		v.slow(500 * time.Millisecond)
		r := secrets.NewRing(v, ttl, grace)
		ctx, cancel := context.WithTimeout(background(), 100*time.Millisecond)
		defer cancel()
		gaveUp := make(chan time.Duration, 1)
		go func() {
			begin := time.Now()
			r.Sign(ctx, message)
			gaveUp <- time.Since(begin)
		}()
		time.Sleep(time.Millisecond)
		_, err := r.Sign(background(), message)
		expect.NoError(t, err, expect.Message{
			Did:  "two first Signs; a fetch takes 500 ms, and the first caller gives up after 100 ms",
			Want: "a token for the second", Why: "that one has given up is no other's concern"})
		took := <-gaveUp
		expect.That(t, took <= 110*time.Millisecond, expect.Message{
			Did:  "Sign with a context that ends after 100 ms; a fetch takes 500 ms",
			Want: "back after 100 ms", Got: fmt.Sprint("back after ", took),
			Why: "nobody reads what comes later"})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		r := secrets.NewRing(v, math.MaxInt64, grace)
		for range 10 {
			sign(t, r, "Sign every ms, with a ttl of math.MaxInt64")
			time.Sleep(time.Millisecond)
		}
		n := v.asked()
		expect.That(t, n <= 2, expect.Message{Did: "Sign every ms, 10 times, with a ttl of math.MaxInt64",
			Want: "one fetch", Got: fmt.Sprint(n),
			Why: "whoever wants one fetch gives the longest time that there is; a sum with it must not overflow"})
	})
	sharedWhenDue(t)
	bubble.RunLeaky(t, ownMap)
	for _, call := range []string{"Sign", "Verify"} {
		bubble.RunLeaky(t, func(t *testing.T) { givesUp(t, call) })
	}
}

// ownMap has a source that returns its own map, each time.
func ownMap(t *testing.T) {
	var mu sync.Mutex
	var own map[int]string
	current := 0
	r := secrets.NewRing(sourceFunc(func(context.Context) (map[int]string, int, error) {
		mu.Lock()
		defer mu.Unlock()
		return own, current, nil
	}), ttl, grace)
	for version := 1; version <= 3; version++ {
		mu.Lock()
		own, current = map[int]string{version: keyOf(version), 5: ""}, version
		want := fmt.Sprint(own)
		mu.Unlock()
		time.Sleep(ttl + time.Second)
		sign(t, r, "Sign")
		r.Verify(background(), message, by(t, 1))
		synctest.Wait()
		got := fmt.Sprint(own)
		expect.That(t, got == want, expect.Message{
			Did: fmt.Sprintf("Sign and Verify; the source returns a map of its own, by now with version %d and an empty "+
				"key for 5", version),
			Want: want, Got: got,
			Why: "other Rings may have the same map: what this one writes into it they read, or read at the same moment",
		})
	}
}

// sharedWhenDue lets many call at once when a fetch is due that is not the first.
func sharedWhenDue(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		v := newVault(1)
		v.slow(100 * time.Millisecond)
		r := secrets.NewRing(v, ttl, grace)
		token := sign(t, r, "the first Sign")
		time.Sleep(10 * ttl)
		v.asked()
		errs := make(chan error, 100)
		for i := range 100 {
			go func() {
				err := r.Verify(background(), message, token)
				if i%2 == 0 {
					_, err = r.Sign(background(), message)
				}
				errs <- err
			}()
		}
		const did = "50 times Sign and 100 times Verify at the same moment, after 10 minutes"
		for range 100 {
			expect.NoError(t, <-errs, expect.Message{Did: did, Want: "no error"})
		}
		n := v.asked()
		expect.That(t, n <= 1, expect.Message{Did: did + "; a fetch takes 100 ms",
			Want: "one fetch, or none where the background has made it", Got: fmt.Sprint(n),
			Why: "the first request after a quiet hour is mostly not alone"})
	})
}

// givesUp has a caller join a fetch that is under way, and give up before it ends.
func givesUp(t *testing.T, call string) {
	t.Helper()
	v := newVault(1)
	v.slow(500 * time.Millisecond)
	token := by(t, 1)
	r := secrets.NewRing(v, ttl, grace)
	other := make(chan error, 1)
	go func() {
		_, err := r.Sign(background(), message)
		other <- err
	}()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithCancel(background()) // as that of a request: it has no deadline
	time.AfterFunc(100*time.Millisecond, cancel)
	begin := time.Now()
	if call == "Sign" {
		r.Sign(ctx, message)
	} else {
		r.Verify(ctx, message, token)
	}
	took := time.Since(begin)
	did := call + " with a context that ends after 100 ms, by a cancel; a fetch takes 500 ms, and another call has begun it"
	expect.That(t, took <= 110*time.Millisecond, expect.Message{Did: did, Want: "back after 100 ms",
		Got: fmt.Sprint("back after ", took), Why: "nobody reads what comes later, whoever has asked first"})
	expect.NoError(t, <-other, expect.Message{Did: did, Want: "a token for the other call"})
}

func TestManyAtOnce(t *testing.T) {
	r := secrets.NewRing(newVault(1), time.Millisecond, time.Minute)
	secret := secrets.NewSecret("x")
	var accepted atomic.Int64
	lockstep.Run(500, 4, time.Second, func(round, worker int) {
		token, err := r.Sign(background(), message)
		if err == nil {
			err = r.Verify(background(), message, token)
		}
		if err == nil && secret.Equal("x") && secret.Reveal() == "x" {
			accepted.Add(1)
		}
	})
	expect.That(t, accepted.Load() >= 4, expect.Message{
		Did:  "4 callers at the same moment, up to 500 times: Sign, and Verify the token",
		Want: "accepted", Got: fmt.Sprintf("%d of them accepted", accepted.Load())})
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func TestForgedTokens(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		r := secrets.NewRing(newVault(1, 2), ttl, grace)
		token := sign(t, r, "Sign")
		check := func(forged, how string, msg []byte) {
			t.Helper()
			err := r.Verify(background(), msg, forged)
			expect.That(t, err != nil, expect.Message{
				Did:  fmt.Sprintf("Verify %s: %q, made from %q", how, forged, token),
				Want: "an error", Got: "accepted",
				Why: "one forged token that is accepted is as good as all of them"})
		}
		wantVerified(t, r, 1, true, "version 1 is current", "")
		for _, msg := range []string{"", "/orders/8", "/orders/7 ", "/orders/", "/Orders/7", "/orders/7\x00",
			"/orders/7\n", "\x00/orders/7", "/orders//7", "/orders/\uff17"} {
			check(token, fmt.Sprintf("a token for another message than %q", msg), []byte(msg))
		}
		for i := range token {
			check(token[:i], "the beginning of a token", message)
			check(token[i+1:], "the end of a token", message)
			for _, c := range "0a9fAzZ" {
				forged := token[:i] + string(c) + token[i+1:]
				last := i == len(token)-1 // of base64, it may have bits that nobody uses
				if forged != token && !last && token[i] != byte(c)|0x20 && byte(c) != token[i]|0x20 {
					check(forged, "a token with another character", message)
				}
			}
		}
		for i := range token[:len(token)-1] {
			if other := token[i] ^ 0x20; strings.ContainsAny(token[i:i+1], letters) {
				check(token[:i]+string(other)+token[i+1:], "a token with a letter in its other case", message)
			}
		}
		other, err := secrets.NewRing(newVault(1), ttl, grace).Sign(background(), []byte("x"))
		expect.NoError(t, err, expect.Message{Did: "Sign another message", Want: "a token"})
		second := by(t, 2)
		for i := 1; i < min(len(token), len(other), len(second)); i++ {
			for _, o := range []string{other, second} {
				if forged := token[:i] + o[i:]; forged != token && forged != second {
					check(forged, "two tokens that were joined", message)
				}
			}
		}
		for _, forged := range []string{"", ".", "v1", "v1.", token + "0", token + token, " " + token,
			token + "\n", token + "\x00"} {
			check(forged, "a token that is none", message)
		}
		for _, behind := range []string{".", ".x", ".v1", "." + token} {
			check(token+behind, "a token with something behind a point", message)
		}
		long := strings.Repeat("x", 1<<20)
		token, err = r.Sign(background(), []byte(long+"a"))
		expect.That(t, err == nil && r.Verify(background(), []byte(long+"a"), token) == nil, expect.Message{
			Did: "Sign and Verify a message of 1 MiB", Want: "accepted", Got: "an error"})
		check(token, "a token for a message of 1 MiB that differs in its last byte", []byte(long+"b"))
		same := newVault(7)
		same.versions[7] = keyOf(1)
		seven := sign(t, secrets.NewRing(same, ttl, grace), "Sign by version 7")
		check(seven, "a token of version 7, which is not known, with the same key as 1", message)
	})
	bubble.RunLeaky(t, madeWithAnEmptyKey)
	bubble.RunLeaky(t, madeWithAKeyLikeIt)
	bubble.RunLeaky(t, func(t *testing.T) {
		r := secrets.NewRing(newVault(1), ttl, grace)
		token, err := r.Sign(background(), nil)
		ok := err == nil && r.Verify(background(), nil, token) == nil && r.Verify(background(), []byte{}, token) == nil
		expect.That(t, ok && r.Verify(background(), []byte("\x00"), token) != nil, expect.Message{
			Did:  "Sign a message of no bytes, and Verify its token for it and for a message of one byte, 0",
			Want: "accepted for the first, and refused for the second", Got: "something else",
			Why: "what may be signed is for whoever calls: nothing is a message like others, and not the same as a zero"})
	})
}

// madeWithAKeyLikeIt makes tokens of the same version with keys that are almost the same.
func madeWithAKeyLikeIt(t *testing.T) {
	long := strings.Repeat("k", 1000)
	for _, keys := range [][2]string{
		{"Kx7\n", "Kx7"}, {" Kx7", "Kx7"}, {"kx7", "Kx7"}, {long + "a", long + "b"}, {"\xff", "\xfe"}, {"\ufeffKx7", "Kx7"},
	} {
		token := func(key string) string {
			v := newVault(1)
			v.broken(1, map[int]string{1: key})
			return sign(t, secrets.NewRing(v, ttl, grace), fmt.Sprintf("Sign with the key %.10q", key))
		}
		v := newVault(1)
		v.broken(1, map[int]string{1: keys[0]})
		r := secrets.NewRing(v, ttl, grace)
		own, other := r.Verify(background(), message, token(keys[0])), r.Verify(background(), message, token(keys[1]))
		expect.That(t, own == nil && other != nil, expect.Message{
			Did: fmt.Sprintf("the key of version 1 is %.10q, of %d bytes; Verify a token made with it, and one made with %.10q",
				keys[0], len(keys[0]), keys[1]),
			Want: "the first accepted, the second refused",
			Got:  fmt.Sprintf("the errors %v and %v", own, other),
			Why: "a key is bytes; what is tidied up, cut or folded in it makes one of many, and another service that " +
				"has the same key verifies with all of it"})
	}
}

// madeWithAnEmptyKey forges tokens with the one key that everybody can guess.
func madeWithAnEmptyKey(t *testing.T) {
	v := newVault(1)
	v.broken(1, map[int]string{1: keyOf(1), 2: "", 3: keyOf(3)})
	r := secrets.NewRing(v, ttl, grace)
	wantVerified(t, r, 1, true, "version 1 is current, 2 and 3 are listed, and the key of 2 is empty", "")
	wantVerified(t, r, 3, true, "version 1 is current, 2 and 3 are listed, and the key of 2 is empty",
		"what is wrong with 2 does not concern 3")
	refuses := func(version int, did string) {
		t.Helper()
		mac := hmac.New(sha256.New, nil)
		mac.Write(message)
		err := r.Verify(background(), message, fmt.Sprintf("v%d.%x", version, mac.Sum(nil)))
		expect.That(t, err != nil, expect.Message{
			Did:  did + "; Verify a token of that version, made with an empty key",
			Want: "an error", Got: "accepted",
			Why: "the empty key is the first that everybody tries, also for a version that does not sign"})
	}
	refuses(2, "version 1 is current, 2 is listed beside it, and its key is empty")
	v.broken(3, map[int]string{1: "", 3: keyOf(3)})
	time.Sleep(ttl + time.Second)
	wantVerified(t, r, 3, true, "version 3 is current, 1 was, and its key is empty now", "")
	refuses(1, "version 3 is current, 1 was, and its key is empty now")
}
