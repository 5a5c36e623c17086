package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newSolution(a *app) *cobra.Command {
	giveUp := false
	c := &cobra.Command{
		Use:   "solution [LAB]",
		Short: "The reference, the model answer and what an interviewer listens for, after a pass",
		Example: `  labs solution token-bucket
  labs solution token-bucket --give-up`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command,
			args []string) error {
			return runSolution(c.Context(), a, args, giveUp)
		},
	}
	c.Flags().BoolVar(&giveUp, "give-up", false, "show it without a pass")
	return c
}

func runSolution(ctx context.Context, a *app, args []string, giveUp bool) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	l, err := a.lab(w, args)
	if err != nil {
		return err
	}
	progress, err := w.Progress()
	if err != nil {
		return err
	}
	e := progress.Labs[l.ID]
	passed := e != nil && (!e.PassedAt.IsZero() || e.GaveUp)
	if !passed && !giveUp {
		if answer := a.released(ctx, w, l); answer != "" {
			return a.markdown(answer)
		}
	}
	switch {
	case !l.HasSolution():
		return &usageError{
			fmt.Errorf("this course has no solution of %s", l.Slug),
			"it lies in solutions/" + l.Slug + ", if whoever gave you the course has left it in",
		}
	case !passed && !giveUp && e != nil && e.Result != nil && e.Result.NotYetRaced():
		return &notYet{&usageError{
			fmt.Errorf("%s is %s", l.Slug, run.NotYetRaced),
			remedy(*e.Result) + "; --give-up shows the solution all the same",
		}}
	case !passed && !giveUp:
		return &notYet{&usageError{fmt.Errorf("%s is not passed yet", l.Slug),
			"labs hint " + l.Slug +
				" gives one more hint; --give-up shows the solution all the same"}}
	}
	text := ""
	for _, f := range l.Files {
		data, err := os.ReadFile(filepath.Join(l.SolutionDir, filepath.FromSlash(f)))
		if err != nil {
			return fmt.Errorf("read the solution: %w", err)
		}
		text += fmt.Sprintf("## %s\n\n```go\n%s```\n\n", f, data)
	}
	answer, err := os.ReadFile(filepath.Join(l.SolutionDir, "ANSWER.md"))
	if err != nil {
		return fmt.Errorf("read the model answer: %w", err)
	}
	if listen := listenFor(l); listen != "" {
		answer = append(answer, "\n"+listen...)
	}
	if err := a.markdown(text + string(answer)); err != nil {
		return err
	}
	if passed {
		return nil
	}
	return w.Update(ctx, func(p *workspace.Progress) { p.Entry(l.ID).GaveUp = true })
}

// released is the model answer that a workshop has released to all its participants, or "".
func (a *app) released(ctx context.Context, w *workspace.Workspace, l *course.Lab) string {
	_, c, err := a.participant(w)
	if err != nil {
		return "" // it takes part in none
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	me, err := c.Me(ctx)
	if err != nil {
		return "" // it is told as not passed
	}
	for _, of := range me.Labs {
		if of.ID == l.ID {
			return of.Answer
		}
	}
	return ""
}

// remedy is what to do about a run under the race detector that has not been.
func remedy(r run.Result) string {
	if r.Race.State == run.RaceNotToBeHad && r.Race.Remedy != "" {
		return r.Race.Remedy
	}
	return "labs check " + r.Slug + " runs all of it"
}
