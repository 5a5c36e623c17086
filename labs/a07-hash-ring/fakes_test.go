package hashring_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	hashring "github.com/backend-labs/backend-labs/labs/a07-hash-ring"
)

// ten are the names of nodes that differ in a digit or two, as they do.
var ten = names(10)

func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("cache-%d", i+1))
	}
	return all
}

// keys are as many different ones.
func keys(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("forecast:%d", i))
	}
	return all
}

// ringOf has nodes of weight 1.
func ringOf(epsilon float64, nodes ...string) *hashring.Ring {
	r := hashring.NewRing(200, epsilon)
	for _, n := range nodes {
		r.Add(n, 1)
	}
	return r
}

// owners of keys, in their order.
func owners(r *hashring.Ring, keys []string) (all []string) {
	for _, k := range keys {
		all = append(all, r.Owner(k))
	}
	return all
}

// shares counts the keys of each node.
func shares(owners []string) map[string]int {
	n := map[string]int{}
	for _, o := range owners {
		n[o]++
	}
	return n
}

// book counts what is in flight by itself, and holds each Acquire against the bound.
type book struct {
	t        *testing.T
	ring     *hashring.Ring
	idle     *hashring.Ring // of the same nodes: whose a key is does not depend on what is in flight
	epsilon  float64
	weights  map[string]int
	summed   int // of the weights; 0: not yet
	inFlight map[string]int
	total    int
	orders   map[string][]string // of some keys, as far as they are known
	story    string              // what was done before
}

func newBook(t *testing.T, epsilon float64, nodes ...string) *book {
	b := &book{t: t, ring: ringOf(epsilon, nodes...), idle: ringOf(epsilon, nodes...), epsilon: epsilon,
		weights: map[string]int{}, inFlight: map[string]int{}, orders: map[string][]string{}, story: "let in some requests"}
	for _, n := range nodes {
		b.weights[n] = 1
	}
	return b
}

func (b *book) add(node string, weight int) {
	b.ring.Add(node, weight)
	b.idle.Add(node, weight)
	b.weights[node] = max(1, weight)
	b.summed = 0
}

func (b *book) remove(node string) {
	b.ring.Remove(node)
	b.idle.Remove(node)
	b.total -= b.inFlight[node]
	delete(b.inFlight, node)
	delete(b.weights, node)
	b.summed = 0
}

// share is what a node's bound is before it is rounded up, with one request more than now.
func (b *book) share(node string) float64 {
	return (1 + b.epsilon) * float64(b.total+1) * float64(b.weights[node]) / float64(b.sum())
}

// sum is that of all weights. It is asked for with each request, and so only added up anew when they have changed.
func (b *book) sum() int {
	if b.summed == 0 {
		for _, w := range b.weights {
			b.summed += w
		}
	}
	return b.summed
}

const rounding = 1e-9 // of floating point: a bound that is within it of a whole number may be either

// rounding is 0 where floating point has nothing to round: with eighths of ε, and a power of two to divide by.
func (b *book) rounding() float64 {
	if n := b.sum(); n&(n-1) == 0 && b.epsilon*8 == math.Trunc(b.epsilon*8) {
		return 0
	}
	return rounding
}

func (b *book) bound(node string) int { return int(math.Ceil(b.share(node) + b.rounding())) }
func (b *book) surelyRoom(node string) bool {
	return float64(b.inFlight[node]) < b.share(node)-b.rounding()
}

// A flight is a request that was let in.
type flight struct {
	node string
	done func()
	b    *book
	over bool
}

// end calls done, so and so often.
func (f *flight) end(times int) {
	for range times {
		f.done()
	}
	if !f.over && f.b.inFlight[f.node] > 0 {
		f.b.inFlight[f.node]--
		f.b.total--
	}
	f.over = true
}

// acquire asks the ring where a request goes, and holds that against the contract.
func (b *book) acquire(key string) *flight {
	b.t.Helper()
	owner := b.idle.Owner(key)
	expect.That(b.t, b.ring.Owner(key) == owner && b.weights[owner] > 0, expect.Message{
		Did: fmt.Sprintf("%s, and then, with %d in flight, called Owner(%s)", b.story, b.total, quoted(key)),
		Want: fmt.Sprintf("one of the nodes, and the same as on an idle ring of the same nodes and weights: %s there",
			quoted(owner)),
		Got: quoted(b.ring.Owner(key)),
		Why: "where a key belongs is where it is looked for, stored and deleted; what the nodes have to do just now " +
			"is another matter",
	})
	node, done := b.ring.Acquire(key)
	did := fmt.Sprintf("%s, and then, with %d in flight, called Acquire(%s), whose owner is %s (%d in flight, room "+
		"for %d)", b.story, b.total, quoted(key), quoted(owner), b.inFlight[owner], b.bound(owner))
	if b.weights[node] == 0 || done == nil {
		expect.Fatal(b.t, expect.Message{Did: did, Want: "one of its nodes, and a done",
			Got: fmt.Sprintf("%s, and a done that is nil: %v", quoted(node), done == nil)})
	}
	expect.That(b.t, b.inFlight[node]+1 <= b.bound(node), expect.Message{
		Did:  did,
		Want: "a node that has room within its bound",
		Got: fmt.Sprintf("%q, which has %d in flight then: its bound is %d", node, b.inFlight[node]+1,
			b.bound(node)),
		Why: "the node with the keys that everybody wants melts, while others idle",
	})
	expect.That(b.t, node == owner || !b.surelyRoom(owner), expect.Message{
		Did:  did,
		Want: "the owner: it has room",
		Got:  fmt.Sprintf("%q", node),
		Why:  "only the owner has the key in its cache; every other node has to ask the database first",
	})
	for _, next := range b.orders[key] {
		if b.surelyRoom(next) || next == node {
			expect.That(b.t, node == next, expect.Message{
				Did: did,
				Want: fmt.Sprintf("%q: the order of this key begins with %s, as the first Acquires of it on an idle "+
					"ring have shown, and it is the first there that has room", next, strings.Join(b.orders[key], ", ")),
				Got: fmt.Sprintf("%q, as %d nodes have", node, len(b.inFlight)),
				Why: "a hot key that spills somewhere else each time is soon in no cache and in all of them: the " +
					"hit ratio dies",
			})
			break
		}
	}
	b.inFlight[node]++
	b.total++
	return &flight{node: node, done: done, b: b}
}

// orderOf is how the order of a key begins: with a bound of 1 on each of ten nodes, the first seven requests go to the
// first seven.
func orderOf(r *hashring.Ring, key string) (order []string) {
	var dones []func()
	for range 7 {
		node, done := r.Acquire(key)
		order, dones = append(order, node), append(dones, done)
	}
	for _, done := range dones {
		if done != nil {
			done()
		}
	}
	return order
}

// wholeOrder is the order of a key, on a ring of ε = 0 on which nothing is in flight: a node comes when all that come
// before it are full.
func wholeOrder(r *hashring.Ring, key string, nodes int) (order []string) {
	var dones []func()
	for i := 0; i < 10*nodes && len(order) < nodes; i++ {
		node, done := r.Acquire(key)
		dones = append(dones, done)
		if !slices.Contains(order, node) {
			order = append(order, node)
		}
	}
	for _, done := range dones {
		if done != nil {
			done()
		}
	}
	return order
}

// quoted is a string as it is written in code, or how it begins.
func quoted(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%q and so on", s[:20])
	}
	return fmt.Sprintf("%q", s)
}
