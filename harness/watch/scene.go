package watch

import (
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// View shows a [Scene]. Draw is called whenever something has changed, and while a check takes
// long.
type View interface{ Draw(Scene) }

// Phase is what a [Session] is doing.
type Phase int

// The phases.
const (
	Idle     Phase = iota // the result is that of the files as they are
	Checking              // the result, if there is one, is that of an earlier content
	// the result is that of the plain run; the run under the race detector is not over
	Racing
)

// Scene is all that there is to show.
type Scene struct {
	Lab   *course.Lab
	Phase Phase
	Since time.Time // when the phase began

	Result     *run.Result // the newest, or nil
	Remembered bool        // it is from memory: nothing has changed since
	At         time.Time   // when it was shown first
	Err        error       // why there is no result
	SoFar      []run.Check // while checking: those that have ended

	Next     *course.Lab // after a pass: the lab to do next, if there is one
	NoAnswer bool        // after a pass: the course has no solution of the lab

	Doing  string // what a run says about itself
	Notice string // one line about the last key
	Page   *Page  // what was asked for; it hides the result

	Repaint bool // the screen may not show what was drawn last
}

// Page is a text that was asked for.
type Page struct {
	Key   rune // that it was asked for with
	Lines []string

	// Labs, if not nil, has a lab for each line that stands for one: the user may pick it.
	Labs []*course.Lab

	picked int // the line of the lab that would be taken
	top    int // the first line on the screen
}

// picks reports whether there is something to pick.
func (p *Page) picks() bool { return p.Labs != nil }

// move goes lines down, or up if that is negative: with a page to pick from, to the next lab that
// way.
func (p *Page) move(lines int) {
	if !p.picks() {
		p.top = max(0, min(p.top+lines, len(p.Lines)-1))
		return
	}
	step := 1
	if lines < 0 {
		step = -1
	}
	for n := 0; n != lines; n += step {
		at := p.picked + step
		for at >= 0 && at < len(p.Labs) && p.Labs[at] == nil {
			at += step
		}
		if at < 0 || at >= len(p.Labs) {
			return
		}
		p.picked = at
	}
}

// pick points at a lab.
func (p *Page) pick(l *course.Lab) {
	for i, other := range p.Labs {
		if other == l {
			p.picked = i
		}
	}
}

// end is the last line of what is picked: a lab may have several.
func (p *Page) end() int {
	end := p.picked
	for end+1 < len(p.Labs) && p.Labs[end+1] == nil && p.Lines[end+1] != "" {
		end++
	}
	return end
}

// window gives the lines that fit into so many rows, and how many there are before and after them.
func (p *Page) window(rows int) (lines []string, before, after int) {
	rows = max(1, rows)
	if p.picks() {
		p.top = min(max(p.top, p.end()-rows+1), p.picked)
	}
	p.top = max(0, min(p.top, len(p.Lines)-rows))
	end := min(len(p.Lines), p.top+rows)
	return p.Lines[p.top:end], p.top, len(p.Lines) - end
}
