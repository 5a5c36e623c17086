package picture

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/term"
)

// The measures of a drawing, in CSS pixels.
const (
	lineHigh = 17
	rowGap   = 11
	topHigh  = 34
	clockTo  = 100 // where the times end, and the lanes begin a little behind it
	laneFrom = clockTo + 24
	letter   = 8              // the width of a letter, and a little more
	wide     = laneFrom + 840 // what few lanes may take together
	least    = 26             // letters that a lane has room for, however many there are
)

// SVG draws a picture as a document of its own, or to be put into a page: a vertical line for each
// lane, time running down, spans as bars on the lines and messages as arrows between them. It is as
// high as it needs to be. A reader for the blind is given the picture as text.
func SVG(p timeline.Picture) string {
	d := &drawing{p: p, rows: rowsOf(p)}
	d.place()
	width := d.x(len(p.Lanes))
	fmt.Fprintf(&d.Builder, `<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" `+
		`viewBox="0 0 %d %d" width="%d" height="%d">`+"\n", width, d.high, width, d.high)
	spoken := Text(p, Style{Columns: 1, Lines: len(p.Steps) * 9, Paint: term.NewPaint(false)})
	d.add("<desc>%s</desc>\n<style>%s</style>\n", html.EscapeString(spoken), Look)
	d.lanes()
	d.spans()
	for i := range d.rows {
		d.row(i)
	}
	d.note(p.Before, "before", topHigh)
	d.note(p.After, "after", d.high-8)
	d.add("</svg>\n")
	return d.String()
}

// Look is what stands in the style element of every drawing, on light and on dark pages: a page that forbids styles
// within itself can allow this one by its hash.
const Look = `
.timeline { font: 13px ui-monospace, monospace; color: #1b1f24; --bad: #c6171e; --line: #8a929c; --act: #0a69b8; }
@media (prefers-color-scheme: dark) { .timeline { color: #e4e8ec; --bad: #ff6b6b; --line: #78818c; --act: #5cb0ff; } }
.timeline text { fill: currentColor; }
.timeline .lane { font-weight: bold; }
.timeline .time, .timeline .note { fill: var(--line); }
.timeline line, .timeline path { stroke: var(--line); fill: none; }
.timeline rect { fill: var(--act); opacity: .35; }
.timeline .sent { stroke: var(--act); stroke-width: 1.5; }
.timeline .lost { stroke-dasharray: 4 3; }
.timeline circle, .timeline .head { fill: var(--act); stroke: none; }
.timeline .breaks { fill: var(--bad); font-weight: bold; }
.timeline .broken { fill: var(--bad); opacity: .12; }
`

// drawing is a picture that is being drawn as SVG.
type drawing struct {
	strings.Builder
	p     timeline.Picture
	rows  []row
	texts [][]string // the lines of each row's text
	y     []int      // where each row's first line is
	room  int        // the letters that each lane has room for
	high  int
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.Builder, format, args...) }

// x is where a lane's line is; behind the last one, where the drawing ends.
func (d *drawing) x(lane int) int { return laneFrom + lane*(d.room*letter+2) }

// says is what stands at a row.
func (r row) says() string {
	text := r.text
	if r.Kind == timeline.Value {
		text = "= " + text
	}
	if r.lost {
		text += " (lost)"
	}
	return text
}

// place finds out where the lanes and the rows are. Lanes are as wide as their texts, as far as they find room.
func (d *drawing) place() {
	for _, lane := range d.p.Lanes {
		d.room = max(d.room, ansi.StringWidth(lane))
	}
	for _, r := range d.rows {
		d.room = max(d.room, ansi.StringWidth(r.says())+1)
	}
	d.room = max(least, min(d.room, (wide-laneFrom)/letter/max(1, len(d.p.Lanes))))
	y := topHigh + lineHigh + rowGap
	for _, r := range d.rows {
		lines := strings.Split(term.Wrap(r.says(), d.room), "\n")
		d.texts, d.y = append(d.texts, lines), append(d.y, y)
		y += len(lines)*lineHigh + rowGap
	}
	d.high = y + lineHigh
}

