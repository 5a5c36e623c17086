package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError puts what is wrong with a flag in words.
func flagError(c *cobra.Command, err error) error {
	hint := "see " + c.CommandPath() + " --help"
	if none, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := nearestFlag(c, none.GetSpecifiedName()); near != "" {
			hint = "did you mean --" + near + "? " + hint
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
func nearestFlag(c *cobra.Command, name string) (near string) {
	least := min(3, (len(name)+1)/2+1) // more than that is another word
	c.Flags().VisitAll(func(f *pflag.Flag) {
		d := levenshtein.ComputeDistance(name, f.Name)
		if len(name) > 2 && strings.HasPrefix(f.Name, name) {
			d = 1
		}
		if d < least && !f.Hidden {
			least, near = d, f.Name
		}
	})
	return near
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
