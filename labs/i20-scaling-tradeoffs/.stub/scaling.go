// Package scaling says from a few measurements what more machines would carry, and which machines to take.
package scaling

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// At is X(n): what n machines carry.
func (u USL) At(n float64) float64 {
	return 0 // your code
}

// Peak is the number of machines that carry the most, +Inf if more always carry more.
func (u USL) Peak() float64 {
	return 0 // your code
}

// Fit finds the model that describes the samples best.
func Fit(samples []Sample) (USL, error) {
	return USL{}, nil // your code
}

// Plan picks the cheapest option, and how many units of it, that carry what is needed. If none does, the error is an
// ImpossibleError.
func Plan(n Need, opts []Option) (option string, units int, err error) {
	return "", 0, nil // your code
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

// LeastSquares finds the coefficients c for which the squares of rows[i][0]·c[0] + rows[i][1]·c[1] + … − y[i], for all
// i, add up to the least. Its error says that the rows do not determine them: there are too few, or a column follows
// from the others.
func LeastSquares(rows [][]float64, y []float64) ([]float64, error) {
	if len(rows) == 0 || len(rows) != len(y) || len(rows) < len(rows[0]) {
		return nil, fmt.Errorf("%d rows for %d values are not enough", len(rows), len(y))
	}
	// Modified Gram-Schmidt, with y as one more column: unlike the normal equations it does not square the errors.
	n := len(rows[0])
	columns, r := make([][]float64, n+1), make([][]float64, n)
	for j := range columns {
		columns[j] = make([]float64, len(rows))
		for i := range rows {
			columns[j][i] = append(rows[i][:n:n], y[i])[j]
		}
	}
	for j := range n {
		r[j] = make([]float64, n+1)
		whole := norm(rows, j)
		r[j][j] = math.Sqrt(dot(columns[j], columns[j]))
		if !(r[j][j] > 1e-10*whole) {
			return nil, fmt.Errorf("column %d follows from those before it", j)
		}
		for i := range columns[j] {
			columns[j][i] /= r[j][j]
		}
		for k := j + 1; k <= n; k++ {
			r[j][k] = dot(columns[j], columns[k])
			for i := range columns[k] {
				columns[k][i] -= r[j][k] * columns[j][i]
			}
		}
	}
	c := make([]float64, n)
	for j := n - 1; j >= 0; j-- {
		c[j] = r[j][n]
		for k := j + 1; k < n; k++ {
			c[j] -= r[j][k] * c[k]
		}
		c[j] /= r[j][j]
	}
	return c, nil
}

func norm(rows [][]float64, column int) float64 {
	sum := 0.0
	for _, row := range rows {
		sum += row[column] * row[column]
	}
	return math.Sqrt(sum)
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
