package report_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestTerminal_beside has what is said in the line of the verdict, and right below it.
func TestTerminal_beside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*run.Result)
		want   string
	}{
		{"nothing", func(*run.Result) {}, "passed: 2 of 2 points, 1 of 1 check, 1.23 s\n"},
		{
			"a file that is not handed in",
			func(r *run.Result) {
				r.Notes = []string{"helper.go is not handed in: lab.yaml " +
					"names bucket.go alone"}
			},
			"passed: 2 of 2 points, 1 of 1 check, 1.23 s\n  helper.go is not handed in: " +
				"lab.yaml names bucket.go alone\n",
		},
		{
			"without the race run",
			func(r *run.Result) {
				r.Race = run.Race{State: run.RaceLeftOut, Reason: "it was left out",
					Remedy: "labs check b10 has it, too"}
				r.Notes = []string{"a note"}
			},
			"passed, not yet under the race detector: 2 of 2 points\n  it was left out; labs " +
				"check b10 has it, too\n  a note\n",
		},
		{
			"the stub",
			func(r *run.Result) {
				r.Verdict, r.Checks, r.Points, r.Message = run.NotAttempted, nil, 0,
					"nothing is written yet"
			},
			"B10 Token bucket\n  nothing is written yet\n\nnot attempted: 0 of 2 points\n",
		},
	} {
		r := bucket(run.Passed, pass("TestBurst", "a burst", 2))
		tt.change(&r)
		if got := terminal(r, report.Style{Columns: 80}); !strings.HasSuffix(got, "\n"+tt.want) &&
			got != tt.want {
			t.Errorf("%s: got\n%s\nwant at the end\n%s", tt.name, got, tt.want)
		}
		var alone strings.Builder
		report.Verdict(&alone, r, report.Style{Columns: 80})
		if got := alone.String(); !strings.HasSuffix(tt.want, got) ||
			strings.Count(got, "\n") != 1+len(r.Beside()) {
			t.Errorf("%s: got alone\n%s", tt.name, got)
		}
	}
}
