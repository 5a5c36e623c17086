package web

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// stuckRoom is a room in which people stand with B10 as their reports say.
func stuckRoom(t *testing.T, reports ...room.Report) (*snapshot, *course.Lab) {
	t.Helper()
	l, err := course.Read(filepath.Join("..", "..", ".."), "b10-token-bucket")
	if err != nil {
		t.Fatal(err)
	}
	s := &snapshot{labs: []*course.Lab{l}, cells: map[place]*cell{}, names: map[int64]string{}}
	for i := range reports {
		id := int64(i + 1)
		s.people = append(s.people, room.Participant{ID: id})
		if r := &reports[i]; r.Verdict != "" {
			s.at(place{id, l.ID}).report = r
		}
	}
	return s, l
}

// TestStandingOf: the check where most are stuck, the belief of most of them, and what puts it
// right.
func TestStandingOf(t *testing.T) {
	t.Parallel()
	const unbounded = "Tokens keep accumulating while the client is idle."
	s, l := stuckRoom(t, room.Report{}, room.Report{Verdict: run.Passed},
		room.Report{Verdict: run.Failed, Failing: []string{"TestRefillIsContinuous"}})
	var m *course.Mutant
	for i := range l.Mutants {
		if l.Mutants[i].Misconception == unbounded {
			m = &l.Mutants[i]
		}
	}
	for id := int64(10); id < 13; id++ {
		s.people = append(s.people, room.Participant{ID: id})
		s.at(place{id, l.ID}).report = &room.Report{Verdict: run.Failed, Failing: m.Fails, Mutant: m.Name()}
	}
	got := s.standingOf(l)
	if got.Of() != 6 || got.Says != 1 || got.On != 4 || got.Idle != 1 {
		t.Errorf("counts: %+v", got)
	}
	if got.Check == nil || got.Check.Test != m.Fails[0] &&
		got.Check.Test != "TestIdleTimeIsCapped" || got.Stuck != 3 {
		t.Errorf("stuck: %d at %+v", got.Stuck, got.Check)
	}
	if got.Belief == nil || got.Belief.Misconception != unbounded || got.Believers != 3 {
		t.Errorf("belief: %+v, %d", got.Belief, got.Believers)
	}
	if !strings.Contains(got.Passage, "never holds more than its size") {
		t.Errorf("passage: %q", got.Passage)
	}
	if !strings.Contains(got.Hint, "bucket") && !strings.Contains(got.Hint, "cap") {
		t.Errorf("hint: %q", got.Hint)
	}
}

// TestStandingOf_unrecognised: without a diagnosis the likeliest belief is named as that, or none.
func TestStandingOf_unrecognised(t *testing.T) {
	t.Parallel()
	s, l := stuckRoom(t, room.Report{Verdict: run.Failed, Failing: []string{"TestIdleTimeIsCapped"}})
	got := s.standingOf(l)
	if got.Believers != 0 {
		t.Errorf("%d believe it without a diagnosis", got.Believers)
	}
	var all []string
	for _, c := range l.Checks {
		all = append(all, c.Test)
	}
	s, l = stuckRoom(t, room.Report{Verdict: run.BuildFailed, Failing: nil},
		room.Report{Verdict: run.Failed, Failing: all})
	if got = s.standingOf(l); got.Check == nil || got.Check.Test != l.Checks[0].Test || got.On != 2 {
		t.Errorf("a stub is stuck at the first: %+v", got.Check)
	}
	s, l = stuckRoom(t)
	if got = s.standingOf(l); got.Check != nil || got.Hint != "" {
		t.Errorf("nobody is stuck: %+v", got)
	}
}

// TestNearest: rare words count for more than common ones, and a long text does not win by its
// length.
func TestNearest(t *testing.T) {
	t.Parallel()
	texts := []string{"Requests are refused by the limiter when the tokens of a request are gone.",
		"Idling earns one burst of tokens.",
		"Requests and requests and requests, tokens, limiter, answers, servers, clients."}
	if got := nearest("tokens pile up while a client is idling", texts); got != texts[1] {
		t.Errorf("got %q", got)
	}
	if got := nearest("nothing of it", texts); got != "" {
		t.Errorf("got %q for nothing in common", got)
	}
}
