package report_test

import (
	"testing"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

func TestTotalOf(t *testing.T) {
	t.Parallel()
	passed := run.Result{Slug: "b10-token-bucket", Verdict: run.Passed, Points: 20, MaxPoints: 20}
	failed := run.Result{Slug: "b11-cache-basics", Verdict: run.Failed, Points: 3, MaxPoints: 9}
	nothing := run.Result{Slug: "b12-safe-retry", Verdict: run.NotHandedIn, MaxPoints: 7}
	infra := run.Result{Slug: "b10-token-bucket", Verdict: run.InfraError, MaxPoints: 20}
	stray := run.Result{Verdict: run.Rejected}
	const of = " (--labs says what is demanded of all)"
	for _, test := range []struct {
		name     string
		results  []run.Result
		cell     string
		sentence string
	}{
		{"nobody", nil, "0 of 0", "0 of 0 points"},
		{"all judged", []run.Result{passed, failed}, "23 of 29", "23 of 29 points"},
		{"one not handed in", []run.Result{passed, nothing}, "20 of 27", "20 of 27 points"},
		{"one of no lab", []run.Result{passed, stray}, "20 of 20", "20 of 20 points, without 1 that is of no lab" + of},
		{"two of no lab", []run.Result{stray, failed, stray}, "3 of 9",
			"3 of 9 points, without 2 that are of no lab" + of},
		{"one without a verdict", []run.Result{passed, infra, stray}, "not judged",
			"no total, as 1 lab has no verdict"},
		{"two without", []run.Result{infra, infra}, "not judged", "no total, as 2 labs have no verdict"},
	} {
		total := report.TotalOf(test.results)
		if got := total.String(); got != test.cell {
			t.Errorf("%s: got %q in a table, want %q", test.name, got, test.cell)
		}
		if got := total.Sentence(); got != test.sentence {
			t.Errorf("%s: got %q, want %q", test.name, got, test.sentence)
		}
	}
}
