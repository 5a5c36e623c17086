package web

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// How long what people write may be.
const (
	maxName    = 100 // characters
	maxText    = 2000
	maxReports = 1000
	maxFailing = 200
)

func (w *Web) apiHello(v *visit) error {
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, wire.Hello{Title: r.Title, Version: wire.Version,
		Server: w.Version, Now: w.Now().UTC(),
		Course: r.Course, Labs: r.Labs, Ended: !r.Ended.IsZero(), Bundle: w.Bundle != ""})
}

func (w *Web) apiJoin(v *visit) error {
	var asked wire.Join
	if err := v.read(&asked); err != nil {
		return err
	}
	p, keys, err := w.join(v, asked.Code, asked.Name)
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, wire.Joined{ID: p.ID, Name: p.Name, Token: keys.Token,
		Recovery: keys.Recovery})
}

func (w *Web) apiRejoin(v *visit) error {
	var asked wire.Rejoin
	if err := v.read(&asked); err != nil {
		return err
	}
	p, keys, err := w.rejoin(v, asked.Code, asked.Recovery)
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, wire.Joined{ID: p.ID, Name: p.Name, Token: keys.Token})
}

// join gives somebody a place, unless their address has guessed too often.
func (w *Web) join(v *visit, code, name string) (room.Participant, room.Keys, error) {
	name, err := named(name)
	if err != nil {
		return room.Participant{}, room.Keys{}, err
	}
	if err := w.limits.guess(v); err != nil {
		return room.Participant{}, room.Keys{}, err
	}
	p, keys, err := w.Store.Join(v.Context(), strings.TrimSpace(code), name)
	if errors.Is(err, room.ErrCode) {
		w.limits.wrong(v)
	}
	return p, keys, err
}

func (w *Web) rejoin(v *visit, code, recovery string) (room.Participant, room.Keys, error) {
	if err := w.limits.guess(v); err != nil {
		return room.Participant{}, room.Keys{}, err
	}
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return room.Participant{}, room.Keys{}, err
	}
	p, keys, err := w.Store.Rejoin(v.Context(), strings.TrimSpace(code), strings.TrimSpace(recovery))
	if errors.Is(err, room.ErrCode) || errors.Is(err, room.ErrToken) {
		w.limits.wrong(v)
	}
	if err != nil && room.SameCode(code, r.Code) && (errors.Is(err, room.ErrCode) || errors.Is(err,
		room.ErrToken)) {
		err = fail(http.StatusUnauthorized, "token", "nobody in this room has that recovery code",
			"it was shown when you joined; without it join under another name, and tell the instructor that both are you")
	}
	return p, keys, err
}

// named is a name as it is kept, or what is wrong with it.
func named(name string) (string, error) {
	name = strings.Join(strings.Fields(report.Plain(name)), " ")
	switch {
	case name == "":
		return "", badRequest("there is no name: write how the instructor knows you")
	case utf8.RuneCountInString(name) > maxName:
		return "", badRequest("the name is longer than %d characters", maxName)
	}
	return name, nil
}

// written is a text that somebody has written for others to read.
func written(text string) (string, error) {
	text = strings.TrimSpace(report.PlainLines(text))
	switch {
	case text == "":
		return "", badRequest("there is no text")
	case utf8.RuneCountInString(text) > maxText:
		return "", badRequest("the text is longer than %d characters", maxText)
	}
	return text, nil
}

func (w *Web) apiMe(v *visit) error {
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return err
	}
	settings, err := w.Store.Settings(v.Context())
	if err != nil {
		return err
	}
	messages, err := w.Store.Messages(v.Context())
	if err != nil {
		return err
	}
	me := wire.Me{Name: v.who.Name, Title: r.Title, Now: w.Now().UTC(), Ended: !r.Ended.IsZero(),
		Labs: w.wireLabs(r, settings), Messages: wireMessages(messages)}
	return v.json(http.StatusOK, me)
}

// wireLabs are the labs as participants see them: with the hints and answers that were released.
func (w *Web) wireLabs(r room.Room, settings []room.Setting) []wire.Lab {
	labs := []wire.Lab{}
	for _, l := range w.labs(r) {
		i := slices.IndexFunc(settings, func(s room.Setting) bool { return s.Lab == l.ID })
		if i < 0 {
			continue
		}
		set := settings[i]
		shown := wire.Lab{ID: l.ID, Slug: l.Slug, Title: l.Title, Open: set.Open && phaseOf(r,
			w.Now()) == during,
			Deadline: when(set.Deadline), LateCost: set.LateCost,
			Hints: l.Hints[:min(max(set.Hints, 0), len(l.Hints))]}
		if set.Answer {
			text, err := os.ReadFile(filepath.Join(l.SolutionDir, "ANSWER.md"))
			if err == nil {
				shown.Answer = string(text)
			}
		}
		labs = append(labs, shown)
	}
	return labs
}

func wireMessages(messages []room.Message) []wire.Message {
	out := []wire.Message{}
	for _, m := range messages {
		out = append(out, wire.Message{ID: m.ID, Text: m.Text, At: m.At.UTC()})
	}
	return out
}

// when is a time that may be absent.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (w *Web) apiReports(v *visit) error {
	var sent wire.Reports
	if err := v.read(&sent); err != nil {
		return err
	}
	if len(sent.Reports) > maxReports {
		return badRequest("more than %d reports at once", maxReports)
	}
	r, err := w.Store.Room(v.Context())
	if err != nil {
		return err
	}
	var reports []room.Report
	for _, said := range sent.Reports {
		if one, ok := w.reported(r, v.who.ID, said); ok {
			reports = append(reports, one)
		}
	}
	if len(reports) > 0 {
		if err := w.Store.Report(v.Context(), reports); err != nil {
			return err
		}
	}
	return v.nothing()
}

