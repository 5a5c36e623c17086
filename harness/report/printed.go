package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Printed are the lines that the learner's code has printed in a check, and the trace that the runtime has printed when
// it ended the process. What package testing says itself, the failure again, is in neither.
func Printed(c run.Check) (lines, trace []string) {
	lines = withoutTesting(c.Output)
	races := traceOfRace(lines)
	if at := traceBegins(lines); at < races {
		lines, trace = lines[:at], lines[at:]
	} else {
		lines, trace = lines[:races], lines[races:]
	}
	return trimmed(lines), trimmed(trace)
}

func withoutTesting(output string) (lines []string) {
	own := false // below a line of package testing's
	for line := range strings.Lines(output) {
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
	return lines
}

// What the runtime begins a trace with, and what each of its goroutines begins with: without one it is the learner who
// has printed the first.
var (
	traceStart = regexp.MustCompile(`^(panic: |fatal error: |runtime: goroutine stack exceeds |unexpected fault address |SIG[A-Z]+: )`)
	goroutine  = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
)

// traceBegins is the number of a trace's first line, or that of the lines where there is none.
func traceBegins(lines []string) int {
	at := slices.IndexFunc(lines, traceStart.MatchString)
	if at < 0 || !slices.ContainsFunc(lines[at:], goroutine.MatchString) {
		return len(lines)
	}
	return at
}

// traceOfRace is the same for what the race detector has seen.
func traceOfRace(lines []string) int {
	at := slices.Index(lines, "WARNING: DATA RACE")
	switch {
	case at < 0:
		return len(lines)
	case at > 0 && strings.Trim(lines[at-1], "=") == "":
		return at - 1
	}
	return at
}

// trimmed are lines without the empty ones at their end.
func trimmed(lines []string) []string {
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
	lines, trace := Printed(c)
	if v.s.Verbose {
		v.quotes("it printed:", lines)
		v.quotes("the trace:", trace)
		return
	}
	if len(lines) > 0 {
		v.printf("      %s\n", v.p.Faint("it printed "+term.Plural(len(lines), "line")+"; "+v.s.more()+" shows them"))
	}
	if len(trace) > 0 {
		v.printf("      %s\n", v.p.Faint(v.s.more()+" shows the trace"))
	}
}

// quotes shows the head and the tail of what was printed.
func (v *view) quotes(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	v.printf("      %s\n", v.p.Faint(title))
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
