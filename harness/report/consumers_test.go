package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	gojunit "github.com/joshdk/go-junit"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// every has all the results that the other tests have names for.
func every() (list []run.Result) {
	all := results()
	for _, name := range order {
		list = append(list, all[name])
	}
	return list
}

// TestJUnit_reader has somebody else's parser read what is written, and compares what it found.
func TestJUnit_reader(t *testing.T) {
	t.Parallel()
	list := every()
	var out bytes.Buffer
	if err := report.JUnit(&out, list); err != nil {
		t.Fatal(err)
	}
	suites, err := gojunit.Ingest(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(suites) != len(list) {
		t.Fatalf("%d suites were read, want one for each of %d labs", len(suites), len(list))
	}
	for i, r := range list {
		var want gojunit.Totals
		for _, c := range r.Checks {
			want.Tests++
			switch c.Verdict {
			case run.Passed:
				want.Passed++
			case run.NotJudged:
				want.Skipped++
			case run.InfraError:
				want.Error++
			default:
				want.Failed++
			}
		}
		if len(r.Checks) == 0 {
			want.Tests, want.Error = 1, 1
		}
		got := suites[i].Totals
		got.Duration = 0
		if got != want {
			t.Errorf("suite %d (%s, %s): got %+v, want %+v", i, r.Slug, r.Verdict, got, want)
		}
	}
}

// TestJUnit_schema holds every element and attribute against those that Jenkins and Surefire know.
// Source: jenkinsci/xunit-plugin, junit-10.xsd; maven-surefire, surefire-test-report-3.0.xsd.
func TestJUnit_schema(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.JUnit(&out, every()); err != nil {
		t.Fatal(err)
	}
	seconds, count := regexp.MustCompile(`^\d+(\.\d+)?$`), regexp.MustCompile(`^\d+$`)
	text := regexp.MustCompile(`(?s).*`)
	known := map[string]struct {
		in       string
		attrs    map[string]*regexp.Regexp
		required []string
	}{
		"testsuites": {"", map[string]*regexp.Regexp{"name": text, "time": seconds, "tests": count,
			"failures": count, "errors": count, "skipped": count, "disabled": count}, nil},
		"testsuite": {"testsuites", map[string]*regexp.Regexp{"name": text, "time": seconds,
			"tests": count, "failures": count, "errors": count, "skipped": count, "id": count,
			"timestamp": text, "hostname": text},
			[]string{"name", "tests", "failures", "errors"}},
		"testcase": {"testsuite", map[string]*regexp.Regexp{"name": text, "classname": text,
			"time": seconds}, []string{"name", "classname"}},
		"failure":    {"testcase", map[string]*regexp.Regexp{"message": text, "type": text}, nil},
		"error":      {"testcase", map[string]*regexp.Regexp{"message": text, "type": text}, nil},
		"skipped":    {"testcase", map[string]*regexp.Regexp{"message": text, "type": text}, nil},
		"system-out": {"testcase", nil, nil},
		"properties": {"testsuite", nil, nil},
		"property": {"properties", map[string]*regexp.Regexp{"name": text, "value": text},
			[]string{"name", "value"}},
	}
	d := xml.NewDecoder(&out)
	var path []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			parent := ""
			if len(path) > 0 {
				parent = path[len(path)-1]
			}
			k, ok := known[name]
			if !ok || k.in != parent {
				t.Errorf("there is a <%s> in a <%s>", name, parent)
			}
			for _, a := range e.Attr {
				if form := k.attrs[a.Name.Local]; form == nil || !form.MatchString(a.Value) {
					t.Errorf("<%s> has %s=%q", name, a.Name.Local, a.Value)
				}
			}
			for _, required := range k.required {
				if !slices.ContainsFunc(e.Attr,
					func(a xml.Attr) bool { return a.Name.Local == required }) {
					t.Errorf("<%s> has no %s", name, required)
				}
			}
			path = append(path, name)
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

// TestGradescope_fields reads what is written with the fields and values that Gradescope documents,
// and no others. Source: Gradescope Autograder Documentation, "Autograder Specifications", output
// format.
func TestGradescope_fields(t *testing.T) {
	t.Parallel()
	list := slices.DeleteFunc(graded(),
		func(r run.Result) bool { return r.Verdict == run.InfraError })
	var out bytes.Buffer
	if err := report.Gradescope(&out, list); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Score            *float64       `json:"score"`
		ExecutionTime    float64        `json:"execution_time"`
		Output           string         `json:"output"`
		OutputFormat     string         `json:"output_format"`
		TestOutputFormat string         `json:"test_output_format"`
		TestNameFormat   string         `json:"test_name_format"`
		Visibility       string         `json:"visibility"`
		StdoutVisibility string         `json:"stdout_visibility"`
		ExtraData        map[string]any `json:"extra_data"`
		Leaderboard      []any          `json:"leaderboard"`
		Tests            []struct {
			Score        float64        `json:"score"`
			MaxScore     float64        `json:"max_score"`
			Status       string         `json:"status"`
			Name         string         `json:"name"`
			NameFormat   string         `json:"name_format"`
			Number       string         `json:"number"`
			Output       string         `json:"output"`
			OutputFormat string         `json:"output_format"`
			Tags         []string       `json:"tags"`
			Visibility   string         `json:"visibility"`
			ExtraData    map[string]any `json:"extra_data"`
		} `json:"tests"`
	}
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	oneOf := func(what, value string, values ...string) {
		t.Helper()
		if !slices.Contains(values, value) {
			t.Errorf("%s is %q, want one of %q", what, value, values)
		}
	}
	visibilities := []string{"hidden", "after_due_date", "after_published", "visible"}
	formats := []string{"text", "html", "simple_format", "md", "ansi"}
	oneOf("visibility", got.Visibility, visibilities...)
	oneOf("stdout_visibility", got.StdoutVisibility, visibilities...)
	oneOf("output_format", got.OutputFormat, formats...)
	var points, tests float64
	for _, r := range list {
		points += float64(r.Points)
	}
	for _, test := range got.Tests {
		tests += test.Score
		oneOf("visibility of "+test.Name, test.Visibility, visibilities...)
		oneOf("status of "+test.Name, test.Status, "passed", "failed")
		oneOf("output_format of "+test.Name, test.OutputFormat, formats...)
		oneOf("name_format of "+test.Name, test.NameFormat, formats...)
		if test.Name == "" || test.Score < 0 || test.Score > test.MaxScore {
			t.Errorf("a test has the name %q and %v of %v points", test.Name, test.Score,
				test.MaxScore)
		}
	}
	if got.Score == nil || *got.Score != points || tests != points {
		t.Errorf("the score is %v and that of the tests together %v, want %v", got.Score, tests,
			points)
	}
}

// TestGradescope_time is in seconds, to the millisecond: a sum of fractions has more digits, which nobody has measured.
func TestGradescope_time(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	list := []run.Result{{DurationMS: 100}, {DurationMS: 200}, {DurationMS: 0.0471}}
	if err := report.Gradescope(&out, list); err != nil {
		t.Fatal(err)
	}
	if want := `"execution_time": 0.3,`; !strings.Contains(out.String(), want) {
		t.Errorf("got no %s in\n%s", want, &out)
	}
}
