package hunt_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestOutcome_Result makes a check of each test, without points, and of each wrong answer, with one.
func TestOutcome_Result(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	l.Mutants = append(l.Mutants, l.Mutants[0])
	findings := []run.Finding{{Picture: &timeline.Picture{Lanes: []string{"one"}}}}
	o := hunt.Outcome{Verdict: run.InfraError, SHA256: "5a", Seed: 7, Go: "go1.26", Sandbox: "ns",
		DurationMS: 12, Race: run.Race{State: run.RaceDone},
		Backends: map[string]run.Backend{"redis": {Version: "8"}},
		Tests: []hunt.Test{{Name: "TestIt", Sound: true},
			{Name: "TestMore", On: "the reference", Said: &run.Check{Message: "got 2", Race: true,
				Output: "a line\n", Findings: findings}}},
		Answers: []hunt.Answer{{Caught: true, By: "TestIt", Race: true, Belief: "a belief"},
			{Breaks: []string{"a sentence"}}, {Unjudged: "no Redis here"}}}
	want := run.Result{Schema: run.Schema, Lab: "B01", Slug: "b01-adder", Title: "Adder, hunted",
		Verdict: run.InfraError, Points: 1, MaxPoints: 3, SourceSHA256: "5a", Seed: 7, Go: "go1.26",
		Sandbox: "ns", DurationMS: 12, Times: run.Times{ChecksMS: 12}, Race: o.Race,
		Backends: o.Backends, Checks: []run.Check{
			{Test: "TestIt", Title: "TestIt demands what the contract promises, and no more",
				Verdict: run.Passed},
			{Test: "TestMore", Title: "TestMore demands what the contract promises, and no more",
				Verdict: run.Failed, Message: "it fails on the reference: got 2", Race: true,
				Output: "a line\n", Findings: findings},
			{Test: "WrongAnswer01", Title: "Add adds two numbers", Verdict: run.Passed, Points: 1,
				MaxPoints: 1, Race: true},
			{Test: "WrongAnswer02", Title: "however large the numbers are", Verdict: run.Failed,
				MaxPoints: 1, Message: "your tests pass on an answer that breaks this"},
			{Test: "WrongAnswer03", Title: "Add adds two numbers", Verdict: run.InfraError,
				MaxPoints: 1, Message: "no Redis here"},
		}}
	if diff := cmp.Diff(want, o.Result(l.AsHunt())); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestOutcome_Result_nothing has no checks where nothing was run, whatever was to be.
func TestOutcome_Result_nothing(t *testing.T) {
	t.Parallel()
	o := hunt.Outcome{Verdict: run.BuildFailed, Message: "undefined: x",
		Tests: []hunt.Test{{Name: "TestIt", Sound: true}}, Answers: make([]hunt.Answer, 2)}
	r := o.Result(coursetest.Adder(t).AsHunt())
	if r.Verdict != run.BuildFailed || r.Message != "undefined: x" || r.Checks == nil ||
		len(r.Checks) > 0 || r.Points != 0 || r.MaxPoints != 2 {
		t.Errorf("got %+v, want what the compiler says, no checks, and 0 of 2 points", r)
	}
}

// TestOutcome_Same is about what the race detector may change: a test, an answer, or why one is not
// judged, and not by what it was caught.
func TestOutcome_Same(t *testing.T) {
	t.Parallel()
	plain := func() hunt.Outcome {
		return hunt.Outcome{Tests: []hunt.Test{{Name: "TestIt", Sound: true}, {Name: "TestNo"}},
			Answers: []hunt.Answer{{Caught: true, By: "TestIt"}, {}, {Unjudged: "no Redis here"}}}
	}
	for name, c := range map[string]struct {
		change func(*hunt.Outcome)
		same   bool
	}{
		"nothing":                 {func(*hunt.Outcome) {}, true},
		"how long it took":        {func(o *hunt.Outcome) { o.DurationMS = 7 }, true},
		"what has caught it":      {func(o *hunt.Outcome) { o.Answers[0].By = "TestNo" }, true},
		"a test is not sound":     {func(o *hunt.Outcome) { o.Tests[0].Sound = false }, false},
		"another one is caught":   {func(o *hunt.Outcome) { o.Answers[1].Caught = true }, false},
		"one is not any more":     {func(o *hunt.Outcome) { o.Answers[0].Caught = false }, false},
		"one could not be judged": {func(o *hunt.Outcome) { o.Answers[1].Unjudged = "too slow" }, false},
		"for another reason":      {func(o *hunt.Outcome) { o.Answers[2].Unjudged = "too slow" }, false},
	} {
		a, b := plain(), plain()
		c.change(&b)
		if a.Same(b) != c.same || b.Same(a) != c.same {
			t.Errorf("%s: got the same: %v, want %v", name, !c.same, c.same)
		}
	}
}

func TestProgress_String(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]hunt.Progress{
		"the wrong answers":          {What: "the wrong answers", Of: 4},
		"the wrong answers, 1 of 4":  {What: "the wrong answers", Done: 1, Of: 4},
		"the wrong answers, 4 of 12": {What: "the wrong answers", Done: 4, Of: 12},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestHunt_nothing is about hunts that come to no outcome.
func TestHunt_nothing(t *testing.T) {
	t.Parallel()
	h, l := hunter(t)
	tests, err := hunt.Parse(l, []byte(head+small))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hunt(ctx, tests, hunt.Events{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got the error %v, want that of the context", err)
	}
	overwrite(t, filepath.Join(l.SolutionDir, "mutants", "saturates.patch"), "no patch")
	if _, err := h.Hunt(t.Context(), tests, hunt.Events{}); err == nil ||
		!strings.HasPrefix(err.Error(), "mutant saturates of b01-adder: ") {
		t.Errorf("a broken patch: got the error %v, want one that names the mutant", err)
	}
	if err := os.RemoveAll(l.SolutionDir); err != nil {
		t.Fatal(err)
	}
	_, err = h.Hunt(t.Context(), tests, hunt.Events{})
	if unfit, ok := errors.AsType[*hunt.Unfit](err); !ok || !unfit.Absent ||
		unfit.Error() != "the course has no solutions of b01-adder here" {
		t.Errorf("without solutions: got the error %v, want that there are none", err)
	}
}
