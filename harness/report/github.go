package report

import (
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// maxAnnotations is how many annotations GitHub shows for one step.
const maxAnnotations = 10

// annotation is a workflow command, and how many points what it tells has cost.
type annotation struct {
	worth int
	text  string
}

// GitHub writes workflow commands: an annotation at the file and line of each failure, each compile
// error and each rejection, at most ten, those worth most points first. A summary for the step is
// Markdown's, see [Summary]. Source: GitHub Actions, "Workflow commands".
func GitHub(w io.Writer, results []run.Result) error {
	var all []annotation
	for _, r := range results {
		r = bare(r)
		all = append(all, whole(r)...)
		for _, c := range r.Checks {
			if c.Verdict != run.Passed {
				title := name(r) + ": " + c.Title
				all = append(all, annotation{c.MaxPoints,
					command(kind(c.Verdict), place(r, c.Location), title, explain(c))})
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].worth > all[j].worth })
	for _, a := range all[:min(len(all), maxAnnotations)] {
		if _, err := fmt.Fprintln(w, a.text); err != nil {
			return err
		}
	}
	if more := len(all) - maxAnnotations; more > 0 {
		_, err := fmt.Fprintln(w, command("notice", "", "labs",
			fmt.Sprintf("%d more are in the summary", more)))
		return err
	}
	return nil
}

// kind is the command for a verdict: what is not the code's fault is a warning.
func kind(v run.Verdict) string {
	if v == run.NotJudged || v == run.InfraError {
		return "warning"
	}
	return "error"
}

// goFile is the name of a file that a learner may hand in.
var goFile = regexp.MustCompile(`^[\w.-]+\.go$`)

// located is a line of a compile error or a rejection that says where it is.
var located = regexp.MustCompile(`^([\w.-]+\.go):(\d+)(?::\d+)?: (.+)$`)

// whole are the annotations of a lab of which no check was run: one for each line that says where
// something is, with what follows it, or one without a place. The first stands for all the lab's
// points, the others for none, so that one lab's compile errors do not hide another's failure.
func whole(r run.Result) (all []annotation) {
	if len(r.Checks) > 0 || r.Verdict == run.Passed {
		return nil
	}
	title := name(r) + ": " + r.Words()
	at, text, worth := "", "", r.MaxPoints
	flush := func() {
		if text != "" || at != "" {
			all = append(all, annotation{worth, command(kind(r.Verdict), at, title,
				strings.TrimSpace(text))})
			worth = 0
		}
	}
	for _, line := range strings.Split(plainLines(r.Message), "\n") {
		if m := located.FindStringSubmatch(strings.TrimPrefix(line, "labs/"+r.Slug+"/")); m != nil {
			flush()
			at, text = place(r, m[1]+":"+m[2]), ""
		}
		text += line + "\n"
	}
	flush()
	return all
}

// place gives the file and line properties of an annotation: those of the learner's file, or none.
func place(r run.Result, location string) string {
	file, line, ok := strings.Cut(Plain(location), ":")
	if !ok || r.Slug == "" || strings.HasSuffix(file, "_test.go") || !goFile.MatchString(file) {
		return ""
	}
	return "file=" + property("labs/"+r.Slug+"/"+file) + ",line=" + property(line) + ","
}

// command is one workflow command. Nothing in its text can end it or begin another.
func command(kind, place, title, message string) string {
	return fmt.Sprintf("::%s %stitle=%s::%s", kind, place, property(Plain(title)),
		data(cut(plainLines(message), 4000)))
}

// data is the text of a command. "##[" begins a command of the older kind, wherever it stands.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", "##[", "#\u200b#[").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C", "##[",
		"#\u200b#[").Replace(s)
}
