package web

import (
	"context"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/page"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// roomView is the room as an instructor sees it, or, without anybody's name, the wall.
type roomView struct {
	Room     room.Room
	Phase    string
	Code     string
	Here     int
	Labs     []standing
	ByStuck  []standing
	Settings map[string]room.Setting
	Rows     []matrixRow
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

// shown is a cell as pages show it: what the grader says, and if nothing, what their own machine does.
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
	case counts != nil && counts.Graded != nil && (c.report == nil || passed(counts) || !c.saysPass()):
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
	points, ok := sub.Points(s.settings[sub.Lab])
	if ok {
		out.Points = number(&points) + "/" + strconv.Itoa(l.MaxPoints())
	}
	out.Words = "graded: " + v.Words() + ", " + out.Points + " points"
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
	out := roomView{Room: s.room, Phase: phaseWords[s.phase], Code: s.room.Code, Here: len(s.people),
		Labs: s.standingsOf(), Settings: s.settings, Line: t.SVG(time.Local), LineSaid: t.Said(time.Local),
		Queue: shownQueue{s.queue.waiting, s.queue.grading, s.queue.oldest, s.queue.empty()}}
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

// full is the room with its people.
func (s *snapshot) full() roomView {
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
	for _, p := range s.people {
		row := matrixRow{Who: p, Hand: raised[p.ID]}
		for _, l := range s.labs {
			row.Cells = append(row.Cells, s.shown(p.ID, l.ID))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// wall is what the wall shows: counts, and nothing by which somebody could be told.
func (s *snapshot) wall() ([]byte, error) {
	return s.wallPart.render("wall-part", func() any { return s.view() })
}

func (s *snapshot) instructors() ([]byte, error) {
	return s.roomPart.render("room-part", func() any { return s.full() })
}

func (w *Web) pageRoom(v *visit) error {
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	data, err := s.instructors()
	if err != nil {
		return err
	}
	return v.show("room.html", sheet{Title: "The room", Room: s.room.Title, Nav: "room", Said: done(v), Body: struct {
		View roomView
		Live live
		Base string
		TLS  bool
		Run  bool // the queue's own pages are there
	}{s.view(), livePart("/room", data), w.Base, w.TLS, w.Queue != nil}})
}

// done says what a form has just done.
func done(v *visit) string {
	return map[string]string{"said": "The message is on everybody's page.", "changed": "It is changed.",
		"answered": "The hand is lowered.", "removed": "Removed: their token is worth nothing any more.",
		"ended": "The workshop has ended.", "asked": "Your hand is raised.", "overridden": "Your word counts now.",
		"applied": "The new verdicts count now.", "dropped": "Dropped: nothing has changed."}[v.URL.Query().Get("done")]
}

func (w *Web) partRoom(v *visit) error { return v.part((*snapshot).instructors) }

// moment is a time that a form has given in the server's zone; absent where the field is not in the form, zero where it
// is empty.
func (v *visit) moment(name string) (*time.Time, error) {
	if _, given := v.PostForm[name]; !given {
		return nil, nil
	}
	text := v.field(name)
	if text == "" {
		return &time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", text, time.Local)
	if err != nil {
		return nil, badRequest("%s: %q is no time like 2006-01-02T15:04", name, short(text))
	}
	return &t, nil
}

// count is a whole number that a form has given; absent where there is none.
func (v *visit) count(name string) (*int, error) {
	if v.field(name) == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(v.field(name))
	if err != nil {
		return nil, badRequest("%s: %q is no whole number", name, short(v.field(name)))
	}
	return &n, nil
}

// formed does what a form asks for, once it is read, and goes to a page that says so.
func (v *visit) formed(to string, do func(ctx context.Context) error) error {
	if err := v.form(); err != nil {
		return err
	}
	if err := do(v.Context()); err != nil {
		return err
	}
	return v.to(to)
}

// formedOf is [visit.formed] about what the path names.
func (v *visit) formedOf(to string, do func(ctx context.Context, id int64) error) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	return v.formed(to, func(ctx context.Context) error { return do(ctx, id) })
}

func (w *Web) formRoom(v *visit) error {
	return v.formed("/room?done=changed", func(ctx context.Context) error {
		opens, err := v.moment("opens")
		if err != nil {
			return err
		}
		closes, err := v.moment("closes")
		if err != nil {
			return err
		}
		title := v.field("title")
		return w.changeRoom(ctx, wire.RoomChange{Title: &title, Opens: opens, Closes: closes})
	})
}

func (w *Web) formSay(v *visit) error {
	return v.formed("/room?done=said", func(ctx context.Context) error {
		text, err := written(v.field("text"))
		if err != nil {
			return err
		}
		return w.Store.Say(ctx, text)
	})
}

func (w *Web) formAnswered(v *visit) error {
	return v.formedOf("/room?done=answered", w.Store.Answered)
}

func (w *Web) formRemove(v *visit) error { return v.formedOf("/room?done=removed", w.Store.Remove) }

func (w *Web) formEnd(v *visit) error {
	return v.formed("/room?done=ended", func(ctx context.Context) error {
		if v.field("sure") == "" {
			return badRequest("tick that you are sure: an ended workshop does not begin again")
		}
		return w.endRoom(ctx)
	})
}

func (w *Web) pageLab(v *visit) error {
	l, err := w.lab(v.Context(), v.PathValue("lab"))
	if err != nil {
		return err
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	body := struct {
		Lab      *course.Lab
		Setting  room.Setting
		Standing standing
		Rows     []matrixRow
		Answer   template.HTML
	}{l, s.settings[l.ID], s.standingOf(l), nil, markdown(strings.Join(passages(l), "\n\n"))}
	for _, p := range s.people {
		body.Rows = append(body.Rows, matrixRow{Who: p, Cells: []shownCell{s.shown(p.ID, l.ID)}})
	}
	return v.show("lab.html", sheet{Title: l.ID + " " + l.Title, Room: s.room.Title, Nav: "room", Said: done(v), Body: body})
}

func (w *Web) formLab(v *visit) error {
	id := v.PathValue("lab")
	l, err := w.lab(v.Context(), id)
	if err != nil {
		return err
	}
	return v.formed("/room/labs/"+l.ID+"?done=changed", func(ctx context.Context) error {
		c, err := v.labChange()
		if err != nil {
			return err
		}
		return w.changeLab(ctx, id, c)
	})
}

// labChange is what a lab's form asks for.
func (v *visit) labChange() (c wire.LabChange, err error) {
	open, answer := v.field("open") != "", v.field("answer") != ""
	c.Open, c.Answer = &open, &answer
	if c.Deadline, err = v.moment("deadline"); err != nil {
		return c, err
	}
	for name, to := range map[string]**int{"late_cost": &c.LateCost, "per_hour": &c.PerHour, "hints": &c.Hints} {
		if *to, err = v.count(name); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (w *Web) pageParticipant(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.all, func(p room.Participant) bool { return p.ID == id })
	if i < 0 {
		return room.ErrNotFound
	}
	return v.show("participant.html", sheet{Title: s.all[i].Name, Room: s.room.Title, Nav: "room", Body: w.meOf(s, s.all[i])})
}

func (w *Web) pageSubmission(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	sub, err := w.Store.Submission(v.Context(), id)
	if err != nil {
		return err
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	p := submissionPage{mySub: s.mySub(sub), Report: reportOf(sub), Most: w.mostOf(sub), Ours: true,
		Path: "/room/submissions/" + strconv.FormatInt(id, 10)}
	if err := w.compare(v.Context(), s, &p); err != nil {
		return err
	}
	return v.show("submission.html", sheet{Title: p.Who + ": " + sub.Lab, Room: s.room.Title, Nav: "room", Said: done(v), Body: p})
}

// fileDiff is what of a file has changed.
type fileDiff struct {
	Name  string
	Lines []page.DiffLine
}

// compare adds the files of a submission, and what has changed since the one before it.
func (w *Web) compare(ctx context.Context, s *snapshot, p *submissionPage) error {
	now, err := w.Store.Files(ctx, p.ID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		p.Files = append(p.Files, file{name, report.PlainLines(string(now[name]))})
	}
	for _, sub := range s.of(p.Participant) {
		if sub.Lab == p.Lab && sub.ID < p.ID {
			p.Before = sub.ID
		}
	}
	if p.Before == 0 {
		return nil
	}
	was, err := w.Store.Files(ctx, p.Before)
	if err != nil {
		return err
	}
	names := maps.Clone(was)
	maps.Copy(names, now)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		text := udiff.Unified("before/"+name, "now/"+name, string(was[name]), string(now[name]))
		if text != "" {
			p.Diff = append(p.Diff, fileDiff{name, diffLines(text)})
		}
	}
	return nil
}

func diffLines(text string) (lines []page.DiffLine) {
	for line := range strings.Lines(text) {
		l := page.DiffLine{Kind: page.None, Text: report.Plain(strings.TrimRight(line, "\r\n"))}
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
		case strings.HasPrefix(line, "+"):
			l.Kind = page.Good
		case strings.HasPrefix(line, "-"):
			l.Kind = page.Bad
		}
		lines = append(lines, l)
	}
	return lines
}

func (w *Web) formOverride(v *visit) error {
	path := "/room/submissions/" + v.PathValue("id") + "?done=overridden"
	return v.formedOf(path, func(ctx context.Context, id int64) error {
		if v.field("back") != "" {
			return w.override(ctx, id, nil)
		}
		points, err := v.count("points")
		if err != nil {
			return err
		}
		if points == nil {
			return badRequest("how many points?")
		}
		return w.override(ctx, id, &wire.Override{Points: *points, Reason: v.field("reason")})
	})
}

func (w *Web) formRegrade(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	asked := wire.Regrade{Lab: v.field("lab"), Reason: v.field("reason"), All: v.field("all") != ""}
	for name, to := range map[string]*int64{"participant": &asked.Participant, "submission": &asked.Submission} {
		if text := v.field(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return badRequest("%s: %q is no number", name, short(text))
			}
			*to = n
		}
	}
	g, err := w.regrade(v.Context(), asked)
	if err != nil {
		return err
	}
	return v.to("/room/regrades/" + strconv.FormatInt(g.ID, 10))
}

func (w *Web) pageRegrade(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	g, err := w.Store.RegradeOf(v.Context(), id)
	if err != nil {
		return err
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	return v.show("regrade.html", sheet{Title: "Regrade", Room: s.room.Title, Nav: "room", Said: done(v), Body: struct {
		room.Regrade
		State wire.RegradeState
	}{g, s.wireRegrade(g)}})
}

func (w *Web) formRegradeDo(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	do, what := w.apply, "applied"
	if v.field("drop") != "" {
		do, what = w.Store.Drop, "dropped"
	}
	return v.formedOf("/room/regrades/"+v.PathValue("id")+"?done="+what, do)
}

func (w *Web) pageAudit(v *visit) error {
	entries, err := w.Store.Audit(v.Context(), 500)
	if err != nil {
		return err
	}
	return v.show("audit.html", sheet{Title: "What was done", Nav: "room", Body: entries})
}

// mine is the path of one of somebody's own submissions.
func mine(id int64) string { return "/me/submissions/" + strconv.FormatInt(id, 10) }
