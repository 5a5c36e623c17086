package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/history"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	store "github.com/backend-labs/backend-labs/labs/a09-cap"
)

const (
	ms = time.Millisecond

	// limit is a second, and a bit for those who set a timer of exactly that.
	limit = time.Second + ms
)

var known = sentinel.Errors{"ErrUnavailable": store.ErrUnavailable}

type (
	leg  = simnet.Leg[int]
	fate = simnet.Fate
)

// virtual runs f in virtual time. Nodes have no Close, so what is left running is no failure.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// network returns one on which every message takes as long.
func network(t *testing.T, takes time.Duration) *simnet.Network[int] {
	net := simnet.New[int](t)
	net.Rule(always(takes))
	return net
}

func always(takes time.Duration) func(leg) fate {
	return func(leg) fate { return fate{After: takes} }
}

// cps returns n nodes that have had the time to come to terms with each other.
func cps(n int, net store.Net) []*store.CPNode {
	nodes := make([]*store.CPNode, n)
	for id := range nodes {
		nodes[id] = store.NewCP(id, n, net)
	}
	time.Sleep(3 * time.Second)
	return nodes
}

func aps(n int, net store.Net) []*store.APNode {
	nodes := make([]*store.APNode, n)
	for id := range nodes {
		nodes[id] = store.NewAP(id, n, net)
	}
	return nodes
}

// lookalikes are keys that are others, however much they look like this one.
func lookalikes(key string) []string {
	return []string{strings.ToUpper(key), strings.ToUpper(key[:1]) + key[1:], key + " ", " " + key, key + "\n", key + "\x00",
		key + "\xff", key[:len(key)-1], strings.ReplaceAll(key, " ", ""), key + "/" + key, "x" + key, ""}
}

// twins are keys that differ, and are one for whoever cuts them, hashes them, or wants them in UTF-8.
func twins() []string {
	long := strings.Repeat("seat ", 14_000)
	return []string{long + "1", long + "2", "\xff", "\xfe", "caf\u00e9", "cafe\u0301", "k", "\u212a",
		"plumless", "buckeroo", "costarring", "liquid"}
}

func lane(id int) string { return fmt.Sprintf("node %d", id) }

// lanes are those of n nodes, and one for the network.
func lanes(n int) (all []string) {
	for id := range n {
		all = append(all, lane(id))
	}
	return append(all, "network")
}

// clerk is a client of a CPNode that writes down what it did.
type clerk struct {
	node *store.CPNode
	name string
	h    *history.History   // may be nil
	tl   *timeline.Timeline // may be nil
}

// result is what became of an operation.
type result struct {
	val  string // of a Get
	err  error
	took time.Duration
}

func (r result) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s after %v", known.Say(r.err), r.took)
	}
	return fmt.Sprintf("%q after %v", r.val, r.took)
}

func (c clerk) put(ctx context.Context, key, val string) result {
	span := c.tl.Begin(c.name, "Put %s", val)
	r := c.do(history.Write, key, val, func() (string, error) { return "", c.node.Put(ctx, key, val) })
	span.End("%s", verdict(r.err, "ok"))
	return r
}

func (c clerk) get(ctx context.Context, key string) result {
	span := c.tl.Begin(c.name, "Get")
	r := c.do(history.Read, key, nil, func() (string, error) { return c.node.Get(ctx, key) })
	span.End("%s", verdict(r.err, fmt.Sprintf("%q", r.val)))
	return r
}

func (c clerk) do(kind history.Kind, key string, val any, f func() (string, error)) (r result) {
	var call *history.Call
	if c.h != nil {
		call = c.h.Begin(c.name, kind, key, val)
	}
	began := time.Now()
	r.val, r.err = f()
	r.took = time.Since(began)
	switch {
	case call == nil:
	case r.err != nil:
		call.Perhaps()
	case kind == history.Read:
		call.Done(r.val)
	default:
		call.Done(nil)
	}
	return r
}

func verdict(err error, ok string) string {
	switch {
	case err == nil:
		return ok
	case sentinel.Is(err, store.ErrUnavailable):
		return "unavailable"
	}
	return "error"
}

// tally counts operations and how many of them succeeded.
type tally struct {
	mu       sync.Mutex
	all, ok  int
	slowest  time.Duration
	badError string
}

func (y *tally) add(r result) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.all++
	y.slowest = max(y.slowest, r.took)
	switch {
	case r.err == nil:
		y.ok++
	case !known.Is(r.err, store.ErrUnavailable):
		y.badError = known.Say(r.err)
	}
}

// judged demands that errors are ErrUnavailable, and that nothing took too long.
func (y *tally) judged(t *testing.T, did string) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	expect.That(t, y.badError == "", expect.Message{
		Did: did, Want: "an operation that fails returns ErrUnavailable", Got: y.badError,
		Why: "callers tell \"not now\" from everything else by it",
	})
	expect.That(t, y.slowest <= limit, expect.Message{
		Did: did, Want: "every operation returns within a second",
		Got: fmt.Sprintf("one took %v", y.slowest),
		Why: "a caller who waits for ever holds a connection and a user; an error it can act on",
	})
}

