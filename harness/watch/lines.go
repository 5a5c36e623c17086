package watch

import (
	"fmt"
	"io"
	"time"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Lines is the [View] where there is no terminal: one verdict after the other, and nothing is
// painted over.
type Lines struct {
	Out    io.Writer // verdicts
	Err    io.Writer // what goes on, with the time
	Colour bool

	phase Phase
	shown *run.Result
	err   error
}

// Draw writes what has not been written yet.
func (v *Lines) Draw(s Scene) {
	if s.Phase == Checking && v.phase != Checking {
		v.note("checking " + s.Lab.Slug)
	}
	switch {
	case s.Phase == Checking:
	case s.Err != nil && s.Err != v.err:
		v.note(s.Err.Error())
	case s.Result != nil && s.Result != v.shown:
		v.result(s)
	}
	v.phase, v.err = s.Phase, s.Err
}

func (v *Lines) note(text string) {
	fmt.Fprintln(v.Err, time.Now().Format(time.RFC3339), text)
}

func (v *Lines) result(s Scene) {
	p := term.NewPaint(v.Colour)
	if v.phase == Racing && v.shown.Verdict == s.Result.Verdict && !foundRace(*s.Result) &&
		!s.Result.NotYetRaced() {
		if passed(s) {
			v.note("passed under the race detector, too")
		} else {
			v.note("nothing else under the race detector")
		}
	} else {
		if v.shown != nil {
			fmt.Fprintln(v.Out)
		}
		report.Terminal(v.Out, *s.Result, report.Style{Colour: v.Colour, Columns: 80,
			Failing: true})
	}
	v.shown = s.Result
	switch {
	case s.Phase == Racing:
		v.note("now under the race detector")
		return
	case s.Remembered:
		v.note("unchanged since it was judged")
	}
	next := "next: "
	if passed(s) && !s.NoAnswer {
		fmt.Fprintln(v.Out, p.Faint(next+"labs solution "+s.Lab.Slug+
			" shows the reference and the model answer"))
		next = "      "
	}
	if passed(s) && s.Next != nil {
		fmt.Fprintln(v.Out, p.Faint(next+"labs watch "+s.Next.Slug+" goes on"))
	}
}

func foundRace(r run.Result) bool {
	for _, c := range r.Checks {
		if c.Race {
			return true
		}
	}
	return false
}
