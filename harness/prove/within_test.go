package prove

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
)

func TestDeadline(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name            string
		within, slowest time.Duration
		after           time.Duration
		want            bool
	}{
		{"no deadline", 0, time.Hour, 9 * time.Hour, true},
		{"the first, of which nothing is known", 1, 0, time.Second, true},
		{"would end in time", time.Hour, 10 * time.Minute, 50 * time.Minute, true},
		{"would end later", time.Hour, 10 * time.Minute, 50*time.Minute + 1, false},
		{"is over", time.Hour, 1, time.Hour, false},
	} {
		d := deadline{within: tt.within, started: start, slowest: tt.slowest}
		if got := d.allows(start.Add(tt.after)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestInTurn(t *testing.T) {
	t.Parallel()
	var labs []*course.Lab
	for range 50 {
		labs = append(labs, &course.Lab{})
	}
	if got := inTurn(labs, Options{Seed: 1}); !slices.Equal(got, labs) {
		t.Error("without a deadline: got another order, want that of the course")
	}
	hour := Options{Within: time.Hour, Seed: 7}
	first := inTurn(labs, hour)
	if slices.Equal(first, labs) {
		t.Error("with a deadline: got the course's order, want one by lot")
	}
	if !slices.Equal(first, inTurn(labs, hour)) {
		t.Error("one seed twice: got two orders, want one")
	}
	for _, l := range labs {
		if !slices.Contains(first, l) {
			t.Error("got an order without one of the labs, want them all")
		}
	}
}

func TestRound_done(t *testing.T) {
	t.Parallel()
	var told []string
	var last Progress
	r := &round{all: 3, on: func(p Progress) { last = p }, told: func(p Proof) { told = append(told, p.Lab) }}
	r.done([]Proof{{Lab: "B01"}, {Lab: "B02"}}, 4*time.Minute)
	r.progress(Progress{What: "vetting A01"})
	if want := (Progress{What: "vetting A01", Labs: 3, LabsDone: 2}); last != want {
		t.Errorf("got %+v, want %+v", last, want)
	}
	r.done([]Proof{{Lab: "A01"}}, time.Minute)
	if want := []string{"B01", "B02"}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v: what is known last is in the result at once", told, want)
	}
	if want := 4 * time.Minute; r.deadline.slowest != want {
		t.Errorf("the slowest took %v, want %v", r.deadline.slowest, want)
	}
}

func TestBroken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		problems []string
		want     string
	}{
		{[]string{"the untouched\nstub passes TestAdds"}, "B01 does not hold: the untouched stub passes TestAdds"},
		{[]string{"one", "two", "three"}, "B01 does not hold: one (and 2 more)"},
	} {
		if got := Broken(Proof{Lab: "B01", Problems: tt.problems}); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// TestProve_stopped begins nothing any more, and says why it was stopped.
func TestProve_stopped(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(why)
	var told []Progress
	proofs, err := (&Prover{}).Prove(ctx, []*course.Lab{{ID: "B01"}}, Options{Runs: 1},
		func(p Progress) { told = append(told, p) })
	if !errors.Is(err, why) || len(proofs) > 0 || len(told) > 0 {
		t.Errorf("got %v, %+v and the error %v, want nothing but why", proofs, told, err)
	}
}

// TestChecks counts the verdicts of a round: those of the race detector, too, of a lab that asks for
// it.
func TestChecks(t *testing.T) {
	t.Parallel()
	two := &course.Lab{Checks: make([]course.Check, 2)}
	raced := &course.Lab{Checks: make([]course.Check, 3), Race: true}
	jobs := []grade.Job{{Lab: two}, {Lab: two, Only: []string{"TestIt"}}, {Lab: raced},
		{Lab: raced, Only: []string{}}}
	for race, want := range map[bool]int{false: 2 + 1 + 3, true: 2 + 1 + 2*3} {
		if got := checks(jobs, grade.Options{Race: race}); got != want {
			t.Errorf("race %v: got %d checks, want %d", race, got, want)
		}
	}
}

func TestAllHold(t *testing.T) {
	t.Parallel()
	all := []Proof{{Holds: true}, {Holds: true}, {}}
	if !AllHold(nil) || !AllHold(all[:2]) || AllHold(all) {
		t.Errorf("got %v of none, %v of two that hold, %v with one that does not", AllHold(nil),
			AllHold(all[:2]), AllHold(all))
	}
}
