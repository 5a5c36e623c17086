package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/embedded"
	"github.com/backend-labs/backend-labs/harness/near"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// app is what every command gets.
type app struct {
	*term.Streams
	noColour  bool
	noPager   bool
	foldCode  bool // break wide lines of code, where they would be cut off
	courseDir string
	command   string // how labs was called, for what is to be typed next

	builds *buildNotes // of the command, of which there may be copies of the app
}

func newApp(s *term.Streams) *app {
	return &app{Streams: s, command: "labs",
		builds: &buildNotes{}}
}

// buildNotes is what a command has said about its builds.
type buildNotes struct {
	sync.Mutex
	begun, cold bool
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, a *app, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	err := unknownBelow(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if _, _, unknown := root.Find(args); err != nil && unknown != nil {
		err = unknownCommand(root, args[0])
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if ctx.Err() == nil {
		err = a.written(err)
	}
	if err != nil {
		a.complain(err)
	}
	return exitCode(err)
}

// unknownBelow is the error of a command line whose command only has others below it, and that names none of them: cobra
// would show the help and be content.
func unknownBelow(root *cobra.Command, args []string) error {
	root.InitDefaultCompletionCmd(args...)
	c, rest, err := root.Find(args)
	if err != nil || c == root || c.Runnable() || !c.HasSubCommands() {
		return nil
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil || c.Flags().NArg() == 0 {
		return nil // what is wrong with flags is told when it is run
	}
	return unknownCommand(c, c.Flags().Arg(0))
}

// unknownCommand says that a command has none of that name below it.
func unknownCommand(parent *cobra.Command, name string) error {
	hint := parent.CommandPath() + " --help lists the commands"
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if meant := near.Of(name, names); len(meant) > 0 {
		hint = "did you mean " + strings.Join(meant, " or ") + "? " + hint
	}
	return &usageError{fmt.Errorf("unknown command %q for %q", name, parent.CommandPath()), hint}
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "labs",
		Short: "Backend interview questions as labs that you run",
		Long: `Labs turns backend interview questions into exercises: edit a lab's files, and the checks say whether
the answer holds under real stores, real faults and simulated time, and what a wrong one would cost.

` + exitHelp,
		Example: `  labs list                    what there is
  labs show token-bucket       the brief of a lab
  labs watch token-bucket      check it again after every save
  labs hint                    one more hint for the lab you are at
  labs check --all             everything, once`,
		Version: version(), SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) {
			if a.noColour {
				a.Colour = false
			}
			if a.noPager {
				a.Pager = ""
			}
		},
	}
	root.SetVersionTemplate("labs {{.Version}}\n")
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.PersistentFlags().BoolVar(&a.noColour, "no-color", false, "no colours, also on a terminal")
	root.PersistentFlags().BoolVar(&a.noPager, "no-pager", false,
		"no pager for what is longer than the screen (else $LABS_PAGER, $PAGER or less)")
	root.PersistentFlags().StringVar(&a.courseDir, "course", "",
		"the course's `folder` (default: the current one or the nearest above it that has labs/)")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpOn(root))
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		text := strings.TrimSpace(cmp.Or(c.Long, c.Short)) + "\n\n" + c.UsageString()
		if err := a.Page(term.Reflow(text, a.Columns)); err != nil {
			a.note("the help cannot be shown: %v", err)
		}
	})
	root.AddGroup(&cobra.Group{ID: "learn", Title: "For learners:"},
		&cobra.Group{ID: "run", Title: "For whoever runs labs:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("learn", newInit(a), newList(a), newShow(a), newCheck(a), newWatch(a), newHint(a), newHunt(a), newSolution(a),
		newReset(a), newProgress(a), newReport(a), newDebug(a), newUpdate(a), newJoin(a), newSubmit(a), newAsk(a))
	add("run", newWorkshop(a), newRoom(a), newWorker(a), newUp(a), newDown(a), newDoctor(a), newGrade(a), newCI(a), newBundle(a), newProve(a), newNew(a),
		newStub(a), newVersion(a), newMan(a),
		newDemo(a))
	return root
}

// open reads the course and the workspace. Labs that cannot be read are in the course's Broken; the
// others work.
func (a *app) open() (*workspace.Workspace, error) {
	dir := a.courseDir
	if dir == "" {
		if dir = os.Getenv("LABS_COURSE"); dir == "" {
			dir = "."
		}
	}
	root, err := course.Find(dir)
	if err != nil {
		return nil, &usageError{err, "labs init makes a folder of your own to work in; --course names another course"}
	}
	return a.openAt(root)
}

// openAnywhere is like open and takes, where there is neither a workspace nor a course, the course that is in labs: for
// commands that need nobody's files.
func (a *app) openAnywhere() (*workspace.Workspace, error) {
	if a.courseDir == "" && os.Getenv("LABS_COURSE") == "" {
		if _, err := course.Find("."); errors.Is(err, course.ErrNoCourse) {
			root, err := embedded.Folder()
			if err != nil {
				return nil, err
			}
			return a.openAt(root)
		}
	}
	return a.open()
}

