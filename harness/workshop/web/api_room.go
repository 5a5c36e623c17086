package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

func (w *Web) apiRoom(v *visit) error {
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, s.wireRoom())
}

func (s *snapshot) wireRoom() wire.Room {
	out := wire.Room{Title: s.room.Title, Code: s.room.Code, Opens: when(s.room.Opens),
		Closes: when(s.room.Closes),
		Ended:  when(s.room.Ended), Labs: []wire.Setting{}, Participants: []wire.Participant{},
		Hands:    []wire.Hand{},
		Messages: wireMessages(s.messages),
		Queue: wire.Queue{Waiting: s.queue.waiting, Grading: s.queue.grading,
			Oldest:    when(s.queue.oldest),
			EmptyInMS: s.queue.empty().Milliseconds()}}
	for _, l := range s.labs {
		set := s.settings[l.ID]
		out.Labs = append(out.Labs, wire.Setting{ID: l.ID, Title: l.Title, Open: set.Open,
			Deadline: when(set.Deadline),
			LateCost: set.LateCost, PerHour: set.PerHour, Hints: set.Hints, HintsOf: len(l.Hints),
			Answer: set.Answer})
	}
	for _, p := range s.all {
		out.Participants = append(out.Participants, wire.Participant{ID: p.ID, Name: p.Name,
			Joined: when(p.Joined),
			Seen:   when(p.Seen), Removed: when(p.Removed)})
	}
	for _, h := range s.hands {
		out.Hands = append(out.Hands, wire.Hand{ID: h.ID, Name: s.names[h.Participant],
			Lab: h.Lab, Check: h.Check,
			Text: h.Text, At: h.At.UTC()})
	}
	return out
}

func (w *Web) apiChangeRoom(v *visit) error {
	var c wire.RoomChange
	if err := v.read(&c); err != nil {
		return err
	}
	if err := w.changeRoom(v.Context(), c); err != nil {
		return err
	}
	return w.apiRoom(v)
}

func (w *Web) changeRoom(ctx context.Context, c wire.RoomChange) error {
	var said []string
	if c.Title != nil {
		title, err := named(*c.Title)
		if err != nil {
			return err
		}
		c.Title = &title
		said = append(said, "title "+title)
	}
	if c.Opens != nil {
		said = append(said, "opens "+stamp(*c.Opens))
	}
	if c.Closes != nil {
		said = append(said, "closes "+stamp(*c.Closes))
	}
	if len(said) == 0 {
		return badRequest("nothing is to be changed: title, opens or closes")
	}
	r, err := w.Store.Room(ctx)
	if err != nil {
		return err
	}
	setTime(&r.Opens, c.Opens)
	setTime(&r.Closes, c.Closes)
	if (c.Opens != nil || c.Closes != nil) && !r.Closes.IsZero() && !r.Opens.Before(r.Closes) {
		return badRequest("it would close before it opens: nothing could be handed in")
	}
	_, err = w.Store.Change(ctx, "changed", strings.Join(said, ", "), func(r *room.Room) {
		set(&r.Title, c.Title)
		setTime(&r.Opens, c.Opens)
		setTime(&r.Closes, c.Closes)
	})
	return err
}

// stamp is a time as the audit log has it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func setTime(to, from *time.Time) {
	if from != nil {
		*to = from.UTC()
	}
}

func (w *Web) apiChangeLab(v *visit) error {
	var c wire.LabChange
	if err := v.read(&c); err != nil {
		return err
	}
	if err := w.changeLab(v.Context(), v.PathValue("lab"), c); err != nil {
		return err
	}
	return w.apiRoom(v)
}

// noLab says that the room has none of that name.
func noLab(name string) *failure {
	return fail(http.StatusNotFound, "not_found", "this room has no lab "+short(name), "")
}

