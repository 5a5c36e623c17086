package prove

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/mutate"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/run"
)

// batch is how many variants are linked into one binary.
const batch = 40

// A check may take patience times as long as it takes on the reference, and at least leastDeadline:
// what takes longer has no end.
const (
	patience      = 10
	leastDeadline = 2 * time.Second
)

// variant is an automatic mutant with what has become of it.
type variant struct {
	mutate.Variant
	dir    string
	killer string // the check that fails on it
	out    bool   // it does not compile
}

// hunter looks for changes of one lab's reference that no check notices.
type hunter struct {
	*Prover
	lab    *course.Lab
	seed   uint64
	tmp    string
	checks []*pace
	score  Score
	on     func(Progress)
	now    Progress
}

// pace is what a check costs, and what it is good for.
type pace struct {
	test  string
	took  time.Duration // on the reference
	kills int
}

// deadline is how long the check may take on a variant.
func (p *pace) deadline() time.Duration { return max(leastDeadline, patience*p.took) }

// worth is what a check kills in a second, counted as if it had killed one before the first.
func (p *pace) worth() float64 {
	const start = 30 * time.Millisecond // of a process
	return float64(p.kills+1) / (p.took + start).Seconds()
}

// Mutate changes the references of labs automatically, and looks whether a check fails on each
// change. It tells on how far it is. The error is ctx's, or says that nothing could be found out.
func (p *Prover) Mutate(ctx context.Context, labs []*course.Lab, seed uint64,
	on func(Progress)) ([]Score, error) {
	tmp, err := owner.TempDir("", "mutate")
	if err != nil {
		return nil, fmt.Errorf("no folder for the variants: %w", err)
	}
	defer os.RemoveAll(tmp)
	scores := make([]Score, len(labs))
	for i, l := range labs {
		dir := filepath.Join(tmp, l.Slug)
		h := &hunter{Prover: p, lab: l, seed: seed, tmp: dir, on: on,
			score: Score{Lab: l.ID, Slug: l.Slug}, now: Progress{Labs: len(labs), LabsDone: i}}
		if err := h.hunt(ctx); err != nil {
			return nil, err
		}
		scores[i] = h.score
		os.RemoveAll(dir)
	}
	on(Progress{Labs: len(labs), LabsDone: len(labs)})
	return scores, nil
}

// hunt finds the lab's score.
func (h *hunter) hunt(ctx context.Context) error {
	began := time.Now()
	defer func() { h.score.Seconds = time.Since(began).Seconds() }()
	h.tell("the reference", 1)
	changes, err := h.variants(ctx)
	if err != nil {
		h.score.problem("%v", err)
		return ctx.Err()
	}
	all, err := h.write(changes)
	if err != nil {
		return err
	}
	saved := h.Grader.Builder.Dir
	h.Grader.Builder.Dir = filepath.Join(h.tmp, "bin")
	defer func() { h.Grader.Builder.Dir = saved }()
	if ok, err := h.measure(ctx); !ok || err != nil {
		return err
	}
	for some := range slices.Chunk(all, batch) {
		h.tell(fmt.Sprintf("%d of %s of", len(all)-h.score.done(all), count(len(all), "variant")), 0)
		if err := h.judge(ctx, some); err != nil {
			return err
		}
	}
	if err := h.race(ctx, alive(all)); err != nil {
		return err
	}
	h.score.count(h.lab, all)
	return nil
}

// tell says what is done now.
func (h *hunter) tell(what string, checks int) {
	h.now.What, h.now.Checks, h.now.ChecksDone = what+" "+h.lab.ID, checks, 0
	h.on(h.now)
}

// write writes the lab's files for each change.
func (h *hunter) write(changes []mutate.Variant) ([]*variant, error) {
	all := make([]*variant, len(changes))
	for i, c := range changes {
		v := &variant{Variant: c, dir: filepath.Join(h.tmp, "labs", h.lab.Slug, fmt.Sprint(i+1))}
		for _, name := range h.lab.Files {
			data, err := os.ReadFile(filepath.Join(h.lab.SolutionDir, filepath.FromSlash(name)))
			if name == c.File {
				data = c.Source
			}
			to := filepath.Join(v.dir, filepath.FromSlash(name))
			if err == nil {
				err = os.MkdirAll(filepath.Dir(to), 0o755)
			}
			if err == nil {
				err = os.WriteFile(to, data, 0o644)
			}
			if err != nil {
				return nil, fmt.Errorf("write a variant: %w", err)
			}
		}
		all[i] = v
	}
	return all, nil
}

// measure times the checks on the reference. It reports false, and says why, if that does not pass.
func (h *hunter) measure(ctx context.Context) (ok bool, err error) {
	results, err := h.grade(ctx, []grade.Job{{Lab: h.lab, Dir: h.lab.SolutionDir}},
		grade.Options{Timeout: grade.DefaultTimeout})
	if err != nil {
		return false, err
	}
	for _, c := range results[0].Checks {
		took := time.Duration(c.DurationMS * float64(time.Millisecond))
		h.checks = append(h.checks, &pace{test: c.Test, took: took})
	}
	return h.control(results[0]), nil
}

// control reports whether the reference has passed, and says of what it has not.
func (h *hunter) control(r run.Result) bool {
	if r.Verdict == run.Passed {
		return true
	}
	for _, c := range r.Checks {
		if c.Verdict != run.Passed {
			h.score.problem("the reference itself: %s: %s: %s", c.Test, c.Verdict, oneLine(c.Message))
			return false
		}
	}
	h.score.problem("the reference itself: %s: %s", r.Verdict, oneLine(r.Message))
	return false
}

// judge runs one check after the other on the variants that have survived those before, those checks
// first that have killed most for what they cost.
func (h *hunter) judge(ctx context.Context, some []*variant) error {
	slices.SortStableFunc(h.checks, func(a, b *pace) int {
		return cmp.Compare(b.worth(), a.worth())
	})
	family := compileFamily(h.lab.SolutionDir, some)
	for _, check := range h.checks {
		left := alive(some)
		if len(left) == 0 {
			return nil
		}
		jobs := h.jobs(left, family, []string{check.test})
		results, err := h.grade(ctx, jobs, grade.Options{Timeout: check.deadline()})
		if err != nil {
			return err
		}
		if !h.control(results[0]) {
			return nil
		}
		for i, v := range left {
			if v.take(results[i+1]); v.killer != "" {
				check.kills++
			}
		}
	}
	return nil
}

// race runs what is left under the race detector, where the lab is to be run there.
func (h *hunter) race(ctx context.Context, left []*variant) error {
	if !h.lab.Race || len(left) == 0 {
		return nil
	}
	h.tell("under the race detector "+count(len(left), "variant")+" of", 0)
	slowest := slices.MaxFunc(h.checks, func(a, b *pace) int { return cmp.Compare(a.took, b.took) })
	for some := range slices.Chunk(left, batch) {
		jobs := h.jobs(some, compileFamily(h.lab.SolutionDir, some), nil)
		results, err := h.grade(ctx, jobs, grade.Options{Timeout: slowest.deadline(), Race: true})
		if err != nil {
			return err
		}
		if !h.control(results[0]) {
			return nil
		}
		for i, v := range some {
			v.take(results[i+1])
		}
	}
	return nil
}

func (h *hunter) grade(ctx context.Context, jobs []grade.Job, o grade.Options) ([]run.Result,
	error) {
	o.Seed, o.Parallel = h.seed, 2*runtime.NumCPU()
	return h.Grader.Grade(ctx, jobs, o, nil)
}
