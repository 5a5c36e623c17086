// Package judge comes to verdicts on a learner's own files: what is still the stub is not
// attempted, what is unchanged since its last verdict is answered from memory, the rest is graded,
// and what was learnt is kept. "check" and "watch" judge by it, so they judge alike.
package judge

import (
	"context"
	"slices"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// Judge judges the labs of one workspace.
type Judge struct {
	Workspace *workspace.Workspace
	// Builder gives the builder of one call of Judge: it reads the kit once, and the kit may
	// change.
	Builder func() *compile.Builder
	// Open starts the stores that checks need, as in [grade.Grader].
	Open    func(ctx context.Context, needs []string) (grade.Stores, error)
	Sandbox sandbox.Sandbox
	Options grade.Options

	Remember bool // keep verdicts, and answer from those kept
	Force    bool // but judge again
	Stubs    bool // judge what is still the stub like anything else

	// Each, if not nil, is called with each check of a plain run as it ends.
	Each func(job int, c run.Check)
}

// Verdict is a result as it becomes known.
type Verdict struct {
	run.Result
	Job        int  // index of the job
	Plain      bool // the race run follows
	Remembered bool // from memory
}

// Judge returns the results of the jobs in their order. It calls show with each when it is known,
// one at a time. The error is ctx's, or that of what is kept.
func (j *Judge) Judge(
	ctx context.Context, jobs []grade.Job, show func(Verdict),
) ([]run.Result, error) {
	b := j.Builder()
	results, checks := make([]run.Result, len(jobs)), make([]string, len(jobs))
	strays := make([]string, len(jobs))
	progress, err := j.Workspace.Progress()
	if err != nil {
		return nil, err
	}
	var todo []int
	jobs = slices.Clone(jobs) // what is to be judged first is known here alone
	for i, job := range jobs {
		strays[i] = job.Lab.NotHandedIn(job.Dir)
		if j.Remember {
			checks[i], _ = b.ChecksSHA256(job.Lab) // what cannot be read says so when it is built
		}
		known, remembered := j.known(progress.Labs[job.Lab.ID], job, checks[i])
		if known == nil {
			jobs[i].First = j.failed(progress.Labs[job.Lab.ID])
			todo = append(todo, i)
			continue
		}
		results[i] = *known
		show(Verdict{Result: *known, Job: i, Remembered: remembered})
	}
	if err := j.grade(ctx, b, jobs, todo, results, show); err != nil {
		return nil, err
	}
	return results, j.keep(ctx, jobs, results, checks, strays)
}

// known is the result that needs no judging, or nil.
func (j *Judge) known(
	e *workspace.Entry, job grade.Job, checks string,
) (r *run.Result, remembered bool) {
	if r, ok := grade.NotAttempted(job); ok && !j.Stubs {
		return &r, false
	}
	if !j.Remember || j.Force || !holds(e, job, checks, j.Options.Race) {
		return nil, false
	}
	return e.Result, true
}

// failed are the checks that had not passed the last time: whoever has edited since waits for them.
func (j *Judge) failed(e *workspace.Entry) (tests []string) {
	if !j.Remember || e == nil || e.Result == nil {
		return nil
	}
	for _, c := range e.Result.Checks {
		if c.Verdict == run.Failed || c.Verdict == run.TimedOut {
			tests = append(tests, c.Test)
		}
	}
	return tests
}

// holds reports whether what is kept is still the whole answer: nothing has changed since, and
// nothing that it lacks can be had now.
func holds(e *workspace.Entry, job grade.Job, checks string, race bool) bool {
	if e == nil || e.Result == nil || checks == "" || e.Checks != checks {
		return false
	}
	if e.Strays != job.Lab.NotHandedIn(job.Dir) {
		return false
	}
	source, err := compile.SourceSHA256(job.Lab, job.Dir)
	if err != nil || source != e.Result.SourceSHA256 {
		return false
	}
	raced := e.Result.Race.State == run.RaceDone || e.Result.Race.State == run.RaceNotBegun
	if race && job.Lab.Race && !raced {
		return false
	}
	return !slices.ContainsFunc(e.Result.Checks, func(c run.Check) bool {
		return lacked(job.Lab,
			c)
	})
}

// lacked reports whether a check was not judged for want of something that may be there now.
func lacked(l *course.Lab, c run.Check) bool {
	of := l.Check(c.Test)
	return c.Verdict == run.InfraError || c.Verdict == run.NotJudged && of != nil &&
		len(of.Needs) > 0
}

// grade judges the jobs that are left, and puts their results in the places of theirs.
func (j *Judge) grade(
	ctx context.Context, b *compile.Builder, jobs []grade.Job, todo []int, results []run.Result,
	show func(Verdict),
) error {
	if len(todo) == 0 {
		return nil
	}
	left := make([]grade.Job, len(todo))
	for k, i := range todo {
		left[k] = jobs[i]
	}
	g := &grade.Grader{Builder: b, Sandbox: j.Sandbox, Open: j.Open}
	graded, err := g.Grade(ctx, left, j.Options, func(e grade.Event) {
		switch {
		case e.Plain != nil:
			show(Verdict{Result: *e.Plain, Job: todo[e.Job], Plain: true})
		case e.Done != nil:
			show(Verdict{Result: *e.Done, Job: todo[e.Job]})
		case e.Check != nil && !e.Race && j.Each != nil:
			j.Each(todo[e.Job], *e.Check)
		}
	})
	if err != nil {
		return err
	}
	for k, i := range todo {
		results[i] = graded[k]
	}
	return nil
}

// settled is what was not handed in, if that is the same before and after the lab was judged. Otherwise
// nobody knows which of them the result's remark is about: it is noted as what it never is.
func settled(before, after string) string {
	if before != after {
		return "changed meanwhile"
	}
	return after
}

// Keep notes a verdict that was given elsewhere on the files that a lab has here: where these are still the same, and the
// checks by their names, it is as good as one of one's own.
func (j *Judge) Keep(ctx context.Context, l *course.Lab, r run.Result) error {
	source, err := compile.SourceSHA256(l, l.Dir)
	if err != nil || source != r.SourceSHA256 || len(r.Checks) != len(l.Checks) ||
		slices.ContainsFunc(r.Checks, func(c run.Check) bool { return l.Check(c.Test) == nil }) {
		return err
	}
	checks, err := j.Builder().ChecksSHA256(l)
	if err != nil {
		return err
	}
	return j.keep(ctx, []grade.Job{{Lab: l, Dir: l.Dir}}, []run.Result{r}, []string{checks},
		[]string{l.NotHandedIn(l.Dir)})
}

func (j *Judge) keep(
	ctx context.Context, jobs []grade.Job, results []run.Result, checks, strays []string,
) error {
	judged := slices.ContainsFunc(results,
		func(r run.Result) bool { return r.Verdict != run.InfraError })
	if !j.Remember || !judged { // what kept the labs from being judged has been said
		return nil
	}
	for i, job := range jobs {
		if results[i].Complete() && checks[i] != "" {
			if err := j.Workspace.KeepPassed(job.Lab, job.Dir); err != nil {
				return err
			}
		}
	}
	return j.Workspace.Update(ctx, func(p *workspace.Progress) {
		for i, job := range jobs {
			if r := results[i]; checks[i] != "" {
				p.Judge(r, checks[i], settled(strays[i], job.Lab.NotHandedIn(job.Dir)), time.Now())
			}
		}
	})
}
