package watch

import (
	"fmt"
	"io"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Editor is the [View] for an editor that reads along: a line where a run begins, one for each failure as compilers write
// them, and one where it ends.
type Editor struct {
	Out io.Writer

	phase Phase
	shown *run.Result
	err   error
}

// The lines by which an editor knows that a run begins and ends.
const (
	EditorBegins = "labs: judging"
	EditorEnds   = "labs: judged"
)

// Draw writes what has not been written yet.
func (v *Editor) Draw(s Scene) {
	if s.Phase == Checking && v.phase != Checking {
		fmt.Fprintln(v.Out, EditorBegins, s.Lab.Slug)
	}
	switch {
	case s.Phase == Checking:
	case s.Err != nil && s.Err != v.err:
		fmt.Fprintln(v.Out, report.PlainLines(s.Err.Error()))
		fmt.Fprintln(v.Out, EditorEnds, s.Lab.Slug)
	case s.Result != nil && s.Result != v.shown:
		v.shown = s.Result
		if s.Phase == Racing && s.Result.Verdict == run.Passed {
			break // the run under the race detector has the last word
		}
		_ = report.Compiler(v.Out, []run.Result{*s.Result})
		fmt.Fprintln(v.Out, EditorEnds, s.Lab.Slug)
	}
	v.phase, v.err = s.Phase, s.Err
}
