package picture

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Style is how to draw as text.
type Style struct {
	Columns int // the width that there is
	Lines   int // the most that are used; 0 stands for 20
	Paint   term.Paint
}

// lines is how many lines a picture has by default, and narrowest how wide a column is at least whose
// text must be wrapped.
const (
	lines     = 20
	narrowest = 14
)

// Text draws a picture with a column for each lane, time running down, or, where the columns would
// be too narrow or too little would have room in them, with a line for each step that names its
// lane. It is at most as wide and as high as
// the style says: what is far from the marked step is left out, and said to be. Colours repeat what
// the signs say.
func Text(p timeline.Picture, s Style) string {
	if s.Lines == 0 {
		s.Lines = lines
	}
	g := &page{p: p, s: s, rows: rowsOf(p)}
	g.measure()
	text, n := g.fit()
	if n < len(g.rows) && g.widths != nil { // a line for each step shows more of them, perhaps
		g.widths = nil
		if list, m := g.fit(); m > n {
			return list
		}
	}
	return text
}

// fit draws as many of the rows as there is room for, and says how many these are.
func (g *page) fit() (text string, n int) {
	for n = len(g.rows); ; n-- {
		g.window(n)
		text = g.draw()
		if n <= 1 || strings.Count(text, "\n") <= g.s.Lines {
			return text, n
		}
	}
}

// page is a picture that is being drawn as text.
type page struct {
	strings.Builder
	p      timeline.Picture
	s      Style
	rows   []row
	first  int   // the rows that are drawn: from this one,
	after  int   // up to this one
	clock  int   // the width of the times
	widths []int // of the lanes' columns; nil where there is no room for them
}

// measure finds out how wide things are.
func (g *page) measure() {
	for _, r := range g.rows {
		g.clock = max(g.clock, ansi.StringWidth(r.moment(g.p)))
	}
	g.widths = g.needs()
	for sum := g.s.Columns - g.clock - 3; total(g.widths) > sum; {
		widest := slices.Index(g.widths, slices.Max(g.widths))
		if g.widths[widest]--; g.widths[widest] < narrowest {
			g.widths = nil
			return
		}
	}
}

// needs are the widths of columns in which nothing is wrapped.
func (g *page) needs() []int {
	widths := make([]int, len(g.p.Lanes))
	for i, lane := range g.p.Lanes {
		widths[i] = ansi.StringWidth(lane) + 3
	}
	for _, r := range g.rows {
		w := ansi.StringWidth(r.words(g.p)) + 3
		if r.across && !r.lost { // with the beginning of an arrow
			w = ansi.StringWidth(r.text) + 6
		}
		widths[r.Lane] = max(widths[r.Lane], w)
	}
	return widths
}

func total(widths []int) (sum int) {
	for _, w := range widths {
		sum += w
	}
	return sum
}

// window chooses n rows: the marked one or, where none is, the last one, and those near it, of which
// more before it than after.
func (g *page) window(n int) {
	centre := len(g.rows) - 1
	if i := slices.IndexFunc(g.rows, func(r row) bool { return r.Breaks }); i >= 0 {
		centre = i
	}
	g.first = min(max(0, centre-n*3/4), len(g.rows)-n)
	g.after = g.first + n
}

func (g *page) draw() string {
	g.Reset()
	if g.widths != nil {
		g.columns()
	} else {
		g.list()
	}
	return g.String()
}

// list draws a line for each step.
func (g *page) list() {
	lane := 0
	for _, l := range g.p.Lanes {
		lane = max(lane, ansi.StringWidth(l))
	}
	left := 2 + g.clock + 1 + lane + 3
	g.skipped(g.p.Before+g.first, "before")
	for i, r := range g.rows[g.first:g.after] {
		name := g.s.Paint.Faint(pad(g.p.Lanes[r.Lane], lane))
		g.margin(g.first + i)
		g.WriteString(name + " " + g.s.Paint.Accent(r.sign()) + " ")
		wrapped := term.Wrap(r.words(g.p), max(10, g.s.Columns-left))
		for k, line := range strings.Split(wrapped, "\n") {
			if k > 0 {
				g.WriteString(strings.Repeat(" ", left))
			}
			g.WriteString(g.paint(r)(line) + "\n")
		}
	}
	g.skipped(g.p.After+len(g.rows)-g.after, "after")
}

// columns draws a column for each lane.
func (g *page) columns() {
	g.WriteString(strings.Repeat(" ", g.clock+3))
	for i, lane := range g.p.Lanes {
		w := g.widths[i]
		g.WriteString(pad(g.s.Paint.Strong(ansi.Truncate(lane, w-1, "…")), w))
	}
	g.end()
	if g.skipped(g.p.Before+g.first, "before") {
		g.held()
	}
	for i, r := range g.rows[g.first:g.after] {
		cells := g.cells(r)
		for k := range height(cells) {
			if k == 0 {
				g.margin(g.first + i)
			} else {
				g.WriteString(strings.Repeat(" ", g.clock+3))
			}
			for lane := range g.p.Lanes {
				g.WriteString(cells[lane].line(k))
			}
			g.end()
		}
	}
	g.skipped(g.p.After+len(g.rows)-g.after, "after")
}

// held draws what the lanes hold where the rows begin that are drawn, if any holds something.
func (g *page) held() {
	values := make([]string, len(g.p.Lanes))
	for _, r := range g.rows[:g.first] {
		if r.Kind == timeline.Value {
			values[r.Lane] = "= " + r.text
		}
	}
	if !slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
		return
	}
	g.WriteString(strings.Repeat(" ", g.clock+3))
	for i, v := range values {
		w := g.widths[i]
		g.WriteString(pad(g.s.Paint.Faint(ansi.Truncate(v, w-1, "…")), w))
	}
	g.end()
}

// margin writes what stands before a row's lanes: whether it is marked, and its time unless that is
// the one above.
func (g *page) margin(i int) {
	mark, at := "  ", ""
	if g.rows[i].Breaks {
		mark = g.s.Paint.Bad("✗") + " "
	}
	if i == g.first || g.rows[i].At != g.rows[i-1].At {
		at = g.rows[i].moment(g.p)
	}
	g.WriteString(mark + g.s.Paint.Faint(pad(at, g.clock)) + " ")
}

// paint is the colour of a row's text.
func (g *page) paint(r row) func(...any) string {
	if r.Breaks {
		return g.s.Paint.Bad
	}
	return func(a ...any) string { return a[0].(string) }
}

// skipped says how many steps are not drawn, if any.
func (g *page) skipped(n int, where string) bool {
	if n > 0 {
		g.WriteString("  " + g.s.Paint.Faint("⋮ "+term.Plural(n, "step")+" "+where) + "\n")
	}
	return n > 0
}

// end ends a line and leaves no spaces at its end.
func (g *page) end() {
	text := strings.TrimRight(g.String(), " ")
	g.Reset()
	g.WriteString(text + "\n")
}

// pad makes a text so wide.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}
