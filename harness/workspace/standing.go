package workspace

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Standing is where a learner stands with a lab, in the words of every command.
type Standing string

// The standings. Unknown is that of files that cannot be read, and of those of a course that has
// recorded no stub.
const (
	Untouched Standing = "not attempted"
	Unknown   Standing = "not judged yet"
	Begun     Standing = "begun"
	NotRaced  Standing = run.NotYetRaced
	Passed    Standing = "passed"
	Edited    Standing = "passed, then edited"
	Failing   Standing = "passed once, fails now"
	Outdated  Standing = "passed; its checks have changed since"
)

// Done reports whether the lab has been passed, now or once: it counts in a sum, its solution may
// be seen, and what comes after it may be begun.
func (s Standing) Done() bool {
	return s == Passed || s == Edited || s == Failing || s == Outdated
}

// UnderWay reports whether the learner has begun with the lab and not passed it.
func (s Standing) UnderWay() bool { return s == Begun || s == NotRaced }

// Now is what a lab is at this moment.
type Now struct {
	Source string // the hash of its files; "" where one cannot be read, or is not there
	Gone   bool   // one is not there
	Checks string // the hash of what judges them; "" where that cannot be read
	Known  bool   // whether the files are the stub's is known
	Stub   bool   // they are
}

// Standing compares what is kept of a lab with what it is now.
func (p *Progress) Standing(id string, now Now) Standing {
	e := p.Labs[id]
	if e == nil {
		e = new(Entry)
	}
	judged := e.Result != nil && now.Source != "" &&
		e.Result.SourceSHA256 == now.Source && e.Checks == now.Checks
	same := e.PassedSource == now.Source && now.Source != ""
	switch {
	case e.PassedSource != "" && now.Source == "" && !now.Gone:
		return Passed // as far as anybody knows
	case same && (e.PassedChecks == now.Checks || now.Checks == ""):
		return Passed
	case e.PassedSource != "" && judged && !e.Result.NotYetRaced():
		return Failing
	case same && e.PassedSource != "":
		return Outdated
	case e.PassedSource != "":
		return Edited
	case judged && e.Result.NotYetRaced():
		return NotRaced
	case now.Known && now.Stub && e.Hints == 0:
		return Untouched
	case now.Known, e.Result != nil, e.Hints > 0:
		return Begun
	}
	return Unknown
}

// Standings tells where the learner stands with each lab, by id. A lab that cannot be read keeps no
// other from being told; the error is that of the progress file.
func (w *Workspace) Standings(b *compile.Builder) (map[string]Standing, error) {
	p, err := w.Progress()
	if err != nil {
		return nil, err
	}
	standings := map[string]Standing{}
	for _, l := range w.Course.Labs {
		var now Now
		touched, err := l.Touched(l.Dir)
		now.Known, now.Stub = err == nil, err == nil && len(touched) == 0
		now.Source, err = compile.SourceSHA256(l, l.Dir)
		now.Gone = errors.As(err, new(*compile.MissingFile))
		if e := p.Labs[l.ID]; e != nil && (e.Result != nil || e.PassedSource != "") {
			now.Checks, _ = b.ChecksSHA256(l)
		}
		standings[l.ID] = p.Standing(l.ID, now)
	}
	return standings, nil
}

// Lacking are the labs that prepare for one and have not been passed, by id. Those that the course
// does not have count for nothing.
func Lacking(l *course.Lab, standings map[string]Standing) (ids []string) {
	for _, id := range l.After {
		if s, exists := standings[id]; exists && !s.Done() {
			ids = append(ids, id)
		}
	}
	return ids
}

// Next is the lab to do after one, or from the start: going round the course in its order, the
// first that has not been passed and lacks no preparation, else the first that has not been passed.
// It is nil if all others have been.
func Next(c *course.Course, standings map[string]Standing, after *course.Lab) *course.Lab {
	begin := slices.Index(c.Labs, after) + 1
	var first *course.Lab
	for i := range c.Labs {
		l := c.Labs[(begin+i)%len(c.Labs)]
		if l == after || standings[l.ID].Done() {
			continue
		}
		if len(Lacking(l, standings)) == 0 {
			return l
		}
		if first == nil {
			first = l
		}
	}
	return first
}

// PassedOver says which labs [Next] has passed over on its way from one lab to another, and why:
// "B05 comes after B09". Of many it names two. It is "" where there are none.
func PassedOver(c *course.Course, standings map[string]Standing, from, to *course.Lab) string {
	if to == nil || len(Lacking(to, standings)) > 0 {
		return ""
	}
	var said []string
	begin := slices.Index(c.Labs, from) + 1
	for i := range c.Labs {
		l := c.Labs[(begin+i)%len(c.Labs)]
		if l == to {
			break
		}
		if lacking := Lacking(l, standings); l != from && !standings[l.ID].Done() &&
			len(lacking) > 0 {
			said = append(said, l.ID+" comes after "+strings.Join(lacking, " and "))
		}
	}
	const most = 2
	if over := len(said) - most; over > 0 {
		said = append(said[:most], fmt.Sprintf("%d more likewise", over))
	}
	return strings.Join(said, ", ")
}

// Resume is the lab to go on with for somebody who comes back: that worked on last, or else the
// first, of those under way; else the next from the start.
func Resume(c *course.Course, standings map[string]Standing, last string) *course.Lab {
	var first *course.Lab
	for _, l := range c.Labs {
		if !standings[l.ID].UnderWay() {
			continue
		}
		if l.ID == last {
			return l
		}
		if first == nil {
			first = l
		}
	}
	if first != nil {
		return first
	}
	return Next(c, standings, nil)
}
