// Package timeline records what happened in a check on several lanes (a client, a node, the
// database, a lock), so that a failure can be seen and need not be imagined:
//
//	tl := timeline.New("alice", "bob", "shelf")
//	order := tl.Begin("alice", "buys the last lamp")
//	tl.Holds("shelf", "0 lamps")
//	order.End("bought")
//	tl.Point("bob", "bought it, too").Breaks()
//	expect.That(t, sold == 1, expect.Message{…, Picture: tl})
//
// Times are those of the bubble in which a check runs, or real ones. Texts are a few words each:
// a lane is about 20 characters wide on a terminal.
package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/kit/moment"
)

// Timeline is what happened so far. Its methods, and those of what they return, may be called from
// many goroutines at once. A nil one records nothing, for fakes that are not always drawn.
type Timeline struct {
	mu      sync.Mutex
	lanes   []string
	steps   []Step
	cleared int // steps that were there before
	ids     int
	virtual bool
}

// New returns an empty timeline. Its lanes are drawn in this order; one that is named later for the
// first time comes behind them.
func New(lanes ...string) *Timeline { return From(Picture{Lanes: lanes}) }

// From returns a timeline of steps that are known already, with their times: of a history that was
// recorded otherwise, or cut down.
func From(p Picture) *Timeline {
	tl := &Timeline{virtual: p.Virtual}
	for _, lane := range p.Lanes {
		tl.lanes = append(tl.lanes, shortened(lane))
	}
	for _, s := range p.Steps {
		s.Text = shortened(s.Text)
		tl.steps, tl.ids = append(tl.steps, s), max(tl.ids, s.ID)
	}
	return tl
}

// Recorded is a step that is on a timeline.
type Recorded struct {
	tl *Timeline
	s  Step
	i  int // the number of the step, from 0
}

// Point records something that takes no time.
func (tl *Timeline) Point(lane, format string, args ...any) Recorded {
	return tl.record(Step{Kind: Point}, lane, "", format, args)
}

// Holds records what a lane holds from now on: a balance, a leader, a version.
func (tl *Timeline) Holds(lane, format string, args ...any) Recorded {
	return tl.record(Step{Kind: Value}, lane, "", format, args)
}

// Begin records the start of a span, which lasts until [Recorded.End].
func (tl *Timeline) Begin(lane, format string, args ...any) Recorded {
	return tl.record(Step{Kind: Start, ID: tl.id()}, lane, "", format, args)
}

// Send records that a message leaves a lane for another. It is under way until [Recorded.Came] or
// [Recorded.Lost].
func (tl *Timeline) Send(from, to, format string, args ...any) Recorded {
	return tl.record(Step{Kind: Sent, ID: tl.id()}, from, to, format, args)
}

// End records that a span has ended, and with what, which may be "".
func (r Recorded) End(format string, args ...any) Recorded {
	s := r.s
	return r.tl.append(Step{Kind: End, ID: s.ID, Lane: s.Lane, Text: fmt.Sprintf(format, args...)})
}

// Came records that a message has arrived.
func (r Recorded) Came() Recorded {
	s := r.s
	return r.tl.append(Step{Kind: Came, ID: s.ID, Lane: s.Other, Other: s.Lane, Text: s.Text})
}

// Lost records that a message will never arrive.
func (r Recorded) Lost() Recorded {
	s := r.s
	return r.tl.append(Step{Kind: Lost, ID: s.ID, Lane: s.Lane, Other: s.Other, Text: s.Text})
}

// Breaks marks the step as the one that breaks the promise.
func (r Recorded) Breaks() Recorded {
	if r.tl == nil {
		return r
	}
	r.tl.mu.Lock()
	defer r.tl.mu.Unlock()
	if i := r.i - r.tl.cleared; i >= 0 {
		r.tl.steps[i].Breaks = true
	}
	return r
}

func (tl *Timeline) id() int {
	if tl == nil {
		return 0
	}
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.ids++
	return tl.ids
}

// record records a step on a lane and, where it is a message, the lane that it goes to.
func (tl *Timeline) record(s Step, lane, other, format string, args []any) Recorded {
	if tl == nil {
		return Recorded{}
	}
	tl.mu.Lock()
	s.Lane = tl.lane(lane)
	if other != "" {
		s.Other = tl.lane(other)
	}
	tl.mu.Unlock()
	s.Text = fmt.Sprintf(format, args...)
	return tl.append(s)
}

// append takes the time while nobody else can record a step, so that they stand in its order.
func (tl *Timeline) append(s Step) Recorded {
	if tl == nil {
		return Recorded{}
	}
	tl.mu.Lock()
	defer tl.mu.Unlock()
	s.At, tl.virtual = moment.Since()
	s.Text = shortened(s.Text)
	tl.steps = append(tl.steps, s)
	return Recorded{tl, s, tl.cleared + len(tl.steps) - 1}
}

// Clear forgets the steps so far: those that only prepare what is to be seen.
func (tl *Timeline) Clear() {
	if tl == nil {
		return
	}
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.cleared += len(tl.steps)
	tl.steps = nil
}

// lane is the index of a lane, which may be a new one.
func (tl *Timeline) lane(name string) int {
	name = shortened(name)
	if i := slices.Index(tl.lanes, name); i >= 0 {
		return i
	}
	tl.lanes = append(tl.lanes, name)
	return len(tl.lanes) - 1
}

// Picture is the timeline as data, as it is now.
func (tl *Timeline) Picture() Picture {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return Picture{Lanes: slices.Clone(tl.lanes), Virtual: tl.virtual, Steps: slices.Clone(tl.steps)}
}

// Encode is the timeline as JSON for a report, at most [MaxBytes] of it: what is far from the
// marked step is left out. It is nil where nothing is left.
func (tl *Timeline) Encode() json.RawMessage {
	for p := tl.Picture().Around(maxSteps); len(p.Steps) > 0; p = p.Around(len(p.Steps) / 2) {
		data, err := json.Marshal(p)
		if err != nil {
			return nil // strings and numbers always marshal
		}
		if len(data) <= MaxBytes {
			return data
		}
	}
	return nil
}

// String is the timeline as lines of text, a step each, and only those near the marked one.
func (tl *Timeline) String() string {
	var b strings.Builder
	p := tl.Picture().Around(listed)
	for _, s := range p.Steps {
		mark := " "
		if s.Breaks {
			mark = "✗"
		}
		fmt.Fprintf(&b, "%s +%v %s: %s\n", mark, s.At, p.Lanes[s.Lane], p.Words(s))
	}
	return b.String()
}

// Words is a step of the picture in words that need no drawing beside them.
func (p Picture) Words(s Step) string {
	switch s.Kind {
	case End:
		return strings.TrimSuffix("done: "+s.Text, ": ")
	case Value:
		return "= " + s.Text
	case Sent:
		return s.Text + ", to " + p.Lanes[s.Other]
	case Came:
		return s.Text + ", from " + p.Lanes[s.Other]
	case Lost:
		return s.Text + ", to " + p.Lanes[s.Other] + ", lost"
	}
	return s.Text
}

// listed is how many steps String has room for.
const listed = 30

// shortened keeps a text as short as [Decode] demands it. What is no UTF-8 would grow in JSON.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText-len("…")], "") + "…"
}
