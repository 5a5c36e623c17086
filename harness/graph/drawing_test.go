package graph_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/graph"
)

// drawn is what a reader finds in a drawing.
type drawn struct {
	Width  int    `xml:"width,attr"`
	Height int    `xml:"height,attr"`
	Desc   string `xml:"desc"`
	Labs   []struct {
		Class string `xml:"class,attr"`
		Rect  struct {
			X      int `xml:"x,attr"`
			Y      int `xml:"y,attr"`
			Width  int `xml:"width,attr"`
			Height int `xml:"height,attr"`
		} `xml:"rect"`
		Text struct {
			ID    string `xml:"tspan"`
			Title string `xml:",chardata"`
		} `xml:"text"`
	} `xml:"g"`
	Arrows []struct {
		Class string `xml:"class,attr"`
		D     string `xml:"d,attr"`
	} `xml:"path"`
}

func draw(t *testing.T, labs []*course.Lab, done func(string) bool) (d drawn) {
	t.Helper()
	if err := xml.Unmarshal([]byte(graph.Draw(labs, "svg", done)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDraw_svg has a box for each lab, in a column behind those of all that prepare for it, and all
// of them within the drawing.
func TestDraw_svg(t *testing.T) {
	t.Parallel()
	d := draw(t, labs, nil)
	at := map[string]int{}
	places := map[[2]int]bool{}
	for _, l := range d.Labs {
		r := l.Rect
		at[l.Text.ID] = r.X
		places[[2]int{r.X, r.Y}] = true
		if r.X < 0 || r.Y < 0 || r.X+r.Width > d.Width || r.Y+r.Height > d.Height {
			t.Errorf("%s: got %+v in a drawing of %d × %d", l.Text.ID, r, d.Width, d.Height)
		}
	}
	if len(at) != 5 || len(places) != 5 {
		t.Errorf("got %d labs at %d places, want 5 at 5", len(at), len(places))
	}
	if at["B01"] != at["B05"] || at["B01"] >= at["B02"] || at["B02"] != at["B03"] ||
		at["B03"] >= at["B04"] {
		t.Errorf("got the columns %v, want the diamond from left to right", at)
	}
	heads := 0
	for _, a := range d.Arrows {
		if a.Class == "head" {
			heads++
		}
	}
	if heads != 4 || len(d.Arrows) != 8 {
		t.Errorf("got %d arrows with %d heads, want 4 with 4", len(d.Arrows)-heads, heads)
	}
}

// TestDraw_svgCrossings puts labs on the height of those that prepare for them, so that arrows do
// not cross, whatever the order of the labs.
func TestDraw_svgCrossings(t *testing.T) {
	t.Parallel()
	d := draw(t, []*course.Lab{lab("B01", "a"), lab("B02", "b"), lab("B03", "c"),
		lab("I01", "of c", "B03"), lab("I02", "of b and c", "B02", "B03"), lab("I03", "of a", "B01"),
		lab("A01", "of all", "I01", "I03"), lab("A02", "of a", "I03")}, nil)
	heights := map[string]int{}
	for _, l := range d.Labs {
		heights[l.Text.ID] = l.Rect.Y
	}
	for _, column := range [][]string{{"B01", "B02", "B03"}, {"I03", "I02", "I01"}, {"A02", "A01"}} {
		if !slices.IsSortedFunc(column, func(a, b string) int { return heights[a] - heights[b] }) {
			t.Errorf("got the heights %v, want %v from above", heights, column)
		}
	}
}

// TestDraw_svgLook shows the level, what is passed, and as much of a title as has room.
func TestDraw_svgLook(t *testing.T) {
	t.Parallel()
	just, long := strings.Repeat("ä", 22), strings.Repeat("ä", 23)
	all := []*course.Lab{lab("B01", just), lab("B02", long), lab("B03", "Last")}
	all[2].Level = course.Advanced
	d := draw(t, all, func(id string) bool { return id == "B03" })
	var got []string
	for _, l := range d.Labs {
		got = append(got, fmt.Sprintf("%s: %s%s", l.Class, l.Text.ID, l.Text.Title))
	}
	want := []string{"beginner: B01 " + just, "beginner: B02 " + long[:42] + "…",
		"advanced done: B03 ✓ Last"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(d.Desc, long) || !strings.Contains(d.Desc, "✓ B03  Last") {
		t.Errorf("got the description %q, want the text of it all", d.Desc)
	}
}

// TestDraw_nothing draws no labs: nothing as text, and as SVG something that has a size.
func TestDraw_nothing(t *testing.T) {
	t.Parallel()
	if got := graph.Draw(nil, "text", nil); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	if d := draw(t, nil, nil); d.Width <= 0 || d.Height <= 0 || len(d.Labs) > 0 {
		t.Errorf("got %d × %d with %d labs, want an empty drawing", d.Width, d.Height, len(d.Labs))
	}
}
