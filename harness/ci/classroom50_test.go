package ci_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/ci"
)

// result is Classroom 50's result.json. Source: foundation50/classroom50, wiki, "Advanced
// Autograding".
type result struct {
	Schema     string `json:"schema"`
	Classroom  string `json:"classroom"`
	Assignment string `json:"assignment"`
	Submission string `json:"submission"`
	Commit     string `json:"commit"`
	Release    string `json:"release"`
	Review     string `json:"review"`
	Datetime   string `json:"datetime"`
	Score      int    `json:"score"`
	MaxScore   int    `json:"max-score"`
	Tests      []struct {
		Name     string `json:"test-name"`
		Passed   bool   `json:"passed"`
		Score    int    `json:"score"`
		MaxScore int    `json:"max-score"`
	} `json:"tests"`
}

// half is what labs says of a lab of which one check of two has passed, and broken of one that does
// not compile.
const (
	half = `[{"slug": "b01-adder", "verdict": "failed", "points": 1, "max_points": 3, "checks": [
		{"title": "adds", "verdict": "passed", "points": 1, "max_points": 1},
		{"title": "stops", "verdict": "failed", "points": 0, "max_points": 2}]}]`
	broken = `[{"slug": "b01-adder", "verdict": "build_failed", "points": 0, "max_points": 3, "checks": []}]`
)

// autograde runs the autograder as the classroom's runner does, with a git, a go and a labs that
// are not theirs.
func autograde(t *testing.T, assignment, exit, results string) (*bench, string, int) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	b := newBench(t)
	b.put("autograder.py", text(t, "classroom50", ci.Options{Course: "acme/backend-labs",
		Ref: "v1"}))
	b.put("results.json", results)
	b.put("submission/result.json", `{"score": 100}`)
	b.put("bin/git", `#!/bin/sh
echo "git $*" >>"$CALLS"
if [ "$1" = init ]; then cp -R "$COURSE" "$3"; fi
`)
	b.put("bin/sudo", "#!/bin/sh\n")
	b.put("bin/go", `#!/bin/sh
printf '#!/bin/sh\necho "labs $*" >>"$CALLS"\ncp "$RESULTS" "${8#json=}"\nexit $LABS_EXIT\n' >"$3"
chmod +x "$3"
`)
	out, code := b.run("submission", []string{
		"PATH=" + filepath.Join(b.top, "bin") + ":" + os.Getenv("PATH"),
		"CALLS=" + filepath.Join(b.top, "calls"),
		"COURSE=" + filepath.Join(b.top, "course"),
		"RESULTS=" + filepath.Join(b.top, "results.json"), "LABS_EXIT=" + exit,
		"CLASSROOM=cs101", "ASSIGNMENT=" + assignment, "SUBMISSION_TAG=submit/1",
		"COMMIT_URL=https://example.com/c",
		"RELEASE_URL=https://example.com/r", "REVIEW_URL=",
	}, "python3", filepath.Join(b.top, "autograder.py"))
	return b, out, code
}

func TestClassroom50(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		assignment, exit, results string
		score, most, tests        int
	}{
		"one check of two": {"b01", "1", half, 1, 3, 2},
		"by its folder":    {"b01-adder", "1", half, 1, 3, 2},
		"by its name":      {"adder", "0", half, 1, 3, 2},
		"does not compile": {"b01", "1", broken, 0, 3, 1},
		"rejected": {"b01", "4", strings.Replace(broken, "build_failed", "rejected", 1), 0,
			3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, out, code := autograde(t, tt.assignment, tt.exit, tt.results)
			if code != 0 {
				t.Fatalf("got exit code %d and %q", code, out)
			}
			var r result
			if err := json.Unmarshal([]byte(b.read("submission/result.json")), &r); err != nil {
				t.Fatal(err)
			}
			if r.Score != tt.score || r.MaxScore != tt.most || len(r.Tests) != tt.tests {
				t.Errorf("got %+v, want %d of %d points in %d tests", r, tt.score, tt.most,
					tt.tests)
			}
			sum, most := 0, 0
			for _, test := range r.Tests {
				sum, most = sum+test.Score, most+test.MaxScore
				if test.Name == "" || test.Passed != (test.Score == test.MaxScore) {
					t.Errorf("got the test %+v", test)
				}
			}
			if sum != r.Score || most != r.MaxScore {
				t.Errorf("the tests have %d of %d points, the whole %d of %d", sum, most, r.Score,
					r.MaxScore)
			}
			if r.Schema != "classroom50/result/v1" || r.Classroom != "cs101" ||
				r.Assignment != tt.assignment ||
				r.Submission != "submit/1" || r.Review != r.Commit || r.Release == "" ||
				!strings.HasSuffix(r.Datetime, "Z") {
				t.Errorf("got %+v", r)
			}
			calls := b.read("calls")
			if !strings.Contains(calls,
				"--depth 1 https://github.com/acme/backend-labs.git v1\n") ||
				!strings.Contains(calls, "--lab b01-adder ") {
				t.Errorf("got the calls %q", calls)
			}
		})
	}
}

// TestClassroom50_noVerdict is that what is not the student's fault ends as the runner's error,
// without a score.
func TestClassroom50_noVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{{"b01", "3"}, {"b01", "2"}, {"week-1", "0"}} {
		b, out, code := autograde(t, tt[0], tt[1], half)
		if code == 0 || strings.Contains(b.read("submission/result.json"), "classroom50/result") {
			t.Errorf("%q: got exit code %d, %q and a score", tt, code, out)
		}
	}
}
