package prove

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
)

// finds gives each failing check of a result a finding that says text, or, if that is "panic", the
// message of one.
func finds(r run.Result, text string) run.Result {
	for i := range r.Checks {
		if r.Checks[i].Verdict != run.Passed {
			r.Checks[i].Findings = []run.Finding{{Did: "added", Got: text}}
			if text == "panic" {
				r.Checks[i].Findings, r.Checks[i].Message = nil, "panic at adder.go:9"
			}
		}
	}
	return r
}

// TestProof_beliefs diagnoses the example's second mutant, which fails the second check as the
// first one now does.
func TestProof_beliefs(t *testing.T) {
	t.Parallel()
	const p, f = run.Passed, run.Failed
	for _, tt := range []struct {
		name           string
		first, second  string // what the mutants show
		said, saidThen string // what their failures say
		problems       []string
	}{
		{"each shows what it is known by", "one more", "the most", "got one more", "got the most", nil},
		{
			"one shows something else", "one more", "the most", "got one more", "got nothing",
			[]string{`mutant saturates does not show "the most": TestAddsLarge says added got nothing`},
		},
		{
			"one shows what the other is known by", "one more", "the most", "got one more",
			"got one more",
			[]string{"whoever hands in the mutant saturates is told the belief of off-by-one"},
		},
		{
			"one makes the check panic", "one more", "", "got one more", "panic",
			[]string{
				"the mutants off-by-one and saturates fail the same checks and claim different " +
					"beliefs: ",
				"mutant saturates makes a check end without a finding, so its belief is named " +
					"only if shows has a piece of what that says: TestAddsLarge says panic at " +
					"adder.go:9",
			},
		},
		{"one shows its panic", "one more", "panic at", "got one more", "panic", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := coursetest.Adder(t)
			l.Mutants[0].Fails = []string{"TestAddsLarge"}
			l.Mutants[0].Shows, l.Mutants[1].Shows = tt.first, tt.second
			s := newSubject(l, t.TempDir())
			passes := plain(l, p, p)
			for i, r := range []run.Result{plain(l, f, f), passes, passes,
				finds(plain(l, p, f), tt.said), finds(plain(l, p, f), tt.saidThen)} {
				s.rows[i].add(r)
			}
			got := s.proof().Problems
			got = slices.DeleteFunc(got, func(text string) bool {
				return strings.HasPrefix(text,
					"no mutant fails TestAddsSmall")
			})
			if !slices.EqualFunc(got, tt.problems, strings.HasPrefix) {
				t.Errorf("got the problems\n\t%q\nwant\n\t%q", got, tt.problems)
			}
		})
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	right, wrong := coursetest.Adder(t), coursetest.Adder(t)
	wrong.Hints = wrong.Hints[:1]
	proofs, err := Form([]*course.Lab{right, wrong})
	if err != nil || len(proofs) != 2 {
		t.Fatalf("got %d proofs, %v, want 2", len(proofs), err)
	}
	if p := proofs[0]; !p.Holds || len(p.Problems) > 0 {
		t.Errorf("the example: got %q, want no problem", p.Problems)
	}
	if p := proofs[1]; p.Holds || len(p.Problems) != 1 {
		t.Errorf("with one hint: got %q, want one problem", p.Problems)
	}
	var out strings.Builder
	Text(&out, proofs[:1], false)
	if want := "B01 b01-adder\n  holds\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// TestForm_order is about labs that come after others.
func TestForm_order(t *testing.T) {
	t.Parallel()
	adder := coursetest.Adder(t)
	after := func(id string, ids ...string) *course.Lab {
		l := *adder
		l.ID, l.After = id, ids
		return &l
	}
	const ring = "after: the labs that come before %s come after it, too, so that none can be the first"
	for _, tt := range []struct {
		name string
		labs []*course.Lab
		want []string // the problems of the first
	}{
		{"after another", []*course.Lab{after("B01", "I01"), after("I01")}, nil},
		{"after one that is not looked at", []*course.Lab{after("B01", "A01")}, nil},
		{"after none that there is", []*course.Lab{after("B01", "B99", "I01")}, []string{"after: there is no lab B99 in this course"}},
		{"after itself", []*course.Lab{after("B01", "B01")}, []string{fmt.Sprintf(ring, "B01")}},
		{"in a ring", []*course.Lab{after("A01", "I01"), after("I01", "B01"), after("B01", "A01", "I01")},
			[]string{fmt.Sprintf(ring, "A01")}},
		{"before a ring", []*course.Lab{after("B01", "I01"), after("I01", "A01"), after("A01", "I01")}, nil},
	} {
		proofs, err := Form(tt.labs)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(proofs[0].Problems, slices.Concat([]string{}, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.name, proofs[0].Problems, tt.want)
		}
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	yes, no := Proof{Holds: true}, Proof{}
	for _, tt := range []struct {
		proofs []Proof
		runs   int
		want   string
	}{
		{[]Proof{no}, 1, "0 of 1 lab holds, 1 run, 61 s"},
		{[]Proof{yes}, 5, "1 of 1 lab holds, 5 runs, 61 s"},
		{[]Proof{yes, no, no}, 5, "1 of 3 labs holds, 5 runs, 61 s"},
		{[]Proof{yes, yes, no}, 5, "2 of 3 labs hold, 5 runs, 61 s"},
		{[]Proof{yes, yes}, 0, "2 of 2 labs hold in form; nothing was built or run"},
	} {
		if got := Summary(tt.proofs, tt.runs, 61*time.Second); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
