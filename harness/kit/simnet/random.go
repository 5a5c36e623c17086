package simnet

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Faults is how bad a network is.
type Faults struct {
	Min, Max time.Duration // a leg is under way for as long as one of them, or something between
	Loss     float64       // the probability that a leg is lost
	Twice    float64       // the probability that a second copy of it is under way
}

// Random returns a rule that draws the fate of each leg from a seed. What becomes of the n-th
// question from one node to another depends on the seed, on the two and on n alone, and not on what
// other nodes do meanwhile, so the same seed gives the same schedule wherever nodes send to one
// another in the same order.
func Random[Node comparable](seed uint64, f Faults) func(Leg[Node]) Fate {
	return func(leg Leg[Node]) Fate {
		h := fnv.New64a()
		fmt.Fprint(h, leg.From, " ", leg.To, " ", leg.Answer, " ", leg.N)
		draw := rand.New(rand.NewPCG(seed, h.Sum64()))
		way := func() time.Duration {
			return f.Min + time.Duration(draw.Int64N(int64(f.Max-f.Min)+1))
		}
		fate := Fate{After: way(), Lost: draw.Float64() < f.Loss}
		if draw.Float64() < f.Twice {
			fate.Again = []time.Duration{way()}
		}
		return fate
	}
}
