package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/ci"
)

type ciOptions struct {
	*app
	ci.Options
	stdout bool
	force  bool
}

func newCI(a *app) *cobra.Command {
	o := &ciOptions{app: a}
	c := &cobra.Command{
		Use:   "ci {github|gitlab|classroom50}",
		Short: "Write the file by which a service grades what is handed in",
		Long: `Ci writes the file by which GitHub or GitLab grades what learners push: the labs that have changed, with the checks of
the course, the submission in a sandbox. The file goes to its place in the repository that this folder belongs to, and
says itself what it does and what it needs. For Classroom 50 it writes the autograder of a classroom.

--on chooses what begins a run: a push to a branch, a pull or merge request, a tag submit/… (git tag submit/1 && git push
origin submit/1), the label "submit" on a pull or merge request, or somebody by hand (dispatch). Minutes cost money: with
--on tag,dispatch only what is handed in is graded. A run in which no lab has changed says so and grades nothing.

` + exitHelp,
		Example: `  labs ci github                                       the course and the learners' branches are one repository
  labs ci github --course acme/backend-labs --ref v1   the course is elsewhere
  labs ci github --on tag,dispatch                     only what is handed in
  labs ci gitlab --stdout                              only show it
  labs ci gitlab --force                               in place of the file that is there
  labs ci classroom50 --course acme/backend-labs       the autograder of a classroom of Classroom 50`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{errors.New("ci takes the name of a service"),
					"one of " + strings.Join(ci.Services, ", ")}
			}
			return nil
		},
		ValidArgs: ci.Services,
		RunE:      func(_ *cobra.Command, args []string) error { return o.run(args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.Course, "course", "",
		"the repository that has the course, as `owner/repo` (default: the same one)")
	f.StringVar(&o.Ref, "ref", "", "the course's branch, tag or commit, as `ref` "+
		"(default: what a change is based on, or the default branch)")
	f.StringSliceVar(&o.On, "on", ci.DefaultEvents,
		"what begins a run: {"+strings.Join(ci.Events, "|")+"}, several with commas")
	f.StringVar(&o.Token, "token", ci.DefaultToken,
		"the `name` of the secret with which a private course is read")
	f.BoolVar(&o.stdout, "stdout", false, "print the file instead of writing it")
	f.BoolVar(&o.force, "force", false, "overwrite the file that is there")
	return c
}

func (o *ciOptions) run(service string) error {
	text, err := ci.Text(service, o.Options)
	var option *ci.OptionError
	if errors.As(err, &option) {
		return &usageError{err, option.Hint()}
	}
	if err != nil {
		return err
	}
	if o.stdout {
		_, err := fmt.Fprint(o.Out, text)
		return err
	}
	path, err := ci.Place(".", service, text, o.force)
	var there *ci.ThereAlready
	switch {
	case errors.As(err, &there):
		return &usageError{fmt.Errorf("%s is there already", relative(there.Path)),
			"--force overwrites it, --stdout only shows the new one"}
	case errors.Is(err, ci.ErrNoRepository):
		return &usageError{err, "run git init first, or take --stdout"}
	case err != nil:
		return err
	}
	fmt.Fprintf(o.Out, "wrote %s; %s\n", relative(path), next(service))
	return nil
}

// next is what to do with the file that was written.
func next(service string) string {
	if service == "classroom50" {
		return "give it to the classroom: gh teacher autograder set-default ORG CLASSROOM " +
			"--from autograder.py"
	}
	return "commit it"
}
