package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/grade"
)

type gradeOptions struct {
	*app
	lab      string
	labs     []string
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
	hunt     bool

	outputs []output
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
container, in which the submission is run but not compiled. Inside a container that somebody else has started there is
neither: the sandbox is made of Landlock then, and each result says what that promises less.

What is still the untouched stub is left out, so that a download of a whole repository is judged by what was written
in it. --labs (or --lab) names the labs that are demanded: each of them then has its result, with 0 points where
it was not attempted or not handed in, and the maximum does not depend on what was. What could not be judged, for a
reason that is not the submission's, has no points at all: no format gives 0 for it.

With --submissions it judges many: those named, or each entry of the one folder named. What is wrong with one never
stops the others. Stopped with Ctrl-C it shows and writes what has been graded, and --resume goes on where it was:
what has been graded, and has not been changed since, is not graded again.

--output writes a file as a whole or not at all; a device, a pipe or a link is written to and stays what it is, and -
is standard output. Gradescope's format has one submission in a file: with --submissions name a folder for it, and each
submission gets NAME.json there.

` + exitHelp + ` Of many, the worst counts: 3 before 4 before 1.`,
		Example: `  labs grade submission.zip
  labs grade ./theirs --lab token-bucket
  labs grade repository.zip --labs b04,b10
  git archive HEAD | labs grade - --format json
  labs grade ./theirs --format github --output junit=report.xml
  labs grade --submissions handed-in/ --output csv=grades.csv --output gradescope=grades/`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case o.batch: // batch.List says what is missing
				return nil
			case len(args) == 0:
				return &usageError{errors.New("there is no submission to grade"),
					"name a folder, a .zip, a .tar.gz, or - for a tar on standard input"}
			case len(args) > 1:
				return &usageError{fmt.Errorf("grade takes one submission, not %d", len(args)),
					"several are graded with --submissions"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.StringVar(&o.lab, "lab", "", "grade this `lab` alone; its files may lie at the top")
	f.StringSliceVar(&o.labs, "labs", nil,
		"the `labs` that are demanded, such as b04,b10: what is missing counts 0")
	f.StringVar(&o.provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.StringVar(&o.sandbox, "sandbox", "auto",
		"what keeps the submission in: {auto|ns|container|landlock|none}; landlock is for inside "+
			"containers and promises less, none is for submissions that you trust")
	f.StringArrayVar(&o.formats, "format", nil,
		"how to show the results, this `format`, repeatable: {terminal|json|junit|github|gradescope|markdown|csv|html}")
	f.StringArrayVar(&o.files, "output", nil, "write a format to a file, `FORMAT=PATH`, repeatable")
	f.BoolVar(&o.json, "json", false, "the same as --format json")
	f.Uint64Var(&o.seed, "seed", 0, "repeat the random choices of an earlier run")
	f.DurationVar(&o.timeout, "timeout", grade.DefaultTimeout,
		"how long one check may take; three times as long under the race detector")
	f.BoolVar(&o.noRace, "no-race", false, "leave the run under the race detector out")
	f.BoolVarP(&o.verbose, "verbose", "v", false,
		"every failure in full, with what the code printed")
	f.BoolVar(&o.batch, "submissions", false, "judge many submissions")
	f.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "with --submissions, how many to judge at once")
	f.BoolVar(&o.hunt, "hunt", false, "judge the tests in labs/<lab>/hunt/hunt_test.go: a point for each "+
		"wrong answer that they catch")
	f.BoolVar(&o.resume, "resume", false,
		"with --submissions, go on where the last run was stopped")
	return c
}

func (o *gradeOptions) validate() (err error) {
	if !slices.Contains([]string{"auto", "ns", "container", "landlock", "none"}, o.sandbox) {
		return &usageError{fmt.Errorf("--sandbox %q is none of auto, ns, container, landlock, none",
			o.sandbox), "auto takes the one that holds here"}
	}
	if o.jobs < 1 {
		return &usageError{fmt.Errorf("--jobs %d makes no sense", o.jobs),
			"give a number of at least 1"}
	}
	if o.timeout <= 0 {
		return &usageError{fmt.Errorf("--timeout %v makes no sense", o.timeout), "give a time such as 15s"}
	}
	if err := namesNone(o.labs); err != nil {
		return err
	}
	if o.resume && !o.batch {
		return &usageError{errors.New("--resume is for many submissions"), "see labs grade --help"}
	}
	if o.json {
		o.formats = append(o.formats, "json")
	}
	if o.lab != "" && len(o.labs) > 0 {
		return &usageError{errors.New("--lab and --labs do not go together"),
			"--labs takes one lab, too"}
	}
	if o.outputs, err = parseOutputs(o.formats, o.files, o.batch); err != nil {
		return err
	}
	for _, out := range o.outputs {
		if out.made {
			o.note("made the folder %s, where each submission gets a file", out.file)
		}
	}
	return checkProvider(o.provider)
}
