package hashring_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/lockstep"
	hashring "github.com/backend-labs/backend-labs/labs/a07-hash-ring"
)

func TestWithoutALoadItIsTheOwner(t *testing.T) {
	b := newBook(t, 0.25, ten...)
	b.story = "let each request end before the next one"
	for _, k := range keys(10_000) {
		b.acquire(k).end(1)
	}
	b.story = "let each request end before the next one, whose keys are odd"
	for _, k := range odd() {
		b.acquire(k).end(1)
	}
}

// TestNoNodeMelts fills a ring with requests whose keys are as unequal as they are in the world, and then lets them come
// and go.
func TestNoNodeMelts(t *testing.T) {
	for _, c := range []struct {
		epsilon float64
		nodes   []string
		weight  int // of the fourth
		flights int // in flight at a time
		words   string
	}{{0.25, ten, 1, 1000, "ten nodes of weight 1, ε = 0.25"}, {0, ten, 1, 1000, "ten nodes of weight 1, ε = 0"},
		{1, ten, 1, 1000, "ten nodes of weight 1, ε = 1"},
		{0.25, ten, 3, 1000, "nine nodes of weight 1 and one of weight 3, ε = 0.25"},
		{0.25, ten[:8], 1, 200, "eight nodes of weight 1, ε = 0.25"},
		{0.25, ten[:8], 9, 200, "seven nodes of weight 1 and one of weight 9, ε = 0.25"},
		{0.125, ten, 1, 200, "ten nodes of weight 1, ε = 0.125"},
		{3, ten, 1, 200, "ten nodes of weight 1, ε = 3"},
		{0.25, ten, 0, 200, "nine nodes of weight 1 and one of weight 0, which counts as 1, ε = 0.25"},
		{0.25, ten, -7, 200, "nine nodes of weight 1 and one of weight -7, which counts as 1, ε = 0.25"}} {
		b := newBook(t, c.epsilon, c.nodes...)
		b.add(ten[3], c.weight)
		idle := ringOf(0, c.nodes...)
		idle.Add(ten[3], c.weight)
		for _, k := range append(keys(5), "Lisbon") {
			b.orders[k] = wholeOrder(idle, k, len(c.nodes))
		}
		b.story = "filled a ring of " + c.words + ", with keys of which some are wanted much more often than others"
		r := rand.New(rand.NewPCG(5, uint64(max(1, c.weight))))
		zipf := rand.NewZipf(r, 1.1, 1, 9_999)
		next := func() *flight {
			b.t.Helper()
			return b.acquire(fmt.Sprintf("forecast:%d", zipf.Uint64()))
		}
		var flights []*flight
		for range c.flights {
			flights = append(flights, next())
		}
		b.story += ", let some end and others begin"
		for range 5 * c.flights {
			i := r.IntN(len(flights))
			flights[i].end(1)
			flights[i] = next()
		}
		b.story += ", let all but ten end"
		for _, f := range flights[10:] {
			f.end(1)
		}
		for range 100 {
			next()
		}
		b.story += ", and then had all the world ask for one key"
		for range 200 {
			b.acquire("Lisbon")
		}
	}
}

func TestAHotKeyStaysTogether(t *testing.T) {
	b := newBook(t, 1, ten...)
	b.story = "let in 700 requests for 700 keys, ε = 1"
	for _, k := range keys(700) {
		b.acquire(k)
	}
	const hot = "Lisbon"
	b.orders[hot] = orderOf(ringOf(0.25, ten...), hot)
	b.story += ", then some for one key"
	var flights []*flight
	at := map[string]int{}
	for range 300 {
		f := b.acquire(hot)
		flights = append(flights, f)
		at[f.node]++
	}
	expect.That(t, len(at) <= 4, expect.Message{
		Did:  "let in 700 requests for 700 keys and then 300 for one, ten nodes, ε = 1",
		Want: "the 300 are at 4 nodes at most",
		Got:  fmt.Sprint(at),
		Why:  "each of them has to load the key once, and each keeps a copy that may be old",
	})
	b.story += ", and let these end"
	for _, f := range flights {
		f.end(1)
	}
	b.acquire(hot)
}

