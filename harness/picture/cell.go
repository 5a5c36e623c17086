package picture

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/term"
)

// cell is what a row has on one lane.
type cell struct {
	lines []string // all of the lane's width
	blank string   // what stands below them
}

func (c cell) line(k int) string {
	if k < len(c.lines) {
		return c.lines[k]
	}
	return c.blank
}

// height is how many lines the cells need.
func height(cells []cell) int {
	n := 1
	for _, c := range cells {
		n = max(n, len(c.lines))
	}
	return n
}

// cells lays a row out over the lanes.
func (g *page) cells(r row) []cell {
	cells := make([]cell, len(g.p.Lanes))
	for lane := range cells {
		blank := pad("", g.widths[lane])
		if r.open[lane] > 0 {
			blank = pad(g.s.Paint.Faint("│"), g.widths[lane])
		}
		cells[lane] = cell{blank: blank, lines: []string{blank}}
	}
	c, width := &cells[r.Lane], g.widths[r.Lane]
	if r.Kind == timeline.End { // nothing goes on below it
		c.blank = pad("", width)
	}
	switch {
	case r.Kind == timeline.End:
		c.lines = g.text(r, r.text, width-1)
	case !r.across || r.Lane == r.Other:
		c.lines = g.text(r, r.words(g.p), width-1)
	case r.Lane < r.Other:
		g.rightward(cells, r)
	default:
		g.leftward(cells, r)
	}
	return cells
}

// text is a row's text with its sign, wrapped to so many columns.
func (g *page) text(r row, words string, width int) []string {
	var lines []string
	for i, line := range strings.Split(term.Wrap(words, width-2), "\n") {
		sign := "  "
		switch {
		case i == 0:
			sign = g.s.Paint.Accent(r.sign()) + " "
		case r.open[r.Lane] > 0:
			sign = g.s.Paint.Faint("│") + " "
		}
		lines = append(lines, pad(sign+g.paint(r)(line), g.widths[r.Lane]))
	}
	return lines
}

// rightward draws a message to a lane on the right: its text, and behind its last line the arrow.
func (g *page) rightward(cells []cell, r row) {
	c, width := &cells[r.Lane], g.widths[r.Lane]
	c.lines = g.text(r, r.text, width-4)
	last := len(c.lines) - 1
	text := strings.TrimRight(c.lines[last], " ") + " "
	if r.lost {
		c.lines[last] = pad(text+g.arrow("─✗ lost"), width)
		if ansi.StringWidth(c.lines[last]) > width { // the word has no room
			c.lines[last] = pad(text+g.arrow("─✗"), width)
		}
		return
	}
	c.lines[last] = text + g.arrow(strings.Repeat("─", width-ansi.StringWidth(text)))
	for lane := r.Lane + 1; lane <= r.Other; lane++ {
		head := g.arrow(strings.Repeat("─", g.widths[lane]))
		if lane == r.Other {
			head = pad(g.arrow("▶"), g.widths[lane])
		}
		cells[lane].lines = below(cells[lane], head, last)
	}
}

// leftward draws a message to a lane on the left: the arrow, and behind it the text.
func (g *page) leftward(cells []cell, r row) {
	words := r.text
	if r.lost {
		words += ", lost on the way to " + g.p.Lanes[r.Other]
	}
	cells[r.Lane].lines = g.text(r, words, g.widths[r.Lane]-1)
	if r.lost {
		return
	}
	for lane := r.Other; lane < r.Lane; lane++ {
		line := strings.Repeat("─", g.widths[lane])
		if lane == r.Other {
			line = "◀" + line[len("─"):]
		}
		cells[lane].lines = []string{g.arrow(line)}
	}
}

// below is a cell with its blank line so many times, and then that line.
func below(c cell, line string, n int) []string {
	var lines []string
	for range n {
		lines = append(lines, c.blank)
	}
	return append(lines, line)
}

func (g *page) arrow(s string) string { return g.s.Paint.Accent(s) }
