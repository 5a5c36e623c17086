package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/backend-labs/backend-labs/harness/run"
)

// The fields of Gradescope's results.json that are written here.
// Source: Gradescope Autograder Documentation, "Autograder Specifications", output format.
type (
	gradescopeResults struct {
		Score            float64          `json:"score"`
		ExecutionTime    float64          `json:"execution_time"` // seconds
		Output           string           `json:"output"`
		OutputFormat     string           `json:"output_format"`
		Visibility       string           `json:"visibility"`
		StdoutVisibility string           `json:"stdout_visibility"`
		Tests            []gradescopeTest `json:"tests"`
	}
	gradescopeTest struct {
		Score        float64  `json:"score"`
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

// Gradescope writes results as Gradescope's results.json. Each check is a test that the learner sees; what the code has
// printed is not shown to anybody but the instructor.
func Gradescope(w io.Writer, results []run.Result) error {
	out := gradescopeResults{OutputFormat: "text", Visibility: "visible", StdoutVisibility: "hidden", Tests: []gradescopeTest{}}
	for i, r := range results {
		out.Score += float64(r.Points)
		out.ExecutionTime += r.DurationMS / 1000
		out.Output += fmt.Sprintf("%s: %s\n", Plain(name(r)), words(r.Verdict))
		if len(r.Checks) == 0 {
			out.Output += plainLines(r.Message) + "\n"
			out.Tests = append(out.Tests, gradescopeTest{MaxScore: float64(r.MaxPoints), Status: "failed", Name: Plain(name(r)) + " builds", NameFormat: "text",
				Number: fmt.Sprint(i + 1), Output: plainLines(r.Message), OutputFormat: "text", Tags: []string{Plain(name(r))}, Visibility: "visible"})
		}
		for k, c := range r.Checks {
			t := gradescopeTest{Score: float64(c.Points), MaxScore: float64(c.MaxPoints), Status: "failed", Name: c.Title, NameFormat: "text",
				Number: fmt.Sprintf("%d.%d", i+1, k+1), OutputFormat: "text", Tags: []string{Plain(name(r))}, Visibility: "visible"}
			if c.Verdict == run.Passed {
				t.Status = "passed"
			} else {
				t.Output = words(c.Verdict) + "\n" + explain(c)
			}
			out.Tests = append(out.Tests, t)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
