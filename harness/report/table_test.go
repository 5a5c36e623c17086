package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestTable_width holds every line against the width; where there is room for it, WHY stands beside
// the row.
func TestTable_width(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 80, 90, 120} {
		var out bytes.Buffer
		report.Table(&out, append(graded(), run.Result{Submission: "dots", Slug: "b10-token-bucket", Verdict: run.Rejected,
			Message: strings.Repeat("two  spaces   and more ", 20)}), columns)
		for line := range strings.Lines(out.String()) {
			if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > columns {
				t.Errorf("at %d columns a line is %d wide: %q", columns, w, line)
			}
			if line != strings.TrimRight(line, " \n")+"\n" {
				t.Errorf("at %d columns a line ends with spaces: %q", columns, line)
			}
		}
		if beside := strings.Contains(out.String(), "WHY"); beside != (columns >= 90) {
			t.Errorf("at %d columns WHY is beside: %v\n%s", columns, beside, &out)
		}
	}
}

// TestTable_why looks for a reason beside whatever is no pass.
func TestTable_why(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"passed":       "",
		"failed":       "idle time earns one full bucket, never more: 6 of 6 allowed: made 6 calls",
		"likely":       "Tokens keep accumulating while the client is idle.",
		"build_failed": "bucket.go:12:9: undefined: now",
		"rejected":     `bucket.go:4: import "golang.org/x/time/rate"`,
		"timed_out":    "the next token is there after 1/rate: not done after 15s",
		"not_judged":   "the bucket survives a restart: there is no real Redis to be had here",
		"infra":        "the bucket survives a restart: start postgres: the disk is full",
		"infra_whole":  "no folder for binaries",
	} {
		r := results()[name]
		var out bytes.Buffer
		report.Table(&out, []run.Result{r}, 400)
		row := strings.Split(out.String(), "\n")[1]
		if !strings.Contains(row, want) || want == "" && !strings.HasSuffix(row, "5 of 5") {
			t.Errorf("%s: got %q, want %q in it", name, row, want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	if got := report.Shorten("a line"); got != "a line" {
		t.Errorf("got %q", got)
	}
	long := "head" + strings.Repeat("ä", 1<<19) + "tail"
	got := report.Shorten(long)
	if len(got) > 64<<10 || !strings.HasPrefix(got, "headä") || !strings.HasSuffix(got, "ätail") ||
		!strings.Contains(got, "bytes left out") {
		t.Errorf("got %d bytes, %.20q … %q", len(got), got, got[len(got)-20:])
	}
	list := []run.Result{{Checks: []run.Check{{Output: long, Verdict: run.Failed}}}}
	for _, name := range []string{"json", "junit"} {
		var out bytes.Buffer
		if err := report.Formats[name](&out, list); err != nil || out.Len() > 70<<10 {
			t.Errorf("%s has %d bytes, %v", name, out.Len(), err)
		}
	}
	if list[0].Checks[0].Output != long {
		t.Error("the result itself was changed")
	}
}

// TestFormats_commands looks for what a runner of GitHub Actions would take as a command, in a
// submission's name and in what its code has printed.
func TestFormats_commands(t *testing.T) {
	t.Parallel()
	evil := "##[error]evil ::x"
	lines := "  ::error::a\n##[stop-commands]x\nfine ##[group]b\n::add-mask::c"
	r := bucket(run.Failed, fail("TestBurst", "a burst", 2, lines, "bucket.go:1"))
	r.Submission, r.Checks[0].Output, r.Notes, r.Slug = evil, lines, []string{lines}, "b10"
	var table bytes.Buffer
	report.Table(&table, []run.Result{r}, 80)
	out := map[string]string{"terminal": terminal(r, report.Style{Columns: 80, Verbose: true}),
		"table": table.String()}
	for name, format := range report.Formats {
		var b bytes.Buffer
		if err := format(&b, []run.Result{r}); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	for name, text := range out {
		for line := range strings.Lines(text) {
			ours := name == "github" && strings.HasPrefix(line, "::error ")
			if strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::") &&
				!ours {
				t.Errorf("%s: a runner would take %q for a command", name, line)
			}
		}
	}
}
