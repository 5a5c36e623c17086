package watch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
)

func lines(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("line ", i))
	}
	return all
}

// TestPage_window turns a text of ten lines, as the keys do, on screens of several heights.
func TestPage_window(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		moves         []int
		rows          int
		first         string
		shown         int
		before, after int
	}{
		"the beginning":            {nil, 4, "line 0", 4, 0, 6},
		"a line down":              {[]int{1}, 4, "line 1", 4, 1, 5},
		"down and up":              {[]int{3, -1}, 4, "line 2", 4, 2, 4},
		"above the beginning":      {[]int{-5}, 4, "line 0", 4, 0, 6},
		"up again after too far":   {[]int{-5, 2}, 4, "line 2", 4, 2, 4},
		"to the last line":         {[]int{6}, 4, "line 6", 4, 6, 0},
		"below the end":            {[]int{50}, 4, "line 6", 4, 6, 0},
		"a screen for all of it":   {[]int{3}, 10, "line 0", 10, 0, 0},
		"a screen with room":       {nil, 30, "line 0", 10, 0, 0},
		"a screen without any":     {[]int{2}, 0, "line 2", 1, 2, 7},
		"a screen of less than it": {[]int{2}, -3, "line 2", 1, 2, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &Page{Lines: lines(10)}
			for _, n := range tt.moves {
				p.move(n)
			}
			got, before, after := p.window(tt.rows)
			if len(got) != tt.shown || got[0] != tt.first || before != tt.before ||
				after != tt.after {
				t.Errorf("got %d lines from %q, %d before and %d after; want %d from %q, %d, %d",
					len(got), got[0], before, after, tt.shown, tt.first, tt.before, tt.after)
			}
		})
	}
}

// TestPage_picks goes through a list in which labs have headings above, and lines of their own
// below.
func TestPage_picks(t *testing.T) {
	t.Parallel()
	one, two, three := &course.Lab{Slug: "b01"}, &course.Lab{Slug: "b02"},
		&course.Lab{Slug: "i01"}
	list := func() *Page {
		return &Page{
			Lines: []string{"Beginners", "b01", "  its title", "b02", "", "Others", "i01",
				"  more"},
			Labs: []*course.Lab{nil, one, nil, two, nil, nil, three, nil}, picked: 1,
		}
	}
	for name, tt := range map[string]struct {
		moves []int
		want  *course.Lab
		end   string
	}{
		"where it begins":   {nil, one, "  its title"},
		"the next":          {[]int{1}, two, "b02"},
		"over a heading":    {[]int{1, 1}, three, "  more"},
		"two at once":       {[]int{2}, three, "  more"},
		"beyond the last":   {[]int{9}, three, "  more"},
		"past it, and back": {[]int{9, -1}, two, "b02"},
		"before the first":  {[]int{-1}, one, "  its title"},
		"all the way up":    {[]int{2, -9}, one, "  its title"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := list()
			for _, n := range tt.moves {
				p.move(n)
			}
			if got := p.Labs[p.picked]; got != tt.want || p.Lines[p.end()] != tt.end {
				t.Errorf("got %s to %q, want %s to %q", got.Slug, p.Lines[p.end()], tt.want.Slug,
					tt.end)
			}
			// What is picked is on the screen, whole where it can be.
			for rows := 1; rows <= len(p.Lines); rows++ {
				shown, _, _ := p.window(rows)
				text := strings.Join(shown, "\n")
				if !strings.Contains(text, tt.want.Slug) ||
					rows > 1 && !strings.Contains(text, tt.end) {
					t.Errorf("on %d rows: got %q, want %s", rows, shown, tt.want.Slug)
				}
			}
		})
	}
	p := list()
	p.pick(three)
	p.pick(&course.Lab{Slug: "b02"}) // one that is not in the list, whatever its name
	if p.Labs[p.picked] != three {
		t.Errorf("got %s picked, want i01", p.Labs[p.picked].Slug)
	}
	if (&Page{Lines: lines(3)}).picks() || !p.picks() {
		t.Error("got a text to pick from, or a list that is none")
	}
}

// TestHelpFor is that the help loses no letter on any screen, and that what a key does stays
// beside it.
func TestHelpFor(t *testing.T) {
	t.Parallel()
	whole, _ := Help(t.Context(), Scene{})
	letters := func(p *Page) string {
		return strings.Join(strings.Fields(strings.Join(p.Lines, " ")), "")
	}
	for columns := 20; columns <= 120; columns += 10 {
		p, err := HelpFor(func() int { return columns })(t.Context(), Scene{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(letters(whole), letters(p)); diff != "" {
			t.Errorf("%d columns: the letters differ (-want +got):\n%s", columns, diff)
		}
		for _, line := range p.Lines {
			if ansi.StringWidth(line) > columns {
				t.Errorf("%d columns: %q is wider", columns, line)
			}
		}
		if columns >= 80 && !cmp.Equal(p.Lines, whole.Lines) {
			t.Errorf("%d columns: got %q, want it as it is", columns, p.Lines)
		}
	}
	narrow, _ := HelpFor(func() int { return 30 })(t.Context(), Scene{})
	want := "  b        the brief: the\n           question, the task,\n           the contract"
	if got := strings.Join(narrow.Lines, "\n"); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
}

// TestParseKeys is about what terminals send at once, cut off or unknown.
func TestParseKeys(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]rune{
		"":                 nil,
		"\x1b":             {Escape},
		"\x1b\x1b":         nil, // Alt with Escape
		"\x1bOq":           nil,
		"\x1bO":            nil,
		"\x1b[":            nil,
		"\x1b[1;":          nil,
		"\x1b[3~":          nil, // Delete
		"\x1b[3~q":         {'q'},
		"\x1b[1~\x1b[4~":   {Home, End},
		"\x1bOH\x1bOF":     {Home, End},
		"\x1b[H\x1b[F":     {Home, End},
		"\x1b[A\x1b[B\x1b": {Up, Down, Escape},
		"\x1bOA\x1b[6~n":   {Up, PageDown, 'n'},
		"日":                {'日'},
		"\xff":             {'\uFFFD'},
		"\x04\x0c\x1a":     {ctrlD, ctrlL, ctrlZ},
	} {
		if diff := cmp.Diff(want, parseKeys([]byte(in))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}
