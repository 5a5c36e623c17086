package scaling_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	scaling "github.com/backend-labs/backend-labs/labs/i20-scaling-tradeoffs"
)

func TestTheLaw(t *testing.T) {
	for _, c := range []curve{shop, {1, 0, 0}, {50, 0.2, 0}, {2e6, 0, 0.001}, {0.5, 0.9, 0.1}} {
		u := scaling.USL{Gamma: c.gamma, Alpha: c.alpha, Beta: c.beta}
		for _, n := range []float64{0, 0.5, 1, 1.5, 2, 3, 43.9, 44, 100, 1e6} {
			got, want := u.At(n), c.at(n)
			expect.That(t, near(got, want, 1e-9), expect.Message{
				Did:  fmt.Sprintf("asked what %v machines carry, with %v", n, c),
				Want: fmt.Sprintf("%.10g", want),
				Got:  fmt.Sprintf("%.10g", got),
				Why:  "one machine carries γ; each further one waits for the others, and talks with each of them",
			})
		}
	}
}

func TestThePeak(t *testing.T) {
	for _, c := range []struct {
		alpha, beta, want float64
	}{
		{0.03, 0.0005, 44.0454}, {0, 0.0005, 44.7214}, {0.5, 0.0005, 31.6228}, {0.9, 0.1, 1}, {0, 2, 0.707107},
		{0.19, 1, 0.9},
		{0.19, 1e-12, 900_000}, {0.36, 1e-18, 8e8}, {0, 0, math.Inf(1)}, {0.03, 0, math.Inf(1)},
	} {
		for _, gamma := range []float64{1000, 0.2} {
			got := scaling.USL{Gamma: gamma, Alpha: c.alpha, Beta: c.beta}.Peak()
			expect.That(t, got == c.want || near(got, c.want, 1e-5), expect.Message{
				Did:  fmt.Sprintf("asked for the peak of %v", curve{gamma, c.alpha, c.beta}),
				Want: fmt.Sprintf("%.6g", c.want),
				Got:  fmt.Sprintf("%.6g", got),
				Why:  "it is the largest number of machines that is ever worth paying for",
			})
		}
	}
}
