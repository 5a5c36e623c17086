package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func newAsk(a *app) *cobra.Command {
	lab, check := "", ""
	c := &cobra.Command{
		Use:   `ask "QUESTION"`,
		Short: "Raise a hand at a workshop",
		Long: `Ask raises your hand: the instructor sees your name, the question, the lab that you are at and the check that failed
first when you last checked. Asking again takes the place of the last question.

` + exitHelp,
		Example: `  labs ask "why is the sixth call denied?"
  labs ask "what does it want here?" --lab b10 --check TestIdleTimeIsCapped`,
		Args: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, " ")) == "" {
				return &usageError{errors.New("what is the question?"), `labs ask "why …?"`}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c.Context(), wire.Ask{Lab: lab, Check: check, Text: strings.Join(args, " ")})
		},
	}
	c.Flags().StringVar(&lab, "lab", "", "the `lab` that it is about (default: the one that you are at)")
	c.Flags().StringVar(&check, "check", "", "the `check` that it is about (default: the first that failed)")
	return c
}

func (a *app) ask(ctx context.Context, q wire.Ask) error {
	w, err := a.joined()
	if err != nil {
		return err
	}
	_, c, err := a.participant(w)
	if err != nil {
		return err
	}
	var args []string
	if q.Lab != "" {
		args = []string{q.Lab}
	}
	l, err := a.lab(w, args)
	switch {
	case err == nil && q.Check != "":
		q.Lab = l.ID
		if q.Check, err = namedCheck(l, q.Check); err != nil {
			return err
		}
	case err == nil:
		q.Lab, q.Check = l.ID, firstFailed(w, l.ID)
	case q.Lab != "" || q.Check != "":
		return err
	}
	if err := c.Ask(ctx, q); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, "your hand is up")
	return err
}

// firstFailed is the check that failed first when a lab was judged last, or "".
func firstFailed(w *workspace.Workspace, lab string) string {
	p, err := w.Progress()
	if err != nil {
		return ""
	}
	e := p.Labs[lab]
	if e == nil || e.Result == nil {
		return ""
	}
	for _, c := range e.Result.Checks {
		if c.Verdict != run.Passed && c.Verdict != run.NotJudged {
			return c.Test
		}
	}
	return ""
}
