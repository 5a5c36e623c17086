package main

import (
	"context"
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newHint(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "hint [LAB]",
		Short:             "The hints so far, and one more",
		Example:           `  labs hint            for the lab you are at, one more each time`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			l, err := a.lab(w, args)
			if err != nil {
				return err
			}
			return a.hint(c.Context(), w, l)
		},
	}
}

// hint shows the hints that have been shown before and the next one.
func (a *app) hint(ctx context.Context, w *workspace.Workspace, l *course.Lab) error {
	shown := 0
	err := w.Update(ctx, func(p *workspace.Progress) {
		e := p.Entry(l.ID)
		e.Hints = min(e.Hints+1, len(l.Hints))
		e.Touched = time.Now()
		p.Last, shown = l.ID, e.Hints
	})
	if err != nil {
		return err
	}
	p := a.Paint()
	for i, h := range l.Hints[:shown] {
		label := fmt.Sprintf("hint %d of %d: ", i+1, len(l.Hints))
		text := ansi.Wrap(label+h, a.Columns, "")
		if i < shown-1 {
			text = p.Faint(text)
		}
		fmt.Fprintln(a.Out, text)
	}
	if shown == len(l.Hints) {
		fmt.Fprintln(a.Out, p.Faint("that is all; labs solution "+l.Slug+" --give-up shows the answer"))
	}
	return nil
}
