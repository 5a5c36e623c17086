package scaling_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	scaling "github.com/backend-labs/backend-labs/labs/i20-scaling-tradeoffs"
)

func TestTheCurveIsFoundAgain(t *testing.T) {
	large := curve{3, 1e-5, 2e-9}
	for _, c := range []struct {
		curve curve
		ns    []float64
		words string
	}{
		{shop, doublings, "measured on 1 to 32 machines"},
		{shop, []float64{2, 4, 8, 16}, "never measured on one machine"},
		{shop, []float64{10, 20, 30, 40, 50, 60, 70}, "measured on 10 to 70 machines"},
		{shop, []float64{16, 1, 32, 4, 8, 2}, "measured in no order"},
		{shop, []float64{60, 50, 70, 20}, "measured on both sides of the peak, in no order"},
		{shop, []float64{16, 4, 4, 64}, "measured twice on 4 machines, and on 3 numbers of them in all"},
		{shop, []float64{0.5, 1, 2.5, 7, 11}, "measured on half a machine, too"},
		{curve{1e7, 0.3, 0.02}, doublings, "with a lot of contention"},
		{curve{0.004, 0.03, 0.0005}, doublings, "with 4 requests in 1000 s"},
		{curve{4e-12, 0.03, 0.0005}, doublings, "with 4 requests in 10,000 years"},
		{curve{4e18, 0.03, 0.0005}, doublings, "with more requests than an int64 can count"},
		{shop, append(slices.Repeat([]float64{1, 2}, 500), 64, 32, 16),
			"measured a thousand times on 1 and 2 machines first"},
		{large, []float64{100, 1000, 2000, 5000, 10_000}, "measured on up to 10,000 machines"},
	} {
		s := c.curve.samples(0, nil, c.ns...)
		u := fit(t, s)
		expect.That(t, near(u.Gamma, c.curve.gamma, 0.01) && near(u.Alpha, c.curve.alpha, 0.01) &&
			near(u.Beta, c.curve.beta, 0.01), expect.Message{
			Did:  fmt.Sprintf("fitted samples of %v, without any noise, %s", c.curve, c.words),
			Want: "these parameters, within 1 %",
			Got:  model(u),
			Why: "what is fitted wrongly is bought wrongly: the parameters say whether more machines help, and " +
				"what is to be mended",
		})
	}
	u := fit(t, shop.samples(0, nil, doublings...))
	expect.That(t, math.Abs(u.Peak()-44.045) < 0.5 && near(u.At(128), shop.at(128), 0.01), expect.Message{
		Did:  fmt.Sprintf("fitted samples of %v on 1 to 32 machines, and asked for the peak and for 128 machines", shop),
		Want: fmt.Sprintf("a peak at 44 machines, and %.0f of 128: no more than 16 carry", shop.at(128)),
		Got:  fmt.Sprintf("a peak at %.4g, and %.0f of 128", u.Peak(), u.At(128)),
		Why:  "beyond the peak each machine costs money and makes the others slower",
	})
}

func TestTheSamplesStayAsTheyAre(t *testing.T) {
	s := shop.samples(0.02, rand.New(rand.NewPCG(1, 1)), 16, 1, 4, 4, 32, 2)
	before := slices.Clone(s)
	u, err := scaling.Fit(s)
	expect.NoError(t, err, expect.Message{Did: "fitted a model to " + list(before), Want: "a model"})
	expect.That(t, near(u.At(8), shop.at(8), 0.05) && slices.Equal(s, before), expect.Message{
		Did:  "fitted a model to samples that were in no order, and looked at them again",
		Want: fmt.Sprintf("the model, with about %.0f for 8 machines, and %s", shop.at(8), list(before)),
		Got:  fmt.Sprintf("%.0f, and %s", u.At(8), list(s)),
		Why:  "they are the caller's, who may have the dates of the tests in another list beside them",
	})
}

