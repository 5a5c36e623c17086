package store_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	store "github.com/backend-labs/backend-labs/labs/a09-cap"
)

// What the failures of several checks say.
const (
	lostOrder = "whoever was told \"saved\" finds it gone, or finds what was thrown out in the basket again"
	together  = "two that did not know of each other are both kept, and a person, or a rule of the shop, decides. " +
		"A store that picks the later one throws an order away that was acknowledged"
	meet = "what was written on one side reaches the other only if the nodes tell each other what they know"
)

// TestEveryNodeAnswersAtOnce has the network cut, and in all ways bad.
func TestEveryNodeAnswersAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, n := range []int{5, 2, 1} {
			net := network(t, 10*ms)
			b := baskets{aps(n, net)}
			b.haveAll(t, fmt.Sprintf("asked %d new nodes for a key", n), "basket 1",
				"nothing has been written")
			for _, how := range []struct {
				words string
				is    func()
			}{
				{"on a good network, ", func() {}},
				{"with the network cut in two, {0 1} | {2 3 4}, ", func() { net.Split([]int{0, 1}, []int{2, 3, 4}) }},
				{"with every node alone, ", func() { net.Cut(func(_, _ int) bool { return true }) }},
				{"with messages that take a minute, ", func() { net.Heal(); net.Rule(always(time.Minute)) }},
			} {
				how.is()
				for id := range n {
					own(t, b, how.words, id)
				}
			}
		}
		answersWhileItGossips(t)
	})
}

// own writes and reads at one node: one of two keys again and again, and a third once.
func own(t *testing.T, b baskets, did string, id int) {
	t.Helper()
	const why = "a customer who puts something into a basket and does not see it there puts it in again"
	for i := range 20 {
		key, val := fmt.Sprintf("%sbasket %d of %d", did, i%2, id), fmt.Sprint(did, i)
		if i == 19 {
			val = ""
		}
		_, seen := b.get(t, id, key)
		b.put(t, id, key, val, seen)
		b.has(t, did+"read a key, wrote it with that Version, and read it again", id, key, why, val)
	}
	for _, other := range append(lookalikes(did+"basket 1 of 0"), "nobody's basket") {
		b.has(t, did+"read a key that was never written", id, other, why)
	}
}

// answersWhileItGossips has rounds of Gossip under way that hear nothing.
func answersWhileItGossips(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(5, net)}
	net.Cut(func(_, _ int) bool { return true })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 {
		go b.nodes[1].Gossip(ctx)
	}
	time.Sleep(100 * ms)
	own(t, b, "while Gossip waits for nodes that are out of reach, ", 1)
}

// TestAPutReplacesWhatItHasSeen has all at one node, without a network to speak of.
func TestAPutReplacesWhatItHasSeen(t *testing.T) {
	virtual(t, func(t *testing.T) {
		net := network(t, 10*ms)
		b := baskets{aps(5, net)}
		other := baskets{aps(5, network(t, 10*ms))}
		b.put(t, 2, "basket 1", "hat", nil)
		_, seen := b.get(t, 2, "basket 1")
		b.put(t, 2, "basket 1", "scarf", seen)
		b.has(t, "wrote \"hat\", read, and wrote \"scarf\" with that Version", 2, "basket 1",
			"the writer has seen the old value and decided", "scarf")
		b.put(t, 2, "basket 1", "gloves", seen)
		b.has(t, "then wrote \"gloves\" with the same Version, which had seen \"hat\" alone", 2, "basket 1",
			together, "scarf", "gloves")
		b.put(t, 2, "basket 1", "boots", nil)
		b.has(t, "then wrote \"boots\" with a nil Version", 2, "basket 1", together, "scarf", "gloves", "boots")
		_, seen = b.get(t, 2, "basket 1")
		b.put(t, 2, "basket 1", "coat", nil)
		b.put(t, 2, "basket 1", "all three", seen)
		b.has(t, "then read these three, wrote \"coat\" with a nil Version, and \"all three\" with the one that was "+
			"read", 2, "basket 1", together, "coat", "all three")
		b.has(t, "read another key", 2, "basket 2", "keys have nothing to do with each other")
		b.put(t, 2, "basket 2", "book", seen)
		b.has(t, "wrote basket 1", 2, "basket 1", "", "coat", "all three")
		other.haveAll(t, "wrote to one store, and asked another with a network of its own", "basket 1",
			"two stores in one program, as in every test of a service, must not share their data")
		oneByOne(t, b)
		manyAtOnce(t, b)
		eachItsOwn(t)
		moreThanAByte(t)
		for i, key := range twins() {
			b.put(t, 1, key, fmt.Sprint("thing ", i), nil)
		}
		for i, key := range twins() {
			b.has(t, fmt.Sprintf("wrote to keys that differ in little, and read %.9q, of %d bytes, number %d of them", key,
				len(key), i), 1, key, "whoever names keys decides which are the same", fmt.Sprint("thing ", i))
		}
	})
}

