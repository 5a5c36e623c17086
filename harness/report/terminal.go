// Package report shows results: for a terminal and as JSON. Each renderer is a function of the
// result alone.
package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/picture"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Style is how to show a result.
type Style struct {
	Colour  bool
	Columns int  // the width to wrap at
	Verbose bool // every failure in full, with its output; otherwise the first two
	Failing bool // failing checks first, as while watching
	Brief   bool // only the first failure in full, checks that pass only as a number
	Keys    bool // what is to be pressed, as while watching, and not what is to be typed
}

// more is how to see more.
func (s Style) more() string {
	if s.Keys {
		return "v"
	}
	return "-v"
}

// inFull is how many failures are shown in full unless Verbose is set.
const inFull = 2

// Terminal writes a result as text for people.
func Terminal(w io.Writer, r run.Result, s Style) {
	v := &view{w: w, s: s, p: term.NewPaint(s.Colour)}
	v.whole(r)
}

func (v *view) whole(r run.Result) {
	r = bare(r)
	v.printf("%s\n", v.heading(r))
	if unchecked(r) {
		v.block("  ", r.Message)
	} else {
		v.checks(r.Checks)
	}
	v.rest(r)
}

// unchecked reports whether there is no verdict on any check.
func unchecked(r run.Result) bool {
	return r.Verdict == run.BuildFailed || r.Verdict == run.Rejected || len(r.Checks) == 0
}

// rest writes what follows the checks.
func (v *view) rest(r run.Result) {
	if !unchecked(r) {
		v.likely(r.Likely)
	}
	v.backends(r)
	v.printf("\n")
	v.verdict(r)
}

// Verdict writes the last lines of [Terminal] alone: the sum, and what is to be said beside it.
func Verdict(w io.Writer, r run.Result, s Style) {
	v := &view{w: w, s: s, p: term.NewPaint(s.Colour)}
	v.verdict(r)
}

func (v *view) verdict(r run.Result) {
	v.printf("%s\n", v.summary(r))
	for _, line := range r.Beside() {
		v.block("  ", line)
	}
}

type view struct {
	w     io.Writer
	s     Style
	p     term.Paint
	shown int // failures shown in full so far

	ours string // what was last said to be our fault, and not the check's
}

// heading is what a result is of: its lab or, where that is not known, whose submission it is.
func (v *view) heading(r run.Result) string {
	switch {
	case r.Lab != "":
		return v.p.Strong(r.Lab) + " " + v.p.Strong(r.Title)
	case r.Submission != "":
		return v.p.Strong(Name(r.Submission))
	}
	return v.p.Strong("the submission")
}

func (v *view) printf(format string, args ...any) { fmt.Fprintf(v.w, format, args...) }

// block writes text wrapped to the width, each line indented.
func (v *view) block(indent, text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		wrapped := term.Wrap(Plain(line), max(20, v.s.Columns-len(indent)))
		for part := range strings.SplitSeq(wrapped, "\n") {
			v.printf("%s%s\n", indent, part)
		}
	}
}

// hang writes text behind first, and its other lines as far to the right.
func (v *view) hang(first, text string) {
	left := ansi.StringWidth(first)
	wrapped := term.Wrap(text, max(20, v.s.Columns-left))
	v.printf("%s%s\n", first, strings.ReplaceAll(wrapped, "\n", "\n"+strings.Repeat(" ", left)))
}

func (v *view) checks(all []run.Check) {
	if v.s.Failing {
		var failing, rest []run.Check
		for _, c := range all {
			if c.Verdict == run.Passed {
				rest = append(rest, c)
			} else {
				failing = append(failing, c)
			}
		}
		all = append(failing, rest...)
	}
	passed := 0
	for _, c := range all {
		if v.s.Brief && c.Verdict == run.Passed {
			passed++
			continue
		}
		v.check(c)
	}
	switch {
	case passed == 1:
		v.printf("  %s 1 check passes\n", v.p.Good(marks[run.Passed]))
	case passed > 1:
		v.printf("  %s %d checks pass\n", v.p.Good(marks[run.Passed]), passed)
	}
}