func TestWhatIsLinearStaysLinear(t *testing.T) {
	for _, gamma := range []float64{1000, 7, 1e6 / 3, 0.1} {
		for _, ns := range [][]float64{doublings, {3, 5, 7, 9, 11}, {10, 20, 30, 1000}} {
			u := fit(t, curve{gamma, 0, 0}.samples(0, nil, ns...))
			expect.That(t, math.IsInf(u.Peak(), 1) && near(u.At(100), 100*gamma, 0.01), expect.Message{
				Did: fmt.Sprintf("fitted samples in which N machines carry exactly N times %.4g, N = %v, and asked "+
					"for the peak and for 100 machines", gamma, ns),
				Want: fmt.Sprintf("no peak (+Inf), and %.6g", 100*gamma),
				Got:  fmt.Sprintf("a peak at %.4g, and %.6g; %s", u.Peak(), u.At(100), model(u)),
				Why:  "a peak that comes of rounding is a ceiling that nobody has",
			})
			expect.That(t, u.Alpha == 0, expect.Message{
				Did: fmt.Sprintf("fitted samples in which N machines carry exactly N times %.4g, N = %v, and "+
					"looked at α", gamma, ns),
				Want: "0: an α below 1e-12 is rounding",
				Got:  fmt.Sprint(u.Alpha),
				Why:  "who asks whether there is a lock to look for is sent to look for one",
			})
		}
	}
	for _, alpha := range []float64{0.05, 0.001, 0.4} {
		c := curve{1000, alpha, 0}
		u := fit(t, c.samples(0, nil, doublings...))
		expect.That(t, math.IsInf(u.Peak(), 1) && near(u.At(1e9), 1000/alpha, 0.01), expect.Message{
			Did: fmt.Sprintf("fitted samples of Amdahl's law (%v), and asked for the peak and for a thousand million "+
				"machines", c),
			Want: fmt.Sprintf("no peak (+Inf), and the plateau, γ/α = %.0f", 1000/alpha),
			Got:  fmt.Sprintf("a peak at %.4g, and %.6g; %s", u.Peak(), u.At(1e9), model(u)),
			Why:  "where machines need not agree, more of them never hurt; they just stop helping",
		})
	}
	for _, c := range []curve{{1000, 0, 1e-10}, {1000, 1e-10, 1e-9}} {
		u := fit(t, c.samples(0, nil, 1, 100, 1000, 10_000, 50_000))
		expect.That(t, near(u.Alpha, c.alpha, 0.05) && near(u.Beta, c.beta, 0.05), expect.Message{
			Did:  fmt.Sprintf("fitted samples of %v, measured on up to 50,000 machines", c),
			Want: "these parameters, within 5 %: what is above 1e-12 is not rounding",
			Got:  model(u),
			Why:  "so many machines feel what is small: this one peaks",
		})
	}
	for _, c := range []struct{ beta, peak float64 }{{5e-12, math.Sqrt(1 / 5e-12)}, {5e-13, math.Inf(1)}} {
		u := fit(t, curve{1000, 0, c.beta}.samples(0, nil, 1, 1000, 100_000, 1_000_000))
		expect.That(t, u.Peak() == c.peak || near(u.Peak(), c.peak, 0.01), expect.Message{
			Did:  fmt.Sprintf("fitted samples of %v, measured on up to a million machines", curve{1000, 0, c.beta}),
			Want: fmt.Sprintf("a peak at %.6g: a β below 1e-12 becomes 0, and no other one", c.peak),
			Got:  fmt.Sprintf("a peak at %.6g; %s", u.Peak(), model(u)),
			Why:  "two teams that fit the same tests must come to the same model",
		})
	}
	for _, c := range []struct{ alpha, want float64 }{{5e-12, 5e-12}, {5e-13, 0}} {
		u := fit(t, curve{1000, c.alpha, 0}.samples(0, nil, 1, 1000, 100_000, 1_000_000))
		expect.That(t, near(u.Alpha, c.want, 0.05), expect.Message{
			Did:  fmt.Sprintf("fitted samples of %v, measured on up to a million machines", curve{1000, c.alpha, 0}),
			Want: fmt.Sprintf("an α of %v: one below 1e-12 becomes 0, and no other one", c.want),
			Got:  model(u),
			Why:  "two teams that fit the same tests must come to the same model",
		})
	}
}

func TestNoiseDoesNotDecide(t *testing.T) {
	for _, c := range []struct {
		curve curve
		words string
	}{{shop, "of " + shop.String()}, {curve{1000, 0, 0}, "of a linear system"},
		{curve{1000, 0.05, 0}, "of a system with 5 % contention and no coherence"}} {
		for seed := range uint64(50) {
			s := c.curve.samples(0.02, rand.New(rand.NewPCG(seed, 20)), doublings...)
			u := fit(t, s)
			for n := 1.0; n <= 32; n++ {
				got, want := u.At(n), c.curve.at(n)
				expect.That(t, near(got, want, 0.05), expect.Message{
					Did: fmt.Sprintf("fitted samples %s, each off by up to 2 %%: %s; and asked for %v machines",
						c.words, list(s), n),
					Want: fmt.Sprintf("%.0f, within 5 %%", want),
					Got:  fmt.Sprintf("%.0f: %s", got, model(u)),
					Why: "no load test comes out the same twice. A fit is there to let the errors of many " +
						"cancel each other",
				})
			}
		}
	}
}

