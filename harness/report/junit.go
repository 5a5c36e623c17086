package report

import (
	"fmt"
	"io"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/backend-labs/backend-labs/harness/run"
)

// JUnit writes results as the XML that CI servers read: a suite for each lab, a case for each of
// its checks, whether they were run or not, so that a dashboard counts the same ones every time. A
// check that failed is a failure; one that could not be judged for a reason of ours is an error,
// and so are all of a lab that does not compile, is rejected or was not handed in; one whose
// backend is missing is skipped. The suite's properties say what has judged.
func JUnit(w io.Writer, results []run.Result) error {
	var all junit.Testsuites
	for i, r := range results {
		suite := junit.Testsuite{Name: Plain(name(r)), ID: i, Time: seconds(r.DurationMS)}
		properties(&suite, r)
		for _, c := range r.Checks {
			suite.AddTestcase(testcase(r, c))
		}
		if len(r.Checks) == 0 { // it is not known of which lab the submission is
			suite.AddTestcase(junit.Testcase{Name: "is a submission", Classname: Plain(name(r)),
				Error: unrunProblem(r)})
		}
		all.AddSuite(suite)
	}
	return all.WriteXML(w)
}

func properties(suite *junit.Testsuite, r run.Result) {
	suite.AddProperty("verdict", string(r.Verdict))
	if Scored(r) {
		suite.AddProperty("points", fmt.Sprint(r.Points))
	}
	suite.AddProperty("max_points", fmt.Sprint(r.MaxPoints))
	for _, row := range judgedBy(r) {
		suite.AddProperty(row[0], row[1])
	}
	for _, note := range r.Notes {
		suite.AddProperty("note", Plain(note))
	}
}

func testcase(r run.Result, c run.Check) junit.Testcase {
	tc := junit.Testcase{Name: Plain(c.Title), Classname: Plain(name(r)) + "." + c.Test,
		Time: seconds(c.DurationMS)}
	problem := &junit.Result{Message: Plain(firstLine(c.Message)), Type: string(c.Verdict),
		Data: explain(c)}
	switch {
	case c.Verdict == run.Passed:
		return tc
	case unrun(r):
		tc.Error = unrunProblem(r)
		return tc
	case c.Verdict == run.NotJudged:
		tc.Skipped = problem
	case c.Verdict == run.InfraError:
		tc.Error = problem
	default:
		tc.Failure = problem
	}
	if c.Output != "" {
		tc.SystemOut = &junit.Output{Data: plainLines(Shorten(c.Output))}
	}
	return tc
}

// unrunProblem says why the checks of a lab were not run.
func unrunProblem(r run.Result) *junit.Result {
	return &junit.Result{Message: Plain(firstLine(r.Message)), Type: string(r.Verdict),
		Data: plainLines(r.Message)}
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }
