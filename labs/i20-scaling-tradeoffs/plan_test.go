package scaling_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	scaling "github.com/backend-labs/backend-labs/labs/i20-scaling-tradeoffs"
)

// A plan is a question to Plan, and what is to come out.
type plan struct {
	need    scaling.Need
	options []scaling.Option
	want    string // the option
	units   int    // 0 if nothing will do
	best    float64
	why     string
}

// holds asks Plan, and says what is wrong with the answer.
func (p plan) holds() *expect.Message {
	m := &expect.Message{
		Did:  fmt.Sprintf("asked for a plan for %s, from: %s", needs(p.need), offers(p.options)),
		Want: fmt.Sprintf("%d of %q", p.units, p.want),
		Why:  p.why,
	}
	if p.units == 0 {
		m.Want = fmt.Sprintf("ErrImpossible, and %.6g as the best that can be had", p.best)
	}
	name, units, err := scaling.Plan(p.need, slices.Clone(p.options))
	best, is := impossible(err)
	switch {
	case err == nil:
		m.Got = fmt.Sprintf("%d of %q", units, name)
		if p.want == name && p.units == units {
			return nil
		}
	case !is:
		m.Got = fmt.Sprintf("the error %s, which is no ImpossibleError", known.Quote(err))
	default:
		m.Got = fmt.Sprintf("ErrImpossible, and %.6g as the best that can be had", best)
		if p.units == 0 && near(best, p.best, 1e-9) {
			return nil
		}
	}
	return m
}

var known = sentinel.Errors{"ErrImpossible": scaling.ErrImpossible}

// impossible looks for an ImpossibleError, by value or by pointer.
func impossible(err error) (best float64, is bool) {
	if byValue, ok := errors.AsType[scaling.ImpossibleError](err); ok {
		return byValue.Best, known.Is(err, scaling.ErrImpossible)
	}
	if byPointer, ok := errors.AsType[*scaling.ImpossibleError](err); ok && byPointer != nil {
		return byPointer.Best, known.Is(err, scaling.ErrImpossible)
	}
	return 0, false
}

func needs(n scaling.Need) string {
	s := fmt.Sprintf("%.6g/s", n.Demand)
	if whole := math.Round(n.Demand); whole != n.Demand && math.Abs(whole-n.Demand) < 1e-6 {
		s = fmt.Sprintf("%v/s", n.Demand) // a little more or less is what it is about
	}
	if n.SurviveLosses > 0 {
		s += fmt.Sprintf(" with %d gone", n.SurviveLosses)
	}
	if n.MaxDowntimeOnResize > 0 {
		s += fmt.Sprintf(", at most %v away", n.MaxDowntimeOnResize)
	}
	if n.Stateful {
		s += ", stateful"
	}
	return s
}

func offers(options []scaling.Option) string {
	var all []string
	for _, o := range options {
		s := fmt.Sprintf("%q: %.6g/s for %v, up to %d", o.Name, o.UnitThroughput, o.UnitCost, o.MaxUnits)
		if o.Model.Alpha != 0 || o.Model.Beta != 0 {
			s += fmt.Sprintf(", α %v, β %v", o.Model.Alpha, o.Model.Beta)
		}
		if o.Model.Gamma != 0 {
			s += fmt.Sprintf(", its model's γ %v", o.Model.Gamma)
		}
		if o.ResizeDowntime != 0 {
			s += fmt.Sprintf(", %v away", o.ResizeDowntime)
		}
		if o.HoldsState {
			s += ", holds state"
		}
		all = append(all, s)
	}
	if all == nil {
		return "nothing"
	}
	return strings.Join(all, "; ")
}

func all(t *testing.T, plans ...plan) {
	t.Helper()
	for _, p := range plans {
		if m := p.holds(); m != nil {
			expect.Fatal(t, *m)
		}
	}
}

