package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type gradeOptions struct {
	*app
	lab      string
	provider string
	sandbox  string
	formats  []string
	files    []string
	json     bool
	seed     uint64
	timeout  time.Duration
	noRace   bool
	verbose  bool
	batch    bool
	jobs     int
	resume   bool

	outputs []output
	course  *workspace.Workspace
	labs    []*course.Lab
	single  *course.Lab // the one of --lab, or nil
	box     sandbox.Sandbox
	stores  *stores
	warmed  sync.Map // a sync.OnceValue of error for each lab
}

func newGrade(a *app) *cobra.Command {
	o := &gradeOptions{app: a}
	c := &cobra.Command{
		Use:   "grade {FOLDER|FILE.zip|FILE.tar.gz|-} | --submissions {FOLDER|SUBMISSION...}",
		Short: "Judge submissions that nobody trusts",
		Long: `Grade judges a submission: a folder, a .zip, a .tar.gz, or a tar on standard input, with the learner's files as in
the course (labs/<lab>/…) or the files of one lab alone. Only the files that lab.yaml names are read; checks, kit and
go.mod are the course's. The submission is compiled and run in a sandbox without network, and grading refuses to start
where the sandbox does not hold. The sandbox is made of Linux namespaces; where there are none, it is a Docker
container, in which the submission is run but not compiled.

With --submissions it judges many: those named, or each entry of the one folder named. What is wrong with one never
stops the others. Stopped with Ctrl-C, it goes on with --resume where it was: what has been graded, and has not been
changed since, is not graded again.

` + exitHelp + ` Of many, the worst counts: 3 before 4 before 1.`,
		Example: `  labs grade submission.zip
  labs grade ./theirs --lab token-bucket
  git archive HEAD | labs grade - --format json
  labs grade ./theirs --format github --output junit=report.xml
  labs grade --submissions handed-in/ --output csv=grades.csv --output json=results.json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 1 && !o.batch {
				return &usageError{fmt.Errorf("grade takes one submission, not %d", len(args)), "several are graded with --submissions"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.StringVar(&o.lab, "lab", "", "grade this `lab` alone")
	f.StringVar(&o.provider, "backend", "auto", "where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.StringVar(&o.sandbox, "sandbox", "auto", "what keeps the submission in: {auto|ns|container|none}; none is for submissions that you trust")
	f.StringArrayVar(&o.formats, "format", nil, "how to show the results, repeatable: {terminal|json|junit|github|gradescope|markdown|csv}")
	f.StringArrayVar(&o.files, "output", nil, "write a format to a file, `FORMAT=FILE`, repeatable")
	f.BoolVar(&o.json, "json", false, "the same as --format json")
	f.Uint64Var(&o.seed, "seed", 0, "repeat the random choices of an earlier run")
	f.DurationVar(&o.timeout, "timeout", grade.DefaultTimeout, "how long one check may take; three times as long under the race detector")
	f.BoolVar(&o.noRace, "no-race", false, "leave the run under the race detector out")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "every failure in full, with what the code printed")
	f.BoolVar(&o.batch, "submissions", false, "judge many submissions")
	f.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "with --submissions, how many to judge at once")
	f.BoolVar(&o.resume, "resume", false, "with --submissions, go on where the last run was stopped")
	return c
}

func (o *gradeOptions) run(ctx context.Context, args []string) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	if o.course, err = o.open(); err != nil {
		return err
	}
	o.labs = o.course.Course.Labs
	if o.lab == "" {
		o.tellBroken(o.course.Course)
	} else {
		if o.single, err = o.course.Course.Named(o.lab); err != nil {
			return err
		}
		o.labs = []*course.Lab{o.single}
	}
	if o.box, err = sandbox.ForGrading(ctx, o.sandbox, filepath.Join(o.course.Course.Root, "go.mod")); err != nil {
		return err
	}
	if !o.noRace && slices.ContainsFunc(o.labs, func(l *course.Lab) bool { return l.Race }) {
		if err := o.builder(o.course).Race(); err != nil {
			return err
		}
	}
	o.stores = newStores(o.app, o.course, o.provider, true)
	defer o.stores.close()
	if o.batch {
		return o.runBatch(ctx, args)
	}
	results, err := o.one(ctx, args[0], grade.Options{}, o.building())
	if err != nil {
		return err
	}
	if err := o.write(o.outputs, results, func(w io.Writer) { o.show(w, results) }); err != nil {
		return err
	}
	return verdictError(results)
}

func (o *gradeOptions) validate() (err error) {
	if !slices.Contains([]string{"auto", "ns", "container", "none"}, o.sandbox) {
		return &usageError{fmt.Errorf("--sandbox %q is none of auto, ns, container, none", o.sandbox), "auto takes the one that holds here"}
	}
	if o.jobs < 1 {
		return &usageError{fmt.Errorf("--jobs %d makes no sense", o.jobs), "give a number of at least 1"}
	}
	if o.resume && !o.batch {
		return &usageError{errors.New("--resume is for many submissions"), "see labs grade --help"}
	}
	if o.json {
		o.formats = append(o.formats, "json")
	}
	if o.outputs, err = parseOutputs(o.formats, o.files); err != nil {
		return err
	}
	return checkProvider(o.provider)
}

func (o *gradeOptions) show(w io.Writer, results []run.Result) {
	for _, r := range results {
		report.Terminal(w, r, report.Style{Colour: o.Colour, Columns: o.Columns, Verbose: o.verbose})
		fmt.Fprintln(w)
	}
}

// one reads one submission and judges it. What intake refuses is a result, not an error; what broke on our side is
// tried once more.
func (o *gradeOptions) one(ctx context.Context, path string, opts grade.Options, slow func(compile.Progress)) ([]run.Result, error) {
	subs, refused, err := o.read(path)
	if err != nil || refused != nil {
		return refused, err
	}
	return o.grade(ctx, subs, opts, slow)
}

// read takes a submission in. refused is the result of one that is not graded.
func (o *gradeOptions) read(path string) (subs []intake.Submission, refused []run.Result, err error) {
	subs, err = intake.Read(path, o.In, o.labs, o.single)
	var rejected *intake.Rejection
	switch {
	case errors.As(err, &rejected):
		return nil, []run.Result{o.noVerdict(run.Rejected, rejected)}, nil
	case errors.Is(err, os.ErrNotExist):
		return nil, nil, &usageError{err, "give a folder, a .zip, a .tar.gz, or - for a tar on standard input"}
	}
	return subs, nil, err
}

// noVerdict is the result of a submission that was not run.
func (o *gradeOptions) noVerdict(v run.Verdict, why error) run.Result {
	r := run.Result{Schema: run.Schema, Verdict: v, Message: why.Error(), Checks: []run.Check{}, Backends: map[string]run.Backend{}}
	if o.single != nil {
		r.Lab, r.Slug, r.Title, r.MaxPoints = o.single.ID, o.single.Slug, o.single.Title, o.single.MaxPoints()
	}
	return r
}

// grade judges what was read, and what broke on our side once more.
func (o *gradeOptions) grade(ctx context.Context, subs []intake.Submission, opts grade.Options, slow func(compile.Progress)) ([]run.Result, error) {
	tmp, err := owner.TempDir("", "grade")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	jobs := make([]grade.Job, len(subs))
	for i, s := range subs {
		jobs[i] = grade.Job{Lab: s.Lab, Dir: filepath.Join(tmp, "labs", s.Lab.Slug), Note: s.Note}
		if err := s.WriteTo(jobs[i].Dir); err != nil {
			return nil, err
		}
	}
	b := o.builder(o.course)
	b.Dir, b.Progress = filepath.Join(tmp, "bin"), slow
	if o.box.Name() != "none" {
		b.Sandbox = o.box
		for _, s := range subs {
			once, _ := o.warmed.LoadOrStore(s.Lab.Slug, sync.OnceValue(func() error { return o.warm(ctx, s.Lab, slow) }))
			if err := once.(func() error)(); err != nil {
				return nil, err
			}
		}
	}
	opts.Race, opts.Seed, opts.Timeout = !o.noRace, o.seed, o.timeout
	g := &grade.Grader{Builder: b, Sandbox: o.box, Open: o.stores.open}
	results, err := g.Grade(ctx, jobs, opts, nil)
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		if r.Verdict != run.InfraError {
			continue
		}
		again, err := g.Grade(ctx, jobs[i:i+1], opts, nil)
		if err != nil {
			return nil, err
		}
		results[i] = again[0]
	}
	return results, nil
}

// notToGrade ends a run that grades: the course or the machine is at fault, and nobody's submission.
type notToGrade struct{ error }

func (e *notToGrade) Unwrap() error { return e.error }

// warm builds a lab as the course has it, outside the sandbox: what is built inside stays there, so what all submissions
// of the lab share must lie in the build cache before. If it fails, nobody is to be graded by this lab.
func (o *gradeOptions) warm(ctx context.Context, l *course.Lab, slow func(compile.Progress)) error {
	b := o.builder(o.course)
	b.Progress = slow
	if err := b.Pristine(ctx, []*course.Lab{l}, !o.noRace); err != nil {
		return &notToGrade{err}
	}
	return nil
}
