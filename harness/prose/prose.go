// Package prose shows Markdown in a terminal: briefs, hints and model answers. Paragraphs and items
// of lists are joined before they are wrapped, and hang; code is left as it is, so that it can be
// pasted. All colours are those of package term, which can be read on light and on dark; text is
// the terminal's own foreground.
package prose

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/backend-labs/backend-labs/harness/term"
)

// Style is how to show a text.
type Style struct {
	Colour  bool
	Columns int // the width to wrap at
	// FoldCode breaks lines of code that are wider, with a mark, where whoever shows them would cut
	// them off. Otherwise the terminal breaks them, and what is copied is the code itself.
	FoldCode bool
}

// widest is how wide prose may get before it is hard to read.
const widest = 100

// Render gives the text that shows the Markdown, with a line feed at its end.
func Render(markdown string, s Style) string {
	src := []byte(markdown)
	parser := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()
	r := &renderer{src: src, s: s, p: term.NewPaint(s.Colour),
		columns: min(max(s.Columns, 20), widest)}
	r.blocks(parser.Parse(text.NewReader(src)), "")
	return strings.TrimRight(r.out.String(), "\n") + "\n"
}

type renderer struct {
	src     []byte
	s       Style
	p       term.Paint
	columns int
	out     strings.Builder
}

// blocks writes the children of a block, an empty line between two of them.
func (r *renderer) blocks(parent ast.Node, indent string) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if n != parent.FirstChild() {
			r.out.WriteString("\n")
		}
		r.block(n, indent)
	}
}

func (r *renderer) block(n ast.Node, indent string) {
	switch n := n.(type) {
	case *ast.Heading:
		r.heading(n, indent)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		r.code(n, indent)
	case *ast.List:
		r.list(n, indent)
	case *ast.Blockquote:
		r.blocks(n, indent+r.p.Faint("│")+" ")
	case *ast.ThematicBreak:
		r.line(indent, r.p.Faint(strings.Repeat("─", max(3, r.columns-ansi.StringWidth(indent)))))
	case *east.Table:
		r.table(n, indent)
	case *ast.HTMLBlock:
		for i := range n.Lines().Len() {
			at := n.Lines().At(i)
			r.line(indent, strings.TrimRight(string(at.Value(r.src)), "\n"))
		}
	default:
		r.wrap(indent, indent, r.inline(n))
	}
}

func (r *renderer) line(indent, text string) {
	r.out.WriteString(strings.TrimRight(indent+text, " ") + "\n")
}

func (r *renderer) heading(n *ast.Heading, indent string) {
	text := r.inline(n)
	if n.Level == 1 {
		r.wrap(indent, indent, r.p.Strong(r.p.Accent(text)))
		return
	}
	r.wrap(indent, indent, r.p.Strong(text))
	if !r.s.Colour { // without bold letters a heading is told by its line
		r.line(indent, strings.Repeat("─", min(ansi.StringWidth(text), r.columns)))
	}
}

// wrap writes text whose first line begins with first, and the others with rest.
func (r *renderer) wrap(first, rest, text string) {
	width := max(10, r.columns-ansi.StringWidth(first))
	for i, line := range strings.Split(term.Wrap(text, width), "\n") {
		if i == 0 {
			r.line(first, line)
		} else {
			r.line(rest, line)
		}
	}
}

// code writes lines as they are, their tabs as four spaces.
func (r *renderer) code(n ast.Node, indent string) {
	lines := n.Lines()
	for i := range lines.Len() {
		at := lines.At(i)
		line := strings.ReplaceAll(strings.TrimRight(string(at.Value(r.src)), "\n"), "\t", "    ")
		for _, part := range r.fold(line, r.s.Columns-ansi.StringWidth(indent)) {
			r.line(indent, r.shade(part))
		}
	}
}

// fold breaks a line where it must be.
func (r *renderer) fold(line string, width int) []string {
	if !r.s.FoldCode || ansi.StringWidth(line) <= width {
		return []string{line}
	}
	const mark = "↪ "
	var parts []string
	for rest := line; rest != ""; {
		room, lead := width, ""
		if len(parts) > 0 {
			room, lead = width-len([]rune(mark)), mark
		}
		head := ansi.Truncate(rest, max(8, room), "")
		parts = append(parts, lead+head)
		rest = strings.TrimLeft(rest[len(head):], " ")
	}
	return parts
}

// shade makes the comments of code faint.
func (r *renderer) shade(line string) string {
	if trimmed := strings.TrimLeft(line, " "); strings.HasPrefix(trimmed, "//") {
		return line[:len(line)-len(trimmed)] + r.p.Faint(trimmed)
	}
	return line
}

func (r *renderer) list(l *ast.List, indent string) {
	number := l.Start
	for item := l.FirstChild(); item != nil; item = item.NextSibling() {
		bullet := "• "
		if l.IsOrdered() {
			bullet = fmt.Sprintf("%d. ", number)
			number++
		}
		hang := indent + strings.Repeat(" ", ansi.StringWidth(bullet))
		for child := item.FirstChild(); child != nil; child = child.NextSibling() {
			switch child.(type) {
			case *ast.Paragraph, *ast.TextBlock:
				if child == item.FirstChild() {
					r.wrap(indent+r.p.Accent(bullet), hang, r.inline(child))
					continue
				}
				r.out.WriteString("\n")
			}
			r.block(child, hang)
		}
		if !l.IsTight && item.NextSibling() != nil {
			r.out.WriteString("\n")
		}
	}
}

// inline is the text of a block in one line.
func (r *renderer) inline(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(Meant(c, r.src))
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.CodeSpan:
			b.WriteString(r.p.Accent(r.inline(c)))
		case *ast.Emphasis:
			if text := r.inline(c); c.Level > 1 {
				b.WriteString(r.p.Strong(text))
			} else {
				b.WriteString(r.p.Underline(text))
			}
		case *ast.Link:
			text, to := r.inline(c), string(c.Destination)
			b.WriteString(text)
			if to != text {
				b.WriteString(" (" + to + ")")
			}
		case *ast.AutoLink:
			b.Write(c.URL(r.src))
		case *ast.RawHTML:
			for i := range c.Segments.Len() {
				at := c.Segments.At(i)
				b.Write(at.Value(r.src))
			}
		default:
			b.WriteString(r.inline(c))
		}
	}
	return b.String()
}

// Meant is what a text says: outside of code, characters may be escaped or given by their names.
func Meant(t *ast.Text, src []byte) []byte {
	said := t.Segment.Value(src)
	if t.IsRaw() {
		return said
	}
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(said)))
}
