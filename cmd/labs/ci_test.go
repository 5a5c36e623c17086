package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/ci"
	"github.com/backend-labs/backend-labs/harness/term"
)

// labsCI runs "labs ci" in this process and returns the exit code and what it said.
func labsCI(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	s, o, e := term.Buffers()
	code = execute(t.Context(), newApp(s), append([]string{"ci"}, args...))
	return code, o.String(), e.String()
}

// TestCI_options is which options of the file the flags are.
func TestCI_options(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want ci.Options
	}{
		{[]string{"github"}, ci.Options{}},
		{[]string{"gitlab", "--course", "a/b/c", "--ref", "v1"}, ci.Options{Course: "a/b/c", Ref: "v1"}},
		{[]string{"github", "--on", "tag,label", "--on", "dispatch"}, ci.Options{On: []string{"tag", "label", "dispatch"}}},
		{[]string{"github", "--course", "a/b", "--token", "COURSE_READ"}, ci.Options{Course: "a/b", Token: "COURSE_READ"}},
		{[]string{"classroom50", "--course", "a/b"}, ci.Options{Course: "a/b"}},
	} {
		want, err := ci.Text(tt.args[0], tt.want)
		if err != nil {
			t.Fatal(err)
		}
		if code, out, errs := labsCI(t, append(tt.args, "--stdout")...); code != exitPassed ||
			out != want || errs != "" {
			t.Errorf("%v: got exit code %d, %q and %q, want the file of %+v", tt.args, code, out,
				errs, tt.want)
		}
	}
}

func TestCI_usage(t *testing.T) {
	t.Parallel()
	const services = "github, gitlab, classroom50, gradescope"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "labs: ci takes the name of a service\nhint: one of " + services + "\n"},
		{[]string{"github", "gitlab"}, "labs: ci takes the name of a service\nhint: one of " + services + "\n"},
		{[]string{"jenkins"}, "labs: there is no service \"jenkins\"\nhint: there are " + services + "\n"},
		{[]string{"github", "--course", "acme"},
			"labs: --course \"acme\" is no repository\nhint: give it as owner/repo, for example " +
				"--course acme/backend-labs\n"},
		{[]string{"gitlab", "--ref", "my branch"},
			"labs: --ref \"my branch\" is no branch, tag or commit\nhint: for example --ref main\n"},
		{[]string{"github", "--on", "push,weekly"},
			"labs: --on \"weekly\" begins no run\nhint: some of " +
				"push,pull_request,tag,label,dispatch\n"},
		{[]string{"github", "--on="}, "labs: --on names nothing that begins a run\nhint: some of push,pull_request,tag,label,dispatch\n"},
		{[]string{"github", "--token", "ghp_secret"}, "labs: --token \"ghp_secret\" is no name of a secret\nhint: give the name, " +
			"not the token: upper case, digits and _, not GITHUB_…, for example --token " +
			"LABS_COURSE_TOKEN\n"},
		{[]string{"classroom50"}, "labs: Classroom 50 takes the course from a repository of its own, and none is named\n" +
			"hint: for example --course acme/backend-labs\n"},
		{[]string{"gradescope", "--stdout"}, "labs: --stdout is not for gradescope, which takes several files\n" +
			"hint: write them to a folder or a .zip with --output\n"},
		{[]string{"github", "--output", "x"}, "labs: --output is not for github, whose file has its place\n" +
			"hint: leave it out, or take --stdout\n"},
		{[]string{"github", "--labs", "b10"}, "labs: --labs is for gradescope\nhint: the others grade the labs that have changed\n"},
	} {
		t.Run(fmt.Sprint(tt.args), func(t *testing.T) {
			t.Parallel()
			if code, out, errs := labsCI(t, tt.args...); code != exitUsage || out != "" ||
				errs != tt.want {
				t.Errorf("got exit code %d, %q and %q, want %d and %q", code, out, errs, exitUsage,
					tt.want)
			}
		})
	}
}