func TestEachKeyHasAnOrder(t *testing.T) {
	first := ringOf(0.25, ten...)
	other := ringOf(0.25, append(slices.Clone(ten[4:]), ten[:4]...)...)
	for _, k := range keys(100) {
		order := orderOf(first, k)
		distinct := slices.Compact(slices.Sorted(slices.Values(order)))
		expect.That(t, len(distinct) == 7 && order[0] == first.Owner(k) && distinct[0] != "", expect.Message{
			Did:  fmt.Sprintf("called Acquire(%q) seven times on an idle ring of ten nodes, ε = 0.25: a bound of 1 each", k),
			Want: fmt.Sprintf("seven different nodes, of which the first is the owner, %q", first.Owner(k)),
			Got:  fmt.Sprint(order),
		})
		for range 2 {
			again := orderOf(other, k)
			expect.That(t, slices.Equal(order, again), expect.Message{
				Did: fmt.Sprintf("called Acquire(%q) seven times on a ring of the same ten nodes, added in another "+
					"order", k),
				Want: fmt.Sprint(order),
				Got:  fmt.Sprint(again),
				Why: "each server has a ring of its own: if each spills somewhere else, a hot key is in all ten " +
					"caches, and nobody finds it there",
			})
		}
	}
	goDifferentWays(t, first, "ten nodes of weight 1")
	first.Add(ten[3], 3)
	goDifferentWays(t, first, "nine nodes of weight 1 and one of weight 3")
}

// goDifferentWays asks where the keys of the first of ten nodes go when that is full.
func goDifferentWays(t *testing.T, ring *hashring.Ring, nodes string) {
	t.Helper()
	seconds := map[string]int{}
	n := 0
	for _, k := range keys(4000) {
		if ring.Owner(k) == ten[0] {
			seconds[orderOf(ring, k)[1]]++
			n++
		}
	}
	most := 0
	for _, m := range seconds {
		most = max(most, m)
	}
	expect.That(t, n > 0 && len(seconds) >= 5 && most*2 <= n, expect.Message{
		Did:  fmt.Sprintf("asked where %d keys of %q go when that is full, on a ring of %s", n, ten[0], nodes),
		Want: "to different nodes: at least five, and none gets more than half",
		Got:  fmt.Sprint(seconds),
		Why:  "what is too much for one node is too much for one neighbour, too",
	})
}

// TestAHotKeyFindsRoomAnywhere has forty nodes, of which each may have one request.
func TestAHotKeyFindsRoomAnywhere(t *testing.T) {
	b := newBook(t, 0.25, names(40)...)
	b.orders["Lisbon"] = wholeOrder(ringOf(0, names(40)...), "Lisbon", 40)
	expect.That(t, len(b.orders["Lisbon"]) == 40, expect.Message{
		Did:  "called Acquire for one key 400 times, on a ring of forty nodes, ε = 0",
		Want: "each of the nodes has come: the order of a key has every node in it",
		Got:  fmt.Sprintf("%d of them", len(b.orders["Lisbon"])),
	})
	b.story = "let in requests for one key alone, on forty nodes, ε = 0.25"
	for range 200 {
		b.acquire("Lisbon")
	}
}

func TestDoneCountsOnce(t *testing.T) {
	b := newBook(t, 0.25, ten...)
	var mine []*flight
	for _, k := range keys(600) {
		if f := b.acquire(k); f.node == ten[2] {
			mine = append(mine, f)
		}
	}
	b.story = "let in 600 requests, and called the done of one of them fifty times, all at once"
	var wg sync.WaitGroup
	for range 49 {
		wg.Go(mine[0].done)
	}
	mine[0].end(1)
	wg.Wait()
	crowd(b, ten[2])
	b.story += ", let some more end, once each, and called the done of one once more"
	for _, f := range mine[1:10] {
		f.end(1)
	}
	mine[0].end(1)
	crowd(b, ten[2])
}

// crowd lets in requests whose keys belong to one node, until more than it can take are there.
func crowd(b *book, node string) (flights []*flight) {
	b.t.Helper()
	for i := 0; len(flights) < 150; i++ {
		if k := fmt.Sprintf("crowd:%d", i); b.ring.Owner(k) == node {
			flights = append(flights, b.acquire(k))
		}
	}
	return flights
}

