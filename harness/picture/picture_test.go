package picture_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/picture"
	"github.com/backend-labs/backend-labs/harness/term"
)

const ms = time.Millisecond

// orders is two customers who buy the last lamp of a shop that asks and then takes.
func orders() timeline.Picture {
	return timeline.Picture{
		Lanes: []string{"alice", "bob", "shop", "table orders"},
		Steps: []timeline.Step{
			{Kind: timeline.Value, Lane: 3, Text: "1 lamp"},
			{Kind: timeline.Start, Lane: 0, ID: 1, Text: "POST /orders"},
			{Kind: timeline.Sent, Lane: 0, Other: 2, ID: 2, Text: "buy"},
			{Kind: timeline.Came, Lane: 2, Other: 0, ID: 2, Text: "buy"},
			{Kind: timeline.Sent, At: 2 * ms, Lane: 2, Other: 3, ID: 3, Text: "how many?"},
			{Kind: timeline.Start, At: 2 * ms, Lane: 1, ID: 4, Text: "POST /orders"},
			{Kind: timeline.Came, At: 3 * ms, Lane: 3, Other: 2, ID: 3, Text: "how many?"},
			{Kind: timeline.Point, At: 4 * ms, Lane: 2,
				Text: "sees one lamp, twice, and sells it to both of them"},
			{Kind: timeline.Sent, At: 5 * ms, Lane: 2, Other: 0, ID: 5, Text: "sold & gone"},
			{Kind: timeline.Came, At: 5 * ms, Lane: 0, Other: 2, ID: 5, Text: "sold & gone"},
			{Kind: timeline.End, At: 5 * ms, Lane: 0, ID: 1, Text: "201"},
			{Kind: timeline.Sent, At: 7 * ms, Lane: 1, Other: 3, ID: 6, Text: "are you there?"},
			{Kind: timeline.Lost, At: 7 * ms, Lane: 1, Other: 3, ID: 6, Text: "are you there?"},
			{Kind: timeline.End, At: 1250 * ms, Lane: 1, ID: 4, Text: "201", Breaks: true},
			{Kind: timeline.Value, At: 1250 * ms, Lane: 3, Text: "-1 lamps"},
			{Kind: timeline.Start, At: 61250 * ms, Lane: 3, ID: 7, Text: "recount"},
			{Kind: timeline.End, At: 61250 * ms, Lane: 3, ID: 7, Text: "too late"},
			{Kind: timeline.Start, At: 61250 * ms, Lane: 2, ID: 8, Text: "<closed>"},
			{Kind: timeline.Sent, At: 61260 * ms, Lane: 3, Other: 1, ID: 9, Text: "sorry"},
		},
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 60, 80, 120} {
		for _, colour := range []bool{false, true} {
			name := fmt.Sprintf("orders.%d.txt", columns)
			if colour {
				name = fmt.Sprintf("orders.%d.colour.txt", columns)
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := picture.Text(orders(), picture.Style{Columns: columns, Paint: term.NewPaint(colour)})
				fits(t, got, columns, 20)
				golden.Check(t, name, got)
			})
		}
	}
}

// fits reports lines that are too wide, or too many of them.
func fits(t *testing.T, text string, columns, lines int) {
	t.Helper()
	if n := strings.Count(text, "\n"); n > lines {
		t.Errorf("got %d lines, want at most %d", n, lines)
	}
	for line := range strings.Lines(text) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > columns {
			t.Errorf("got %d columns, want at most %d: %q", w, columns, line)
		}
	}
}

// TestText_times shows virtual times as they are, and others as exactly as the eye needs.
func TestText_times(t *testing.T) {
	t.Parallel()
	p := timeline.Picture{Lanes: []string{"one"}, Steps: []timeline.Step{
		{Kind: timeline.Point, At: 29999 * ms}, {Kind: timeline.Point, At: 30001*ms + 7}}}
	for _, tt := range []struct {
		virtual bool
		want    []string
	}{{true, []string{"+29.999s", "+30.001000007s"}}, {false, []string{"+30s"}}} {
		p.Virtual = tt.virtual
		got := picture.Text(p, picture.Style{Columns: 80, Paint: term.NewPaint(false)})
		for _, want := range tt.want {
			if !strings.Contains(got, want+" ") {
				t.Errorf("virtual: %v: got\n%s\nwant %s in it", tt.virtual, got, want)
			}
		}
	}
}

