package windows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/heap"
	windows "github.com/backend-labs/backend-labs/labs/i04-windows"
)

func TestAKeyCostsWhatItsKindCosts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			l := k.make(100, time.Minute)
			until(nextEdge(time.Minute))
			saturate(l, 10*time.Minute, 60*time.Millisecond)
			l.Allow("alice")
			stores(t, l, k, "made 1000 requests a minute with one key for 10 minutes", k.least,
				k.most)
			saturate(l, 10*time.Minute, time.Second)
			l.Allow("alice")
			stores(t, l, k, "made 1000 requests a minute with one key for 10 minutes, then one a "+
				"second for 10 more", k.live(60), k.most)
		}
	})
}

func TestWhatStillCountsIsStored(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			l := k.make(5, time.Minute)
			edge := nextEdge(time.Minute)
			until(edge.Add(30 * time.Second))
			crowd(l, 1000)
			stores(t, l, k, "made a request with each of 1000 keys", 1000, 1000*k.each)
			until(edge.Add(70 * time.Second))
			l.Allow("alice")
			least := 1001
			if k.name == fixed.name { // the minute of the crowd is over
				least = 1
			}
			stores(t, l, k, "made a request with each of 1000 keys 30 s into a minute, and one with "+
				"another key 10 s into the next", least, 1001*k.each)
		}
	})
}

func TestSilentKeysAreForgotten(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			for _, w := range []time.Duration{time.Minute, 7 * time.Second} {
				for _, keys := range []int{1000, 1, 10} {
					afterSilence(t, k, w, keys)
				}
				besideABusyKey(t, k, w)
				besideADeniedKey(t, k, w)
			}
			afterSilence(t, k, time.Minute, 20_000)
			onTheHeap(t, k)
		}
	})
}

const whyForgotten = "keys come and go: addresses, sessions, tokens that somebody makes up. A " +
	"limiter that keeps them grows until the process is killed, and whoever wants that sends keys"

func afterSilence(t *testing.T, k kind, w time.Duration, keys int) {
	t.Helper()
	l := k.make(100, w)
	crowd(l, keys)
	time.Sleep(3 * w)
	l.Allow("alice")
	got := entries(t, l, k)
	expect.That(t, got >= 1 && got <= k.each, expect.Message{
		Did: fmt.Sprintf("called %s(100, %v) once with each of %d keys, waited for %v, called it "+
			"once with another key, and asked for Entries", k.name, w, keys, 3*w),
		Want: fmt.Sprintf("%s: what is stored for the last key", span(1, k.each)),
		Got:  fmt.Sprint(got),
		Why:  whyForgotten,
	})
}

func besideABusyKey(t *testing.T, k kind, w time.Duration) {
	t.Helper()
	l := k.make(100, w)
	crowd(l, 1000)
	saturate(l, 3*w+w/10, w/10)
	got := entries(t, l, k)
	expect.That(t, got >= 1 && got <= k.most, expect.Message{
		Did: fmt.Sprintf("called %s(100, %v) once with each of 1000 keys, then with another key "+
			"10 times in each %v, and asked for Entries after %v", k.name, w, w, 3*w+w/10),
		Want: fmt.Sprintf("%s: what one key may have", span(1, k.most)),
		Got:  fmt.Sprint(got),
		Why:  whyForgotten,
	})
}

func besideADeniedKey(t *testing.T, k kind, w time.Duration) {
	t.Helper()
	l := k.make(1, w)
	edge := nextEdge(w)
	until(edge.Add(w * 9 / 10))
	crowd(l, 1000)
	until(edge.Add(w * 35 / 10))
	l.Allow("alice")
	until(edge.Add(w * 395 / 100))
	l.Allow("alice")
	got := entries(t, l, k)
	expect.That(t, got >= 1 && got <= k.each, expect.Message{
		Did: fmt.Sprintf("called %s(1, %v) once with each of 1000 keys, with another one %v later "+
			"and, denied, %v later, and asked for Entries", k.name, w, w*26/10, w*305/100),
		Want: fmt.Sprintf("%s: what is stored for the last key", span(1, k.each)),
		Got:  fmt.Sprint(got),
		Why:  whyForgotten,
	})
}

// onTheHeap asks the heap instead of Entries: a limiter may keep what it does not count.
func onTheHeap(t *testing.T, k kind) {
	t.Helper()
	const keys, rounds, most = 5000, 5, 100 << 10
	grown := heap.Rise(rounds, most, func() func(i int) {
		l := k.make(100, time.Minute)
		return func(i int) {
			for n := range keys {
				l.Allow(fmt.Sprintf("%0100d", i*keys+n))
			}
			time.Sleep(3 * time.Minute)
			l.Allow("alice")
			time.Sleep(3 * time.Minute)
			l.Allow("alice")
		}
	})
	expect.That(t, grown <= most, expect.Message{
		Did: fmt.Sprintf("called %s(100, 1m) once with each of %d keys of 100 bytes, and with another "+
			"after 3 and after 6 minutes; then with %d others, and so on; collected garbage each "+
			"time, and looked at the heap", k.name, keys, keys),
		Want: fmt.Sprintf("in %d such rounds at most %d KiB more: the keys of a round are gone after it",
			rounds, most>>10),
		Got: fmt.Sprintf("%d KiB more", grown>>10),
		Why: whyForgotten,
	})
}

// crowd calls once with each of n keys.
func crowd(l windows.Limiter, n int) {
	for i := range n {
		l.Allow(fmt.Sprint("client ", i))
	}
}

// entries asks the limiter for its footprint.
func entries(t *testing.T, l windows.Limiter, k kind) int {
	t.Helper()
	f, ok := l.(windows.Footprint)
	expect.That(t, ok, expect.Message{
		Did:  "asked what " + k.name + " returns for its Entries",
		Want: "a Footprint",
		Got:  fmt.Sprintf("a %T, which is none", l),
	})
	return f.Entries()
}

// stores looks at the footprint right after requests of 100 a minute.
func stores(t *testing.T, l windows.Limiter, k kind, did string, least, most int) {
	t.Helper()
	got := entries(t, l, k)
	expect.That(t, got >= least && got <= most, expect.Message{
		Did:  fmt.Sprintf("of %s(limit, 1m), %s; asked for Entries", k.name, did),
		Want: fmt.Sprintf("%s: %s", span(least, most), k.holds),
		Got:  fmt.Sprintf("it says that %s stored", are(got)),
		Why: "memory is the price of precision. It is planned as keys × entries, so both have to " +
			"be bounded, and what is stored has to be enough to decide by",
	})
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}
