package hashring_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	hashring "github.com/backend-labs/backend-labs/labs/a07-hash-ring"
)

// weather is the service of the brief.
var weather = []hashring.Tier{
	{Name: "cdn", ServiceMs: 20, HitRatio: 0.9, PerInstanceConc: 500},
	{Name: "app", ServiceMs: 50, HitRatio: 0, PerInstanceConc: 200},
	{Name: "cache", ServiceMs: 2, HitRatio: 0.95, PerInstanceConc: 5},
	{Name: "db", ServiceMs: 25, HitRatio: 0.3, PerInstanceConc: 4},
}

// budget is a question to Size.
type budget struct {
	rps      float64
	tiers    []hashring.Tier
	headroom float64
	lose     int
}

func (b budget) String() string {
	var tiers []string
	for _, t := range b.tiers {
		tiers = append(tiers, fmt.Sprintf("%s (%v ms, hits %v, %v places)", t.Name, t.ServiceMs, t.HitRatio,
			t.PerInstanceConc))
	}
	return fmt.Sprintf("%v requests a second, through %s; headroom %v, %d may fail", b.rps, strings.Join(tiers, ", "),
		b.headroom, b.lose)
}

// holds asks Size, and says what is wrong with the answer.
func (b budget) holds() *expect.Message {
	tiers := slices.Clone(b.tiers)
	instances, db, err := hashring.Size(b.rps, tiers, b.headroom, b.lose)
	m := &expect.Message{Did: fmt.Sprintf("asked for the size of %v", b)}
	if err != nil {
		m.Want, m.Got = "no error: all of it makes sense", err.Error()
		return m
	}
	rps := b.rps
	for i, t := range b.tiers {
		busy := rps * t.ServiceMs / 1000
		can := t.PerInstanceConc * (1 - b.headroom)
		least := max(1, math.Ceil(busy/can*(1-rounding)))
		n, ok := instances[t.Name]
		if left := float64(n - b.lose); !ok || left < least || left > math.Ceil(busy/can*(1+rounding))+1 && left > 2 {
			m.Want = fmt.Sprintf("%s: %.0f instances, or one more: %.6g requests a second keep %.6g places busy, and an "+
				"instance may have %.6g busy, and %d may be gone", t.Name, least+float64(b.lose), rps, busy, can, b.lose)
			m.Got = fmt.Sprintf("%s: %d instances", t.Name, n)
			m.Why = "with fewer it is full on the day when some are gone; with more it is paid for every day"
			return m
		}
		if i == len(b.tiers)-1 && !(math.Abs(db-rps) <= rps/1000+rounding) {
			m.Want = fmt.Sprintf("%.6g requests a second arrive at the last tier, the database", rps)
			m.Got = fmt.Sprintf("%.6g requests a second", db)
			m.Why = "the database is what cannot be multiplied at will: how much gets through to it decides whether " +
				"all the rest is of any use"
			return m
		}
		rps *= 1 - t.HitRatio
	}
	if len(instances) != len(b.tiers) {
		m.Want, m.Got = fmt.Sprintf("%d tiers", len(b.tiers)), fmt.Sprint(instances)
		return m
	}
	return nil
}

func TestTheBudget(t *testing.T) {
	for _, b := range []budget{
		{2_000_000, weather, 0.3, 2},
		{2_000_000, weather, 0.3, 0},
		{2_000_000, weather, 0, 5},
		{2_000_000, weather, 0.5, 1},
		{2_000_000, weather[3:], 0.3, 40},
		{0, weather, 0.3, 2},
		{10, weather, 0.3, 2},
		{5e9, weather, 0.9, 3},
		{1000, []hashring.Tier{{"cdn", 10, 1, 100}, {"db", 1000, 0, 0.5}}, 0.25, 1},
		{1000, []hashring.Tier{{"db", 0.25, 0, 1}, {"app", 50, 0.5, 1}, {"cdn", 0, 0.125, 1}}, 0, 1},
		{100_001, []hashring.Tier{{"db", 1, 0, 1}}, 0, 1},
		{2_000_000, []hashring.Tier{{"db", 20, 0.25, 10}}, 0.125, 1},
		{2_000_000, []hashring.Tier{{"db", 20, 0.25, 2.5}}, 0.5, 1},
		{2_000_000_000, []hashring.Tier{{"db", 0.0004, 0.25, 1}}, 0.5, 1},
		{2_000_000, []hashring.Tier{{"db", 20, 0.25, 10}, {"DB", 30, 0.5, 10}, {" db", 40, 0.5, 10}, {"", 50, 0.5, 10}},
			0.5, 1},
	} {
		if m := b.holds(); m != nil {
			expect.Fatal(t, *m)
		}
	}
}

