package ci_test

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"

	"github.com/backend-labs/backend-labs/harness/ci"
)

// workflow is what these tests look at in a workflow of GitHub's.
type workflow struct {
	On          any               `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Env         map[string]string `yaml:"env"`
	Concurrency struct {
		Group  string `yaml:"group"`
		Cancel string `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Jobs map[string]job `yaml:"jobs"`
}

type job struct {
	If          string `yaml:"if"`
	Permissions any    `yaml:"permissions"`
	Services    any    `yaml:"services"`
	Container   any    `yaml:"container"`
	RunsOn      string `yaml:"runs-on"`
	Timeout     int    `yaml:"timeout-minutes"`
	Steps       []step `yaml:"steps"`
}

type step struct {
	Name string            `yaml:"name"`
	If   string            `yaml:"if"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	With map[string]any    `yaml:"with"`
	Env  map[string]string `yaml:"env"`
}

// step is the step of a name.
func (w workflow) step(t *testing.T, name string) step {
	t.Helper()
	for _, s := range w.Jobs["grade"].Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no step %q", name)
	return step{}
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	for name, o := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := text(t, "github", o)
			lint(t, s)
			var w workflow
			decode(t, s, &w)
			if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
				t.Errorf("got the permissions %v, want contents: read alone", w.Permissions)
			}
			if w.Concurrency.Cancel != "${{ github.event_name == 'pull_request' }}" || w.Concurrency.Group == "" {
				t.Errorf("got %+v, want that a newer commit of a pull request ends the older run", w.Concurrency)
			}
			j := w.Jobs["grade"]
			if len(w.Jobs) != 1 || j.Permissions != nil || j.Services != nil ||
				j.Container != nil || j.Timeout == 0 {
				t.Errorf("got the jobs %v, want one, with a timeout and no permissions, "+
					"services or container of its own", w.Jobs)
			}
			if w.Env["LABS_COURSE_REPOSITORY"] != o.Course || w.Env["LABS_COURSE_REF"] != o.Ref {
				t.Errorf("got %v, want %+v", w.Env, o)
			}
			if strings.Contains(s, "pull_request_target") {
				t.Error("a pull request from a fork would see the secrets")
			}
			for _, s := range j.Steps {
				wantSafe(t, s)
			}
		})
	}
}

// lint runs actionlint over a workflow.
func lint(t *testing.T, s string) {
	t.Helper()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	complaints, err := linter.Lint("labs.yml", []byte(s), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range complaints {
		t.Errorf("actionlint: %v", c)
	}
}

// wantSafe is what holds for every step: no expression stands in a script, no script has a secret,
// and no checkout leaves its token behind.
func wantSafe(t *testing.T, s step) {
	t.Helper()
	if strings.Contains(s.Run, "${{") {
		t.Errorf("%s: an expression stands in a script:\n%s", s.Name, s.Run)
	}
	for key, value := range s.Env {
		if strings.Contains(value, "secrets.") || strings.Contains(value, "github.token") {
			t.Errorf("%s: %s: %s", s.Name, key, value)
		}
	}
	if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
		t.Errorf("%s: the token stays in the folder", s.Name)
	}
}

// TestGitHub_on is that each event begins a run, and no other does.
func TestGitHub_on(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		on   []string
		want []string
	}{
		{nil, []string{"pull_request", "push", "workflow_dispatch"}},
		{[]string{"push"}, []string{"push"}},
		{[]string{"tag"}, []string{"push"}},
		{[]string{"pull_request"}, []string{"pull_request"}},
		{[]string{"label"}, []string{"pull_request"}},
		{[]string{"dispatch"}, []string{"workflow_dispatch"}},
		{[]string{"tag", "label", "dispatch"}, []string{"pull_request", "push", "workflow_dispatch"}},
	} {
		var w workflow
		decode(t, text(t, "github", ci.Options{On: tt.on}), &w)
		if got := events(w.On); !slices.Equal(got, tt.want) {
			t.Errorf("--on %v: got %v, want %v", tt.on, got, tt.want)
		}
		on := w.On.(map[string]any)
		if push, ok := on["push"].(map[string]any); ok {
			wantBranches := tt.on == nil || slices.Contains(tt.on, "push")
			if (push["branches"] != nil) != wantBranches ||
				(push["tags"] != nil) != slices.Contains(tt.on, "tag") {
				t.Errorf("--on %v: got %v", tt.on, push)
			}
		}
		if label := strings.Contains(w.Jobs["grade"].If,
			"'submit'"); label != slices.Contains(tt.on, "label") {
			t.Errorf("--on %v: got if: %s", tt.on, w.Jobs["grade"].If)
		}
	}
}

// TestGitHub_reports is that they are kept of what failed, too.
func TestGitHub_reports(t *testing.T) {
	t.Parallel()
	var w workflow
	decode(t, text(t, "github", ci.Options{}), &w)
	if s := w.step(t, "Keep the reports"); !strings.HasPrefix(s.If, "always() &&") ||
		s.With["path"] != "reports/" {
		t.Errorf("got %+v", s)
	}
	run := w.step(t, "Grade").Run
	for _, want := range []string{`--labs "${LABS// /,}"`, "--format terminal", "--format github",
		"junit=reports/", "json=reports/", "html=reports/"} {
		if !strings.Contains(run, want) {
			t.Errorf("got %q, want %s in it", run, want)
		}
	}
}

// TestGitHub_cache is that what is kept goes by the course's modules and Go.
func TestGitHub_cache(t *testing.T) {
	t.Parallel()
	var w workflow
	decode(t, text(t, "github", ci.Options{Course: "a/b"}), &w)
	s := w.step(t, "Set up Go")
	if s.With["cache-dependency-path"] != "course/go.sum" ||
		s.With["go-version-file"] != "course/go.mod" || s.With["cache"] == false {
		t.Errorf("got %v", s.With)
	}
}

// TestGitHub_private is that the secret goes to the checkout of the course alone.
func TestGitHub_private(t *testing.T) {
	t.Parallel()
	s := text(t, "github", ci.Options{Course: "a/b", Token: "COURSE_READ"})
	if n := strings.Count(s, "secrets."); n != 1 ||
		!strings.Contains(s, "secrets.COURSE_READ || github.token") {
		t.Errorf("got %d secrets, want that of the course's checkout alone", n)
	}
}

// pinned are the actions that are used, each the commit of its newest release that could be looked
// up.
var pinned = []string{
	"actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
	"actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e # v7.0.0",
	"actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
}

// TestGitHub_pinned is that every action is pinned to a commit, and its version stands beside it
// for whoever updates it.
func TestGitHub_pinned(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for line := range strings.Lines(text(t, "github", ci.Options{On: ci.Events})) {
		_, action, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "uses: ")
		if ok && (!form.MatchString(action) || !slices.Contains(pinned, action)) {
			t.Errorf("got %q", line)
		}
	}
}