// reported is a report as it is kept; one of a lab that is not the room's is none. What it says is
// held to what a machine of that lab can say: a page shows it.
func (w *Web) reported(r room.Room, who int64, said wire.Report) (room.Report, bool) {
	if !slices.Contains(r.Labs, said.Lab) || said.Key == "" || len(said.Key) > maxName ||
		len(said.Verdict) > maxName {
		return room.Report{}, false
	}
	l, err := w.Course.Named(said.Lab)
	if err != nil {
		return room.Report{}, false
	}
	now := w.Now().UTC()
	at := now.Add(-min(max(0, time.Duration(said.AgeMS)*time.Millisecond), now.Sub(r.Created)))
	kept := room.Report{Participant: who, Lab: said.Lab, Key: said.Key, At: at, Verdict: said.Verdict,
		MaxPoints: l.MaxPoints(), Points: min(max(said.Points, 0), l.MaxPoints())}
	for _, test := range said.Failing[:min(len(said.Failing), maxFailing)] {
		if l.Check(test) != nil {
			kept.Failing = append(kept.Failing, test)
		}
	}
	if l.Mutant(said.Mutant) != nil {
		kept.Mutant = said.Mutant
	}
	return kept, true
}

func (w *Web) apiSubmit(v *visit) error {
	var sent wire.Submit
	if err := v.read(&sent); err != nil {
		return err
	}
	sub, again, err := w.submit(v.Context(), v.who.ID, sent.Lab, sent.Files)
	if err != nil {
		return err
	}
	out := w.wireSubmission(v.Context(), sub)
	out.Again = again
	return v.json(http.StatusOK, out)
}

// submit holds files to the rules of intake and hands them in.
func (w *Web) submit(ctx context.Context, who int64, id string,
	files map[string][]byte) (room.Submission, bool, error) {
	l, err := w.lab(ctx, id)
	if err != nil {
		return room.Submission{}, false, noLab(id)
	}
	taken, err := intake.Given(l, files)
	if err != nil {
		return room.Submission{}, false, err
	}
	sub, again, err := w.Store.Submit(ctx, who, l.ID, taken.Files, w.Enqueue)
	if errors.Is(err, room.ErrClosed) {
		err = fail(http.StatusConflict, "closed", l.ID+" is closed", "ask the instructor to open it")
	}
	return sub, again, err
}

// short is what somebody has written, fit for a line.
func short(text string) string {
	text = report.Plain(text)
	if utf8.RuneCountInString(text) > maxName {
		return string([]rune(text)[:maxName]) + "…"
	}
	return text
}

func (w *Web) apiSubmissions(v *visit) error {
	subs, err := w.Store.Submissions(v.Context(), v.who.ID, "")
	if err != nil {
		return err
	}
	out := []wire.Submission{}
	for _, sub := range subs {
		out = append(out, w.wireSubmission(v.Context(), sub))
	}
	return v.json(http.StatusOK, out)
}

// own is one of the visitor's own submissions, in full. Another's is not there.
func (v *visit) own() (room.Submission, error) {
	id, err := v.number("id")
	if err != nil {
		return room.Submission{}, err
	}
	sub, err := v.web.Store.Submission(v.Context(), id)
	if err == nil && sub.Participant != v.who.ID {
		err = room.ErrNotFound
	}
	return sub, err
}

func (w *Web) apiSubmission(v *visit) error {
	sub, err := v.own()
	if err != nil {
		return err
	}
	if strings.Contains(v.Request.Header.Get("Accept"), "text/event-stream") {
		return w.streamSubmission(v, sub)
	}
	return v.json(http.StatusOK, w.wireSubmission(v.Context(), sub))
}

// wireSubmission is a submission as its owner and the instructor see it.
func (w *Web) wireSubmission(ctx context.Context, sub room.Submission) wire.Submission {
	out := wire.Submission{ID: sub.ID, Lab: sub.Lab, At: sub.At.UTC(), Late: sub.Late,
		State: stateOf(sub), Place: sub.Place}
	if sub.Graded != nil {
		out.Result, out.Place = &sub.Graded.Result, 0
	}
	if sub.Override != nil {
		out.Override = &wire.Override{Points: sub.Override.Points, Reason: sub.Override.Reason}
	}
	settings, err := w.Store.Settings(ctx)
	if err != nil {
		return out
	}
	for _, set := range settings {
		if points, ok := sub.Points(set); ok && set.Lab == sub.Lab {
			out.Points = &points
		}
	}
	return out
}

func stateOf(sub room.Submission) wire.State {
	switch {
	case sub.Graded != nil:
		return wire.Graded
	case sub.Begun:
		return wire.Grading
	}
	return wire.Waiting
}

func (w *Web) apiAsk(v *visit) error {
	var asked wire.Ask
	if err := v.read(&asked); err != nil {
		return err
	}
	if err := w.ask(v, asked); err != nil {
		return err
	}
	return v.nothing()
}

// ask raises the visitor's hand.
func (w *Web) ask(v *visit, asked wire.Ask) error {
	text, err := written(asked.Text)
	if err != nil {
		return err
	}
	if r, err := w.Store.Room(v.Context()); err != nil {
		return err
	} else if !r.Ended.IsZero() {
		return fail(http.StatusGone, "ended", room.ErrEnded.Error(), "nobody looks at hands any more")
	}
	h := room.Hand{Participant: v.who.ID, Text: text, At: w.Now().UTC()}
	if asked.Lab != "" {
		l, err := w.lab(v.Context(), asked.Lab)
		if err != nil {
			return noLab(asked.Lab)
		}
		h.Lab = l.ID
		if l.Check(asked.Check) != nil {
			h.Check = asked.Check
		}
	}
	return w.Store.Raise(v.Context(), h)
}
