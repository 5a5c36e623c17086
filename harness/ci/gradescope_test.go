package ci_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/ci"
)

// unpack writes Gradescope's bundle to where Gradescope unpacks it, and the course beside it.
func (b *bench) unpack(o ci.Options) {
	b.t.Helper()
	all, err := ci.Files("gradescope", o)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := ci.PlaceBundle(filepath.Join(b.top, "autograder", "source"), all, false); err != nil {
		b.t.Fatal(err)
	}
}

// autograder runs one of the bundle's scripts, with programs of the bench before the machine's.
func (b *bench) autograder(script string, env ...string) (out string, code int) {
	b.t.Helper()
	top := filepath.Join(b.top, "autograder")
	return b.run("autograder", append(env, "AUTOGRADER="+top, "CALLS="+filepath.Join(b.top, "calls"),
		"PATH="+filepath.Join(b.top, "bin")+":"+os.Getenv("PATH"),
		"TREE="+filepath.Join(b.top, "course")), filepath.Join(top, "source", script))
}

// gradescope is what of results.json says whether there is a grade.
type gradescope struct {
	Score  *float64 `json:"score"`
	Output string   `json:"output"`
	Stdout string   `json:"stdout_visibility"`
	Tests  *[]struct {
		Score *float64 `json:"score"`
	} `json:"tests"`
}

// TestGradescope_run is a submission that labs judges, or does not, as labs' results and exit code.
func TestGradescope_run(t *testing.T) {
	t.Parallel()
	const (
		write  = `cp "$RESULTS" "${out#gradescope=}"; `
		right  = `{"score": 3, "tests": [{"score": 3}], "output": "passed", "stdout_visibility": "hidden"}`
		wrong  = `{"score": 1, "tests": [{"score": 1}], "output": "failed", "stdout_visibility": "hidden"}`
		broken = `{"tests": [{}], "output": "no score: a backend was missing", "stdout_visibility": "hidden"}`
		nobody = "no score: nothing could be judged, which is no fault of the submission\n"
	)
	score := func(f float64) *float64 { return &f }
	for name, tt := range map[string]struct {
		labs, results string
		score         *float64
		output, said  string
	}{
		"right":                {write + "exit 0", right, score(3), "passed", ""},
		"wrong":                {write + "exit 1", wrong, score(1), "failed", ""},
		"refused":              {write + "exit 4", wrong, score(1), "failed", ""},
		"a backend is missing": {write + "exit 3", broken, nil, "no score: a backend was missing", ""},
		"no sandbox holds":     {"exit 3", "", nil, nobody, ""},
		"another command line": {"exit 2", "", nil, nobody, "labs ended with the exit code 2"},
		"labs breaks":          {"kill -SEGV $$", "", nil, nobody, "labs ended with the exit code 139"},
		"it takes too long":    {"exec sleep 600", "", nil, nobody, "took longer than 1 seconds"},
		"it is killed":         {"kill -KILL $$", "", nil, nobody, "killed, or took longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.unpack(ci.Options{Labs: []string{"b01"}})
			b.put("results.json", tt.results)
			b.put("autograder/submission/x.go", "package x\n")
			b.put("autograder/results/results.json", `{"score": 100}`) // of whoever was before
			b.put("autograder/grading/bin/labs", "#!/bin/bash\necho \"labs $*\" >>\"$CALLS\"\n"+
				"out=${*: -1}\n"+tt.labs+"\n")
			limit := "60"
			if strings.Contains(tt.said, "1 seconds") {
				limit = "1"
			}
			out, code := b.autograder("run_autograder", "LABS_LIMIT="+limit,
				"RESULTS="+filepath.Join(b.top, "results.json"))
			var got gradescope
			if err := json.Unmarshal([]byte(b.read("autograder/results/results.json")), &got); err != nil {
				t.Fatal(err)
			}
			if code != 0 || !strings.Contains(out, tt.said) {
				t.Errorf("got exit code %d and %q, want %q", code, out, tt.said)
			}
			if got.Output != tt.output || got.Tests == nil || got.Stdout != "hidden" ||
				(got.Score == nil) != (tt.score == nil) ||
				tt.score != nil && *got.Score != *tt.score {
				t.Errorf("got %+v, want the score %v and %q", got, tt.score, tt.output)
			}
			top := filepath.Join(b.top, "autograder")
			if want := "labs --course " + top + "/grading/course grade " + top + "/submission --lab b01 " +
				"--sandbox landlock --format terminal --output gradescope=" + top +
				"/results/results.json\n"; b.read("calls") != want {
				t.Errorf("got the calls %q, want %q", b.read("calls"), want)
			}
		})
	}
}

