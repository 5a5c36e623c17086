package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/history"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	store "github.com/backend-labs/backend-labs/labs/a09-cap"
)

// forever is longer than any operation.
const forever = 10 * time.Second

// TestOneRegisterOverPartitions has random load while the network is cut and healed.
func TestOneRegisterOverPartitions(t *testing.T) {
	for seed := range uint64(5) {
		h := history.New()
		virtual(t, func(t *testing.T) {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			net.Rule(simnet.Random[int](seed, simnet.Faults{Min: ms, Max: 60 * ms, Twice: 0.1}))
			end := time.Now().Add(12 * time.Second)
			go func() {
				draw := rand.New(rand.NewPCG(seed, 99))
				for time.Now().Before(end) {
					ids := draw.Perm(5)
					small := 1 + draw.IntN(2)
					net.Split(ids[:small], ids[small:])
					time.Sleep(time.Duration(1000+draw.IntN(2000)) * ms)
					net.Heal()
					time.Sleep(time.Duration(500+draw.IntN(1500)) * ms)
				}
			}()
			load(t.Context(), nodes, []int{0, 1, 2, 3, 4}, 3, h, end, seed).judged(t, "cut the network in two, again and again")
			time.Sleep(5 * time.Second)
		})
		possible(t, h, fmt.Sprintf("had a client at each of five nodes for 12 s, messages of 1 to 60 ms, some of "+
			"them doubled, and cut the network in two again and again (seed %d)", seed))
	}
}

// TestOneRegisterOverOneWayCuts has a network that lets messages through in one direction alone.
func TestOneRegisterOverOneWayCuts(t *testing.T) {
	for seed := range uint64(3) {
		h := history.New()
		virtual(t, func(t *testing.T) {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			net.Rule(simnet.Random[int](seed, simnet.Faults{Min: ms, Max: 30 * ms}))
			end := time.Now().Add(10 * time.Second)
			go flap(net, 5, seed, end)
			load(t.Context(), nodes, []int{0, 1, 2, 3, 4}, 3, h, end, seed)
			net.Heal()
			time.Sleep(3 * time.Second)
			load(t.Context(), nodes, []int{0, 1, 2, 3, 4}, 3, h, time.Now().Add(3*time.Second), seed+100).
				mostly(t, "cut the network anew every 300 ms, some nodes deaf, some mute; 3 s after it was whole "+
					"again, had a client at each node")
		})
		possible(t, h, fmt.Sprintf("had a client at each of five nodes for 10 s, and cut the network anew every "+
			"300 ms, in one direction or both (seed %d)", seed))
	}
}

// flap cuts the network anew every 300 ms: some nodes cannot send to others that can send to them.
func flap(net *simnet.Network[int], n int, seed uint64, end time.Time) {
	draw := rand.New(rand.NewPCG(seed, 98))
	for time.Now().Before(end) {
		parts := draw.Perm(n)[:1+draw.IntN(n-1)]
		deaf, mute := draw.IntN(3) > 0, draw.IntN(3) > 0
		net.Cut(func(from, to int) bool {
			f, o := slices.Contains(parts, from), slices.Contains(parts, to)
			return f && !o && mute || !f && o && deaf
		})
		time.Sleep(300 * ms)
	}
	net.Heal()
}

// TestAnAcknowledgedPutStays has the side that was cut off write first when the network is whole.
func TestAnAcknowledgedPutStays(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New(lanes(5)...)
		net := network(t, 10*ms)
		nodes := cps(5, net)
		tl.Clear()
		span := tl.Begin("network", "cut 0 1 | 2 3 4")
		net.Split([]int{0, 1}, []int{2, 3, 4})
		for i := range 20 {
			puts(t, nodes[2], "on the larger side of a cut, wrote", "seat 1", fmt.Sprint("guest ", i))
		}
		tl.Point("node 2", "Put 20 guests: ok")
		net.Heal()
		span.End("whole")
		for range 10 {
			if (clerk{node: nodes[0], name: "node 0", tl: tl}).put(t.Context(), "seat 1", "zoe").err == nil {
				break
			}
		}
		var r result
		for range 10 {
			if r = (clerk{node: nodes[3], name: "node 3", tl: tl}).get(t.Context(), "seat 1"); r.err == nil {
				break
			}
		}
		if r.val != "zoe" || r.err != nil {
			tl.Point("node 3", "zoe's Put is lost").Breaks()
		}
		expect.That(t, r.val == "zoe" && r.err == nil, expect.Message{
			Did: "cut the network in two, {0 1} | {2 3 4}; wrote 20 times at node 2; when the network was whole " +
				"again, wrote \"zoe\" at node 0, which returned nil; then read at node 3",
			Want: `"zoe": it was acknowledged, and nothing was written after it`, Got: r.String(),
			Why: "node 0 has missed 20 writes. If its own count of them orders its Put, the Put is older than " +
				"they are, and is thrown away after the customer was told that it is saved",
			Picture: tl,
		})
	})
}

