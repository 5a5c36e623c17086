package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backend-labs/backend-labs/harness/near"
)

// flagError puts what is wrong with a flag in words.
func flagError(c *cobra.Command, err error) error {
	hint := "see " + c.CommandPath() + " --help"
	if none, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if meant := nearestFlag(c, none.GetSpecifiedName()); meant != "" {
			hint = "did you mean --" + meant + "? " + hint
		}
		return &usageError{err, hint}
	}
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return &usageError{err, hint}
	}
	name, value := invalid.GetFlag().Name, invalid.GetValue()
	switch invalid.GetFlag().Value.Type() {
	case "duration":
		err = fmt.Errorf("--%s %s: a time needs a number and a unit, such as 5s or 2m", name, value)
	case "uint64":
		if strings.HasPrefix(value, "-") {
			return &usageError{fmt.Errorf("--%s %s: give a whole number, 0 or more", name, value), hint}
		}
		fallthrough
	case "int":
		err = fmt.Errorf("--%s %s: not a whole number, or one too large", name, value)
	}
	return &usageError{err, hint}
}

// nearestFlag is the name of the command's flag that somebody may have meant, or "".
func nearestFlag(c *cobra.Command, name string) string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if meant := near.Of(name, names); len(meant) > 0 {
		return meant[0]
	}
	return ""
}

// helpOn is cobra's help command, except that it fails on what is no command.
func helpOn(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		ValidArgsFunction: func(_ *cobra.Command, args []string,
			_ string) (names []string, _ cobra.ShellCompDirective) {
			if c, _, err := root.Find(args); err == nil {
				for _, sub := range c.Commands() {
					names = append(names, sub.Name()+"\t"+sub.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 && !c.HasSubCommands() {
				return &usageError{fmt.Errorf("%s has no command %q", c.CommandPath(), rest[0]),
					fmt.Sprintf("labs help %s is about the whole of it", c.Name())}
			}
			if err != nil || len(rest) > 0 {
				return unknownCommand(c, slices.Concat(rest, args)[0])
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}