// moreThanAByte writes the same key more often than a byte can count.
func moreThanAByte(t *testing.T) {
	t.Helper()
	b := baskets{aps(2, network(t, 10*ms))}
	var seen store.Version
	const many = 300
	for i := range many {
		if err := b.nodes[0].Put(t.Context(), "basket", fmt.Sprint("thing ", i), seen); err != nil {
			expect.Fatal(t, expect.Message{Did: "called Put", Want: "nil", Got: err.Error()})
		}
		_, seen, _ = b.nodes[0].Get(t.Context(), "basket")
		time.Sleep(10 * ms)
		if i%100 == 0 {
			b.gossip(t, 10)
		}
	}
	b.gossip(t, 10)
	b.haveAll(t, fmt.Sprintf("wrote the same key %d times, each time with the Version of a Get before", many), "basket",
		lostOrder, fmt.Sprint("thing ", many-1))
}

// oneByOne has more values side by side than any reasonable basket.
func oneByOne(t *testing.T, b baskets) {
	t.Helper()
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("thing ", i))
		b.put(t, 4, "basket 4", want[i], nil)
	}
	b.has(t, "made 100 Puts at one node one after another, each with a nil Version", 4, "basket 4", lostOrder, want...)
	_, seen := b.get(t, 4, "basket 4")
	b.put(t, 4, "basket 4", "one", seen)
	b.has(t, "made 100 such Puts, read them all, and wrote one with that Version", 4, "basket 4",
		"the writer has seen all of them", "one")
}

// manyAtOnce has callers of one node who have seen nothing of each other.
func manyAtOnce(t *testing.T, b baskets) {
	t.Helper()
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint("thing ", i))
	}
	each(len(want), func(i int) { b.nodes[3].Put(t.Context(), "basket 3", want[i], nil) })
	b.has(t, "made 200 Puts at one node at once, each with a nil Version", 3, "basket 3", together, want...)
	_, seen := b.get(t, 3, "basket 3")
	b.put(t, 3, "basket 3", "one", seen)
	b.has(t, "then read them all, and wrote one with that Version", 3, "basket 3", "", "one")
}

// eachItsOwn has two nodes go on from the same values, however many there are: one may have them from the other.
func eachItsOwn(t *testing.T) {
	for n := range 10 {
		net := network(t, 10*ms)
		b := baskets{aps(2, net)}
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint("thing ", i))
			b.put(t, 0, "basket", want[i], nil)
		}
		b.gossip(t, 10)
		b.put(t, 0, "basket", "hat", nil)
		b.put(t, 1, "basket", "scarf", nil)
		did := fmt.Sprintf("made %d Puts at node 0, let both nodes gossip for 2 s, and wrote \"hat\" at node 0 and "+
			"\"scarf\" at node 1, all with a nil Version", n)
		const why = "what came in a message both nodes hold: one that appends to it writes into what the other has"
		b.has(t, did, 0, "basket", why, append(slices.Clone(want), "hat")...)
		b.has(t, did, 1, "basket", why, append(slices.Clone(want), "scarf")...)
		b.gossip(t, 10)
		b.haveAll(t, did+"; 2 s later", "basket", why, append(want, "hat", "scarf")...)
	}
}

// TestAPutLeavesWhatItHasNotSeen has two values of different nodes, and one that has seen one of them.
func TestAPutLeavesWhatItHasNotSeen(t *testing.T) { virtual(t, oneOfTwo) }

