package batch

import (
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// blank is a result that is of no lab.
func (g *Grader) blank(v run.Verdict, why string) run.Result {
	return run.Result{
		Schema: run.Schema, Verdict: v, Message: why, Checks: []run.Check{},
		Backends: map[string]run.Backend{},
		Race:     run.Race{State: run.RaceNotNeeded}, Sandbox: g.Sandbox.Name(), Course: g.Course,
		Go: compile.GoVersion(), Notes: sandbox.Caveats(g.Sandbox),
	}
}

// unjudged is the result of a lab of which nothing was run.
func (g *Grader) unjudged(l *course.Lab, v run.Verdict, why string) run.Result {
	r := g.blank(v, why)
	r.Lab, r.Slug, r.Title = l.ID, l.Slug, l.Title
	if g.Options.DemandsRace(l) {
		r.Race.State = run.RaceNotBegun
	}
	return g.complete(l, r)
}

// complete fills in what every result says, however far the judging came: the lab's maximum, each
// of its checks, and what has judged.
func (g *Grader) complete(l *course.Lab, r run.Result) run.Result {
	r.MaxPoints, r.Sandbox, r.Course = l.MaxPoints(), g.Sandbox.Name(), g.Course
	if len(r.Checks) > 0 {
		return r
	}
	r.Checks = make([]run.Check, len(l.Checks))
	for i, c := range l.Checks {
		r.Checks[i] = run.Check{Test: c.Test, Title: c.Title, Verdict: run.NotJudged,
			MaxPoints: c.Points}
	}
	return r
}
