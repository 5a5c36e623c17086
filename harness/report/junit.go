package report

import (
	"fmt"
	"io"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/backend-labs/backend-labs/harness/run"
)

// JUnit writes results as the XML that CI servers read: a suite for each lab, a case for each check. A check that failed
// is a failure, one that could not be judged for a reason of ours an error, one whose backend is missing is skipped.
func JUnit(w io.Writer, results []run.Result) error {
	var all junit.Testsuites
	for i, r := range results {
		suite := junit.Testsuite{Name: Plain(name(r)), ID: i, Time: seconds(r.DurationMS)}
		for _, c := range r.Checks {
			suite.AddTestcase(testcase(r, c))
		}
		if len(r.Checks) == 0 {
			suite.AddTestcase(wholeLab(r))
		}
		all.AddSuite(suite)
	}
	return all.WriteXML(w)
}

func testcase(r run.Result, c run.Check) junit.Testcase {
	tc := junit.Testcase{Name: Plain(c.Title), Classname: Plain(name(r)) + "." + c.Test, Time: seconds(c.DurationMS)}
	problem := &junit.Result{Message: Plain(firstLine(c.Message)), Type: string(c.Verdict), Data: explain(c)}
	switch c.Verdict {
	case run.Passed:
		return tc
	case run.NotJudged:
		tc.Skipped = problem
	case run.InfraError:
		tc.Error = problem
	default:
		tc.Failure = problem
	}
	if c.Output != "" {
		tc.SystemOut = &junit.Output{Data: plainLines(c.Output)}
	}
	return tc
}

// wholeLab stands for a lab of which no check was run.
func wholeLab(r run.Result) junit.Testcase {
	tc := junit.Testcase{Name: "builds", Classname: Plain(name(r)), Time: seconds(r.DurationMS)}
	problem := &junit.Result{Message: Plain(firstLine(r.Message)), Type: string(r.Verdict), Data: plainLines(r.Message)}
	switch r.Verdict {
	case run.Passed:
	case run.InfraError:
		tc.Error = problem
	default:
		tc.Failure = problem
	}
	return tc
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }
