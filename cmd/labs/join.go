package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type joinOptions struct {
	*app
	name     string
	recovery string
	modules  string
}

func newJoin(a *app) *cobra.Command {
	o := &joinOptions{app: a}
	c := &cobra.Command{
		Use:   "join URL CODE {--name NAME | --recover CODE} [DIR]",
		Short: "Take part in a workshop",
		Long: `Join takes a place in the room that an instructor has opened, and makes a workspace with its labs, as labs init does,
or uses the one that you are in. From then on labs check and labs watch tell the room how your checks go (verdicts and
points, never your files), also later where there was no network, and labs submit hands your files in to be graded.

The recovery code that you are given brings you back from another machine.

` + exitHelp,
		Example: `  labs join http://10.0.0.7:8080 K7QF-2MZ9 --name Ada
  labs join http://10.0.0.7:8080 K7QF-2MZ9 --name Ada workshop
  labs join http://10.0.0.7:8080 K7QF-2MZ9 --recover 8H2K-…`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return &usageError{errors.New("join takes the workshop's address and its code"),
					"the instructor shows both: labs join http://10.0.0.7:8080 K7QF-2MZ9 --name NAME"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "your `name`, as the room is to see it")
	f.StringVar(&o.recovery, "recover", "", "come back with the recovery `code` that you were given")
	f.StringVar(&o.modules, "modules", "", "take the modules from this `folder`, without a network")
	return c
}

func (o *joinOptions) run(ctx context.Context, args []string) error {
	if (o.name == "") == (o.recovery == "") {
		return &usageError{errors.New("who are you?"), "--name NAME, or --recover CODE to come back"}
	}
	c, err := client.New(args[0], "")
	if err != nil {
		return err
	}
	before := time.Now()
	hello, err := c.Hello(ctx)
	if err != nil {
		return err
	}
	if d := hello.Now.Sub(before); d.Abs() > time.Minute {
		o.note("this machine's clock is %s off the workshop's; times are shown by the workshop's", d.Abs().Round(time.Second))
	}
	joined, err := o.place(ctx, c, args[1])
	if err != nil {
		return err
	}
	p := client.Place{URL: c.Base(), Title: hello.Title, Name: joined.Name, Token: joined.Token, Recovery: joined.Recovery}
	if o.recovery != "" {
		p.Recovery = o.recovery
	}
	root, err := o.workspace(ctx, hello, args[2:])
	if err == nil {
		err = p.Keep(filepath.Join(root, workspace.Folder))
	}
	if err != nil {
		o.note("you have a place in the room; once this is mended: labs join %s %s --recover %s", c.Base(), args[1], p.Recovery)
		return err
	}
	fmt.Fprintf(o.Out, "\n%s, you are in %s\n", joined.Name, hello.Title)
	if joined.Recovery != "" {
		fmt.Fprintf(o.Out, "recovery code: %s   (for another machine; it is kept here, too)\n", o.Paint().Strong(joined.Recovery))
	}
	lab := "LAB"
	if len(hello.Labs) > 0 {
		lab = strings.ToLower(hello.Labs[0])
	}
	what := "labs watch %s checks after every save; labs submit hands in; " + `labs ask "…" raises a hand`
	if hello.Ended {
		what = "the workshop has ended and takes nothing more; labs watch %s checks after every save, as ever"
	}
	fmt.Fprintln(o.Out, typedAs(o.commandIn(root), fmt.Sprintf(what, lab)))
	return nil
}

// workspace is the folder of the labs: the one named, which is made; else the one that this is; else a new one.
func (o *joinOptions) workspace(ctx context.Context, hello wire.Hello, dir []string) (root string, err error) {
	if len(dir) == 0 {
		if root, err := course.Find("."); err == nil && workspace.IsOne(root) {
			return root, nil
		} else if err == nil && o.courseDir == "" {
			return root, nil // a clone of the course, where one can work, too
		}
		dir = []string{"backend-labs"}
	}
	if root, err := filepath.Abs(dir[0]); err == nil && workspace.IsOne(root) {
		return root, nil
	}
	init := &initOptions{app: o.app, labs: hello.Labs, modules: o.modules}
	return dir[0], init.run(ctx, dir[0])
}

func (o *joinOptions) place(ctx context.Context, c *client.Client, code string) (wire.Joined, error) {
	if o.recovery != "" {
		return c.Rejoin(ctx, code, o.recovery)
	}
	return c.Join(ctx, code, o.name)
}

// participant is the place in a workshop of a workspace.
// joined opens the folder that takes part in a workshop.
func (a *app) joined() (*workspace.Workspace, error) {
	w, err := a.open()
	if errors.Is(err, course.ErrNoCourse) {
		return nil, &usageError{errors.New("this folder takes part in no workshop"),
			"go into the folder that labs join has made; labs join URL CODE --name NAME makes one"}
	}
	return w, err
}

func (a *app) participant(w *workspace.Workspace) (*client.Place, *client.Client, error) {
	p, err := client.Kept(w.Dir)
	if errors.Is(err, client.ErrNoPlace) {
		return nil, nil, &usageError{err, "labs join URL CODE --name NAME takes part in one"}
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := p.Client()
	return p, c, err
}
