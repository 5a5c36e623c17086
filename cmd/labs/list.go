package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/compile"
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
	standings, err := a.standings(w)
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
	switch s {
	case workspace.Passed:
		return good("✓")
	case workspace.Edited:
		return warn("✓")
	case workspace.Begun:
		return warn("·")
	}
	return " "
}

// standings tells where the learner stands with each lab, by id.
func (a *app) standings(w *workspace.Workspace) (map[string]workspace.Standing, error) {
	progress, err := w.Progress()
	if err != nil {
		return nil, err
	}
	b := a.builder(w)
	standings := map[string]workspace.Standing{}
	for _, l := range w.Course.Labs {
		if progress.Labs[l.ID] == nil {
			standings[l.ID] = workspace.Untouched
			continue
		}
		checks, err := b.ChecksSHA256(l)
		if err != nil {
			return nil, err
		}
		source, _ := compile.SourceSHA256(l, l.Dir) // a missing file is no standing
		standings[l.ID] = progress.Standing(l.ID, source, checks)
	}
	return standings, nil
}
