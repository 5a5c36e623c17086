package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/prove"
)

type proveOptions struct {
	*app
	runs     int
	seed     uint64
	provider string
	named    bool
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

It judges the stubs as they lie in labs/: run it in a clone in which no lab has been solved.

` + exitHelp,
		Example: `  labs prove
  labs prove b10 --runs 20
  labs prove --named
  labs prove --json > proof.json`,
		ValidArgsFunction: a.completeLabs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.IntVar(&o.runs, "runs", 5, "how often to run what must come out the same every time")
	f.Uint64Var(&o.seed, "seed", 0, "the random choices of the checks (default: new ones)")
	f.StringVar(&o.provider, "backend", "auto", "where Redis and Postgres come from: {auto|url|container|local|embedded}")
	f.BoolVar(&o.named, "named", false, "judge a mutant by the checks that it names alone: sooner done, without the notes on the others")
	f.BoolVar(&o.json, "json", false, "proofs as JSON on standard output")
	return c
}

func (o *proveOptions) run(ctx context.Context, args []string) error {
	if o.runs < 1 {
		return &usageError{fmt.Errorf("--runs %d makes no sense", o.runs), "give a number of at least 1"}
	}
	if err := checkProvider(o.provider); err != nil {
		return err
	}
	w, err := o.open()
	if err != nil {
		return err
	}
	labs := w.Course.Labs
	if len(args) > 0 {
		labs = nil
	}
	for _, name := range args {
		l, err := w.Course.Named(name)
		if err != nil {
			return err
		}
		labs = append(labs, l)
	}
	stores := newStores(o.app, w, o.provider, false)
	defer stores.close()
	b := o.builder(w)
	b.Slow = nil
	p := &prove.Prover{Root: w.Course.Root, Grader: &grade.Grader{Builder: b, Sandbox: localSandbox(), Open: stores.open}}
	on, done := o.bar(len(labs))
	start := time.Now()
	proofs, err := p.Prove(ctx, labs, prove.Options{Runs: o.runs, Seed: o.seed, Named: o.named}, on)
	done()
	if err != nil {
		return err
	}
	if len(args) == 0 && len(w.Course.Broken) > 0 {
		defer fmt.Fprintf(o.Err, "labs: %d labs could not be read\n", len(w.Course.Broken))
	}
	return o.conclude(proofs, w.Course, time.Since(start), len(args) == 0)
}

// conclude shows the proofs; it is an error if one does not hold.
func (o *proveOptions) conclude(proofs []prove.Proof, c *course.Course, took time.Duration, whole bool) error {
	holds := 0
	for _, p := range proofs {
		if p.Holds {
			holds++
		}
	}
	if o.json {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", " ")
		if err := enc.Encode(proofs); err != nil {
			return err
		}
	} else {
		prove.Text(o.Out, proofs, o.Colour)
		fmt.Fprintf(o.Out, "%s\n%d of %d labs hold, %d runs, %.0f s\n", o.Paint().Faint(prove.Legend), holds, len(proofs), o.runs, took.Seconds())
	}
	if holds < len(proofs) || whole && len(c.Broken) > 0 {
		return &notPassed{exitNot}
	}
	return nil
}

// bar shows progress: a bar on a terminal, a line for each step elsewhere.
func (o *proveOptions) bar(labs int) (on prove.Progress, done func()) {
	if !o.ErrTerminal {
		return func(_, _ int, what string) {
			if what != "" {
				o.note("%s", what)
			}
		}, func() {}
	}
	bar := progressbar.NewOptions(labs, progressbar.OptionSetWriter(o.Err), progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14), progressbar.OptionSetRenderBlankState(true))
	return func(done, _ int, what string) {
		bar.Describe(what)
		bar.Set(done)
	}, func() { bar.Finish() }
}
