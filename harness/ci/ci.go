// Package ci writes the files by which a service grades what learners push: a workflow of GitHub's,
// a pipeline of GitLab's, the autograders of Classroom 50 and of Gradescope.
package ci

import (
	"embed"
	"slices"
	"strings"
	"text/template"
)

//go:embed templates
var files embed.FS

// goVersion is the Go that GitLab's image has, and Gradescope's gets. GitHub and Classroom 50
// install one.
const goVersion = "1.26.8"

// DefaultToken is the name of the secret with which a private course is read.
const DefaultToken = "LABS_COURSE_TOKEN"

// Services are those that files can be written for.
var Services = []string{"github", "gitlab", "classroom50", "gradescope"}

// Events are what can begin a run: a push to a branch, a pull or merge request, a tag submit/…, the
// label "submit" on a pull or merge request, and somebody by hand.
var Events = []string{"push", "pull_request", "tag", "label", "dispatch"}

// DefaultEvents begin a run if nothing else is said.
var DefaultEvents = []string{"push", "pull_request", "dispatch"}

// targets are where each service looks for its file, from the top of a repository. Classroom 50's
// goes to the service by its own command, a bundle is uploaded and has none.
var targets = map[string]string{
	"github":      ".github/workflows/labs.yml",
	"gitlab":      ".gitlab-ci.yml",
	"classroom50": "autograder.py",
}

// Target is the path at which a service looks for its file, with slashes, from the top of a
// repository.
func Target(service string) string { return targets[service] }

// Options are what can be chosen. The zero value is a course in the same repository, graded on
// [DefaultEvents].
type Options struct {
	Course string // owner/repo, on GitLab also group/…/project; "" is the same repository
	// the course's branch, tag or commit; "" is what a change is based on, or the default branch
	Ref   string
	On    []string // some of [Events]
	Token string   // the name of the secret with which a private course is read
	// the names of the labs that a bundle grades; none is what has been worked on
	Labs []string
}

// Text is the file for a service that takes one, see [IsBundle]. Its error is an [*OptionError] where an option does not fit.
func Text(service string, o Options) (string, error) {
	if err := o.check(service); err != nil {
		return "", err
	}
	if IsBundle(service) {
		return "", &OptionError{"what " + service + " takes are several files",
			"write them to a folder or a .zip: labs ci " + service + " --output PATH"}
	}
	name := "templates/" + service + ".yml"
	if service == "classroom50" {
		name = "templates/classroom50.py"
	}
	return fill(name, o)
}

// fill is a template with options in it.
func fill(name string, o Options) (string, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return "", err
	}
	t, err := template.New(name).Delims("[[", "]]").Funcs(template.FuncMap{
		"join": strings.Join, "indent": indent,
	}).Parse(string(text))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, data{Options: o.filled(), Go: goVersion, Server: "https://github.com"})
	return b.String(), err
}

// filled are the options with what they are by default.
func (o Options) filled() Options {
	if len(o.On) == 0 {
		o.On = DefaultEvents
	}
	if o.Token == "" {
		o.Token = DefaultToken
	}
	return o
}

// data is what a template reads.
type data struct {
	Options
	Go     string
	Server string
}

// Has reports whether an event begins a run.
func (d data) Has(event string) bool { return slices.Contains(d.On, event) }

// GoMinor is the version of Go without its patch.
func (d data) GoMinor() string { return d.Go[:strings.LastIndexByte(d.Go, '.')] }

// Demanded are the arguments of labs grade that name the labs. The files of one lab alone may lie at
// the top of what is handed in.
func (d data) Demanded() string {
	switch len(d.Labs) {
	case 0:
		return ""
	case 1:
		return "--lab " + d.Labs[0] + " "
	}
	return "--labs " + strings.Join(d.Labs, ",") + " "
}

// PullRequestTypes are the activities of a pull request that begin a run on GitHub.
func (d data) PullRequestTypes() string {
	var types []string
	if d.Has("pull_request") {
		types = []string{"opened", "synchronize", "reopened"}
	}
	if d.Has("label") {
		types = append(types, "labeled")
	}
	return "[" + strings.Join(types, ", ") + "]"
}

// Conditions are what must hold for the job of a run on GitHub to be done. With pull requests
// graded, a push to a branch that has one would be graded twice.
func (d data) Conditions() string {
	var all []string
	if d.Has("push") && d.Has("pull_request") {
		all = append(all, "(github.event_name != 'push' || github.ref_type == 'tag' ||\n"+
			"      github.ref_name == github.event.repository.default_branch)")
	}
	if d.Has("label") {
		all = append(all, "(github.event.action != 'labeled' || github.event.label.name == "+
			"'submit')")
	}
	return strings.Join(all, " &&\n      ")
}

// Changed is the script that finds the labs to grade. It reads COURSE, SUBMISSION, BASE and ASKED,
// sets labs, and makes the folder graded.
func (d data) Changed() (string, error) {
	text, err := files.ReadFile("templates/changed.sh")
	return strings.TrimSuffix(string(text), "\n"), err
}

// indent puts so many spaces before each line.
func indent(n int, text string) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}
