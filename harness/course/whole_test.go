package course_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/golden"
)

// whole is the course of this repository.
func whole(t *testing.T) *course.Course {
	t.Helper()
	c, err := course.Load(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Broken) > 0 {
		t.Fatal(c.Broken)
	}
	return c
}

// TestWhole_questions holds each lab against the question that it is about.
func TestWhole_questions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "questions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	questions := map[string]string{}
	for line := range strings.Lines(string(text)) {
		id, question, _ := strings.Cut(strings.TrimSpace(line), " ")
		questions[id] = question
	}
	for _, l := range whole(t).Labs {
		if l.Question != questions[l.ID] {
			t.Errorf("%s asks %q, want %q", l.ID, l.Question, questions[l.ID])
		}
		brief, err := os.ReadFile(filepath.Join(l.Dir, "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		quoted := strings.ReplaceAll(string(brief), "\n> ", " ")
		if !strings.Contains(quoted, " "+l.Question+"\n") {
			t.Errorf("the brief of %s does not quote %q", l.ID, l.Question)
		}
	}
}

// TestWhole_after follows what prepares for what: each lab is there, is not harder, and none
// prepares for itself.
func TestWhole_after(t *testing.T) {
	t.Parallel()
	labs, level := map[string]*course.Lab{}, map[course.Level]int{}
	for _, l := range whole(t).Labs {
		labs[l.ID] = l
	}
	for i, l := range course.Levels {
		level[l] = i
	}
	var visit func(l *course.Lab, path []string)
	visit = func(l *course.Lab, path []string) {
		for _, id := range l.After {
			before := labs[id]
			switch {
			case before == nil:
				t.Errorf("%s is after %s, which is not there", l.ID, id)
			case level[before.Level] > level[l.Level]:
				t.Errorf("%s is after %s, which is %s", l.ID, id, before.Level)
			case len(path) > len(labs):
				t.Fatalf("labs prepare for themselves: %v", path)
			default:
				visit(before, append(path, id))
			}
		}
	}
	for _, l := range labs {
		visit(l, []string{l.ID})
	}
}

// TestWhole_answers: what a handler answers is recorded by kit/httpwire. A recorder of httptest counts
// headers that no client gets, and a handler can write over what it has recorded.
func TestWhole_answers(t *testing.T) {
	t.Parallel()
	for _, l := range whole(t).Labs {
		if uses := recorders(t, l); len(uses) > 0 {
			t.Errorf("%s uses a recorder of httptest in %q, want httpwire.New", l.ID, uses)
		}
	}
}

// recorders are the files of checks that use a recorder of httptest.
func recorders(t *testing.T, l *course.Lab) (uses []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.Dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s: %d files of checks, %v", l.ID, len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(text), "httptest.NewRecorder") ||
			strings.Contains(string(text), "httptest.ResponseRecorder") {
			uses = append(uses, filepath.Base(file))
		}
	}
	return uses
}

// TestWhole_paths: a path has labs that are there, each once, and none before one that prepares for it.
func TestWhole_paths(t *testing.T) {
	t.Parallel()
	c := whole(t)
	paths, err := c.Paths()
	if err != nil || len(paths) < 4 {
		t.Fatalf("got %d paths, %v", len(paths), err)
	}
	for _, p := range paths {
		labs, err := c.Along(p.Name)
		if err != nil || len(labs) != len(p.Labs) || p.Title == "" {
			t.Errorf("%s: %d of %d labs are there (%v)", p.Name, len(labs), len(p.Labs), err)
		}
		for i, l := range labs {
			for _, later := range labs[i+1:] {
				if later == l || slices.Contains(l.After, later.ID) {
					t.Errorf("%s: %s comes before %s", p.Name, l.ID, later.ID)
				}
			}
		}
	}
	if _, err := c.Along("nowhere"); err == nil {
		t.Error("there is a path to nowhere")
	}
}

// The table of labs in the README lies between these lines.
const (
	tableBegins = "<!-- labs: go test ./harness/course -update writes this table -->\n"
	tableEnds   = "<!-- end of labs -->\n"
)

// TestWhole_table holds the table in the README against the labs.
func TestWhole_table(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	was, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table of labs", file)
	}
	var b strings.Builder
	b.WriteString("\n| lab | question | minutes |\n|---|---|---|\n")
	for _, l := range whole(t).Labs {
		fmt.Fprintf(&b, "| [%s · %s](labs/%s/README.md) | %s | %d |\n", l.ID, l.Title, l.Slug, l.Question,
			l.Minutes)
	}
	b.WriteString("\n")
	if was == b.String() {
		return
	}
	if !*golden.Update {
		t.Fatalf("the table of labs in the README is out of date: go test ./harness/course -update rewrites it")
	}
	if err := os.WriteFile(file, []byte(before+tableBegins+b.String()+tableEnds+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
