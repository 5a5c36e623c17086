package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/ci"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type ciOptions struct {
	*app
	ci.Options
	stdout bool
	force  bool
	output string // of a bundle
}

func newCI(a *app) *cobra.Command {
	o := &ciOptions{app: a}
	c := &cobra.Command{
		Use:   "ci {github|gitlab|classroom50|gradescope}",
		Short: "Write the file by which a service grades what is handed in",
		Long: `Ci writes the file by which GitHub or GitLab grades what learners push: the labs that have changed, with the checks of
the course, the submission in a sandbox. The file goes to its place in the repository that this folder belongs to, and
says itself what it does and what it needs. For Classroom 50 it writes the autograder of a classroom.

For Gradescope it writes the bundle that is uploaded as an assignment's autograder, a .zip or a folder: setup.sh, which
makes the image, and run_autograder, which grades a submission in the sandbox landlock. Without --course the bundle has
the course in it, as it is committed. --labs names the labs of the assignment; without it, what was worked on is graded.

--on chooses what begins a run: a push to a branch, a pull or merge request, a tag submit/… (git tag submit/1 && git push
origin submit/1), the label "submit" on a pull or merge request, or somebody by hand (dispatch). Minutes cost money: with
--on tag,dispatch only what is handed in is graded. A run in which no lab has changed says so and grades nothing.

` + exitHelp,
		Example: `  labs ci github                                       the course and the learners' branches are one repository
  labs ci github --course acme/backend-labs --ref v1   the course is elsewhere
  labs ci github --on tag,dispatch                     only what is handed in
  labs ci gitlab --stdout                              only show it
  labs ci gitlab --force                               in place of the file that is there
  labs ci classroom50 --course acme/backend-labs       the autograder of a classroom of Classroom 50
  labs ci gradescope --labs b10                        autograder.zip for an assignment of Gradescope`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{errors.New("ci takes the name of a service"),
					"one of " + strings.Join(ci.Services, ", ")}
			}
			return nil
		},
		ValidArgs: ci.Services,
		RunE: func(c *cobra.Command, args []string) error {
			// A learner's folder has no course that could grade: that has its own repository.
			if root, err := course.Find("."); o.Course == "" && err == nil && workspace.IsOne(root) {
				o.Course = courseRepository
			}
			if ci.IsBundle(args[0]) {
				return o.bundle(c.Context(), args[0])
			}
			return o.run(args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&o.Course, "course", "",
		"the repository that has the course, as `owner/repo` (default: the same one; for a folder of labs init, "+
			courseRepository+")")
	f.StringVar(&o.Ref, "ref", "", "the course's branch, tag or commit, as `ref` "+
		"(default: what a change is based on, or the default branch)")
	f.StringSliceVar(&o.On, "on", ci.DefaultEvents,
		"what `event` begins a run: {"+strings.Join(ci.Events, "|")+"}, several with commas")
	f.StringVar(&o.Token, "token", ci.DefaultToken,
		"the `name` of the secret with which a private course is read")
	f.StringSliceVar(&o.Labs, "labs", nil,
		"for gradescope: the `labs` of the assignment, such as b04,b10")
	f.StringVar(&o.output, "output", "",
		"for gradescope: the .zip or folder to write, as `path` (default "+ci.DefaultBundle+")")
	f.BoolVar(&o.stdout, "stdout", false, "print the file instead of writing it")
	f.BoolVar(&o.force, "force", false, "overwrite the file that is there")
	return c
}

func (o *ciOptions) run(service string) error {
	text, err := ci.Text(service, o.Options)
	if err != nil {
		return optionUsage(err)
	}
	if o.output != "" {
		return &usageError{fmt.Errorf("--output is not for %s, whose file has its place", service),
			"leave it out, or take --stdout"}
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

// bundle writes the files of a service that takes several.
func (o *ciOptions) bundle(ctx context.Context, service string) error {
	if err := namesNone(o.Labs); err != nil {
		return err
	}
	all, err := ci.Files(service, o.Options)
	if err != nil {
		return optionUsage(err)
	}
	if o.stdout {
		return &usageError{fmt.Errorf("--stdout is not for %s, which takes several files", service),
			"write them to a folder or a .zip with --output"}
	}
	path := cmp.Or(o.output, ci.DefaultBundle)
	if o.Course == "" {
		course, err := o.along(ctx, func() error { return ci.Vacant(path, all, o.force) })
		if err != nil {
			return err
		}
		all = append(all, course)
	}
	if err := ci.PlaceBundle(path, all, o.force); err != nil {
		return thereAlready(err)
	}
	fmt.Fprintf(o.Out, "wrote %s; %s\n", path, next(service))
	return nil
}

// thereAlready is an error of a bundle's place with what to do about it.
func thereAlready(err error) error {
	if there, ok := errors.AsType[*ci.ThereAlready](err); ok {
		return &usageError{fmt.Errorf("%s is there already", relative(there.Path)),
			"--force overwrites it, --output takes another path"}
	}
	return asUsage(err)
}

// along is the course of this folder, for a bundle that takes it along. It must have the labs that
// are asked for. Before it is packed, which takes its time, there must be room for it.
func (o *ciOptions) along(ctx context.Context, vacant func() error) (ci.File, error) {
	w, err := o.open()
	if err != nil {
		return ci.File{}, err
	}
	for _, name := range o.Labs {
		if _, err := w.Course.Named(name); err != nil {
			return ci.File{}, err
		}
	}
	if err := vacant(); err != nil {
		return ci.File{}, thereAlready(err)
	}
	f, err := ci.Course(ctx, w.Course.Root, o.Ref)
	if errors.Is(err, ci.ErrNoRepository) {
		return f, &usageError{err, "the bundle has what git has of the course: run git init and " +
			"commit it, or name a repository with --course"}
	}
	return f, optionUsage(err)
}

// optionUsage is an error, as a mistake in the command line where an option does not fit.
func optionUsage(err error) error {
	if option, ok := errors.AsType[*ci.OptionError](err); ok {
		return &usageError{err, option.Hint()}
	}
	return err
}

// next is what to do with the file that was written.
func next(service string) string {
	switch service {
	case "gradescope":
		return "upload it, as a .zip, on the assignment's page Configure Autograder"
	case "classroom50":
		return "give it to the classroom: gh teacher autograder set-default ORG CLASSROOM " +
			"--from autograder.py"
	}
	return "commit it"
}
