package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type checkOptions struct {
	*app
	all      bool
	dir      string
	of       string
	provider string
	runs     int
	json     bool
	seed     uint64
	timeout  time.Duration
	noRace   bool
	editor   bool
	force    bool
	verbose  bool
}

func newCheck(a *app) *cobra.Command {
	o := &checkOptions{app: a}
	c := &cobra.Command{
		Use:   "check [LAB...|--all]",
		Short: "Judge a lab",
		Long: `Check builds a lab's checks with your files, runs each in a process of its own, and says what holds.

Without a lab it takes the one of the current folder, else the one worked on last. A lab that has not changed since its
last verdict is answered from memory, marked so; --force judges it again. One in which nothing is written yet is not
attempted. Judged are the files that lab.yaml names, as when they are handed in; others beside them are left out.

On a terminal each check of a lab is told when it ends, those that failed the last time first; else in the lab's order.

A lab is passed when all that it demands was judged: with --no-race, one that demands the race detector is not yet, though the
exit code says that all checks that were run have passed.

` + exitHelp,
		Example: `  labs check                          the lab you are at
  labs check b10 i19                  these two
  labs check --all --json             everything, for a program
  labs check b10 --dir ../mine        the files of another folder
  labs check b10 --of fixed-window    one of the lab's known wrong answers, to see how it is told
  labs check b10 --runs 100           a hundred times, shuffled and under load, if you suspect a race
  labs check b10 --seed 42            the same random choices as in the run that said "seed 42"`,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.Context(),
				args)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "every lab of the course")
	f.StringVar(&o.dir, "dir", "", "judge the files in this `folder` instead of the lab's own")
	f.StringVar(&o.of, "of", "",
		"judge, instead of yours, the lab's own {stub|reference|`variant`}, which is a mutant or an alternative")
	f.StringVar(&o.provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.IntVar(&o.runs, "runs", 1, "run each check so many times, shuffled and under load, and count")
	f.BoolVar(&o.json, "json", false, "results as JSON on standard output")
	f.Uint64Var(&o.seed, "seed", 0, "repeat the random choices of an earlier run")
	f.DurationVar(&o.timeout, "timeout", grade.DefaultTimeout,
		"how long one check may take; three times as long under the race detector")
	f.BoolVar(&o.noRace, "no-race", false, "leave the run under the race detector out")
	f.BoolVar(&o.force, "force", false, "judge again what has not changed")
	f.BoolVar(&o.editor, "editor", false, "a line for each failure, as compilers write them, for an editor that reads along")
	f.BoolVarP(&o.verbose, "verbose", "v", false,
		"every failure in full, with what the code printed")
	return c
}

func (o *checkOptions) validate(args []string) error {
	usage := func(hint, format string, args ...any) error {
		return &usageError{fmt.Errorf(format,
			args...), hint}
	}
	switch {
	case o.all && len(args) > 0:
		return usage("leave one of them out", "--all and the name of a lab do not go together")
	case o.all && o.dir != "":
		return usage("name the lab that the folder is for",
			"--dir goes with one lab, not with --all")
	case o.dir != "" && len(args) > 1:
		return usage("name the one lab that the folder is for",
			"--dir goes with one lab, not with %d", len(args))
	case o.dir != "" && o.of != "":
		return usage("leave one of them out", "--dir and --of do not go together")
	case o.json && o.editor:
		return usage("leave one of them out", "--json and --editor do not go together")
	case o.runs < 1:
		return usage("give a number of at least 1", "--runs %d makes no sense", o.runs)
	case o.timeout <= 0:
		return usage("give a time such as 15s", "--timeout %v makes no sense", o.timeout)
	}
	return checkProvider(o.provider)
}

