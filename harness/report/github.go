package report

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// maxAnnotations is how many annotations GitHub shows for one step.
const maxAnnotations = 10

// GitHub writes workflow commands: an annotation at the file and line of each failure, at most ten, those worth most
// points first. A summary for the step is Markdown's, see [Summary].
// Source: GitHub Actions, "Workflow commands".
func GitHub(w io.Writer, results []run.Result) error {
	type annotation struct {
		worth int
		text  string
	}
	var all []annotation
	for _, r := range results {
		if len(r.Checks) == 0 && r.Verdict != run.Passed {
			all = append(all, annotation{1 << 20, command("error", place(r, ""), name(r)+": "+words(r.Verdict), r.Message)})
		}
		for _, c := range r.Checks {
			if c.Verdict == run.Passed {
				continue
			}
			kind := "error"
			if c.Verdict == run.NotJudged || c.Verdict == run.InfraError {
				kind = "warning"
			}
			all = append(all, annotation{c.MaxPoints, command(kind, place(r, c.Location), name(r)+": "+c.Title, explain(c))})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].worth > all[j].worth })
	for _, a := range all[:min(len(all), maxAnnotations)] {
		if _, err := fmt.Fprintln(w, a.text); err != nil {
			return err
		}
	}
	if more := len(all) - maxAnnotations; more > 0 {
		_, err := fmt.Fprintln(w, command("notice", "", "labs", fmt.Sprintf("%d more are in the summary", more)))
		return err
	}
	return nil
}

// place gives the file and line properties of an annotation: those of the learner's file, or none.
func place(r run.Result, location string) string {
	file, line, ok := strings.Cut(Plain(location), ":")
	if !ok || r.Slug == "" || strings.HasSuffix(file, "_test.go") {
		return ""
	}
	return "file=" + property("labs/"+r.Slug+"/"+file) + ",line=" + property(line) + ","
}

// command is one workflow command. Nothing in its text can end it or begin another.
func command(kind, place, title, message string) string {
	return fmt.Sprintf("::%s %stitle=%s::%s", kind, place, property(Plain(title)), data(cut(plainLines(message), 4000)))
}

func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
