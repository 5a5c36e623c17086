package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The labs by level, with your progress",
		Example: `  labs list
  labs list | grep rate       on a pipe the columns are separated by tabs`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return runList(a) },
	}
}

func runList(a *app) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	a.tellBroken(w.Course)
	standings, err := w.Standings(a.builder(w))
	if err != nil {
		return err
	}
	p := a.Paint()
	level := course.Level("")
	for _, l := range w.Course.Labs {
		s := standings[l.ID]
		if !a.Interactive {
			fmt.Fprintf(a.Out, "%s\t%s\t%s\t%s\t%d\t%s\n", l.ID, l.Slug, l.Level, s, l.Minutes, l.Question)
			continue
		}
		if l.Level != level {
			level = l.Level
			fmt.Fprintf(a.Out, "\n%s\n", p.Strong(string(level)))
		}
		fmt.Fprintf(a.Out, " %s %-4s %-26s %3d min  %s\n", standingMark(p.Good, p.Warn, s), l.ID, l.Title, l.Minutes, p.Faint(l.Question))
	}
	return nil
}

func standingMark(good, warn func(...any) string, s workspace.Standing) string {
	switch {
	case s == workspace.Passed:
		return good("✓")
	case s.Done():
		return warn("✓")
	case s.UnderWay():
		return warn("·")
	}
	return " "
}