// mostly demands that 95 % succeeded.
func (y *tally) mostly(t *testing.T, did string) {
	t.Helper()
	y.judged(t, did)
	y.mu.Lock()
	defer y.mu.Unlock()
	expect.That(t, y.all > 0 && y.ok*20 >= y.all*19, expect.Message{
		Did: did, Want: "19 of 20 operations succeed: more than half of the nodes reach each other",
		Got: fmt.Sprintf("%d of %d", y.ok, y.all),
		Why: "a store that stops as soon as one of its nodes is out of reach is less available than " +
			"one with a single node",
	})
}

// load has a client at each of these nodes make random operations until then. The fewer keys, the
// more they meet.
func load(ctx context.Context, nodes []*store.CPNode, at []int, keys int, h *history.History,
	until time.Time, seed uint64) *tally {
	y := &tally{}
	var all sync.WaitGroup
	for i, id := range at {
		all.Go(func() {
			draw := rand.New(rand.NewPCG(seed, uint64(i)))
			name := lane(id)
			if slices.Index(at, id) != i {
				name += ", too"
			}
			c := clerk{node: nodes[id], name: name, h: h}
			time.Sleep(time.Duration(i) * ms) // so that the same seed gives the same run
			for n := 0; time.Now().Before(until); n++ {
				key := fmt.Sprintf("seat %d", draw.IntN(keys))
				var r result
				if draw.IntN(2) == 0 {
					r = c.put(ctx, key, fmt.Sprintf("%d.%d", i, n))
				} else {
					r = c.get(ctx, key)
				}
				y.add(r)
				time.Sleep(time.Duration(1+draw.IntN(40)) * ms)
			}
		})
	}
	all.Wait()
	return y
}

// possible demands that a history could be that of one register for each key. Not in a bubble.
func possible(t *testing.T, h *history.History, did string) {
	t.Helper()
	// A history that could not be judged in time is no failure: seldom, and there are more.
	bad, _ := h.Judge("", 5*time.Second)
	if bad == nil {
		return
	}
	expect.Fatal(t, expect.Message{
		Did: did,
		Want: "a history that one register could have had: each operation takes effect at one moment " +
			"between its call and its return",
		Got: "these operations on " + bad.Key + " contradict each other:\n" + bad.String(),
		Why: "whoever reads an older value after a newer one, or misses a write that was " +
			"acknowledged, sells the same seat twice",
		Picture: bad.Timeline(),
	})
}

// baskets are the nodes of an AP store.
type baskets struct {
	nodes []*store.APNode
}

// put must succeed at once.
func (b baskets) put(t *testing.T, id int, key, val string, seen store.Version) {
	t.Helper()
	began := time.Now()
	err := b.nodes[id].Put(t.Context(), key, val, seen)
	b.atOnce(t, fmt.Sprintf("Put at node %d", id), began, err)
}

func (b baskets) get(t *testing.T, id int, key string) ([]string, store.Version) {
	t.Helper()
	began := time.Now()
	vals, v, err := b.nodes[id].Get(t.Context(), key)
	b.atOnce(t, fmt.Sprintf("Get at node %d", id), began, err)
	return vals, v
}

func (b baskets) atOnce(t *testing.T, did string, began time.Time, err error) {
	t.Helper()
	took := time.Since(began)
	expect.That(t, err == nil && took <= 10*ms, expect.Message{
		Did: did, Want: "an answer within 10 ms and no error, whatever the network does",
		Got: fmt.Sprintf("error: %v, after %v", err, took),
		Why: "an AP node that waits for others, or asks whether it may, is unavailable exactly in " +
			"the partition: what it was chosen for",
	})
}

// has demands these values at a node, in any order.
func (b baskets) has(t *testing.T, did string, id int, key string, why string, want ...string) {
	t.Helper()
	vals, _ := b.get(t, id, key)
	expect.That(t, same(vals, want), expect.Message{
		Did: did, Want: fmt.Sprintf("Get at node %d: %s", id, list(want)), Got: list(vals), Why: why,
	})
}

// haveAll demands these values at each node.
func (b baskets) haveAll(t *testing.T, did, key, why string, want ...string) {
	t.Helper()
	for id := range b.nodes {
		b.has(t, did, id, key, why, want...)
	}
}

// gossip has each node gossip every 200 ms, so many times.
func (b baskets) gossip(t *testing.T, rounds int) {
	t.Helper()
	for range rounds {
		for _, node := range b.nodes {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 200*ms)
				defer cancel()
				node.Gossip(ctx)
			}()
		}
		time.Sleep(200 * ms)
	}
}

func same(got, want []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}

func list(vals []string) string {
	if len(vals) == 0 {
		return "no values"
	}
	vals = slices.Sorted(slices.Values(vals))
	if len(vals) > 12 {
		return fmt.Sprintf("%d values, %q …", len(vals), vals[:12])
	}
	return fmt.Sprintf("%q", vals)
}

// sides says in words how a network is cut.
func sides(parts ...[]int) string {
	var words []string
	for _, p := range parts {
		words = append(words, strings.Trim(fmt.Sprint(p), "[]"))
	}
	return "{" + strings.Join(words, "} | {") + "}"
}