// TestText_window draws a long story: the marked step is in what is drawn, and the rest is counted.
func TestText_window(t *testing.T) {
	t.Parallel()
	for _, marked := range []int{-1, 0, 1, 50, 98, 99} {
		p := timeline.Picture{Lanes: []string{"one", "two"}}
		for i := range 100 {
			p.Steps = append(p.Steps, timeline.Step{Kind: timeline.Point, At: time.Duration(i) * ms,
				Lane: i % 2, Text: fmt.Sprintf("step number %d of a hundred in all", i), Breaks: i == marked})
		}
		got := picture.Text(p, picture.Style{Columns: 50, Lines: 12, Paint: term.NewPaint(false)})
		fits(t, got, 50, 12)
		words := strings.Join(strings.Fields(got), " ")
		want := fmt.Sprintf("step number %d of", marked)
		if marked < 0 {
			want = "step number 99 of"
		}
		if !strings.Contains(words, want) || marked >= 0 && !strings.Contains(got, "✗") {
			t.Errorf("step %d is not in\n%s", marked, got)
		}
		if drawn := strings.Count(words, "hundred"); drawn+skipped(t, got) != 100 {
			t.Errorf("got %d steps drawn and %d left out, want 100\n%s", drawn, skipped(t, got), got)
		}
	}
}

// skipped adds up what a drawing says to have left out.
func skipped(t *testing.T, text string) (sum int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if _, rest, ok := strings.Cut(line, "⋮ "); ok {
			var n int
			if _, err := fmt.Sscan(rest, &n); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

func TestSVG(t *testing.T) {
	t.Parallel()
	cut := orders().Around(9)
	for name, p := range map[string]timeline.Picture{"orders.svg": orders(), "orders.cut.svg": cut} {
		got := picture.SVG(p)
		golden.Check(t, name, got)
		for dec := xml.NewDecoder(strings.NewReader(got)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s is no XML: %v", name, err)
			}
		}
	}
}

// Lanes are as wide as what stands in them, as far as a page has room; then it is wrapped.
func TestSVG_width(t *testing.T) {
	t.Parallel()
	bars := strings.Repeat("▁", 40)
	for _, test := range []struct {
		lanes, lines int // how many, and of how many lines the text is in the last one
		text         string
		width        int
	}{
		{1, 1, "short", 334},
		{3, 1, "short", 754},
		{1, 1, bars + " a pool", 510},
		{2, 1, bars + " a pool", 896},
		{3, 2, bars + " a pool", 970},
		{9, 2, bars + " a pool", 2014},
		{1, 2, bars + strings.Repeat(" and more", 9), 966},
	} {
		p := timeline.Picture{Steps: []timeline.Step{{Kind: timeline.Point, Lane: test.lanes - 1, Text: test.text}}}
		for i := range test.lanes {
			p.Lanes = append(p.Lanes, fmt.Sprint("lane ", i))
		}
		drawn := picture.SVG(p)
		if want := fmt.Sprintf(`width="%d"`, test.width); !strings.Contains(drawn, want) {
			_, got, _ := strings.Cut(drawn, `width="`)
			t.Errorf("%d lanes, %q: got a width of %.4s, want %s", test.lanes, test.text, got, want)
		}
		if lines := strings.Count(drawn, `</text>`) - test.lanes - 1; lines != test.lines {
			t.Errorf("%d lanes, %q: got %d lines, want %d", test.lanes, test.text, lines, test.lines)
		}
	}
}

// TestDraw_whatever draws what a timeline never records in this way: nothing in it may make drawing
// fail.
func TestDraw_whatever(t *testing.T) {
	t.Parallel()
	for _, p := range []timeline.Picture{
		{Lanes: []string{"one"}},
		{Lanes: []string{""}, Steps: []timeline.Step{{Kind: timeline.End, ID: 4}}},
		{Lanes: []string{"one"}, Steps: []timeline.Step{{Kind: timeline.Came, ID: 1}, {Kind: timeline.Lost, ID: 1}}},
		{Lanes: []string{"one"}, Steps: []timeline.Step{{Kind: timeline.Sent}, {Kind: timeline.Came}}},
		{Lanes: []string{"one"}, Steps: []timeline.Step{{Kind: timeline.Sent, ID: 1}, {Kind: timeline.Came, ID: 1}}},
	} {
		for _, columns := range []int{-5, 0, 10, 80} {
			picture.Text(p, picture.Style{Columns: columns, Paint: term.NewPaint(false)})
		}
		picture.SVG(p)
	}
}