func TestAnyBudget(t *testing.T) {
	tier := rapid.Custom(func(rt *rapid.T) hashring.Tier {
		return hashring.Tier{
			ServiceMs:       rapid.SampledFrom([]float64{0.1, 1, 7, 50, 900}).Draw(rt, "ms"),
			HitRatio:        rapid.SampledFrom([]float64{0, 0, 0.1, 0.5, 0.95, 1}).Draw(rt, "hits"),
			PerInstanceConc: rapid.SampledFrom([]float64{0.5, 1, 8, 200, 10_000}).Draw(rt, "places"),
		}
	})
	bubble.Property(t, func(rt *rapid.T) budget {
		b := budget{
			rps:      rapid.SampledFrom([]float64{0, 1, 99.5, 12_345, 2_000_000}).Draw(rt, "rps"),
			tiers:    rapid.SliceOfN(tier, 1, 6).Draw(rt, "tiers"),
			headroom: rapid.SampledFrom([]float64{0, 0.1, 0.3, 0.75}).Draw(rt, "headroom"),
			lose:     rapid.IntRange(0, 30).Draw(rt, "lose"),
		}
		for i := range b.tiers {
			b.tiers[i].Name = string(rune('z' - i))
		}
		return b
	}, func(b budget) *expect.Message { return b.holds() })
}

func TestWhatMakesNoSense(t *testing.T) {
	twice := append(slices.Clone(weather), weather[1])
	with := func(change func(*hashring.Tier)) []hashring.Tier {
		tiers := slices.Clone(weather)
		change(&tiers[2])
		return tiers
	}
	for _, b := range []budget{
		{1000, nil, 0.3, 1},
		{1000, twice, 0.3, 1},
		{-1, weather, 0.3, 1},
		{math.NaN(), weather, 0.3, 1},
		{1000, weather, 1, 1},
		{1000, weather, -0.1, 1},
		{1000, weather, 0.3, -1},
		{1000, with(func(t *hashring.Tier) { t.HitRatio = 1.01 }), 0.3, 1},
		{1000, with(func(t *hashring.Tier) { t.HitRatio = -0.5 }), 0.3, 1},
		{1000, with(func(t *hashring.Tier) { t.PerInstanceConc = 0 }), 0.3, 1},
		{1000, with(func(t *hashring.Tier) { t.ServiceMs = math.NaN() }), 0.3, 1},
	} {
		instances, db, err := hashring.Size(b.rps, b.tiers, b.headroom, b.lose)
		expect.That(t, err != nil, expect.Message{
			Did:  fmt.Sprintf("asked for the size of %v", b),
			Want: "an error, as Validate says",
			Got:  fmt.Sprintf("no error, and %v with %v at the database", instances, db),
			Why:  "numbers that make no sense come from a form, and what they give is bought",
		})
	}
	if m := (budget{1000, weather, 0.3, 1}).holds(); m != nil {
		expect.Fatal(t, *m)
	}
}

// TestACacheDies is what the whole is for: the ring says which keys are cold when a cache node is gone, and Size what the
// database gets to do.
func TestACacheDies(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		all := keys(100_000)
		r := ringOf(0.25, ten...)
		before := owners(r, all)
		r.Remove(ten[6])
		_, _, cold := moved(before, owners(r, all))
		modulo := 0
		for i := range all {
			if i%10 != i%9 {
				modulo++
			}
		}
		tl := timeline.New("all ten caches", "your ring, 9 left", "hash % n, 9 left")
		planned := database(t, tl, "all ten caches", 0)
		yours := database(t, tl, "your ring, 9 left", float64(cold)/100_000)
		database(t, tl, "hash % n, 9 left", float64(modulo)/100_000)
		expect.Show(t, "what the database gets when a cache dies", tl)
		expect.That(t, planned > 9_900 && yours <= 3.7*planned && yours >= 1.5*planned, expect.Message{
			Did: fmt.Sprintf("removed one of ten cache nodes; %d of 100,000 keys have another owner, and are cold there; "+
				"and asked Size what the database gets", cold),
			Want:    "10,000 requests a second as planned, and about 29,000 with one cache less",
			Got:     fmt.Sprintf("%.0f, and %.0f", planned, yours),
			Why:     "a tenth of the keys cold is a bad minute; nine tenths of them take the database down",
			Picture: tl,
		})
	})
}

// database draws what a share of cold keys means, and returns what the database gets.
func database(t *testing.T, tl *timeline.Timeline, lane string, cold float64) float64 {
	t.Helper()
	tiers := slices.Clone(weather)
	tiers[2].HitRatio *= 1 - cold
	instances, db, err := hashring.Size(2_000_000, tiers, 0.3, 2)
	expect.NoError(t, err, expect.Message{
		Did:  fmt.Sprintf("asked Size for the weather service, with a hit ratio of %.3f", tiers[2].HitRatio),
		Want: "no error",
	})
	tl.Holds(lane, "%.0f %% cold", cold*100)
	tl.Holds(lane, "hit ratio %.3f", tiers[2].HitRatio)
	tl.Holds(lane, "db: %.0f/s", db)
	tl.Holds(lane, "%d db instances", instances["db"])
	return db
}
