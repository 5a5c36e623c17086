// Package grader judges what is handed in at a workshop, as labs grade judges submissions: in a sandbox, twice, the second
// time under the race detector.
package grader

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/stores"
)

// Options are how to grade.
type Options struct {
	Course  *course.Course
	Dir     string // for binaries and the state of stores: the .labs folder of the course
	Sandbox string // as for [sandbox.ForGrading]; "": the one that holds here
	Backend string // where Redis and Postgres come from; "": whatever works
	Slots   int    // submissions at once
	Say     func(line string)
}

// Grader grades for one course. It may be used by several goroutines at once.
type Grader struct {
	options  Options
	sandbox  sandbox.Sandbox
	stores   *stores.Stores
	revision run.Revision

	mu   sync.Mutex
	labs map[string]*batch.Grader // by id
}

// New makes a grader. The error says why this machine is not ready for graded runs.
func New(ctx context.Context, o Options) (*Grader, error) {
	if o.Sandbox == "" {
		o.Sandbox = "auto"
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	box, err := sandbox.ForGrading(ctx, o.Sandbox, filepath.Join(o.Course.Root, "go.mod"))
	if err != nil {
		return nil, err
	}
	g := &Grader{options: o, sandbox: box, revision: batch.RevisionOf(ctx, o.Course), labs: map[string]*batch.Grader{}}
	if err := g.builder().Race(); err != nil {
		return nil, err
	}
	g.stores = stores.New(backends.Options{Provider: o.Backend, Dir: o.Dir, Apart: true, Slots: o.Slots * g.parallel(),
		Lasting: true, Progress: o.Say})
	return g, nil
}

// Close ends the stores.
func (g *Grader) Close() { g.stores.Close() }

func (g *Grader) builder() *compile.Builder {
	return &compile.Builder{Course: g.options.Course, Dir: filepath.Join(g.options.Dir, "bin")}
}

// parallel is how many checks of one submission run at once.
func (g *Grader) parallel() int { return max(1, runtime.NumCPU()/max(1, g.options.Slots)) }

// Warm builds what all submissions for some labs share, so that the first does not wait for it. It says how far it is.
func (g *Grader) Warm(ctx context.Context, labs []string) error {
	for i, id := range labs {
		l, err := g.options.Course.Named(id)
		if err != nil {
			return err
		}
		g.options.Say(fmt.Sprintf("warming the build cache: %s, %d of %d", l.ID, i+1, len(labs)))
		for _, race := range []bool{false, true} {
			bin := g.builder().Build(ctx, []compile.Request{{Lab: l, Dir: l.Dir, Race: race}})[0]
			if bin.Err != nil {
				return fmt.Errorf("build %s: %w", l.ID, bin.Err)
			}
		}
	}
	return nil
}

// Grade judges files, by their names in lab.yaml, for a lab by its id. The error says that nobody can be judged; what is
// wrong with the files is in the result.
func (g *Grader) Grade(ctx context.Context, lab string, files map[string][]byte) (run.Result, error) {
	one, err := g.of(lab)
	if err != nil {
		return run.Result{}, err
	}
	dir, err := owner.TempDir("", "handed-in")
	if err != nil {
		return run.Result{}, fmt.Errorf("make a folder for what was handed in: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := (intake.Submission{Lab: one.Single, Files: files}).WriteTo(dir); err != nil {
		return run.Result{}, fmt.Errorf("write what was handed in: %w", err)
	}
	s := &batch.Submission{Path: dir}
	if err := one.One(ctx, s, nil, nil); err != nil {
		return run.Result{}, err
	}
	if len(s.Results) != 1 {
		return run.Result{}, fmt.Errorf("there are %d results of one submission", len(s.Results))
	}
	return s.Results[0], nil
}

// of is the grader of a lab.
func (g *Grader) of(lab string) (*batch.Grader, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one := g.labs[lab]; one != nil {
		return one, nil
	}
	l, err := g.options.Course.Named(lab)
	if err != nil {
		return nil, err
	}
	one := &batch.Grader{Labs: []*course.Lab{l}, Demanded: true, Single: l, Builder: g.builder, Sandbox: g.sandbox,
		Open: g.stores.Open, Options: grade.Options{Race: true, EveryLab: true, Parallel: g.parallel()},
		Course: g.revision}
	g.labs[lab] = one
	return one, nil
}
