package page_test

import (
	"bytes"
	"html/template"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/page"
)

func written(t *testing.T, r page.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const evil = `</pre><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}"'`

// TestReport_hostile puts the same words everywhere: none of them becomes markup.
func TestReport_hostile(t *testing.T) {
	t.Parallel()
	text := written(t, page.Report{Title: evil, When: evil, Judge: []string{evil}, Points: evil, Verdicts: evil,
		Whose: []page.Whose{{Anchor: "s1", Name: evil, Points: evil, Labs: []page.Lab{{
			Anchor: "s1-1", Name: evil, Title: evil, Verdict: page.Badge{Words: evil, Kind: page.Bad}, Points: evil, Counted: evil,
			Why: evil, Message: evil, Output: evil, Beside: []string{evil}, Belief: evil, Explain: evil,
			Diff: []page.DiffLine{{Kind: page.Good, Text: evil}},
			Checks: []page.Check{{Title: evil, Points: evil, At: evil, Message: evil, Output: evil, Trace: evil,
				Findings: []page.Finding{{Rows: []page.Row{{Name: evil, Text: evil}}}},
				Shown:    []page.Picture{{Title: evil}}}},
		}}}, {Anchor: "s2", Name: evil}}})
	if n := strings.Count(text, "<script") + strings.Count(text, "<img"); n > 0 {
		t.Errorf("%d times it became markup", n)
	}
	if n := strings.Count(text, "&lt;script&gt;"); n < 20 {
		t.Errorf("it stands there %d times", n)
	}
}

// TestReport_alone: the page asks nobody for anything.
func TestReport_alone(t *testing.T) {
	t.Parallel()
	text := written(t, page.Report{Title: "t", Whose: []page.Whose{{Labs: []page.Lab{{Name: "B10"}}}}})
	for _, sign := range []string{"http://", "https://", "src=", "<link", "@import", "url("} {
		if strings.Contains(text, sign) {
			t.Errorf("it has %s", sign)
		}
	}
	if !strings.Contains(text, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
		t.Error("it does not forbid requests")
	}
}

// TestReport_parts: what there is to say is said, and what there is not leaves nothing behind.
func TestReport_parts(t *testing.T) {
	t.Parallel()
	lab := page.Lab{Anchor: "s1-1", Name: "B10", Title: "Token bucket", Verdict: page.Badge{Words: "failed", Kind: page.Bad},
		Points: "3 of 5", Counted: "1 of 2", Belief: "It fills itself.", Explain: "It does not.",
		Diff: []page.DiffLine{{Kind: page.Bad, Text: "-old"}, {Kind: page.Good, Text: "+new"}},
		Checks: []page.Check{
			{Title: "fails", Verdict: page.Badge{Words: "failed", Kind: page.Bad},
				Findings: []page.Finding{{Rows: []page.Row{{Name: "got", Text: "7"}}, Picture: template.HTML("<svg></svg>")}}},
			{Title: "passes", Verdict: page.Badge{Words: "passed", Kind: page.Good}},
		}}
	one := written(t, page.Report{Title: "one", Whose: []page.Whose{{Labs: []page.Lab{lab}}}})
	for _, part := range []string{"Token bucket", "3 of 5 points, 1 of 2 checks", "It fills itself.", "<svg></svg>",
		"<dt>got</dt><dd>7</dd>", "<details open>", `<span class="bad">-old</span>`} {
		if !strings.Contains(one, part) {
			t.Errorf("%q is missing", part)
		}
	}
	if strings.Contains(one, "<table") {
		t.Error("a table of one lab")
	}
	both := written(t, page.Report{Title: "both", Points: "8 of 10", Verdicts: "2 passed", Whose: []page.Whose{
		{Anchor: "s1", Name: "ada", Labs: []page.Lab{lab}}, {Anchor: "s2", Name: "bob", Labs: []page.Lab{lab}}}})
	for _, part := range []string{`<a href="#s2">bob</a>`, `<h2 id="s2">bob</h2>`, "8 of 10"} {
		if !strings.Contains(both, part) {
			t.Errorf("%q is missing", part)
		}
	}
}
