package regions_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	regions "github.com/backend-labs/backend-labs/labs/a17-multi-region"
)

// noon is what the clocks of these checks begin with.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// hands is a clock that is set by hand.
type hands struct{ at time.Time }

func (h *hands) now() time.Time { return h.at }

func TestTimestampsAreOrdered(t *testing.T) {
	sorted := []regions.TS{{}, {0, 0, "a"}, {0, 1, ""}, {1, 0, "eu-1"}, {1, 0, "eu-2"}, {1, 0, "us-1"}, {1, 2, "eu-1"},
		{1, 10, "a"}, {1, math.MaxUint32, "a"}, {2, 0, "a"}, {1 << 53, 0, "b"}, {1<<53 + 1, 0, "a"}, {math.MaxInt64,
			7, ""}}
	for i, a := range sorted {
		for j, b := range sorted {
			expect.That(t, a.Less(b) == (i < j), expect.Message{Did: fmt.Sprintf("compared %+v with %+v", a, b),
				Want: fmt.Sprintf("less: %t", i < j), Got: fmt.Sprintf("less: %t", a.Less(b)),
				Why: "each region must decide the same, also where two writes have the same time"})
		}
	}
}

func TestTheClockIncreases(t *testing.T) {
	h := &hands{noon}
	c := regions.NewHLC("eu-1", h.now, 500*ms)
	last := regions.TS{}
	next := func(did string) regions.TS {
		got := c.Now()
		expect.That(t, last.Less(got), expect.Message{Did: "called Now " + did,
			Want: fmt.Sprintf("later than the one before, %+v", last), Got: fmt.Sprintf("%+v", got),
			Why: "two writes of one moment would be one, and which of them stays would depend on who arrives first"})
		expect.That(t, got.Region == "eu-1", expect.Message{Did: "called Now " + did, Want: "the region is eu-1",
			Got: got.Region})
		last = got
		return got
	}
	near := func(did string, low, high time.Time) {
		got := next(did)
		at := time.Unix(0, got.Wall).UTC()
		expect.That(t, !at.Before(low) && !at.After(high), expect.Message{Did: "called Now " + did,
			Want: fmt.Sprintf("Wall is between %s and %s", clockTime(low), clockTime(high)), Got: clockTime(at),
			Why: "people compare it with their own time: of two writes in different places, a second apart, the " +
				"later one counts"})
	}
	for range 1000 {
		near("1000 times while the clock beneath stands still", noon, noon.Add(500*ms))
	}
	h.at = noon.Add(time.Second)
	near("when the clock beneath was a second later", h.at, h.at.Add(500*ms))
	for range 1000 {
		h.at = h.at.Add(-time.Minute)
		near("while the clock beneath goes back by a minute each time", noon.Add(time.Second), noon.Add(1500*ms))
	}
	h.at = noon.Add(time.Hour)
	near("when the clock beneath was an hour later", h.at, h.at.Add(500*ms))
	for range 10 {
		h.at = h.at.Add(999_999_999)
		near("when the clock beneath was a nanosecond less than a second later", h.at, h.at.Add(500*ms))
	}
	ticks(t)
	atOnce(t)
}

// ticks has a clock that moves on by a nanosecond whenever it is looked at, and is set back by a few now and then.
func ticks(t *testing.T) {
	t.Helper()
	at := noon
	c := regions.NewHLC("eu-1", func() time.Time {
		at = at.Add(1)
		return at
	}, 500*ms)
	last := c.Now()
	for i := range 100 {
		if i%10 == 0 {
			at = at.Add(-5 - time.Duration(i/10%2))
		}
		got := c.Now()
		expect.That(t, last.Less(got), expect.Message{
			Did: "called Now again and again; the clock beneath moves on by a nanosecond whenever it is looked at, and " +
				"is set back by a few now and then",
			Want: fmt.Sprintf("later than the one before, %+v", last), Got: fmt.Sprintf("%+v", got),
			Why: "a clock that is looked at twice has two times, and what is true of one need not be of the other"})
		last = got
	}
}

