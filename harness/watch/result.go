package watch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// text is a result as package report shows it, by lines. The first is the lab; behind the last
// empty one stand the sum and what is to be said beside it.
func text(r run.Result, style report.Style) (lines []string, sum int) {
	var b strings.Builder
	report.Terminal(&b, r, style)
	lines = strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i, line := range lines {
		if line == "" {
			sum = i + 1
		}
	}
	return lines, sum
}

// summary is the sum of a result in one line.
func summary(r run.Result, style report.Style) string {
	lines, sum := text(r, style)
	return lines[sum]
}

// beside is what is to be said beside the sum.
func beside(r run.Result, style report.Style) []string {
	lines, sum := text(r, style)
	return lines[sum+1:]
}

// details is what there is to say of one check of a result, and of the result as a whole.
func details(r run.Result, c []run.Check, style report.Style) []string {
	r.Checks = c
	lines, sum := text(r, style)
	return lines[1 : sum-1]
}

// severity orders the verdicts of checks by what is to be seen first.
var severity = map[run.Verdict]int{run.Failed: 0, run.TimedOut: 1, run.InfraError: 2,
	run.NotJudged: 3, run.Passed: 4}

// result shows the first failure in full and the other checks in a line each, or summed up where
// there is no room.
func (f *frame) result(s Scene, room int) []string {
	r := *s.Result
	checks := slices.Clone(r.Checks)
	slices.SortStableFunc(checks, func(a,
		b run.Check) int {
		return severity[a.Verdict] - severity[b.Verdict]
	})
	if r.Verdict == run.BuildFailed || r.Verdict == run.Rejected || len(checks) == 0 {
		return f.cut(details(r, nil, f.style), room)
	}
	holds := slices.IndexFunc(checks, func(c run.Check) bool { return c.Verdict == run.Passed })
	if holds < 0 {
		holds = len(checks)
	}
	if holds == 0 {
		return f.cut(f.checks(checks), room)
	}
	first, failing, passing := checks[:1], checks[1:holds], checks[holds:]
	lines := details(r, first, f.style)
	lines = append(f.heading(lines[0]), lines[1:]...)
	rest := f.fill(failing, passing, max(2, room-len(lines)-1))
	if len(rest) == 0 {
		return f.cut(lines, room)
	}
	return append(append(f.cut(lines, room-len(rest)-1), ""), rest...)
}

// fill shows checks in so many lines: each of them, or those that fail alone, or as many of these as
// there is room for, and how many there are besides.
func (f *frame) fill(failing, passing []run.Check, room int) []string {
	rest := append(f.checks(failing), f.checks(passing)...)
	if len(rest) > room && len(passing) > 1 {
		rest = append(f.checks(failing), "  "+f.p.Good("✓")+" "+
			f.p.Faint(fmt.Sprintf("%d others hold", len(passing))))
	}
	if len(rest) <= room {
		return rest
	}
	rest, shown := f.some(failing, room-1)
	sum := unshown(failing[shown:])
	if len(passing) > 0 {
		sum += fmt.Sprintf(", %d hold", len(passing))
	}
	return append(rest, "    "+f.p.Faint(sum))
}

// unshown says how many checks there are besides those that are shown, none of which holds.
func unshown(checks []run.Check) string {
	fail := 0
	for _, c := range checks {
		if c.Verdict != run.NotJudged && c.Verdict != run.InfraError {
			fail++
		}
	}
	switch not := len(checks) - fail; {
	case not == 0:
		return fmt.Sprintf("%d more fail", fail)
	case fail == 0:
		return fmt.Sprintf("%d more are not judged", not)
	default:
		return fmt.Sprintf("%d more fail, %d are not judged", fail, not)
	}
}

// heading is the line with a check's title, in several lines if it is long.
func (f *frame) heading(line string) []string {
	return strings.Split(strings.ReplaceAll(term.Wrap(line, f.style.Columns), "\n", "\n    "),
		"\n")
}

// cut leaves out the end of what does not fit.
func (f *frame) cut(lines []string, room int) []string {
	if room = max(2, room); len(lines) <= room {
		return lines
	}
	return append(slices.Clone(lines[:room-1]), "      "+f.p.Faint("… v shows it in full"))
}

// some shows the first checks in so many lines, and tells how many these are.
func (f *frame) some(checks []run.Check, room int) (lines []string, shown int) {
	for _, c := range checks {
		more := f.checks([]run.Check{c})
		if len(lines)+len(more) > room {
			break
		}
		lines, shown = append(lines, more...), shown+1
	}
	return lines, shown
}

// checks are checks by their titles, a line each where there is room.
func (f *frame) checks(checks []run.Check) (lines []string) {
	for _, c := range checks {
		mark, note := f.p.Bad("✗"), fmt.Sprintf("%d/%d", c.Points, c.MaxPoints)
		switch c.Verdict {
		case run.Passed:
			mark = f.p.Good("✓")
		case run.NotJudged, run.InfraError:
			mark, note = f.p.Warn("–"), "not judged"
		}
		lines = append(lines, hung("  "+mark+" ", c.Title+" "+f.p.Faint(note), f.columns)...)
	}
	return lines
}

// announce is what is shown before the first result: what it will be about.
func (f *frame) announce(l *course.Lab, room int) []string {
	lines := append(f.wrap("  ", l.Question), "")
	for _, c := range l.Checks {
		for _, line := range hung("  · ", c.Title, f.columns) {
			lines = append(lines, f.p.Faint(line))
		}
	}
	return lines[:min(len(lines), max(1, room))]
}

// passed celebrates, says what has been shown, and what may come now.
func (f *frame) passed(s Scene, room int) []string {
	lines := []string{"  " + f.p.Good(f.p.Strong(
		"Done. This is what your code does, and what was checked:"))}
	titles := f.checks(s.Result.Checks)
	then := append([]string{""}, f.wrap("  ", "Now you can answer: "+s.Lab.Question)...)
	then = append(then, "")
	if !s.NoAnswer {
		then = append(then, "  "+f.p.Accent("s")+"  the reference solution and the model answer")
	}
	if s.Next != nil {
		then = append(then, fmt.Sprintf("  %s  the next lab: %s %s %s", f.p.Accent("n"), s.Next.ID,
			s.Next.Title, f.p.Faint(fmt.Sprintf("(%s, %d min)", s.Next.Level, s.Next.Minutes))))
	} else {
		then = append(then, "  Every other lab is passed, too.")
	}
	if left := max(1, room-len(lines)-len(then)); len(titles) > left {
		shown := 0
		titles, shown = f.some(s.Result.Checks, left-1)
		more := fmt.Sprintf("and %d more", len(s.Result.Checks)-shown)
		titles = append(titles, "    "+f.p.Faint(more))
	}
	return append(append(lines, titles...), then...)
}
