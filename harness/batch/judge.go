package batch

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/run"
)

// graded judges what was found in a submission, in a folder of its own that is removed again.
func (g *Grader) graded(ctx context.Context, found []intake.Submission,
	on func(grade.Event)) ([]run.Result, error) {
	tmp, err := owner.TempDir("", "grade")
	if err != nil {
		return nil, fault.Of("make a folder for a submission", err)
	}
	defer os.RemoveAll(tmp)
	p, err := g.pick(found, filepath.Join(tmp, "labs"))
	if err != nil {
		return nil, err
	}
	for _, j := range p.jobs {
		if err := g.prepare(ctx, j.Lab); err != nil {
			return nil, err
		}
	}
	results, err := g.run(ctx, p.jobs, filepath.Join(tmp, "bin"), on)
	if err != nil {
		return nil, err
	}
	return p.merge(results), nil
}

// prepare builds a lab as the course has it, once: what all submissions of it share then lies in
// the build cache, and what the course itself is to blame for becomes nobody's failure.
func (g *Grader) prepare(ctx context.Context, l *course.Lab) error {
	once, _ := g.ready.LoadOrStore(l.Slug, sync.OnceValue(func() error {
		return g.Builder().Pristine(ctx, []*course.Lab{cmp.Or(l.HuntOf, l)}, g.Options.Races)
	}))
	if err := once.(func() error)(); err != nil && ctx.Err() == nil {
		return &NotReady{err}
	}
	return ctx.Err()
}

// run judges the jobs; what broke on our side is judged once more.
func (g *Grader) run(ctx context.Context, jobs []grade.Job, bin string,
	on func(grade.Event)) ([]run.Result, error) {
	if len(jobs) == 0 {
		return nil, ctx.Err()
	}
	if jobs[0].Lab.HuntOf != nil {
		return g.hunt(ctx, jobs, bin, on)
	}
	b := g.Builder()
	b.Dir = bin
	if g.Sandbox.Name() != "none" {
		b.Sandbox = g.Sandbox
	}
	one := &grade.Grader{Builder: b, Sandbox: g.Sandbox, Open: g.Open}
	results, err := one.Grade(ctx, jobs, g.Options, on)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Verdict == run.InfraError {
			again, err := one.Grade(ctx, jobs[i:i+1], g.Options, nil)
			if err != nil {
				return nil, err
			}
			results[i] = again[0]
		}
		results[i] = g.complete(jobs[i].Lab, results[i])
		results[i].Output = asInTheCourse(results[i].Output, jobs[i])
	}
	return results, nil
}

// asInTheCourse names the files of a submission as the course has them, not by the folder in which
// they were judged.
func asInTheCourse(text string, j grade.Job) string {
	return strings.ReplaceAll(text, j.Dir+string(filepath.Separator), "labs/"+j.Lab.Slug+"/")
}
