package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

//go:embed ci/*.yml
var ciFiles embed.FS

// ciTargets are where each service looks for its file, from the top of a repository.
var ciTargets = map[string]string{
	"github": ".github/workflows/labs.yml",
	"gitlab": ".gitlab-ci.yml",
}

type ciOptions struct {
	*app
	course string
	ref    string
	stdout bool
	force  bool
}

func newCI(a *app) *cobra.Command {
	o := &ciOptions{app: a}
	c := &cobra.Command{
		Use:   "ci {github|gitlab}",
		Short: "Write a workflow that grades pull requests",
		Long: `Ci writes the file by which GitHub or GitLab grades each pull request: the labs whose files it changes, with the checks
of the course, the submission in a sandbox. The file goes to its place in the repository that this folder belongs to. It
says itself what it does and what it needs.

` + exitHelp,
		Example: `  labs ci github                                       the course and the learners' branches are one repository
  labs ci github --course acme/backend-labs --ref v1   the course is elsewhere
  labs ci gitlab --stdout                              only show it
  labs ci gitlab --force                               in place of the file that is there`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || ciTargets[args[0]] == "" {
				return &usageError{errors.New("ci takes the name of a service: github or gitlab"), "see labs ci --help"}
			}
			return nil
		},
		ValidArgs: []string{"github", "gitlab"},
		RunE:      func(_ *cobra.Command, args []string) error { return o.run(args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.course, "course", "", "the repository that has the course, as `owner/repo` (default: the same one)")
	f.StringVar(&o.ref, "ref", "", "the course's branch, tag or commit, as `ref` "+
		"(default: what the pull request is based on; with --course the default branch)")
	f.BoolVar(&o.stdout, "stdout", false, "print the file instead of writing it")
	f.BoolVar(&o.force, "force", false, "overwrite the file that is there")
	return c
}

// The forms of what is written into the file. They have no character that means anything in YAML, a shell or an
// expression.
var (
	repositoryForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)
	refForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)
)

func (o *ciOptions) run(service string) error {
	deep := service == "github" && strings.Count(o.course, "/") > 1
	if o.course != "" && (deep || !repositoryForm.MatchString(o.course)) {
		return &usageError{fmt.Errorf("--course %q is no repository", o.course),
			"give it as owner/repo, for example --course acme/backend-labs"}
	}
	if o.ref != "" && !refForm.MatchString(o.ref) {
		return &usageError{fmt.Errorf("--ref %q is no branch, tag or commit", o.ref), "for example --ref main"}
	}
	text, err := o.text(service)
	if err != nil {
		return err
	}
	if o.stdout {
		_, err := fmt.Fprint(o.Out, text)
		return err
	}
	root, err := repository(".")
	if err != nil {
		return err
	}
	return o.place(filepath.Join(root, filepath.FromSlash(ciTargets[service])), text)
}

// text is the file for a service.
func (o *ciOptions) text(service string) (string, error) {
	t, err := template.New(service+".yml").Delims("[[", "]]").ParseFS(ciFiles, "ci/"+service+".yml")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]string{"Course": o.course, "Ref": o.ref})
	return b.String(), err
}

// place writes the file. What is there is kept, unless --force says otherwise.
func (o *ciOptions) place(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flag, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &usageError{fmt.Errorf("%s is there already", relative(path)),
			"--force overwrites it, --stdout only shows the new one"}
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "wrote %s; commit it\n", relative(path))
	return nil
}

// repository finds the top of the repository that a folder belongs to.
func repository(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", &usageError{fmt.Errorf("%s is in no repository", dir), "run git init first, or take --stdout"}
		}
	}
}
