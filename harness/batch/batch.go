// Package batch takes submissions that nobody trusts to their results. [Grader.One] is the whole
// way of one: intake reads it, what was demanded or touched is picked, built and run in a sandbox,
// and every result is made complete. [Grader.All] does that for many at once, and keeps a
// [Journal], so that a stopped batch can go on.
package batch

import (
	"context"
	"io"
	"sync"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// Grader grades submissions for one course. It may be used by several goroutines at once.
type Grader struct {
	// Labs are those that are looked for. Demanded says that each submission must have them all:
	// what is missing counts, with 0 points. Otherwise only those are judged that a submission has
	// touched.
	Labs     []*course.Lab
	Demanded bool
	// Single is the only one of Labs, whose files may also lie at a submission's top, or nil.
	Single *course.Lab

	// Builder gives a builder that works outside of the sandbox.
	Builder func() *compile.Builder
	Sandbox sandbox.Sandbox
	// Open starts the stores that checks need, as in [grade.Grader].
	Open    func(ctx context.Context, needs []string) (grade.Stores, error)
	Options grade.Options
	Course  run.Revision // goes into each result

	ready sync.Map // by slug, a func() error that is called once
}

// Submission is one, as it was handed in, and what came of it.
type Submission struct {
	Name string // whose it is; may be empty where there is only one
	Path string // a folder, an archive, or - for standard input
	// Results has one for each lab that was judged or demanded, in the order of the labs; nil: not
	// judged yet.
	Results []run.Result
}

// NotReady says that nobody can be judged: a lab does not build as the course has it, or nothing
// can be built here.
type NotReady struct{ Err error }

func (e *NotReady) Error() string { return e.Err.Error() }
func (e *NotReady) Unwrap() error { return e.Err }

// One judges one submission and fills in its results. stdin is read if its path is "-". on, which
// may be nil, is called as that of [grade.Grader.Grade]. What is wrong with the submission is a
// result and no error. The error is ctx's, a [*NotReady], or says what keeps this submission from
// being read or judged.
func (g *Grader) One(ctx context.Context, s *Submission, stdin io.Reader,
	on func(grade.Event)) error {
	read, err := g.read(*s, stdin)
	if err != nil {
		return err
	}
	return g.judge(ctx, s, read, on)
}

// judge judges what was read.
func (g *Grader) judge(ctx context.Context, s *Submission, r *reading, on func(grade.Event)) error {
	results := r.refused
	if results == nil {
		var err error
		if results, err = g.graded(ctx, r.found, on); err != nil {
			return err
		}
	}
	s.Results = results
	for i := range s.Results {
		s.Results[i].Submission = s.Name
	}
	return nil
}
