package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newProgress(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "progress",
		Short:   "How far you have come, by level, and what to do next",
		Example: `  labs progress`,
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return runProgress(a) },
	}
}

func runProgress(a *app) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	a.tellBroken(w.Course)
	kept, err := w.Progress()
	if err != nil {
		return err
	}
	standings, err := w.Standings(a.builder(w))
	if err != nil {
		return err
	}
	p := a.Paint()
	for _, level := range course.Levels {
		passed, total := 0, 0
		var bar strings.Builder
		for _, l := range w.Course.Labs {
			if l.Level != level {
				continue
			}
			total++
			switch s := standings[l.ID]; {
			case s.Done():
				passed++
				bar.WriteString(p.Good("■"))
			case s.UnderWay():
				bar.WriteString(p.Warn("■"))
			default:
				bar.WriteString(p.Faint("□"))
			}
		}
		if total > 0 {
			fmt.Fprintf(a.Out, "%-13s %2d of %2d  %s\n", level, passed, total, bar.String())
		}
	}
	for _, l := range w.Course.Labs {
		if s := standings[l.ID]; s.Done() && s != workspace.Passed || s == workspace.NotRaced {
			fmt.Fprintf(a.Out, "%s %s: %s (labs check %s)\n", l.ID, l.Title, s, l.Slug)
		}
	}
	next := workspace.Resume(w.Course, standings, kept.Last)
	switch {
	case next == nil:
		fmt.Fprintln(a.Out, "all labs are passed")
	case standings[next.ID].UnderWay():
		fmt.Fprintf(a.Out, "next: labs watch %s\n", next.Slug)
	default:
		fmt.Fprintf(a.Out, "next: labs show %s\n", next.Slug)
	}
	return nil
}
