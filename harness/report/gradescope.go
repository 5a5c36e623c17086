package report

import (
	"fmt"
	"io"
	"math"

	"github.com/backend-labs/backend-labs/harness/run"
)

// The fields of Gradescope's results.json that are written here.
// Source: Gradescope Autograder Documentation, "Autograder Specifications", output format.
type (
	gradescopeResults struct {
		Score            *float64         `json:"score,omitempty"`
		ExecutionTime    float64          `json:"execution_time"` // seconds
		Output           string           `json:"output"`
		OutputFormat     string           `json:"output_format"`
		Visibility       string           `json:"visibility"`
		StdoutVisibility string           `json:"stdout_visibility"`
		Tests            []gradescopeTest `json:"tests"`
	}
	gradescopeTest struct {
		Score        *float64 `json:"score,omitempty"`
		MaxScore     float64  `json:"max_score"`
		Status       string   `json:"status"` // passed or failed
		Name         string   `json:"name"`
		NameFormat   string   `json:"name_format"`
		Number       string   `json:"number"`
		Output       string   `json:"output"`
		OutputFormat string   `json:"output_format"`
		Tags         []string `json:"tags"`
		Visibility   string   `json:"visibility"`
	}
)

// Gradescope writes the results of one submission as Gradescope's results.json. Each check is a
// test that the learner sees; what the code has printed is not shown to anybody.
//
// Where something could not be judged, there is no score in it, neither of the whole nor of any
// test. Gradescope wants one or the other, so it takes such a file for a failure of the
// autograder, which the instructor sees and can run again; a 0 would be a grade.
func Gradescope(w io.Writer, results []run.Result) error {
	out := gradescopeResults{OutputFormat: "text", Visibility: "visible",
		StdoutVisibility: "hidden", Tests: []gradescopeTest{}}
	total := TotalOf(results)
	scored := total.Unscored == 0
	if scored {
		out.Score = score(total.Points)
	} else {
		out.Output = "no score: not all could be judged, which is no fault of the submission\n"
	}
	took := 0.0
	for i, r := range results {
		took += r.DurationMS
		out.Output += gradescopeText(r)
		for k, c := range r.Checks {
			t := gradescopeCheck(r, c)
			t.Number = fmt.Sprintf("%d.%d", i+1, k+1)
			if scored {
				t.Score = score(c.Points)
			}
			out.Tests = append(out.Tests, t)
		}
	}
	out.ExecutionTime = math.Round(took) / 1000 // a sum of fractions has digits that nobody has measured
	return encode(w, out)
}

func score(points int) *float64 {
	f := float64(points)
	return &f
}

// gradescopeText is what is said of a lab above its tests.
func gradescopeText(r run.Result) string {
	text := fmt.Sprintf("%s: %s\n", Plain(name(r)), r.Words())
	if unrun(r) && r.Message != "" {
		text += plainLines(r.Message) + "\n"
	}
	for _, line := range r.Beside() {
		text += plainLines(line) + "\n"
	}
	for _, row := range judgedBy(r) {
		text += row[0] + ": " + row[1] + "\n"
	}
	return text
}

func gradescopeCheck(r run.Result, c run.Check) gradescopeTest {
	t := gradescopeTest{
		MaxScore: float64(c.MaxPoints), Status: "failed", Name: c.Title, NameFormat: "text",
		OutputFormat: "text",
		Tags:         []string{Plain(name(r))}, Visibility: "visible",
	}
	switch {
	case c.Verdict == run.Passed:
		t.Status = "passed"
	case unrun(r):
		t.Output = r.Words()
	default:
		t.Output = c.Verdict.Words() + "\n" + explain(c)
	}
	return t
}
