package web

import (
	"bytes"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// prose turns the course's Markdown into HTML. Raw HTML in it is left out, and so is every link
// that is not one.
var prose = goldmark.New(goldmark.WithExtensions(extension.NewTable(
	extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))))

// markdown is a text as HTML. Its own title is left out: the page has one.
func markdown(text string) template.HTML {
	if title, rest, ok := strings.Cut(text, "\n"); ok && strings.HasPrefix(title, "# ") {
		text = rest
	}
	var b bytes.Buffer
	if err := prose.Convert([]byte(text), &b); err != nil {
		return template.HTML(template.HTMLEscapeString(text))
	}
	return template.HTML(b.String())
}
