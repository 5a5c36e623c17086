package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newProgress(a *app) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "progress",
		Short: "How far you have come, by level, and what to do next",
		Long: `Progress counts what you have passed, by level, and says what to do next. Its bars have a character for each lab:
` + legend + `, · not attempted.

` + exitHelp,
		Example: `  labs progress
  labs progress --json     for a program`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return runProgress(a, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false,
		"as JSON: levels with passed and total, standings by lab, and the lab that is next")
	return c
}

// progressed is what --json tells.
type progressed struct {
	Levels    []levelProgress               `json:"levels"`
	Standings map[string]workspace.Standing `json:"standings"` // by the labs' ids
	Next      string                        `json:"next,omitempty"`
	Hunts     map[string]workspace.Hunt     `json:"hunts,omitempty"` // by the labs' ids
}

type levelProgress struct {
	Level  course.Level `json:"level"`
	Passed int          `json:"passed"`
	Total  int          `json:"total"`

	bar string
}

// levels counts by level; one that has no labs is left out.
func levels(p term.Paint, c *course.Course,
	standings map[string]workspace.Standing) (all []levelProgress) {
	for _, level := range course.Levels {
		at := levelProgress{Level: level}
		for _, l := range c.Labs {
			if l.Level != level {
				continue
			}
			at.Total++
			if standings[l.ID].Done() {
				at.Passed++
			}
			if m := mark(p, standings[l.ID]); m != " " {
				at.bar += m
			} else {
				at.bar += p.Faint("·")
			}
		}
		if at.Total > 0 {
			all = append(all, at)
		}
	}
	return all
}

// hunts are what the learner's own tests have caught, by lab.
func hunts(p *workspace.Progress) map[string]workspace.Hunt {
	all := map[string]workspace.Hunt{}
	for id, e := range p.Labs {
		if e.Hunt != nil {
			all[id] = *e.Hunt
		}
	}
	return all
}

func runProgress(a *app, asJSON bool) error {
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
	next := workspace.Resume(w.Course, standings, kept.Last)
	all := levels(a.Paint(), w.Course, standings)
	if asJSON {
		told := progressed{Levels: all, Standings: standings, Hunts: hunts(kept)}
		if next != nil {
			told.Next = next.Slug
		}
		return a.json(told)
	}
	for _, at := range all {
		fmt.Fprintf(a.Out, "%-13s %2d of %2d  %s\n", at.Level, at.Passed, at.Total, at.bar)
	}
	if a.Interactive {
		fmt.Fprintf(a.Out, "%s\n\n", a.Paint().Faint(term.Wrap(legend+", · not attempted", a.Columns)))
	}
	for _, l := range w.Course.Labs {
		if s := standings[l.ID]; s.Done() && s != workspace.Passed || s == workspace.NotRaced {
			fmt.Fprintf(a.Out, "%s %s: %s (%s check %s)\n", l.ID, l.Title, s, a.command, l.Slug)
		}
	}
	for _, l := range w.Course.Labs {
		if h, hunted := hunts(kept)[l.ID]; hunted {
			fmt.Fprintf(a.Out, "%s %s: %d of %s caught (%s hunt %s)\n", l.ID, l.Title, h.Caught,
				term.Plural(h.Of, "wrong answer"), a.command, l.Slug)
		}
	}
	switch {
	case next == nil:
		fmt.Fprintln(a.Out, "all labs are passed")
	case standings[next.ID].UnderWay():
		fmt.Fprintf(a.Out, "next: %s watch %s\n", a.command, next.Slug)
	default:
		fmt.Fprintf(a.Out, "next: %s show %s\n", a.command, next.Slug)
	}
	return nil
}
