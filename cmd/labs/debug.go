package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

func newDebug(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "debug LAB CHECK",
		Short: "Start one check of a lab under the debugger delve",
		Long: `Debug builds the lab's checks without optimisation and starts one of them under delve. Time that a check simulates stands
still while you look: nothing times out. CHECK is the name of its test, or as much of it as no other has.

A check that needs a store finds those that labs up has started. What delve's commands are, "help" says there.

` + exitHelp,
		Example: `  labs debug b10 TestIdleTimeIsCapped
  labs debug b10 idle`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{errors.New("debug takes a lab and one of its checks"), "labs debug b10 TestIdleTimeIsCapped"}
			}
			return nil
		},
		ValidArgsFunction: a.completeLabs,
		RunE:              func(c *cobra.Command, args []string) error { return runDebug(c.Context(), a, args) },
	}
}

func runDebug(ctx context.Context, a *app, args []string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	l, err := w.Course.Named(args[0])
	if err != nil {
		return err
	}
	check, err := namedCheck(l, args[1])
	if err != nil {
		return err
	}
	delve, err := exec.LookPath("dlv")
	if err != nil {
		return fault.New("go install github.com/go-delve/delve/cmd/dlv@latest, and have $(go env GOPATH)/bin on the PATH",
			"there is no delve on this machine")
	}
	cmd := exec.CommandContext(ctx, delve, "test", l.Package(), "--", "-test.run", "^"+check+"$", "-test.v", "-test.timeout", "0")
	cmd.Dir = w.Course.Root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
	a.note("%s of %s: \"break FILE:LINE\" and \"continue\" to begin, \"quit\" to end", check, l.Slug)
	if err := cmd.Run(); ctx.Err() == nil && err != nil {
		return fmt.Errorf("delve: %w", err)
	}
	return ctx.Err()
}

// namedCheck is the test of the check that a name, or a part of one, stands for, in any case.
func namedCheck(l *course.Lab, name string) (test string, err error) {
	var found, all []string
	for _, c := range l.Checks {
		all = append(all, c.Test)
		if strings.EqualFold(c.Test, name) {
			return c.Test, nil
		}
		if strings.Contains(strings.ToLower(c.Test), strings.ToLower(name)) {
			found = append(found, c.Test)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &usageError{fmt.Errorf("%s has no check %q", l.Slug, name), "there are " + strings.Join(all, ", ")}
	}
	return "", &usageError{fmt.Errorf("%q could be several checks of %s", name, l.Slug), "one of " + strings.Join(found, ", ")}
}