// TestAPutThatReachedNobodyIsNotDone has one whose questions are answered, and whose writes are not.
func TestAPutThatReachedNobodyIsNotDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, after := range []time.Duration{5 * ms, 15 * ms, 25 * ms, 35 * ms} {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			puts(t, nodes[3], "wrote", "seat 1", "old")
			time.Sleep(time.Second)
			go func() {
				time.Sleep(after)
				net.Cut(func(from, _ int) bool { return from == 0 })
			}()
			put := clerk{node: nodes[0]}.put(t.Context(), "seat 1", "new")
			net.Split([]int{0, 1}, []int{2, 3, 4})
			var got result
			for range 10 { // a leader may have to be found first
				if got = (clerk{node: nodes[4]}).get(t.Context(), "seat 1"); got.err == nil {
					break
				}
			}
			expect.That(t, got.err == nil && (put.err != nil || got.val == "new"), expect.Message{
				Did: fmt.Sprintf("wrote \"new\" in the place of \"old\" at node 0, of which nothing reached anybody any "+
					"more %v later; when the Put had returned, read at node 4", after),
				Want: "an error of the Put, or \"new\" at node 4",
				Got:  fmt.Sprintf("the Put: %v; the Get at node 4: %v", verdict(put.err, "nil"), got),
				Why: "\"saved\" was said of something that nobody else has. What the other nodes said before they were " +
					"given the value is no promise to keep it",
			})
		}
	})
}

// TestWhatOneHasReadNobodyUnreads is the schedule at which most registers break: a Put that has
// reached one node only.
func TestWhatOneHasReadNobodyUnreads(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, s := range []schedule{
			{val: "new", reader: 1},
			{val: "new", reader: 1, late: true},
			{val: "new", reader: 1, lost: true},
			{val: "new", reader: 0},
			{val: "", reader: 1},
			{val: "new", reader: 1, reached: 1},
			{val: "new", reader: 1, tied: true},
			{val: "new", reader: 1, tied: true, mirrored: true},
		} {
			s.run(t)
		}
		noSecondComing(t)
	})
	for seed := range uint64(4) {
		h := history.New()
		virtual(t, func(t *testing.T) {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			end := time.Now().Add(10 * time.Second)
			go slowHalf(net, seed, end)
			load(t.Context(), nodes, []int{0, 1, 2, 3, 4}, 3, h, end, seed)
		})
		possible(t, h, fmt.Sprintf("had a client at each of five nodes for 10 s; every 20 to 70 ms half of the "+
			"links, drawn anew, took 400 ms, the others 1 to 10 ms (seed %d)", seed))
	}
}

// slowHalf draws half of the links anew, which are slow for a while.
func slowHalf(net *simnet.Network[int], seed uint64, end time.Time) {
	draw := rand.New(rand.NewPCG(seed, 97))
	for time.Now().Before(end) {
		var slow [5][5]bool
		for i := range slow {
			for j := range slow {
				slow[i][j] = draw.IntN(2) == 0
			}
		}
		net.Rule(func(l leg) fate {
			if slow[l.From][l.To] {
				return fate{After: 400 * ms}
			}
			return fate{After: time.Duration(1+(l.N*7+l.From*3+l.To)%10) * ms}
		})
		time.Sleep(time.Duration(20+draw.IntN(50)) * ms)
	}
	net.Rule(always(10 * ms))
}

// schedule: a Put at node 0 has reached node 0 alone. A node reads it, which hears node 2 and another
// one. Then node 4 reads, which does not hear from these.
type schedule struct {
	val      string // what is put
	reader   int    // reads first: node 1, or node 0 itself
	late     bool   // what the first reader sends in a second round reaches node 2 late
	lost     bool   // it never does
	reached  int    // the Put has reached the nodes up to this one
	tied     bool   // the old value is put at the same moment
	mirrored bool   // node 0 is the one with the highest id, and so on
}

// id is that of the node which plays this one.
func (s schedule) id(node int) int {
	if s.mirrored {
		return 4 - node
	}
	return node
}

