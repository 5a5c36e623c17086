package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/prove"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type proveOptions struct {
	*app
	runs     int
	seed     uint64
	provider string
	named    bool
	since    string
	form     bool
	promises bool
	mutate   bool
	within   time.Duration
	json     bool
}

func newProve(a *app) *cobra.Command {
	o := &proveOptions{app: a}
	c := &cobra.Command{
		Use:   "prove [LAB...]",
		Short: "Prove that labs judge rightly",
		Long: `Prove shows, for each lab, that the untouched stub fails every check; that the reference and every alternative
pass all of them, plain and under the race detector, every time, also with all cores busy; that every mutant is caught by
the checks it names; and that no check is without a mutant that it catches. Without names it proves the whole course.

A mutant whose failures look like those of one that claims another belief is a fault, too: learners would be told wrong.

All variants of a lab (the stub, the reference, the alternatives, the mutants) are linked into one test binary, each with
import paths of its own, so a mutant costs little more than its compilation. One that does not compile is named with its
error, and the others are proved all the same.

--since main proves the labs in whose folders (labs/LAB, solutions/LAB) something differs from that revision of git, and
all of them where go.mod, go.sum or what judges every lab (the kit, compile, run, grade, diagnose, promise, prove) does.

A lab that does not hold is told as soon as that is known. --within 30m begins no lab that would end later, for a machine
of which nobody knows how fast it is: the labs come in a random order then, and those without a turn are named at the end.

Each sentence of a lab's contract (the brief's section "The contract", the comments of the stub's exported names) must be
broken by a mutant that quotes it in breaks, or stand in unbroken or freedoms with a reason. --promises lists the sentences
and who breaks each; like --form it builds nothing.

--mutate changes the reference automatically, in one small way at a time: a bound moved, a condition negated, a statement
or a lock removed, an error returned as nil, and the like. A check must fail on each change that compiles. What survives is
shown as a diff: either it is a hole, and a check is missing, or it is as correct as the reference; then lab.yaml lists it
under equivalent, with the reason. It takes a minute or two for each lab.

--form looks at lab.yaml, the files, the texts and the patches alone. It takes a second, and is the first thing to run.

` + exitHelp,
		Example: `  labs prove
  labs prove b10 --form
  labs prove b10 --promises
  labs prove b10 --runs 20
  labs prove --named
  labs prove --named --since main
  labs prove --named --within 30m
  labs prove b10 --mutate
  labs prove --json > proof.json`,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.Context(),
				args)
		},
	}
	f := c.Flags()
	f.IntVar(&o.runs, "runs", 5, "how often to run what must come out the same every time")
	f.Uint64Var(&o.seed, "seed", 0, "the random choices of the checks (default: new ones)")
	f.StringVar(&o.provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.BoolVar(&o.named, "named", false,
		"judge a mutant by the checks that it names alone: sooner done, without the notes on "+
			"the others")
	f.StringVar(&o.since, "since", "",
		"prove what has changed since this revision of git alone")
	f.DurationVar(&o.within, "within", 0,
		"begin no lab that would not be proved so soon, such as 30m; the exit code is that of those that were")
	f.BoolVar(&o.form, "form", false,
		"look at lab.yaml, files, texts and patches alone, and build and run nothing")
	f.BoolVar(&o.promises, "promises", false,
		"list each sentence of the contracts with the mutants that break it; nothing is built or run")
	f.BoolVar(&o.mutate, "mutate", false,
		"change the references automatically instead: a check must fail on each change")
	f.BoolVar(&o.json, "json", false, "proofs as JSON on standard output")
	return c
}

