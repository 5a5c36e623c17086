package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/picture"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Format is a way to write results down.
type Format func(w io.Writer, results []run.Result) error

// Formats are the formats for programs, by name; the terminal's is [Terminal].
var Formats = map[string]Format{
	"json":       JSON,
	"junit":      JUnit,
	"github":     GitHub,
	"gradescope": Gradescope,
	"markdown":   Markdown,
	"csv":        CSV,
	"html":       HTML,
}

// name is what a result is about: the lab, and whose it is if that is said.
func name(r run.Result) string {
	lab := r.Slug
	if lab == "" {
		lab = "submission" // of which it is not known of which lab
	}
	if r.Submission != "" {
		return r.Submission + "/" + lab
	}
	return lab
}

// explain is why a check did not pass, as plain text.
func explain(c run.Check) string {
	var b strings.Builder
	if messageSaysMore(c) {
		b.WriteString(plainLines(c.Message))
		b.WriteByte('\n')
	}
	for _, f := range c.Findings {
		for _, row := range [...][2]string{{"did", f.Did}, {"want", f.Want}, {"got", f.Got},
			{"why", f.Why}, {"when", f.When}} {
			if row[1] != "" {
				fmt.Fprintf(&b, "%-5s %s\n", row[0]+":",
					strings.ReplaceAll(plainLines(row[1]), "\n", "\n      "))
			}
		}
		if f.Picture != nil {
			b.WriteString("\n" + picture.Text(plainPicture(*f.Picture), logged) + "\n")
		}
	}
	if c.Location != "" {
		fmt.Fprintf(&b, "at %s, in %s\n", Plain(c.Location), c.Test)
	}
	if c.Race {
		b.WriteString("under the race detector\n")
	}
	return b.String()
}

// logged is how a picture is drawn in a log.
var logged = picture.Style{Columns: 80, Paint: term.NewPaint(false)}

// plainPicture is a picture with [Plain] texts, each of one line.
func plainPicture(p timeline.Picture) timeline.Picture {
	p.Lanes, p.Steps = slices.Clone(p.Lanes), slices.Clone(p.Steps)
	for i := range p.Lanes {
		p.Lanes[i] = strings.Join(strings.Fields(Plain(p.Lanes[i])), " ")
	}
	for i := range p.Steps {
		p.Steps[i].Text = strings.Join(strings.Fields(Plain(p.Steps[i].Text)), " ")
	}
	return p
}

// messageSaysMore reports whether a check's message is not just its first finding in short: it is
// about a data race, the time, or how often the check was run.
func messageSaysMore(c run.Check) bool {
	return len(c.Findings) == 0 || c.Verdict == run.TimedOut ||
		strings.HasPrefix(c.Message, "data race") || strings.HasPrefix(c.Message, "passed ")
}

// plainLines is Plain for text of several lines.
func plainLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r", ""), "\n")
	for i, l := range lines {
		lines[i] = Plain(l)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// PlainLines is Plain for text of several lines.
func PlainLines(s string) string { return plainLines(s) }

// cut shortens text to so many bytes, at a rune's end.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "\n… cut"
}

// count is how many checks a result has of a verdict.
func count(r run.Result, v run.Verdict) int {
	n := 0
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}
