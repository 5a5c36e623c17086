package main

import (
	"context"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// judge is how check and watch come to verdicts: what is unchanged is answered from memory, the rest is graded, and
// what was learnt is kept.
type judge struct {
	*app
	w        *workspace.Workspace
	provider string
	opts     grade.Options
	remember bool // keep verdicts, and answer from those kept
	force    bool // but judge again

	// each, if not nil, is called with each check of a plain run as it ends.
	each func(job int, c run.Check)

	stores *stores
}

// verdict is a result as it becomes known.
type verdict struct {
	run.Result
	job        int
	plain      bool // the race run follows
	remembered bool // from memory
}

// judge returns the results of the jobs in their order. It calls show with each when it is known.
func (j *judge) judge(ctx context.Context, jobs []grade.Job, show func(verdict)) ([]run.Result, error) {
	b := j.builder(j.w)
	results := make([]run.Result, len(jobs))
	checks := make([]string, len(jobs))
	var todo []grade.Job
	var index []int
	progress, err := j.w.Progress()
	if err != nil {
		return nil, err
	}
	for i, job := range jobs {
		if j.remember {
			if checks[i], err = b.ChecksSHA256(job.Lab); err != nil {
				return nil, err
			}
			if kept := j.kept(progress, job, checks[i]); kept != nil {
				results[i] = *kept
				show(verdict{Result: *kept, job: i, remembered: true})
				continue
			}
		}
		todo, index = append(todo, job), append(index, i)
	}
	if len(todo) == 0 {
		return results, j.keep(ctx, jobs, results, checks)
	}
	if j.stores == nil {
		j.stores = newStores(j.app, j.w, j.provider, false)
	}
	g := &grade.Grader{Builder: b, Sandbox: localSandbox(), Open: j.stores.open}
	graded, err := g.Grade(ctx, todo, j.opts, func(e grade.Event) {
		switch {
		case e.Plain != nil:
			show(verdict{Result: *e.Plain, job: index[e.Job], plain: true})
		case e.Check != nil && !e.Race && j.each != nil:
			j.each(index[e.Job], *e.Check)
		}
	})
	if err != nil {
		return nil, err
	}
	for k, i := range index {
		results[i] = graded[k]
		show(verdict{Result: graded[k], job: i})
	}
	return results, j.keep(ctx, jobs, results, checks)
}

// kept is the verdict that still holds for a lab, or nil.
func (j *judge) kept(p *workspace.Progress, job grade.Job, checks string) *run.Result {
	e := p.Labs[job.Lab.ID]
	if j.force || e == nil || e.Result == nil || e.Checks != checks {
		return nil
	}
	source, err := compile.SourceSHA256(job.Lab, job.Dir)
	if err != nil || source != e.Result.SourceSHA256 {
		return nil
	}
	return e.Result
}

func (j *judge) keep(ctx context.Context, jobs []grade.Job, results []run.Result, checks []string) error {
	if !j.remember {
		return nil
	}
	return j.w.Update(ctx, func(p *workspace.Progress) {
		for i := range jobs {
			p.Judge(results[i], checks[i], time.Now())
		}
	})
}

func (j *judge) close() {
	if j.stores != nil {
		j.stores.close()
	}
}
