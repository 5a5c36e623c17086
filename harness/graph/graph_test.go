package graph_test

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/graph"
)

func lab(id, title string, after ...string) *course.Lab {
	return &course.Lab{ID: id, Title: title, Level: course.Beginner, After: after}
}

// a diamond, and a lab whose preparation is not there
var labs = []*course.Lab{lab("B01", "First"), lab("B02", "Left", "B01"), lab("B03", `"Right" <&>`, "B01"),
	lab("B04", "Last", "B02", "B03"), lab("B05", "Alone", "Z99")}

func TestDraw_text(t *testing.T) {
	t.Parallel()
	got := graph.Draw(labs, "text", func(id string) bool { return id == "B01" })
	want := `to begin with
✓ B01  First
  B05  Alone

step 2
  B02  Left  ← B01
  B03  "Right" <&>  ← B01

step 3
  B04  Last  ← B02, B03
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestDraw_programs(t *testing.T) {
	t.Parallel()
	for format, parts := range map[string][]string{
		"dot":     {"digraph labs {", "  B01 -> B02;\n", "  B03 -> B04;\n", `B03 [label="B03\n\"Right\" <&>"]`},
		"mermaid": {"flowchart LR\n", "  B01 --> B02\n", `B03["B03 #quot;Right#quot; <&>"]`},
		"svg":     {"<svg ", "&#34;Right&#34; &lt;&amp;&gt;", "✓ First"},
	} {
		got := graph.Draw(labs, format, func(id string) bool { return id == "B01" })
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is missing in %s", format, part, got)
			}
		}
		if strings.Contains(got, "Z99") {
			t.Errorf("%s: a lab that is not there", format)
		}
	}
}

func TestDraw_svgIsXML(t *testing.T) {
	t.Parallel()
	d := xml.NewDecoder(strings.NewReader(graph.Draw(labs, "svg", nil)))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDraw_circle: labs that prepare for each other are a fault of the course, and no endless loop.
func TestDraw_circle(t *testing.T) {
	t.Parallel()
	got := graph.Draw([]*course.Lab{lab("B01", "a", "B02"), lab("B02", "b", "B01")}, "text", nil)
	if !strings.Contains(got, "B01") || !strings.Contains(got, "B02") {
		t.Errorf("got %s", got)
	}
}
