package ci

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// OptionError is a value that cannot be written into a file.
type OptionError struct {
	Problem string // which value of which option, and what is wrong with it
	Remedy  string // what would be right
}

func (e *OptionError) Error() string { return e.Problem }

// Hint says what would be right.
func (e *OptionError) Hint() string { return e.Remedy }

// The forms of what is written into a file. They have no character that means anything in YAML, a
// shell, Python or an expression.
var (
	repositoryForm = regexp.MustCompile(
		`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)
	refForm   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)
	labForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)
	tokenForm = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
)

// check finds the first option that does not fit.
func (o Options) check(service string) error {
	deep := service != "gitlab" && strings.Count(o.Course, "/") > 1
	switch {
	case !slices.Contains(Services, service):
		return &OptionError{fmt.Sprintf("there is no service %q", service),
			"there are " + strings.Join(Services, ", ")}
	case o.Course != "" && (deep || !repositoryForm.MatchString(o.Course)):
		return &OptionError{fmt.Sprintf("--course %q is no repository", o.Course),
			"give it as owner/repo, for example --course acme/backend-labs"}
	case o.Course == "" && service == "classroom50":
		return &OptionError{"Classroom 50 takes the course from a repository of its own, and " +
			"none is named",
			"for example --course acme/backend-labs"}
	case o.Ref != "" && !refForm.MatchString(o.Ref):
		return &OptionError{fmt.Sprintf("--ref %q is no branch, tag or commit", o.Ref),
			"for example --ref main"}
	case o.Token != "" && (!tokenForm.MatchString(o.Token) ||
		strings.HasPrefix(o.Token, "GITHUB_")):
		return &OptionError{fmt.Sprintf("--token %q is no name of a secret", o.Token),
			"give the name, not the token: upper case, digits and _, not GITHUB_…, for example " +
				"--token " + DefaultToken}
	case o.On != nil && len(o.On) == 0:
		return &OptionError{"--on names nothing that begins a run",
			"some of " + strings.Join(Events, ",")}
	}
	for _, event := range o.On {
		if !slices.Contains(Events, event) {
			return &OptionError{fmt.Sprintf("--on %q begins no run", event),
				"some of " + strings.Join(Events, ",")}
		}
	}
	return o.checkBundle(service)
}

// checkBundle finds the first option that does not fit because a service takes a bundle, or none.
func (o Options) checkBundle(service string) error {
	if !IsBundle(service) {
		if len(o.Labs) > 0 {
			return &OptionError{"--labs is for " + bundled(),
				"the others grade the labs that have changed"}
		}
		return nil
	}
	for _, name := range o.Labs {
		if !labForm.MatchString(name) {
			return &OptionError{fmt.Sprintf("--labs %q is no name of a lab", name),
				"for example --labs b04,b10"}
		}
	}
	switch {
	case o.On != nil && !slices.Equal(o.On, DefaultEvents):
		return &OptionError{"--on is not for " + service + ", which begins each run itself",
			"leave it out"}
	case o.Token != "" && o.Token != DefaultToken:
		return &OptionError{"--token is not for " + service + ", which has no secrets",
			"without --course the bundle takes the course along"}
	}
	return nil
}

// bundled are the services that take a bundle.
func bundled() string { return strings.Join(slices.Sorted(maps.Keys(bundles)), ", ") }
