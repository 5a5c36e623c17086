package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// benched is a suite of a course with one lab, b10, in which a script stands for labs. It works in
// the course's folder; calls has what it is called with, a call a line.
func benched(t *testing.T, script string) (s *suite, calls string) {
	t.Helper()
	root, tmp := t.TempDir(), t.TempDir()
	l := &course.Lab{ID: "B10", Slug: "b10-adder", Files: []string{"adder.go"},
		Dir:         filepath.Join(root, "labs", "b10-adder"),
		SolutionDir: filepath.Join(root, "solutions", "b10-adder")}
	calls = filepath.Join(root, "calls")
	write(t, filepath.Join(l.SolutionDir, "adder.go"), "package adder\n")
	write(t, filepath.Join(root, "script"), script)
	labs, err := filepath.Abs("testdata/labs")
	if err != nil {
		t.Fatal(err)
	}
	return &suite{ctx: t.Context(), tmp: tmp, labs: labs, rounds: 2, submissions: 2,
		course: &course.Course{Root: root, Labs: []*course.Lab{l}}}, calls
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lines are what a file has, a line each, with <tmp> in the place of the suite's folder.
func (s *suite) lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(data), s.tmp, "<tmp>")), "\n")
}

// TestPure calls labs in each round and once more before them, and go test as often, which need not
// succeed.
func TestPure(t *testing.T) {
	t.Parallel()
	s, calls := benched(t, "grep -q edit $4/adder.go")
	if err := s.pure(); err != nil {
		t.Fatal(err)
	}
	const call = "check b10-adder --dir <tmp>/labs/b10-adder --no-race"
	if got := s.lines(t, calls); !slices.Equal(got, []string{call, call, call}) {
		t.Errorf("got the calls %q, want three times %q", got, call)
	}
	if s.edits != 6 {
		t.Errorf("got %d edits, want one for each of six runs", s.edits)
	}
	if len(s.rows) != 1 || s.rows[0].bar != "≤ 1.15" ||
		s.rows[0].what != "save to verdict, b10-adder, against a bare go test -vet=off" {
		t.Errorf("got %+v, want a row with the bar", s.rows)
	}
}

// TestAll gives all labs to one labs check, which is to judge from nothing.
func TestAll(t *testing.T) {
	t.Parallel()
	s, calls := benched(t, "test ! -e .labs/bin\nmkdir -p .labs/bin\necho judged >> judged")
	if err := s.all(); err != nil {
		t.Fatal(err)
	}
	const call = "check b10-adder --of stub --no-race --json"
	if got := s.lines(t, calls); !slices.Equal(got, []string{call, call, call}) {
		t.Errorf("got the calls %q, want three times %q", got, call)
	}
	if got := s.lines(t, filepath.Join(s.course.Root, "judged")); len(got) != 3 {
		t.Errorf("got %d of 3 calls without the binaries of the one before", len(got))
	}
}

// TestReferences sums up what labs says of the last of its runs.
func TestReferences(t *testing.T) {
	t.Parallel()
	s, calls := benched(t, `echo '[{"lab": "I06", "slug": "i06-cache",
		"checks": [{"test": "TestSlow", "duration_ms": 900}, {"test": "TestQuick", "duration_ms": 3}]}]'`)
	if err := s.references(); err != nil {
		t.Fatal(err)
	}
	if got := s.lines(t, calls); len(got) != 5 {
		t.Errorf("got %d calls, want one to build, three to measure and one to look at", len(got))
	}
	var got []string
	for _, r := range s.rows[1:] {
		got = append(got, r.what+": "+r.measured)
	}
	want := []string{"median over the checks, the slowest check: 900 ms, 900 ms (i06-cache Slow)",
		"the same, beginner labs: none"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRaced has the references graded as somebody hands them in, and counts no builds.
func TestRaced(t *testing.T) {
	t.Parallel()
	const graded = `test "$(cat $2/labs/b10-adder/adder.go)" = "package adder"
echo '[{"times": {"build_ms": 9000, "checks_ms": 1500, "race_ms": 3000}},
	{"times": {"checks_ms": 500, "race_ms": %}}]'`
	for _, tt := range []struct {
		race, measured string
		meets          bool
	}{
		{"0", "2.50 (5.0 s, 2.0 s)", true},
		{"1000", "3.00 (6.0 s, 2.0 s)", false},
	} {
		s, calls := benched(t, strings.ReplaceAll(graded, "%", tt.race))
		if err := s.raced(); err != nil {
			t.Fatal(err)
		}
		want := row{"a graded verdict with its race run, against the plain run alone", tt.measured,
			"≤ 2.5", tt.meets}
		if len(s.rows) != 1 || s.rows[0] != want {
			t.Errorf("got %+v, want %+v", s.rows, want)
		}
		if got := s.lines(t, calls); got[0] != "grade <tmp>/references --format json" {
			t.Errorf("got the call %q", got[0])
		}
	}
}

// TestGraded gives half of the edits to one labs grade, and the other half to labs check, one by one.
func TestGraded(t *testing.T) {
	t.Parallel()
	s, calls := benched(t, `test $1 != grade || grep -c edit $3/*/labs/b10-adder/adder.go > seen`)
	if err := s.graded(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"check b10-adder --of reference --force",
		"grade --submissions <tmp>/many --format csv",
		"check b10-adder --dir <tmp>/one/2",
		"check b10-adder --dir <tmp>/one/3",
	}
	if got := s.lines(t, calls); !slices.Equal(got, want) {
		t.Errorf("got the calls %q, want %q", got, want)
	}
	want = []string{"<tmp>/many/000/labs/b10-adder/adder.go:1", "<tmp>/many/001/labs/b10-adder/adder.go:1"}
	if got := s.lines(t, filepath.Join(s.course.Root, "seen")); !slices.Equal(got, want) {
		t.Errorf("got the submissions %q, want %q", got, want)
	}
	if len(s.rows) != 2 || s.rows[1].what != "memory of labs itself at that" || !s.rows[1].meets {
		t.Errorf("got %+v, want a row for the time and one for the memory", s.rows)
	}
}

// TestSuite_nothing is about figures that cannot be taken.
func TestSuite_nothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		figure func(*suite) error
		want   string
	}{
		"no JSON of the references":        {(*suite).references, "invalid character"},
		"no JSON of the graded references": {(*suite).raced, "grade the references: invalid character"},
		"no such lab":                      {(*suite).first, "unknown lab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := benched(t, "echo nothing")
			if err := tt.figure(s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got the error %v, want %q in it", err, tt.want)
			}
		})
	}
	s, _ := benched(t, "")
	s.course.Labs[0].SolutionDir = t.TempDir()
	for name, figure := range map[string]func() error{"pure": s.pure, "all": s.all, "graded": s.graded,
		"raced": s.raced} {
		if err := figure(); !os.IsNotExist(err) {
			t.Errorf("%s: got the error %v without a reference, want that there is none", name, err)
		}
	}
}
