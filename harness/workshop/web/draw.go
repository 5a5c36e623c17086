package web

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// bar draws how a room stands with a lab as a bar of four parts. The words for it stand beside it
// on every page.
func (s standing) Bar() template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" ` +
		`aria-hidden="true" focusable="false">`)
	x := 0.0
	for _, part := range []struct {
		class string
		n     int
	}{{"graded", s.Graded}, {"says", s.Says}, {"on", s.On}, {"idle", s.Idle}} {
		wide := 1000 * float64(part.n) / float64(max(1, s.Of()))
		if part.n > 0 {
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="0" width="%.1f" height="20"/>`,
				part.class, x, wide)
		}
		x += wide
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// The measures of the line of time, in its own units.
const (
	lineWide  = 1000
	lineLeft  = 60
	lineRight = 70
	laneHigh  = 34
	lineTop   = 8
	lineFoot  = 24
	lineBins  = 80
)

// timeLine is when how much happened at each lab, cut into equal times.
type timeLine struct {
	from, to time.Time
	lanes    []lane
	most     int // in one bin of any lane
}

// lane is one lab's.
type lane struct {
	lab    *course.Lab
	runs   [lineBins]int
	passes [lineBins]int
	graded int
	all    int
	ok     int
	first  time.Time // the first pass
}

// timeLineOf sorts events into bins. Labs at which nothing happened have no lane.
func timeLineOf(labs []*course.Lab, events []room.Event) timeLine {
	var t timeLine
	if len(events) == 0 {
		return t
	}
	t.from, t.to = events[0].At, events[0].At
	for _, e := range events {
		if e.At.Before(t.from) {
			t.from = e.At
		}
		if e.At.After(t.to) {
			t.to = e.At
		}
	}
	wide := max(t.to.Sub(t.from), time.Minute)
	for _, l := range labs {
		of := lane{lab: l}
		for _, e := range events {
			if e.Lab == l.ID {
				of.add(e, min(lineBins-1,
					int(float64(lineBins)*float64(e.At.Sub(t.from))/float64(wide))))
			}
		}
		if of.all > 0 {
			t.lanes = append(t.lanes, of)
		}
		for _, n := range of.runs {
			t.most = max(t.most, n)
		}
	}
	return t
}

func (l *lane) add(e room.Event, bin int) {
	l.all++
	l.runs[bin]++
	if e.Graded {
		l.graded++
	}
	if e.Verdict != run.Passed {
		return
	}
	l.ok++
	l.passes[bin]++
	if l.first.IsZero() || e.At.Before(l.first) {
		l.first = e.At
	}
}

// Said is the line of time in words, a sentence for each lab.
func (t timeLine) Said(zone *time.Location) (lines []string) {
	for _, l := range t.lanes {
		line := fmt.Sprintf("%s: %d check runs and verdicts, %d of them passed", l.lab.ID, l.all,
			l.ok)
		if !l.first.IsZero() {
			line += ", the first at " + l.first.In(zone).Format("15:04")
		}
		lines = append(lines, line+".")
	}
	return lines
}

// SVG draws it: a lane for each lab, a bar for each time, as high as there were runs then; the
// solid part of a bar are those that passed.
func (t timeLine) SVG(zone *time.Location) template.HTML {
	if len(t.lanes) == 0 {
		return ""
	}
	high := lineTop + laneHigh*len(t.lanes) + lineFoot
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="line" role="img" aria-labelledby="line-title" viewBox="0 0 %d %d">`,
		lineWide, high)
	fmt.Fprintf(&b, `<title id="line-title">%s</title>`,
		html.EscapeString("Check runs over time. "+strings.Join(t.Said(zone), " ")))
	for i, l := range t.lanes {
		l.draw(&b, lineTop+laneHigh*(i+1), t.most)
	}
	from, to := t.from.In(zone).Format("15:04"), t.to.In(zone).Format("15:04")
	if t.to.Sub(t.from) > 20*time.Hour {
		from, to = t.from.In(zone).Format("2 Jan 15:04"), t.to.In(zone).Format("2 Jan 15:04")
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text><text class="end" x="%d" y="%d">%s</text></svg>`,
		lineLeft, high-6, from, lineWide-lineRight, high-6, to)
	return template.HTML(b.String())
}

func (l lane) draw(b *strings.Builder, base, most int) {
	fmt.Fprintf(b, `<text x="0" y="%d">%s</text>`, base-4, html.EscapeString(l.lab.ID))
	fmt.Fprintf(b, `<text class="end" x="%d" y="%d">%d of %d</text>`, lineWide, base-4, l.ok, l.all)
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d"/>`, lineLeft, base, lineWide-lineRight,
		base)
	wide := float64(lineWide-lineLeft-lineRight) / lineBins
	for bin, n := range l.runs {
		x := lineLeft + float64(bin)*wide
		for _, part := range []struct {
			class string
			n     int
		}{{"runs", n}, {"passes", l.passes[bin]}} {
			if part.n > 0 {
				tall := max(2, float64(laneHigh-6)*float64(part.n)/float64(most))
				fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
					part.class, x+.5, float64(base)-tall, wide-1, tall)
			}
		}
	}
}