// drawn are samples with a lot of noise, so that what is best is often a model without one of its terms.
type drawn struct {
	curve curve
	ns    []float64
	noise float64
	seed  uint64
}

func TestNoOtherModelFitsBetter(t *testing.T) {
	super := []scaling.Sample{}
	for _, n := range doublings {
		super = append(super, scaling.Sample{N: n, Throughput: 1000 * math.Pow(n, 1.1)})
	}
	tested := []scaling.Sample{{1, 1020}, {1, 970}, {2, 1900}, {4, 3700}, {4, 3500}, {8, 6600}, {16, 9900}, {32, 13_400}}
	beyond := []scaling.Sample{{1, 1000}, {20, 11_400}, {44, 13_600}, {100, 11_200}}
	many := []scaling.Sample{{100, 299.7}, {1000, 2964}, {2000, 5837}, {5000, 13_636}, {10_000, 23_077}}
	outlier := []scaling.Sample{{1, 1000}, {2, 1950}, {4, 3640}, {8, 6700}, {8, 2200}, {16, 10_000}, {32, 13_400}}
	for _, s := range [][]scaling.Sample{tested, super, beyond, many, outlier} {
		if m := fitsBest(fit(t, s), s); m != nil {
			expect.Fatal(t, *m)
		}
	}
	bubble.Property(t, func(rt *rapid.T) drawn {
		return drawn{
			curve: curve{rapid.SampledFrom([]float64{1, 1000, 1e6}).Draw(rt, "gamma"),
				rapid.SampledFrom([]float64{0, 0.001, 0.03, 0.2}).Draw(rt, "alpha"),
				rapid.SampledFrom([]float64{0, 0.00001, 0.0005}).Draw(rt, "beta")},
			ns: rapid.SampledFrom([][]float64{doublings, {1, 1, 2, 3}, {10, 20, 30, 40}, {5, 4, 3, 2, 1},
				{2, 2, 2, 30, 30, 60}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}).Draw(rt, "N"),
			noise: rapid.SampledFrom([]float64{0.02, 0.1, 0.3}).Draw(rt, "noise"),
			seed:  rapid.Uint64().Draw(rt, "seed"),
		}
	}, func(d drawn) *expect.Message {
		s := d.curve.samples(d.noise, rand.New(rand.NewPCG(d.seed, 0)), d.ns...)
		if !carries(s) {
			return nil // the brief says nothing of what one machine of it carries
		}
		u, err := scaling.Fit(slices.Clone(s))
		if err != nil {
			return &expect.Message{Did: "fitted a model to " + list(s), Want: "a model", Got: err.Error()}
		}
		return fitsBest(u, s)
	})
}

// fitsBest holds a model against the best one there is.
func fitsBest(u scaling.USL, s []scaling.Sample) *expect.Message {
	did := "fitted a model to " + list(s)
	if !(u.Alpha >= 0 && u.Beta >= 0) {
		return &expect.Message{
			Did:  did,
			Want: "no parameter below 0",
			Got:  model(u),
			Why:  "with a negative share of waiting, the model promises that enough machines carry anything",
		}
	}
	best, least := oracle(s)
	if off := squares(curve{u.Gamma, u.Alpha, u.Beta}, s); !(off <= least*(1+1e-4)+1e-18*largest(s)) {
		return &expect.Message{
			Did: did,
			Want: fmt.Sprintf("%v, or what is as good: the squares of what N/X is off by add up to %.6g",
				rounded(best), least),
			Got: fmt.Sprintf("%s: they add up to %.6g", model(u), off),
			Why: "a parameter that is not the best one bends the curve where nobody has measured it",
		}
	}
	return nil
}

// oracle takes the best of all models that have nothing negative.
func oracle(s []scaling.Sample) (best curve, least float64) {
	least = math.Inf(1)
	for _, c := range models(s) {
		if c.gamma <= 0 || c.alpha < 0 || c.beta < 0 {
			continue
		}
		if off := squares(c, s); off < least {
			best, least = c, off
		}
	}
	return best, least
}