func oneOfTwo(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(5, net)}
	b.put(t, 0, "basket", "hat", nil)
	_, hat := b.get(t, 0, "basket")
	b.put(t, 3, "basket", "scarf", nil)
	_, scarf := b.get(t, 3, "basket")
	b.gossip(t, 10)
	const did = "wrote \"hat\" at node 0 and \"scarf\" at node 3, and let all nodes gossip for 2 s"
	b.haveAll(t, did, "basket", together, "hat", "scarf")
	b.put(t, 4, "basket", "cap", hat)
	b.has(t, did+"; wrote \"cap\" at node 4 with the Version of a Get that had seen \"hat\" alone", 4, "basket",
		together, "scarf", "cap")
	b.put(t, 0, "basket", "shawl", scarf)
	b.gossip(t, 10)
	b.haveAll(t, did+"; then wrote \"cap\" having seen \"hat\" alone, and at another node \"shawl\" having seen "+
		"\"scarf\" alone; and 2 s later", "basket", together, "cap", "shawl")
}

// TestBothSidesAreKept has a cut, and somebody who sorts it out.
func TestBothSidesAreKept(t *testing.T) {
	virtual(t, func(t *testing.T) {
		net := network(t, 10*ms)
		b := baskets{aps(5, net)}
		b.put(t, 0, "basket", "hat", nil)
		b.gossip(t, 10)
		b.haveAll(t, "wrote \"hat\" at node 0, and let all nodes gossip for 2 s", "basket", meet, "hat")
		net.Split([]int{0, 1}, []int{2, 3, 4})
		for i, id := range []int{1, 4} {
			_, seen := b.get(t, id, "basket")
			b.put(t, id, "basket", []string{"hat and scarf", "hat and gloves"}[i], seen)
		}
		b.gossip(t, 50)
		b.has(t, "cut the network in two; both sides have read \"hat\", and node 1 wrote \"hat and scarf\", node 4 "+
			"\"hat and gloves\"; the cut lasts", 1, "basket", "", "hat and scarf")
		net.Heal()
		b.gossip(t, 10)
		const did = "cut the network in two; both sides have read \"hat\", and node 1 wrote \"hat and scarf\", node 4 " +
			"\"hat and gloves\"; 2 s after the network was whole again"
		b.haveAll(t, did, "basket", together, "hat and scarf", "hat and gloves")
		_, seen := b.get(t, 2, "basket")
		b.put(t, 2, "basket", "hat, scarf and gloves", seen)
		b.has(t, did+" somebody read both at node 2, and wrote \"hat, scarf and gloves\"", 2, "basket", "",
			"hat, scarf and gloves")
		b.gossip(t, 10)
		b.haveAll(t, did+" somebody read both at node 2, and wrote \"hat, scarf and gloves\"; 2 s later", "basket",
			"who has seen both has decided: the older ones must not come back from a node that missed it",
			"hat, scarf and gloves")
	})
}

// TestAVersionIsGoodAnywhere takes Versions to nodes that know nothing of them.
func TestAVersionIsGoodAnywhere(t *testing.T) {
	virtual(t, func(t *testing.T) {
		net := network(t, 10*ms)
		b := baskets{aps(5, net)}
		net.Cut(func(_, _ int) bool { return true })
		b.put(t, 0, "basket", "hat", nil)
		b.put(t, 0, "basket", "scarf", nil)
		_, seen := b.get(t, 0, "basket")
		b.put(t, 4, "basket", "hat, scarf", seen)
		b.put(t, 3, "basket", "nothing", seen)
		b.put(t, 0, "basket", "gloves", nil)
		const did = "with every node alone, wrote \"hat\" and \"scarf\" at node 0 and read them; the same customer " +
			"wrote \"hat, scarf\" at node 4 and \"nothing\" at node 3 with that Version; then \"gloves\" came in at node 0"
		b.has(t, did, 4, "basket", "", "hat, scarf")
		net.Heal()
		b.gossip(t, 10)
		b.haveAll(t, did+"; 2 s after the network was whole", "basket",
			"node 4 has not heard of \"hat\" when it is told that it was seen. It has to remember that, or \"hat\" "+
				"comes back as soon as it hears of it", "hat, scarf", "nothing", "gloves")
		theCallers(t)
	})
}

