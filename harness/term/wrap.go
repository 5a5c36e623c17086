package term

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// hyphen stands for one while lines are broken: package ansi would break after it, in the middle of a flag, a UUID or a
// date, which could then neither be read nor copied. It is of Unicode's private use, and of the same width.
const hyphen = "\uE02D"

// Wrap breaks lines that are wider than the columns at spaces, and words at their end only where they are wider than
// that. Escape sequences of the terminal have no width. There is no space at a break.
func Wrap(text string, columns int) string { return wrap(text, columns, "") }

// WrapPaths is like Wrap and breaks after a slash, too.
func WrapPaths(text string, columns int) string { return wrap(text, columns, "/") }

func wrap(text string, columns int, breaks string) string {
	return strings.ReplaceAll(ansi.Wrap(strings.ReplaceAll(text, "-", hyphen), columns, breaks), hyphen, "-")
}

// widest is how wide a help text gets, however wide the screen is.
const widest = 120

// Reflow fits a help text to the columns, broken at spaces. Lines of a paragraph, which are those that are not indented,
// are joined first. Of indented lines with two columns, such as flags and what is said of them, the second is broken; it
// goes below the first one where there is too little room beside it, in all lines that follow each other. Indented lines
// without columns are code, or a pattern of it: the terminal breaks them, and what is copied is the code itself.
func Reflow(text string, columns int) string {
	columns = min(columns, widest)
	var out, block []string
	indented := func(line string) bool { return strings.HasPrefix(line, " ") }
	flush := func() {
		if len(block) > 0 && indented(block[0]) {
			out = append(out, hang(block, columns)...)
		} else if len(block) > 0 {
			out = append(out, Wrap(strings.Join(block, " "), columns))
		}
		block = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || len(block) > 0 && indented(line) != indented(block[0]) {
			flush()
		}
		if line == "" {
			out = append(out, "")
		} else {
			block = append(block, line)
		}
	}
	flush()
	return strings.Join(out, "\n")
}

// hang breaks the second columns of indented lines.
func hang(lines []string, columns int) (out []string) {
	fit, narrow := true, false
	for _, line := range lines {
		fit = fit && ansi.StringWidth(line) <= columns
		narrow = narrow || second(line) > columns*2/3
	}
	if fit {
		return lines
	}
	for _, line := range lines {
		at, under := second(line), second(line)
		switch {
		case at == 0:
			out = append(out, line)
			continue
		case narrow:
			under = len(line) - len(strings.TrimLeft(line, " ")) + 4
			out = append(out, strings.TrimRight(line[:at], " "), strings.Repeat(" ", under))
		default:
			out = append(out, line[:at])
		}
		said := Wrap(line[at:], max(columns-under, 10))
		out[len(out)-1] += strings.ReplaceAll(said, "\n", "\n"+strings.Repeat(" ", under))
	}
	return out
}

// second is where the second column of an indented line begins, or 0.
func second(line string) int {
	begin := len(line) - len(strings.TrimLeft(line, " "))
	at := strings.LastIndex(line, "  ") + 2
	if at <= begin {
		return 0
	}
	return at
}