// atOnce calls Now from many goroutines.
func atOnce(t *testing.T) {
	t.Helper()
	c := regions.NewHLC("eu-1", func() time.Time { return noon }, 500*ms)
	var mu sync.Mutex
	seen := map[regions.TS]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 50 {
				ts := c.Now()
				c.Observe(regions.TS{Wall: noon.UnixNano(), Region: "us-1"})
				mu.Lock()
				seen[ts] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	expect.That(t, len(seen) == 1000, expect.Message{Did: "called Now 50 times from each of 20 goroutines",
		Want: "1000 timestamps", Got: fmt.Sprintf("%d different ones", len(seen)),
		Why: "two writes of one moment would be one"})
}

func clockTime(t time.Time) string { return t.Format("15:04:05.000000000") }

func TestWhatWasObservedIsBefore(t *testing.T) {
	wall := noon.UnixNano()
	for _, ts := range []regions.TS{
		{wall, 0, "us-1"}, {wall, 7, "us-1"}, {wall, 7, "a"}, {wall + 1, 0, "a"}, {wall + int64(400*ms), 0, "us-1"},
		{wall + int64(400*ms), 3, "us-1"}, {wall + int64(498*ms), 9, "us-1"}, {wall - int64(time.Hour), 9, "us-1"},
		{wall, math.MaxUint32, "us-1"}, {wall, math.MaxUint32 - 1, "us-1"},
		{wall + int64(100*ms), math.MaxUint32, "us-1"}, {}, {math.MinInt64, 0, "us-1"},
		{wall + int64(300*ms), 3, "eu-1"}, {wall, 7, "eu-1"}, {wall + int64(300*ms), 3, ""},
	} {
		c := regions.NewHLC("eu-1", func() time.Time { return noon }, 500*ms)
		before := c.Now()
		err := c.Observe(ts)
		did := fmt.Sprintf("at 12:00, which is %d, called Now, Observe(%+v)", wall, ts)
		expect.That(t, err == nil, expect.Message{Did: did, Want: "nil: it is not more than 500 ms ahead",
			Got: known.Say(err)})
		first := c.Now()
		second := c.Now()
		expect.That(t, ts.Less(first) && before.Less(first) && first.Less(second), expect.Message{Did: did + ", " +
			"Now, Now",
			Want: fmt.Sprintf("each Now is later than the one before, %+v, and later than what was observed", before),
			Got:  fmt.Sprintf("%+v, %+v", first, second), Why: "an answer would be older than what it answers"})
	}
	for _, ago := range []time.Duration{1, 100 * ms, time.Second, time.Hour} {
		h := &hands{noon}
		c := regions.NewHLC("eu-1", h.now, 500*ms)
		ts := regions.TS{Wall: noon.Add(-ago).UnixNano(), Logical: 3, Region: "us-1"}
		err := c.Observe(ts)
		h.at = noon.Add(-2 * time.Hour)
		got := c.Now()
		expect.That(t, err == nil && ts.Less(got), expect.Message{
			Did: fmt.Sprintf("called Observe of a timestamp that is %v old, set the clock beneath back by two hours, and "+
				"called Now", ago),
			Want: fmt.Sprintf("nil, and later than what was observed, %+v", ts),
			Got:  fmt.Sprintf("%s, %+v", known.Say(err), got),
			Why:  "what is past by this clock is not when it is set back"})
	}
	chains(t)
}

// chains has three clocks, which are wrong by up to five minutes, observe each other's timestamps.
func chains(t *testing.T) {
	t.Helper()
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(17, seed))
		at := noon
		var clocks []*regions.HLC
		for _, name := range three {
			off := time.Duration(rnd.IntN(600)-300) * time.Second
			clocks = append(clocks, regions.NewHLC(name, func() time.Time { return at.Add(off) }, time.Hour))
		}
		last := clocks[0].Now()
		for step := range 40 {
			at = at.Add(time.Duration(rnd.IntN(150)) * ms)
			c := clocks[rnd.IntN(3)]
			err := c.Observe(last)
			got := c.Now()
			expect.That(t, err == nil && last.Less(got), expect.Message{
				Did: fmt.Sprintf("passed a timestamp on between three clocks that are wrong by up to 5 minutes, "+
					"each of which "+
					"observed it and called Now (seed %d, step %d)", seed, step),
				Want: fmt.Sprintf("later than what was observed, %+v", last),
				Got:  fmt.Sprintf("%+v, error: %v", got, err),
				Why:  "the answer to a message would be older than the message"})
			last = got
		}
	}
}

