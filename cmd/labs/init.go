package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/ci"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/embedded"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type initOptions struct {
	*app
	labs    []string
	part    part
	ci      string
	modules string
	noGit   bool
}

func newInit(a *app) *cobra.Command {
	o := &initOptions{app: a}
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a folder of your own, with the labs to work on",
		Long: `Init makes a workspace: a folder with briefs, stubs, checks and the kit that these use, settings for editors, and a git
repository with a first commit. It is a Go module of its own: editors, go test and debuggers work in it. Solutions are not
in it: labs has them, and shows them after a pass, or when you give up.

DIR is a folder that is not there yet, or is empty; without it, backend-labs. If anything fails, nothing is left behind.

Without a network the modules that the labs use can come from elsewhere: --modules names a folder that go mod download has
filled on another machine (its GOMODCACHE), or one that labs bundle has written.

` + exitHelp,
		Example: `  labs init                                  everything, in the folder backend-labs
  labs init course --level beginner          one level
  labs init course --path interview          one path
  labs init course --labs b10,i04,a01        these labs
  labs init course --ci github               with the workflow that grades what is pushed
  labs init . --no-git                       in this folder, without a git repository`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("init takes one folder, not %d", len(args)), "see labs init --help"}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			dir := "backend-labs"
			if len(args) == 1 {
				dir = args[0]
			}
			return o.run(c.Context(), dir)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.labs, "labs", nil, "only these `labs`, such as b10,i04; without --level and --path")
	o.part.flags(c)
	f.StringVar(&o.ci, "ci", "", "with the file by which a service grades what is pushed: {github|gitlab}")
	f.StringVar(&o.modules, "modules", "", "take the modules from this `folder`, without a network")
	f.BoolVar(&o.noGit, "no-git", false, "make no git repository")
	return c
}

func (o *initOptions) run(ctx context.Context, dir string) error {
	c, from, err := o.source()
	if err != nil {
		return err
	}
	ids, err := o.choice(c)
	if err != nil {
		return err
	}
	more, err := o.workflow()
	if err != nil {
		return err
	}
	if o.modules != "" {
		if o.modules, err = moduleProxy(o.modules); err != nil {
			return err
		}
	}
	err = workspace.Init{Dir: dir, Course: c, Version: embedded.Version(), From: from, Labs: ids, More: more}.Write(ctx)
	if none, ok := errors.AsType[*workspace.NoPlace](err); ok {
		return &usageError{none, none.Hint()}
	}
	if err != nil {
		return err
	}
	if !o.noGit {
		left, err := workspace.Repository(ctx, dir)
		if err != nil {
			return err
		}
		if left != "" {
			o.note("%s", left)
		}
	}
	o.fetch(ctx, dir)
	n := len(ids)
	if n == 0 {
		n = len(c.Labs)
	}
	labs := fmt.Sprintf("%d labs", n)
	if n == 1 {
		labs = "one lab"
	}
	where, cd := relative(dir), "  cd "+shellWord(relative(dir))+"\n"
	if where == "." {
		where, cd = "this folder", ""
	}
	command := o.commandIn(dir)
	fmt.Fprintf(o.Out, "%s has %s. Next:\n\n%s  %s list\n  %s watch %s\n", where, labs, cd, command, command,
		strings.ToLower(first(c, ids).ID))
	return nil
}

// source is the course that the workspace is made from: the one in labs, or the one that is named. from is the folder of
// the latter.
func (a *app) source() (c *course.Course, from string, err error) {
	dir := a.courseDir
	if dir == "" {
		dir = os.Getenv("LABS_COURSE")
	}
	root := ""
	if dir == "" {
		if root, err = embedded.Folder(); err != nil {
			return nil, "", err
		}
	} else if root, err = course.Find(dir); err != nil {
		return nil, "", &usageError{err, "--course names a folder that has labs/ and go.mod"}
	} else {
		from = root
	}
	if c, err = course.Load(root); err != nil {
		return nil, "", err
	}
	if workspace.IsOne(root) {
		return nil, "", &usageError{fmt.Errorf("%s is a workspace, and no course", root),
			"name the course's folder, or none: labs has the course in it"}
	}
	return c, from, nil
}

// choice are the ids of the labs that are asked for; none are all.
func (o *initOptions) choice(c *course.Course) (ids []string, err error) {
	if err := namesNone(o.labs); err != nil {
		return nil, err
	}
	if len(o.labs) > 0 && o.part != (part{}) {
		return nil, &usageError{errors.New("--labs goes with neither --level nor --path"), "leave one of them out"}
	}
	ofThis, err := o.part.of(c)
	if err != nil {
		return nil, err
	}
	if len(o.labs) > 0 {
		labs, err := c.Select(o.labs)
		if err != nil {
			return nil, err
		}
		for _, l := range labs {
			if !slices.Contains(ids, l.ID) {
				ids = append(ids, l.ID)
			}
		}
	}
	if o.part != (part{}) {
		for _, l := range ofThis {
			if !slices.Contains(ids, l.ID) {
				ids = append(ids, l.ID)
			}
		}
	}
	return ids, nil
}

// namesNone is an error if --labs is given and has no lab: that is not the same as every lab.
func namesNone(labs []string) error {
	if labs != nil && len(labs) == 0 {
		return &usageError{errors.New("--labs names no lab"), "give them with commas, such as b10,i04, or leave it out"}
	}
	return nil
}

func first(c *course.Course, ids []string) *course.Lab {
	for _, l := range c.Labs {
		if len(ids) == 0 || l.ID == ids[0] {
			return l
		}
	}
	return &course.Lab{}
}

// courseRepository is where a service finds the course by which it grades a workspace.
const courseRepository = "backend-labs/backend-labs"

// workflow is the file for a service, by its path.
func (o *initOptions) workflow() (map[string][]byte, error) {
	if o.ci == "" {
		return nil, nil
	}
	if o.ci != "github" && o.ci != "gitlab" {
		return nil, &usageError{fmt.Errorf("--ci %s is none", o.ci), "one of github, gitlab; others by labs ci"}
	}
	text, err := ci.Text(o.ci, ci.Options{Course: courseRepository})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{ci.Target(o.ci): []byte(text)}, nil
}

// moduleProxy is the address at which the go command finds the modules of a folder.
func moduleProxy(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, at := range []string{filepath.Join(abs, "modules"), filepath.Join(abs, "cache", "download"), abs} {
		if found, _ := filepath.Glob(filepath.Join(at, "*", "*", "*", "@v")); len(found) > 0 {
			return "file://" + filepath.ToSlash(at), nil
		}
	}
	return "", &usageError{fmt.Errorf("%s has no modules", dir),
		"name a GOMODCACHE in which go mod download was run, or what labs bundle has written"}
}

// fetch gets the modules, so that everything works without a network later. That it cannot is a remark: the first check
// says what to do.
func (o *initOptions) fetch(ctx context.Context, dir string) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	if o.modules != "" {
		cmd.Env = append(cmd.Env, "GOPROXY="+o.modules, "GOSUMDB=off")
	}
	o.note("fetching the modules that the labs use")
	if out, err := cmd.CombinedOutput(); err != nil {
		said := strings.Join(strings.Fields(string(out)), " ")
		if said == "" {
			said = err.Error()
		}
		o.note("they could not be fetched (%s): go mod download in %s does it later", said, dir)
	}
}

// shellWord is a path as it is typed.
func shellWord(path string) string {
	if strings.ContainsAny(path, " \t'\"$&;()<>|*?#~`\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
