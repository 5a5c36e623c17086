package batch

import (
	"context"
	"os"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/run"
)

// huntRuns is how often a test must pass on each correct solution: one that fails by chance would
// otherwise catch by chance.
const huntRuns = 10

// hunt judges tests that were handed in, of labs as [course.Lab.AsHunt] gives them.
func (g *Grader) hunt(ctx context.Context, jobs []grade.Job, bin string,
	on func(grade.Event)) ([]run.Result, error) {
	h := &hunt.Hunter{Sandbox: g.Sandbox, Open: g.Open, Options: g.Options,
		Builder: func() *compile.Builder {
			b := g.Builder()
			b.Dir = bin
			return b
		}}
	h.Options.Runs = huntRuns
	results := make([]run.Result, len(jobs))
	for i, j := range jobs {
		data, err := os.ReadFile(filepath.Join(j.Dir, filepath.FromSlash(course.HuntFile)))
		if err != nil {
			return nil, fault.Of("read the tests", err)
		}
		r, err := h.Grade(ctx, j.Lab, data, hunt.Events{Check: on})
		if err != nil {
			return nil, err
		}
		results[i] = g.complete(j.Lab, r)
	}
	return results, nil
}