var law = scaling.USL{Gamma: 1000, Alpha: 0.03, Beta: 0.0005}

func TestNoMoreThanThePeak(t *testing.T) {
	small := scaling.Option{Name: "small", UnitThroughput: 1000, UnitCost: 20, MaxUnits: 500, Model: law}
	huge := scaling.Option{Name: "huge", UnitThroughput: 20_000, UnitCost: 5000, MaxUnits: 1}
	tiny := scaling.Option{Name: "tiny", UnitThroughput: 100, UnitCost: 1, MaxUnits: 50,
		Model: scaling.USL{Alpha: 0.5, Beta: 2}}
	odd := scaling.Option{Name: "odd", UnitThroughput: 1003, UnitCost: 5, MaxUnits: 50,
		Model: scaling.USL{Alpha: 0.5, Beta: 0.1385}}
	even := scaling.Option{Name: "even", UnitThroughput: 1000, UnitCost: 5, MaxUnits: 50,
		Model: scaling.USL{Alpha: 0.5, Beta: 0.125}}
	far := scaling.Option{Name: "far", UnitThroughput: 1000, UnitCost: 5, MaxUnits: 50,
		Model: scaling.USL{Beta: math.Pow(2, -64)}}
	farther := far
	farther.Name, farther.Model.Beta = "farther", 1e-40
	const why = "beyond the peak each unit that is added makes the whole slower, and is paid for nevertheless"
	all(t,
		plan{need: scaling.Need{Demand: 10_000}, options: []scaling.Option{small}, want: "small", units: 16, why: why},
		plan{need: scaling.Need{Demand: 13_590}, options: []scaling.Option{small}, want: "small", units: 43, why: why},
		plan{need: scaling.Need{Demand: 13_700}, options: []scaling.Option{small}, best: shop.at(44), why: why},
		plan{need: scaling.Need{Demand: 13_700}, options: []scaling.Option{small, huge}, want: "huge", units: 1,
			why: why},
		// The peak counts all units: of 44 one may be gone, of 45 nobody asks.
		plan{need: scaling.Need{Demand: 13_590, SurviveLosses: 1}, options: []scaling.Option{small}, want: "small",
			units: 44, why: why},
		plan{need: scaling.Need{Demand: 1100, SurviveLosses: 2}, options: []scaling.Option{odd},
			why: "its peak is at 1.9, so there is one unit at most, and none is left of it"},
		plan{need: scaling.Need{Demand: 13_590, SurviveLosses: 2}, options: []scaling.Option{small},
			best: shop.at(42), why: why},
		plan{need: scaling.Need{Demand: 100}, options: []scaling.Option{tiny}, want: "tiny", units: 1,
			why: "its peak lies below one unit; but one unit is always within it"},
		plan{need: scaling.Need{Demand: 1100}, options: []scaling.Option{even}, want: "even", units: 2,
			why: "its peak is at 2, and 2 are not more than 2"},
		plan{need: scaling.Need{Demand: 101}, options: []scaling.Option{tiny}, best: 100,
			why: "its peak lies below one unit: two carry less than one"},
		plan{need: scaling.Need{Demand: 5000}, options: []scaling.Option{far}, want: "far", units: 5,
			why: "its peak, at 4,294,967,296 units, is far away, and no bound"},
		plan{need: scaling.Need{Demand: 5000}, options: []scaling.Option{farther}, want: "farther", units: 5,
			why: "its peak, at 1e20 units, is more than an int holds, and no bound"},
	)
}

