package ci_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/ci"
)

// bench is a folder with a course and a submission's repository, in which the scripts of the files
// are run.
type bench struct {
	t   *testing.T
	top string
}

// newBench makes a course of three labs, and a repository that has their stubs as its first commit,
// on the branch main.
func newBench(t *testing.T) *bench {
	t.Helper()
	for _, tool := range []string{"bash", "git", "cmp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	b := &bench{t, t.TempDir()}
	for _, lab := range []string{"b01-adder", "b02-other", "i02-store"} {
		needs := "[]"
		if lab == "i02-store" {
			needs = "[redis, postgres]"
		}
		for _, root := range []string{"course", "submission"} {
			b.put(root+"/labs/"+lab+"/lab.yaml", "needs: "+needs+"\n")
			b.put(root+"/labs/"+lab+"/x.go", "package x // the stub\n")
			b.put(root+"/labs/"+lab+"/x_test.go", "package x_test\n")
			b.put(root+"/labs/"+lab+"/.stub/x.go", "package x // the stub\n")
		}
	}
	b.git("init", "--quiet", "--initial-branch=main")
	b.commit()
	return b
}

// put writes a file below the top.
func (b *bench) put(path, text string) {
	b.t.Helper()
	path = filepath.Join(b.top, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

// work changes files of the submission, and commits them.
func (b *bench) work(paths ...string) string {
	b.t.Helper()
	for _, path := range paths {
		b.put("submission/"+path, "package x // worked on\n")
	}
	return b.commit()
}

func (b *bench) commit() string {
	b.t.Helper()
	b.git("add", "--all")
	b.git("commit", "--quiet", "--allow-empty", "-m", "work")
	return b.git("rev-parse", "HEAD")
}

func (b *bench) git(args ...string) string {
	b.t.Helper()
	out, code := b.run("submission", nil, "git", args...)
	if code != 0 {
		b.t.Fatalf("git %q: %s", args, out)
	}
	return strings.TrimSpace(out)
}

// run runs a command in a folder below the top, away from the git and the runner that these tests
// themselves may be in, and returns what it printed and its exit code.
func (b *bench) run(dir string, env []string, name string, args ...string) (out string, code int) {
	b.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Join(b.top, dir)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") && !strings.HasPrefix(e, "GITHUB_") &&
			!strings.HasPrefix(e, "CI_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.com")
	cmd.Env = append(cmd.Env, env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%s %q: %v", name, args, err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// read is a file below the top, or "".
func (b *bench) read(path string) string {
	text, _ := os.ReadFile(filepath.Join(b.top, filepath.FromSlash(path)))
	return string(text)
}

// graded are the folders that are handed to the grader.
func (b *bench) graded(dir string) string {
	entries, _ := os.ReadDir(filepath.Join(b.top, dir, "graded", "labs"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// found is what was found: the labs, or how the script ended.
type found struct {
	labs string
	said string // a part of what it printed
	code int
}

const none = "no lab was changed: nothing was graded"

// cases are repositories as they come, and what is found in them. prepare returns the commit to
// compare with, or "".
var cases = map[string]struct {
	prepare func(*bench) (base string)
	asked   string
	want    found
}{
	"one lab": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.work("labs/b01-adder/x.go")
		return base
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"two labs, and what is no answer": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.work("labs/b01-adder/x.go", "labs/i02-store/x.go", "labs/b02-other/README.md",
			"labs/b02-other/x_test.go", "main.go")
		return base
	}, "", found{"b01-adder i02-store", "to grade: b01-adder i02-store", 0}},
	"the base branch has gone on": {func(b *bench) string {
		start := b.git("rev-parse", "HEAD")
		base := b.work("labs/b02-other/x.go")
		b.git("checkout", "--quiet", "--detach", start)
		b.work("labs/b01-adder/x.go")
		return base
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"none": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.work("README.md")
		return base
	}, "", found{"", none, 0}},
	"an earlier lab and none since": {func(b *bench) string {
		base := b.work("labs/b01-adder/x.go")
		b.work("README.md")
		return base
	}, "", found{"", none, 0}},
	"a stub that the course has changed": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.work("labs/b01-adder/x.go")
		b.put("course/labs/b01-adder/.stub/x.go", "package x // worked on\n")
		return base
	}, "", found{"", none, 0}},
	"the whole repository, for the first time": {func(b *bench) string {
		b.work("labs/b01-adder/x.go")
		b.work("labs/b02-other/x.go")
		return strings.Repeat("0", 40)
	}, "", found{"b01-adder b02-other", "to grade: b01-adder b02-other", 0}},
	"a base that is gone": {func(b *bench) string {
		b.work("labs/b01-adder/x.go")
		return strings.Repeat("ab", 20)
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"by hand": {func(b *bench) string {
		b.work("labs/b01-adder/x.go")
		return ""
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"by hand, with names": {func(b *bench) string {
		b.work("labs/b01-adder/x.go")
		return ""
	}, "B02, store", found{"b02-other i02-store", "to grade: b02-other i02-store", 0}},
	"by hand, with a name that is none": {func(b *bench) string {
		return ""
	}, "b7, $(touch pwned) ::error::x", found{"",
		"a name that was asked for is that of no lab of the course", 1}},
	"a lab that was deleted": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.git("rm", "--quiet", "-r", "labs/b01-adder")
		b.commit()
		return base
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"by hand, with one name of two that is none": {func(b *bench) string {
		b.work("labs/b01-adder/x.go")
		return ""
	}, "b01, b99", found{"b01-adder", "a name that was asked for is that of no lab of the course", 1}},
	"a repository of one's own with one lab": {func(b *bench) string {
		b.git("rm", "--quiet", "-r", "labs/b02-other", "labs/i02-store")
		b.work("labs/b01-adder/x.go")
		return strings.Repeat("0", 40)
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"names that mean something to a shell": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.work("labs/b99-$(touch pwned)/x.go", "labs/b01-adder/`touch pwned`.go",
			"labs/b02-other/::error::x.go", "labs/-rf/x.go")
		b.work("labs/b01-adder/x.go")
		return base
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
	"links that lead away": {func(b *bench) string {
		base := b.git("rev-parse", "HEAD")
		b.git("rm", "--quiet", "-r", "labs/b01-adder", "labs/b02-other")
		for link, to := range map[string]string{"b01-adder": "/etc",
			"b02-other": "../../course/labs/b02-other"} {
			if err := os.Symlink(to, filepath.Join(b.top, "submission", "labs", link)); err != nil {
				b.t.Fatal(err)
			}
		}
		b.commit()
		return base
	}, "", found{"b01-adder", "to grade: b01-adder", 0}},
}

func TestGitHub_find(t *testing.T) {
	t.Parallel()
	var w workflow
	decode(t, text(t, "github", ci.Options{}), &w)
	script := w.step(t, "Find the labs to grade").Run
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			base := tt.prepare(b)
			env := []string{"COURSE=course", "SUBMISSION=submission", "BASE=" + base,
				"ASKED=" + tt.asked,
				"GITHUB_OUTPUT=" + filepath.Join(b.top, "output"),
				"GITHUB_STEP_SUMMARY=" + filepath.Join(b.top, "summary")}
			out, code := b.run(".", env, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c",
				script)
			if code != tt.want.code || !strings.Contains(out, tt.want.said) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, out, tt.want.code,
					tt.want.said)
			}
			if got := b.read("output"); got != "labs="+tt.want.labs+"\n" {
				t.Errorf("got the output %q, want the labs %q", got, tt.want.labs)
			}
			if said := strings.Contains(b.read("summary"),
				"No lab was changed: nothing was graded."); said != (tt.want.said == none) {
				t.Errorf("got the summary %q", b.read("summary"))
			}
			wantHarmless(t, b, out, ".", tt.want)
		})
	}
}

// wantHarmless is that no name was run or printed, and that nothing but folders of the labs that
// were found is graded.
func wantHarmless(t *testing.T, b *bench, out, dir string, want found) {
	t.Helper()
	for _, where := range []string{"pwned", "submission/pwned"} {
		if _, err := os.Lstat(filepath.Join(b.top, where)); err == nil {
			t.Error("a name was run")
		}
	}
	if strings.Contains(out, "::error::x") || strings.Contains(out, "touch") {
		t.Errorf("a name of the submission was printed: %q", out)
	}
	for _, lab := range strings.Fields(b.graded(dir)) {
		if !strings.Contains(want.labs, lab) {
			t.Errorf("got %s graded, want %q alone", lab, want.labs)
		}
		if st, err := os.Lstat(filepath.Join(b.top, dir, "graded", "labs", lab)); err != nil ||
			!st.IsDir() {
			t.Errorf("%s is no folder: %v", lab, err)
		}
	}
}

// fakes are commands that GitLab's script calls. They write down that they were; go makes a labs
// that ends as is said.
func (b *bench) fakes() {
	b.put("bin/apt-get", "#!/bin/sh\necho \"apt-get $*\" >>\"$CALLS\"\n")
	b.put("bin/go", `#!/bin/sh
echo "go $1" >>"$CALLS"
printf '#!/bin/sh\necho "labs $*" >>"$CALLS"\necho graded by labs\nexit $LABS_EXIT\n' >"$3"
chmod +x "$3"
`)
}

// gitlab runs the pipeline's script as GitLab would for a merge request with this base, or a push.
func (b *bench) gitlab(base, asked, exit string) (out string, code int) {
	b.t.Helper()
	var p pipeline
	decode(b.t, text(b.t, "gitlab", ci.Options{}), &p)
	b.fakes()
	head := b.git("rev-parse", "HEAD")
	// The course is the default branch of the same project.
	b.put("submission/.git/info/exclude", "graded/\nreports/\n")
	b.git("checkout", "--quiet", "--orphan", "course")
	b.git("rm", "--quiet", "-r", "-f", "--cached", ".")
	b.git("--work-tree=../course", "add", "--all")
	b.git("--work-tree=../course", "commit", "--quiet", "-m", "course")
	b.git("update-ref", "refs/remotes/origin/trunk", "HEAD")
	b.git("checkout", "--quiet", "--force", "--detach", head)
	return b.run("submission", []string{
		"PATH=" + filepath.Join(b.top, "bin") + ":" + os.Getenv("PATH"),
		"CALLS=" + filepath.Join(b.top, "calls"),
		"LABS_EXIT=" + exit, "LABS=" + asked, "LABS_COURSE_REPOSITORY=", "LABS_COURSE_REF=",
		"CI_PROJECT_DIR=" + filepath.Join(b.top, "submission"), "CI_DEFAULT_BRANCH=trunk",
		"CI_COMMIT_BRANCH=main", "CI_COMMIT_BEFORE_SHA=" + base, "CI_JOB_TOKEN=secret",
	}, "bash", "--noprofile", "--norc", "-c", p.Labs.Script[0])
}

func TestGitLab_script(t *testing.T) {
	t.Parallel()
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			out, code := b.gitlab(tt.prepare(b), tt.asked, "0")
			if code != tt.want.code || !strings.Contains(out, tt.want.said) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, out, tt.want.code,
					tt.want.said)
			}
			calls := b.read("calls")
			if graded := strings.Contains(calls, "labs --course"); graded != (tt.want.labs != "" && tt.want.code == 0) {
				t.Errorf("got the calls %q, want the labs %q graded", calls, tt.want.labs)
			}
			if want := "--labs " + strings.ReplaceAll(tt.want.labs, " ", ",") +
				" "; tt.want.labs != "" && tt.want.code == 0 && !strings.Contains(calls, want) {
				t.Errorf("got the calls %q, want %s", calls, want)
			}
			if built := strings.Contains(calls, "go build"); built != (tt.want.labs != "" && tt.want.code == 0) {
				t.Errorf("got the calls %q: what is not graded is not built", calls)
			}
			stores := strings.Contains(calls,
				"apt-get install -qq --no-install-recommends postgresql redis-server\n")
			if stores != strings.Contains(tt.want.labs, "i02-store") ||
				stores != strings.Contains(calls, "apt-get") {
				t.Errorf("got the calls %q, want stores for a lab that needs them alone", calls)
			}
			wantHarmless(t, b, out, "submission", tt.want)
		})
	}
}

