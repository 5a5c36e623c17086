package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rhysd/actionlint"

	"github.com/backend-labs/backend-labs/harness/term"
)

// labsCI runs "labs ci" in this process and returns the exit code and what it said.
func labsCI(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	s, o, e := term.Buffers()
	code = execute(t.Context(), newApp(s), append([]string{"ci"}, args...))
	return code, o.String(), e.String()
}

// ciFile is the file that "labs ci" prints.
func ciFile(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := labsCI(t, append(args, "--stdout")...)
	if code != exitPassed || errs != "" {
		t.Fatalf("got exit code %d and %q, want a file", code, errs)
	}
	return out
}

// variants are the flags that change the files.
var variants = map[string][]string{
	"the same repository":            nil,
	"another commit of it":           {"--ref", "0123456789abcdef0123456789abcdef01234567"},
	"another repository":             {"--course", "acme/backend-labs"},
	"a branch of another one":        {"--course", "acme/backend-labs", "--ref", "release/v1.2"},
	"names that are numbers in YAML": {"--course", "1/2", "--ref", "1e3"},
}

// workflow is what these tests look at in a workflow of GitHub's.
type workflow struct {
	On          any               `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Env         map[string]string `yaml:"env"`
	Jobs        map[string]struct {
		Permissions any    `yaml:"permissions"`
		Services    any    `yaml:"services"`
		Container   any    `yaml:"container"`
		RunsOn      string `yaml:"runs-on"`
		Timeout     int    `yaml:"timeout-minutes"`
		Steps       []struct {
			Name string            `yaml:"name"`
			Uses string            `yaml:"uses"`
			Run  string            `yaml:"run"`
			With map[string]any    `yaml:"with"`
			Env  map[string]string `yaml:"env"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func TestCI_github(t *testing.T) {
	t.Parallel()
	for name, flags := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := ciFile(t, append([]string{"github"}, flags...)...)
			lint, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			complaints, err := lint.Lint("labs.yml", []byte(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range complaints {
				t.Errorf("actionlint: %v", c)
			}
			var w workflow
			if err := yaml.Unmarshal([]byte(text), &w); err != nil {
				t.Fatal(err)
			}
			if w.On != "pull_request" {
				t.Errorf("got on: %v, want pull_request alone", w.On)
			}
			if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
				t.Errorf("got the permissions %v, want contents: read alone", w.Permissions)
			}
			job := w.Jobs["grade"]
			if len(w.Jobs) != 1 || job.Permissions != nil || job.Services != nil || job.Container != nil || job.Timeout == 0 {
				t.Errorf("got the jobs %v, want one, with a timeout and no permissions, services or container of its own", w.Jobs)
			}
			checkouts := 0
			for _, s := range job.Steps {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s: an expression stands in a script:\n%s", s.Name, s.Run)
				}
				if s.Uses != "" && !slices.Contains([]string{
					"actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5",
				}, s.Uses) {
					t.Errorf("%s: got %s, which is none of the pinned actions", s.Name, s.Uses)
				}
				if strings.HasPrefix(s.Uses, "actions/checkout@") {
					checkouts++
					if s.With["persist-credentials"] != false {
						t.Errorf("%s: the token stays in the folder", s.Name)
					}
				}
				for key, value := range s.Env {
					if strings.Contains(value, "secrets.") || strings.Contains(value, "github.token") {
						t.Errorf("%s: %s: %s", s.Name, key, value)
					}
				}
			}
			if checkouts != 2 {
				t.Errorf("got %d checkouts, want the course and the submission", checkouts)
			}
			wantFlags(t, flags, w.Env)
			for _, no := range []string{"pull_request_target", "upload-artifact", "secrets."} {
				if strings.Contains(text, no) {
					t.Errorf("there is a %s in it", no)
				}
			}
		})
	}
}

// wantFlags holds the variables of a file against the flags by which it was made.
func wantFlags(t *testing.T, flags []string, vars map[string]string) {
	t.Helper()
	want := map[string]string{"--course": "", "--ref": ""}
	for i := 0; i < len(flags); i += 2 {
		want[flags[i]] = flags[i+1]
	}
	if course, ref := vars["LABS_COURSE_REPOSITORY"], vars["LABS_COURSE_REF"]; course != want["--course"] || ref != want["--ref"] {
		t.Errorf("got the course %q at %q, want %v", course, ref, want)
	}
}

// TestCI_pinned is that every action is pinned to a commit, and its version stands beside it for whoever updates it.
func TestCI_pinned(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^ +uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for line := range strings.Lines(ciFile(t, "github")) {
		if strings.Contains(line, "uses:") && !form.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("got %q", line)
		}
	}
}

