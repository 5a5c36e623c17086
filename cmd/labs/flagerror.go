package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError puts what is wrong with a flag in words.
func flagError(c *cobra.Command, err error) error {
	hint := "see " + c.CommandPath() + " --help"
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return &usageError{err, hint}
	}
	name, value := invalid.GetFlag().Name, invalid.GetValue()
	switch invalid.GetFlag().Value.Type() {
	case "duration":
		err = fmt.Errorf("--%s %s: a time needs a number and a unit, such as 5s or 2m", name, value)
	case "int", "uint64":
		err = fmt.Errorf("--%s %s: not a whole number, or one too large", name, value)
	}
	return &usageError{err, hint}
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
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args,
					fmt.Errorf("unknown command %q for %q", args[0], root.Name()))
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}
