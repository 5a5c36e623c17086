// Package simnet is a network of nodes in virtual time: calls between them are delayed, lost,
// doubled, overtaken and cut off as the check says, and cost no real time.
//
//	net := simnet.New[int](t)
//	for id := range 5 {
//		net.Handle(id, store[id].Receive)
//	}
//	net.Rule(simnet.Random[int](seed, simnet.Faults{Min: time.Millisecond, Max: 60 * time.Millisecond, Loss: 0.2}))
//	net.Split([]int{0, 1}, []int{2, 3, 4})
//	answer, err := net.Call(ctx, 0, 2, question)
//
// What it promises is what a network does: a call returns with the answer of the node it is for, or
// when its context ends, and then says nothing of whether the question arrived. A question may
// arrive twice, late, or after one that was sent later; so may an answer.
//
// A schedule is either drawn ([Random]) or directed: any function of a [Leg] can be the rule. A
// random one hardly ever finds the order in which exactly this answer is overtaken by that
// question, so a check has one of each.
package simnet

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// Leg is one way of a call: a question, or the answer to it.
type Leg[Node comparable] struct {
	From, To Node
	Answer   bool // the way back
	Message  any  // what is on its way
	// N is how many questions (or answers) From has sent to To before this one.
	N int
}

// Fate is what becomes of a leg. The zero one arrives at once.
type Fate struct {
	After time.Duration // how long it is under way
	Lost  bool          // it never arrives; copies of it may
	// Again are the times under way of further copies. A node answers each copy of a question; of
	// an answer the first copy that arrives counts.
	Again []time.Duration
}

// Network connects nodes, which are named by values of any type. Its methods may be called from
// many goroutines at once.
type Network[Node comparable] struct {
	mu       sync.Mutex
	handlers map[Node]func(from Node, m any) any
	rule     func(Leg[Node]) Fate
	cut      func(from, to Node) bool
	sent     map[way[Node]]int
	draw     func(Leg[Node]) timeline.Recorded
	over     chan struct{}
	t        testing.TB
	told     bool // of a message that has more than data in it
}

// way is a direction between two nodes.
type way[Node comparable] struct {
	from, to Node
	answer   bool
}

// New returns a network without nodes, on which everything arrives at once. What is under way when
// the check t ends is dropped, so that no goroutine of the network is left.
func New[Node comparable](t testing.TB) *Network[Node] {
	n := &Network[Node]{handlers: map[Node]func(Node, any) any{}, sent: map[way[Node]]int{},
		over: make(chan struct{}), t: t}
	t.Cleanup(func() { close(n.over) })
	return n
}

// Handle has h answer the questions for a node, each in a goroutine of its own. Questions for a node
// without a handler, or with one that is nil, are lost: it is down.
func (n *Network[Node]) Handle(node Node, h func(from Node, m any) any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handlers[node] = h
}

// Rule decides from now on what becomes of each leg when it is sent. It is asked for one leg at a
// time, also for those that a cut drops, so it can also count them, or look into the messages. It
// must not call the network.
func (n *Network[Node]) Rule(rule func(Leg[Node]) Fate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rule = rule
}

// Cut drops what is sent, or would arrive, from now on where cut says so: in one direction, or in
// both. Nil cuts nothing.
func (n *Network[Node]) Cut(cut func(from, to Node) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
}

// Split cuts the network into parts: between nodes of two of them nothing arrives. A node that is
// in none can reach all.
func (n *Network[Node]) Split(parts ...[]Node) {
	n.Cut(func(from, to Node) bool {
		a := slices.IndexFunc(parts, func(p []Node) bool { return slices.Contains(p, from) })
		b := slices.IndexFunc(parts, func(p []Node) bool { return slices.Contains(p, to) })
		return a >= 0 && b >= 0 && a != b
	})
}

// Heal ends every cut.
func (n *Network[Node]) Heal() { n.Cut(nil) }

// Draw records the legs from now on, on the lanes that lane names, in the words of say. A leg of
// which say has none is left out. A nil timeline records nothing any more.
func (n *Network[Node]) Draw(tl *timeline.Timeline, lane func(Node) string,
	say func(Leg[Node]) string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if tl == nil {
		n.draw = nil
		return
	}
	n.draw = func(leg Leg[Node]) timeline.Recorded {
		words := say(leg)
		if words == "" {
			return timeline.Recorded{}
		}
		return tl.Send(lane(leg.From), lane(leg.To), "%s", words)
	}
}

// Sent is how many questions, and how many answers, have been sent so far, copies and lost ones
// counted once.
func (n *Network[Node]) Sent() (questions, answers int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w, sent := range n.sent {
		if w.answer {
			answers += sent
		} else {
			questions += sent
		}
	}
	return questions, answers
}

// Call asks a node and returns its answer, or ctx's error once ctx has ended. Whether the question
// was lost, or the answer, or either is late, it cannot know: with a ctx that never ends it then
// waits for ever. What a node asks itself does not go over the network.
//
// A question or an answer with a function, a channel, or what sync and sync/atomic have for shared memory
// fails the check. Otherwise they are handed over as they are: see [Copy].
func (n *Network[Node]) Call(ctx context.Context, from, to Node, m any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answers := make(chan any, 1)
	answer := func(m any) {
		select {
		case answers <- m:
		default: // not the first
		}
	}
	if from == to {
		if h := n.handler(to); h != nil {
			go func() { answer(h(from, m)) }()
		}
	} else {
		n.data("a question", from, to, m)
		n.send(Leg[Node]{From: from, To: to, Message: m}, func() {
			h := n.handler(to)
			if h == nil {
				return
			}
			back := h(from, m)
			n.data("an answer", to, from, back)
			n.send(Leg[Node]{From: to, To: from, Answer: true, Message: back},
				func() { answer(back) })
		})
	}
	select {
	case back := <-answers:
		return back, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send puts a leg, and copies of it, on their way. Each that arrives calls arrived in a goroutine of
// its own.
func (n *Network[Node]) send(leg Leg[Node], arrived func()) {
	fate, dropped, draw := n.decide(&leg)
	for i, way := range append([]time.Duration{fate.After}, fate.Again...) {
		var rec timeline.Recorded
		if draw != nil {
			rec = draw(leg)
		}
		if dropped || i == 0 && fate.Lost {
			rec.Lost()
			continue
		}
		go n.carry(leg, way, rec, arrived)
	}
}

// decide counts a leg, asks the rule for its fate, and says whether a cut drops it at once.
func (n *Network[Node]) decide(leg *Leg[Node]) (f Fate, dropped bool,
	draw func(Leg[Node]) timeline.Recorded) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := way[Node]{leg.From, leg.To, leg.Answer}
	leg.N = n.sent[w]
	n.sent[w]++
	if n.rule != nil {
		f = n.rule(*leg)
	}
	return f, n.cut != nil && n.cut(leg.From, leg.To), n.draw
}

// carry is the way of one copy of a leg.
func (n *Network[Node]) carry(leg Leg[Node], way time.Duration, rec timeline.Recorded,
	arrived func()) {
	timer := time.NewTimer(way)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.over:
		return
	}
	n.mu.Lock()
	lost := n.cut != nil && n.cut(leg.From, leg.To) ||
		!leg.Answer && n.handlers[leg.To] == nil
	n.mu.Unlock()
	if lost {
		rec.Lost()
		return
	}
	rec.Came()
	arrived()
}

func (n *Network[Node]) handler(node Node) func(Node, any) any {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.handlers[node]
}