// TestGitLab_exit is that the verdict is the job's, and that the log's sections are closed also
// then.
func TestGitLab_exit(t *testing.T) {
	t.Parallel()
	for _, exit := range []string{"0", "1", "3", "4"} {
		b := newBench(t)
		base := b.git("rev-parse", "HEAD")
		b.work("labs/b01-adder/x.go")
		out, code := b.gitlab(base, "", exit)
		if got := string(rune('0' + code)); got != exit ||
			!strings.Contains(out, "graded by labs") {
			t.Errorf("got exit code %s and %q, want %s", got, out, exit)
		}
		for _, section := range []string{"find", "build", "grade"} {
			if !strings.Contains(out, ":labs_"+section+"\r\x1b[0K") ||
				strings.Count(out, ":labs_"+section) != 2 {
				t.Errorf("the section %s is not opened and closed: %q", section, out)
			}
		}
	}
}

// TestGitLab_ownFilesOfTheGrading hands in what the grading would otherwise run or publish as its own.
func TestGitLab_ownFilesOfTheGrading(t *testing.T) {
	t.Parallel()
	for _, file := range []string{".cache/mod/example.com/m@v1.0.0/zz.go", "reports/junit.xml", "graded/labs/x.go"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.work("labs/b01-adder/x.go", file)
			out, code := b.gitlab(strings.Repeat("0", 40), "", "0")
			if code != 1 || !strings.Contains(out, "where the grading keeps what it needs: remove it") {
				t.Errorf("got exit code %d and %q", code, out)
			}
			if calls := b.read("calls"); strings.Contains(calls, "go build") {
				t.Errorf("got the calls %q, want nothing built", calls)
			}
			if _, err := os.Stat(filepath.Join(b.top, "submission", filepath.FromSlash(file))); err == nil {
				t.Error("it is still there, and would be kept")
			}
		})
	}
}
