// Package lockstep makes goroutines meet. A race between two steps that are a few nanoseconds apart
// shows itself only when two callers arrive within them, which goroutines released from one channel
// hardly ever do: each wakes the next. Here the workers spin at a barrier before every round, so
// that they leave it within nanoseconds of each other, many thousand times.
package lockstep

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how often a worker looks at the barrier before it sleeps for a moment: for some 50
// µs. If it has looked more than prompt times, whoever was missing did not run at that moment.
const (
	patience = 50_000
	prompt   = 10_000
)

// lags is how many different head starts there are, and lagStep what lies between two, for Tarry:
// half a microsecond in all.
const (
	lags    = 128
	lagStep = 8
)

// Tarry takes about a nanosecond for each two of n.
//
//go:noinline
func Tarry(n int) {
	for range n {
	}
}

// Run lets the workers call f(round, worker) for each round, all of them at the same moment, round
// by round. It returns when all rounds are done, or after the first round that ends later than the
// budget of real time: how many rounds are done, at least 1, and before how many of those the
// workers all ran, so that they did meet. Do not call it in virtual time.
//
// With more workers than there are cores, or on a busy machine, a worker gives its core away now
// and then while it spins: rounds get slower, and fewer of them are worth something, but none is
// wrong.
func Run(rounds, workers int, budget time.Duration, f func(round, worker int)) (done,
	together int) {
	var (
		arrived atomic.Int64
		end     atomic.Int64 // the round not to be done any more
		did     atomic.Int64
		waited  atomic.Int64 // the last round for which somebody waited long, and one more
		apart   atomic.Int64 // how many rounds that were
		wg      sync.WaitGroup
		start   = time.Now()
	)
	end.Store(int64(rounds))
	for w := range workers {
		wg.Go(func() {
			ownCore(w)
			for round := range rounds {
				if w == 0 && round > 0 && time.Since(start) > budget {
					end.CompareAndSwap(int64(rounds), int64(round))
				}
				arrived.Add(1)
				spins := 1
				for ; arrived.Load() < int64(workers*(round+1)); spins++ {
					switch {
					case spins%patience == 0: // whoever is missing may wait for this very core
						time.Sleep(50 * time.Microsecond)
					case spins > prompt && spins%1000 == 0: // not sooner, or two workers would take turns on one core
						runtime.Gosched()
					}
				}
				// set before worker 0 arrived, so all see it in the same round
				if int64(round) >= end.Load() {
					return
				}
				if before := waited.Load(); spins > prompt && before <= int64(round) &&
					waited.CompareAndSwap(before, int64(round)+1) {
					apart.Add(1)
				}
				// Whoever came last has a head start, of another length on each machine: so each is
				// held back in turn, for a time that differs from one round to the next.
				if lag := round % lags; w == round/lags%workers {
					Tarry(lagStep * lag)
				}
				f(round, w)
				if w == 0 {
					did.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(did.Load()), int(did.Load() - apart.Load())
}

// Enough does batches, each of which tells in how many rounds its workers met, until there are so
// many of those, or the budget of real time is used up: on a busy machine two workers seldom run at
// the same moment.
func Enough(rounds int, budget time.Duration, batch func() (together int)) {
	for met, start := 0, time.Now(); met < rounds && time.Since(start) < budget; {
		met += batch()
	}
}
