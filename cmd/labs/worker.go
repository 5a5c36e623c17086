package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/workshop"
)

func newWorker(a *app) *cobra.Command {
	w := workshop.Worker{}
	c := &cobra.Command{
		Use:   "worker",
		Short: "Grade what is handed in at a workshop that another machine serves",
		Long: `Worker takes submissions out of the queue of a workshop or a course and grades them on this machine, in the sandbox of labs
grade. Any number of machines may do so; they need the same labs, and the room's database, which is a Postgres then.

It builds what all submissions share before it takes the first. Stopped with Ctrl-C or SIGTERM it takes no more, lets what
it has begun end for a while, and gives the rest back. Killed, it costs seconds: others take over what it had begun.

` + exitHelp,
		Example: `  labs worker --database postgres://labs@db/labs --slots 4
  LABS_DATABASE=postgres://labs:secret@db/labs labs worker     the address is not to be seen in ps`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.worker(c.Context(), w) },
	}
	f := c.Flags()
	f.StringVar(&w.Database, "database", "", "the room's database, a `URL` that begins with postgres:// (else $LABS_DATABASE)")
	f.IntVar(&w.Slots, "slots", workshop.DefaultWorkers(), "submissions graded at once")
	f.StringVar(&w.Name, "name", "", "of this worker, in verdicts (default: the machine's)")
	f.StringVar(&w.Sandbox, "sandbox", "auto", "what keeps submissions in: {auto|ns|container|landlock}")
	f.StringVar(&w.Backend, "backend", "auto",
		"where Redis and Postgres of checks come from: {auto|url|container|local|embedded}")
	return c
}

func (a *app) worker(ctx context.Context, w workshop.Worker) error {
	if w.Slots < 1 {
		return &usageError{fmt.Errorf("--slots %d makes no sense", w.Slots), "give a number of at least 1"}
	}
	if w.Database = database(w.Database); w.Database == "" {
		return &usageError{errors.New("there is no database to take submissions from"),
			"name the workshop's: --database postgres://…"}
	}
	if err := checkProvider(w.Backend); err != nil {
		return err
	}
	at, err := a.openAnywhere()
	if err != nil {
		return err
	}
	w.Course, w.Dir = at.Course, at.Dir
	w.Say = func(line string) { a.note("%s", line) }
	err = w.Run(ctx)
	if errors.Is(err, workshop.ErrOneMachine) {
		return &usageError{err, "on one machine labs workshop grades by itself"}
	}
	return (&workshopOptions{app: a}).explained(err)
}
