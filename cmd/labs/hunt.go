package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// huntRuns is how often a test is run on a correct solution, on which it must never fail.
const huntRuns = 3

type huntOptions struct {
	*app
	first    bool
	provider string
	json     bool
	seed     uint64
	timeout  time.Duration
	noRace   bool
	watch    bool
	verbose  bool

	hunter *hunt.Hunter
}

func newHunt(a *app) *cobra.Command {
	o := &huntOptions{app: a}
	c := &cobra.Command{
		Use:   "hunt [LAB]",
		Short: "Hold tests of your own against known wrong answers",
		Long: `Hunt is the other half of a lab: you write the tests. Those in labs/<lab>/hunt/hunt_test.go are held against the
lab's correct solutions, on which each must pass, and against its known wrong answers: each on which a test fails is
caught. Shown are the beliefs behind those that are caught, and of the others the sentence of the contract that no test
of yours has tried.

A test that fails on a correct solution demands what the contract does not: what it said is shown, and it counts for
nothing. Each test runs as a check does, in a process of its own, with a deadline and with stores of its own; it may use
the kit (go doc ./harness/kit/bubble and so on). Without a lab it takes the one of the current folder, else the one
worked on last.

"labs progress" has how many each hunt has caught; it does not mix with the points of the lab. "labs grade --hunt" judges
hunts that are handed in: each test is built against one solution at a time there, in the sandbox, and may use less.

` + exitHelp + ` Passed is a hunt that catches all.`,
		Example: `  labs hunt b10 --new     a first test, to begin with
  labs hunt b10           what your tests catch
  labs hunt b10 --watch   the same after every save
  labs hunt b10 -v        all of it, with what a test has printed that demands too much`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.BoolVar(&o.first, "new", false, "make a first file of tests")
	f.StringVar(&o.provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.BoolVar(&o.json, "json", false, "the outcome as JSON on standard output")
	f.Uint64Var(&o.seed, "seed", 0, "repeat the random choices of an earlier run")
	f.DurationVar(&o.timeout, "timeout", grade.DefaultTimeout, "how long one test may take")
	f.BoolVarP(&o.watch, "watch", "w", false, "hunt again after every save")
	f.BoolVar(&o.noRace, "no-race", false, "leave the run under the race detector out")
	f.BoolVarP(&o.verbose, "verbose", "v", false,
		"all that is caught and is not, and what tests have printed that demand too much")
	return c
}

func (o *huntOptions) run(ctx context.Context, args []string) error {
	if o.watch && (o.json || o.first) {
		return &usageError{errors.New("--watch goes with neither --json nor --new"),
			"leave one of them out"}
	}
	if o.timeout <= 0 {
		return &usageError{fmt.Errorf("--timeout %v makes no sense", o.timeout),
			"give a time such as 15s"}
	}
	if err := checkProvider(o.provider); err != nil {
		return err
	}
	w, err := o.open()
	if err != nil {
		return err
	}
	l, err := o.lab(w, args)
	if err != nil {
		return err
	}
	if o.first {
		return o.begin(w, l)
	}
	stores := newStores(o.app, w, o.provider, false)
	defer stores.Close()
	o.hunter = &hunt.Hunter{
		Builder: func() *compile.Builder { return o.builder(w) },
		Sandbox: localSandbox(), Open: stores.Open,
		Options: grade.Options{Runs: huntRuns, Race: !o.noRace, Seed: o.seed, Timeout: o.timeout},
	}
	if o.watch {
		return o.again(ctx, w, l)
	}
	return o.once(ctx, w, l)
}

// begin makes the first test.
func (o *huntOptions) begin(w *workspace.Workspace, l *course.Lab) error {
	path, err := hunt.First(w.Course, l)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.Out, relative(path))
	o.note("labs hunt %s holds it against the wrong answers", l.Slug)
	return nil
}

// once hunts with the tests as they are now.
func (o *huntOptions) once(ctx context.Context, w *workspace.Workspace, l *course.Lab) error {
	tests, err := hunt.Read(l, l.HuntPath())
	if err != nil {
		return err
	}
	line := o.NewLive("building")
	defer line.Close()
	var plain *hunt.Outcome
	out, err := o.hunter.Hunt(ctx, tests, hunt.Events{
		Progress: func(p hunt.Progress) { line.Set("%v", p) },
		Plain: func(so hunt.Outcome) {
			plain = &so
			line.Above(func() { o.plain(so) })
		},
	})
	line.Close()
	if err != nil {
		return err
	}
	if err := o.keep(ctx, w, out); err != nil {
		return err
	}
	return o.show(out, plain)
}

// keep notes what came of a hunt.
func (o *huntOptions) keep(ctx context.Context, w *workspace.Workspace, out hunt.Outcome) error {
	if out.Message != "" {
		return nil // nothing was run
	}
	return w.Update(ctx, func(p *workspace.Progress) {
		p.Last = out.Lab
		p.Entry(out.Lab).Hunt = &workspace.Hunt{Caught: out.Caught, Of: out.Of,
			Source: out.SHA256, At: time.Now()}
	})
}

// plain shows what is known before the race detector has its turn.
func (o *huntOptions) plain(out hunt.Outcome) {
	if o.json {
		return
	}
	o.text(out)
	if !o.ErrTerminal { // there a line says so that is gone when it is over
		o.note("now under the race detector")
	}
}

func (o *huntOptions) text(out hunt.Outcome) {
	hunt.Text(o.typing(o.Out), out, report.Style{Colour: o.Colour, Columns: o.Columns,
		Verbose: o.verbose})
}

// show shows the outcome; plain is what has been shown of it already, or nil.
func (o *huntOptions) show(out hunt.Outcome, plain *hunt.Outcome) error {
	switch {
	case o.json:
		if err := o.app.json(out); err != nil {
			return err
		}
	case plain != nil && plain.Same(out):
		fmt.Fprintln(o.Out, o.Paint().Faint("nothing else under the race detector"))
	default:
		o.text(out)
	}
	switch out.Verdict {
	case run.Passed:
		return nil
	case run.InfraError:
		return &notPassed{exitInfra}
	}
	return &notPassed{exitNot}
}
