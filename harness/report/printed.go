package report

import (
	"fmt"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// printed are the lines that the learner's code has printed in a check: what package testing says
// itself, the failure again, is left out.
func printed(c run.Check) (lines []string) {
	own := false // below a line of package testing's
	for line := range strings.Lines(c.Output) {
		line = strings.TrimRight(line, "\r\n")
		switch trimmed := strings.TrimLeft(line, " "); {
		case strings.HasPrefix(trimmed, "--- FAIL: "), strings.HasPrefix(trimmed, "--- PASS: "),
			strings.HasPrefix(trimmed, "--- SKIP: "), strings.HasPrefix(trimmed, "=== "):
			own = true
		case own && (strings.HasPrefix(line, "    ") || line == ""):
		default:
			own = false
			lines = append(lines, line)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// headLines and tailLines are how many lines of what was printed are shown in full.
const (
	headLines = 20
	tailLines = 20
)

// prints says that something was printed, or shows it where that is asked for.
func (v *view) prints(c run.Check) {
	lines := printed(c)
	switch {
	case len(lines) == 0:
		return
	case !v.s.Verbose:
		v.printf("      %s\n", v.p.Faint("it printed "+term.Plural(len(lines), "line")+
			"; "+v.s.more()+" shows them"))
		return
	}
	v.printf("      %s\n", v.p.Faint("it printed:"))
	for i, line := range lines {
		left := len(lines) - headLines - tailLines
		switch {
		case left > 0 && i == headLines:
			v.printf("      │ %s\n", v.p.Faint(fmt.Sprintf("… %s left out …",
				term.Plural(left, "line"))))
		case left > 0 && i > headLines && i < len(lines)-tailLines:
		default:
			v.block("      │ ", line)
		}
	}
}
