package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gojunit "github.com/joshdk/go-junit"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// graded is a class as a graded batch hands it over: every lab with its maximum and all of its
// checks.
func graded() []run.Result {
	all := results()
	var list []run.Result
	add := func(who, key string, v run.Verdict) {
		r := all[key]
		r.Submission = who
		if v != "" {
			r.Verdict = v
		}
		if len(r.Checks) == 0 { // never run
			r.Checks = []run.Check{
				{Test: "TestBurst", Title: "a new client may burst", Verdict: run.NotJudged, MaxPoints: 2},
				{Test: "TestIdle", Title: "idle time earns one full bucket", Verdict: run.NotJudged, MaxPoints: 3},
			}
		}
		r.Sandbox, r.Race = "ns", run.Race{State: run.RaceDone}
		r.Course = run.Revision{Module: "example.com/course", Commit: "1f65ec7a", Modified: true}
		list = append(list, r)
	}
	for _, a := range []struct {
		who, key string
		v        run.Verdict
	}{
		{"ann", "passed", ""}, {"ann", "failed", ""}, {"ann", "likely", ""}, {"bob", "build_failed", ""}, {"bob", "rejected", ""},
		{"cid", "build_failed", run.NotAttempted}, {"cid", "build_failed", run.NotHandedIn}, {"dan", "timed_out", ""},
		{"eve", "passed", ""}, {"eve", "infra", ""}, {"fay", "not_judged", ""}, {"gus", "infra_whole", ""}, {"hal", "hostile", ""},
	} {
		add(a.who, a.key, a.v)
	}
	return list
}

// row is what a format says of one lab of one submission.
type row struct{ verdict, points, max, passed, checks, judge string }

// want is it for a result, "" for points where there must be none.
func want(r run.Result) row {
	w := row{verdict: string(r.Verdict), max: fmt.Sprint(r.MaxPoints),
		checks: fmt.Sprint(len(r.Checks)), judge: "ns done 1f65ec7a"}
	if r.Verdict == run.InfraError {
		return w
	}
	passed := 0
	for _, c := range r.Checks {
		if c.Verdict == run.Passed {
			passed++
		}
	}
	w.points, w.passed = fmt.Sprint(r.Points), fmt.Sprint(passed)
	return w
}

// TestFormats_agree has every format parsed again and compares what they say, to the point.
func TestFormats_agree(t *testing.T) {
	t.Parallel()
	list := graded()
	for name, read := range map[string]func(*testing.T, []byte, []run.Result) []row{
		"csv": rowsOfCSV, "json": rowsOfJSON, "junit": rowsOfJUnit, "markdown": rowsOfMarkdown,
	} {
		var out bytes.Buffer
		if err := report.Formats[name](&out, list); err != nil {
			t.Fatal(err)
		}
		got := read(t, out.Bytes(), list)
		if len(got) != len(list) {
			t.Errorf("%s has %d rows, want %d", name, len(got), len(list))
			continue
		}
		for i, r := range list {
			if w := want(r); got[i] != w {
				t.Errorf("%s, %s's %s: got %+v, want %+v", name, r.Submission, r.Slug, got[i], w)
			}
		}
	}
}

func rowsOfCSV(t *testing.T, data []byte, _ []run.Result) (rows []row) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(line []string, column string) string { return line[slices.Index(lines[0], column)] }
	for _, l := range lines[1:] {
		judge := at(l, "sandbox") + " " + at(l, "race") + " " + at(l, "commit")
		rows = append(rows, row{at(l, "verdict"), at(l, "points"), at(l, "max_points"),
			at(l, "checks_passed"), at(l, "checks"), judge})
	}
	return rows
}

func rowsOfJSON(t *testing.T, data []byte, _ []run.Result) (rows []row) {
	t.Helper()
	var list []run.Result
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		w := want(r)
		w.judge = r.Sandbox + " " + string(r.Race.State) + " " + r.Course.Commit
		rows = append(rows, w)
	}
	return rows
}

