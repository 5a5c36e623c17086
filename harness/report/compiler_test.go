package report_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

func TestCompiler(t *testing.T) {
	t.Parallel()
	failed := run.Result{Lab: "B10", Slug: "b10-x", Verdict: run.Failed, Points: 1, MaxPoints: 3, Checks: []run.Check{
		{Title: "passes", Verdict: run.Passed, Location: "x_test.go:1"},
		{Title: "fails", Verdict: run.Failed, Location: "x_test.go:88",
			Findings: []run.Finding{{Got: "100\nallowed", Want: "5"}}},
		{Title: "panics", Verdict: run.Failed, Location: "x.go:7", Message: "panic: \x1b[31mred"},
		{Title: "nobody knows where", Verdict: run.Failed},
		{Title: "without a store", Verdict: run.NotJudged, Location: "x.go:9"},
	}}
	broken := run.Result{Lab: "B11", Slug: "b11-y", Verdict: run.BuildFailed, MaxPoints: 2,
		Message: "y.go:3:14: syntax error\nand a remark\ny.go:9: declared and not used"}
	var b strings.Builder
	if err := report.Compiler(&b, []run.Result{failed, broken}); err != nil {
		t.Fatal(err)
	}
	want := `labs/b10-x/x_test.go:88:1: fails: got 100 allowed, want 5
labs/b10-x/x.go:7:1: panics: panic: red
B10 failed: 1 of 3 points
labs/b11-y/y.go:3:14: syntax error
labs/b11-y/y.go:9:1: declared and not used
B11 does not compile: 0 of 2 points
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