func TestLossesAreSurvived(t *testing.T) {
	big := scaling.Option{Name: "big", UnitThroughput: 5000, UnitCost: 100, MaxUnits: 10}
	small := scaling.Option{Name: "small", UnitThroughput: 1000, UnitCost: 21, MaxUnits: 100}
	one := scaling.Option{Name: "one", UnitThroughput: 50_000, UnitCost: 10, MaxUnits: 1}
	bent := scaling.Option{Name: "bent", UnitThroughput: 1000, UnitCost: 1, MaxUnits: 100,
		Model: scaling.USL{Alpha: 0.1}}
	knotted := scaling.Option{Name: "knotted", UnitThroughput: 1000, UnitCost: 1, MaxUnits: 100,
		Model: scaling.USL{Alpha: 0.9}}
	many := scaling.Option{Name: "many", UnitThroughput: 1000, UnitCost: 1, MaxUnits: 1000}
	both := []scaling.Option{big, small}
	const spare = "one big machine in reserve costs as much as five small ones: that is what small units are good for"
	all(t,
		plan{need: scaling.Need{Demand: 10_000}, options: both, want: "big", units: 2, why: spare},
		plan{need: scaling.Need{Demand: 10_000, SurviveLosses: 1}, options: both, want: "small", units: 11, why: spare},
		plan{need: scaling.Need{Demand: 10_000, SurviveLosses: 3}, options: both, want: "small", units: 13, why: spare},
		plan{need: scaling.Need{Demand: 10_000, SurviveLosses: 1}, options: []scaling.Option{one, big}, want: "big",
			units: 3, why: "a machine of which there is only one is down when it is down"},
		plan{need: scaling.Need{Demand: 10_000, SurviveLosses: 1}, options: []scaling.Option{one},
			why: "a machine of which there is only one is down when it is down"},
		plan{need: scaling.Need{Demand: 10_000, SurviveLosses: 40}, options: both, want: "small", units: 50,
			why: "any number of units may have to be survived: a whole zone of them"},
		// With 6 of 8 left, the six no longer wait for the other two: that is more than 6/8 of what 8 carry.
		plan{need: scaling.Need{Demand: 4000, SurviveLosses: 2}, options: []scaling.Option{bent}, want: "bent",
			units: 8, why: "what is left after a loss is a smaller system, and scales like one"},
		plan{need: scaling.Need{Demand: 10_000, SurviveLosses: 250}, options: []scaling.Option{many}, want: "many", units: 260,
			why: "any number of units may have to be survived: a whole zone of them"},
		plan{need: scaling.Need{Demand: 900, SurviveLosses: 3}, options: []scaling.Option{knotted}, want: "knotted",
			units: 4, why: "when more units are gone than there were, none is left; the law says nothing of fewer than none"},
	)
}

func TestDowntimeCounts(t *testing.T) {
	big := scaling.Option{Name: "big", UnitThroughput: 10_000, UnitCost: 90, MaxUnits: 1, HoldsState: true,
		ResizeDowntime: time.Minute}
	small := scaling.Option{Name: "small", UnitThroughput: 1000, UnitCost: 10, MaxUnits: 10}
	both := []scaling.Option{big, small}
	const why = "a bigger machine has to be moved into, and whoever sells tickets may not be away as long as that"
	all(t,
		plan{need: scaling.Need{Demand: 10_000, MaxDowntimeOnResize: time.Second}, options: both, want: "small",
			units: 10, why: why},
		plan{need: scaling.Need{Demand: 10_000}, options: both, want: "small", units: 10, why: why},
		plan{need: scaling.Need{Demand: 10_000, MaxDowntimeOnResize: time.Minute - 1}, options: both, want: "small",
			units: 10, why: why},
		plan{need: scaling.Need{Demand: 10_000, MaxDowntimeOnResize: time.Minute}, options: both, want: "big", units: 1,
			why: "a minute is not more than a minute"},
		plan{need: scaling.Need{Demand: 10_000, MaxDowntimeOnResize: time.Second}, options: both[:1],
			why: why},
		plan{need: scaling.Need{Demand: 10_001, MaxDowntimeOnResize: time.Second}, options: both, best: 10_000,
			why: why},
	)
}