func rowsOfJUnit(t *testing.T, data []byte, _ []run.Result) (rows []row) {
	t.Helper()
	suites, err := gojunit.Ingest(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suites {
		p := s.Properties
		_, commit, _ := strings.Cut(strings.TrimSuffix(p["course"], " (modified)"), "@")
		w := row{p["verdict"], p["points"], p["max_points"], "", fmt.Sprint(s.Totals.Tests),
			p["sandbox"] + " " + p["race"] + " " + commit}
		if w.verdict != string(run.InfraError) {
			w.passed = fmt.Sprint(s.Totals.Passed)
		}
		rows = append(rows, w)
	}
	return rows
}

func rowsOfMarkdown(t *testing.T, data []byte, list []run.Result) (rows []row) {
	t.Helper()
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, " | ")
		i := len(rows)
		if i >= len(list) || len(cells) != 4 || !strings.HasPrefix(cells[0],
			"| "+list[i].Submission+"/") {
			continue
		}
		if cells[1] != list[i].Verdict.Words() {
			t.Errorf("markdown: got the verdict %q for %s", cells[1], list[i].Verdict)
		}
		w := row{verdict: string(list[i].Verdict), max: fmt.Sprint(list[i].MaxPoints),
			checks: fmt.Sprint(len(list[i].Checks)), judge: "ns done 1f65ec7a"}
		if cells[2] != "not judged" {
			w.points, w.max, _ = strings.Cut(cells[2], " of ")
			w.passed, w.checks, _ = strings.Cut(strings.TrimSuffix(strings.TrimSpace(cells[3]),
				" |"), " of ")
		}
		rows = append(rows, w)
	}
	for _, said := range []string{"sandbox ns", "race done", "1f65ec7a (modified)",
		"redis local 7.2.4", "| **ann, in all** | | 11 of 20 | |", "| **8 submissions** |"} {
		if !strings.Contains(string(data), said) {
			t.Errorf("markdown does not say %q", said)
		}
	}
	return rows
}

// TestFormats_agreeOnASubmission compares the totals: Gradescope's score and maximum, the CSV's and
// the text's.
func TestFormats_agreeOnASubmission(t *testing.T) {
	t.Parallel()
	for _, of := range report.BySubmission(graded()) {
		var points, most, unscored int
		for _, r := range of.Results {
			points, most = points+r.Points, most+r.MaxPoints
			if r.Verdict == run.InfraError {
				unscored++
			}
		}
		got := readGradescope(t, of.Results)
		if got.max != float64(most) {
			t.Errorf("%s: Gradescope's maximum is %v, want %d", of.Name, got.max, most)
		}
		var table bytes.Buffer
		report.Table(&table, of.Results, 80)
		var grades bytes.Buffer
		if err := report.CSV(&grades, of.Results); err != nil {
			t.Fatal(err)
		}
		lines, _ := csv.NewReader(&grades).ReadAll()
		total := lines[1][slices.Index(lines[0], "submission_points")]
		if unscored > 0 {
			if got.score != nil || got.scores > 0 || total != "" ||
				!strings.Contains(table.String(), "not judged") {
				t.Errorf("%s: got the score %v, scores of %d tests, the total %q and\n%s\nwant none", of.Name, got.score, got.scores, total, &table)
			}
			continue
		}
		if got.score == nil || *got.score != float64(points) || got.sum != float64(points) ||
			total != fmt.Sprint(points) {
			t.Errorf("%s: got %+v and the total %q, want %d", of.Name, got, total, points)
		}
		if sum := fmt.Sprintf("%d of %d", points, most); !strings.Contains(table.String(), sum) {
			t.Errorf("%s: the table does not say %q:\n%s", of.Name, sum, &table)
		}
	}
}

type gradescopeRead struct {
	score  *float64
	sum    float64
	max    float64
	scores int
}

func readGradescope(t *testing.T, list []run.Result) (g gradescopeRead) {
	t.Helper()
	var out bytes.Buffer
	if err := report.Gradescope(&out, list); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Score  *float64
		Output string
		Tests  []struct {
			Score    *float64
			MaxScore float64 `json:"max_score"`
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{"sandbox: ns", "race: done",
		"course: example.com/course@1f65ec7a"} {
		if !strings.Contains(got.Output, said) {
			t.Errorf("Gradescope's output does not say %q: %s", said, got.Output)
		}
	}
	g.score = got.Score
	for _, test := range got.Tests {
		g.max += test.MaxScore
		if test.Score != nil {
			g.sum += *test.Score
			g.scores++
		}
	}
	return g
}
