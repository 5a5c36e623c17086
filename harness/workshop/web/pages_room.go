package web

import (
	"context"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/page"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

func (w *Web) pageRoom(v *visit) error {
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	p, err := s.instructors()
	if err != nil {
		return err
	}
	return v.show("room.html", sheet{Title: "The room", Room: s.room.Title, Nav: "room",
		Said: done(v), Body: struct {
			View roomView
			Live live
			Base string
			TLS  bool
			Run  bool // the queue's own pages are there
		}{s.view(), livePart("/room", p.html), w.Base, w.TLS, w.Queue != nil}})
}

// done says what a form has just done.
func done(v *visit) string {
	return map[string]string{"said": "The message is on everybody's page.",
		"changed":  "It is changed.",
		"answered": "The hand is lowered.",
		"removed":  "Removed: their token is worth nothing any more.",
		"ended":    "The workshop has ended.", "asked": "Your hand is raised.",
		"overridden": "Your word counts now.",
		"applied":    "The new verdicts count now.",
		"dropped":    "Dropped: nothing has changed."}[v.URL.Query().Get("done")]
}

func (w *Web) partRoom(v *visit) error { return v.part((*snapshot).instructors) }

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
	return v.show("lab.html", sheet{Title: l.ID + " " + l.Title, Room: s.room.Title, Nav: "room",
		Said: done(v), Body: body})
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
	return v.show("participant.html", sheet{Title: s.all[i].Name, Room: s.room.Title, Nav: "room",
		Body: w.meOf(s, s.all[i])})
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
	return v.show("submission.html", sheet{Title: p.Who + ": " + sub.Lab, Room: s.room.Title,
		Nav: "room", Said: done(v), Body: p})
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
	return v.show("regrade.html", sheet{Title: "Regrade", Room: s.room.Title, Nav: "room",
		Said: done(v), Body: struct {
			room.Regrade
			State wire.RegradeState
		}{g, s.wireRegrade(g)}})
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