// outfit are programs that setup.sh calls. They write down that they were, and make what it needs.
func (b *bench) outfit() {
	note := "#!/bin/bash\necho \"$(basename \"$0\") $*\" >>\"$CALLS\"\n"
	b.put("course/go.mod", "module m\n\ngo 1.26.0\n")
	b.put("bin/apt-get", note)
	b.put("bin/dpkg", "#!/bin/sh\necho arm64\n")
	b.put("bin/git", note+`if [ "$1" = init ]; then cp -R "$TREE/." "$3"; fi`+"\n")
	b.put("go.tree/go/bin/go", note+`if [ "$2" = -o ]; then
	mkdir -p "$(dirname "$3")"
	printf '#!/bin/sh\necho "labs $*" >>"$CALLS"\n' >"$3"
	chmod +x "$3"
fi
`)
	tree := filepath.Join(b.top, "go.tree")
	b.put("bin/curl", note+`while [ "$1" != --output ]; do shift; done
tar -czf "$2" -C '`+tree+`' go
`)
}

func TestGradescope_setup(t *testing.T) {
	t.Parallel()
	const check = "labs --course TOP/grading/course check "
	for name, tt := range map[string]struct {
		o         ci.Options
		gomod     string
		solutions bool
		calls     []string
		without   string
	}{
		"the course from its repository": {ci.Options{Course: "acme/backend-labs", Ref: "v1", Labs: []string{"B01"}},
			"", true, []string{"--depth 1 https://github.com/acme/backend-labs.git v1\n",
				"https://go.dev/dl/go1.26.8.linux-arm64.tar.gz\n", check + "B01 --of reference\n"},
			"redis"},
		"the course that comes along": {ci.Options{Labs: []string{"b01-adder", "other"}},
			"", true, []string{check + "b01-adder other --of reference\n"}, "git fetch"},
		"a lab with stores": {ci.Options{Labs: []string{"store"}}, "", true,
			[]string{"--no-install-recommends redis-server postgresql\n"}, "git fetch"},
		"all labs": {ci.Options{}, "", true, []string{check + "--all --of reference\n",
			"--no-install-recommends redis-server postgresql\n"}, "git fetch"},
		"a course without solutions": {ci.Options{Labs: []string{"b01"}}, "", false,
			[]string{"go test -race -run ^$ ./labs/...\n"}, "check"},
		"a newer Go": {ci.Options{Labs: []string{"b01"}}, "module m\n\ngo 1.27\n", true,
			[]string{"/go1.27.0.linux-arm64.tar.gz\n"}, "go1.26"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.outfit()
			if tt.gomod != "" {
				b.put("course/go.mod", tt.gomod)
			}
			if tt.solutions {
				b.put("course/solutions/b01-adder/x.go", "package x\n")
			}
			b.unpack(tt.o)
			if out, code := b.run(".", nil, "tar", "-czf", "autograder/source/course.tar.gz", "-C",
				"course", "."); code != 0 {
				t.Fatal(out)
			}
			out, code := b.autograder("setup.sh")
			if code != 0 {
				t.Fatalf("got exit code %d and %q", code, out)
			}
			calls := strings.ReplaceAll(b.read("calls"), filepath.Join(b.top, "autograder"), "TOP")
			for _, want := range append(tt.calls, "ca-certificates curl git gcc libc6-dev\n",
				"go build -o TOP/grading/bin/labs ./cmd/labs\n") {
				if !strings.Contains(calls, want) {
					t.Errorf("got the calls %q, want %q", calls, want)
				}
			}
			if strings.Contains(calls, tt.without) {
				t.Errorf("got the calls %q, want none with %q", calls, tt.without)
			}
		})
	}
}

