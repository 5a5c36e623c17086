package ci_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/backend-labs/backend-labs/harness/ci"
)

// text is the file for a service.
func text(t *testing.T, service string, o ci.Options) string {
	t.Helper()
	s, err := ci.Text(service, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads a file as YAML, strictly enough that a key that comes twice is an error.
func decode(t *testing.T, s string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(s), into); err != nil {
		t.Fatalf("%v\n%s", err, s)
	}
}

// variants are the options that change the files.
func variants() map[string]ci.Options {
	m := map[string]ci.Options{
		"the same repository":            {},
		"another commit of it":           {Ref: "0123456789abcdef0123456789abcdef01234567"},
		"another repository":             {Course: "acme/backend-labs"},
		"a branch of another one":        {Course: "acme/backend-labs", Ref: "release/v1.2"},
		"names that are numbers in YAML": {Course: "1/2", Ref: "1e3"},
		"a secret of another name":       {Course: "acme/backend-labs", Token: "COURSE_READ"},
		"everything":                     {On: ci.Events},
		"what is handed in alone": {Course: "acme/backend-labs",
			On: []string{"tag", "label"}},
	}
	for _, event := range ci.Events {
		m["on "+event] = ci.Options{On: []string{event}}
	}
	return m
}

// TestText_noHoles is that no template is left with a hole, and no line is so long that nobody
// reads it.
func TestText_noHoles(t *testing.T) {
	t.Parallel()
	for _, service := range ci.Services {
		for name, o := range variants() {
			if service == "classroom50" && o.Course == "" {
				o.Course = "acme/backend-labs"
			}
			if ci.IsBundle(service) { // for which no event and no secret can be chosen
				o.On, o.Token = nil, ""
			}
			all, err := ci.Files(service, o)
			if err != nil {
				t.Fatal(err)
			}
			var s string
			for _, f := range all {
				s += string(f.Data)
			}
			if strings.Contains(s, "[["+".") || strings.Contains(s, "<no value>") {
				t.Errorf("%s, %s: a hole is left", service, name)
			}
			for line := range strings.Lines(s) {
				if len(line) > 135 || strings.HasSuffix(strings.TrimSuffix(line, "\n"), " ") {
					t.Errorf("%s, %s: the line %q is too long, or ends with a space", service, name,
						line)
				}
			}
		}
	}
}

func TestText_options(t *testing.T) {
	t.Parallel()
	const repository = "give it as owner/repo, for example --course acme/backend-labs"
	for _, tt := range []struct {
		service       string
		o             ci.Options
		problem, hint string
	}{
		{"jenkins", ci.Options{}, `there is no service "jenkins"`, "there are github, gitlab, classroom50, gradescope"},
		{"", ci.Options{}, `there is no service ""`, "there are github, gitlab, classroom50, gradescope"},
		{"github", ci.Options{Course: "acme"}, `--course "acme" is no repository`, repository},
		{"github", ci.Options{Course: "a/b/c"}, `--course "a/b/c" is no repository`, repository},
		{"github", ci.Options{Course: "https://github.com/a/b"}, `--course "https://github.com/a/b" is no repository`, repository},
		{"github", ci.Options{Course: "a/b' || '"}, `--course "a/b' || '" is no repository`, repository},
		{"gitlab", ci.Options{Course: "a/-b"}, `--course "a/-b" is no repository`, repository},
		{"gitlab", ci.Options{Ref: "--upload-pack=x"}, `--ref "--upload-pack=x" is no branch, tag or commit`, "for example --ref main"},
		{"gitlab", ci.Options{Ref: "a\nb"}, `--ref "a\nb" is no branch, tag or commit`, "for example --ref main"},
		{"github", ci.Options{Ref: "my branch"}, `--ref "my branch" is no branch, tag or commit`, "for example --ref main"},
		{"github", ci.Options{On: []string{"push", "weekly"}}, `--on "weekly" begins no run`, "some of push,pull_request,tag,label,dispatch"},
		{"github", ci.Options{On: []string{""}}, `--on "" begins no run`, "some of push,pull_request,tag,label,dispatch"},
		{"github", ci.Options{Token: "ghp_0123"}, `--token "ghp_0123" is no name of a secret`,
			"give the name, not the token: upper case, digits and _, not GITHUB_…, for example " +
				"--token LABS_COURSE_TOKEN"},
		{"gitlab", ci.Options{Token: "A}}"}, `--token "A}}" is no name of a secret`,
			"give the name, not the token: upper case, digits and _, not GITHUB_…, for example " +
				"--token LABS_COURSE_TOKEN"},
		{"classroom50", ci.Options{}, "Classroom 50 takes the course from a repository of its own, and none is named",
			"for example --course acme/backend-labs"},
		{"gradescope", ci.Options{Labs: []string{"b01 $(id)"}}, `--labs "b01 $(id)" is no name of a lab`, "for example --labs b04,b10"},
		{"gradescope", ci.Options{On: []string{"tag"}}, "--on is not for gradescope, which begins each run itself", "leave it out"},
		{"gradescope", ci.Options{Token: "MINE"}, "--token is not for gradescope, which has no secrets",
			"without --course the bundle takes the course along"},
		{"gradescope", ci.Options{}, "what gradescope takes are several files",
			"write them to a folder or a .zip: labs ci gradescope --output PATH"},
		{"github", ci.Options{Labs: []string{"b01"}}, "--labs is for gradescope", "the others grade the labs that have changed"},
	} {
		_, err := ci.Text(tt.service, tt.o)
		var option *ci.OptionError
		if !errors.As(err, &option) || option.Error() != tt.problem || option.Hint() != tt.hint {
			t.Errorf("%s %+v: got %v, want %q and the hint %q", tt.service, tt.o, err, tt.problem,
				tt.hint)
		}
	}
	if _, err := ci.Text("gitlab", ci.Options{Course: "group/sub/project"}); err != nil {
		t.Errorf("got %v of a project in a group in a group", err)
	}
}

// TestText_go is that GitLab's image and Classroom 50's runtime have a Go that this module can be
// built with.
func TestText_go(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	minor := string(regexp.MustCompile(`(?m)^go (1\.\d+)`).FindSubmatch(mod)[1])
	image := regexp.MustCompile(`(?m)^  image: golang:` + regexp.QuoteMeta(minor) +
		`\.\d+-bookworm$`)
	if !image.MatchString(text(t, "gitlab", ci.Options{})) {
		t.Errorf("got another image than golang:%s.x-bookworm", minor)
	}
	if !strings.Contains(text(t, "classroom50", ci.Options{Course: "a/b"}), `{"go": "`+minor+`"}`) {
		t.Errorf("got another runtime than Go %s", minor)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for _, service := range ci.Services {
		if ci.IsBundle(service) {
			continue
		}
		root := t.TempDir()
		inside := filepath.Join(root, "labs", "b01-adder")
		for _, dir := range []string{filepath.Join(root, ".git"), inside} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		want := filepath.Join(root, filepath.FromSlash(ci.Target(service)))
		place := func(text string, force bool) error {
			path, err := ci.Place(inside, service, text, force)
			if err == nil && path != want {
				t.Errorf("%s: got %s, want %s", service, path, want)
			}
			return err
		}
		holds := func(text string) {
			t.Helper()
			if got, err := os.ReadFile(want); err != nil || string(got) != text {
				t.Errorf("%s: got %q and %v, want %q", service, got, err, text)
			}
		}
		if err := place("first", false); err != nil {
			t.Error(err)
		}
		holds("first")
		var there *ci.ThereAlready
		if err := place("second", false); !errors.As(err, &there) || there.Path != want {
			t.Errorf("%s: got %v, want what is there kept", service, err)
		}
		holds("first")
		if err := place("3", true); err != nil {
			t.Error(err)
		}
		holds("3")
	}
}

func TestPlace_noRepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			t.Skip("the temporary folder lies in a repository")
		}
	}
	if _, err := ci.Place(dir, "github", "", false); !errors.Is(err, ci.ErrNoRepository) ||
		err.Error() != dir+" is in no repository" {
		t.Errorf("got %v", err)
	}
}

// events are what begins a run of a workflow.
func events(on any) []string {
	m, _ := on.(map[string]any)
	return slices.Sorted(maps.Keys(m))
}
