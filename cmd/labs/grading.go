package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func (o *gradeOptions) run(ctx context.Context, args []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	w, err := o.openAnywhere()
	if err != nil {
		return err
	}
	labs, err := o.demanded(w.Course)
	if err != nil {
		return err
	}
	if o.hunt {
		labs = hunted(labs)
	}
	in, err := o.listed(args) // before the sandbox is tried, which takes seconds
	if err != nil {
		return err
	}
	box, err := sandbox.ForGrading(ctx, o.sandbox, filepath.Join(w.Course.Root, "go.mod"))
	if err != nil {
		return err
	}
	if !o.noRace {
		if err := o.builder(w).Race(); err != nil {
			return err
		}
	}
	stores := newStores(o.app, w, o.provider, true)
	defer stores.Close()
	g := &batch.Grader{
		Labs: labs, Demanded: o.demands(),
		Builder: func() *compile.Builder { return o.builder(w) }, Sandbox: box, Open: stores.Open,
		Options: grade.Options{Race: !o.noRace, EveryLab: true, Seed: o.seed, Timeout: o.timeout},
		Course:  batch.RevisionOf(ctx, w.Course),
	}
	if g.Demanded && len(labs) == 1 {
		g.Single = labs[0]
	}
	if o.batch {
		return o.many(ctx, g, w, args, in)
	}
	return o.one(ctx, g, w, args[0])
}

func (o *gradeOptions) demands() bool { return o.lab != "" || len(o.labs) > 0 }

// toGrade is what is to be graded of many: the submissions, and a line for each entry that is none.
type toGrade struct {
	subs   []batch.Submission
	strays []string
}

// listed looks whether what is to be graded is there, and lists it where it is many.
func (o *gradeOptions) listed(args []string) (in toGrade, err error) {
	if !o.batch {
		if args[0] == "-" {
			return in, nil
		}
		_, err = os.Stat(args[0])
		return in, noSubmission(err)
	}
	in.subs, in.strays, err = batch.List(args, o.demands())
	if unlisted, ok := errors.AsType[*batch.Unlisted](err); ok {
		return in, &usageError{unlisted, unlisted.Hint()}
	}
	return in, err
}

// noSubmission tells what to give where an error says that there is nothing; what else may be wrong with it shows when
// it is read.
func noSubmission(err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return &usageError{fmt.Errorf("read the submission: %w", err),
		"give a folder, a .zip, a .tar.gz, or - for a tar on standard input"}
}

// demanded are the labs of --lab or --labs, in the course's order, or all.
func (o *gradeOptions) demanded(c *course.Course) ([]*course.Lab, error) {
	names := o.labs
	if o.lab != "" {
		names = []string{o.lab}
	}
	if len(names) == 0 {
		if len(c.Broken) > 0 { // whoever has handed in that lab would be told that it is none
			return nil, c.Broken[0]
		}
		return c.Labs, nil
	}
	wanted := map[*course.Lab]bool{}
	for _, name := range names {
		l, err := c.Named(name)
		if err != nil {
			return nil, err
		}
		wanted[l] = true
	}
	var labs []*course.Lab
	for _, l := range c.Labs {
		if wanted[l] {
			labs = append(labs, l)
		}
	}
	return labs, nil
}

// hunted are labs as tests are handed in for them.
func hunted(labs []*course.Lab) []*course.Lab {
	all := make([]*course.Lab, len(labs))
	for i, l := range labs {
		all[i] = l.AsHunt()
	}
	return all
}

// one grades one submission and shows what came of it.
func (o *gradeOptions) one(ctx context.Context, g *batch.Grader, w *workspace.Workspace,
	path string) error {
	s := &batch.Submission{Path: path}
	says := o.judging()
	err := g.One(ctx, s, o.In, says.event)
	says.Close()
	if errors.Is(err, os.ErrNotExist) {
		return &usageError{err,
			"give a folder, a .zip, a .tar.gz, or - for a tar on standard input"}
	}
	if err != nil {
		return err
	}
	show := func(out io.Writer) {
		report.Submission(out, s.Results, report.Style{Colour: o.Colour, Columns: o.Columns,
			Verbose: o.verbose})
	}
	if err := o.write(o.outputs, s.Results, w.Dir, show); err != nil {
		return err
	}
	return verdictError(s.Results)
}

// many grades many submissions and shows a table of them, also of a batch that was stopped.
func (o *gradeOptions) many(ctx context.Context, g *batch.Grader, w *workspace.Workspace,
	args []string, in toGrade) error {
	subs := in.subs
	for _, line := range in.strays {
		o.note("left out: %s", report.Plain(line))
	}
	journal, err := batch.OpenJournal(filepath.Join(w.Dir, "grade"), g.Key(args), o.resume)
	if err != nil {
		o.note("what is graded cannot be kept for --resume: %v", err)
	}
	defer journal.Close()
	says := o.batchProgress(len(subs))
	g.Options.Parallel = max(1, cores()/o.jobs)
	stopped := g.All(ctx, subs, batch.Many{Jobs: o.jobs, Journal: journal, On: says.event})
	says.stop()
	if err := journal.Err(); err != nil {
		o.note("not all that is graded is kept for --resume: %v", err)
	}
	results := batch.Results(subs)
	if stopped != nil {
		o.note("%d of %d are graded; the same command with --resume goes on", batch.Graded(subs),
			len(subs))
		if len(results) == 0 {
			return stopped
		}
	}
	show := func(out io.Writer) { report.Table(out, results, o.Columns) }
	err = o.write(o.outputs, results, w.Dir, show)
	if stopped != nil {
		o.complain(err)
		return stopped
	}
	if err != nil {
		return err
	}
	journal.Remove()
	return verdictError(results)
}