func TestStateNeedsAPlace(t *testing.T) {
	big := scaling.Option{Name: "big", UnitThroughput: 10_000, UnitCost: 100, MaxUnits: 2, HoldsState: true}
	small := scaling.Option{Name: "small", UnitThroughput: 1000, UnitCost: 9, MaxUnits: 100}
	both := []scaling.Option{big, small}
	cheap := big
	cheap.UnitCost = 80
	const why = "what must not be lost cannot be put on machines that come and go"
	all(t,
		plan{need: scaling.Need{Demand: 10_000, Stateful: true}, options: both, want: "big", units: 1, why: why},
		plan{need: scaling.Need{Demand: 10_000}, options: both, want: "small", units: 10,
			why: "who keeps nothing can be put anywhere, and cheapest here"},
		plan{need: scaling.Need{Demand: 10_000}, options: []scaling.Option{cheap, small}, want: "big", units: 1,
			why: "a machine that can hold state need not: it is the cheapest"},
		plan{need: scaling.Need{Demand: 50_000, Stateful: true}, options: both, best: 20_000, why: why},
		plan{need: scaling.Need{Demand: 500, Stateful: true}, options: both[1:], why: why},
	)
}

func TestTheCheapestOfAll(t *testing.T) {
	a := scaling.Option{Name: "a", UnitThroughput: 1000, UnitCost: 10, MaxUnits: 10_000}
	b := scaling.Option{Name: "b", UnitThroughput: 5000, UnitCost: 50, MaxUnits: 10_000}
	c := scaling.Option{Name: "c", UnitThroughput: 7000, UnitCost: 60, MaxUnits: 10_000}
	twin := a
	twin.Name = "Z"
	model := scaling.USL{Gamma: 70_000}
	free, nameless := a, a
	free.Name, free.UnitCost, nameless.Name = "free", 0, ""
	slow := scaling.Option{Name: "slow", UnitThroughput: 0.25, UnitCost: 10, MaxUnits: 10}
	penny, less := a, a
	penny.UnitCost, less.Name, less.UnitCost = 0.0004, "less", 0.0003
	vast := a
	vast.MaxUnits = 3_000_000
	own := scaling.Option{Name: "own", UnitThroughput: 1000, UnitCost: 10, MaxUnits: 100, Model: model}
	few := scaling.Option{Name: "a", UnitThroughput: 2000, UnitCost: 15, MaxUnits: 1}
	const twice = "two offers of one name are two options: of some machines few are cheaper, or bigger"
	const total = "a low price for each request is of no use to whoever has to buy more of them than are needed"
	all(t,
		plan{need: scaling.Need{Demand: 3000}, options: []scaling.Option{c, b, a}, want: "a", units: 3, why: total},
		plan{need: scaling.Need{Demand: 7000}, options: []scaling.Option{a, b, c}, want: "c", units: 1, why: total},
		plan{need: scaling.Need{Demand: 3000}, options: []scaling.Option{a}, want: "a", units: 3,
			why: "3000 is as much as is needed"},
		plan{need: scaling.Need{Demand: 3000.5}, options: []scaling.Option{a}, want: "a", units: 4,
			why: "3000 is less than what is needed"},
		plan{need: scaling.Need{Demand: 5000}, options: []scaling.Option{b, a}, want: "b", units: 1,
			why: "at the same price there is less to look after"},
		plan{need: scaling.Need{Demand: 5000}, options: []scaling.Option{a, b}, want: "b", units: 1,
			why: "at the same price there is less to look after"},
		plan{need: scaling.Need{Demand: 2500}, options: []scaling.Option{twin, a}, want: "Z", units: 3,
			why: "of what costs the same the first is taken, so that a plan can be made again"},
		plan{need: scaling.Need{Demand: 2500}, options: []scaling.Option{a, twin}, want: "a", units: 3,
			why: "of what costs the same the first is taken, so that a plan can be made again"},
		plan{need: scaling.Need{Demand: 5_555_000}, options: []scaling.Option{a}, want: "a", units: 5555,
			why: "there are systems with thousands of machines"},
		plan{need: scaling.Need{Demand: 0.75}, options: []scaling.Option{slow}, want: "slow", units: 3,
			why: "a demand need be no whole number: 0.75 are 45 requests a minute"},
		plan{need: scaling.Need{Demand: 0.7501}, options: []scaling.Option{slow}, want: "slow", units: 4,
			why: "0.75 is less than what is needed"},
		plan{need: scaling.Need{Demand: 1000}, options: []scaling.Option{penny, less}, want: "less", units: 1,
			why: "what is less than a cent is a cost, too: it may be that of a second"},
		plan{need: scaling.Need{Demand: 250_000_000}, options: []scaling.Option{vast}, want: "a", units: 250_000,
			why: "MaxUnits says how many there are"},
		plan{need: scaling.Need{Demand: 2_000_000_000}, options: []scaling.Option{vast}, want: "a", units: 2_000_000,
			why: "MaxUnits says how many there are"},
		plan{need: scaling.Need{Demand: 3000.0000001}, options: []scaling.Option{a}, want: "a", units: 4,
			why: "3000 is less than what is needed, by however little"},
		plan{need: scaling.Need{Demand: 10_000_001}, options: []scaling.Option{a}, best: 10_000_000,
			why: "more than there are cannot be had"},
		plan{need: scaling.Need{Demand: 10_000_000, SurviveLosses: 1}, options: []scaling.Option{a}, best: 9_999_000,
			why: "more than there are cannot be had, also as a reserve"},
		plan{need: scaling.Need{Demand: 5000}, options: []scaling.Option{own}, want: "own", units: 5,
			why: "the model may have been measured on other machines: how they scale is the same, what one carries is not"},
		plan{need: scaling.Need{Demand: 0.5}, options: []scaling.Option{a}, want: "a", units: 1},
		plan{need: scaling.Need{Demand: 3000}, options: []scaling.Option{free, a, b}, want: "free", units: 3,
			why: "what is there already costs nothing"},
		plan{need: scaling.Need{Demand: 3000}, options: []scaling.Option{nameless, b}, want: "", units: 3,
			why: "an option is an option, whatever it is called"},
		plan{need: scaling.Need{Demand: 3000}, options: []scaling.Option{few, a}, want: "a", units: 3, why: twice},
		plan{need: scaling.Need{Demand: 3000}, options: []scaling.Option{a, few}, want: "a", units: 3, why: twice},
		plan{need: scaling.Need{Demand: 2000}, options: []scaling.Option{few, a}, want: "a", units: 1, why: twice},
		plan{need: scaling.Need{Demand: 2000}, options: []scaling.Option{a, few}, want: "a", units: 1, why: twice},
		plan{need: scaling.Need{Demand: 1}, why: "there is nothing to choose from"},
	)
	optionsStay(t)
}

