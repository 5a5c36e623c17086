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

// lines is how many lines a picture has by default, and narrowest how wide a lane must be to be a
// column.
const (
	lines     = 20
	narrowest = 16
)

// Text draws a picture with a column for each lane, time running down, or, where the columns would
// be too narrow, with a line for each step that names its lane. It is at most as wide and as high as
// the style says: what is far from the marked step is left out, and said to be. Colours repeat what
// the signs say.
func Text(p timeline.Picture, s Style) string {
	if s.Lines == 0 {
		s.Lines = lines
	}
	g := &page{p: p, s: s, rows: rowsOf(p)}
	g.measure()
	for n := len(g.rows); ; n-- {
		g.window(n)
		text := g.draw()
		if n <= 1 || strings.Count(text, "\n") <= s.Lines {
			return text
		}
	}
}

// page is a picture that is being drawn as text.
type page struct {
	strings.Builder
	p     timeline.Picture
	s     Style
	rows  []row
	first int // the rows that are drawn: from this one,
	after int // up to this one
	clock int // the width of the times
	width int // of a lane's column; 0 where there are none
}

// measure finds out how wide things are.
func (g *page) measure() {
	for _, r := range g.rows {
		g.clock = max(g.clock, ansi.StringWidth(r.moment()))
	}
	if w := (g.s.Columns - g.clock - 3) / max(1, len(g.p.Lanes)); w >= narrowest {
		g.width = min(w, g.widest())
	}
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
	if g.width > 0 {
		g.columns()
	} else {
		g.list()
	}
	return g.String()
}

// widest is the width that a column needs at most.
func (g *page) widest() int {
	w := narrowest
	for _, lane := range g.p.Lanes {
		w = max(w, ansi.StringWidth(lane)+2)
	}
	for _, r := range g.rows {
		w = max(w, ansi.StringWidth(r.text)+6) // a sign, and the beginning of an arrow
	}
	return w
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
		wrapped := ansi.Wrap(r.words(g.p), max(10, g.s.Columns-left), "")
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
	for _, lane := range g.p.Lanes {
		g.WriteString(pad(g.s.Paint.Strong(ansi.Truncate(lane, g.width-1, "…")), g.width))
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
	for _, v := range values {
		g.WriteString(pad(g.s.Paint.Faint(ansi.Truncate(v, g.width-1, "…")), g.width))
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
		at = g.rows[i].moment()
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
