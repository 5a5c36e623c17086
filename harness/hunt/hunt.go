// Package hunt holds a learner's own tests of a lab against the lab's variants: they must pass on
// the reference and every alternative, and each known wrong answer on which one fails is caught. A
// test that fails on a correct solution demands what the contract does not, and counts for nothing.
//
// A test is run as a check is: in a process of its own, with the account of it, its deadline and
// backends of its own. On a learner's own machine all variants are one family (package compile);
// where nobody trusts the tests, they are built against each variant alone, under one and the same
// import path, so that behaviour is all by which they could tell one from another.
package hunt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// Hunter holds tests against the variants of the labs of one course.
type Hunter struct {
	Builder func() *compile.Builder // gives a builder that works outside of the sandbox
	Sandbox sandbox.Sandbox
	// Open starts the stores that tests need, as in [grade.Grader].
	Open func(ctx context.Context, needs []string) (grade.Stores, error)
	// Options are as in [grade.Grader.Grade]. Runs is how often each test is run on the correct
	// solutions: one that fails by chance there is no test.
	Options grade.Options
}

// Progress is how far a hunt is.
type Progress struct {
	What     string
	Done, Of int // verdicts of tests; Of is at most
}

func (p Progress) String() string {
	if p.Done == 0 {
		return p.What
	}
	return fmt.Sprintf("%s, %d of %d", p.What, p.Done, p.Of)
}

// Events are told of a hunt while it goes on, one at a time.
type Events struct {
	Progress func(Progress)
	Plain    func(Outcome)     // as it is before the race detector has its turn
	Check    func(grade.Event) // a test has its verdict on one of the solutions
}

// filled are the same, where none is nil.
func (e Events) filled() Events {
	if e.Progress == nil {
		e.Progress = func(Progress) {}
	}
	if e.Plain == nil {
		e.Plain = func(Outcome) {}
	}
	if e.Check == nil {
		e.Check = func(grade.Event) {}
	}
	return e
}

// hunt is one call of Hunt.
type hunt struct {
	*Hunter
	field  *field
	grader *grade.Grader
	out    *Outcome
	begun  time.Time
	Events
}

// Hunt holds tests against the variants of their lab. The error is ctx's, or says what of the
// course keeps them from being judged.
func (h *Hunter) Hunt(ctx context.Context, t *Tests, on Events) (Outcome, error) {
	tmp, err := owner.TempDir("", "hunt")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(tmp)
	f, err := newField(t, tmp)
	if err != nil {
		return Outcome{}, err
	}
	one := &hunt{Hunter: h, field: f, out: newOutcome(t, len(f.correct)), Events: on.filled(),
		grader: &grade.Grader{Builder: h.builder(tmp), Sandbox: h.Sandbox, Open: h.Open}}
	one.begun = time.Now()
	err = one.run(ctx)
	one.out.conclude()
	one.out.DurationMS = run.MS(time.Since(one.begun))
	return *one.out, err
}

// builder keeps its binaries below tmp: the next hunt is one of other tests.
func (h *Hunter) builder(tmp string) *compile.Builder {
	b := h.Builder()
	b.Dir = filepath.Join(tmp, "bin")
	if h.Sandbox.Name() != "none" {
		b.Sandbox = h.Sandbox
	}
	return b
}

func (h *hunt) run(ctx context.Context) error {
	if err := h.correct(ctx, false); err != nil || h.out.Message != "" {
		return err
	}
	if err := h.wrong(ctx, false); err != nil {
		return err
	}
	if !h.Options.Races(h.field.lab) || len(h.out.sound()) == 0 {
		return nil
	}
	return h.raced(ctx)
}

// raced goes on under the race detector, where a test may show a race of its own, and a wrong
// answer one that nothing else shows.
func (h *hunt) raced(ctx context.Context) error {
	before := *h.out
	before.Tests, before.Answers = slices.Clone(before.Tests), slices.Clone(before.Answers)
	before.conclude()
	before.DurationMS = run.MS(time.Since(h.begun))
	h.Plain(before)
	if err := h.correct(ctx, true); err != nil {
		return err
	}
	if h.out.reopen() {
		if err := h.wrong(ctx, false); err != nil {
			return err
		}
	}
	if !h.field.lab.Race {
		return nil // only the tests are not trusted
	}
	return h.wrong(ctx, true)
}

// correct tells which tests are sound.
func (h *hunt) correct(ctx context.Context, race bool) error {
	runs := h.Options.Runs
	if race {
		runs = 1
	}
	results, err := h.grade(ctx, "the correct solutions",
		h.field.jobs(h.field.correct, h.out.sound()), runs, race)
	if err == nil {
		h.out.correct(results)
	}
	return err
}

// wrong tells which wrong answers the sound tests catch.
func (h *hunt) wrong(ctx context.Context, race bool) error {
	open, sound := h.out.open(), h.out.sound()
	if len(sound) == 0 || len(open) == 0 {
		return nil
	}
	dirs := make([]string, len(open))
	for k, i := range open {
		dirs[k] = h.field.wrong[i]
	}
	jobs := h.field.jobs(dirs, sound)
	for k := range jobs {
		jobs[k].Enough = true
	}
	results, err := h.grade(ctx, "the wrong answers", jobs, 1, race)
	if err != nil {
		return err
	}
	for k, i := range open {
		h.out.answer(i, results[k])
	}
	return nil
}

func (h *hunt) grade(ctx context.Context, what string, jobs []grade.Job, runs int,
	race bool) ([]run.Result, error) {
	o := h.Options
	o.Runs, o.Race = runs, race
	now := Progress{What: what}
	if race {
		now.What += " under the race detector"
	}
	for _, j := range jobs {
		now.Of += len(j.Only)
	}
	h.Progress(now)
	return h.grader.Grade(ctx, jobs, o, func(e grade.Event) {
		if e.Check != nil {
			h.Check(e)
		}
		if e.Check != nil && !e.Race {
			now.Done++
			h.Progress(now)
		}
	})
}
