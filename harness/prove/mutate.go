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

	"github.com/backend-labs/backend-labs/harness/compile"
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
	hung   bool   // because its time was up
	out    bool   // it does not compile, or the policy refuses it
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
	say    func(judged int) string // how far it is
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
// change. It tells on how far it is. The error is ctx's, or says that nothing could be found out; it comes with the scores
// of the labs before.
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
			return scores[:i], err
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
	h.say = func(int) string { return "the reference" }
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
	if ok, err := h.rounds(ctx, all); !ok || err != nil {
		return err
	}
	h.score.count(h.lab, all)
	return nil
}

// rounds judges variants, and those that are left once more under the race detector, where the lab
// is to be run there. It reports false where nothing can be said of them.
func (h *hunter) rounds(ctx context.Context, all []*variant) (ok bool, err error) {
	done := 0
	for some := range slices.Chunk(all, batch) {
		if done == 0 {
			if ok, err := h.measure(ctx, some); !ok || err != nil {
				return ok, err
			}
		}
		h.say = func(judged int) string {
			return fmt.Sprintf("%d of %s judged", done+judged, count(len(all), "variant"))
		}
		if ok, err := h.judge(ctx, some, false); !ok || err != nil {
			return ok, err
		}
		done += len(some)
	}
	left := alive(all)
	if !h.lab.Race {
		left = nil
	}
	for some := range slices.Chunk(left, batch) {
		h.say = func(int) string {
			return count(len(left), "survivor") + " under the race detector"
		}
		if ok, err := h.judge(ctx, some, true); !ok || err != nil {
			return ok, err
		}
	}
	return true, nil
}

// tell says how far it is, after so many of the variants that are judged at once.
func (h *hunter) tell(judged int) {
	h.now.What = h.lab.ID + ": " + h.say(judged)
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

// measure times the checks on the reference, which is linked with some variants. It reports false,
// and says why, if that does not pass.
func (h *hunter) measure(ctx context.Context, some []*variant) (ok bool, err error) {
	results, err := h.grade(ctx, h.jobs(some)[:1], false)
	if err != nil {
		return false, err
	}
	for _, c := range results[0].Checks {
		h.checks = append(h.checks, &pace{test: c.Test, took: taken(c)})
	}
	return h.control(results[0]), nil
}

// taken is how long a check has taken.
func taken(c run.Check) time.Duration {
	return time.Duration(c.DurationMS * float64(time.Millisecond))
}

// slower remembers what takes longer on the reference by now: the machine has become busy.
func (h *hunter) slower(r run.Result) {
	for _, c := range r.Checks {
		for _, p := range h.checks {
			if p.test == c.Test {
				p.took = max(p.took, taken(c))
			}
		}
	}
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

// judge looks whether a check fails on some variants. Those checks begin that have killed most for
// what they cost. It reports false, and says why, if the reference does not pass.
func (h *hunter) judge(ctx context.Context, some []*variant, race bool) (ok bool, err error) {
	slices.SortStableFunc(h.checks, func(a, b *pace) int {
		return cmp.Compare(b.worth(), a.worth())
	})
	results, err := h.grade(ctx, h.jobs(some), race)
	if err != nil || !h.control(results[0]) {
		return false, err
	}
	h.slower(results[0])
	for i, v := range some {
		v.take(results[i+1])
		for _, c := range h.checks {
			if c.test == v.killer {
				c.kills++
			}
		}
	}
	return true, nil
}

// jobs are those for the reference, as a control, and for some variants. Only these have a deadline
// of their own: what takes long on the reference says that the machine is busy.
func (h *hunter) jobs(some []*variant) []grade.Job {
	family := []compile.Member{{Dir: h.lab.SolutionDir}}
	for _, v := range some {
		family = append(family, compile.Member{Dir: v.dir})
	}
	jobs := make([]grade.Job, len(family))
	for i, m := range family {
		jobs[i] = grade.Job{Lab: h.lab, Dir: m.Dir, Family: family, Enough: i > 0,
			Timeouts: map[string]time.Duration{}}
		for _, c := range h.checks {
			jobs[i].First = append(jobs[i].First, c.test)
			if i > 0 {
				jobs[i].Timeouts[c.test] = c.deadline()
			}
		}
	}
	return jobs
}

func (h *hunter) grade(ctx context.Context, jobs []grade.Job, race bool) ([]run.Result, error) {
	o := grade.Options{Seed: h.seed, Parallel: 2 * runtime.NumCPU(), Race: race}
	judged := 0
	h.tell(judged)
	return h.Grader.Grade(ctx, jobs, o, func(e grade.Event) {
		if e.Done != nil && e.Job > 0 {
			judged++
			h.tell(judged)
		}
	})
}