func (o *proveOptions) run(ctx context.Context, args []string) error {
	if o.runs < 1 {
		return &usageError{fmt.Errorf("--runs %d makes no sense", o.runs),
			"give a number of at least 1"}
	}
	if o.mutate && (o.form || o.promises || o.named) {
		return &usageError{errors.New("--mutate does not go with --form, --promises or --named"),
			"it judges changes of the reference, not what lab.yaml says of mutants"}
	}
	if o.within < 0 {
		return &usageError{fmt.Errorf("--within %v makes no sense", o.within), "give a time such as 30m, or leave it out"}
	}
	if o.within > 0 && (o.form || o.promises || o.mutate) {
		return &usageError{errors.New("--within does not go with --form, --promises or --mutate"),
			"it is for proofs that build and run"}
	}
	if err := checkProvider(o.provider); err != nil {
		return err
	}
	w, err := o.open()
	if err != nil {
		return err
	}
	if workspace.IsOne(w.Course.Root) {
		return &usageError{errors.New("prove is for authors: this folder is a learner's, without solutions"),
			"--course names a course that has them; labs check judges what you write"}
	}
	labs, err := w.Course.Select(args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		o.tellBroken(w.Course)
	}
	if o.since != "" {
		if labs, err = prove.Since(ctx, w.Course, labs, o.since); err != nil {
			return err
		}
	}
	start := time.Now()
	if o.mutate {
		return o.mutants(ctx, w, labs, start)
	}
	proofs, err := o.prove(ctx, w, labs)
	if err != nil {
		if len(proofs) > 0 { // what has been found out would be lost
			fmt.Fprintln(o.Err, "until then:")
			if shown := o.show(proofs, time.Since(start)); shown != nil {
				return shown
			}
		}
		return err
	}
	if err := o.show(proofs, time.Since(start)); err != nil {
		return err
	}
	if left := unproved(labs, proofs); len(left) > 0 {
		fmt.Fprintf(o.Err, "no time was left for %d of %d labs: %s\n", len(left), len(labs), strings.Join(left, " "))
	}
	if !prove.AllHold(proofs) || len(args) == 0 && len(w.Course.Broken) > 0 {
		return &notPassed{exitNot}
	}
	return nil
}

func (o *proveOptions) prove(ctx context.Context, w *workspace.Workspace,
	labs []*course.Lab) ([]prove.Proof, error) {
	if o.form || o.promises {
		return prove.Form(labs)
	}
	p, done := o.prover(w)
	defer done()
	meter := o.meter()
	defer meter.Close()
	told := func(p prove.Proof) {
		if !p.Holds {
			meter.Say(prove.Broken(p))
		}
	}
	return p.Prove(ctx, labs, prove.Options{Runs: o.runs, Seed: o.seed, Named: o.named, Within: o.within, Told: told},
		meter.Set)
}

// unproved are the ids of the labs that have no proof.
func unproved(labs []*course.Lab, proofs []prove.Proof) (ids []string) {
	for _, l := range labs {
		if !slices.ContainsFunc(proofs, func(p prove.Proof) bool { return p.Lab == l.ID }) {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// prover is to be closed by done.
func (o *proveOptions) prover(w *workspace.Workspace) (p *prove.Prover, done func()) {
	stores := newStores(o.app, w, o.provider, false)
	b := o.builder(w)
	b.Progress = nil
	return &prove.Prover{Root: w.Course.Root, Grader: &grade.Grader{Builder: b,
		Sandbox: localSandbox(), Open: stores.Open}}, func() { stores.Close() }
}

func (o *proveOptions) meter() *prove.Meter {
	columns := 0
	if o.ErrTerminal {
		columns = max(o.Columns, 40)
	}
	return prove.NewMeter(o.Err, columns)
}

func (o *proveOptions) show(proofs []prove.Proof, took time.Duration) error {
	if o.json {
		if proofs == nil {
			proofs = []prove.Proof{} // nothing has changed
		}
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", " ")
		return enc.Encode(proofs)
	}
	if len(proofs) == 0 && o.since != "" {
		_, err := fmt.Fprintf(o.Out, "no lab has changed since %s\n", o.since)
		return err
	}
	if o.promises {
		prove.Promises(o.Out, proofs, o.Colour)
	}
	prove.Text(o.Out, proofs, o.Colour)
	runs := o.runs
	if o.form || o.promises {
		runs = 0
	} else {
		fmt.Fprintln(o.Out, o.Paint().Faint(prove.Legend))
	}
	_, err := fmt.Fprintln(o.Out, prove.Summary(proofs, runs, took))
	return err
}
