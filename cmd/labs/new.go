package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/scaffold"
)

type newOptions struct {
	*app
	lab scaffold.Lab
}

func newNew(a *app) *cobra.Command {
	o := &newOptions{app: a}
	c := &cobra.Command{
		Use:   "new <id> <slug>",
		Short: "For authors: a new lab that compiles, and says what is still to be written",
		Long: `New makes the files of a lab: brief, stub, checks, reference, two known wrong answers, another correct solution,
model answer, and a lab.yaml in which every key is explained. They build, and the checks judge rightly; what is yours to
write says so, and "labs prove <id> --form" lists it with file and line. Nothing that is there is touched.

labs/README.md leads from there to a lab that holds.

` + exitHelp,
		Example: `  labs new b16 bounded-queue
  labs new i21 outbox --title "Transactional outbox" --question "What is the outbox pattern?"`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{errors.New("a new lab needs an id and a slug"),
					"labs new b16 bounded-queue"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			o.lab.ID, o.lab.Slug = strings.ToUpper(args[0]), args[1]
			return o.run()
		},
	}
	c.Flags().StringVar(&o.lab.Title, "title", "", "two or three words, for lists (default: the slug's)")
	c.Flags().StringVar(&o.lab.Question, "question", "", "word for word as the brief quotes it")
	return c
}

func (o *newOptions) run() error {
	w, err := o.open()
	if err != nil {
		return err
	}
	written, err := o.lab.Write(w.Course)
	if invalid, ok := err.(*scaffold.Invalid); ok {
		return &usageError{invalid, invalid.Hint()}
	}
	if err != nil {
		return err
	}
	for _, path := range written {
		fmt.Fprintln(o.Out, path)
	}
	id := strings.ToLower(o.lab.ID)
	o.note("labs prove %s --form lists what is still to be written; labs/README.md says how", id)
	return nil
}