// pipeline is what these tests look at in a pipeline of GitLab's.
type pipeline struct {
	Stages    []string          `yaml:"stages"`
	Variables map[string]string `yaml:"variables"`
	Labs      struct {
		Stage     string              `yaml:"stage"`
		Image     string              `yaml:"image"`
		Services  any                 `yaml:"services"`
		Rules     []map[string]string `yaml:"rules"`
		Variables map[string]string   `yaml:"variables"`
		Script    []string            `yaml:"script"`
		Artifacts struct {
			When    string            `yaml:"when"`
			Paths   any               `yaml:"paths"`
			Reports map[string]string `yaml:"reports"`
		} `yaml:"artifacts"`
	} `yaml:"labs"`
}

func TestCI_gitlab(t *testing.T) {
	t.Parallel()
	for name, flags := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p pipeline
			if err := yaml.Unmarshal([]byte(ciFile(t, append([]string{"gitlab"}, flags...)...)), &p); err != nil {
				t.Fatal(err)
			}
			j := p.Labs
			if !slices.Contains(p.Stages, j.Stage) {
				t.Errorf("got the stage %q, want one of %q", j.Stage, p.Stages)
			}
			if len(j.Script) != 1 || !strings.HasPrefix(j.Script[0], "set -eu\n") {
				t.Errorf("got %d scripts, want one that stops at a failure", len(j.Script))
			}
			if len(j.Rules) != 1 || j.Rules[0]["if"] != `$CI_PIPELINE_SOURCE == "merge_request_event"` {
				t.Errorf("got the rules %v, want merge requests alone", j.Rules)
			}
			if j.Artifacts.When != "always" || j.Artifacts.Paths != nil || j.Artifacts.Reports["junit"] != "report-*.xml" {
				t.Errorf("got the artifacts %+v, want the reports, also of what failed", j.Artifacts)
			}
			if j.Variables["GIT_DEPTH"] != "0" || j.Services != nil {
				t.Errorf("got the variables %v and the services %v, want the whole history and none", j.Variables, j.Services)
			}
			wantFlags(t, flags, p.Variables)
		})
	}
}

// TestCI_gitlabsGo is that the image has the Go that this module asks for.
func TestCI_gitlabsGo(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindSubmatch(mod)
	if image := "image: golang:" + string(version[1]) + "\n"; !strings.Contains(ciFile(t, "gitlab"), image) {
		t.Errorf("got another image than %s", image)
	}
}

func TestCI_usage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "labs: ci takes the name of a service: github or gitlab\nhint: see labs ci --help\n"},
		{[]string{"jenkins"}, "labs: ci takes the name of a service: github or gitlab\nhint: see labs ci --help\n"},
		{[]string{"github", "gitlab"}, "labs: ci takes the name of a service: github or gitlab\nhint: see labs ci --help\n"},
		{[]string{"github", "--course", "acme"}, "labs: --course \"acme\" is no repository\nhint: give it as owner/repo, for example --course acme/backend-labs\n"},
		{[]string{"github", "--course", "a/b/c"}, "labs: --course \"a/b/c\" is no repository\nhint: give it as owner/repo, for example --course acme/backend-labs\n"},
		{[]string{"github", "--course", "a/b' || '"}, "labs: --course \"a/b' || '\" is no repository\nhint: give it as owner/repo, for example --course acme/backend-labs\n"},
		{[]string{"gitlab", "--course", "a/-b"}, "labs: --course \"a/-b\" is no repository\nhint: give it as owner/repo, for example --course acme/backend-labs\n"},
		{[]string{"gitlab", "--ref", "--upload-pack=x"}, "labs: --ref \"--upload-pack=x\" is no branch, tag or commit\nhint: for example --ref main\n"},
		{[]string{"gitlab", "--ref", "a\nb"}, "labs: --ref \"a\\nb\" is no branch, tag or commit\nhint: for example --ref main\n"},
	} {
		t.Run(fmt.Sprint(tt.args), func(t *testing.T) {
			t.Parallel()
			if code, out, errs := labsCI(t, tt.args...); code != exitUsage || out != "" || errs != tt.want {
				t.Errorf("got exit code %d, %q and %q, want %d and %q", code, out, errs, exitUsage, tt.want)
			}
		})
	}
	if code, _, errs := labsCI(t, "gitlab", "--course", "group/sub/project", "--stdout"); code != exitPassed {
		t.Errorf("got exit code %d and %q of a project in a group in a group, want %d", code, errs, exitPassed)
	}
}