func (w *Web) changeLab(ctx context.Context, id string, c wire.LabChange) error {
	l, err := w.lab(ctx, id)
	if err != nil {
		return noLab(id)
	}
	did, detail, err := sayChange(l, c)
	if err != nil {
		return err
	}
	_, err = w.Store.ChangeLab(ctx, l.ID, did, detail, func(to *room.Setting) {
		set(&to.Open, c.Open)
		setTime(&to.Deadline, c.Deadline)
		set(&to.LateCost, c.LateCost)
		set(&to.PerHour, c.PerHour)
		set(&to.Hints, c.Hints)
		set(&to.Answer, c.Answer)
	})
	return err
}

// sayChange is a change of a lab in the words of the audit log, or what is wrong with it.
func sayChange(l *course.Lab, c wire.LabChange) (did, detail string, err error) {
	var dids, details []string
	say := func(did, format string, args ...any) {
		if !slices.Contains(dids, did) {
			dids = append(dids, did)
		}
		if format != "" {
			details = append(details, fmt.Sprintf(format, args...))
		}
	}
	if c.Open != nil {
		say(map[bool]string{true: "opened", false: "closed"}[*c.Open], "")
	}
	if c.Deadline != nil {
		say("changed", "deadline %s", stamp(*c.Deadline))
	}
	for _, n := range []struct {
		what  string
		value *int
		most  int
	}{{"late cost in percent", c.LateCost, 100}, {"submissions per hour", c.PerHour, 1000},
		{"hints", c.Hints, len(l.Hints)}} {
		switch {
		case n.value == nil:
		case *n.value < 0 || *n.value > n.most:
			return "", "", badRequest("%s: %d is not between 0 and %d", n.what, *n.value, n.most)
		case n.what == "hints":
			say("released", "%d of %d hints", *n.value, n.most)
		default:
			say("changed", "%s %d", n.what, *n.value)
		}
	}
	if c.Answer != nil && *c.Answer {
		say("released", "the model answer")
	} else if c.Answer != nil {
		say("took back", "the model answer")
	}
	if len(dids) == 0 {
		return "", "", badRequest("nothing is to be changed: open, deadline, late_cost, per_hour, hints or answer")
	}
	return strings.Join(dids, " and "), strings.Join(details, ", "), nil
}

func (w *Web) apiSay(v *visit) error {
	var said wire.Say
	if err := v.read(&said); err != nil {
		return err
	}
	text, err := written(said.Text)
	if err != nil {
		return err
	}
	if err := w.Store.Say(v.Context(), text); err != nil {
		return err
	}
	return v.nothing()
}

// did does something to what the path names, and answers that it is done.
func (v *visit) did(what string, do func(ctx context.Context, id int64) error) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	if err := do(v.Context(), id); err != nil {
		return none(err, what, id)
	}
	return v.nothing()
}

// The words for what there is none of with a number.
const (
	noHand        = "no hand %d is up"
	noParticipant = "there is no participant %d in the room"
	noSubmission  = "there is no submission %d"
	noRegrade     = "there is no regrade %d"
)

// numbersAt is where an instructor finds the numbers.
var numbersAt = map[string]string{
	noHand:        "labs room status lists the hands",
	noParticipant: "labs room status --json has the participants with their numbers",
	noSubmission:  "the instructor's page has the numbers at each participant",
	noRegrade:     "labs room audit has the numbers of regrades",
}

// none says what there is none of, where that is what is wrong.
func none(err error, what string, id int64) error {
	if !errors.Is(err, room.ErrNotFound) {
		return err
	}
	return fail(http.StatusNotFound, "not_found", fmt.Sprintf(what, id), numbersAt[what])
}

func (w *Web) apiAnswered(v *visit) error { return v.did(noHand, w.Store.Answered) }

func (w *Web) apiRemove(v *visit) error { return v.did(noParticipant, w.Store.Remove) }

func (w *Web) apiOverride(v *visit) error {
	var said wire.Override
	if err := v.read(&said); err != nil {
		return err
	}
	return w.apiOverrideBy(v, &said)
}