// optionsStay looks at the list of options after a plan.
func optionsStay(t *testing.T) {
	t.Helper()
	options := []scaling.Option{
		{Name: "dear", UnitThroughput: 1000, UnitCost: 30, MaxUnits: 10},
		{Name: "dark", UnitThroughput: 500, UnitCost: 1, MaxUnits: 10, ResizeDowntime: time.Minute},
		{Name: "small", UnitThroughput: 100, UnitCost: 20, MaxUnits: 10},
		{Name: "cheap", UnitThroughput: 2000, UnitCost: 10, MaxUnits: 10},
	}
	before := slices.Clone(options)
	scaling.Plan(scaling.Need{Demand: 3000}, options)
	expect.That(t, slices.Equal(options, before), expect.Message{
		Did: "made a plan from " + offers(before), Want: "the options stay as they are, in their order",
		Got: offers(options),
		Why: "the list belongs to whoever plans, and is asked again with the next need; among equals the first one counts",
	})
}

// offer is some options, and needs that are put to them.
type offer struct {
	options []scaling.Option
	needs   []scaling.Need
}

func TestNoPlanIsCheaper(t *testing.T) {
	bubble.Property(t, func(rt *rapid.T) offer {
		option := rapid.Custom(func(rt *rapid.T) scaling.Option {
			return scaling.Option{
				Name:           rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "name"),
				UnitThroughput: float64(rapid.IntRange(1, 20).Draw(rt, "throughput") * 100),
				UnitCost:       rapid.SampledFrom([]float64{1, 2, 3, 6, 12, 30}).Draw(rt, "cost"),
				MaxUnits:       rapid.SampledFrom([]int{1, 2, 3, 10, 100}).Draw(rt, "max"),
				Model: scaling.USL{Gamma: rapid.SampledFrom([]float64{0, 5}).Draw(rt, "gamma"),
					Alpha: rapid.SampledFrom([]float64{0, 0, 0.01, 0.5, 0.5}).Draw(rt, "alpha"),
					Beta:  rapid.SampledFrom([]float64{0, 0, 0.0007, 0.011, 0.03, 0.1}).Draw(rt, "beta")},
				ResizeDowntime: time.Duration(rapid.IntRange(0, 2).Draw(rt, "downtime")) * time.Second,
				HoldsState:     rapid.Bool().Draw(rt, "holds"),
			}
		})
		need := rapid.Custom(func(rt *rapid.T) scaling.Need {
			return scaling.Need{
				Demand:              float64(rapid.IntRange(1, 100).Draw(rt, "demand") * 100),
				SurviveLosses:       rapid.IntRange(0, 3).Draw(rt, "losses"),
				MaxDowntimeOnResize: time.Duration(rapid.IntRange(0, 2).Draw(rt, "downtime")) * time.Second,
				Stateful:            rapid.IntRange(0, 3).Draw(rt, "stateful") == 0,
			}
		})
		o := offer{options: rapid.SliceOfN(option, 1, 5).Draw(rt, "options"),
			needs: rapid.SliceOfN(need, 1, 10).Draw(rt, "needs")}
		for i := range o.options {
			if name, k := o.options[i].Name, rapid.IntRange(0, 3).Draw(rt, "times"); i > 0 && k > 0 {
				o.options[i] = o.options[0] // often at equal cost
				o.options[i].Name, o.options[i].MaxUnits = name, 100
				o.options[i].UnitThroughput *= float64(k)
				o.options[i].UnitCost *= float64(k)
			}
		}
		for i := range o.options { // names that are not in the order of the list, and none twice
			o.options[i].Name += strings.Repeat("'", i)
		}
		return o
	}, func(o offer) *expect.Message {
		for _, n := range o.needs {
			p := everyPlan(n, o.options)
			p.why = "of all plans there are, this is the cheapest that does what is asked for"
			if m := p.holds(); m != nil {
				return m
			}
		}
		return nil
	})
}

// everyPlan looks at every number of units of every option.
func everyPlan(n scaling.Need, options []scaling.Option) plan {
	p := plan{need: n, options: options}
	cost := math.Inf(1)
	for _, o := range options {
		if o.ResizeDowntime > n.MaxDowntimeOnResize || n.Stateful && !o.HoldsState {
			continue
		}
		for u := 1; u <= o.MaxUnits; u++ {
			if peak := math.Sqrt((1 - o.Model.Alpha) / o.Model.Beta); u > 1 && float64(u) > peak {
				break
			}
			x := curve{o.UnitThroughput, o.Model.Alpha, o.Model.Beta}.at(float64(max(0, u-n.SurviveLosses)))
			p.best = max(p.best, x)
			c := float64(u) * o.UnitCost
			if x >= n.Demand && (c < cost || c == cost && u < p.units) {
				p.want, p.units, cost = o.Name, u, c
			}
		}
	}
	return p
}
