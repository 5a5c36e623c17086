package prose_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/prose"
)

// TestRender_parts shows each part of Markdown by itself, on a screen of 30 columns.
func TestRender_parts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":        {"", "\n"},
		"a paragraph":    {"one\ntwo\n", "one two\n"},
		"two paragraphs": {"one\n\n\n\ntwo", "one\n\ntwo\n"},
		"a long one": {"This one does not fit into thirty columns.",
			"This one does not fit into\nthirty columns.\n"},
		"a hard break":          {"one  \ntwo", "one two\n"},
		"a title":               {"# Rate\n\ntext", "Rate\n\ntext\n"},
		"a heading":             {"## Rate\ntext", "Rate\n────\n\ntext\n"},
		"emphasis":              {"*one* **two** ***three***", "one two three\n"},
		"a name in code":        {"call `f(x)` now", "call f(x) now\n"},
		"stars in code":         {"`**kw`", "**kw\n"},
		"a link":                {"[docs](https://go.dev/doc)", "docs (https://go.dev/doc)\n"},
		"a link that is itself": {"[https://go.dev](https://go.dev)", "https://go.dev\n"},
		"a bare address":        {"<https://go.dev>", "https://go.dev\n"},
		"a picture":             {"![a queue](queue.png)", "a queue\n"},
		"HTML inside":           {"press <kbd>h</kbd>", "press <kbd>h</kbd>\n"},
		"HTML":                  {"<p>\none\n</p>\n", "<p>\none\n</p>\n"},
		"an escaped star":       {`2 \* 3 in a\_b`, "2 * 3 in a_b\n"},
		"a backslash":           {`a\b`, `a\b` + "\n"},
		"a backslash in code":   {"`a\\*b`", `a\*b` + "\n"},
		"entities":              {"a &lt; b &amp; c&#33;", "a < b & c!\n"},
		"an entity in code":     {"`&lt;`", "&lt;\n"},
		"a rule": {"one\n\n---\n\ntwo", "one\n\n" + strings.Repeat("─", 30) +
			"\n\ntwo\n"},
		"a list": {"- one\n- two\n", "• one\n• two\n"},
		"a list that hangs": {"- this item does not fit into it\n",
			"• this item does not fit into\n  it\n"},
		"a loose list": {"- one\n\n- two\n", "• one\n\n• two\n"},
		"numbers":      {"1. one\n2. two\n", "1. one\n2. two\n"},
		"numbers from 9": {"9. one\n10. this item does not fit in it\n",
			"9. one\n10. this item does not fit in\n    it\n"},
		"a list in a list": {"- one\n  - two\n    1. three\n- four\n",
			"• one\n  • two\n    1. three\n• four\n"},
		"two paragraphs in one": {"- one\n\n  more\n", "• one\n\n  more\n"},
		"code in a list":        {"- one\n\n  ```\n  x := 1\n  ```\n", "• one\n  x := 1\n"},
		"a quotation":           {"> one\n> two\n", "│ one two\n"},
		"a quotation in one":    {"> one\n>\n> > two\n", "│ one\n\n│ │ two\n"},
		"code":                  {"```go\nif x {\n\treturn\n}\n```", "if x {\n    return\n}\n"},
		"indented code":         {"text\n\n    x := 1\n", "text\n\nx := 1\n"},
		"code that is wide": {"```\n" + strings.Repeat("x", 40) + "\n```", strings.Repeat("x",
			40) + "\n"},
		"a table": {"|a|b|\n|-|-|\n|one|two|\n|three||\n",
			"a      b\n──────────\none    two\nthree\n"},
		"a table of one column": {"|a|\n|-|\n|one|\n", "a\n───\none\n"},
		"a table that is wrapped": {"|key|what|\n|-|-|\n|k|this cell has more than fits beside|\n",
			"key  what\n" + strings.Repeat("─", 30) + "\nk    this cell has more than\n     fits beside\n"},
		"a table without room": {"|a|b|c|d|\n|-|-|-|-|\n" +
			"|first one here|second one here||fourth one here|\n",
			"first one here\n  b: second one here\n  d: fourth one here\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := prose.Render(tt.in, prose.Style{Columns: 30})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// Colour changes how it looks and, but for the lines below headings, not what it says.
			coloured := prose.Render(tt.in, prose.Style{Columns: 30, Colour: true})
			if name != "a heading" && ansi.Strip(coloured) != got {
				t.Errorf("got %q in colour, want the same text", coloured)
			}
		})
	}
}

// TestRender_width is about screens that are too narrow or too wide to read well.
func TestRender_width(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("word ", 60)
	for columns, want := range map[int]int{-1: 19, 0: 19, 10: 19, 20: 19, 40: 39, 100: 99,
		400: 99} {
		widest := 0
		for line := range strings.Lines(prose.Render(text, prose.Style{Columns: columns})) {
			widest = max(widest, len(strings.TrimRight(line, "\n")))
		}
		if widest != want {
			t.Errorf("%d columns: got lines of up to %d, want %d", columns, widest, want)
		}
	}
}

// TestRender_folds is where code is broken, and what stands at the break.
func TestRender_folds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code    string
		columns int
		want    string
	}{
		"what fits": {strings.Repeat("x", 20), 20, strings.Repeat("x", 20) + "\n"},
		"one more":  {strings.Repeat("x", 21), 20, strings.Repeat("x", 20) + "\n↪ x\n"},
		"twice": {strings.Repeat("x", 39), 20, strings.Repeat("x", 20) + "\n↪ " +
			strings.Repeat("x", 18) + "\n↪ x\n"},
		"blanks at the break": {strings.Repeat("x", 20) + "   y", 20, strings.Repeat("x", 20) +
			"\n↪ y\n"},
		"letters of two":  {strings.Repeat("世", 11), 20, strings.Repeat("世", 10) + "\n↪ 世\n"},
		"hardly any room": {strings.Repeat("x", 17), 4, "xxxxxxxx\n↪ xxxxxxxx\n↪ x\n"},
	} {
		got := prose.Render("```\n"+tt.code+"\n```\n", prose.Style{Columns: tt.columns,
			FoldCode: true})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRender_comments are faint in code, and only there.
func TestRender_comments(t *testing.T) {
	t.Parallel()
	got := prose.Render("```go\n\t// why\nx := 1 // how\n```\n", prose.Style{Columns: 40,
		Colour: true})
	lines := strings.Split(got, "\n")
	if !strings.HasPrefix(lines[0], "    \x1b[2m// why\x1b[") || lines[1] != "x := 1 // how" {
		t.Errorf("got %q, want the line that is a comment faint, and no other", lines)
	}
}