func (o *checkOptions) run(ctx context.Context, args []string) error {
	if err := o.validate(args); err != nil {
		return err
	}
	w, err := o.open()
	if err != nil {
		return err
	}
	if o.all {
		o.tellBroken(w.Course)
	}
	labs, err := o.labs(w, args)
	if err != nil {
		return err
	}
	j := newJudging(o.app, w, o.provider, grade.Options{Race: !o.noRace, Seed: o.seed,
		Timeout: o.timeout, Runs: o.runs})
	defer j.close()
	j.Remember, j.Force, j.Stubs = o.noted(), o.force, o.of != ""

	tmp, err := owner.TempDir("", "of")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	jobs := make([]grade.Job, len(labs))
	for i, l := range labs {
		jobs[i].Lab = l
		if jobs[i].Dir, err = o.source(l, tmp); err != nil {
			return err
		}
	}
	live := o.live(jobs)
	line := o.NewLive("building")
	defer line.Close()
	j.Each = counted(line, jobs, func(c run.Check) {
		if live != nil {
			line.Above(func() { live.Check(c) })
		}
	})
	show := o.show(jobs, live)
	tells := o.reports(w)
	defer tells.close(ctx, o.app)
	results, err := j.Judge.Judge(ctx, jobs, func(v judge.Verdict) {
		line.Above(func() { show(v) })
		if !v.Plain && !v.Remembered {
			tells.tell(ctx, v.Result)
		}
		if v.Plain {
			line.Set("%s: under the race detector", v.Lab)
		}
	})
	line.Close()
	if err != nil {
		return err
	}
	if o.json {
		err = report.JSON(o.Out, results)
	} else if o.editor {
		err = report.Compiler(o.Out, results)
	} else if len(results) > 1 {
		o.table(results)
	}
	if err != nil {
		return err
	}
	return verdictError(results)
}

// counted is what is called with each check that ends: the line says how many have, and each hears
// of it.
func counted(line *term.Live, jobs []grade.Job, each func(run.Check)) func(int, run.Check) {
	total, done := 0, 0
	for _, j := range jobs {
		total += len(j.Lab.Checks)
	}
	return func(_ int, c run.Check) {
		done++
		each(c)
		line.Set("checking, %d of %s", done, term.Plural(total, "check"))
	}
}

// noted reports whether verdicts are kept: only a plain check of a learner's own files says
// something about progress.
func (o *checkOptions) noted() bool {
	return o.dir == "" && o.of == "" && o.runs == 1 && o.seed == 0
}

// reports is what tells the workshop of verdicts, where they are kept here, too.
func (o *checkOptions) reports(w *workspace.Workspace) *reporter {
	if !o.noted() {
		return nil
	}
	return o.reporter(w)
}

// source is the folder with the files to judge.
func (o *checkOptions) source(l *course.Lab, tmp string) (string, error) {
	switch {
	case o.of != "":
		return l.Variant(o.of, tmp)
	case o.dir != "":
		return o.dir, nil
	}
	return l.Dir, nil
}

func (o *checkOptions) labs(w *workspace.Workspace, args []string) ([]*course.Lab, error) {
	if o.dir != "" {
		if st, err := os.Stat(o.dir); err != nil || !st.IsDir() {
			return nil, &usageError{fmt.Errorf("--dir %s: no such folder", o.dir),
				"give the folder that has the lab's files"}
		}
	}
	if o.all {
		return w.Course.Labs, nil
	}
	if len(args) == 0 {
		l, err := o.lab(w, nil)
		return []*course.Lab{l}, err
	}
	return w.Course.Select(args)
}

func (o *checkOptions) style() report.Style {
	return report.Style{Colour: o.Colour, Columns: o.Columns, Verbose: o.verbose}
}

// live is what shows each check of a lab as it ends, or nil: whoever is not looking is told all in
// the lab's order.
func (o *checkOptions) live(jobs []grade.Job) *report.Live {
	if o.json || o.editor || !o.Interactive || len(jobs) != 1 {
		return nil
	}
	return report.NewLive(o.typing(o.Out), jobs[0].Lab.ID, jobs[0].Lab.Title, o.style())
}

