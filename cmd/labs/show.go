package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/prose"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newShow(a *app) *cobra.Command {
	interviewer := false
	c := &cobra.Command{
		Use:   "show [LAB]",
		Short: "The brief of a lab",
		Long: `Show gives the brief of a lab: the question, the task, the contract, what is checked. On a terminal, what is longer
than the screen goes through a pager: $LABS_PAGER, $PAGER or less; --no-pager leaves it out.

--interviewer shows the other side of the table: the question, and what a strong, a middling and a weak spoken answer to
it contains. Whoever wants to do the lab had better read that afterwards: labs solution shows it, too.

` + exitHelp,
		Example: `  labs show token-bucket
  labs show token-bucket --interviewer
  labs show b10 > brief.md       on a pipe: the Markdown itself`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE: func(c *cobra.Command, args []string) error {
			return runShow(c.Context(), a, args, interviewer)
		},
	}
	c.Flags().BoolVar(&interviewer, "interviewer", false,
		"the question, and what tells answers to it apart")
	return c
}

func runShow(ctx context.Context, a *app, args []string, interviewer bool) error {
	w, err := a.openAnywhere()
	if err != nil {
		return err
	}
	l, err := a.lab(w, args)
	if err != nil {
		return err
	}
	if interviewer {
		return showInterviewer(a, l)
	}
	data, err := os.ReadFile(filepath.Join(l.Dir, "README.md"))
	if err != nil {
		return fmt.Errorf("read the brief: %w", err)
	}
	// Whoever reads a brief is at that lab from then on; that this cannot be noted is no reason to hide it.
	w.Update(ctx, func(p *workspace.Progress) { p.Last = l.ID })
	if !a.Interactive {
		return a.markdown(string(data))
	}
	return a.Page(a.rendered(string(data)) + a.foot(l))
}

// showInterviewer shows what whoever asks a lab's question wants to know.
func showInterviewer(a *app, l *course.Lab) error {
	text := listenFor(l)
	if text == "" {
		return &usageError{
			fmt.Errorf("nothing is said yet of what to listen for in answers to the question of %s", l.Slug),
			"three lines under listen_for in " + relative(filepath.Join(l.Dir, "lab.yaml")) + " would say it",
		}
	}
	return a.markdown(fmt.Sprintf("# %s · %s\n\n> %s\n\n%s", l.ID, l.Title, l.Question, text))
}

// listenFor is what tells spoken answers to a lab's question apart, in Markdown, or "" where nothing
// is said of that.
func listenFor(l *course.Lab) string {
	if l.ListenFor == (course.ListenFor{}) {
		return ""
	}
	return fmt.Sprintf("## What to listen for\n\n- **Strong:** %s\n- **Middling:** %s\n- **Weak:** %s\n",
		l.ListenFor.Strong, l.ListenFor.Middling, l.ListenFor.Weak)
}

// foot is what stands below a brief: what may be used, and what to do.
func (a *app) foot(l *course.Lab) string {
	var b strings.Builder
	b.WriteString("\n")
	if len(l.Imports) > 0 {
		b.WriteString(hanging("  ", "may import, besides what every lab may: "+
			strings.Join(l.Imports, " "), a.Columns))
	}
	for _, f := range l.Forbid {
		b.WriteString(hanging("  ", "may not import "+f.Import+": "+f.Why, a.Columns))
	}
	for _, f := range l.Files {
		fmt.Fprintf(&b, "  edit:  %s\n", relative(filepath.Join(l.Dir, f)))
	}
	fmt.Fprintf(&b, "  then:  %s watch %s\n", a.command, l.Slug)
	return b.String()
}

// hanging is text in lines of so many columns, each behind the indent, the second a little further.
func hanging(indent, text string, columns int) string {
	wrapped := term.Wrap(text, max(20, columns-len(indent)-2))
	return indent + strings.ReplaceAll(wrapped, "\n", "\n"+indent+"  ") + "\n"
}

// markdown shows a text: rendered on a terminal, where it may go through the pager; on a pipe as it
// is.
func (a *app) markdown(text string) error {
	if !a.Interactive {
		_, err := fmt.Fprint(a.Out, text)
		return err
	}
	return a.Page(a.rendered(text))
}

// rendered is a text as a terminal shows it.
func (a *app) rendered(text string) string {
	return prose.Render(text, prose.Style{Colour: a.Colour, Columns: a.Columns,
		FoldCode: a.foldCode})
}

// relative is a path as the user would type it here.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, ".."+string(filepath.Separator)+"..") {
		return path
	}
	return rel
}
