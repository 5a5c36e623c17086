package web

import (
	"html/template"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/page"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// me is a participant's page.
type me struct {
	Who      room.Participant
	Phase    string
	Messages []room.Message // newest first
	Labs     []myLab
	Subs     []mySub // newest first
	Live     live
}

// myLab is a lab as a participant sees it.
type myLab struct {
	wire.Lab
	Setting room.Setting
	Cell    shownCell
}

// mySub is a submission in a table.
type mySub struct {
	room.Submission
	Badge  page.Badge
	Points string
	Who    string
}

// phaseWords say why nothing is taken at the moment.
var phaseWords = map[phase]string{before: "The workshop has not opened yet.",
	after: "The workshop is closed.",
	ended: "The workshop has ended. What was handed in is kept."}

func (w *Web) meOf(s *snapshot, who room.Participant) me {
	m := me{Who: who, Phase: phaseWords[s.phase], Messages: slices.Clone(s.messages)}
	slices.Reverse(m.Messages)
	for _, l := range w.wireLabs(s.room, slices.Collect(maps.Values(s.settings))) {
		m.Labs = append(m.Labs, myLab{l, s.settings[l.ID], s.shown(who.ID, l.ID)})
	}
	for _, sub := range s.of(who.ID) {
		m.Subs = append(m.Subs, s.mySub(sub))
	}
	slices.Reverse(m.Subs)
	return m
}

func (s *snapshot) mySub(sub room.Submission) mySub {
	out := mySub{Submission: sub, Badge: badgeOf(sub), Who: s.names[sub.Participant]}
	if points, ok := sub.Points(s.settings[sub.Lab]); ok {
		out.Points = number(&points)
	}
	return out
}

// badgeOf says where a submission stands.
func badgeOf(sub room.Submission) page.Badge {
	switch stateOf(sub) {
	case wire.Waiting:
		if sub.Place == 0 {
			return page.Badge{Words: "waits, is next", Kind: page.None}
		}
		return page.Badge{Words: "waits, " + strconv.Itoa(sub.Place) + " before it", Kind: page.None}
	case wire.Grading:
		return page.Badge{Words: "is being graded", Kind: page.None}
	}
	r := sub.Graded.Result
	return page.Badge{Words: r.Words(), Kind: kindOf(r.Verdict)}
}

func kindOf(v run.Verdict) page.Kind {
	switch {
	case v == run.Passed:
		return page.Good
	case failed(v):
		return page.Bad
	case v == run.InfraError:
		return page.Warn
	}
	return page.None
}

func (w *Web) pageMe(v *visit) error {
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	m := w.meOf(s, v.who)
	data, err := rendered("me-part", m)
	if err != nil {
		return err
	}
	m.Live = livePart("/me", data)
	return v.show("me.html", sheet{Title: v.who.Name, Room: s.room.Title, Nav: "me",
		Said: done(v), Body: m})
}

func (w *Web) partMe(v *visit) error {
	return v.part(func(s *snapshot) (*part, error) {
		data, err := rendered("me-part", w.meOf(s, v.who))
		return &part{html: data}, err
	})
}

// labPage is a lab's brief with what was released of it.
type labPage struct {
	myLab
	Files []string
	Brief template.HTML
	Subs  []mySub
}

func (w *Web) pageMyLab(v *visit) error {
	l, err := w.lab(v.Context(), v.PathValue("lab"))
	if err != nil {
		return err
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	p := labPage{Files: l.Files, Brief: briefOf(l)}
	m := w.meOf(s, v.who)
	for _, of := range m.Labs {
		if of.ID == l.ID {
			p.myLab = of
		}
	}
	for _, sub := range m.Subs {
		if sub.Lab == l.ID {
			p.Subs = append(p.Subs, sub)
		}
	}
	return v.show("my-lab.html", sheet{Title: l.ID + " " + l.Title, Room: s.room.Title, Nav: "me",
		Body: p})
}

// briefOf is a lab's brief as HTML.
func briefOf(l *course.Lab) template.HTML {
	text, err := os.ReadFile(filepath.Join(l.Dir, "README.md"))
	if err != nil {
		return ""
	}
	return markdown(string(text))
}

// formSubmit takes a lab's files from a browser.
func (w *Web) formSubmit(v *visit) error {
	if err := v.ParseMultipartForm(formBody); err != nil {
		return formError(err)
	}
	defer func() { _ = v.MultipartForm.RemoveAll() }()
	files := map[string][]byte{}
	for _, head := range v.MultipartForm.File["files"] {
		data, err := uploaded(head)
		if err != nil {
			return err
		}
		if head.Filename != "" {
			files[head.Filename] = data
		}
	}
	sub, _, err := w.submit(v.Context(), v.who.ID, v.field("lab"), files)
	if err != nil {
		return err
	}
	return v.to(mine(sub.ID))
}

// uploaded is one file, one byte longer than it may be if it is too long.
func uploaded(head *multipart.FileHeader) ([]byte, error) {
	f, err := head.Open()
	if err != nil {
		return nil, formError(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, intake.MaxFile+1))
}

func (w *Web) formAsk(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	if err := w.ask(v, wire.Ask{Lab: v.field("lab"), Check: v.field("check"),
		Text: v.field("text")}); err != nil {
		return err
	}
	return v.to("/me?done=asked")
}

// submissionPage is a submission with its report, as its owner or the instructor sees it.
type submissionPage struct {
	mySub
	Report *page.Report
	Most   int // points that the lab has
	Files  []file
	Diff   []fileDiff
	Before int64 // the submission that the diff is against, or 0
	Live   live
	Path   string
	Ours   bool // for the instructor
}

// file is one that was handed in.
type file struct{ Name, Text string }

// reportOf is the report of a submission that is graded.
func reportOf(sub room.Submission) *page.Report {
	if sub.Graded == nil {
		return nil
	}
	r := report.Built([]run.Result{sub.Graded.Result}, report.PageOptions{})
	return &r
}

func (w *Web) pageMySubmission(v *visit) error {
	p, err := w.mySubmission(v)
	if err != nil {
		return err
	}
	data, err := rendered("submission-part", p)
	if err != nil {
		return err
	}
	p.Live = live{Events: "/me/live", Part: mine(p.ID) + "/part", Now: template.HTML(data)}
	return v.show("my-submission.html", sheet{Title: "Submission to " + p.Lab, Nav: "me", Body: p})
}

func (w *Web) partMySubmission(v *visit) error {
	p, err := w.mySubmission(v)
	if err != nil {
		return err
	}
	data, err := rendered("submission-part", p)
	if err != nil {
		return err
	}
	return v.html(http.StatusOK, data)
}

func (w *Web) mySubmission(v *visit) (submissionPage, error) {
	sub, err := v.own()
	if err != nil {
		return submissionPage{}, err
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return submissionPage{}, err
	}
	return submissionPage{mySub: s.mySub(sub), Report: reportOf(sub), Most: w.mostOf(sub)}, nil
}

// mostOf is how many points a submission can have.
func (w *Web) mostOf(sub room.Submission) int {
	l, err := w.Course.Named(sub.Lab)
	if err != nil {
		return 0
	}
	return l.MaxPoints()
}
