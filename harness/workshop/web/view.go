package web

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/page"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// roomView is the room as an instructor sees it, or, without anybody's name, the wall.
type roomView struct {
	Room     room.Room
	Phase    string
	Code     string
	Here     int
	Listed   int // on the roster, where only those may join
	Labs     []standing
	ByStuck  []standing
	Settings map[string]room.Setting
	Rows     []matrixRow
	Find     found
	Hands    []shownHand
	Queue    shownQueue
	Line     template.HTML
	LineSaid []string
	Graded   int // verdicts in all
	Passes   int // of participants and labs, by the grader
}

// matrixRow is a participant's line of the matrix.
type matrixRow struct {
	Who   room.Participant
	Cells []shownCell
	Hand  bool
}

// shownCell is a cell as a page shows it: with a sign and words, and a colour besides.
type shownCell struct {
	Kind   page.Kind
	Sign   string // ● is the grader's word, ○ that of their own machine
	Mark   string // ✓ or ✗
	Points string
	Words  string // all of it for who does not see
	Word   string // who says so, short
	Sub    int64  // to look at, or 0
	Wait   string // that something is in the queue
}

// Empty reports whether nothing has happened there.
func (c shownCell) Empty() bool { return c.Words == "" }

type shownHand struct {
	room.Hand
	Who   string
	Title string // of the check
}

type shownQueue struct {
	Waiting, Grading int
	Oldest           time.Time
	Empty            time.Duration
}

// shown is a cell as pages show it: what the grader says, and if nothing, what their own machine
// does.
func (s *snapshot) shown(who int64, lab string) shownCell {
	c := s.cells[place{who, lab}]
	if !c.begun() {
		return shownCell{}
	}
	out := shownCell{}
	l, _ := s.labOf(lab)
	counts := c.best
	if counts == nil {
		counts = c.graded
	}
	switch {
	case counts != nil && counts.Graded != nil && (c.report == nil || passed(counts) ||
		!c.saysPass()):
		out = s.gradedCell(l, counts)
	case c.report != nil:
		r := c.report
		out = shownCell{Kind: kindOf(r.Verdict), Sign: "○", Mark: markOf(r.Verdict), Word: "reported",
			Points: strconv.Itoa(r.Points) + "/" + strconv.Itoa(r.MaxPoints)}
		out.Words = "their own machine says: " + r.Verdict.Words() + ", " + out.Points + " points"
	}
	if c.last != nil && c.last.Graded == nil {
		out.Wait, out.Sub = "in the queue", c.last.ID
		out.Words = strings.TrimPrefix(out.Words+"; a submission is in the queue", "; ")
	}
	return out
}

func (s *snapshot) gradedCell(l *course.Lab, sub *room.Submission) shownCell {
	v := sub.Graded.Result.Verdict
	out := shownCell{Kind: kindOf(v), Sign: "●", Mark: markOf(v), Word: "graded", Sub: sub.ID}
	out.Words = "graded: " + v.Words()
	if points, ok := sub.Points(s.settings[sub.Lab]); ok {
		out.Points = number(&points) + "/" + strconv.Itoa(l.MaxPoints())
		out.Words += ", " + out.Points + " points"
	}
	if sub.Late {
		out.Word += ", late"
		out.Words += ", late"
	}
	if sub.Override != nil {
		out.Word = "overridden"
		out.Words += ", by the instructor's word: " + report.Plain(sub.Override.Reason)
	}
	return out
}

func markOf(v run.Verdict) string {
	switch {
	case v == run.Passed:
		return "✓"
	case failed(v):
		return "✗"
	}
	return "?"
}

// labOf is a lab of the room; an empty one where the course has it no more.
func (s *snapshot) labOf(id string) (*course.Lab, bool) {
	for _, l := range s.labs {
		if l.ID == id {
			return l, true
		}
	}
	return &course.Lab{ID: id}, false
}

// view is the room without its people.
func (s *snapshot) view() roomView {
	t := timeLineOf(s.labs, s.events)
	out := roomView{Room: s.room, Phase: phaseWords[s.phase], Code: s.room.Code, Here: len(s.people), Listed: s.expected(),
		Labs: s.standingsOf(), Settings: s.settings, Line: t.SVG(time.Local),
		LineSaid: t.Said(time.Local),
		Queue:    shownQueue{s.queue.waiting, s.queue.grading, s.queue.oldest, s.queue.empty()}}
	for _, st := range byStuck(out.Labs) {
		if st.Stuck > 0 {
			out.ByStuck = append(out.ByStuck, st)
		}
		out.Passes += st.Graded
	}
	for _, sub := range s.subs {
		if sub.Graded != nil {
			out.Graded++
		}
	}
	return out
}

// expected is how many may come, where that is known: those of the roster.
func (s *snapshot) expected() int {
	if !s.room.Limited {
		return 0
	}
	return len(s.listed())
}

// full is the room with those of its people who are looked at.
func (s *snapshot) full(l look) roomView {
	out := s.view()
	raised := map[int64]bool{}
	for _, h := range s.hands {
		raised[h.Participant] = true
		shown := shownHand{Hand: h, Who: s.names[h.Participant]}
		if l, ok := s.labOf(h.Lab); ok {
			if c := l.Check(h.Check); c != nil {
				shown.Title = c.Title
			}
		}
		out.Hands = append(out.Hands, shown)
	}
	people, find := s.find(l)
	out.Find = find
	for _, p := range people {
		row := matrixRow{Who: p, Hand: raised[p.ID]}
		for _, l := range s.labs {
			row.Cells = append(row.Cells, s.shown(p.ID, l.ID))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// wall is what the wall shows: counts, and nothing by which somebody could be told.
func (s *snapshot) wall() (*part, error) {
	return s.wallPart.render("wall-part", func() any { return s.view() })
}

// instructors is the room as instructors see it; what most of them look at is rendered once.
func (s *snapshot) instructors(l look) (*part, error) {
	p := &s.roomPart
	if l != (look{Page: 1}) {
		p = &part{}
	}
	return p.render("room-part", func() any { return s.full(l) })
}