var marks = map[run.Verdict]string{run.Passed: "✓", run.Failed: "✗", run.TimedOut: "✗",
	run.NotJudged: "–", run.InfraError: "!"}

func (v *view) check(c run.Check) {
	paint := v.p.Bad
	switch c.Verdict {
	case run.Passed:
		paint = v.p.Good
	case run.NotJudged, run.InfraError:
		paint = v.p.Warn
	}
	v.hang("  "+paint(marks[c.Verdict])+" ", c.Title+" "+v.p.Faint(note(c)))
	if c.Verdict == run.Passed {
		v.shows(c)
		return
	}
	if c.Verdict == run.NotJudged || c.Verdict == run.InfraError {
		if c.Message != v.ours { // what keeps one check from being judged often keeps all
			v.block("      ", c.Message)
		}
		v.ours = c.Message
		return
	}
	v.shown++
	full := inFull
	if v.s.Brief {
		full = 1
	}
	if v.shown > full && !v.s.Verbose {
		v.short(c)
		return
	}
	v.failure(c)
}

// short is a failure in two lines or so, below others that are shown in full.
func (v *view) short(c run.Check) {
	if len(c.Findings) == 0 || messageSaysMore(c) {
		v.block("      ", firstLine(c.Message))
		return
	}
	f := c.Findings[0]
	v.finding(run.Finding{Did: firstLine(f.Did), Got: firstLine(f.Got)})
}

func note(c run.Check) string {
	switch {
	case c.Verdict == run.Passed:
		return fmt.Sprintf("%d/%d", c.Points, c.MaxPoints)
	case c.Verdict == run.NotJudged:
		return "not judged"
	case c.Verdict == run.InfraError:
		return "not judged, for a reason of ours"
	case c.Race:
		return fmt.Sprintf("%d/%d, under the race detector", c.Points, c.MaxPoints)
	}
	return fmt.Sprintf("%d/%d", c.Points, c.MaxPoints)
}

// failure shows why a check did not pass: its findings, else its message.
func (v *view) failure(c run.Check) {
	if messageSaysMore(c) {
		v.block("      ", c.Message)
	}
	for i, f := range c.Findings {
		if i > 0 && !v.s.Verbose {
			v.printf("      %s\n", v.p.Faint(fmt.Sprintf("and %d more", len(c.Findings)-i)))
			break
		}
		v.finding(f)
	}
	v.shows(c)
	if c.Location != "" {
		v.printf("      %s\n", v.p.Faint("at "+Plain(c.Location)+", in "+c.Test))
	}
	v.prints(c)
}

func (v *view) finding(f run.Finding) {
	for _, row := range [...][2]string{{"did", f.Did}, {"want", f.Want}, {"got", f.Got},
		{"why", f.Why}, {"when", f.When}} {
		if row[1] == "" {
			continue
		}
		label := v.p.Accent(fmt.Sprintf("%-5s", row[0]))
		wrapped := term.Wrap(plainLines(row[1]), max(20, v.s.Columns-13))
		v.printf("      %s %s\n", label, strings.ReplaceAll(wrapped, "\n", "\n            "))
	}
	v.picture(f.Picture)
}

// shows draws what a check shows beside its verdict.
func (v *view) shows(c run.Check) {
	for _, s := range c.Shown {
		v.block("      ", s.Title)
		v.picture(s.Picture)
	}
}

// picture draws what happened, if there is a picture of it.
func (v *view) picture(p *timeline.Picture) {
	if p == nil {
		return
	}
	const indent = "      "
	text := picture.Text(plainPicture(*p), picture.Style{Columns: v.s.Columns - len(indent), Paint: v.p})
	v.printf("\n")
	for line := range strings.Lines(text) {
		v.printf("%s%s", indent, line)
	}
	v.printf("\n")
}

