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
	standings, err := a.standings(w)
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
			switch standings[l.ID] {
			case workspace.Passed, workspace.Edited:
				passed++
				bar.WriteString(p.Good("■"))
			case workspace.Begun:
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
		if standings[l.ID] == workspace.Edited {
			fmt.Fprintf(a.Out, "%s %s: passed, then edited (labs check %s)\n", l.ID, l.Title, l.Slug)
		}
	}
	if next := nextLab(w.Course, standings, nil); next != nil {
		fmt.Fprintf(a.Out, "next: labs show %s\n", next.Slug)
	} else {
		fmt.Fprintln(a.Out, "all labs are passed")
	}
	return nil
}

// nextLab is the lab to do after one, or from the start: the first that is not passed and whose preparing labs are,
// else the first that is not passed. It is nil if all others are.
func nextLab(c *course.Course, standings map[string]workspace.Standing, after *course.Lab) *course.Lab {
	done := func(id string) bool {
		return standings[id] == workspace.Passed || standings[id] == workspace.Edited
	}
	var first *course.Lab
	seen := after == nil
	labs := append(append([]*course.Lab(nil), c.Labs...), c.Labs...) // once round, beginning behind after
	for _, l := range labs {
		if l == after {
			seen = true
			continue
		}
		if !seen || done(l.ID) {
			continue
		}
		if first == nil {
			first = l
		}
		ready := true
		for _, id := range l.After {
			if _, exists := standings[id]; exists && !done(id) {
				ready = false
			}
		}
		if ready {
			return l
		}
	}
	return first
}
