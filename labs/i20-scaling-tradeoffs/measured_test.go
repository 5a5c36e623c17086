package scaling_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	scaling "github.com/backend-labs/backend-labs/labs/i20-scaling-tradeoffs"
)

// How long a request of the service takes, in parts: work that each machine does by itself, give or take 1 %, the seat
// that has to be locked, and what it tells each other machine over a network that all of them share.
const (
	alone  = 970 * time.Microsecond
	locked = 30 * time.Microsecond
	told   = 500 * time.Nanosecond
)

// measure runs the service on some machines, and says how many requests a second it has served.
func measure(machines int, r *rand.Rand) float64 {
	const rounds = 20
	var one sync.Mutex // r is no one's alone
	lock, network := make(chan bool, 1), make(chan bool, 1)
	began := time.Now()
	for range rounds {
		onAll(machines, func() {
			one.Lock()
			off := 0.01 * (2*r.Float64() - 1)
			one.Unlock()
			time.Sleep(alone + time.Duration(off*float64(alone)))
			lock <- true
			time.Sleep(locked)
			<-lock
		})
		onAll(machines, func() {
			for range machines - 1 {
				network <- true
				time.Sleep(told)
				<-network
			}
		})
	}
	return float64(rounds*machines) / time.Since(began).Seconds()
}

// onAll has all machines do something at the same time, and waits until all have done it.
func onAll(machines int, do func()) {
	var wg sync.WaitGroup
	for range machines {
		wg.Go(do)
	}
	wg.Wait()
}

// TestTheMeasurementComesTrue measures a service that runs, in simulated time, lets the fit say what larger ones will
// carry, and measures those, too.
func TestTheMeasurementComesTrue(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(20, 20))
		tl := timeline.New("N times one", "your fit", "measured")
		var samples []scaling.Sample
		for _, n := range doublings {
			x := measure(int(n), r)
			samples = append(samples, scaling.Sample{N: n, Throughput: x})
			tl.Holds("measured", "%.0f: %.0f/s", n, x)
		}
		u := fit(t, samples)
		carried := map[int]float64{}
		for _, n := range []int{44, 64, 128} {
			said := u.At(float64(n))
			tl.Holds("N times one", "%d: %.0f/s", n, float64(n)*samples[0].Throughput)
			prediction := tl.Holds("your fit", "%d: %.0f/s", n, said)
			carried[n] = measure(n, r)
			tl.Holds("measured", "%d: %.0f/s", n, carried[n])
			ok := near(said, carried[n], 0.05)
			if !ok {
				prediction.Breaks()
			}
			expect.That(t, ok, expect.Message{
				Did: fmt.Sprintf("measured a service with a lock and an exchange between all machines, %s; fitted "+
					"that, asked for %d machines, and measured them, too", list(samples), n),
				Want:    fmt.Sprintf("what they carry, %.0f, within 5 %%", carried[n]),
				Got:     fmt.Sprintf("%.0f", said),
				Why:     "this is what a fit is for: to know it before the machines are paid for",
				Picture: tl,
			})
		}
		expect.Show(t, "what one more machine is worth", tl)
		decided(t, u, r)
	})
}

// decided lets Plan decide with the fit, and measures what it has decided, with a machine less.
func decided(t *testing.T, u scaling.USL, r *rand.Rand) {
	t.Helper()
	need := scaling.Need{Demand: 12_000, SurviveLosses: 1}
	options := []scaling.Option{{Name: "small", UnitThroughput: u.Gamma, UnitCost: 20, MaxUnits: 200, Model: u}}
	did := fmt.Sprintf("put the fit into a plan for 12,000/s with one machine gone (%s)", model(u))
	name, units, err := scaling.Plan(need, options)
	expect.NoError(t, err, expect.Message{Did: did, Want: "about 26 machines"})
	expect.That(t, name == "small" && units > 1 && units < 44, expect.Message{
		Did: did, Want: "about 26 machines", Got: fmt.Sprintf("%d of %q", units, name),
	})
	without, fewer := measure(units-1, r), measure(units-3, r)
	expect.That(t, near(without, 12_000, 0.03) && fewer < 12_000, expect.Message{
		Did:  did + fmt.Sprintf(", was told to take %d, and measured the service with %d", units, units-1),
		Want: "12,000/s, within 3 %, and less with two machines less",
		Got:  fmt.Sprintf("%.0f/s, and %.0f/s", without, fewer),
	})
}
