package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The measures of a screen, in characters and in CSS pixels.
const (
	columns  = 80
	charWide = 8.4
	lineHigh = 19
	margin   = 14
)

// look is the style of a screen, on light and on dark pages.
const look = `<style>
.screen { font: 14px ui-monospace, monospace; --back: #fff; --text: #1b1f24; --faint: #6a737d; --bad: #c6171e; --good: #11632b; --warn: #7a4d00; --act: #0a5cb8; }
@media (prefers-color-scheme: dark) { .screen { --back: #12161b; --text: #e4e8ec; --faint: #8b949e; --bad: #ff6b6b; --good: #7ee2a0; --warn: #f2cc72; --act: #6cb6ff; } }
.screen rect { fill: var(--back); }
.screen text { fill: var(--text); white-space: pre; }
.screen .c1 { font-weight: bold; } .screen .c2 { fill: var(--faint); }
.screen .c196 { fill: var(--bad); } .screen .c28 { fill: var(--good); } .screen .c136 { fill: var(--warn); } .screen .c32 { fill: var(--act); }
</style>
`

// sgr is what a terminal takes as a change of colour. Source: ECMA-48, 8.3.117.
var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// screen draws the text of a terminal, with its colours, as SVG.
func screen(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	wide := 0
	for _, line := range lines {
		wide = max(wide, utf8.RuneCountInString(sgr.ReplaceAllString(line, "")))
	}
	w, h := int(float64(wide)*charWide)+2*margin, len(lines)*lineHigh+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="screen" role="img" viewBox="0 0 %d %d" width="%d" height="%d">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, "<desc>%s</desc>\n%s<rect width=\"100%%\" height=\"100%%\" rx=\"8\"/>\n", html.EscapeString(sgr.ReplaceAllString(text, "")), look)
	on := []string{}
	for i, line := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve">`, margin, margin+(i+1)*lineHigh-5)
		for len(line) > 0 {
			at := sgr.FindStringSubmatchIndex(line)
			part := line
			if at != nil {
				part = line[:at[0]]
			}
			if part != "" {
				fmt.Fprintf(&b, `<tspan class="%s">%s</tspan>`, strings.Join(on, " "), html.EscapeString(part))
			}
			if at == nil {
				break
			}
			on = after(on, line[at[2]:at[3]])
			line = line[at[1]:]
		}
		b.WriteString("</text>\n")
	}
	return b.String() + "</svg>\n"
}

// after are the classes that hold behind a change of colour: of package term's, which are of the 256, bold and faint.
func after(on []string, codes string) []string {
	if n, colour := strings.CutPrefix(codes, "38;5;"); colour {
		return append(on, "c"+n)
	}
	switch codes {
	case "1", "2", "4":
		return append(on, "c"+codes)
	}
	return nil
}
