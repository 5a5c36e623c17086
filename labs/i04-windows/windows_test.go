package windows_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	windows "github.com/backend-labs/backend-labs/labs/i04-windows"
)

// moments are when TestBurstsAroundAnEdge makes 100 requests at once.
var moments = []time.Duration{59900 * time.Millisecond, 60100 * time.Millisecond,
	75 * time.Second, 119950 * time.Millisecond}

// least and most are what a limiter of 100 a minute may admit at these moments. The counter has
// two ways to go, because an estimate may be rounded down.
var bursts = []struct {
	kind        kind
	least, most []int
	why         string
}{
	{fixed, []int{100, 100, 0, 0}, []int{100, 100, 0, 0}, "a fixed window knows nothing " +
		"of the one before: that is its flaw, and it is cheap"},
	{log, []int{100, 0, 0, 100}, []int{100, 0, 0, 100}, "the minute before a request " +
		"counts, wherever it begins: what stands behind the limiter never gets more"},
	{counter, []int{100, 0, 24, 74}, []int{100, 1, 25, 75}, "the minute before still " +
		"weighs, and less and less, as if its requests had been spread evenly over it"},
}

// TestBurstsAroundAnEdge has the three limiters side by side, and draws what they do.
func TestBurstsAroundAnEdge(t *testing.T) {
	virtual(t, func(t *testing.T) {
		got := sideBySide(t)
		for i, b := range bursts {
			expect.That(t, between(got[i], b.least, b.most), expect.Message{
				Did: fmt.Sprintf("made 100 requests at each of %s of %s(100, 1m)",
					clocks(moments), b.kind.name),
				Want: fmt.Sprintf("admitted: %v%s", b.least, or(b.least, b.most)),
				Got:  fmt.Sprintf("admitted: %v", got[i]),
				Why:  b.why,
			})
		}
	})
}

// sideBySide makes the requests, and draws for each kind what is admitted and what that costs.
func sideBySide(t *testing.T) [][]int {
	t.Helper()
	tl := timeline.New()
	var ls []windows.Limiter
	for _, b := range bursts {
		ls = append(ls, b.kind.make(100, time.Minute))
	}
	got := make([][]int, len(ls))
	for _, at := range moments {
		until(start.Add(at))
		for i, l := range ls {
			n := admitted(l, "alice", 100)
			got[i] = append(got[i], n)
			tl.Point(bursts[i].kind.name, "%d of 100", n)
		}
	}
	for i, l := range ls {
		if f, ok := l.(windows.Footprint); ok {
			tl.Point(bursts[i].kind.name, "worst minute: %d, entries: %d", worst(got[i]),
				f.Entries())
		}
	}
	expect.Show(t, "100 requests at once, at four moments, and how many are admitted", tl)
	return got
}

// worst is the most that was admitted in any minute.
func worst(got []int) (most int) {
	for i := range got {
		sum := 0
		for j := i; j < len(got) && moments[j]-moments[i] < time.Minute; j++ {
			sum += got[j]
		}
		most = max(most, sum)
	}
	return most
}

// widths are windows that show to which moment they are aligned: of these a minute alone divides
// the time between the year 1 and 1970.
var widths = []time.Duration{time.Minute, 7 * time.Second, 777 * time.Millisecond,
	1501 * time.Microsecond, 1_234_567 * time.Nanosecond, 7 * 24 * time.Hour}

func TestFixedWindowsBeginAtTheUnixEpoch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, w := range append(slices.Clone(widths), 333*time.Nanosecond) {
			l := windows.NewFixed(3, w)
			edge := nextEdge(w)
			for _, step := range []struct {
				at   time.Time
				want int
			}{
				{edge.Add(w / 3), 3}, {edge.Add(w - 1), 0}, {edge.Add(w), 3}, {edge.Add(2*w - 1), 0},
				{edge.Add(2 * w), 3}, {edge.Add(5*w - 1), 3}, {edge.Add(5 * w), 3},
			} {
				until(step.at)
				got := admitted(l, "alice", 5)
				expect.That(t, got == step.want, expect.Message{
					Did: fmt.Sprintf("made 5 requests of NewFixed(3, %v) at %s, which is %s", w,
						clock(step.at), fromEdge(step.at.Sub(edge), w)),
					Want: fmt.Sprintf("%d admitted: a window begins each %v after the Unix epoch, "+
						"and holds 3", step.want, w),
					Got: fmt.Sprintf("%d admitted", got),
					Why: "instances that share nothing agree on where a window begins only if " +
						"all of them count from the same moment, and clients can be told when",
				})
			}
		}
		longAfter(t)
	})
}

