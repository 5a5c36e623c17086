package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

var csvHeader = []string{
	"submission", "lab", "slug", "verdict", "points", "max_points", "checks_passed", "checks",
	"likely", "duration_ms", "source_sha256",
	"submission_points", "submission_max_points", "why", "notes",
	"sandbox", "redis", "postgres", "race", "course", "commit", "modified", "go",
}

// CSV writes one row for each learner and lab, with a header (RFC 4180). A row ends with the total
// of the whole submission and with what has judged. What could not be judged has no points and no
// checks, and its submission no total: the cells are empty.
func CSV(w io.Writer, results []run.Result) error {
	out := csv.NewWriter(w)
	out.Write(csvHeader)
	totals := map[string]Total{}
	for _, of := range BySubmission(results) {
		totals[of.Name] = TotalOf(of.Results)
	}
	for _, r := range results {
		out.Write(csvRow(r, totals[r.Submission]))
	}
	out.Flush()
	return out.Error()
}

func csvRow(r run.Result, t Total) []string {
	likely, got, passed, total := "", fmt.Sprint(r.Points), fmt.Sprint(count(r, run.Passed)),
		fmt.Sprint(t.Points)
	if r.Likely != nil {
		likely = r.Likely.Mutant
	}
	if !Scored(r) {
		got, passed = "", ""
	}
	if t.Unscored > 0 {
		total = ""
	}
	return []string{
		inert(Name(r.Submission)), r.Lab, r.Slug, string(r.Verdict), got, fmt.Sprint(r.MaxPoints),
		passed, fmt.Sprint(len(r.Checks)), likely, fmt.Sprintf("%.1f", r.DurationMS),
		r.SourceSHA256,
		total, fmt.Sprint(t.MaxPoints), inert(why(r)), inert(Plain(strings.Join(r.Notes, "; "))),
		r.Sandbox, inert(Plain(backend(r, "redis"))), inert(Plain(backend(r, "postgres"))),
		string(r.Race.State), r.Course.Module, cmp.Or(r.Course.Commit, r.Course.Version),
		fmt.Sprint(r.Course.Modified), r.Go,
	}
}

// inert keeps a spreadsheet from taking a cell for a formula.
func inert(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
		return "'" + s
	}
	return s
}