// slow lets a leg take as long as it is said, and 10 ms where that is 0.
func (s schedule) slow(net *simnet.Network[int], takes func(from, to int) time.Duration) {
	slow(net, func(l leg) time.Duration { return takes(s.id(l.From), s.id(l.To)) })
}

func (s schedule) run(t *testing.T) {
	tl := timeline.New(lanes(5)...)
	net := network(t, 10*ms)
	nodes := cps(5, net)
	ctx, cancel := context.WithTimeout(t.Context(), forever)
	defer cancel()
	at := func(node int) clerk {
		return clerk{node: nodes[s.id(node)], name: lane(s.id(node)), tl: tl}
	}
	tl.Clear()
	var old atomic.Bool // acknowledged
	if s.tied {
		go func() { old.Store(at(3).put(ctx, "seat 1", "old").err == nil) }()
	} else {
		puts(t, nodes[s.id(3)], "wrote", "seat 1", "old")
		old.Store(true)
		time.Sleep(time.Second)
	}
	go at(0).put(ctx, "seat 1", s.val)
	time.Sleep(15 * ms)
	tl.Point("network", "what %d sends is slow", s.id(0))
	s.slow(net, func(from, to int) time.Duration {
		if from == 0 && to > s.reached {
			return forever
		}
		return 0
	})
	time.Sleep(50 * ms)
	hears := fmt.Sprintf("%d hears %d and %d", s.id(s.reader), s.id(1-s.reader), s.id(2))
	tl.Point("network", "%s", hears)
	began, before := time.Now(), old.Load()
	s.slow(net, func(from, to int) time.Duration {
		switch apart := max(from, to) > 2 || from+to == 2 && s.reader == 1; {
		case apart && min(from, to) < 2:
			return forever
		case s.late && from == 1 && to == 2 && time.Since(began) > 5*ms:
			return 200 * ms
		case s.lost && from == 1 && to == 2 && time.Since(began) > 5*ms:
			return forever
		}
		return 0
	})
	first := at(s.reader).get(ctx, "seat 1")
	synctest.Wait() // what is sent in this moment still goes by the old rule
	if !s.late {
		time.Sleep(5 * ms) // and arrives before what is sent from now on
	}
	tl.Point("network", "%d hears %d and %d", s.id(4), s.id(2), s.id(3))
	s.slow(net, func(from, to int) time.Duration {
		if from < 2 && to == 4 || from == 4 && to < 2 {
			return forever
		}
		return 0
	})
	second := at(4).get(ctx, "seat 1")
	unread := before && first.err == nil && second.err == nil && first.val == s.val && second.val == "old"
	if unread {
		tl.Point(lane(s.id(4)), "\"old\", after %q", s.val).Breaks()
	}
	expect.That(t, !unread, expect.Message{
		Did: fmt.Sprintf("%s; a Get at node %d, where %s; %swhen it had returned, a Get at node %d, which hears %d and %d",
			s.begins(), s.id(s.reader), hears, s.goesOn(), s.id(4), s.id(2), s.id(3)),
		Want: fmt.Sprintf("after %q was read somewhere, nobody reads \"old\" any more (an error is none)", s.val),
		Got:  fmt.Sprintf("%s: %v; then node %d: %v", lane(s.id(s.reader)), first, s.id(4), second),
		Why: "one customer sees the seat taken, the next one sees it free. That a value was read makes it " +
			"true for all who read later, whether or not its writer has finished",
		Picture: tl,
	})
}

func (s schedule) begins() string {
	words := fmt.Sprintf("a Put of %q at node %d has reached no other node yet", s.val, s.id(0))
	if s.reached > 0 {
		words = fmt.Sprintf("a Put of %q at node %d has reached node %d and no other yet", s.val, s.id(0), s.id(1))
	}
	if s.tied {
		words += fmt.Sprintf("; one of \"old\" at node %d, which began at the same moment, has returned", s.id(3))
	}
	return words
}

func (s schedule) goesOn() string {
	if s.late {
		return fmt.Sprintf("what it sends to %d in a second round takes 200 ms; ", s.id(2))
	}
	if s.lost {
		return fmt.Sprintf("what it sends to %d in a second round is lost; ", s.id(2))
	}
	return ""
}

