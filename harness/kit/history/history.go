// Package history records what clients of a store did and were told, and judges whether one store
// that does everything at one instant could have told them that: whether the history is
// linearizable (Herlihy and Wing, 1990).
//
//	h := history.New()
//	call := h.Begin("alice", history.Write, "x", "new")
//	switch err := store.Put(ctx, "x", "new"); {
//	case err == nil:
//		call.Done(nil)
//	case errors.Is(err, ErrNotDone):
//		call.Never()
//	default:
//		call.Perhaps()
//	}
//	…
//	bad, decided := h.Judge("", 5*time.Second)
//
// A history that is not is cut down to the few operations that contradict each other, and drawn.
package history

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/moment"
)

// Kind is what an operation does to the value of its key.
type Kind int

// The kinds of operations.
const (
	Read  Kind = iota // returns the value
	Write             // makes it another
	Add               // adds an int to it
)

// Outcome is what is known of an operation.
type Outcome int

// The outcomes. What has not returned is Open: it may have taken effect, or do so later, like one
// that Perhaps has.
const (
	Open    Outcome = iota
	Done            // it took effect between its beginning and its end
	Perhaps         // nobody knows, and it may still do so later
	Never           // it has not and will not
)

// Op is one operation of a client.
type Op struct {
	Client     string
	Kind       Kind
	Key        string
	Value      any // what was written or added; comparable
	Result     any // of a Read that is Done: what was read; comparable
	Outcome    Outcome
	Begin, End time.Duration // since the check began, on its clock
	order      [2]int        // of beginning and end among all of the history
}

// History is the operations so far. Its methods may be called from many goroutines at once.
type History struct {
	mu    sync.Mutex
	ops   []Op
	steps int
}

// New returns an empty history.
func New() *History { return &History{} }

// Call is an operation under way.
type Call struct {
	h *History
	i int
}

// Begin records that a client calls the store. A client has one operation under way at a time;
// after one that is not Done it may go on under the same name.
func (h *History) Begin(client string, kind Kind, key string, value any) *Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, _ := moment.Since()
	h.steps++
	h.ops = append(h.ops, Op{Client: client, Kind: kind, Key: key, Value: value, Begin: now,
		order: [2]int{h.steps, 0}})
	return &Call{h, len(h.ops) - 1}
}

// Done records that the operation has returned without an error; result is what a Read has read.
func (c *Call) Done(result any) { c.end(Done, result) }

// Perhaps records that it has returned with an error that leaves open whether it took effect.
func (c *Call) Perhaps() { c.end(Perhaps, nil) }

// Never records that it has returned with an error that says it took no effect, nor will.
func (c *Call) Never() { c.end(Never, nil) }

func (c *Call) end(o Outcome, result any) {
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.steps++
	op := &c.h.ops[c.i]
	op.End, _ = moment.Since()
	op.order[1] = c.h.steps
	op.Outcome, op.Result = o, result
}

// Ops are the operations so far, in the order in which they began.
func (h *History) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ops)
}

// Count is how many operations ended in each way.
func (h *History) Count() (done, perhaps, never int) {
	for _, op := range h.Ops() {
		switch op.Outcome {
		case Done:
			done++
		case Never:
			never++
		default:
			perhaps++
		}
	}
	return done, perhaps, never
}

// String is the operation in a few words.
func (op Op) String() string {
	text := op.does()
	switch {
	case op.Outcome == Done && op.Kind == Read:
		return text + ": " + shown(op.Result)
	case op.Outcome == Done:
		return text + ": done"
	case op.Outcome == Never:
		return text + ": refused"
	}
	return text + ": perhaps"
}

func (op Op) does() string {
	switch op.Kind {
	case Write:
		return fmt.Sprintf("%s writes %s = %s", op.Client, op.Key, shown(op.Value))
	case Add:
		return fmt.Sprintf("%s adds %s to %s", op.Client, shown(op.Value), op.Key)
	}
	return fmt.Sprintf("%s reads %s", op.Client, op.Key)
}

// shown is a value as it is drawn: a string in quotes, so that an empty one is seen.
func shown(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(v)
}
