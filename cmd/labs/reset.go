package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newReset(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "reset LAB",
		Short:   "Put the stub back; what was there is kept as a backup",
		Example: `  labs reset token-bucket`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("reset takes the name of one lab"),
					"see labs reset --help"}
			}
			return nil
		},
		ValidArgsFunction: a.completeLabs,
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			l, err := w.Course.Named(args[0])
			if err != nil {
				return err
			}
			if w.Untouched(l) {
				fmt.Fprintf(a.Out, "%s is the stub already\n", l.Slug)
				return nil
			}
			backup, err := w.Reset(l, time.Now())
			if err != nil {
				return err
			}
			text := l.Slug + " is the stub again"
			if backup != "" {
				text += "; yours is in " + relative(backup)
			}
			fmt.Fprintln(a.Out, text)
			return nil
		},
	}
}
