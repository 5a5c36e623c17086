package history

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/backend-labs/backend-labs/harness/kit/moment"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// shrinking is the real time that Judge takes at most to cut a history down.
const shrinking = 2 * time.Second

// Violation is operations on one key that no store could have answered so. Their order is that in
// which they began.
type Violation struct {
	Key string
	Ops []Op
	// Breaks is the index in Ops of the first operation with which no order is possible any more.
	Breaks int
}

// Judge tells whether the history is linearizable, and if not, gives a few operations that
// contradict each other. Each key has the value initial before its first operation. Only operations
// that are Done must have taken effect.
//
// The search can take long where many operations with open outcomes overlap: after patience, which
// is real time, Judge gives up, and decided is false. It must be called outside of a bubble.
func (h *History) Judge(initial any, patience time.Duration) (bad *Violation, decided bool) {
	if moment.Virtual() {
		panic("history: Judge was called in a bubble, in which its patience never ends")
	}
	byKey := map[string][]Op{}
	for _, op := range h.Ops() {
		if op.Outcome == Never || op.Outcome != Done && op.Kind == Read {
			continue // says nothing
		}
		byKey[op.Key] = append(byKey[op.Key], op)
	}
	until := time.Now().Add(patience)
	decided = true
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		switch judge(byKey[key], initial, time.Until(until)) {
		case porcupine.Illegal:
			s := shrinker{initial: initial, until: time.Now().Add(shrinking)}
			return s.shrink(key, byKey[key]), true
		case porcupine.Unknown:
			decided = false
		}
	}
	return nil, decided
}

// judge asks porcupine about the operations on one key.
func judge(ops []Op, initial any, patience time.Duration) porcupine.CheckResult {
	if patience <= 0 {
		return porcupine.Unknown
	}
	model := porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, in, _ any) (bool, any) {
			op := in.(Op)
			switch op.Kind {
			case Write:
				return true, op.Value
			case Add:
				return true, state.(int) + op.Value.(int)
			}
			return op.Result == state, state
		},
	}
	clients := map[string]int{}
	history := make([]porcupine.Operation, len(ops))
	for i, op := range ops {
		if _, ok := clients[op.Client]; !ok {
			clients[op.Client] = len(clients)
		}
		end := int64(op.order[1])
		if op.Outcome != Done {
			end = math.MaxInt64
		}
		history[i] = porcupine.Operation{ClientId: clients[op.Client], Input: op,
			Call: int64(op.order[0]), Return: end}
	}
	return porcupine.CheckOperationsTimeout(model, history, patience)
}

// shrinker cuts a history of one key down.
type shrinker struct {
	initial any
	until   time.Time
}

func (s *shrinker) illegal(ops []Op) bool {
	return judge(ops, s.initial, time.Until(s.until)) == porcupine.Illegal
}

// shrink ends the history with the first operation that is impossible, and leaves out what is not
// needed for that.
func (s *shrinker) shrink(key string, ops []Op) *Violation {
	ends := []int{}
	for _, op := range ops {
		if op.Outcome == Done {
			ends = append(ends, op.order[1])
		}
	}
	slices.Sort(ends)
	// What could have happened up to some moment could have up to each earlier one.
	last := ends[sort.Search(len(ends)-1, func(i int) bool { return s.illegal(upTo(ops, ends[i])) })]
	if cut := upTo(ops, last); s.illegal(cut) {
		ops = cut
	} else {
		last = ends[len(ends)-1] // there was no time to find it
	}
	ops = s.without(ops, last)
	slices.SortFunc(ops, func(a, b Op) int { return cmp.Compare(a.order[0], b.order[0]) })
	return &Violation{Key: key, Ops: ops,
		Breaks: slices.IndexFunc(ops, func(op Op) bool { return op.order[1] == last })}
}

// upTo is what was known at a moment: what had not ended then may have taken effect.
func upTo(ops []Op, moment int) (known []Op) {
	for _, op := range ops {
		if op.order[0] > moment {
			continue
		}
		if op.order[1] > moment || op.order[1] == 0 {
			if op.Kind == Read {
				continue
			}
			op.Outcome = Perhaps
		}
		known = append(known, op)
	}
	return known
}

// without leaves out operations as long as the rest is impossible: first many at once, then fewer.
func (s *shrinker) without(ops []Op, last int) []Op {
	for size := len(ops) / 2; size >= 1; size /= 2 {
		for at := 0; at < len(ops); {
			rest := dropped(ops, ops[at:min(at+size, len(ops))], last)
			if len(rest) < len(ops) && s.illegal(rest) {
				ops = rest
			} else {
				at += size
			}
		}
	}
	return ops
}

// dropped leaves out some operations, where the rest means the same without them: a Read says
// nothing about others; without a Write, go the Reads of its value, too, if no other one writes
// it. What was added is in all that is read later, so an Add stays, and so does the last operation.
func dropped(ops, some []Op, last int) (rest []Op) {
	gone := map[int]bool{}   // by beginning
	values := map[any]bool{} // written by what is gone
	writes := map[any]int{}
	adds := false
	for _, op := range ops {
		adds = adds || op.Kind == Add
		if op.Kind == Write {
			writes[op.Value]++
		}
	}
	for _, op := range ops {
		if op.order[1] == last && op.Kind == Read {
			writes[op.Result] += 2 // what the last operation read stays
		}
	}
	for _, op := range some {
		switch {
		case op.order[1] == last && op.order[1] != 0:
		case op.Kind == Read:
			gone[op.order[0]] = true
		case op.Kind == Write && writes[op.Value] == 1 && !adds:
			gone[op.order[0]] = true
			values[op.Value] = true
		}
	}
	for _, op := range ops {
		if !gone[op.order[0]] && (op.Kind != Read || !values[op.Result]) {
			rest = append(rest, op)
		}
	}
	return rest
}

// String lists the operations, one a line, the impossible one marked.
func (v *Violation) String() string {
	var b strings.Builder
	for i, op := range v.Ops {
		mark := " "
		if i == v.Breaks {
			mark = "✗"
		}
		fmt.Fprintf(&b, "%s +%v to +%v %v\n", mark, op.Begin, op.End, op)
	}
	return b.String()
}

// Timeline draws the operations on a lane for each client.
func (v *Violation) Timeline() *timeline.Timeline {
	p := timeline.Picture{Virtual: true}
	type step struct {
		order int
		timeline.Step
	}
	var steps []step
	for i, op := range v.Ops {
		lane := slices.Index(p.Lanes, op.Client)
		if lane < 0 {
			lane = len(p.Lanes)
			p.Lanes = append(p.Lanes, op.Client)
		}
		_, does, _ := strings.Cut(op.does(), op.Client+" ")
		steps = append(steps, step{op.order[0], timeline.Step{Kind: timeline.Start, At: op.Begin,
			Lane: lane, Text: does, ID: i + 1}})
		end := timeline.Step{Kind: timeline.End, At: op.End, Lane: lane, ID: i + 1,
			Breaks: i == v.Breaks}
		switch {
		case op.Outcome != Done && op.order[1] == 0:
			continue // still open
		case op.Outcome != Done:
			end.Text = "?"
		case op.Kind == Read:
			end.Text = shown(op.Result)
		default:
			end.Text = "✓"
		}
		steps = append(steps, step{op.order[1], end})
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.order, b.order) })
	for _, s := range steps {
		p.Steps = append(p.Steps, s.Step)
	}
	return timeline.From(p)
}