// theCallers: whoever has a Version may do with it what they like.
func theCallers(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(3, net)}
	b.put(t, 0, "basket", "hat", nil)
	_, early := b.get(t, 0, "basket")
	before := maps.Clone(early)
	b.put(t, 0, "basket", "scarf", nil)
	b.put(t, 0, "basket", "gloves", early)
	expect.That(t, maps.Equal(early, before), expect.Message{
		Did:  "read \"hat\"; \"scarf\" came in; wrote \"gloves\" with the Version of that read",
		Want: "the Version is what it was",
		Got:  fmt.Sprintf("%v, and was %v", early, before),
		Why:  "it is the caller's, who may use it again, or at two nodes at once",
	})
	b.has(t, "read \"hat\"; \"scarf\" came in; wrote \"gloves\" with the Version of that read", 0, "basket",
		"a Version that goes on counting after it was given out stands for what its owner has never seen",
		"scarf", "gloves")
	vals, spoilt := b.get(t, 0, "basket")
	for i := range vals {
		vals[i] = "spoilt"
	}
	if spoilt != nil {
		for node := range 3 {
			spoilt[node] = 1000
		}
	}
	clear(early)
	b.put(t, 1, "basket", "boots", nil)
	b.gossip(t, 10)
	b.haveAll(t, "changed what a Get had returned, the values and the Version, and a Version after a Put with it; "+
		"then wrote \"boots\" at node 1; 2 s later", "basket",
		"what a caller holds is the caller's; shared with the store it is a race, and changes what others read",
		"scarf", "gloves", "boots")
	unwritten(t, b)
}

// unwritten has somebody change the Version of a key that was never written.
func unwritten(t *testing.T, b baskets) {
	t.Helper()
	_, none := b.get(t, 2, "basket 2")
	if none != nil {
		none[0], none[1], none[2] = 1000, 1000, 1000
	}
	b.put(t, 1, "basket 2", "boots", nil)
	b.gossip(t, 10)
	b.haveAll(t, "read a key at node 2 that was never written, and changed the Version; then wrote it at node 1; 2 s later",
		"basket 2", "a Version that stands for nothing is the caller's, too", "boots")
}

// TestWhatWasReplacedStaysAway has nodes that missed a Put, or what replaced it.
func TestWhatWasReplacedStaysAway(t *testing.T) {
	virtual(t, func(t *testing.T) {
		lateNews(t)
		hearsay(t)
		fortyMinutes(t)
	})
}

// fortyMinutes has a cut that is longer than any that one would wait for.
func fortyMinutes(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(2, net)}
	b.put(t, 1, "basket", "hat", nil)
	b.gossip(t, 10)
	net.Split([]int{0}, []int{1})
	_, seen := b.get(t, 0, "basket")
	b.put(t, 0, "basket", "scarf", seen)
	b.put(t, 1, "basket 2", "gloves", nil)
	b.gossip(t, 40*60*5)
	net.Heal()
	b.gossip(t, 10)
	const (
		did = "cut the network in two for 40 minutes; in the first of them \"hat\" was replaced by \"scarf\" at node 0, while " +
			"node 1 still has it, and node 1 wrote \"gloves\" to another key; 2 s after the network was whole again"
		why = "a node that stops telling what is old, or forgets after a while what was replaced, is right only for cuts " +
			"that are shorter, and no cut says how long it will be"
	)
	b.haveAll(t, did, "basket", why, "scarf")
	b.haveAll(t, did, "basket 2", why, "gloves")
}

// hearsay has a node hear of a value only after what replaced it.
func hearsay(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(4, net)}
	net.Split([]int{0, 1, 3}, []int{2})
	b.put(t, 0, "basket", "hat", nil)
	b.gossip(t, 10)
	net.Split([]int{0}, []int{1, 2}, []int{3})
	_, seen := b.get(t, 1, "basket")
	b.put(t, 1, "basket", "scarf", seen)
	b.gossip(t, 10)
	b.has(t, "\"hat\" was replaced by \"scarf\" at node 1, and node 2 has heard from node 1 alone", 2, "basket", meet,
		"scarf")
	net.Split([]int{0, 1}, []int{2, 3})
	b.gossip(t, 10)
	b.haveAll(t, "\"hat\" was replaced by \"scarf\" at node 1; node 2 heard of it, and later met node 3, which still had "+
		"\"hat\"; 2 s later", "basket", "what a Put has replaced is part of the news about it: a node that hears of "+
		"\"scarf\" alone takes \"hat\" for something new when it comes", "scarf")
}

// lateNews has a node that slept through a Put and what replaced it, and one that knows them in part.
func lateNews(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(3, net)}
	net.Split([]int{0, 1}, []int{2})
	b.put(t, 0, "basket", "hat", nil)
	b.gossip(t, 3)
	net.Split([]int{0}, []int{1, 2})
	_, seen := b.get(t, 0, "basket")
	b.put(t, 0, "basket", "scarf", seen)
	b.put(t, 0, "basket", "gloves", nil)
	b.gossip(t, 10)
	b.has(t, "wrote \"hat\" at node 0, which node 1 has heard of, and node 2 from node 1", 2, "basket", meet, "hat")
	net.Heal()
	b.gossip(t, 10)
	b.haveAll(t, "while nodes 1 and 2 still held \"hat\", it was replaced by \"scarf\" at node 0, and \"gloves\" came "+
		"in; 2 s after the network was whole", "basket",
		"one that has a replaced value gives it to those who have thrown it out: a store that only adds what it "+
			"lacks brings it back", "scarf", "gloves")
}

