package timeline

import "time"

// Picture is a timeline as data: what a report carries, and what is drawn.
type Picture struct {
	Lanes   []string `json:"lanes"`             // from left to right
	Virtual bool     `json:"virtual,omitempty"` // the times are those of a bubble's clock
	Steps   []Step   `json:"steps"`             // by At, and those of one instant as they happened
	// Before and After count the steps that were left out: those before the first and after the
	// last that are here.
	Before int `json:"steps_before,omitempty"`
	After  int `json:"steps_after,omitempty"`
}

// Step is one thing that happened.
type Step struct {
	Kind  Kind          `json:"kind"`
	At    time.Duration `json:"at_ns"` // since the check began
	Lane  int           `json:"lane"`  // index in Lanes
	Text  string        `json:"text,omitempty"`
	Other int           `json:"other,omitempty"` // of a message: the lane at its other end
	// ID is the same for the start and the end of a span, and for a message's being sent and its
	// arrival or loss.
	ID     int  `json:"id,omitempty"`
	Breaks bool `json:"breaks,omitempty"` // it breaks the promise
}

// Kind is what a step is.
type Kind string

// The kinds of steps. A span (a call, a lease, a partition) has a start and, unless it lasted longer
// than the check, an end; a message is sent, and arrives or is lost or is still under way.
const (
	Point Kind = "point" // something that takes no time: a request, a crash
	Start Kind = "start"
	End   Kind = "end"
	Value Kind = "value" // what a lane holds from then on
	Sent  Kind = "sent"  // on the sender's lane
	Came  Kind = "came"  // on the receiver's
	Lost  Kind = "lost"  // on the sender's
)

var kinds = []Kind{Point, Start, End, Value, Sent, Came, Lost}

// Marked is the index of the first step that breaks the promise, or -1.
func (p Picture) Marked() int {
	for i, s := range p.Steps {
		if s.Breaks {
			return i
		}
	}
	return -1
}

// Around is the picture with at most n of its steps: the marked one or, where none is, the last
// one, and those near it, of which more before it than after.
func (p Picture) Around(n int) Picture {
	if len(p.Steps) <= n {
		return p
	}
	centre := p.Marked()
	if centre < 0 {
		centre = len(p.Steps) - 1
	}
	first := min(max(0, centre-n*3/4), len(p.Steps)-n)
	p.Before += first
	p.After += len(p.Steps) - first - n
	p.Steps = p.Steps[first : first+n]
	return p
}
