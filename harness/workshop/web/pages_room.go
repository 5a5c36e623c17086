package web

import (
	"context"
	"html/template"
	"maps"
	"net/http"
	"os"
	"path/filepath"
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
	l := lookOf(v)
	p, err := s.instructors(l)
	if err != nil {
		return err
	}
	shown := livePart("/room", p.html)
	shown.Part += l.query()
	return v.show("room.html", sheet{Title: "The room", Room: s.room.Title, Nav: "room",
		Said: done(v), Body: struct {
			View roomView
			Live live
			Base string
			TLS  bool
			Run  bool // the queue's own pages are there
		}{s.view(), shown, w.Base, w.TLS, w.Queue != nil}})
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

func (w *Web) partRoom(v *visit) error {
	return v.part(func(s *snapshot) (*part, error) { return s.instructors(lookOf(v)) })
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
		Find     found
		Answer   template.HTML
	}{Lab: l, Setting: s.settings[l.ID], Standing: s.standingOf(l), Answer: markdown(strings.Join(passages(l), "\n\n"))}
	people, find := s.find(lookOf(v))
	body.Find = find
	for _, p := range people {
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
	p := participantPage{me: w.meOf(s, s.all[i])}
	for _, sub := range p.Subs[:min(len(p.Subs), diffsShown)] {
		_, before, diff, err := w.changes(v.Context(), s, sub.Submission)
		if err != nil {
			return err
		}
		p.Steps = append(p.Steps, change{sub, before, diff})
	}
	return v.show("participant.html", sheet{Title: s.all[i].Name, Room: s.room.Title, Nav: "room", Body: p})
}

// participantPage is what the instructor sees of somebody: what they see themselves, and how their work has grown.
type participantPage struct {
	me
	Steps []change // newest first, the latest diffsShown of them
}

const diffsShown = 20

// change is a submission with what it has changed.
type change struct {
	mySub
	Before int64
	Diff   []fileDiff
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
	now, before, diff, err := w.changes(v.Context(), s, sub)
	if err != nil {
		return err
	}
	p.Before, p.Diff = before, diff
	for _, name := range slices.Sorted(maps.Keys(now)) {
		p.Files = append(p.Files, file{name, report.PlainLines(string(now[name]))})
	}
	return v.show("submission.html", sheet{Title: p.Who + ": " + sub.Lab, Room: s.room.Title,
		Nav: "room", Said: done(v), Body: p})
}

// fileDiff is what of a file has changed.
type fileDiff struct {
	Name  string
	Lines []page.DiffLine
}

// changes are the files of a submission, and what has changed in them since the one before it of the same person for the
// same lab, or, where there is none and before is 0, since the stub.
func (w *Web) changes(ctx context.Context, s *snapshot, sub room.Submission) (
	now map[string][]byte, before int64, diff []fileDiff, err error) {
	if now, err = w.Store.Files(ctx, sub.ID); err != nil {
		return nil, 0, nil, err
	}
	for _, of := range s.mine[sub.Participant] {
		if of.Lab == sub.Lab && of.ID < sub.ID {
			before = of.ID
		}
	}
	was := w.stub(sub.Lab)
	if before != 0 {
		if was, err = w.Store.Files(ctx, before); err != nil {
			return nil, 0, nil, err
		}
	}
	names := maps.Clone(now)
	maps.Copy(names, was)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		text := udiff.Unified("before/"+name, "now/"+name, string(was[name]), string(now[name]))
		if text != "" {
			diff = append(diff, fileDiff{name, report.DiffLines(text)})
		}
	}
	return now, before, diff, nil
}

// stub are the files that a lab was handed out with, as far as they can be read.
func (w *Web) stub(lab string) map[string][]byte {
	files := map[string][]byte{}
	l, err := w.Course.Named(lab)
	if err != nil {
		return files
	}
	dir, err := l.Stub()
	if err != nil {
		return files
	}
	for _, name := range l.Files {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			files[name] = text
		}
	}
	return files
}

// regradePage is a set of submissions that is graded again.
type regradePage struct {
	room.Regrade
	State wire.RegradeState
}

func (w *Web) regradeOf(v *visit) (p regradePage, s *snapshot, err error) {
	id, err := v.number("id")
	if err != nil {
		return p, nil, err
	}
	if p.Regrade, err = w.Store.RegradeOf(v.Context(), id); err != nil {
		return p, nil, err
	}
	if s, err = w.hub.fresh(v.Context()); err != nil {
		return p, nil, err
	}
	p.State = s.wireRegrade(p.Regrade)
	return p, s, nil
}

func (w *Web) pageRegrade(v *visit) error {
	p, s, err := w.regradeOf(v)
	if err != nil {
		return err
	}
	data, err := rendered("regrade-part", p)
	if err != nil {
		return err
	}
	return v.show("regrade.html", sheet{Title: "Regrade", Room: s.room.Title, Nav: "room", Said: done(v),
		Body: live{Events: "/room/live", Part: v.URL.Path + "/part", Now: template.HTML(data)}})
}

func (w *Web) partRegrade(v *visit) error {
	p, _, err := w.regradeOf(v)
	if err != nil {
		return err
	}
	data, err := rendered("regrade-part", p)
	if err != nil {
		return err
	}
	return v.html(http.StatusOK, data)
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
