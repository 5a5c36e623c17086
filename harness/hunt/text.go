package hunt

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Text writes an outcome for people: the tests, how many wrong answers they catch, the beliefs
// behind these, and of the others what nobody has tested. No other line is wider than the style's
// columns.
func Text(w io.Writer, o Outcome, s report.Style) {
	v := &view{w: w, s: s, p: term.NewPaint(s.Colour)}
	v.line("%s\n", term.Wrap(fmt.Sprintf("%s %s: %s against %s and %s", v.p.Strong(o.Lab),
		v.p.Strong(o.Title), term.Plural(len(o.Tests), "test"),
		term.Plural(o.Correct, "correct solution"), term.Plural(o.Of, "wrong answer")),
		max(20, s.Columns)))
	if o.Message != "" {
		v.hang("  ", o.Message)
		v.line("\n%s\n", v.nothing(o))
		return
	}
	for _, t := range o.Tests {
		v.test(t)
	}
	v.list("caught:", v.p.Good("✓"), count(o.beliefs()))
	v.list("not tested yet, or not closely enough:", v.p.Warn("·"), count(o.missing()))
	v.list("not judged:", v.p.Warn("!"), count(o.unjudged()))
	v.line("\n")
	if o.Race.State == run.RaceNotToBeHad {
		v.hang("", "not under the race detector: "+o.Race.Reason)
	}
	v.line("%s\n", term.Wrap(v.summary(o), max(20, v.s.Columns)))
}

type view struct {
	w io.Writer
	s report.Style
	p term.Paint
}

func (v *view) line(format string, args ...any) { fmt.Fprintf(v.w, format, args...) }

// hang writes text behind first, wrapped, its other lines as far to the right.
func (v *view) hang(first, text string) {
	indent := strings.Repeat(" ", ansi.StringWidth(first))
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		wrapped := term.Wrap(report.Plain(line), max(20, v.s.Columns-len(indent)))
		for part := range strings.SplitSeq(wrapped, "\n") {
			v.line("%s%s\n", first, part)
			first = indent
		}
	}
}

func (v *view) test(t Test) {
	if t.Sound {
		v.line("  %s %s\n", v.p.Good("✓"), t.Name)
		return
	}
	under := ""
	if t.Said.Race {
		under = ", under the race detector"
	}
	text := fmt.Sprintf("%s demands what the contract does not: it fails on %s%s", t.Name, t.On, under)
	if t.Said.Verdict == run.TimedOut {
		text = fmt.Sprintf("%s comes to no end on %s%s", t.Name, t.On, under)
	}
	v.hang("  "+v.p.Bad("✗")+" ", text)
	v.hang("      ", cmp.Or(t.Said.Message, "it said nothing"))
	if lines, trace := report.Printed(*t.Said); v.s.Verbose && len(lines)+len(trace) > 0 {
		v.hang("      | ", strings.Join(append(lines, trace...), "\n"))
	}
}

// counted is a text and how often it is there.
type counted struct {
	text string
	n    int
}

// count joins equal texts, in the order in which they first come.
func count(texts []string) (all []counted) {
	at := map[string]int{}
	for _, text := range texts {
		i, known := at[text]
		if !known {
			i = len(all)
			at[text] = i
			all = append(all, counted{text: text})
		}
		all[i].n++
	}
	return all
}

// most is how many lines a list has, unless all are asked for: nobody tests fifty sentences at once.
const most = 10

func (v *view) list(title, mark string, all []counted) {
	if len(all) == 0 {
		return
	}
	v.line("\n%s\n", title)
	for i, c := range all {
		if i == most && len(all) > most+1 && !v.s.Verbose {
			v.line("  %s\n", v.p.Faint(fmt.Sprintf("and %d more; -v shows all", len(all)-i)))
			return
		}
		text := c.text
		if c.n > 1 {
			text += fmt.Sprintf(" (%d wrong answers)", c.n)
		}
		v.hang("  "+mark+" ", text)
	}
}

// beliefs are those of the wrong answers that are caught.
func (o *Outcome) beliefs() (all []string) {
	for _, a := range o.Answers {
		if a.Caught {
			all = append(all, a.Belief)
		}
	}
	return all
}

// missing are the sentences that the others break, the first of each.
func (o *Outcome) missing() (all []string) {
	for _, a := range o.Answers {
		if !a.Caught && a.Unjudged == "" && len(a.Breaks) > 0 {
			all = append(all, a.Breaks[0])
		}
	}
	return all
}

// unjudged are the reasons for which some could not be judged.
func (o *Outcome) unjudged() (all []string) {
	for _, a := range o.Answers {
		if a.Unjudged != "" {
			all = append(all, a.Unjudged)
		}
	}
	return all
}

// summary is the last line.
func (v *view) summary(o Outcome) string {
	text := fmt.Sprintf("%d of %s caught", o.Caught, term.Plural(o.Of, "wrong answer"))
	paint := v.p.Bad
	switch wrong := len(o.Tests) - len(o.sound()); {
	case o.Verdict == run.Passed:
		paint = v.p.Good
	case len(o.sound()) == 0:
		text += "; no test counts yet"
	case wrong > 0:
		text += "; not counted: " + term.Plural(wrong, "test")
	case o.Caught > 0:
		paint = v.p.Warn
	default:
		text += ": your tests pass on all of them"
	}
	return paint(text) + v.p.Faint(fmt.Sprintf(", %.2f s", o.DurationMS/1000))
}

// nothing is the last line where nothing was run, or no word on the tests is possible.
func (v *view) nothing(o Outcome) string {
	if o.Verdict == run.BuildFailed {
		return v.p.Bad("does not compile") + ": nothing was run"
	}
	return v.p.Warn("no verdict") + ": your tests are not at fault"
}