func (a *app) openAt(root string) (*workspace.Workspace, error) {
	c, err := course.Load(root)
	if err != nil {
		return nil, err
	}
	if err := a.own(context.Background(), c); err != nil {
		return nil, err
	}
	w := workspace.Open(c)
	a.tidy(w)
	return w, nil
}

// tellBroken says on the error stream which labs cannot be read, for a command that is about all of
// them.
func (a *app) tellBroken(c *course.Course) {
	var faults course.Faults
	for _, broken := range c.Broken {
		fmt.Fprintf(a.Err, "labs: left out: %s\n",
			strings.ReplaceAll(broken.Error(), "\n", "\nlabs: left out: "))
		errors.As(broken, &faults)
	}
	if faults != nil {
		fmt.Fprintf(a.Err, "hint: %s\n", faults.Hint())
	}
}

// tidy removes what a command that was killed could not. Where there is nothing, it costs nothing.
func (a *app) tidy(w *workspace.Workspace) {
	folders, err := owner.Sweep("")
	built, err2 := owner.Sweep(filepath.Join(w.Dir, "bin"))
	err = errors.Join(err, err2)
	var removed []string
	switch n := len(folders) + len(built); n {
	case 0:
	case 1:
		removed = append(removed, "a temporary folder")
	default:
		removed = append(removed, fmt.Sprintf("%d temporary folders", n))
	}
	if backends.Left(w.Dir) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		servers, err2 := backends.Sweep(ctx, a.backendOptions(w, backends.Auto))
		removed, err = append(removed, servers...), errors.Join(err, err2)
	}
	if len(removed) > 0 {
		a.note("removed what a killed command has left: %s", strings.Join(removed, ", "))
	}
	if err != nil {
		a.note("what a killed command has left cannot be removed now: %v", err)
	}
}

// builder is the one of this workspace.
func (a *app) builder(w *workspace.Workspace) *compile.Builder {
	return &compile.Builder{Course: w.Course, Dir: filepath.Join(w.Dir, "bin"),
		Progress: a.building()}
}

// building returns what is called while a build takes long. A command says so once, and once more,
// with the reason, where the build cache is cold.
func (a *app) building() func(compile.Progress) {
	said := a.builds
	return func(p compile.Progress) {
		said.Lock()
		defer said.Unlock()
		switch {
		case p.Cold && !said.cold:
			a.note("building what the labs depend on, once: about a minute")
			said.cold = true
		case !said.cold && !said.begun:
			a.note("building")
		}
		said.begun = true
	}
}

// note is one line of progress. Nothing that stands in it, such as the name of a submission, is
// interpreted by a terminal or a CI runner. On a terminal it takes the place of a line that counts, which comes again
// below it.
func (a *app) note(format string, args ...any) {
	if a.ErrTerminal && a.Interactive {
		fmt.Fprint(a.Err, term.Wiped)
	}
	fmt.Fprintln(a.Err, a.Paint().Faint("· "+a.typed(report.PlainLines(fmt.Sprintf(format, args...)))))
}

// lab finds the lab that a command is about: the one named, else the one whose folder this is, else
// the one worked on last.
func (a *app) lab(w *workspace.Workspace, args []string) (*course.Lab, error) {
	if len(args) > 0 {
		return w.Course.Named(args[0])
	}
	if wd, err := os.Getwd(); err == nil {
		if l := w.Course.Containing(wd); l != nil {
			return l, nil
		}
	}
	p, err := w.Progress()
	if err != nil {
		return nil, err
	}
	if p.Last != "" {
		if l, err := w.Course.Named(p.Last); err == nil {
			return l, nil
		}
	}
	return nil, &usageError{fmt.Errorf(
		"which lab? there is none in this folder, and none that was worked on last"),
		"name one: labs list shows them"}
}

// completeLabs completes the names of labs for the shell.
func (a *app) completeLabs(_ *cobra.Command, _ []string, toComplete string) ([]string,
	cobra.ShellCompDirective) {
	w, err := a.openAnywhere()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	want := strings.ToLower(toComplete)
	for _, l := range w.Course.Labs {
		for _, name := range []string{l.Slug, strings.TrimPrefix(l.Slug,
			strings.ToLower(l.ID)+"-")} {
			if strings.HasPrefix(name, want) {
				names = append(names, name+"\t"+l.Title)
				break
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// atMostOneLab is the Args of a command that takes [LAB].
func atMostOneLab(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &usageError{fmt.Errorf("%s takes one lab, not %d", c.CommandPath(), len(args)),
			"see " + c.CommandPath() + " --help"}
	}
	return nil
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no arguments, but got %q", c.CommandPath(),
			args[0]), "see " + c.CommandPath() + " --help"}
	}
	return nil
}
