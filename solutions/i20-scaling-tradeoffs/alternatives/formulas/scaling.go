// Package scaling says from a few measurements what more machines would carry, and which machines to take. Here both
// answers come from formulas: the fit from its normal equations, in numbers long enough to be exact, and the number of
// units from the quadratic equation X(n) = demand.
package scaling

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"
)

// At is X(n): what n machines carry.
func (u USL) At(n float64) float64 {
	return n * u.Gamma / (1 + (n-1)*(u.Alpha+n*u.Beta))
}

// Peak is the number of machines that carry the most, +Inf if more always carry more.
func (u USL) Peak() float64 {
	return math.Sqrt((1 - u.Alpha) / math.Abs(u.Beta)) // a positive number divided by zero is +Inf
}

// Fit finds the model that describes the samples best.
func Fit(samples []Sample) (USL, error) {
	s := slices.SortedFunc(slices.Values(samples), func(a, b Sample) int { return cmp.Compare(a.N, b.N) })
	if len(s) < 4 || len(slices.CompactFunc(slices.Clone(s), func(a, b Sample) bool { return a.N == b.N })) < 3 {
		return USL{}, fmt.Errorf("not enough samples: %v", samples)
	}
	for _, x := range s {
		if bad(x.N) || bad(x.Throughput) {
			return USL{}, fmt.Errorf("no sample: %v", x)
		}
	}
	// Both terms grow with N. So one that is negative beside the other does not help without it either.
	free := [3]bool{true, true, true}
	c := solve(s, free)
	for c[1] < 0 || c[2] < 0 {
		free[1], free[2] = free[1] && c[1] >= 0, free[2] && c[2] >= 0
		c = solve(s, free)
	}
	u := USL{Gamma: 1 / c[0], Alpha: c[1] / c[0], Beta: c[2] / c[0]}
	if u.Alpha < 1e-12 {
		u.Alpha = 0
	}
	if u.Beta < 1e-12 {
		u.Beta = 0
	}
	return u, nil
}

func bad(v float64) bool { return !(v > 0 && v <= math.MaxFloat64) }

// solve is Gauss's elimination on the normal equations of the terms that are free.
func solve(samples []Sample, free [3]bool) (c [3]float64) {
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(v) }
	var m [3][4]*big.Float
	for i := range m {
		for j := range m[i] {
			m[i][j] = number(0)
		}
		if !free[i] {
			m[i][i] = number(1)
		}
	}
	for _, s := range samples {
		y := new(big.Float).Quo(number(s.N), number(s.Throughput))
		n1 := new(big.Float).Sub(number(s.N), number(1))
		row := []*big.Float{number(1), n1, new(big.Float).Mul(n1, number(s.N)), y}
		for i := range 3 {
			for j := range 4 {
				if free[i] && (j == 3 || free[j]) {
					m[i][j].Add(m[i][j], new(big.Float).Mul(row[i], row[j]))
				}
			}
		}
	}
	for k := range 3 {
		for i := range 3 {
			if i == k {
				continue
			}
			f := new(big.Float).Quo(m[i][k], m[k][k])
			for j := range 4 {
				m[i][j] = new(big.Float).Sub(m[i][j], new(big.Float).Mul(f, m[k][j]))
			}
		}
	}
	for k := range c {
		c[k], _ = new(big.Float).Quo(m[k][3], m[k][k]).Float64()
	}
	return c
}

// Plan picks the cheapest option, and how many units of it, that carry what is needed. If none does, the error is an
// ImpossibleError.
func Plan(n Need, opts []Option) (option string, units int, err error) {
	type plan struct {
		name  string
		units int
		cost  float64
	}
	var plans []plan
	best := 0.0
	for _, o := range opts {
		if n.Stateful && !o.HoldsState || n.MaxDowntimeOnResize < o.ResizeDowntime {
			continue
		}
		most := o.MaxUnits
		if peak := o.Model.Peak(); peak < float64(most) {
			most = max(1, int(peak))
		}
		best = max(best, o.with(most-n.SurviveLosses))
		if o.with(most-n.SurviveLosses) >= n.Demand {
			u := o.enough(n.Demand) + n.SurviveLosses
			plans = append(plans, plan{o.Name, u, float64(u) * o.UnitCost})
		}
	}
	if len(plans) == 0 {
		return "nothing", -1, fmt.Errorf("plan for %v: %w", n.Demand, &ImpossibleError{best})
	}
	p := slices.MinFunc(plans, func(a, b plan) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.units, b.units))
	})
	return p.name, p.units, nil
}

// with is what some units carry.
func (o Option) with(units int) float64 {
	n := float64(max(0, units))
	return n * o.UnitThroughput / (1 + o.Model.Alpha*(n-1) + o.Model.Beta*n*(n-1))
}

// enough is the smallest number of units that carry a demand which some number carries: the smaller solution of
// βd·n² + (αd − βd − γ)·n + d(1−α) = 0, rounded up.
func (o Option) enough(demand float64) int {
	a, b := o.Model.Beta*demand, (o.Model.Alpha-o.Model.Beta)*demand-o.UnitThroughput
	c := demand * (1 - o.Model.Alpha)
	n := int(math.Ceil(2 * c / (-b + math.Sqrt(max(0, b*b-4*a*c)))))
	for n = max(1, n-1); o.with(n) < demand; n++ {
	}
	return n
}

// What follows is given.

// Sample is a load test: N machines carried Throughput requests a second.
type Sample struct{ N, Throughput float64 }

// USL is the universal scalability law: N machines carry γN / (1 + α(N−1) + βN(N−1)).
type USL struct {
	Gamma float64 // γ: what one machine carries
	Alpha float64 // α: contention, the share of the work that only one can do at a time
	Beta  float64 // β: coherence, what it costs each pair of machines to agree
}

// Option is a kind of machine that can be had.
type Option struct {
	Name           string
	UnitThroughput float64       // what one of them carries
	UnitCost       float64       // what one of them costs
	MaxUnits       int           // how many can be used together; 1 means that it scales vertically only
	Model          USL           // how they scale: its Alpha and Beta
	ResizeDowntime time.Duration // how long the service is away when units are added, taken away or exchanged
	HoldsState     bool          // they can keep what must not be lost
}

// Need is what the machines are wanted for.
type Need struct {
	Demand              float64       // requests a second
	SurviveLosses       int           // so many units may be gone, and the rest still carries Demand
	MaxDowntimeOnResize time.Duration // the longest that the service may be away when it is resized
	Stateful            bool          // the machines keep what must not be lost
}

// ErrImpossible is what an ImpossibleError is.
var ErrImpossible = errors.New("no option carries that much")

// ImpossibleError says that nothing carries what is needed, and what could be had instead.
type ImpossibleError struct {
	Best float64 // the most that can be carried
}

func (e ImpossibleError) Error() string {
	return fmt.Sprintf("%v: %.0f at best", ErrImpossible, e.Best)
}

// Is makes errors.Is(err, ErrImpossible) true.
func (e ImpossibleError) Is(target error) bool { return target == ErrImpossible }