// carries says whether one machine carries something in every model of the samples. With a lot of noise, and none
// measured near one machine, it need not.
func carries(s []scaling.Sample) bool {
	return !slices.ContainsFunc(models(s), func(c curve) bool { return !(c.gamma > 0) })
}

// models fits all models that leave some of the terms out.
func models(s []scaling.Sample) (all []curve) {
	for _, use := range [][]int{{0}, {0, 1}, {0, 2}, {0, 1, 2}} {
		var rows [][]float64
		var y []float64
		for _, x := range s {
			terms := []float64{1, x.N - 1, x.N * (x.N - 1)}
			var row []float64
			for _, i := range use {
				row = append(row, terms[i])
			}
			rows, y = append(rows, row), append(y, x.N/x.Throughput)
		}
		got, err := leastSquares(rows, y)
		if err != nil {
			continue
		}
		var c [3]float64
		for i, term := range use {
			c[term] = got[i]
		}
		all = append(all, curve{1 / c[0], c[1] / c[0], c[2] / c[0]})
	}
	return all
}

func squares(c curve, s []scaling.Sample) (sum float64) {
	for _, x := range s {
		sum += math.Pow(x.N/x.Throughput-(1+c.alpha*(x.N-1)+c.beta*x.N*(x.N-1))/c.gamma, 2)
	}
	return sum
}

func largest(s []scaling.Sample) (most float64) {
	for _, x := range s {
		most = max(most, math.Pow(x.N/x.Throughput, 2))
	}
	return most
}

func rounded(c curve) string {
	return fmt.Sprintf("γ = %.6g, α = %.6g, β = %.6g", c.gamma, c.alpha, c.beta)
}

func TestWhatIsNoSample(t *testing.T) {
	with := func(s scaling.Sample) []scaling.Sample {
		return append(shop.samples(0, nil, doublings...), s)
	}
	for _, c := range []struct {
		words   string
		samples []scaling.Sample
	}{
		{"no samples", nil},
		{"3 samples", shop.samples(0, nil, 1, 4, 16)},
		{"6 samples, at 2 different N", shop.samples(0, nil, 1, 4, 4, 1, 4, 1)},
		{"5 samples, all at one N", shop.samples(0.02, rand.New(rand.NewPCG(2, 2)), 8, 8, 8, 8, 8)},
		{"a sample of −2 machines", with(scaling.Sample{N: -2, Throughput: 100})},
		{"a sample of no machine", with(scaling.Sample{N: 0, Throughput: 100})},
		{"a sample whose N is not a number", with(scaling.Sample{N: math.NaN(), Throughput: 100})},
		{"a sample of infinitely many machines", with(scaling.Sample{N: math.Inf(1), Throughput: 100})},
		{"a sample that carried nothing", with(scaling.Sample{N: 4, Throughput: 0})},
		{"a sample that carried −5", with(scaling.Sample{N: 4, Throughput: -5})},
		{"a sample of −4 machines that carried −5", with(scaling.Sample{N: -4, Throughput: -5})},
		{"a sample whose throughput is not a number", with(scaling.Sample{N: 4, Throughput: math.NaN()})},
		{"a sample whose throughput is infinite", with(scaling.Sample{N: 4, Throughput: math.Inf(1)})},
		{"a sample whose throughput is −Inf", with(scaling.Sample{N: 4, Throughput: math.Inf(-1)})},
		{"a broken sample before the good ones", append([]scaling.Sample{{N: 4}}, with(scaling.Sample{N: 64,
			Throughput: shop.at(64)})...)},
	} {
		u, err := scaling.Fit(slices.Clone(c.samples))
		expect.That(t, err != nil, expect.Message{
			Did:  "fitted " + c.words,
			Want: "an error",
			Got:  "a model: " + model(u),
			Why:  "a model made of a failed test or of two points looks as good as any other, and decides",
		})
	}
	for _, ns := range [][]float64{{1, 4, 4, 16}, {1, 2, 3, 4}, {1, 1.25, 1.5, 1.75}} {
		s := shop.samples(0, nil, ns...)
		u := fit(t, s)
		expect.That(t, near(u.At(8), shop.at(8), 0.01), expect.Message{
			Did:  "fitted " + list(s),
			Want: fmt.Sprintf("a model: 4 samples at 3 different N are enough; %.0f at 8 machines", shop.at(8)),
			Got:  fmt.Sprintf("%.0f at 8 machines", u.At(8)),
		})
	}
}
