package lockstep_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
)

func TestRun_everyWorkerDoesEveryRound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rounds, workers int }{{1, 1}, {1, 2}, {200, 2}, {50, 5}, {0, 2}} {
		calls := make([][]atomic.Int32, tt.rounds)
		for i := range calls {
			calls[i] = make([]atomic.Int32, tt.workers)
		}
		done, _ := lockstep.Run(tt.rounds, tt.workers, time.Minute,
			func(round, worker int) { calls[round][worker].Add(1) })
		if done != tt.rounds {
			t.Errorf("%+v: got %d rounds done, want all", tt, done)
		}
		for round := range calls {
			for worker := range calls[round] {
				if n := calls[round][worker].Load(); n != 1 {
					t.Errorf("%+v: got %d calls of round %d by worker %d, want 1", tt, n, round,
						worker)
				}
			}
		}
	}
}

// TestRun_inStep looks for a worker that begins a round before another has ended the one before.
func TestRun_inStep(t *testing.T) {
	t.Parallel()
	const rounds, workers = 300, 3
	var ended [rounds]atomic.Int32
	lockstep.Run(rounds, workers, time.Minute, func(round, worker int) {
		if round > 0 && ended[round-1].Load() != workers {
			t.Errorf("worker %d begins round %d when %d of %d have ended the one before", worker,
				round, ended[round-1].Load(), workers)
		}
		ended[round].Add(1)
	})
}

func TestRun_budget(t *testing.T) {
	t.Parallel()
	const rounds, workers = 1_000_000, 2
	var calls [workers]atomic.Int64
	done, _ := lockstep.Run(rounds, workers, 0, func(round, worker int) { calls[worker].Add(1) })
	if done != 1 {
		t.Errorf("got %d rounds done without a budget, want the first", done)
	}
	for worker := range calls {
		if n := calls[worker].Load(); n != int64(done) {
			t.Errorf("got %d calls by worker %d, want as many as rounds done, %d", n, worker, done)
		}
	}
	if done, _ := lockstep.Run(rounds, workers, 20*time.Millisecond, spin); done < 1 ||
		done > 1000 {
		t.Errorf("got %d rounds of a millisecond done in 20, want a few", done)
	}
}

// TestRun_together has a worker that comes late to every other round.
func TestRun_together(t *testing.T) {
	t.Parallel()
	const rounds = 20
	done, together := lockstep.Run(rounds, 2, time.Minute, func(round, worker int) {
		if worker == 0 && round%2 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	})
	if done != rounds || together > rounds/2 {
		t.Errorf("got %d rounds done, %d of them together; want %d, and half of those at most",
			done, together, rounds)
	}
	if _, together := lockstep.Run(1000, 1, time.Minute, func(int, int) {}); together != 1000 {
		t.Errorf("got %d rounds together of a worker that is alone, want all 1000", together)
	}
}

func TestEnough(t *testing.T) {
	t.Parallel()
	batches := 0
	lockstep.Enough(10, time.Minute, func() int { batches++; return 3 })
	if batches != 4 {
		t.Errorf("got %d batches of 3 for 10, want 4", batches)
	}
	batches = 0
	lockstep.Enough(1, 20*time.Millisecond, func() int { batches++; spin(0, 0); return 0 })
	if batches < 2 || batches > 21 {
		t.Errorf("got %d batches of a millisecond in 20, want a few", batches)
	}
}

// spin takes a millisecond.
func spin(int, int) {
	for start := time.Now(); time.Since(start) < time.Millisecond; {
	}
}
