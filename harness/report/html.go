package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/page"
	"github.com/backend-labs/backend-labs/harness/picture"
	"github.com/backend-labs/backend-labs/harness/run"
)

// PageOptions are what a page says besides the results.
type PageOptions struct {
	Title string // "" is one that says what the page is about
	When  string // when it was made; "" is left out
	// Diff is what of a lab's files has changed since its last pass, as a unified diff, by the lab's id.
	Diff map[string]string
}

// HTML writes results as one page that needs no other file and no network: a table, and each lab with the checks that did
// not pass in full and their pictures.
func HTML(w io.Writer, results []run.Result) error { return Page(w, results, PageOptions{}) }

// Page is [HTML] with what a page says besides the results.
func Page(w io.Writer, results []run.Result, o PageOptions) error { return Built(results, o).Write(w) }

// Built is what [Page] writes, for pages that show it among other things.
func Built(results []run.Result, o PageOptions) page.Report {
	p := page.Report{Title: cmp.Or(o.Title, pageTitle(results)), When: o.When}
	n := 0
	for _, of := range BySubmission(results) {
		n++
		whose := page.Whose{Anchor: fmt.Sprintf("s%d", n), Name: Name(of.Name), Points: TotalOf(of.Results).String()}
		for i, r := range of.Results {
			l := pageLab(r)
			l.Anchor = fmt.Sprintf("s%d-%d", n, i+1)
			l.Diff = DiffLines(o.Diff[r.Lab])
			whose.Labs = append(whose.Labs, l)
		}
		p.Whose = append(p.Whose, whose)
	}
	if len(p.Whose) > 1 {
		p.Points, p.Verdicts = TotalOf(results).String(), verdicts(results)
	}
	var judged bytes.Buffer
	tellJudge(&judged, results, 1<<20)
	if text := strings.TrimSpace(judged.String()); text != "" {
		p.Judge = append(p.Judge, text)
	}
	return p
}

func pageTitle(results []run.Result) string {
	switch all := BySubmission(results); {
	case len(results) == 1:
		return strings.TrimSpace(Plain(results[0].Submission + " " + results[0].Lab + " " + results[0].Title))
	case len(all) > 1:
		return fmt.Sprintf("%d submissions", len(all))
	case len(all) == 1 && all[0].Name != "":
		return Plain(all[0].Name)
	}
	return "Backend labs"
}

// kinds are the colours of the verdicts.
var kinds = map[run.Verdict]page.Kind{run.Passed: page.Good, run.Failed: page.Bad, run.BuildFailed: page.Bad,
	run.Rejected: page.Bad, run.TimedOut: page.Bad, run.InfraError: page.Warn, run.NotJudged: page.Warn}

func badge(words string, v run.Verdict) page.Badge {
	return page.Badge{Words: words, Kind: cmp.Or(kinds[v], page.None)}
}

func pageLab(r run.Result) page.Lab {
	l := page.Lab{Name: cmp.Or(r.Lab, "submission"), Title: Plain(cmp.Or(r.Title, r.Slug)),
		Verdict: badge(r.Words(), r.Verdict), Points: points(r), Counted: checks(r), Why: why(r)}
	if len(r.Checks) == 0 {
		l.Counted = ""
	}
	if r.NotYetRaced() {
		l.Verdict.Kind = page.Warn
	}
	for _, line := range r.Beside() {
		l.Beside = append(l.Beside, plainLines(line))
	}
	if r.Likely != nil {
		l.Belief, l.Explain = r.Likely.Misconception, r.Likely.Explain
	}
	if len(bare(r).Checks) == 0 {
		l.Message, l.Output = plainLines(r.Message), plainLines(Shorten(r.Output))
	}
	for _, c := range bare(r).Checks {
		l.Checks = append(l.Checks, pageCheck(c))
	}
	return l
}

func pageCheck(c run.Check) page.Check {
	p := page.Check{Title: Plain(c.Title), Points: fmt.Sprintf("%d of %d", c.Points, c.MaxPoints),
		Verdict: badge(c.Verdict.Words(), c.Verdict)}
	lines, trace := Printed(c)
	p.Output, p.Trace = joined(lines), joined(trace)
	if messageSaysMore(c) && c.Verdict != run.Passed {
		p.Message = plainLines(c.Message)
	}
	if c.Location != "" && c.Verdict != run.Passed {
		p.At = "at " + Plain(c.Location) + ", in " + c.Test
	}
	if c.Race {
		p.Verdict.Words += " under the race detector"
	}
	for _, f := range c.Findings {
		var out page.Finding
		for _, row := range [...]page.Row{{Name: "did", Text: f.Did}, {Name: "want", Text: f.Want},
			{Name: "got", Text: f.Got}, {Name: "why", Text: f.Why}, {Name: "when", Text: f.When}} {
			if row.Text != "" {
				row.Text = plainLines(row.Text)
				out.Rows = append(out.Rows, row)
			}
		}
		out.Picture = drawn(f.Picture)
		p.Findings = append(p.Findings, out)
	}
	for _, s := range c.Shown {
		p.Shown = append(p.Shown, page.Picture{Title: Plain(s.Title), SVG: drawn(s.Picture)})
	}
	return p
}

// joined is what was printed, as a page shows it.
func joined(lines []string) string { return plainLines(Shorten(strings.Join(lines, "\n"))) }

// drawn is a picture as SVG; its words, whoever has said them, are escaped there.
func drawn(p *timeline.Picture) template.HTML {
	if p == nil {
		return ""
	}
	return template.HTML(picture.SVG(plainPicture(*p)))
}

// DiffLines are the lines of a unified diff, as a page shows them.
func DiffLines(text string) (lines []page.DiffLine) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		l := page.DiffLine{Kind: page.None, Text: Plain(line)}
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
		case strings.HasPrefix(line, "+"):
			l.Kind = page.Good
		case strings.HasPrefix(line, "-"):
			l.Kind = page.Bad
		}
		lines = append(lines, l)
	}
	return lines
}
