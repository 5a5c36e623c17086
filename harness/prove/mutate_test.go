package prove

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/mutate"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestHunter_jobs has a check that has become slower since it was measured.
func TestHunter_jobs(t *testing.T) {
	t.Parallel()
	h := &hunter{lab: &course.Lab{}, checks: []*pace{{test: "TestFast", took: time.Millisecond},
		{test: "TestSlow", took: time.Second}}}
	h.slower(run.Result{Checks: []run.Check{{Test: "TestFast", DurationMS: 0.5},
		{Test: "TestSlow", DurationMS: 3000}}})
	jobs := h.jobs([]*variant{{dir: "1"}})
	if len(jobs) != 2 || len(jobs[0].Timeouts) != 0 {
		t.Fatalf("got %+v, want the reference without deadlines of its own, and a variant", jobs)
	}
	want := map[string]time.Duration{"TestFast": 2 * time.Second, "TestSlow": 30 * time.Second}
	if diff := cmp.Diff(want, jobs[1].Timeouts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestPace_worth prefers what kills much in little time, and what is quick while nothing is known.
func TestPace_worth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		first, then pace
	}{
		{"the quick one", pace{took: time.Millisecond}, pace{took: time.Second}},
		{"what has killed", pace{took: time.Second, kills: 1}, pace{took: time.Second}},
		{"what kills more in the same time", pace{took: time.Second, kills: 99},
			pace{took: time.Millisecond, kills: 1}},
		{"the start of a process counts", pace{took: time.Millisecond, kills: 1}, pace{}},
	} {
		if a, b := tt.first.worth(), tt.then.worth(); a <= b {
			t.Errorf("%s: got it worth %v, and the other %v", tt.name, a, b)
		}
	}
}

// TestHunter_write writes all files of the lab for each change, of which one is another.
func TestHunter_write(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	l.Files = append(l.Files, "in/more.go")
	if err := os.Mkdir(filepath.Join(l.SolutionDir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(l.SolutionDir, "in", "more.go"), "package in\n")
	h := &hunter{lab: l, tmp: t.TempDir()}
	all, err := h.write([]mutate.Variant{{File: "adder.go", Source: []byte("one")},
		{File: "in/more.go", Source: []byte("two")}})
	if err != nil {
		t.Fatal(err)
	}
	reference := read(t, filepath.Join(l.SolutionDir, "adder.go"))
	for i, want := range [][2]string{{"one", "package in\n"}, {reference, "two"}} {
		got := [2]string{read(t, filepath.Join(all[i].dir, "adder.go")),
			read(t, filepath.Join(all[i].dir, "in", "more.go"))}
		if got != want {
			t.Errorf("got %q for change %d, want %q", got, i+1, want)
		}
	}
	remove(t, l.SolutionDir, "adder.go")
	if _, err := h.write(make([]mutate.Variant, 1)); err == nil ||
		!strings.HasPrefix(err.Error(), "write a variant: ") {
		t.Errorf("got the error %v without a reference", err)
	}
}

// TestHunter_control says nothing of variants while the reference does not pass, and why.
func TestHunter_control(t *testing.T) {
	t.Parallel()
	passed := run.Check{Test: "TestA", Verdict: run.Passed}
	for _, tt := range []struct {
		r    run.Result
		want string
	}{
		{run.Result{Verdict: run.Passed, Checks: []run.Check{passed}}, ""},
		{run.Result{Verdict: run.Failed, Checks: []run.Check{passed,
			{Test: "TestB", Verdict: run.TimedOut, Message: "not done\nafter 2s"}}},
			"the reference itself: TestB: timed_out: not done after 2s"},
		{run.Result{Verdict: run.BuildFailed, Message: "undefined: x"},
			"the reference itself: build_failed: undefined: x"},
		{run.Result{Verdict: run.InfraError, Checks: []run.Check{passed}, Message: "no Redis"},
			"the reference itself: infra_error: no Redis"},
	} {
		h := &hunter{}
		ok := h.control(tt.r)
		if got := strings.Join(h.score.Problems, "|"); got != tt.want || ok != (tt.want == "") {
			t.Errorf("%s: got %v and the problems %q, want %q", tt.r.Verdict, ok, got, tt.want)
		}
	}
}

// TestHunter_tell counts the labs that are done, and says of the one that is not how far it is.
func TestHunter_tell(t *testing.T) {
	t.Parallel()
	var told []Progress
	h := &hunter{lab: &course.Lab{ID: "B01"}, now: Progress{Labs: 3, LabsDone: 1},
		on: func(p Progress) { told = append(told, p) }, say: func(n int) string { return count(n, "variant") }}
	h.tell(0)
	h.tell(1)
	want := []Progress{{Labs: 3, LabsDone: 1, What: "B01: 0 variants"}, {Labs: 3, LabsDone: 1, What: "B01: 1 variant"}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAlive(t *testing.T) {
	t.Parallel()
	all := []*variant{{dir: "1"}, {dir: "2", killer: "TestA"}, {dir: "3", out: true}, {dir: "4"}}
	left := alive(all)
	if len(left) != 2 || left[0].dir != "1" || left[1].dir != "4" || len(all) != 4 || all[1].dir != "2" {
		t.Errorf("got %+v of %+v, want the first and the last, and all as they were", left, all)
	}
}

// TestImports has what files import and what a change may need; what is no Go is told elsewhere.
func TestImports(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{}
	l := coursetest.Adder(t)
	write(t, filepath.Join(l.SolutionDir, "a.go"), "package a\n\nimport (\n\t\"time\"\n\tx \"net/http\"\n)\n")
	write(t, filepath.Join(l.SolutionDir, "b.go"), "package\n\nimport \"os\"\n")
	if err := readInto(files, l.SolutionDir, []string{"a.go", "b.go"}); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"a.go", "b.go"}) {
		t.Errorf("got the files %q", got)
	}
	if got := imports(files); !slices.Equal(got, []string{"context", "time", "net/http"}) {
		t.Errorf("got %q, want context and what a.go imports", got)
	}
	if err := readInto(files, l.SolutionDir, []string{"c.go"}); err == nil ||
		!strings.HasPrefix(err.Error(), "read the reference: ") {
		t.Errorf("got the error %v of a file that is not there", err)
	}
}
