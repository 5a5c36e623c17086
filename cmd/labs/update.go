package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/embedded"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newUpdate(a *app) *cobra.Command {
	dry := false
	c := &cobra.Command{
		Use:   "update",
		Short: "Bring the course of this labs into your workspace",
		Long: `Update brings the course that is in labs, which you have installed anew, into the workspace: checks, briefs and the kit
are replaced, new labs are added. What the course changes in a stub is merged into your file, with the stub as you got it
as the base; where both have changed the same lines both stay, with marks, and the file is named as a conflict. Without git
your file stays, and the new stub lies beside it.

What is replaced and was not the course's is kept in .labs/backups. Killed in the middle, an update is finished by the next
labs command, or has not begun. With the course you already have it puts back what of it has been edited.

` + exitHelp,
		Example: `  labs update --dry-run      what would change
  labs update`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runUpdate(c.Context(), a, dry) },
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would change, and change nothing")
	return c
}

func runUpdate(ctx context.Context, a *app, dry bool) error {
	root, err := course.Find(".")
	if err != nil {
		return &usageError{err, "run labs update inside a workspace; labs init makes one"}
	}
	if !workspace.IsOne(root) {
		return &usageError{fmt.Errorf("%s is a course, and no workspace", root), "git pull brings in what is new"}
	}
	if err := a.recover(ctx, root); err != nil {
		return err
	}
	given, err := workspace.Given(root)
	if err != nil {
		return err
	}
	if a.courseDir == "" {
		a.courseDir = given.Course
	}
	c, _, err := a.source()
	if err != nil {
		return err
	}
	plan, err := workspace.PlanUpdate(ctx, root, c, embedded.Version())
	if err != nil {
		return err
	}
	if plan.Nothing() {
		fmt.Fprintf(a.Out, "nothing is new: the workspace has the course of %s\n", plan.To)
		return nil
	}
	if dry {
		a.tellChanges(plan, "would be ")
		return nil
	}
	backup, err := plan.Do(ctx, time.Now())
	if err != nil {
		return err
	}
	a.tellChanges(plan, "")
	fmt.Fprintf(a.Out, "from %s to %s\n", plan.From, plan.To)
	if backup != "" {
		a.note("what was yours and was changed is kept in %s", relative(backup))
	}
	return nil
}

// tellChanges names the files that a learner has to know of, and counts the others.
func (a *app) tellChanges(p *workspace.Plan, would string) {
	counts := map[workspace.Kind]int{}
	for _, c := range p.Changes {
		counts[c.Kind]++
		switch c.Kind {
		case workspace.Added, workspace.Replaced, workspace.Removed:
			continue
		case workspace.Kept:
			fmt.Fprintf(a.Out, "%-9s %s: %s\n", c.Kind, c.Path, c.Note)
		default:
			fmt.Fprintf(a.Out, "%-9s %s", c.Kind, c.Path)
			if c.Note != "" {
				fmt.Fprintf(a.Out, ": %s", c.Note)
			}
			fmt.Fprintln(a.Out)
		}
	}
	for _, k := range []workspace.Kind{workspace.Added, workspace.Replaced, workspace.Removed} {
		if n := counts[k]; n > 0 {
			fmt.Fprintf(a.Out, "%s %s%s\n", term.Plural(n, "file"), would, k)
		}
	}
}

// recover finishes an update of the workspace that was killed.
func (a *app) recover(ctx context.Context, root string) error {
	finished, err := workspace.Recover(ctx, root)
	if finished && err == nil {
		a.note("finished an update that was interrupted")
	}
	return err
}

// own makes a course that is a workspace's whole: the solutions, which a workspace has none of, are where it came from.
func (a *app) own(ctx context.Context, c *course.Course) error {
	if !workspace.IsOne(c.Root) {
		return nil
	}
	if err := a.recover(ctx, c.Root); err != nil {
		return err
	}
	from, err := origin(c.Root)
	if err == nil {
		c.SolutionsFrom(from)
	}
	return err
}

// origin is the folder of the course that the workspace at root came from.
func origin(root string) (string, error) {
	given, err := workspace.Given(root)
	if err != nil || given.Course != "" {
		return given.Course, err
	}
	return embedded.Folder()
}
