package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// CSV writes one row for each learner and lab, with a header (RFC 4180).
func CSV(w io.Writer, results []run.Result) error {
	out := csv.NewWriter(w)
	out.Write([]string{"submission", "lab", "slug", "verdict", "points", "max_points", "checks_passed", "checks", "likely", "duration_ms", "source_sha256"})
	for _, r := range results {
		likely := ""
		if r.Likely != nil {
			likely = r.Likely.Mutant
		}
		out.Write([]string{
			inert(Plain(r.Submission)), r.Lab, r.Slug, string(r.Verdict), fmt.Sprint(r.Points), fmt.Sprint(r.MaxPoints),
			fmt.Sprint(count(r, run.Passed)), fmt.Sprint(len(r.Checks)), likely, fmt.Sprintf("%.1f", r.DurationMS), r.SourceSHA256,
		})
	}
	out.Flush()
	return out.Error()
}

// inert keeps a spreadsheet from taking a name for a formula.
func inert(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
		return "'" + s
	}
	return s
}
