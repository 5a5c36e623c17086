// Package picture draws timelines: as text for a terminal or a log, and as SVG.
package picture

import (
	"slices"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// row is a step as it is drawn, on one line unless its text needs more.
type row struct {
	timeline.Step
	text   string
	began  string // what a span that ends here began with
	across bool   // a message that is drawn whole, from its lane to the other
	lost   bool   // and does not arrive
	open   []int  // on each lane, the spans that lie open beside the row
}

// rowsOf makes the rows of a picture. A span that ends at once is one row, and so is a message that
// arrives at once or is lost.
func rowsOf(p timeline.Picture) []row {
	var rows []row
	began := map[int]string{}
	open := make([]int, len(p.Lanes))
	for i := 0; i < len(p.Steps); i++ {
		r := row{Step: p.Steps[i], text: p.Steps[i].Text}
		if i+1 < len(p.Steps) && r.take(p.Steps[i+1]) {
			i++
		}
		switch r.Kind {
		case timeline.Start:
			open[r.Lane]++
			began[r.ID] = r.text
		case timeline.End:
			r.began = began[r.ID]
			open[r.Lane] = max(0, open[r.Lane]-1)
		}
		r.open = slices.Clone(open)
		rows = append(rows, r)
	}
	return rows
}

// take makes the row one of two steps, if next ends at the same moment what the row begins.
func (r *row) take(next timeline.Step) bool {
	if r.ID == 0 || r.ID != next.ID || r.At != next.At && next.Kind != timeline.Lost {
		return false
	}
	switch {
	case r.Kind == timeline.Start && next.Kind == timeline.End:
		r.Kind = timeline.Point
		r.text = strings.TrimSuffix(r.text+": "+next.Text, ": ")
	case r.Kind == timeline.Sent && next.Kind == timeline.Came:
		r.across = true
	case r.Kind == timeline.Sent && next.Kind == timeline.Lost:
		r.across, r.lost = true, true
	default:
		return false
	}
	r.Breaks = r.Breaks || next.Breaks
	return true
}

// sign is what stands before a row's text.
func (r row) sign() string {
	switch r.Kind {
	case timeline.Start:
		return "┌"
	case timeline.End:
		return "└"
	case timeline.Value:
		return "="
	case timeline.Sent:
		return "○"
	case timeline.Came:
		return "◆"
	case timeline.Lost:
		return "✗"
	}
	return "●"
}

// words is the row's text where no drawing says more.
func (r row) words(p timeline.Picture) string {
	switch {
	case r.Kind == timeline.End && r.text == "":
		return r.began
	case r.lost || r.Kind == timeline.Lost:
		return r.text + ", to " + p.Lanes[r.Other] + ", lost"
	case r.Kind == timeline.Sent:
		return r.text + ", to " + p.Lanes[r.Other]
	case r.Kind == timeline.Came:
		return r.text + ", from " + p.Lanes[r.Other]
	}
	return r.text
}

// moment is the row's time as it is shown. Virtual ones are exact, and a millisecond may matter.
func (r row) moment(p timeline.Picture) string {
	if p.Virtual {
		return "+" + r.At.String()
	}
	return "+" + brief(r.At).String()
}

// brief rounds a time to what the eye needs: three digits, as good as.
func brief(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= 10*unit {
			return d.Round(unit / 100)
		}
	}
	return d
}