// longAfter counts in windows that are more than 32 bits of seconds after the epoch.
func longAfter(t *testing.T) {
	t.Helper()
	until(time.Date(2110, 1, 1, 0, 0, 0, 0, time.UTC))
	l := windows.NewFixed(3, time.Minute)
	until(nextEdge(time.Minute))
	var got []int
	for _, wait := range []time.Duration{time.Minute - 1, 1, time.Minute - 1} {
		got = append(got, admitted(l, "alice", 5))
		time.Sleep(wait)
	}
	expect.That(t, slices.Equal(got, []int{3, 0, 3}), expect.Message{
		Did: "in the year 2110, made 5 requests of NewFixed(3, 1m) at the beginning of a minute, 5 in its " +
			"last nanosecond, and 5 at the beginning of the next",
		Want: "admitted: 3, then 0, then 3",
		Got:  fmt.Sprint(got),
		Why: "a count of seconds in 32 bits is used up in 2038, or in 2106; from then on the windows lie " +
			"where nobody else counts them",
	})
}

func TestLogForgetsAfterExactlyOneWindow(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, w := range widths {
			l := windows.NewLog(4, w)
			begin := nextEdge(w).Add(w / 5)
			for _, step := range []struct {
				at   time.Duration
				make int
				want int
			}{
				{0, 1, 1}, {w / 4, 2, 2}, {w / 2, 3, 1}, {w - 1, 2, 0}, {w, 3, 1},
				{w + w/4 - 1, 2, 0}, {w + w/4, 5, 2}, {w + w/2 - 1, 1, 0}, {w + w/2, 2, 1},
				{5 * w, 9, 4}, {6*w - 1, 5, 0}, {6 * w, 5, 4},
			} {
				until(begin.Add(step.at))
				got := admitted(l, "alice", step.make)
				expect.That(t, got == step.want, expect.Message{
					Did: fmt.Sprintf("of NewLog(4, %v), made requests at +0 (1), +%v (2) and +%v "+
						"(3), and more later; now %d at +%v", w, w/4, w/2, step.make, step.at),
					Want: fmt.Sprintf("%d admitted: at most 4 in any %v, and a request counts "+
						"until it is exactly that old", step.want, w),
					Got: fmt.Sprintf("%d admitted", got),
					Why: "the log is what one takes when the limit has to hold exactly; one that " +
						"is off at the edge costs as much and holds no better than a counter",
				})
			}
		}
	})
}

// TestDeniedRequestsAreNotRecorded has a client that does not stop when it is told to.
func TestDeniedRequestsAreNotRecorded(t *testing.T) {
	least := map[string]int{fixed.name: 100, log.name: 100, counter.name: 97}
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			for _, times := range []int{3, 10} {
				l := k.make(100, time.Minute)
				until(nextEdge(time.Minute))
				for minute := range 20 {
					got := saturate(l, time.Minute, time.Minute/time.Duration(100*times))
					expect.That(t, got >= least[k.name] && got <= 100, expect.Message{
						Did: fmt.Sprintf("called %s(100, 1m) %d times a minute, evenly, for 20 "+
							"minutes", k.name, 100*times),
						Want: fmt.Sprintf("%d to 100 admitted in every minute", least[k.name]),
						Got:  fmt.Sprintf("%d admitted in minute %d", got, minute+1),
						Why: "clients retry. If what was refused counts, the one that retries " +
							"keeps itself out for ever; if it does not, it gets its limit",
					})
				}
			}
		}
	})
}

