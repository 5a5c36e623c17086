package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan writes the manual pages that a release has. Nobody else needs it, so it is not listed.
func newMan(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages of all commands",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true // the same pages each time
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "LABS", Section: "1", Source: "backend-labs"}, args[0]); err != nil {
				return fmt.Errorf("write the manual pages: %w", err)
			}
			a.note("wrote the manual pages to %s", args[0])
			return nil
		},
	}
}