// show returns what is called with each lab's result as soon as it is final, and with the result of
// its plain run before that of the race run. Of several labs, those that are still the stub stand
// in the table alone. live, if not nil, has shown a part of the first result already.
func (o *checkOptions) show(jobs []grade.Job, live *report.Live) func(judge.Verdict) {
	if o.json || o.editor {
		return func(judge.Verdict) {}
	}
	style := o.style()
	first := func(r run.Result) { report.Terminal(o.typing(o.Out), r, style) }
	if live != nil {
		first = live.End
	}
	shownPlain := map[int]run.Verdict{}
	return func(v judge.Verdict) {
		switch {
		case len(jobs) > 1 && (v.Plain || v.Verdict == run.NotAttempted):
			return
		case v.Plain:
			shownPlain[v.Job] = v.Verdict
			first(v.Result)
			if !o.ErrTerminal { // there a line says so that is gone when it is over
				o.note("now under the race detector")
			}
			return
		}
		was, shown := shownPlain[v.Job]
		switch {
		case !shown:
			first(v.Result)
		case was != v.Verdict || raceFailed(v.Result):
			report.Terminal(o.typing(o.Out), v.Result, style)
		case v.Complete():
			fmt.Fprintln(o.Out, o.Paint().Good("passed")+" under the race detector, too")
		case v.NotYetRaced():
			report.Verdict(o.typing(o.Out), v.Result, style)
		case v.Race.State == run.RaceDone:
			fmt.Fprintln(o.Out, o.Paint().Faint("under the race detector the same checks fail, and no race was found"))
		}
		if o.runs > 1 && v.Verdict == run.Passed {
			fmt.Fprintln(o.Out, o.Paint().Faint(fmt.Sprintf("each check passed in %d of %d runs, shuffled and under load", o.runs, o.runs)))
		}
		if v.Remembered {
			fmt.Fprintln(o.Out,
				o.Paint().Faint(o.typed(
					"unchanged since it was judged; labs check --force judges it again")))
		}
		if o.of == "" {
			o.next(v, jobs[v.Job].Lab)
		}
	}
}

func raceFailed(r run.Result) bool {
	for _, c := range r.Checks {
		if c.Race {
			return true
		}
	}
	return false
}

// next says what to type next, if that works.
func (o *checkOptions) next(v judge.Verdict, l *course.Lab) {
	say := func(format string, args ...any) {
		fmt.Fprintln(o.Out, o.Paint().Faint(o.typed(fmt.Sprintf(format, args...))))
	}
	switch {
	case v.Complete() && !o.noted():
		say("this pass is not noted; labs check %s without such flags notes it", v.Slug)
	case v.Complete() && l.HasSolution():
		say("next: labs solution %s shows the reference and the model answer", v.Slug)
	case v.Verdict == run.Failed, v.Verdict == run.TimedOut:
		say("next: labs hint %s", v.Slug)
		if l.Chance() {
			say("the same random choices again: labs check %s --seed %d", v.Slug, v.Seed)
		}
	}
	fmt.Fprintln(o.Out)
}

// table is the last word on several labs.
func (o *checkOptions) table(results []run.Result) {
	p := o.Paint()
	passed, width := 0, 16
	for _, r := range results {
		width = max(width, len(r.Words()))
	}
	for _, r := range results {
		paint := p.Bad
		switch {
		case r.Complete():
			passed++
			paint = p.Good
		case r.NotYetRaced(), r.Verdict == run.InfraError, r.Verdict == run.NotAttempted:
			paint = p.Warn
		}
		fmt.Fprintf(o.Out, "%-4s %-28s %s %d/%d\n", r.Lab, r.Slug,
			paint(fmt.Sprintf("%-*s", width, r.Words())), r.Points, r.MaxPoints)
	}
	fmt.Fprintf(o.Out, "%d of %s passed\n", passed, term.Plural(len(results), "lab"))
}

// localSandbox is what a learner's own code runs in on the learner's own machine.
func localSandbox() sandbox.Sandbox { return sandbox.None{} }
