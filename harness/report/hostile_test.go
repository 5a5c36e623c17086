package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// hostiles are what somebody's code may print, or somebody's folder be called, so that whoever
// reads a report takes it for more than text.
var hostiles = []string{
	"::error::forged", "\n::error file=a.go::forged\n", "\r::set-output name=labs::forged",
	"  ::stop-commands::forged",
	"x ##[error]forged", "##[stop-commands]forged", "%0A::error::forged",
	"\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\x1b]8;;http://example.com\x1b\\link",
	"\x1b[0Ksection_start:1:forged\r\x1b[0Kforged", "\nsection_end:1:labs_grade\r\x1b[0K",
	"@everyone", "[link](javascript:alert(1))", "![picture](http://example.com/x.png)",
	"http://example.com", "www.example.com",
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "# heading",
	"__init__ `` ` ``", "*bold* _it_ ~~no~~ $x$ `code`",
	"a | b |", "\n````\n</details>\n# out of the fence\n````", "\n```\nout\n```", "]]> <forged/>",
	"\x00\x07\x08\x7f\u202e\u2066",
	`\| \[`, "#1 !1 GH-1", "=cmd()",
}

// hostile is a result in which a text stands wherever somebody's code or folder can put one.
func hostile(text string) []run.Result {
	f := run.Finding{Did: text, Want: text, Got: text, Where: text}
	bad := run.Check{Test: "TestBurst", Title: "a burst", Verdict: run.Failed, MaxPoints: 2,
		Message: text, Output: text, Location: text}
	found := bad
	found.Findings = []run.Finding{f}
	broken := bucket(run.BuildFailed)
	broken.Message, broken.Output, broken.MaxPoints = "bucket.go:1: "+text+"\n"+text, text, 2
	all := []run.Result{bucket(run.Failed, bad, found), broken}
	for i := range all {
		all[i].Submission, all[i].Notes = text, []string{text}
	}
	return all
}

// render is a format of a result, and the results' own texts in a harmless form for comparison.
func render(t *testing.T, format, text string) string {
	t.Helper()
	var b bytes.Buffer
	var err error
	if format == "terminal" {
		for _, r := range hostile(text) {
			report.Terminal(&b, r, report.Style{Columns: 100, Verbose: true})
		}
	} else {
		err = report.Formats[format](&b, hostile(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHostileTexts is that no format passes on a control character, and none is cut short.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"terminal", "json", "junit", "github", "gradescope", "markdown",
		"csv"} {
		for _, text := range hostiles {
			s := render(t, format, text)
			if i := strings.IndexFunc(s, isControl); i >= 0 {
				t.Errorf("%s of %q: got the control character %q", format, text, s[i:i+1])
			}
			if err := whole(format, s); err != nil {
				t.Errorf("%s of %q: %v", format, text, err)
			}
		}
	}
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= '\u202a' &&
		r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// whole reads a format as those do who get it.
func whole(format, s string) error {
	switch format {
	case "json", "gradescope":
		return json.Unmarshal([]byte(s), new(any))
	case "csv":
		_, err := csv.NewReader(strings.NewReader(s)).ReadAll()
		return err
	case "junit":
		for d := xml.NewDecoder(strings.NewReader(s)); ; {
			token, err := d.Token()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "forged" {
				return io.ErrUnexpectedEOF
			}
		}
	}
	return nil
}

// TestHostileTexts_github is that every line is a command of ours, with the properties that we gave
// it.
func TestHostileTexts_github(t *testing.T) {
	t.Parallel()
	for _, text := range hostiles {
		for line := range strings.Lines(render(t, "github", text)) {
			head, message, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"),
				"::"), "::")
			kind, properties, _ := strings.Cut(head, " ")
			if kind != "error" {
				t.Errorf("%q: got the command %q", text, line)
			}
			for p := range strings.SplitSeq(properties, ",") {
				key, value, _ := strings.Cut(p, "=")
				if key != "title" && (key != "file" ||
					value != "labs/b10-token-bucket/bucket.go") && (key != "line" || value != "1") {
					t.Errorf("%q: got the property %q", text, p)
				}
			}
			if strings.Contains(message, "##[") || strings.Contains(head, "##[") {
				t.Errorf("%q: got a command in a command: %q", text, line)
			}
		}
	}
}

// TestHostileTexts_markdown is that what becomes of it as a page has the same elements, whatever
// the text is.
func TestHostileTexts_markdown(t *testing.T) {
	t.Parallel()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	elements := func(text string) string {
		var page bytes.Buffer
		if err := md.Convert([]byte(render(t, "markdown", text)), &page); err != nil {
			t.Fatal(err)
		}
		var names []string
		for part := range strings.SplitSeq(page.String(), "<") {
			// Bold that is ours falls away around a name that begins with a space, which does no
			// harm.
			if name, _, _ := strings.Cut(part, ">"); strings.TrimPrefix(name, "/") != "strong" {
				names = append(names, name)
			}
		}
		return strings.Join(names[1:], " ")
	}
	want := elements("text")
	for _, text := range hostiles {
		if strings.TrimSpace(report.Plain(text)) == "" {
			continue // nothing is left that could be shown
		}
		if got := elements(text); got != want {
			t.Errorf("%q: got the elements\n%s\nwant\n%s", text, got, want)
		}
		for line := range strings.Lines(outsideFences(render(t, "markdown", text))) {
			if strings.Contains(line, "@") {
				t.Errorf("%q: got a mention: %q", text, line)
			}
		}
	}
}

// outsideFences is Markdown without its blocks of code.
func outsideFences(s string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "````") {
			inside = !inside
		} else if !inside {
			b.WriteString(line)
		}
	}
	return b.String()
}