// noSecondComing has a Put that reaches one other node, which passes it on, and hears no answers before a second is
// nearly over: after another Put it must not come again.
func noSecondComing(t *testing.T) {
	tl := timeline.New(lanes(5)...)
	net := network(t, 10*ms)
	nodes := cps(5, net)
	at := func(id int) clerk { return clerk{node: nodes[id], name: lane(id), tl: tl} }
	puts(t, nodes[3], "wrote", "seat 1", "old")
	time.Sleep(time.Second)
	tl.Clear()
	written := make(chan result, 1)
	go func() { written <- at(0).put(t.Context(), "seat 1", "new") }()
	time.Sleep(15 * ms)
	tl.Point("network", "0 reaches 1 and hears nobody")
	slow(net, func(l leg) time.Duration {
		if l.From == 0 && l.To != 1 || l.To == 0 && l.From != 0 {
			return forever
		}
		return 0
	})
	time.Sleep(50 * ms)
	first := at(1).get(t.Context(), "seat 1")
	put := at(3).put(t.Context(), "seat 1", "newer")
	between := at(4).get(t.Context(), "seat 1")
	tl.Point("network", "whole again")
	net.Rule(always(10 * ms))
	<-written
	last := at(2).get(t.Context(), "seat 1")
	again := first.val == "new" && put.err == nil && between.val == "newer" && last.val == "new"
	if again {
		tl.Point("node 2", "\"new\", again").Breaks()
	}
	expect.That(t, !again, expect.Message{
		Did: "a Put of \"new\" at node 0 has reached node 1 alone, and node 0 hears no answers; a Get at node 1; a Put of " +
			"\"newer\" at node 3; a Get at node 4; the network is whole again, and the first Put ends; a Get at node 2",
		Want: "\"new\", then \"newer\", and never \"new\" again: the Put took effect when it was read",
		Got:  fmt.Sprintf("node 1: %v; node 3: %s; node 4: %v; node 2: %v", first, verdict(put.err, "ok"), between, last),
		Why: "a Put that hears no answers may be done nevertheless. Tried again under a higher number it is done twice, " +
			"and the second time it throws out what was written meanwhile",
		Picture: tl,
	})
}

// slow lets a leg take as long as it is said, and 10 ms where that is 0.
func slow(net *simnet.Network[int], takes func(leg) time.Duration) {
	net.Rule(func(l leg) fate {
		if d := takes(l); d > 0 {
			return fate{After: d}
		}
		return fate{After: 10 * ms}
	})
}

// TestTwoWritersAtOnce has two Puts begin at the same moment.
func TestTwoWritersAtOnce(t *testing.T) {
	h := history.New()
	const did = "two Puts at the same moment"
	virtual(t, func(t *testing.T) {
		for _, takes := range []func(leg) fate{always(10 * ms),
			simnet.Random[int](5, simnet.Faults{Min: 5 * ms, Max: 25 * ms})} {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			for round := range 10 {
				for _, pair := range [][2]int{{0, 4}, {1, 3}, {2, 2}, {3, 3}, {4, 0}} {
					key := fmt.Sprintf("seat %d of round %d, %p", pair[0], round, net)
					net.Rule(takes)
					each(2, func(i int) {
						c := clerk{node: nodes[pair[i]], name: fmt.Sprintf("writer %d", i), h: h}
						c.put(t.Context(), key, []string{"ann", "bob"}[i])
					})
					agree(t, net, nodes, h, key, fmt.Sprintf("%s, at nodes %d and %d", did, pair[0], pair[1]))
				}
			}
		}
	})
	possible(t, h, did)
}

// agree demands that all nodes read the same, whichever two others each of them hears.
func agree(t *testing.T, net *simnet.Network[int], nodes []*store.CPNode, h *history.History,
	key, did string) {
	t.Helper()
	var got []string
	for _, step := range []int{1, 2} {
		for id, node := range nodes {
			hears := []int{id, (id + step) % 5, (id + 2*step) % 5}
			net.Rule(func(l leg) fate {
				if l.From == id && !slices.Contains(hears, l.To) || l.To == id && !slices.Contains(hears, l.From) {
					return fate{After: 300 * ms}
				}
				return fate{After: 10 * ms}
			})
			if r := (clerk{node: node, name: "reader", h: h}).get(t.Context(), key); r.err == nil {
				got = append(got, r.val)
			}
		}
	}
	expect.That(t, len(got) > 0 && len(slices.Compact(slices.Clone(got))) == 1, expect.Message{
		Did:  did + "; when both had returned, read at one node after the other",
		Want: "all read the same value",
		Got:  fmt.Sprintf("%q", got),
		Why: "two writes that nothing orders are ordered differently by each node, for ever: one shows " +
			"the seat to ann, the other to bob",
	})
}
