package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

type submitOptions struct {
	*app
	json    bool
	verbose bool
	noWait  bool
}

func newSubmit(a *app) *cobra.Command {
	o := &submitOptions{app: a}
	c := &cobra.Command{
		Use:   "submit [LAB]",
		Short: "Hand in a lab at a workshop, and wait for its verdict",
		Long: `Submit sends the files of a lab to the workshop that this folder takes part in. They are graded there, in a sandbox and also
under the race detector; the place in the queue is shown, and then the verdict as labs check shows it. Stopped with Ctrl-C
while it waits, the files stay handed in; the same command goes on waiting.

` + exitHelp,
		Example: `  labs submit           the lab that you are at
  labs submit b10
  labs submit b10 --no-wait`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.BoolVar(&o.json, "json", false, "the result as JSON on standard output")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "every failure in full, with what the code printed")
	f.BoolVar(&o.noWait, "no-wait", false, "hand in, and do not wait for the verdict")
	return c
}

func (o *submitOptions) run(ctx context.Context, args []string) error {
	w, err := o.joined()
	if err != nil {
		return err
	}
	l, err := o.lab(w, args)
	if err != nil {
		return err
	}
	_, c, err := o.participant(w)
	if err != nil {
		return err
	}
	files, err := handedIn(l)
	if err != nil {
		return err
	}
	sub, err := c.Submit(ctx, wire.Submit{Lab: l.ID, Files: files})
	if err != nil {
		return err
	}
	if sub.Again {
		o.note("these files were handed in before; that submission counts")
	}
	if sub.Late {
		o.note("this is after the deadline")
	}
	if o.noWait {
		_, err := fmt.Fprintf(o.Out, "%s is handed in; %s shows its verdict\n", l.ID, o.typed("labs submit "+l.Slug))
		return err
	}
	if sub.State != wire.Graded {
		line := o.waiting("handed in")
		begun, least := false, math.MaxInt
		sub, err = c.Follow(ctx, sub.ID, func(s wire.Submission) {
			if begun && s.State == wire.Waiting {
				line.set("graded once more, since that was interrupted")
				return
			}
			begun = s.State == wire.Grading
			text := standing(s)
			if s.State == wire.Waiting && s.Place > least {
				text += "; first submissions of others go before repeated ones"
			}
			least = min(least, s.Place)
			line.set("%s", text)
		},
			func() { line.set("handed in; the workshop does not answer, waiting for it") })
		line.over()
	}
	if _, gone := errors.AsType[*client.Unreachable](err); gone || errors.Is(err, context.Canceled) {
		o.note("%s stays handed in; %s goes on waiting", l.ID, o.typed("labs submit "+l.Slug))
	}
	if err != nil {
		return err
	}
	if sub.Result != nil {
		j := judge.Judge{Workspace: w, Remember: true, Builder: func() *compile.Builder { return o.builder(w) }}
		if err := j.Keep(ctx, l, *sub.Result); err != nil {
			o.note("the verdict is not noted here: %v", err)
		}
	}
	err = o.show(sub)
	o.hear(ctx, w)
	return err
}

// handedIn are the files of a lab that are handed in, by their names in lab.yaml.
func handedIn(l *course.Lab) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range l.Files {
		data, err := os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, &usageError{fmt.Errorf("%s has not all of its files: %w", l.Slug, err), "labs reset puts the stub back"}
		}
		files[name] = data
	}
	return files, nil
}

// standing is where a submission stands, in a few words.
func standing(s wire.Submission) string {
	switch {
	case s.State == wire.Grading:
		return "being graded"
	case s.Place == 0:
		return "next to be graded"
	}
	return term.Plural(s.Place, "submission") + " before yours"
}

func (o *submitOptions) show(s wire.Submission) error {
	if s.Result == nil {
		return errors.New("the workshop has sent no result")
	}
	results := []run.Result{*s.Result}
	if o.json {
		if err := report.JSON(o.Out, results); err != nil {
			return err
		}
		return verdictError(results)
	}
	report.Terminal(o.typing(o.Out), *s.Result, report.Style{Colour: o.Colour, Columns: o.Columns, Verbose: o.verbose})
	switch {
	case s.Override != nil:
		fmt.Fprintf(o.Out, "the instructor gives %d points: %s\n", s.Override.Points, report.PlainLines(s.Override.Reason))
	case s.Points != nil && *s.Points != float64(s.Result.Points):
		fmt.Fprintf(o.Out, "it counts %g points, since it is late\n", *s.Points)
	}
	return verdictError(results)
}
