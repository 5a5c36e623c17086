package consistency_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	consistency "github.com/backend-labs/backend-labs/labs/a05-consistency-levels"
)

// is ends the check unless a counter has this value.
func is(t *testing.T, c *consistency.PNCounter, want int64, m expect.Message) {
	t.Helper()
	got := c.Value()
	m.Want, m.Got = fmt.Sprint(want), fmt.Sprint(got)
	expect.That(t, got == want, m)
}

// copied is a copy of a counter, as another node gets it.
func copied(c *consistency.PNCounter) *consistency.PNCounter {
	n := &consistency.PNCounter{}
	n.Merge(c)
	return n
}

func TestACounterCounts(t *testing.T) {
	var c consistency.PNCounter
	is(t, &c, 0, expect.Message{Did: "looked at a counter that has just been made"})
	c.Merge(&consistency.PNCounter{})
	is(t, &c, 0, expect.Message{Did: "merged two that have just been made"})
	sum := int64(0)
	for _, step := range []struct {
		node  string
		delta int64
	}{{"a", 5}, {"b", 3}, {"a", -2}, {"", 10}, {"b", -30}, {"a", 0}, {"c", 1 << 40}, {"c", -(1 << 41)}, {"a", 2}} {
		c.Add(step.node, step.delta)
		sum += step.delta
		is(t, &c, sum, expect.Message{Did: fmt.Sprintf("added 5, 3, -2 and so on, at last %d at node %q; looked at the "+
			"counter itself", step.delta, step.node), Why: "who likes something and then does not has taken one away"})
		is(t, copied(&c), sum, expect.Message{Did: fmt.Sprintf("added 5, 3, -2 and so on, at last %d at node %q, and "+
			"merged the counter into a new one", step.delta, step.node)})
	}
	var edge consistency.PNCounter
	edge.Add("a", math.MaxInt64)
	is(t, copied(&edge), math.MaxInt64, expect.Message{Did: "added the largest int64, and merged the counter into a new one"})
	edge.Add("b", math.MinInt64)
	is(t, copied(&edge), -1, expect.Message{Did: "added the largest and, at another node, the least int64, and merged " +
		"the counter into a new one", Why: "the least int64 has no opposite among the int64"})
}

func TestMergeTakesOverWhatIsNew(t *testing.T) {
	var a, b, c consistency.PNCounter
	a.Add("a", 5)
	b.Add("b", 7)
	b.Add("b", -10)
	c.Add("c", 1)
	old := copied(&a)
	a.Merge(&b)
	is(t, &a, 2, expect.Message{Did: "a had counted 5, b 7 and -10; merged b into a"})
	for range 3 {
		a.Merge(&b)
		is(t, &a, 2, expect.Message{Did: "a had counted 5, b 7 and -10; merged b into a, more than once",
			Why: "messages arrive twice"})
	}
	a.Merge(&a)
	is(t, &a, 2, expect.Message{Did: "merged a counter into itself"})
	b.Merge(&c)
	a.Merge(&b)
	is(t, &a, 3, expect.Message{Did: "c had counted 1; merged c into b and then b into a",
		Why: "what another node has heard of a third one is as good as from that one itself"})
	a.Add("a", -4)
	a.Merge(old)
	is(t, &a, -1, expect.Message{Did: "took 4 at a, and merged a state of a from before",
		Why: "what was sent first may arrive last; an old state has nothing to say"})
	old.Merge(&a)
	is(t, old, -1, expect.Message{Did: "merged the new state of a into a copy from before"})
}

func TestMergeSharesNothing(t *testing.T) {
	for _, empty := range []bool{true, false} {
		var a, b consistency.PNCounter
		if !empty {
			a.Add("b", 1) // as a copy from before
		}
		b.Add("b", 5)
		b.Add("b", -1)
		a.Add("a", 0)
		if empty {
			a = consistency.PNCounter{}
		}
		a.Merge(&b)
		is(t, &b, 4, expect.Message{Did: "merged a counter into another one, and looked at the first"})
		a.Add("a", 10)
		a.Add("a", -3)
		is(t, &b, 4, expect.Message{Did: "merged b into a, and then added at a; looked at b",
			Why: "b is another node's: it hears of it when somebody tells it"})
		b.Add("b", 100)
		b.Add("b", -50)
		is(t, &a, 11, expect.Message{Did: "merged b into a, and then added at b; looked at a"})
		b.Merge(&a)
		is(t, &b, 61, expect.Message{Did: "merged a into b after both had gone on"})
		is(t, &a, 11, expect.Message{Did: "merged a into b, and looked at a"})
	}
}

func TestReplicasOfACounterMeet(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		const nodes, steps = 5, 60
		var counters [nodes]consistency.PNCounter
		var sent []*consistency.PNCounter // all states that were ever on their way
		sum := int64(0)
		for range steps {
			i := rng.IntN(nodes)
			switch rng.IntN(3) {
			case 0:
				delta := rng.Int64N(21) - 10
				counters[i].Add(fmt.Sprint("node ", i), delta)
				sum += delta
			case 1:
				sent = append(sent, copied(&counters[i]))
			default:
				if len(sent) > 0 {
					counters[i].Merge(sent[rng.IntN(len(sent))])
				}
			}
		}
		for range 2 {
			for i := range counters {
				for j := range counters {
					counters[i].Merge(&counters[j])
				}
				if len(sent) > 0 {
					counters[i].Merge(sent[rng.IntN(len(sent))])
				}
			}
		}
		for i := range counters {
			is(t, &counters[i], sum, expect.Message{
				Did: fmt.Sprintf("5 nodes counted up and down, and sent their states to each other, of which some arrived "+
					"late, some twice, and in the end all; looked at node %d (seed %d)", i, seed),
				Why: "this is all that eventual consistency promises: when no more is written, all are the same"})
		}
	}
}