func (d *drawing) lanes() {
	for i, lane := range d.p.Lanes {
		d.add(`<text class="lane" x="%d" y="18">%s</text>`+"\n", d.x(i)-4,
			html.EscapeString(ansi.Truncate(lane, d.room, "…")))
		d.add(`<line x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", d.x(i), topHigh-8, d.x(i), d.high-8)
	}
}

// spans draws a bar for each span, from its start to its end or, where one of them is not there, the
// picture's.
func (d *drawing) spans() {
	for i, r := range d.rows {
		from, to := d.y[i]-4, d.high-8
		switch start, end := d.end(i, timeline.Start), d.end(i, timeline.End); {
		case r.Kind == timeline.Start && end >= 0:
			to = d.y[end] - 4
		case r.Kind == timeline.End && start < 0:
			from, to = topHigh, d.y[i]-4
		case r.Kind != timeline.Start:
			continue
		}
		d.add(`<rect x="%d" y="%d" width="6" height="%d" rx="2"/>`+"\n", d.x(r.Lane)-3, from, to-from)
	}
}

func (d *drawing) row(i int) {
	r, y := d.rows[i], d.y[i]
	if r.Breaks {
		d.add(`<rect class="broken" x="0" y="%d" width="100%%" height="%d"/>`+"\n", y-lineHigh,
			len(d.texts[i])*lineHigh+rowGap-2)
		d.add(`<text class="breaks" x="2" y="%d">✗</text>`+"\n", y)
	}
	if i == 0 || r.At != d.rows[i-1].At {
		d.add(`<text class="time" x="%d" y="%d" text-anchor="end">%s</text>`+"\n", clockTo, y,
			r.moment(d.p))
	}
	if r.Kind == timeline.Came && d.end(i, timeline.Sent) >= 0 {
		return // its text stands where it was sent
	}
	d.arrow(i)
	class := ""
	if r.Breaks {
		class = ` class="breaks"`
	}
	for k, line := range d.texts[i] {
		d.add(`<text%s x="%d" y="%d">%s</text>`+"\n", class, d.x(r.Lane)+10, y+k*lineHigh,
			html.EscapeString(line))
	}
}

// end is the row in which the message of a row was sent or arrives, or -1.
func (d *drawing) end(i int, kind timeline.Kind) int {
	return slices.IndexFunc(d.rows, func(r row) bool {
		return r.Kind == kind && r.ID != 0 && r.ID == d.rows[i].ID
	})
}

// arrow draws what a row's message does or, where there is none, a dot for what takes no time.
func (d *drawing) arrow(i int) {
	r, y := d.rows[i], d.y[i]-4
	switch r.Kind {
	case timeline.Point, timeline.Value:
		d.add(`<circle cx="%d" cy="%d" r="4"/>`+"\n", d.x(r.Lane), y)
		return
	case timeline.Sent:
	default:
		return
	}
	foot := y + (len(d.texts[i])-1)*lineHigh + 9 // below the text
	to, end, class := d.x(r.Other), foot, "sent"
	switch came := d.end(i, timeline.Came); {
	case r.lost || !r.across && came < 0:
		to, class = d.x(r.Lane)+(d.x(r.Other)-d.x(r.Lane))*3/4, "sent lost"
	case !r.across:
		end = d.y[came] - 4
	}
	back := 7
	if to < d.x(r.Lane) {
		back = -7
	}
	d.add(`<line class="%s" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", class, d.x(r.Lane), foot, to, end)
	if r.lost {
		d.add(`<text class="breaks" x="%d" y="%d" text-anchor="middle">×</text>`+"\n", to, end+4)
		return
	}
	d.add(`<path class="head" d="M%d %d l%d -4 v8 z"/>`+"\n", to, end, -back)
}

// note says how many steps are not drawn, if any.
func (d *drawing) note(n int, where string, y int) {
	if n > 0 {
		d.add(`<text class="note" x="2" y="%d">⋮ %s %s</text>`+"\n", y, term.Plural(n, "step"), where)
	}
}
