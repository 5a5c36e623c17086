package history_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/history"
)

// TestJudge_orders holds the verdicts on many small histories against what trying all orders says.
// What a history is cut down to is impossible, too, and without the operation that breaks it, or
// any read, it is not.
func TestJudge_orders(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	counts := map[bool]int{}
	for range 400 {
		var h *history.History
		synctest.Test(t, func(*testing.T) { h = drawn(draw) })
		bad, decided := h.Judge(0, patience)
		want := possible(telling(h.Ops()), 0)
		counts[want]++
		if !decided || (bad == nil) != want {
			t.Fatalf("got decided %v, and\n%v\nof %v, want possible: %v", decided, bad, h.Ops(), want)
		}
		if bad == nil {
			continue
		}
		if possible(bad.Ops, 0) {
			t.Fatalf("got\n%v\nwhich is possible, of %v", bad, h.Ops())
		}
		if last := bad.Ops[bad.Breaks]; last.Outcome != history.Done {
			t.Errorf("got %v as what breaks it, want something that is done", last)
		}
		for i, op := range bad.Ops {
			rest := slices.Clone(bad.Ops)
			switch {
			case op.Kind == history.Read:
				rest = slices.Delete(rest, i, i+1)
			case i == bad.Breaks:
				rest[i].Outcome = history.Perhaps
			default:
				continue
			}
			if !possible(rest, 0) {
				t.Errorf("got\n%v\nwhich is impossible without %v, too", bad, op)
			}
		}
	}
	if counts[true] < 50 || counts[false] < 50 {
		t.Errorf("got %d possible histories and %d others, want many of each", counts[true], counts[false])
	}
}

// drawn is a history of three clients, one event a millisecond, whose reads give anything.
func drawn(draw *rand.Rand) *history.History {
	h := history.New()
	under := map[string]*history.Call{}
	for range 14 {
		time.Sleep(time.Millisecond) // of virtual time
		client := string("abc"[draw.IntN(3)])
		call := under[client]
		switch delete(under, client); {
		case call == nil:
			under[client] = h.Begin(client, history.Kind(draw.IntN(3)), "x", 1+draw.IntN(2))
		case draw.IntN(8) == 0:
			call.Perhaps()
		case draw.IntN(8) == 0:
			call.Never()
		default:
			call.Done(draw.IntN(3))
		}
	}
	return h
}

// telling are the operations that say something.
func telling(ops []history.Op) []history.Op {
	return slices.DeleteFunc(ops, func(op history.Op) bool {
		return op.Outcome == history.Never || op.Kind == history.Read && op.Outcome != history.Done
	})
}

// possible tries every order in which the operations may have taken effect.
func possible(ops []history.Op, value int) bool {
	over := true
	for i, op := range ops {
		over = over && op.Outcome != history.Done
		late := slices.ContainsFunc(ops, func(o history.Op) bool {
			return o.Outcome == history.Done && o.End < op.Begin
		})
		if late || op.Kind == history.Read && op.Result != value {
			continue
		}
		next := value
		switch op.Kind {
		case history.Write:
			next = op.Value.(int)
		case history.Add:
			next += op.Value.(int)
		}
		if possible(slices.Delete(slices.Clone(ops), i, i+1), next) {
			return true
		}
	}
	return over
}