func TestTheRemovedTakeTheirRequestsAlong(t *testing.T) {
	b := newBook(t, 0.25, ten...)
	gone := map[string][]*flight{}
	for _, k := range keys(900) {
		f := b.acquire(k)
		gone[f.node] = append(gone[f.node], f)
	}
	b.story = "let in 900 requests, and removed two of the ten nodes, with what they had in flight"
	b.remove(ten[0])
	b.remove(ten[1])
	crowd(b, ten[5])
	b.story += ", called the dones of half of these"
	for _, n := range ten[:2] {
		for _, f := range gone[n][:len(gone[n])/2] {
			f.done()
		}
	}
	crowd(b, ten[6])
	b.story += ", added both again"
	b.add(ten[0], 1)
	b.add(ten[1], 1)
	crowd(b, ten[0])
	b.story += ", and called the other dones"
	for _, n := range ten[:2] {
		for _, f := range gone[n][len(gone[n])/2:] {
			f.done()
		}
	}
	crowd(b, ten[1])
	crowd(b, ten[0])

	b = newBook(t, 0.25, ten...)
	b.add(ten[0], 3)
	b.remove(ten[0])
	b.story = "gave one of ten nodes the weight 3, and removed it when nothing was in flight"
	for _, k := range keys(300) {
		b.acquire(k)
	}

	b = newBook(t, 0.25)
	b.ring.Add("one", 1)
	b.ring.Remove("one")
	var dones []func()
	for range 50 {
		_, done := b.ring.Acquire("Lisbon")
		dones = append(dones, done)
	}
	for _, n := range ten {
		b.add(n, 1)
	}
	b.story = "removed the only node, called Acquire 50 times, which finds none then, and added ten nodes"
	for range 5 {
		b.acquire("Lisbon")
	}
	b.story += ", and called the dones of the 50, which do nothing"
	for _, done := range dones {
		if done != nil {
			done()
		}
	}
	for range 20 {
		b.acquire("Lisbon")
	}

	b = newBook(t, 0.25, ten[:3]...)
	for _, k := range keys(300) {
		b.acquire(k)
	}
	for _, n := range ten[:3] {
		b.remove(n)
	}
	for _, n := range ten {
		b.add(n, 1)
	}
	b.story = "let in 300 requests, removed all three nodes, one after another, and added ten"
	crowd(b, ten[0])
}

func TestANewWeightKeepsTheRequests(t *testing.T) {
	b := newBook(t, 0.25, ten...)
	var flights []*flight
	for _, k := range keys(500) {
		flights = append(flights, b.acquire(k))
	}
	b.story = "let in 500 requests, and gave a node the weight 3"
	b.add(ten[4], 3)
	flights = append(flights, crowd(b, ten[4])...)
	b.story += ", and 1 again"
	b.add(ten[4], 1)
	flights = append(flights, crowd(b, ten[4])...)
	b.story += ", and let the 500 end"
	for _, f := range flights[:500] {
		f.end(1)
	}
	flights = append(flights[500:], crowd(b, ten[4])...)
	flights = append(flights, crowd(b, ten[7])...)
	b.story += ", gave the node the weight 2, and let all end"
	b.add(ten[4], 2)
	for _, f := range flights {
		f.end(1)
	}
	crowd(b, ten[4])
	crowd(b, ten[7])
}

