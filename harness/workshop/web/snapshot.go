package web

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// snapshot is the room at one moment. Nobody changes it but by rendering its parts, each of them
// once.
type snapshot struct {
	number int64     // of [room.Store.Changed]
	begun  time.Time // when it was begun to be taken
	looked time.Time // when it was last known to be up to date; guarded by hub.taking
	phase  phase

	room     room.Room
	labs     []*course.Lab
	settings map[string]room.Setting // by lab
	people   []room.Participant      // who has joined and was not removed
	all      []room.Participant
	names    map[int64]string
	mark     room.Mark          // what is new since then is read for the next picture
	subs     []*room.Submission // by id; shared with other pictures
	reports  map[place]*room.Report
	mine     map[int64][]*room.Submission // by participant, oldest first
	places   map[int64]int                // in the queue, by submission
	cells    map[place]*cell
	hands    []room.Hand
	messages []room.Message
	queue    queue
	events   []room.Event
	eventsAt time.Time // when the events were read
	old      bool      // the events are those of an earlier picture

	roomPart, wallPart part
}

// phase is where a room is in its own time: it changes without anything being stored.
type phase int

const (
	before phase = iota
	during
	after
	ended
)

func phaseOf(r room.Room, now time.Time) phase {
	switch {
	case !r.Ended.IsZero():
		return ended
	case !r.Closes.IsZero() && !now.Before(r.Closes):
		return after
	case !r.Opens.IsZero() && now.Before(r.Opens):
		return before
	}
	return during
}

// queue is how the grading goes.
type queue struct {
	waiting, grading int
	oldest           time.Time
	lately           int // graded in the last minute
}

// empty is when the queue is empty at the speed of late; 0 where nothing is known.
func (q queue) empty() time.Duration {
	if q.waiting == 0 || q.lately == 0 {
		return 0
	}
	return time.Duration(q.waiting+q.grading) * time.Minute / time.Duration(q.lately)
}

// place is where somebody's work on a lab stands in the matrix.
type place struct {
	who int64
	lab string
}

// cell is what is known of somebody's work on a lab.
type cell struct {
	report *room.Report     // the last that their own machine has said
	last   *room.Submission // handed in last
	graded *room.Submission // the last one with a verdict
	best   *room.Submission // the one that counts: with most points
	tries  int
}

// part is a fragment of a page, rendered once for each kind of viewer.
type part struct {
	once   sync.Once
	html   []byte
	packed []byte // by gzip
	err    error
}

// eventsEvery is how often the events of the line of time are read: they are many, and the line is
// coarse.
const eventsEvery = 5 * time.Second

const maxEvents = 50_000

