package ci_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/ci"
)

// pipeline is what these tests look at in a pipeline of GitLab's.
type pipeline struct {
	Stages    []string       `yaml:"stages"`
	Variables map[string]any `yaml:"variables"`
	Labs      struct {
		Stage         string              `yaml:"stage"`
		Image         string              `yaml:"image"`
		Services      any                 `yaml:"services"`
		Timeout       string              `yaml:"timeout"`
		Interruptible bool                `yaml:"interruptible"`
		Rules         []map[string]string `yaml:"rules"`
		Variables     map[string]string   `yaml:"variables"`
		BeforeScript  any                 `yaml:"before_script"`
		Script        []string            `yaml:"script"`
		Cache         struct {
			Key struct {
				Prefix string   `yaml:"prefix"`
				Files  []string `yaml:"files"`
			} `yaml:"key"`
			Paths []string `yaml:"paths"`
		} `yaml:"cache"`
		Artifacts struct {
			When    string            `yaml:"when"`
			Paths   []string          `yaml:"paths"`
			Reports map[string]string `yaml:"reports"`
		} `yaml:"artifacts"`
	} `yaml:"labs"`
}

func TestGitLab(t *testing.T) {
	t.Parallel()
	for name, o := range variants() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p pipeline
			decode(t, text(t, "gitlab", o), &p)
			j := p.Labs
			if !slices.Contains(p.Stages, j.Stage) {
				t.Errorf("got the stage %q, want one of %q", j.Stage, p.Stages)
			}
			if len(j.Script) != 1 || !strings.HasPrefix(j.Script[0], "set -eu\n") ||
				j.BeforeScript != nil {
				t.Errorf("got %d scripts, want one that stops at a failure, and nothing "+
					"installed before it", len(j.Script))
			}
			// What the older of two pushes has changed would be graded by nobody.
			pushes := len(o.On) == 0 || slices.Contains(o.On, "push")
			if j.Interruptible == pushes || j.Timeout == "" || j.Services != nil {
				t.Errorf("got %+v, want a job that a newer commit ends unless pushes are graded, with a timeout and "+
					"without services", j)
			}
			if j.Variables["GIT_DEPTH"] != "0" {
				t.Errorf("got the variables %v, want the whole history", j.Variables)
			}
			if p.Variables["LABS_COURSE_REPOSITORY"] != o.Course ||
				p.Variables["LABS_COURSE_REF"] != o.Ref {
				t.Errorf("got %v, want %+v", p.Variables, o)
			}
			if a := j.Artifacts; a.When != "always" || a.Reports["junit"] != "reports/junit.xml" ||
				!slices.Equal(a.Paths, []string{"reports/"}) {
				t.Errorf("got the artifacts %+v, want the reports, also of what failed", a)
			}
		})
	}
}

// TestGitLab_on is that each event has its rule.
func TestGitLab_on(t *testing.T) {
	t.Parallel()
	const merge = `$CI_PIPELINE_SOURCE == "merge_request_event"`
	byHand := `$CI_PIPELINE_SOURCE == "web" || $CI_PIPELINE_SOURCE == "api" || $CI_PIPELINE_SOURCE == "trigger"`
	push := `$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH`
	for _, tt := range []struct {
		on   []string
		want []string
	}{
		{nil, []string{merge, push + " && $CI_OPEN_MERGE_REQUESTS == null", byHand}},
		{[]string{"push"}, []string{push}},
		{[]string{"pull_request"}, []string{merge}},
		{[]string{"tag"}, []string{`$CI_COMMIT_TAG =~ /^submit\//`}},
		{[]string{"label"}, []string{merge + ` && $CI_MERGE_REQUEST_LABELS =~ /(^|,)submit(,|$)/`}},
		{[]string{"dispatch"}, []string{byHand}},
	} {
		var p pipeline
		decode(t, text(t, "gitlab", ci.Options{On: tt.on}), &p)
		var got []string
		for _, r := range p.Labs.Rules {
			got = append(got, r["if"])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("--on %v: got the rules %q, want %q", tt.on, got, tt.want)
		}
	}
}

// TestGitLab_cache is that modules and what was compiled lie in the folder that is kept.
func TestGitLab_cache(t *testing.T) {
	t.Parallel()
	for course, file := range map[string]string{"": "go.sum", "a/b": ".gitlab-ci.yml"} {
		var p pipeline
		decode(t, text(t, "gitlab", ci.Options{Course: course}), &p)
		c := p.Labs.Cache
		if !slices.Equal(c.Paths, []string{".cache/"}) ||
			!slices.Equal(c.Key.Files, []string{file}) || !strings.Contains(c.Key.Prefix, "go1.") {
			t.Errorf("course %q: got %+v", course, c)
		}
		for _, name := range []string{"GOMODCACHE", "GOCACHE"} {
			if !strings.HasPrefix(p.Labs.Variables[name], "$CI_PROJECT_DIR/.cache/") {
				t.Errorf("got %s=%s, which is not kept", name, p.Labs.Variables[name])
			}
		}
	}
}