func TestWhatIsTooFarAheadIsRefused(t *testing.T) {
	for _, c := range []struct {
		maxAhead, ahead time.Duration
		ok              bool
	}{
		{500 * ms, 498 * ms, true}, {500 * ms, 502 * ms, false}, {500 * ms, time.Hour, false}, {time.Hour,
			59 * time.Minute, true},
		{time.Hour, 61 * time.Minute, false}, {500 * ms, time.Unix(0, math.MaxInt64).Sub(noon), false},
		{10 * time.Second, 9 * time.Second, true}, {10 * time.Second, 11 * time.Second, false},
		{500 * ms, 500 * ms, true}, {500 * ms, 500*ms + 1, false},
	} {
		h := &hands{noon}
		clock := regions.NewHLC("eu-1", h.now, c.maxAhead)
		ts := regions.TS{Wall: noon.Add(c.ahead).UnixNano(), Logical: 3, Region: "us-1"}
		before := clock.Now()
		err := clock.Observe(ts)
		after := clock.Now()
		did := fmt.Sprintf("with a maxAhead of %v called Observe of a timestamp that is %v ahead", c.maxAhead, c.ahead)
		if c.ok {
			expect.That(t, err == nil && ts.Less(after), expect.Message{Did: did,
				Want: "nil, and the next Now is later",
				Got:  fmt.Sprintf("%s, %+v", known.Say(err), after),
				Why:  "clocks differ a little, and nobody must be locked out"})
			continue
		}
		expect.That(t, known.Is(err, regions.ErrSkew), expect.Message{Did: did, Want: "ErrSkew", Got: known.Say(err),
			Why: "one broken clock would take all others with it, and nothing takes them back"})
		expect.That(t, before.Less(after) && after.Less(regions.TS{Wall: noon.UnixNano() + int64(ms)}), expect.Message{
			Did: did + ", and Now before and after it", Want: "the clock has not moved: it is noon",
			Got: fmt.Sprintf("it has moved by %v", time.Duration(after.Wall-before.Wall)),
			Why: "one broken clock pushes everybody into the future"})
		fresh := regions.NewHLC("eu-1", h.now, c.maxAhead)
		fresh.Observe(ts)
		got := fresh.Now()
		expect.That(t, got.Less(regions.TS{Wall: noon.UnixNano() + int64(ms)}), expect.Message{
			Did: did + ", of a clock that had not been asked before, and then Now", Want: "it is noon",
			Got: fmt.Sprintf("%v later", time.Duration(got.Wall-noon.UnixNano())),
			Why: "what is refused changes nothing, and that is nothing of it, and not a little"})
		h.at = noon.Add(c.ahead - c.maxAhead + 5*ms)
		if c.ahead > 24*time.Hour {
			continue
		}
		err = clock.Observe(ts)
		expect.That(t, err == nil, expect.Message{Did: did + fmt.Sprintf(", and again when it was %v ahead",
			c.maxAhead-5*ms),
			Want: "nil: time has caught up", Got: known.Say(err)})
	}
	creeps(t)
}

// creeps has a clock led into the future step by step, each no further ahead of the one before than may be.
func creeps(t *testing.T) {
	t.Helper()
	c := regions.NewHLC("eu-1", func() time.Time { return noon }, 500*ms)
	did := "with a maxAhead of 500 ms, and a clock that stands still, called Observe of a timestamp that is 400 ms " +
		"ahead"
	err := c.Observe(regions.TS{Wall: noon.Add(400 * ms).UnixNano(), Region: "us-1"})
	expect.That(t, err == nil, expect.Message{Did: did, Want: "nil", Got: known.Say(err)})
	c.Now()
	err = c.Observe(regions.TS{Wall: noon.Add(800 * ms).UnixNano(), Region: "us-1"})
	expect.That(t, known.Is(err, regions.ErrSkew), expect.Message{Did: did + ", Now, and Observe of one that is " +
		"800 ms ahead",
		Want: "ErrSkew: what counts is the clock beneath", Got: known.Say(err),
		Why: "two regions that are each a little ahead of the other would lead everybody into the future"})
}
