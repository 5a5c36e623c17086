package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// What every format says with the same numbers stands here, so that no two of them differ.

// Scored reports whether a result has points that may go into a grade book. One that could not be
// judged, in part or as a whole, has none: 0 would be wrong, and so would be the points of the
// checks that happened to be judged.
func Scored(r run.Result) bool {
	return r.Verdict != run.InfraError && r.Verdict != run.NotJudged &&
		!(r.NotYetRaced() && r.Race.State == run.RaceNotToBeHad)
}

// unrun reports whether none of a result's checks was run: what there is to say is its message.
func unrun(r run.Result) bool {
	return !slices.ContainsFunc(r.Checks,
		func(c run.Check) bool { return c.Verdict != run.NotJudged || c.Message != "" })
}

// bare is a result without checks that were not run, for what shows checks one by one.
func bare(r run.Result) run.Result {
	if unrun(r) {
		r.Checks = nil
	}
	return r
}

// points says what a result has got, for people.
func points(r run.Result) string {
	if !Scored(r) {
		return "not judged"
	}
	return fmt.Sprintf("%d of %d", r.Points, r.MaxPoints)
}

// checks says how many of a result's checks have passed, for people.
func checks(r run.Result) string {
	if !Scored(r) {
		return "not judged"
	}
	return fmt.Sprintf("%d of %d", count(r, run.Passed), len(r.Checks))
}

// why says in a few words why a result is no pass: the belief behind it, the first check that
// failed, or what kept it from being run. It is "" for a pass.
func why(r run.Result) string {
	switch {
	case r.NotYetRaced():
		return Plain(r.Race.Reason)
	case r.Verdict == run.Passed:
		return ""
	case r.Likely != nil:
		return r.Likely.Misconception
	case unrun(r):
		return Plain(firstLine(r.Message))
	}
	first := slices.IndexFunc(r.Checks, func(c run.Check) bool {
		return c.Verdict != run.Passed && c.Verdict != run.NotJudged && c.Verdict != run.InfraError
	})
	if first < 0 { // nothing failed: what was not judged is what there is to say
		first = slices.IndexFunc(r.Checks,
			func(c run.Check) bool { return c.Verdict != run.Passed })
	}
	if first < 0 {
		return Plain(firstLine(r.Message))
	}
	c := r.Checks[first]
	if message := Plain(firstLine(c.Message)); message != "" {
		return c.Title + ": " + message
	}
	return c.Title
}

// judgedBy says what has judged: sandbox, backends, race detector and course.
func judgedBy(r run.Result) (rows [][2]string) {
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, [2]string{key, Plain(value)})
		}
	}
	add("sandbox", r.Sandbox)
	for _, kind := range []string{"redis", "postgres"} {
		add(kind, backend(r, kind))
	}
	add("race", string(r.Race.State))
	add("course", revision(r.Course))
	add("go", r.Go)
	return rows
}

// backend is what a result's checks ran against, such as "local 7.2.4"; "" if it is not known.
func backend(r run.Result, kind string) string {
	b := r.Backends[kind]
	return strings.TrimSpace(b.Provider + " " + b.Version)
}

// revision is a course as one word, such as "example.com/course@6f1e… (modified)"; "" if it is not
// known.
func revision(c run.Revision) string {
	text := c.Module
	switch {
	case c.Commit != "":
		text += "@" + c.Commit
	case c.Version != "":
		text += " " + c.Version
	}
	if c.Modified {
		text += " (modified)"
	}
	return text
}

// Whose are the results of one submission.
type Whose struct {
	Name    string
	Results []run.Result
}

// BySubmission gathers results by the submission that they are of, in the order in which the
// submissions come.
func BySubmission(results []run.Result) (all []Whose) {
	place := map[string]int{}
	for _, r := range results {
		i, there := place[r.Submission]
		if !there {
			i = len(all)
			place[r.Submission] = i
			all = append(all, Whose{Name: r.Submission})
		}
		all[i].Results = append(all[i].Results, r)
	}
	return all
}

// Total is what a submission, or a class, has got in all.
type Total struct {
	Points, MaxPoints int
	// results that have no points: as long as there is one, Points say nothing
	Unscored int
	// Unknown are the submissions that were turned away before it was known which labs they are of, so that
	// they add nothing to MaxPoints.
	Unknown int
}

// TotalOf adds up results.
func TotalOf(results []run.Result) (t Total) {
	for _, r := range results {
		t.MaxPoints += r.MaxPoints
		if r.Slug == "" {
			t.Unknown++
		}
		if Scored(r) {
			t.Points += r.Points
		} else {
			t.Unscored++
		}
	}
	return t
}

// String is the total as a table says it.
func (t Total) String() string {
	if t.Unscored > 0 {
		return "not judged"
	}
	return fmt.Sprintf("%d of %d", t.Points, t.MaxPoints)
}

// Sentence is the total as a text says it.
func (t Total) Sentence() string {
	switch t.Unscored {
	case 0:
		text := t.String() + " points"
		if t.Unknown > 0 {
			are := "are"
			if t.Unknown == 1 {
				are = "is"
			}
			text += fmt.Sprintf(", without %d that %s of no lab (--labs says what is demanded of all)", t.Unknown, are)
		}
		return text
	case 1:
		return "no total, as 1 lab has no verdict"
	}
	return fmt.Sprintf("no total, as %d labs have no verdict", t.Unscored)
}

// verdicts counts results by verdict, in words: "2 passed, 1 failed".
func verdicts(results []run.Result) string {
	n := map[string]int{}
	var order []string
	for _, v := range []run.Verdict{
		run.Passed, run.Failed, run.TimedOut, run.BuildFailed, run.Rejected, run.NotAttempted,
		run.NotHandedIn, run.NotJudged, run.InfraError,
	} {
		for _, r := range results {
			if r.Verdict == v {
				if n[r.Words()]++; n[r.Words()] == 1 {
					order = append(order, r.Words())
				}
			}
		}
	}
	for i, words := range order {
		order[i] = fmt.Sprintf("%d %s", n[words], words)
	}
	return strings.Join(order, ", ")
}
