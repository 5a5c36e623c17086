package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// MaxSummary is how many bytes GitHub takes as the summary of a step.
const MaxSummary = 1 << 20

// Markdown writes a table of the labs and, below it, why each check did not pass. What a learner's
// code has said stands in fences that it cannot close.
func Markdown(w io.Writer, results []run.Result) error {
	var b bytes.Buffer
	b.WriteString("| lab | verdict | points | checks |\n|---|---|---:|---:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(name(r)), r.Words(), points(r), checks(r))
	}
	totals(&b, results)
	for _, r := range results {
		if r.Verdict != run.Passed || len(r.Beside()) > 0 {
			details(&b, bare(r))
		}
	}
	judge(&b, results)
	_, err := w.Write(b.Bytes())
	return err
}

// Summary is Markdown within the size that GitHub takes as the summary of a step.
func Summary(w io.Writer, results []run.Result) error {
	var b bytes.Buffer
	if err := Markdown(&b, results); err != nil {
		return err
	}
	text := b.String()
	if len(text) > MaxSummary-1024 {
		text = strings.ToValidUTF8(text[:MaxSummary-1024], "")
		if strings.Count(text, "\n````")%2 == 1 {
			text += "\n````"
		}
		text += "\n\nThe rest was too long for this page.\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// totals adds a row for each submission that has several labs, and one for the class.
func totals(b *bytes.Buffer, results []run.Result) {
	all := BySubmission(results)
	for _, of := range all {
		if len(of.Results) > 1 {
			who := "in all"
			if of.Name != "" {
				who = cell(of.Name) + ", in all"
			}
			fmt.Fprintf(b, "| **%s** | | %s | |\n", who, TotalOf(of.Results))
		}
	}
	if len(all) > 1 {
		fmt.Fprintf(b, "| **%d submissions** | %s | %s | |\n", len(all), verdicts(results),
			TotalOf(results))
	}
}

// judge says what has judged.
func judge(b *bytes.Buffer, results []run.Result) {
	var text bytes.Buffer
	tellJudge(&text, results, 1<<20)
	if text.Len() > 0 {
		fmt.Fprintf(b, "\n%s\n", cell(strings.TrimSpace(text.String())))
	}
}

func details(b *bytes.Buffer, r run.Result) {
	fmt.Fprintf(b, "\n### %s: %s\n", cell(name(r)), r.Words())
	if len(r.Checks) == 0 && r.Message != "" {
		fence(b, r.Message)
	}
	for _, c := range r.Checks {
		if c.Verdict == run.Passed {
			continue
		}
		fmt.Fprintf(b, "\n**%s** (%d of %d points, %s)\n", cell(c.Title), c.Points, c.MaxPoints,
			c.Verdict.Words())
		fence(b, explain(c))
	}
	for _, line := range r.Beside() {
		fmt.Fprintf(b, "\n%s\n", cell(line))
	}
	if r.Likely != nil {
		fmt.Fprintf(b, "\nA likely cause is the belief: %s\n\n%s\n", r.Likely.Misconception,
			r.Likely.Explain)
	}
}

// fence writes a code block. A run of backticks in it as long as the fence could end it, so such
// runs are broken.
func fence(b *bytes.Buffer, text string) {
	text = strings.ReplaceAll(plainLines(text), "````", "```\u200b`")
	fmt.Fprintf(b, "\n````text\n%s\n````\n", cut(strings.TrimRight(text, "\n"), 8000))
}

// cell makes text fit for a line of Markdown: nothing in it is a cell's end, markup, HTML, a link
// or a mention.
func cell(s string) string { return markup.Replace(Plain(s)) }

// markup escapes what Markdown, and GitHub's and GitLab's additions to it, would read as more than
// text.
var markup = strings.NewReplacer("\\", `\\`, "|", `\|`, "\n", " ", "&", "&amp;", "<", "&lt;", "`",
	"'",
	"[", `\[`, "]", `\]`, "*", `\*`, "_", `\_`, "~", `\~`, "$", `\$`,
	"@", "&#64;", "#", "&#35;", "!", "&#33;", "://", "&#58;//", "www.", "www&#46;")
