package report

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// lineForm is a place at the beginning of a line of what a compiler says.
var lineForm = regexp.MustCompile(`^([^\s:]+\.go):(\d+)(?::(\d+))?: (.*)$`)

// Compiler writes a line for each failure as compilers do, so that an editor finds the places, and one with the verdict:
//
//	labs/b10-token-bucket/bucket.go:3:14: syntax error: unexpected {
//	labs/b10-token-bucket/bucket_test.go:88:1: idle time earns one full bucket, never more: got 100 allowed, want exactly 5
//
// Files are below the course's root.
func Compiler(w io.Writer, results []run.Result) error {
	var b strings.Builder
	for _, r := range results {
		folder := path.Join("labs", r.Slug)
		r = bare(r)
		if len(r.Checks) == 0 && r.Verdict != run.Passed && r.Verdict != run.NotAttempted {
			for line := range strings.Lines(plainLines(r.Message)) {
				if m := lineForm.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
					column := m[3]
					if column == "" {
						column = "1"
					}
					fmt.Fprintf(&b, "%s:%s:%s: %s\n", path.Join(folder, m[1]), m[2], column, m[4])
				}
			}
		}
		for _, c := range r.Checks {
			if c.Verdict == run.Passed || c.Verdict == run.NotJudged {
				continue
			}
			if m := lineForm.FindStringSubmatch(Plain(c.Location) + ": "); m != nil {
				fmt.Fprintf(&b, "%s:%s:1: %s\n", path.Join(folder, m[1]), m[2], oneLine(c))
			}
		}
		fmt.Fprintf(&b, "%s %s: %s points\n", r.Lab, r.Words(), points(r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine is why a check did not pass, in one line.
func oneLine(c run.Check) string {
	text := c.Title
	if len(c.Findings) > 0 {
		f := c.Findings[0]
		text += ": got " + f.Got + ", want " + f.Want
		if f.Got == "" && f.Want == "" {
			text = c.Title + ": " + f.Did
		}
	} else if c.Message != "" {
		text += ": " + c.Message
	}
	return strings.Join(strings.Fields(Plain(strings.ReplaceAll(text, "\n", " "))), " ")
}