// model knows which values nobody has replaced.
type model struct {
	mu   sync.Mutex
	live map[string]map[string]bool // by key
}

func (m *model) wrote(key, val string, replaced []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[key] == nil {
		m.live[key] = map[string]bool{}
	}
	if _, gone := m.live[key][val]; !gone {
		m.live[key][val] = true
	}
	for _, old := range replaced {
		m.live[key][old] = false
	}
}

func (m *model) want(key string) (vals []string) {
	for val, live := range m.live[key] {
		if live {
			vals = append(vals, val)
		}
	}
	return vals
}

// TestNothingIsLostAndNothingComesBack has customers everywhere, and a model of what they must find.
func TestNothingIsLostAndNothingComesBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for seed := range uint64(8) {
			net := network(t, 10*ms)
			b := baskets{aps(5, net)}
			net.Rule(simnet.Random[int](seed, simnet.Faults{Min: ms, Max: 60 * ms, Twice: 0.1}))
			did := fmt.Sprintf("ten customers at five nodes read and wrote 20 times each, while the network was cut "+
				"in two, {0 1} | {2 3 4} (seed %d)", seed)
			if seed%2 == 0 {
				net.Split([]int{0, 1}, []int{2, 3, 4})
			} else {
				did = fmt.Sprintf("ten customers at five nodes read and wrote 20 times each, while the network was "+
					"cut anew every 300 ms, in one direction or both (seed %d)", seed)
				go flap(net, 5, seed, time.Now().Add(5*time.Second))
			}
			m := &model{live: map[string]map[string]bool{}}
			go b.gossip(t, 30)
			each(10, func(i int) { customer(t, b, m, i, seed) })
			time.Sleep(time.Until(time.Now().Add(6 * time.Second)))
			net.Heal()
			b.gossip(t, 10)
			for key := range 2 {
				key := fmt.Sprint("basket ", key)
				b.haveAll(t, did+"; 2 s after the network was whole again, "+key, key, lostOrder, m.want(key)...)
			}
		}
	})
}

// customer reads and writes at random, with a Version that may be older than the last one.
func customer(t *testing.T, b baskets, m *model, i int, seed uint64) {
	type read struct {
		vals []string
		v    store.Version
	}
	draw := rand.New(rand.NewPCG(seed, uint64(i)))
	seen := map[string][]read{}
	for n := range 20 {
		key := fmt.Sprint("basket ", draw.IntN(2))
		id := draw.IntN(5)
		if draw.IntN(3) > 0 {
			vals, v := b.get(t, id, key)
			seen[key] = append(seen[key], read{slices.Clone(vals), v})
		}
		var of read
		if k := len(seen[key]); k > 0 && draw.IntN(5) > 0 {
			of = seen[key][max(0, k-1-draw.IntN(2))]
		}
		val := fmt.Sprintf("thing %d of customer %d", n, i)
		m.wrote(key, val, of.vals)
		b.put(t, id, key, val, of.v)
		time.Sleep(time.Duration(draw.IntN(400)) * ms)
	}
}

// TestGossipNeedsNoPut has a network that loses much, and nobody who writes.
func TestGossipNeedsNoPut(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for seed := range uint64(6) {
			n := []int{5, 9, 2}[seed%3]
			net := network(t, 10*ms)
			b := baskets{aps(n, net)}
			net.Cut(func(_, _ int) bool { return true })
			for i := range 40 {
				b.put(t, i%n, fmt.Sprint("basket ", i), fmt.Sprint("thing ", i), nil)
			}
			b.gossip(t, 5)
			loss, within := 0.0, 2*time.Second
			if seed >= 3 {
				loss, within = 0.3, 5*time.Second
			}
			net.Heal()
			net.Rule(simnet.Random[int](seed, simnet.Faults{Min: ms, Max: 40 * ms, Loss: loss}))
			b.gossip(t, int(within/(200*ms)))
			net.Cut(func(_, _ int) bool { return true })
			for i := range 40 {
				b.haveAll(t, fmt.Sprintf("wrote 40 keys at %d nodes that could not reach each other; when they could, "+
					"with %.0f %% of the messages lost, let them gossip for %v and wrote no more (seed %d)", n, 100*loss,
					within, seed), fmt.Sprint("basket ", i), meet, fmt.Sprint("thing ", i))
			}
		}
		emptyMeetsFull(t)
		underWay(t)
	})
}

