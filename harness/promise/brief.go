package promise

import (
	"fmt"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/backend-labs/backend-labs/harness/prose"
)

// Section is the heading in a brief below which the contract stands.
const Section = "The contract"

// page is a parsed text in Markdown.
type page struct {
	name string
	src  []byte
	said []passage
}

func (p *page) parse() ast.Node {
	return goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().
		Parse(text.NewReader(p.src))
}

// fromBrief gives the passages of the contract in a brief.
func fromBrief(name string, src []byte) ([]passage, error) {
	p := &page{name: name, src: src}
	level := 0 // of the section's heading, once it has begun
	for n := p.parse().FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		switch {
		case ok && level == 0 && p.inline(n, letter{}).String() == Section:
			level = h.Level
		case ok && level > 0 && h.Level <= level:
			return p.contract()
		case level > 0:
			p.block(n)
		}
	}
	if level == 0 {
		return nil, fmt.Errorf("%s has no section %q, so it promises nothing: write \"## %s\" "+
			"above what a solution must keep to", name, Section, Section)
	}
	return p.contract()
}

func (p *page) contract() ([]passage, error) {
	if len(p.said) == 0 {
		return nil, fmt.Errorf("the section %q of %s has no sentence", Section, p.name)
	}
	return p.said, nil
}

// block adds the passages of a block. Code, HTML and headings have none.
func (p *page) block(n ast.Node) {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		p.add(n, passage{text: p.inline(n, letter{}), leads: leads(n)})
	case *east.Table:
		for row := n.FirstChild(); row != nil; row = row.NextSibling() {
			if _, head := row.(*east.TableHeader); !head {
				p.add(row, passage{text: p.cells(row), row: true})
			}
		}
	case *ast.List, *ast.ListItem, *ast.Blockquote:
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			p.block(c)
		}
	}
}

func (p *page) add(n ast.Node, said passage) {
	line := 1
	for _, b := range p.src[:max(0, start(n))] {
		if b == '\n' {
			line++
		}
	}
	said.where = fmt.Sprintf("%s:%d", p.name, line)
	p.said = append(p.said, said)
}

// start is where the first text of a node begins, or -1 where it has none.
func start(n ast.Node) int {
	if t, ok := n.(*ast.Text); ok {
		return t.Segment.Start
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if at := start(c); at >= 0 {
			return at
		}
	}
	return -1
}

// leads reports whether a list or a table follows, which the words before it may introduce.
func leads(n ast.Node) bool {
	switch n.NextSibling().(type) {
	case *ast.List, *east.Table:
		return true
	}
	return false
}

// cells joins the cells of a row as the brief does.
func (p *page) cells(row ast.Node) (all letters) {
	for c := row.FirstChild(); c != nil; c = c.NextSibling() {
		if c != row.FirstChild() {
			all = all.add(" | ", letter{})
		}
		all = append(all, p.inline(c, letter{})...)
	}
	return all.folded()
}

// inline is the text of a block, each of its letters in a style at least.
func (p *page) inline(n ast.Node, style letter) (all letters) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		within := style
		switch c := c.(type) {
		case *ast.Text:
			all = all.add(string(prose.Meant(c, p.src)), style)
			if c.SoftLineBreak() || c.HardLineBreak() {
				all = all.add(" ", style)
			}
			continue
		case *ast.AutoLink:
			all = all.add(string(c.URL(p.src)), letter{code: true})
			continue
		case *ast.CodeSpan:
			within.code = true
		case *ast.Emphasis:
			within.bold = within.bold || c.Level > 1
		}
		all = append(all, p.inline(c, within)...)
	}
	return all.folded()
}
