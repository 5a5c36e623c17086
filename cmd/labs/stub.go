package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/prove"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type stubOptions struct {
	*app
	record   bool
	provider string
}

func newStub(a *app) *cobra.Command {
	o := &stubOptions{app: a}
	c := &cobra.Command{
		Use:   "stub [LAB...]",
		Short: "For authors: whether labs are still their recorded stubs, and --record",
		Long: `Stub tells whether the files of labs are the stubs that the course has recorded, in labs/<lab>/.stub: those that
"labs reset" puts back, and by which an untouched lab is known. Without a lab it looks at all of them.

With --record it records the files as they are now, if they can be stubs: they compile, and fail every check.

` + exitHelp,
		Example: `  labs stub                    all labs
  labs stub b10                this one
  labs stub b10 --record       after a change of the stub`,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c.Context(),
				args)
		},
	}
	c.Flags().BoolVar(&o.record, "record", false,
		"record the files of the labs named as their stubs")
	c.Flags().StringVar(&o.provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	return c
}

func (o *stubOptions) run(ctx context.Context, args []string) error {
	if o.record && len(args) == 0 {
		return &usageError{fmt.Errorf("--record is for labs that are named"),
			"labs stub LAB --record"}
	}
	if err := checkProvider(o.provider); err != nil {
		return err
	}
	w, err := o.open()
	if err != nil {
		return err
	}
	labs, err := w.Course.Select(args)
	if err != nil {
		return err
	}
	if o.record {
		return o.recordAll(ctx, w, labs)
	}
	wrong := 0
	for _, l := range labs {
		if text := l.NotTheStub(); text != "" {
			fmt.Fprintln(o.Out, text)
			wrong++
		}
	}
	if wrong > 0 {
		o.note("labs stub LAB --record records what was changed on purpose; labs reset LAB puts back what is recorded")
		return &notPassed{exitNot}
	}
	fmt.Fprintf(o.Out, "%d of %d labs are their recorded stubs\n", len(labs), len(labs))
	return nil
}

func (o *stubOptions) recordAll(ctx context.Context, w *workspace.Workspace,
	labs []*course.Lab) error {
	stores := newStores(o.app, w, o.provider, false)
	defer stores.Close()
	p := &prove.Prover{Root: w.Course.Root, Grader: &grade.Grader{Builder: o.builder(w),
		Sandbox: localSandbox(), Open: stores.Open}}
	for _, l := range labs {
		if err := p.Record(ctx, l); err != nil {
			return err
		}
		fmt.Fprintf(o.Out, "%s: recorded in %s\n", l.Slug, relative(l.StubDir()))
	}
	return nil
}
