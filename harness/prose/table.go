package prose

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"

	"github.com/backend-labs/backend-labs/harness/term"
)

// gap is what stands between two columns, and narrow the width below which a column is of no use.
const (
	gap    = 2
	narrow = 10
)

// table writes a table in columns that are wrapped each for itself; where there is no room for
// that, each row as a list of its cells.
func (r *renderer) table(t *east.Table, indent string) {
	var rows [][]string
	for n := t.FirstChild(); n != nil; n = n.NextSibling() {
		rows = append(rows, r.cells(n))
	}
	room := r.columns - ansi.StringWidth(indent)
	widths := r.widths(rows, room)
	if widths == nil {
		r.rowsAsLists(rows, indent)
		return
	}
	for i, row := range rows {
		r.row(row, widths, indent, i == 0)
		if i == 0 {
			total := -gap
			for _, w := range widths {
				total += w + gap
			}
			r.line(indent, r.p.Faint(strings.Repeat("─", total)))
		}
	}
}

func (r *renderer) cells(row ast.Node) (cells []string) {
	for n := row.FirstChild(); n != nil; n = n.NextSibling() {
		cells = append(cells, r.inline(n))
	}
	return cells
}

// widths gives each column what it asks for, or what is left of the room to the widest of them; nil
// if that is too little.
func (r *renderer) widths(rows [][]string, room int) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	for {
		total, widest := -gap, 0
		for i, w := range widths {
			total += w + gap
			if w > widths[widest] {
				widest = i
			}
		}
		if total <= room {
			return widths
		}
		second := narrow
		for i, w := range widths {
			if i != widest {
				second = max(second, w)
			}
		}
		cut := min(total-room, max(1, widths[widest]-second))
		if widths[widest]-cut < narrow {
			return nil
		}
		widths[widest] -= cut
	}
}

func (r *renderer) row(cells []string, widths []int, indent string, strong bool) {
	columns, height := make([][]string, len(cells)), 1
	for i, cell := range cells {
		if strong {
			cell = r.p.Strong(cell)
		}
		columns[i] = strings.Split(term.WrapPaths(cell, widths[i]), "\n")
		height = max(height, len(columns[i]))
	}
	for y := range height {
		var b strings.Builder
		for i, column := range columns {
			text := ""
			if y < len(column) {
				text = column[y]
			}
			b.WriteString(text + strings.Repeat(" ", max(0, widths[i]-ansi.StringWidth(text))+gap))
		}
		r.line(indent, b.String())
	}
}

// rowsAsLists writes each row below its first cell, the others with their headings.
func (r *renderer) rowsAsLists(rows [][]string, indent string) {
	for _, row := range rows[1:] {
		r.wrap(indent, indent+"  ", r.p.Strong(row[0]))
		for i, cell := range row[1:] {
			if cell == "" {
				continue
			}
			if head := rows[0][i+1]; head != "" {
				cell = head + ": " + cell
			}
			r.wrap(indent+"  ", indent+"    ", cell)
		}
	}
}
