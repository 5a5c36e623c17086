// Package graph draws which labs prepare for which: as text, for Graphviz and Mermaid, and as SVG.
package graph

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
)

// Formats are the forms in which [Draw] draws.
var Formats = []string{"text", "dot", "mermaid", "svg"}

// Draw draws the labs and the arrows from each to those that it prepares for, in one of [Formats]. A lab that prepares
// for one and is not among the labs is left out. done says which have been passed; nil says nothing about it.
func Draw(labs []*course.Lab, format string, done func(id string) bool) string {
	g := of(labs)
	switch format {
	case "dot":
		return g.dot()
	case "mermaid":
		return g.mermaid()
	case "svg":
		return g.svg(done)
	}
	return g.text(done)
}

// graph has the labs in layers: each lies behind all that prepare for it.
type graph struct {
	labs   []*course.Lab
	after  map[string][]string // id → the ids that prepare for it, of those that are there
	layers [][]*course.Lab
}

func of(labs []*course.Lab) *graph {
	g := &graph{labs: labs, after: map[string][]string{}}
	for _, l := range labs {
		for _, id := range l.After {
			if slices.ContainsFunc(labs, func(o *course.Lab) bool { return o.ID == id }) {
				g.after[l.ID] = append(g.after[l.ID], id)
			}
		}
	}
	layer := map[string]int{}
	var depth func(id string, seen int) int
	depth = func(id string, seen int) int {
		if d, known := layer[id]; known || seen > len(labs) { // a circle ends somewhere
			return d
		}
		d := 0
		for _, before := range g.after[id] {
			d = max(d, depth(before, seen+1)+1)
		}
		layer[id] = d
		return d
	}
	for _, l := range labs {
		d := min(depth(l.ID, 0), len(labs)-1)
		for len(g.layers) <= d {
			g.layers = append(g.layers, nil)
		}
		g.layers[d] = append(g.layers[d], l)
	}
	return g
}

// text has a paragraph for each layer, and a line for each lab.
func (g *graph) text(done func(string) bool) string {
	var b strings.Builder
	for i, layer := range g.layers {
		head := "to begin with"
		if i > 0 {
			head = fmt.Sprintf("step %d", i+1)
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintln(&b, head)
		for _, l := range layer {
			mark := " "
			if done != nil && done(l.ID) {
				mark = "✓"
			}
			fmt.Fprintf(&b, "%s %-4s %s", mark, l.ID, l.Title)
			if before := g.after[l.ID]; len(before) > 0 {
				fmt.Fprintf(&b, "  ← %s", strings.Join(before, ", "))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (g *graph) dot() string {
	var b strings.Builder
	b.WriteString("digraph labs {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n")
	for _, l := range g.labs {
		fmt.Fprintf(&b, "  %s [label=%q];\n", l.ID, l.ID+"\n"+l.Title)
	}
	g.arrows(func(from, to string) { fmt.Fprintf(&b, "  %s -> %s;\n", from, to) })
	return b.String() + "}\n"
}

func (g *graph) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, l := range g.labs {
		fmt.Fprintf(&b, "  %s[\"%s %s\"]\n", l.ID, l.ID, strings.ReplaceAll(l.Title, `"`, "#quot;"))
	}
	g.arrows(func(from, to string) { fmt.Fprintf(&b, "  %s --> %s\n", from, to) })
	return b.String()
}

func (g *graph) arrows(each func(from, to string)) {
	for _, l := range g.labs {
		for _, from := range g.after[l.ID] {
			each(from, l.ID)
		}
	}
}

// The measures of the drawing, in CSS pixels.
const (
	boxWide, boxHigh = 220, 30
	gapWide, gapHigh = 60, 10
	margin           = 10
)

// svg has a column for each layer.
func (g *graph) svg(done func(string) bool) string {
	type point struct{ x, y int }
	at := map[string]point{}
	high := 2 * margin
	for i, layer := range g.order() {
		for j, l := range layer {
			at[l.ID] = point{margin + i*(boxWide+gapWide), margin + j*(boxHigh+gapHigh)}
			high = max(high, at[l.ID].y+boxHigh+margin)
		}
	}
	wide := 2*margin + max(0, len(g.layers)*(boxWide+gapWide)-gapWide)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" viewBox="0 0 %d %d" width="%d" height="%d">`+"\n",
		wide, high, wide, high)
	fmt.Fprintf(&b, "<desc>%s</desc>\n%s", html.EscapeString(g.text(done)), look)
	g.arrows(func(from, to string) {
		f, t := at[from], at[to]
		x1, y1, x2, y2 := f.x+boxWide, f.y+boxHigh/2, t.x-5, t.y+boxHigh/2
		fmt.Fprintf(&b, `<path d="M%d %dC%d %d %d %d %d %d"/><path class="head" d="M%d %dl-6 -4v8z"/>`+"\n",
			x1, y1, x1+gapWide/2, y1, x2-gapWide/2, y2, x2, y2, x2+5, y2)
	})
	for _, l := range g.labs {
		p, class := at[l.ID], string(l.Level)
		title := l.Title
		if letters := []rune(title); len(letters) > 22 {
			title = string(letters[:21]) + "…"
		}
		if done != nil && done(l.ID) {
			class, title = class+" done", "✓ "+title
		}
		fmt.Fprintf(&b, `<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="5"/><text x="%d" y="%d"><tspan class="id">%s</tspan> %s</text></g>`+"\n",
			class, p.x, p.y, boxWide, boxHigh, p.x+8, p.y+20, l.ID, html.EscapeString(title))
	}
	return b.String() + "</svg>\n"
}

// order puts the labs of each layer near those that prepare for them, so that fewer arrows cross.
func (g *graph) order() [][]*course.Lab {
	place := map[string]float64{}
	layers := make([][]*course.Lab, len(g.layers))
	for i, layer := range g.layers {
		layers[i] = slices.Clone(layer)
		want := func(l *course.Lab) float64 {
			before := g.after[l.ID]
			if len(before) == 0 {
				return place[l.ID]
			}
			sum := 0.0
			for _, id := range before {
				sum += place[id]
			}
			return sum / float64(len(before))
		}
		if i > 0 {
			slices.SortStableFunc(layers[i], func(a, b *course.Lab) int {
				switch x, y := want(a), want(b); {
				case x < y:
					return -1
				case x > y:
					return 1
				}
				return 0
			})
		}
		for j, l := range layers[i] {
			place[l.ID] = float64(j)
		}
	}
	return layers
}

// look is the style of the drawing, on light and on dark pages.
const look = `<style>
.graph { font: 13px system-ui, sans-serif; color: #1b1f24; --edge: #8a929c; --b: #dafbe1; --i: #ddf0ff; --a: #fbe5ff; }
@media (prefers-color-scheme: dark) { .graph { color: #e4e8ec; --edge: #78818c; --b: #12341f; --i: #10304d; --a: #3b1d47; } }
.graph path { stroke: var(--edge); fill: none; }
.graph .head { fill: var(--edge); }
.graph rect { stroke: var(--edge); }
.graph text { fill: currentColor; }
.graph .id { font-weight: bold; }
.graph .beginner rect { fill: var(--b); }
.graph .intermediate rect { fill: var(--i); }
.graph .advanced rect { fill: var(--a); }
.graph .done rect { stroke-width: 2.5; }
</style>
`