// take looks at the whole room. Of submissions and reports, which may be a hundred thousand, only those are read that are
// new since the last picture.
func (w *Web) take(ctx context.Context, last *snapshot) (*snapshot, error) {
	s := &snapshot{settings: map[string]room.Setting{}, names: map[int64]string{},
		mine: map[int64][]*room.Submission{}, places: map[int64]int{}, cells: map[place]*cell{},
		reports: map[place]*room.Report{}}
	since := room.Mark(0)
	if last != nil {
		since, s.subs, s.reports = last.mark, slices.Clone(last.subs), maps.Clone(last.reports)
	}
	var settings []room.Setting
	for _, read := range []func() error{
		func() (err error) { s.mark, err = w.Store.Mark(ctx); return err },
		func() (err error) { s.room, err = w.Store.Room(ctx); return err },
		func() (err error) { settings, err = w.Store.Settings(ctx); return err },
		func() (err error) { s.all, err = w.Store.Participants(ctx); return err },
		func() error {
			subs, err := w.Store.SubmissionsSince(ctx, since)
			s.handedIn(subs)
			return err
		},
		func() error {
			reports, err := w.Store.ReportsSince(ctx, since)
			s.reported(reports)
			return err
		},
		func() (err error) { s.hands, err = w.Store.Hands(ctx); return err },
		func() (err error) { s.messages, err = w.Store.Messages(ctx); return err },
		func() (err error) {
			q := &s.queue
			q.waiting, q.grading, q.oldest, q.lately, err = w.Store.Queue(ctx)
			return err
		},
		func() error { return w.takeEvents(ctx, s, last) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	s.phase, s.labs = phaseOf(s.room, w.Now()), w.labs(s.room)
	for _, set := range settings {
		s.settings[set.Lab] = set
	}
	s.arrange()
	return s, nil
}

// handedIn puts submissions in the places of what was known of them.
func (s *snapshot) handedIn(subs []room.Submission) {
	for i := range subs {
		at, known := s.index(subs[i].ID)
		if known {
			s.subs[at] = &subs[i]
		} else {
			s.subs = slices.Insert(s.subs, at, &subs[i])
		}
	}
}

// index is where a submission is, or would be.
func (s *snapshot) index(id int64) (at int, known bool) {
	return slices.BinarySearchFunc(s.subs, id, func(sub *room.Submission, id int64) int { return cmp.Compare(sub.ID, id) })
}

// reported keeps the later report of each place.
func (s *snapshot) reported(reports []room.Report) {
	for i := range reports {
		r := &reports[i]
		at := place{r.Participant, r.Lab}
		if was := s.reports[at]; was == nil || cmp.Or(r.At.Compare(was.At), cmp.Compare(r.Key, was.Key)) > 0 {
			s.reports[at] = r
		}
	}
}

// current reports whether nothing can be new since a picture was taken.
func (s *snapshot) current(number int64, now time.Time) bool {
	return s.number == number && s.phase == phaseOf(s.room, now) && !(s.old && now.Sub(s.eventsAt) >= eventsEvery)
}

func (w *Web) takeEvents(ctx context.Context, s, last *snapshot) (err error) {
	now := w.Now()
	if last != nil && now.Sub(last.eventsAt) < eventsEvery && now.After(last.eventsAt) {
		s.events, s.eventsAt, s.old = last.events, last.eventsAt, true
		return nil
	}
	s.events, err = w.Store.Timeline(ctx, time.Time{}, maxEvents)
	s.eventsAt = now
	return err
}

// arrange sorts what was read by person and lab.
func (s *snapshot) arrange() {
	for _, p := range s.all {
		s.names[p.ID] = p.Name
		if !p.Joined.IsZero() && p.Removed.IsZero() {
			s.people = append(s.people, p)
		}
	}
	for at, r := range s.reports {
		s.at(at).report = r
	}
	for _, sub := range s.subs {
		s.mine[sub.Participant] = append(s.mine[sub.Participant], sub)
		c := s.at(place{sub.Participant, sub.Lab})
		c.last = sub
		c.tries++
		if sub.Graded != nil {
			c.graded = sub
		}
		if s.better(sub, c.best) {
			c.best = sub
		}
	}
	s.queueUp()
}

// queueUp gives each submission that waits its place: first ones come before repeated ones.
func (s *snapshot) queueUp() {
	n := 0
	for _, first := range []bool{true, false} {
		for _, sub := range s.subs {
			if stateOf(*sub) == wire.Waiting && sub.First == first {
				s.places[sub.ID] = n
				n++
			}
		}
	}
}

// placed is a submission with its place in the queue.
func (s *snapshot) placed(sub *room.Submission) room.Submission {
	out := *sub
	out.Place = s.places[sub.ID]
	return out
}

// at is the cell of a place, made where there is none.
func (s *snapshot) at(p place) *cell {
	c := s.cells[p]
	if c == nil {
		c = &cell{}
		s.cells[p] = c
	}
	return c
}

// better reports whether a submission counts rather than the one that has counted so far. Of equal
// ones the first does.
func (s *snapshot) better(sub, than *room.Submission) bool {
	points, ok := sub.Points(s.settings[sub.Lab])
	if !ok {
		return false
	}
	if than == nil {
		return true
	}
	before, _ := than.Points(s.settings[sub.Lab])
	return points > before || points == before && passed(sub) && !passed(than)
}

func passed(sub *room.Submission) bool {
	return sub != nil && sub.Graded != nil && sub.Graded.Result.Verdict == run.Passed
}

// gradedPass reports whether the grader has passed somebody's work on a lab.
func (c *cell) gradedPass() bool { return c != nil && passed(c.best) }

// saysPass reports whether their own machine says so.
func (c *cell) saysPass() bool {
	return c != nil && c.report != nil &&
		c.report.Verdict == run.Passed
}

// begun reports whether anything is known.
func (c *cell) begun() bool { return c != nil && (c.report != nil || c.last != nil) }

// latest is the verdict that was said last, by the grader or by their own machine, with the tests
// that did not pass and the misconception that they look like.
func (c *cell) latest() (v run.Verdict, failing []string, mutant string, at time.Time) {
	if c == nil {
		return "", nil, "", time.Time{}
	}
	if c.report != nil {
		v, failing, mutant, at = c.report.Verdict, c.report.Failing, c.report.Mutant, c.report.At
	}
	if c.graded == nil || !c.graded.Graded.Done.After(at) {
		return v, failing, mutant, at
	}
	r := c.graded.Graded.Result
	if mutant = ""; r.Likely != nil {
		mutant = r.Likely.Mutant
	}
	return r.Verdict, c.graded.Graded.Failing, mutant, c.graded.Graded.Done
}

// of are somebody's submissions, oldest first.
func (s *snapshot) of(who int64) (subs []room.Submission) {
	for _, sub := range s.mine[who] {
		subs = append(subs, s.placed(sub))
	}
	return subs
}

// submission is one by its id, without what it has printed.
func (s *snapshot) submission(id int64) (room.Submission, bool) {
	at, known := s.index(id)
	if !known {
		return room.Submission{}, false
	}
	return s.placed(s.subs[at]), true
}
