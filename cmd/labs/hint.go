package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newHint(a *app) *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "hint [LAB]",
		Short: "One more hint",
		Long: `Hint gives the next hint of a lab, and when there is none left the last one again. --all shows those that have been
given so far, and gives no new one.

` + exitHelp,
		Example: `  labs hint            for the lab you are at, one more each time
  labs hint --all      those so far`,
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
			return a.hint(c.Context(), w, l, hints{one: !all, all: all})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "the hints so far, and no new one")
	return c
}

// hints say whether there is one more, and whether the earlier ones are shown, too.
type hints struct{ one, all bool }

// hint shows the hints of a lab. Where it cannot be noted that one was given, it is given all the same.
func (a *app) hint(ctx context.Context, w *workspace.Workspace, l *course.Lab, h hints) error {
	var e workspace.Entry
	give := func(p *workspace.Progress) {
		kept := p.Entry(l.ID)
		if h.one {
			kept.Hints = min(kept.Hints+1, len(l.Hints))
		}
		kept.Touched = time.Now()
		p.Last, e = l.ID, *kept
	}
	unnoted := w.Update(ctx, give)
	if unnoted != nil {
		p, err := w.Progress()
		if err != nil {
			return unnoted
		}
		give(p)
	}
	first := max(0, e.Hints-1)
	if h.all {
		first = 0
	}
	var b strings.Builder
	for i := first; i < e.Hints; i++ {
		b.WriteString(a.oneHint(fmt.Sprintf("hint %d of %d", i+1, len(l.Hints)), l.Hints[i]))
	}
	b.WriteString(a.after(e, l, h))
	if err := a.Page(b.String()); err != nil {
		return err
	}
	return unnoted
}

// after says what there is besides the hints that are shown.
func (a *app) after(e workspace.Entry, l *course.Lab, h hints) string {
	p := a.Paint()
	switch {
	case e.Hints == 0:
		return p.Faint("none so far; "+a.command+" hint "+l.Slug+" gives the first") + "\n"
	case e.Hints == len(l.Hints) && !e.PassedAt.IsZero():
		return p.Faint("that is the last one; "+a.command+" solution "+l.Slug+" shows the answer") +
			"\n"
	case e.Hints == len(l.Hints):
		return p.Faint("that is the last one; "+a.command+" solution "+l.Slug+
			" --give-up shows the answer") + "\n"
	case e.Hints > 1 && !h.all:
		return p.Faint(a.command+" hint "+l.Slug+" --all shows the earlier ones, too") + "\n"
	}
	return ""
}

// oneHint is a hint, which is Markdown of one paragraph, below its label; on a pipe beside it.
func (a *app) oneHint(label, text string) string {
	if !a.Interactive {
		return label + ": " + text + "\n"
	}
	return a.Paint().Faint(label) + "\n" + a.rendered(text) + "\n"
}