func TestCI_help(t *testing.T) {
	t.Parallel()
	code, out, _ := labsCI(t, "--help")
	for _, want := range []string{exitHelp, "Examples:\n  labs ci github", "--course owner/repo", "--ref ref", "--stdout", "--force"} {
		if code != exitPassed || !strings.Contains(out, want) {
			t.Errorf("got exit code %d and a help without %q:\n%s", code, want, out)
		}
	}
}

// TestCI_places writes the files below the top of a repository, from a folder inside it. It changes the working folder, so
// it is not parallel.
func TestCI_places(t *testing.T) {
	root := t.TempDir()
	inside := filepath.Join(root, "labs", "b01-adder")
	for _, dir := range []string{".git", filepath.Join("labs", "b01-adder")} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(inside)
	for service, path := range ciTargets {
		path := filepath.Join(root, filepath.FromSlash(path))
		code, out, errs := labsCI(t, service)
		if code != exitPassed || out != fmt.Sprintf("wrote %s; commit it\n", relative(path)) {
			t.Errorf("%s: got exit code %d, %q and %q", service, code, out, errs)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != ciFile(t, service) {
			t.Errorf("%s: got %.50q and %v, want what --stdout prints", service, got, err)
		}
		mine := []byte("mine\n")
		if err := os.WriteFile(path, mine, 0o644); err != nil {
			t.Fatal(err)
		}
		code, out, errs = labsCI(t, service)
		want := fmt.Sprintf("labs: %s is there already\nhint: --force overwrites it, --stdout only shows the new one\n", relative(path))
		if got, _ := os.ReadFile(path); code != exitUsage || out != "" || errs != want || string(got) != string(mine) {
			t.Errorf("%s: got exit code %d, %q, %q and the file %.50q, want %q and the file as it was", service, code, out, errs, got, want)
		}
		if code, _, errs = labsCI(t, service, "--force"); code != exitPassed {
			t.Errorf("%s --force: got exit code %d and %q", service, code, errs)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != ciFile(t, service) {
			t.Errorf("%s --force: got %.50q and %v, want what --stdout prints", service, got, err)
		}
	}
}

func TestCI_noRepository(t *testing.T) {
	dir := t.TempDir()
	if _, err := repository(dir); err == nil {
		t.Skip("the temporary folder lies in a repository")
	}
	t.Chdir(dir)
	code, _, errs := labsCI(t, "github")
	if want := " is in no repository\nhint: run git init first, or take --stdout\n"; code != exitUsage || !strings.HasSuffix(errs, want) {
		t.Errorf("got exit code %d and %q, want %d and …%q", code, errs, exitUsage, want)
	}
}

// TestCI_whatHasChanged runs the script that finds the labs of a pull request, as it stands in the workflow.
func TestCI_whatHasChanged(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	var w workflow
	if err := yaml.Unmarshal([]byte(ciFile(t, "github")), &w); err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, s := range w.Jobs["grade"].Steps {
		if s.Env["BASE"] != "" {
			script = s.Run
		}
	}
	top := t.TempDir()
	run := func(env []string, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = top
		cmd.Env = append(os.Environ(), append(env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git := func(args ...string) string {
		t.Helper()
		return run(nil, "git", append([]string{"-C", "submission"}, args...)...)
	}
	put := func(path string) {
		t.Helper()
		path = filepath.Join(top, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(t.Name()+path), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, lab := range []string{"b01-adder", "b02-other", "b03-docs", "b04-base"} {
		put("course/labs/" + lab + "/lab.yaml")
	}
	run(nil, "git", "init", "--quiet", "submission")
	git("commit", "--quiet", "--allow-empty", "-m", "start")
	start := git("rev-parse", "HEAD")
	put("submission/labs/b04-base/base.go") // on the base branch alone, after the learner began
	git("add", ".")
	git("commit", "--quiet", "-m", "base")
	base := git("rev-parse", "HEAD")
	git("checkout", "--quiet", "--detach", start)
	for _, path := range []string{"b01-adder/adder.go", "b02-other/x.go", "b03-docs/README.md", "b03-docs/x_test.go", "b03-docs/lab.yaml", "b99-$(touch pwned)/x.go"} {
		put("submission/labs/" + path)
	}
	put("submission/labs.go")
	git("add", ".")
	git("commit", "--quiet", "-m", "head")
	output := filepath.Join(top, "output")
	run([]string{"BASE=" + base, "HEAD=" + git("rev-parse", "HEAD"), "GITHUB_OUTPUT=" + output}, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	if got, err := os.ReadFile(output); err != nil || string(got) != "labs= b01-adder b02-other\n" {
		t.Errorf("got %q, %v, want the two labs that have changed", got, err)
	}
	if _, err := os.Stat(filepath.Join(top, "pwned")); err == nil {
		t.Error("a name of a folder was run")
	}
}