func (v *view) likely(l *run.Likely) {
	if l == nil {
		return
	}
	belief := term.Wrap(v.p.Warn("A likely cause is the belief:")+" "+l.Misconception,
		max(20, v.s.Columns-2))
	v.printf("\n  %s\n", strings.ReplaceAll(belief, "\n", "\n  "))
	v.block("  ", l.Explain)
}

func (v *view) backends(r run.Result) {
	for _, kind := range []string{"redis", "postgres"} {
		if b, ok := r.Backends[kind]; ok {
			text := fmt.Sprintf("%s %s, %s", kind, b.Version, b.Provider)
			if b.Detail != "" {
				text += " (" + b.Detail + ")"
			}
			v.block("  ", text)
		}
	}
}

func (v *view) summary(r run.Result) string {
	passed, judged := 0, 0
	for _, c := range r.Checks {
		if c.Verdict == run.Passed {
			passed++
		}
		if c.Verdict != run.NotJudged && c.Verdict != run.InfraError {
			judged++
		}
	}
	took := fmt.Sprintf("%.2f s", r.DurationMS/1000)
	counts := fmt.Sprintf("%d of %s, %d of %s, %s", r.Points, term.Plural(r.MaxPoints, "point"),
		passed,
		term.Plural(len(r.Checks), "check"), took)
	switch r.Verdict {
	case run.Passed:
		if r.NotYetRaced() {
			return v.p.Warn(r.Words()) + fmt.Sprintf(": %d of %s", r.Points,
				term.Plural(r.MaxPoints, "point"))
		}
		return v.p.Good(r.Words()) + ": " + counts
	case run.NotAttempted, run.NotHandedIn:
		return v.p.Warn(r.Words()) + fmt.Sprintf(": 0 of %s", term.Plural(r.MaxPoints, "point"))
	case run.BuildFailed:
		return v.p.Bad(r.Words()) + v.nothingRun(r)
	case run.Rejected:
		return v.p.Bad(r.Words()) + v.nothingRun(r)
	case run.TimedOut:
		return v.p.Bad("timed out") + ": " + counts
	case run.InfraError:
		if judged == 0 {
			return v.p.Warn("no verdict") + ": the code is not at fault, and it costs no points"
		}
		return v.p.Warn("not all is judged") + fmt.Sprintf(": %d of %s, %d passed, %s",
			judged, term.Plural(len(r.Checks), "check"), passed, took)
	}
	return v.p.Bad(r.Words()) + ": " + counts
}

// nothingRun says so, and what it costs where that is known.
func (v *view) nothingRun(r run.Result) string {
	if r.MaxPoints == 0 {
		return ": nothing was run"
	}
	return ": nothing was run, 0 of " + term.Plural(r.MaxPoints, "point")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Name is somebody's name, such as that of a submission: what Plain would take out of it is shown by a sign, so that two
// names are never shown as one.
func Name(s string) string {
	return Plain(strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return '␀' + r
		case r == 0x7f:
			return '␡'
		}
		return r
	}, s))
}

// Plain takes out of what somebody's code has printed, or of a name, what could repaint the screen
// or make the text look other than it is: escape sequences, control characters but tabs, those that
// reorder text, and what is no character at all, which no XML document may have. The end of a line is
// shown as one character. What a CI runner would take for a command is parted by a space without width: ##[ anywhere, and :: where a line
// begins.
func Plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r == '\n': // in a name: whoever shows several lines takes them one by one
			return '␊'
		case r < ' ', r >= 0x7f && r < 0xa0, r >= '\u202a' && r <= '\u202e', r >= '\u2066' &&
			r <= '\u2069', r&0xfffe == 0xfffe:
			return -1
		}
		return r
	}, ansi.Strip(s))
	s = strings.ReplaceAll(s, "##[", "##\u200b[")
	if rest := strings.TrimLeftFunc(s, unicode.IsSpace); strings.HasPrefix(rest, "::") {
		return s[:len(s)-len(rest)] + ":\u200b" + rest[1:]
	}
	return s
}