// TestGradescope_setupFails is that an image is not made which could not judge.
func TestGradescope_setupFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ lab, program, said string }{
		"no such lab":      {"b99", "", "b99 is no lab of the course"},
		"no Go to be had":  {"b01", "curl", ""},
		"no packages":      {"b01", "apt-get", ""},
		"no course there":  {"b01", "git", ""},
		"part of one name": {"b0", "", "b0 is no lab of the course"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.outfit()
			if tt.program != "" {
				b.put("bin/"+tt.program, "#!/bin/sh\nexit 7\n")
			}
			b.unpack(ci.Options{Course: "acme/backend-labs", Labs: []string{tt.lab}})
			if out, code := b.autograder("setup.sh"); code == 0 || !strings.Contains(out, tt.said) {
				t.Errorf("got exit code %d and %q, want %q", code, out, tt.said)
			}
		})
	}
}

// TestGradescope_syntax is that bash can read the scripts of all variants.
func TestGradescope_syntax(t *testing.T) {
	t.Parallel()
	for _, o := range []ci.Options{{}, {Course: "a/b"}, {Course: "a/b", Ref: "v1"}, {Labs: []string{"b01"}},
		{Course: "a/b", Labs: []string{"b01", "i02"}}} {
		b := newBench(t)
		b.unpack(o)
		for _, script := range []string{"setup.sh", "run_autograder"} {
			if out, code := b.run("autograder/source", nil, "bash", "-n", script); code != 0 {
				t.Errorf("%+v: %s: %s", o, script, out)
			}
		}
	}
}

func TestPlaceBundle(t *testing.T) {
	t.Parallel()
	all := []ci.File{{Name: "setup.sh", Data: []byte("a"), Mode: 0o755},
		{Name: "course.tar.gz", Data: []byte("b"), Mode: 0o644}}
	dir := t.TempDir()
	packed, folder := filepath.Join(dir, "a.ZIP"), filepath.Join(dir, "deep", "a")
	for _, path := range []string{packed, folder} {
		if err := ci.PlaceBundle(path, all, false); err != nil {
			t.Fatal(err)
		}
		var there *ci.ThereAlready
		if err := ci.PlaceBundle(path, all, false); !errors.As(err, &there) {
			t.Errorf("%s: got %v, want what is there kept", path, err)
		}
		if err := ci.PlaceBundle(path, all, true); err != nil {
			t.Error(err)
		}
	}
	r, err := zip.OpenReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for name, top := range map[string]fs.FS{"zip": r, "folder": os.DirFS(folder)} {
		for _, f := range all {
			data, err := fs.ReadFile(top, f.Name)
			info, err2 := fs.Stat(top, f.Name)
			if err != nil || err2 != nil || !slices.Equal(data, f.Data) || info.Mode() != f.Mode {
				t.Errorf("%s: got %q, %v, %v, %v of %+v", name, data, info, err, err2, f)
			}
		}
	}
}

// TestCourse is that a bundle takes what is committed along, and nothing else.
func TestCourse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("submission/mine.txt", "not committed")
	f, err := ci.Course(t.Context(), filepath.Join(b.top, "submission"), "")
	if err != nil || f.Name != "course.tar.gz" {
		t.Fatal(f.Name, err)
	}
	b.put("course.tar.gz", string(f.Data))
	names, err := exec.Command("tar", "-tzf", filepath.Join(b.top, "course.tar.gz")).Output()
	if err != nil || !strings.Contains(string(names), "labs/b01-adder/lab.yaml\n") ||
		strings.Contains(string(names), "mine.txt") {
		t.Errorf("got %q and %v", names, err)
	}
	var option *ci.OptionError
	if _, err := ci.Course(t.Context(), filepath.Join(b.top, "submission"), "v9"); !errors.As(err, &option) ||
		option.Error() != `the course's repository has no commit "v9"` {
		t.Errorf("got %v", err)
	}
}
