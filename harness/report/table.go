package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// minWhy is the least width of the table's last column; where there is less room, it goes below
// the row.
const minWhy = 24

// Table writes many submissions as text for people: a row for each lab of each, the total of each
// that has several, and the class. No line of it is wider than columns, but for names that are.
func Table(w io.Writer, results []run.Result, columns int) {
	rows := [][4]string{{"SUBMISSION", "LAB", "VERDICT", "POINTS"}}
	whys := []string{"WHY"}
	add := func(why string, row ...string) {
		rows = append(rows, [4]string(row))
		whys = append(whys, why)
	}
	all := BySubmission(results)
	for _, of := range all {
		for _, r := range of.Results {
			words, remark := r.Words(), strings.Join(append([]string{why(r)}, r.Notes...), "; ")
			if r.NotYetRaced() { // the words are wider than their column
				words, remark = string(run.Passed), "not yet under the race detector; "+strings.TrimPrefix(remark, "; ")
			}
			add(PlainLines(strings.Trim(remark, "; ")), Name(r.Submission), r.Slug, words, points(r))
		}
		if len(of.Results) > 1 {
			add("", Name(of.Name), "in all", "", TotalOf(of.Results).String())
		}
	}
	writeRows(w, rows, whys, columns)
	class := TotalOf(results)
	fmt.Fprintf(w, "\n%s\n", term.Wrap(verdicts(results), max(20, columns)))
	if len(all) > 1 {
		fmt.Fprintln(w, term.Wrap(fmt.Sprintf("%d submissions: %s", len(all), class.Sentence()), max(20, columns)))
	}
	tellJudge(w, results, columns)
}

// writeRows aligns the columns and wraps the last one.
func writeRows(w io.Writer, rows [][4]string, whys []string, columns int) {
	var width [4]int
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], min(ansi.StringWidth(cell), 28))
		}
	}
	at := 0
	for _, n := range width {
		at += n + 2
	}
	below := columns-at < minWhy
	for i, row := range rows {
		line := ""
		for k, cell := range row {
			line += cell + strings.Repeat(" ", max(2, width[k]+2-ansi.StringWidth(cell)))
		}
		indent := strings.Repeat(" ", at)
		if below {
			line = stacked(row, strings.TrimRight(line, " "), columns)
		}
		if below && whys[i] != "" && i > 0 {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			line, indent = "    ", "    "
		} else if below {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			continue
		}
		text := term.Wrap(whys[i], max(minWhy, columns-len(indent)))
		for text := range strings.SplitSeq(text, "\n") {
			fmt.Fprintln(w, strings.TrimRight(line+text, " "))
			line = indent
		}
	}
}

// stacked is a row that is wider than there is room: its cells below each other where the next one does not fit.
func stacked(row [4]string, line string, columns int) string {
	if ansi.StringWidth(line) <= columns {
		return line
	}
	lines := []string{row[0]}
	for _, cell := range row[1:] {
		last := &lines[len(lines)-1]
		switch longer := *last + "  " + cell; {
		case cell == "":
		case ansi.StringWidth(longer) <= columns:
			*last = longer
		default:
			lines = append(lines, "  "+cell)
		}
	}
	return strings.Join(lines, "\n")
}

// tellsMost are the states of race runs, those last that say most of how a whole class was judged.
var tellsMost = []run.RaceState{run.RaceNotNeeded, run.RaceNotBegun, run.RaceLeftOut, run.RaceNotToBeHad, run.RaceDone}

// tellJudge says in one line what has judged, of the first result: it is the same for all but for
// the backends, which are those of all.
func tellJudge(w io.Writer, results []run.Result, columns int) {
	if len(results) == 0 {
		return
	}
	r := results[0]
	if commit := r.Course.Commit; len(commit) > 12 {
		r.Course.Commit = commit[:12] // enough for a person to find it
	}
	r.Backends = map[string]run.Backend{}
	for _, other := range results {
		for kind, b := range other.Backends {
			r.Backends[kind] = b
		}
		if slices.Index(tellsMost, other.Race.State) > slices.Index(tellsMost, r.Race.State) {
			r.Race.State = other.Race.State
		}
	}
	var parts []string
	for _, row := range judgedBy(r) {
		value := strings.ReplaceAll(row[1], "_", " ")
		if !strings.HasPrefix(value, row[0]) { // as that of go does: go1.26.8
			value = row[0] + " " + value
		}
		parts = append(parts, value)
	}
	if len(parts) > 0 {
		fmt.Fprintln(w, term.Wrap("judged by: "+strings.Join(parts, ", "), max(20, columns)))
	}
}

// Submission writes what came of one submission as text for people: each lab, and the total of
// several.
func Submission(w io.Writer, results []run.Result, s Style) {
	for _, r := range results {
		Terminal(w, r, s)
		fmt.Fprintln(w)
	}
	if len(results) > 1 {
		fmt.Fprintf(w, "in all: %s, %s\n", TotalOf(results).Sentence(), verdicts(results))
	}
	tellJudge(w, results, s.Columns)
}

// Fit cuts a line to so many columns.
func Fit(line string, columns int) string { return ansi.Truncate(line, max(1, columns), "…") }