func (w *Web) apiOverrideBack(v *visit) error { return w.apiOverrideBy(v, nil) }

func (w *Web) apiOverrideBy(v *visit, o *wire.Override) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	if err := w.override(v.Context(), id, o); err != nil {
		return none(err, noSubmission, id)
	}
	sub, err := w.Store.Submission(v.Context(), id)
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, w.wireSubmission(v.Context(), sub))
}

// override puts an instructor's word in place of the grader's; nil takes it back.
func (w *Web) override(ctx context.Context, id int64, said *wire.Override) error {
	if said == nil {
		return w.Store.Override(ctx, id, nil)
	}
	sub, err := w.Store.Submission(ctx, id)
	if err != nil {
		return err
	}
	reason, err := written(said.Reason)
	if err != nil {
		return badRequest("an override needs a reason: whoever it concerns reads it")
	}
	l, err := w.Course.Named(sub.Lab)
	if err != nil {
		return err
	}
	if said.Points < 0 || said.Points > l.MaxPoints() {
		return badRequest("%d is not between 0 and the lab's %d points", said.Points, l.MaxPoints())
	}
	return w.Store.Override(ctx, id, &room.Override{Points: said.Points, Reason: reason,
		At: w.Now().UTC()})
}

func (w *Web) apiRegrade(v *visit) error {
	var asked wire.Regrade
	if err := v.read(&asked); err != nil {
		return err
	}
	g, err := w.regrade(v.Context(), asked)
	if err != nil {
		return err
	}
	return w.sayRegrade(v, g.ID)
}

// regrade puts what was asked for into the queue again.
func (w *Web) regrade(ctx context.Context, asked wire.Regrade) (room.Regrade, error) {
	reason, err := written(asked.Reason)
	if err != nil {
		return room.Regrade{}, badRequest("a regrade needs a reason: the audit log keeps it")
	}
	if asked.Lab != "" {
		l, err := w.lab(ctx, asked.Lab)
		if err != nil {
			return room.Regrade{}, noLab(asked.Lab)
		}
		asked.Lab = l.ID
	}
	subs, err := w.Store.Submissions(ctx, asked.Participant, asked.Lab)
	if err != nil {
		return room.Regrade{}, err
	}
	ids := meant(subs, asked)
	if len(ids) == 0 {
		return room.Regrade{}, fail(http.StatusNotFound, "not_found",
			"there is no graded submission of that kind", "")
	}
	return w.Store.Regrade(ctx, ids, reason, w.Enqueue)
}

// meant are the submissions that a regrade is about: the latest of each person for each lab, unless
// it asks for all or for one. One that waits for its first verdict is none of them.
func meant(subs []room.Submission, asked wire.Regrade) (ids []int64) {
	latest := map[place]int64{}
	for _, sub := range subs {
		if sub.Graded == nil || asked.Submission != 0 && asked.Submission != sub.ID {
			continue
		}
		if asked.All {
			ids = append(ids, sub.ID)
		}
		latest[place{sub.Participant, sub.Lab}] = sub.ID
	}
	if !asked.All {
		for _, id := range latest {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	return ids
}

func (w *Web) apiRegradeOf(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	return w.sayRegrade(v, id)
}

func (w *Web) apiApply(v *visit) error { return w.apiRegradeBy(v, w.apply) }

func (w *Web) apiDrop(v *visit) error { return w.apiRegradeBy(v, w.Store.Drop) }

func (w *Web) apiRegradeBy(v *visit, do func(context.Context, int64) error) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	if err := do(v.Context(), id); err != nil {
		return none(err, noRegrade, id)
	}
	return w.sayRegrade(v, id)
}

// apply makes a regrade count, when all of it is there.
func (w *Web) apply(ctx context.Context, id int64) error {
	g, err := w.Store.RegradeOf(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case !g.Dropped.IsZero():
		return fail(http.StatusConflict, "bad_request", "that regrade was dropped", "begin another")
	case !g.Applied.IsZero():
		return nil
	case g.Done < g.Of:
		return again(fail(http.StatusConflict, "busy",
			fmt.Sprintf("%d of %d are graded again so far", g.Done, g.Of),
			"wait for the others, then apply it"), 5*time.Second)
	}
	return w.Store.Apply(ctx, id)
}

func (w *Web) sayRegrade(v *visit, id int64) error {
	g, err := w.Store.RegradeOf(v.Context(), id)
	if err != nil {
		return none(err, noRegrade, id)
	}
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, s.wireRegrade(g))
}

