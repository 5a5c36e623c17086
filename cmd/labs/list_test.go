package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

var listedLabs = []*course.Lab{
	{ID: "B04", Slug: "b04-x", Title: "Who are you? You may not", Level: "beginner", Minutes: 30,
		Question: "What is the difference between 401 and 403?"},
	{ID: "B05", Slug: "b05-y", Title: "A client that knows only one URL", Level: "beginner", Minutes: 45,
		Question: "What is REST? What does it stand for, and which of its constraints does an API of today keep?"},
	{ID: "A01", Slug: "a01-z", Title: "One limit, many servers", Level: "advanced", Minutes: 60,
		Question: "Design a rate limiting system that works across multiple server instances."},
}

// TestLabTable cuts nothing and breaks no word, at any width.
func TestLabTable(t *testing.T) {
	t.Parallel()
	standings := map[string]workspace.Standing{"B04": workspace.Passed, "B05": workspace.Begun}
	for _, columns := range []int{40, 80, 99, 100, 120, 200} {
		var lines []string
		heads := 0
		table := labTable{Paint: term.NewPaint(false), columns: columns}
		table.each(listedLabs, standings, func(l *course.Lab, line string) {
			if l != nil {
				heads++
			}
			lines = append(lines, line)
		})
		text := strings.Join(lines, "\n")
		words := " " + strings.Join(strings.Fields(text), " ") + " "
		for _, l := range listedLabs {
			for _, word := range strings.Fields(l.ID + " " + l.Title + " " + l.Question) {
				if !strings.Contains(words, word) {
					t.Errorf("at %d columns %q of %s is not whole in\n%s", columns, word, l.ID, text)
				}
			}
		}
		for _, line := range lines {
			if ansi.StringWidth(line) > columns {
				t.Errorf("at %d columns: %q", columns, line)
			}
		}
		if heads != len(listedLabs) || !strings.Contains(text, "✓ B04") || !strings.Contains(text, "› B05") {
			t.Errorf("at %d columns: got %d labs to pick from\n%s", columns, heads, text)
		}
	}
}

// TestMark tells standings apart without colour.
func TestMark(t *testing.T) {
	t.Parallel()
	seen := map[string]workspace.Standing{}
	for _, s := range []workspace.Standing{workspace.Passed, workspace.Edited, workspace.Begun, workspace.Untouched} {
		m := mark(term.NewPaint(false), s)
		if other, twice := seen[m]; twice {
			t.Errorf("%q stands for %s and %s", m, other, s)
		}
		seen[m] = s
		if m != " " && !strings.Contains(legend, m) {
			t.Errorf("the legend lacks %q", m)
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	c := &course.Course{Labs: listedLabs}
	all := levels(term.NewPaint(false), c, map[string]workspace.Standing{"B04": workspace.Passed, "B05": workspace.Edited})
	got := ""
	for _, at := range all {
		got += fmt.Sprintf("%s %d/%d %s; ", at.Level, at.Passed, at.Total, at.bar)
	}
	if want := "beginner 2/2 ✓~; advanced 0/1 ·; "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	data, err := json.Marshal(all[0])
	if want := `{"level":"beginner","passed":2,"total":2}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v, want %s", data, err, want)
	}
}

func TestApp_typed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, text, want string }{
		{"labs", "labs hint b10", "labs hint b10"},
		{"bin/labs", "next: labs hint b10, then labs check", "next: bin/labs hint b10, then bin/labs check"},
		{"./$x/labs", "see labs grade --help", "see ./$x/labs grade --help"},
		{"bin/labs", "the folder labs/b10 has labs and no labs that", "the folder labs/b10 has labs and no labs that"},
	} {
		if got := (&app{command: tt.command}).typed(tt.text); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if got := version(); !strings.Contains(got, "(go") {
		t.Errorf("got %q, want the version and the Go that built it", got)
	}
}
