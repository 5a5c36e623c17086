package scaling_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	scaling "github.com/backend-labs/backend-labs/labs/i20-scaling-tradeoffs"
)

// curve is the law, written once more, so that the checks need nothing of what they judge.
type curve struct{ gamma, alpha, beta float64 }

func (c curve) at(n float64) float64 {
	return c.gamma * n / (1 + c.alpha*(n-1) + c.beta*n*(n-1))
}

func (c curve) String() string {
	return fmt.Sprintf("γ = %v, α = %v, β = %v", c.gamma, c.alpha, c.beta)
}

// shop is the box office of the brief.
var shop = curve{1000, 0.03, 0.0005}

// doublings are how many machines a team usually measures.
var doublings = []float64{1, 2, 4, 8, 16, 32}

// samples are load tests of a curve, each off by up to noise of what it should be.
func (c curve) samples(noise float64, r *rand.Rand, ns ...float64) []scaling.Sample {
	var all []scaling.Sample
	for _, n := range ns {
		off := 1.0
		if noise > 0 {
			off += noise * (2*r.Float64() - 1)
		}
		all = append(all, scaling.Sample{N: n, Throughput: c.at(n) * off})
	}
	return all
}

// fit is Fit of samples that are in order.
func fit(t *testing.T, samples []scaling.Sample) scaling.USL {
	t.Helper()
	u, err := scaling.Fit(slices.Clone(samples)) // what was measured stays here, to judge by
	expect.NoError(t, err, expect.Message{
		Did:  "fitted a model to " + list(samples),
		Want: "a model",
	})
	return u
}

// near says whether a value is within a share of what it should be.
func near(got, want, share float64) bool {
	return got == want || !math.IsInf(want, 0) && math.Abs(got-want) <= share*math.Abs(want)
}

func list(samples []scaling.Sample) string {
	var words []string
	for _, s := range samples {
		words = append(words, fmt.Sprintf("%v: %.6g", s.N, s.Throughput))
	}
	return strings.Join(words, ", ")
}

func model(u scaling.USL) string {
	return fmt.Sprintf("γ = %.6g, α = %.6g, β = %.6g", u.Gamma, u.Alpha, u.Beta)
}

// leastSquares finds the coefficients c for which the squares of rows[i][0]·c[0] + rows[i][1]·c[1] + … − y[i], for all
// i, add up to the least. Its error says that the rows do not determine them: there are too few, or a column follows
// from the others.
func leastSquares(rows [][]float64, y []float64) ([]float64, error) {
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