func (s *snapshot) wireRegrade(g room.Regrade) wire.RegradeState {
	out := wire.RegradeState{ID: g.ID, Of: g.Of, Done: g.Done, Applied: !g.Applied.IsZero(),
		Dropped: !g.Dropped.IsZero(),
		Changes: []wire.Change{}}
	for _, c := range g.Changes {
		out.Changes = append(out.Changes, wire.Change{Submission: c.Submission,
			Name: s.names[c.Participant], Lab: c.Lab,
			Before: c.Before.Result.Verdict, PointsThen: c.Before.Result.Points,
			Then: c.Then.Result.Verdict, PointsAfter: c.Then.Result.Points})
	}
	return out
}

func (w *Web) apiEnd(v *visit) error {
	if err := w.endRoom(v.Context()); err != nil {
		return err
	}
	return v.nothing()
}

// endRoom ends the workshop; one that has ended stays as it is.
func (w *Web) endRoom(ctx context.Context) error {
	r, err := w.Store.Room(ctx)
	if err != nil || !r.Ended.IsZero() {
		return err
	}
	_, err = w.Store.Change(ctx, "ended", "", func(r *room.Room) { r.Ended = w.Now().UTC() })
	return err
}

const maxAudit = 10_000

func (w *Web) apiAudit(v *visit) error {
	entries, err := w.Store.Audit(v.Context(), maxAudit)
	if err != nil {
		return err
	}
	out := []wire.Entry{}
	for _, e := range entries {
		out = append(out, wire.Entry{At: e.At.UTC(), Who: e.Who, Did: e.Did, What: e.What,
			Detail: e.Detail})
	}
	return v.json(http.StatusOK, out)
}

func (w *Web) apiStandings(v *visit) error {
	s, err := w.hub.fresh(v.Context())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, wire.Standings{Rows: s.standings()})
}

// standings is where everybody stands in every lab, by name and in the order of the labs.
func (s *snapshot) standings() []wire.Standing {
	rows := []wire.Standing{}
	for _, p := range s.people {
		rows = append(rows, s.rowsOf(p)...)
	}
	return rows
}

func (s *snapshot) rowsOf(p room.Participant) (rows []wire.Standing) {
	for _, l := range s.labs {
		rows = append(rows, s.standing(p, l))
	}
	return rows
}

func (s *snapshot) standing(p room.Participant, l *course.Lab) wire.Standing {
	row := wire.Standing{Participant: p.ID, Name: p.Name, Lab: l.ID, MaxPoints: l.MaxPoints(),
		Removed: !p.Removed.IsZero()}
	c := s.cells[place{p.ID, l.ID}]
	if !c.begun() {
		return row
	}
	counts := c.best
	if counts == nil {
		counts = c.graded
	}
	if counts != nil && counts.Graded != nil {
		row.Graded = counts.Graded.Result.Verdict
	}
	if counts != nil {
		if points, ok := counts.Points(s.settings[l.ID]); ok {
			row.Points = &points
		}
	}
	if c.report != nil {
		row.Says = c.report.Verdict
	}
	var at time.Time
	_, row.Failing, row.Mutant, at = c.latest()
	row.At = when(at)
	return row
}