func TestKeysAndLimitersAreIndependent(t *testing.T) {
	const why = "a limit that is shared by mistake makes the loudest customer everybody's problem"
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			l := k.make(3, time.Minute)
			until(nextEdge(time.Minute))
			admitted(l, "alice", 10)
			long := strings.Repeat("alice and her sisters ", 4)
			longer := strings.Repeat(long, 100)
			for _, other := range []string{"bob", "Alice", "alice ", "alice1", "alice\x00", "", "0", long + "1",
				long + "2", longer + "1", longer + "2", "\xff", "\xfe", "plumless", "buckeroo",
				"costarring", "liquid"} {
				got := admitted(l, other, 10)
				expect.That(t, got == 3, expect.Message{
					Did: fmt.Sprintf("with %s(3, 1m), let \"alice\" make 10 requests, then some others, "+
						"then %s 10", k.name, brief(other)),
					Want: fmt.Sprintf("3 of %s admitted: each key has the limit for itself", brief(other)),
					Got:  fmt.Sprintf("%d admitted", got),
					Why:  why,
				})
			}
			got, more := admitted(k.make(5, time.Hour), "alice", 10), admitted(l, "alice", 10)
			expect.That(t, got == 5 && more == 0, expect.Message{
				Did: fmt.Sprintf("exhausted \"alice\" in %s(3, 1m), made a %s(5, 1h) beside it, and "+
					"made 10 requests of \"alice\" in the new one, then in the old one", k.name,
					k.name),
				Want: "5 admitted by the new one, 0 by the old: each limiter has its own",
				Got:  fmt.Sprintf("%d and %d", got, more),
				Why:  why,
			})
		}
	})
	virtual(t, func(t *testing.T) {
		for _, k := range kinds {
			l := k.make(3, time.Hour)
			until(nextEdge(time.Hour))
			admitted(l, "alice", 10)
			crowd(l, 20_000)
			more := admitted(l, "alice", 10)
			expect.That(t, more == 0, expect.Message{
				Did: fmt.Sprintf("exhausted \"alice\" in %s(3, 1h), let 20000 others make a request, "+
					"and made 10 of \"alice\" again", k.name),
				Want: "0 admitted: what the others do does not change her limit",
				Got:  fmt.Sprintf("%d admitted", more),
				Why:  "whoever can make many keys could otherwise set back her own",
			})
			sold := 70_000
			if k.name == log.name { // which may look at all of them each time
				sold = 5000
			}
			most := admitted(k.make(sold, time.Hour), "alice", sold+1000)
			expect.That(t, most == sold, expect.Message{
				Did: fmt.Sprintf("made %d requests at one instant with %s(%d, 1h)", sold+1000, k.name,
					sold),
				Want: fmt.Sprintf("%d admitted", sold),
				Got:  fmt.Sprintf("%d admitted", most),
				Why:  "an API is sold by the thousand, too",
			})
			widest(t, k)
		}
	})
}

// widest has a limit and a window that are as great as they can be.
func widest(t *testing.T, k kind) {
	t.Helper()
	l := k.make(math.MaxInt, time.Minute)
	until(nextEdge(time.Minute))
	got := admitted(l, "alice", 100)
	until(nextEdge(time.Minute))
	got += admitted(l, "alice", 100)
	expect.That(t, got == 200, expect.Message{
		Did: fmt.Sprintf("made 100 requests of %s(math.MaxInt, 1m), and 100 at the beginning of the next minute",
			k.name),
		Want: "all 200 admitted",
		Got:  fmt.Sprintf("%d admitted", got),
		Why: "the greatest number is how many a configuration says that there is no limit; nothing that is " +
			"worked out with it may be greater still, and no memory is as great",
	})
	const ever = time.Duration(math.MaxInt64)
	l = k.make(3, ever)
	got = admitted(l, "alice", 10)
	time.Sleep(365 * 24 * time.Hour)
	l.Allow("bob")
	later := admitted(l, "alice", 10)
	expect.That(t, got == 3 && later == 0, expect.Message{
		Did:  fmt.Sprintf("made 10 requests of %s(3, %v), which are 292 years, and 10 a year later", k.name, ever),
		Want: "3 admitted, then 0",
		Got:  fmt.Sprintf("%d, then %d", got, later),
		Why: "the longest Duration is how many a configuration says once and never again; two or three times as " +
			"long is less than nothing in an int64",
	})
}

// brief keeps a failure readable.
func brief(key string) string {
	switch {
	case key == "buckeroo":
		return `"buckeroo", whose CRC-32 is that of "plumless",`
	case key == "liquid":
		return `"liquid", whose 32-bit FNV-1a is that of "costarring",`
	case len(key) > 200:
		return fmt.Sprintf("one of %d bytes that ends with %q", len(key), key[len(key)-1:])
	}
	return fmt.Sprintf("%q", key)
}

// between tells whether each number lies between its bounds.
func between(got, least, most []int) bool {
	return slices.EqualFunc(got, least, func(g, l int) bool { return g >= l }) &&
		slices.EqualFunc(got, most, func(g, m int) bool { return g <= m })
}