func TestNobodyIsThere(t *testing.T) {
	for _, vnodes := range []int{1, 0, -3} {
		r := hashring.NewRing(vnodes, 0.25)
		r.Add("one", 1)
		r.Add("two", 2)
		node, done := r.Acquire("Lisbon")
		owner := r.Owner("Lisbon")
		expect.That(t, (owner == "one" || owner == "two") && node == owner && done != nil, expect.Message{
			Did:  fmt.Sprintf(`called Owner and Acquire on a ring of two nodes, "one" and "two", with %d vnodes`, vnodes),
			Want: "one of the nodes, twice the same: who asks for fewer vnodes than 1 gets 1",
			Got:  fmt.Sprintf("%q, and %q and a done that is nil: %v", owner, node, done == nil),
			Why:  "a setting that somebody has forgotten must not leave all keys without a node",
		})
	}
	r := hashring.NewRing(200, 0.25)
	for _, words := range []string{"a new ring", "a ring whose only node was removed"} {
		node, done := r.Acquire("Lisbon")
		owner := r.Owner("Lisbon")
		expect.That(t, owner == "" && node == "" && done != nil, expect.Message{
			Did:  "called Owner and Acquire on " + words,
			Want: `"", and "" and a done that is not nil`,
			Got:  fmt.Sprintf("%q, and %q and a done that is nil: %v", owner, node, done == nil),
		})
		r.Remove("nobody")
		r.Add("one", 1)
		done() // does nothing
		done()
		for i := range 20 {
			n, _ := r.Acquire("Lisbon")
			expect.That(t, n == "one" && r.Owner("Lisbon") == "one", expect.Message{
				Did:  fmt.Sprintf("added a node to %s, and called Acquire the %dth time", words, i+1),
				Want: "that node: alone it has room for all",
				Got:  fmt.Sprintf("%q", n),
			})
		}
		r.Remove("one")
	}
}

// TestTwoAtOnce lets two callers with the same key arrive within nanoseconds of each other, on two nodes that may have
// one request each.
func TestTwoAtOnce(t *testing.T) {
	lockstep.Enough(500, 2*time.Second, func() int {
		const rounds = 5000
		r := ringOf(0, "one", "two")
		var nodes [rounds][2]string
		var dones [2]func()
		done, together := lockstep.Run(rounds, 2, time.Second, func(round, caller int) {
			if round%2 == 0 {
				nodes[round][caller], dones[caller] = r.Acquire("Lisbon")
			} else if dones[caller] != nil {
				dones[caller]()
			}
		})
		for i := 0; i < done; i += 2 {
			at := slices.Sorted(slices.Values(nodes[i][:]))
			expect.That(t, slices.Equal(at, []string{"one", "two"}), expect.Message{
				Did: "had two callers call Acquire for the same key at the same moment, again and again, on an idle " +
					"ring of two nodes, ε = 0: a bound of 1 each",
				Want: "one of the two at each of the nodes",
				Got:  fmt.Sprintf("%q", at),
				Why: "who looks for room and takes it later takes what another one has taken meanwhile; it is in the " +
					"storm, when all come at once, that the bound is needed",
			})
		}
		return together / 2
	})
}

// TestAllAtOnce has everything done at the same time. The race detector looks on.
func TestAllAtOnce(t *testing.T) {
	r := ringOf(0.25, ten...)
	all := keys(300)
	without := owners(r, all)
	r.Add("guest", 1)
	with := owners(r, all)
	r.Remove("guest")
	var wg sync.WaitGroup
	stop := make(chan bool)
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				r.Add("guest", 1)
				r.Remove("guest")
			}
		}
	})
	var wrong sync.Map
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			var dones []func()
			for i := range all {
				k := (i + w*37) % len(all)
				if o := r.Owner(all[k]); o != without[k] && o != with[k] {
					wrong.Store(all[k], o)
				}
				_, done := r.Acquire(all[k])
				if dones = append(dones, done); len(dones) > 20 && done != nil {
					dones[0]()
					dones = dones[1:]
				}
			}
			for _, done := range dones {
				if done != nil {
					done()
				}
			}
		})
	}
	workers.Wait()
	close(stop)
	wg.Wait()
	wrong.Range(func(k, o any) bool {
		expect.Fatal(t, expect.Message{
			Did:  fmt.Sprintf("asked for the owner of %q while a guest was added and removed all the time", k),
			Want: "its owner with the guest, or the one without",
			Got:  fmt.Sprintf("%q", o),
			Why:  "between two states of a ring there is none",
		})
		return true
	})
	b := newBook(t, 0.25, ten...)
	b.ring = r
	b.story = "had eight callers acquire and release 2400 requests, while a node came and went all the time, and all " +
		"of them have ended"
	for _, k := range all[:20] {
		b.acquire(k)
	}
	crowd(b, ten[0])
}
