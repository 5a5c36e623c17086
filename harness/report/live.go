package report

import (
	"io"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Live writes a result piece by piece: each check when its verdict is known, in the order in which
// they end, and the rest when all is known. It says what [Terminal] says, and nothing twice. Its
// methods are to be called one at a time.
type Live struct {
	v     *view
	of    run.Result      // names the lab
	shown map[string]bool // by test
}

// NewLive begins a result of the lab of that id and title. Nothing is written before the first
// call.
func NewLive(w io.Writer, id, title string, s Style) *Live {
	v := &view{w: w, s: s, p: term.NewPaint(s.Colour)}
	return &Live{v: v, of: run.Result{Lab: id, Title: title}, shown: map[string]bool{}}
}

// Check writes the verdict of a check. What it says of one check does not change any more.
func (l *Live) Check(c run.Check) {
	if l.shown[c.Test] {
		return
	}
	if len(l.shown) == 0 {
		l.v.printf("%s\n", l.v.heading(l.of))
	}
	l.shown[c.Test] = true
	l.v.check(c)
}

// End writes what r has besides: the checks that were not run, the cause, the sum. Where there was
// no check, that is all of it.
func (l *Live) End(r run.Result) {
	if len(l.shown) == 0 {
		l.v.whole(r)
		return
	}
	for _, c := range r.Checks {
		l.Check(c)
	}
	l.v.rest(r)
}