// emptyMeetsFull has one node gossip that knows nothing of what the others know, and one that knows
// of more keys than any message of a fixed size would hold.
func emptyMeetsFull(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(3, net)}
	for i := range 1500 {
		b.put(t, 1, fmt.Sprint("basket ", i), fmt.Sprint("thing ", i), nil)
	}
	b.gossip(t, 10)
	for i := range 1500 {
		b.haveAll(t, "wrote 1500 keys at node 1 of 3, and let all gossip for 2 s", fmt.Sprint("basket ", i), meet,
			fmt.Sprint("thing ", i))
	}
}

// underWay has rounds of Gossip that wait for a long time yet for what a cut has swallowed.
func underWay(t *testing.T) {
	net := network(t, 10*ms)
	b := baskets{aps(3, net)}
	net.Cut(func(_, _ int) bool { return true })
	b.put(t, 0, "basket", "hat", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	gossip := func(rounds int) {
		for range rounds {
			for _, node := range b.nodes {
				go node.Gossip(ctx)
			}
			time.Sleep(200 * ms)
		}
	}
	gossip(10)
	net.Heal()
	gossip(10)
	b.haveAll(t, "every 200 ms called Gossip at each of 3 nodes with a ctx that ends after a minute; 2 s after the network "+
		"was whole again", "basket", "what waits for an answer that was lost knows nothing of that: if the next round waits "+
		"for it, or is left out, a cut lasts longer than it lasts", "hat")
}

// counting counts the calls of each node.
type counting struct {
	*simnet.Network[int]
	mu    sync.Mutex
	calls map[int]int
}

func (c *counting) Call(ctx context.Context, from, to int, m any) (any, error) {
	c.mu.Lock()
	c.calls[from]++
	c.mu.Unlock()
	return c.Network.Call(ctx, from, to, m)
}

// TestGossipIsBounded looks at one round: how many calls, and how long.
func TestGossipIsBounded(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, n := range []int{5, 9, 2, 1} {
			net := &counting{Network: network(t, 10*ms), calls: map[int]int{}}
			b := baskets{aps(n, net)}
			for i := range 300 {
				b.put(t, i%n, fmt.Sprint("basket ", i), fmt.Sprint("thing ", i), nil)
			}
			time.Sleep(time.Second)
			for round := range 11 {
				if round == 10 {
					b.haveAll(t, fmt.Sprintf("let %d nodes gossip ten times", n), "basket 0", meet, "thing 0")
					net.Cut(func(_, _ int) bool { return true })
				}
				bounded(t, net, b, round)
			}
		}
	})
}

func bounded(t *testing.T, net *counting, b baskets, round int) {
	t.Helper()
	n := len(b.nodes)
	net.mu.Lock()
	clear(net.calls)
	net.mu.Unlock()
	took := make([]time.Duration, n)
	each(n, func(id int) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*ms)
		defer cancel()
		began := time.Now()
		b.nodes[id].Gossip(ctx)
		took[id] = time.Since(began)
	})
	did := fmt.Sprintf("let %d nodes with 300 keys gossip at once, each with a ctx of 200 ms; round %d", n, round+1)
	if round == 10 {
		did += ", in which none reaches another"
	}
	expect.That(t, slices.Max(took) <= 201*ms, expect.Message{
		Did: did, Want: "Gossip returns when its ctx ends, at the latest", Got: fmt.Sprintf("after %v", slices.Max(took)),
		Why: "it is called all the time: rounds that do not end pile up",
	})
	time.Sleep(300 * ms)
	synctest.Wait()
	net.mu.Lock()
	defer net.mu.Unlock()
	for id := range n {
		expect.That(t, net.calls[id] <= 2*(n-1), expect.Message{
			Did: did, Want: fmt.Sprintf("at most %d Calls of each node", 2*(n-1)),
			Got: fmt.Sprintf("%d Calls of node %d", net.calls[id], id),
			Why: "a round whose messages grow in number with the keys floods the network five times a second",
		})
	}
}