func TestCI_help(t *testing.T) {
	t.Parallel()
	code, out, _ := labsCI(t, "--help")
	out = strings.Join(strings.Fields(out), " ") // however it is broken into lines
	for _, want := range []string{exitHelp, "Examples: labs ci github", "--course owner/repo",
		"--ref ref", "--on", "--token name",
		"--stdout", "--force", "classroom50", "gradescope", "--labs labs", "--output path"} {
		if code != exitPassed || !strings.Contains(out, want) {
			t.Errorf("got exit code %d and a help without %q:\n%s", code, want, out)
		}
	}
}

// TestCI_places writes the files below the top of a repository, from a folder inside it. It changes
// the working folder, so it is not parallel.
func TestCI_places(t *testing.T) {
	root := t.TempDir()
	inside := filepath.Join(root, "labs", "b01-adder")
	for _, dir := range []string{".git", filepath.Join("labs", "b01-adder")} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(inside)
	for _, service := range ci.Services {
		if ci.IsBundle(service) {
			continue
		}
		args := []string{service, "--course", "a/b"}
		path := filepath.Join(root, filepath.FromSlash(ci.Target(service)))
		code, out, errs := labsCI(t, args...)
		if code != exitPassed || out != fmt.Sprintf("wrote %s; %s\n", relative(path),
			next(service)) {
			t.Errorf("%s: got exit code %d, %q and %q", service, code, out, errs)
		}
		code, out, errs = labsCI(t, args...)
		want := fmt.Sprintf("labs: %s is there already\nhint: --force overwrites it, --stdout "+
			"only shows the new one\n", relative(path))
		if code != exitUsage || out != "" || errs != want {
			t.Errorf("%s: got exit code %d, %q and %q, want %q", service, code, out, errs, want)
		}
		if code, _, errs = labsCI(t, append(args, "--force")...); code != exitPassed {
			t.Errorf("%s --force: got exit code %d and %q", service, code, errs)
		}
	}
}

func TestCI_noRepository(t *testing.T) {
	dir := t.TempDir()
	if _, err := ci.Place(dir, "github", "", false); err == nil {
		t.Skip("the temporary folder lies in a repository")
	}
	t.Chdir(dir)
	code, _, errs := labsCI(t, "github")
	if want := " is in no repository\nhint: run git init first, or take --stdout\n"; code != exitUsage || !strings.HasSuffix(errs, want) {
		t.Errorf("got exit code %d and %q, want %d and …%q", code, errs, exitUsage, want)
	}
}

// TestCI_bundle writes Gradescope's bundle to where it is asked for, or to the working folder, so it
// is not parallel.
func TestCI_bundle(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for path, args := range map[string][]string{
		ci.DefaultBundle: nil, "a.zip": {"--output", "a.zip"}, "folder": {"--output", "folder"},
	} {
		args = append([]string{"gradescope", "--course", "a/b", "--labs", "b01,b10"}, args...)
		code, out, errs := labsCI(t, args...)
		if want := "wrote " + path + "; " + next("gradescope") + "\n"; code != exitPassed || out != want {
			t.Errorf("%v: got exit code %d, %q and %q, want %q", args, code, out, errs, want)
		}
		code, _, errs = labsCI(t, args...)
		if code != exitUsage || !strings.HasSuffix(errs, " is there already\nhint: --force overwrites "+
			"it, --output takes another path\n") {
			t.Errorf("%v: got exit code %d and %q, want what is there kept", args, code, errs)
		}
		if code, _, errs = labsCI(t, append(args, "--force")...); code != exitPassed {
			t.Errorf("%v --force: got exit code %d and %q", args, code, errs)
		}
	}
	script, err := os.ReadFile(filepath.Join(dir, "folder", "run_autograder"))
	if err != nil || !strings.Contains(string(script), "--labs b01,b10 --sandbox landlock ") {
		t.Errorf("got %q and %v", script, err)
	}
	if code, _, errs := labsCI(t, "gradescope"); code != exitUsage || !strings.Contains(errs, "--course names another course") {
		t.Errorf("outside a course: got exit code %d and %q", code, errs)
	}
}
