package prose_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/prose"
)

const sample = "testdata/sample.md"

// TestRender has one of everything that a brief is made of, at three widths.
func TestRender(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, columns := range []int{40, 80, 120} {
		for _, colour := range []bool{false, true} {
			got := prose.Render(string(src), prose.Style{Columns: columns, Colour: colour})
			golden.Check(t, fmt.Sprintf("sample-%d-%v.txt", columns, colour), got)
		}
	}
}

// TestRender_briefs holds every brief and every model answer of the course against the width: only code
// may be wider, and no markup is left.
func TestRender_briefs(t *testing.T) {
	t.Parallel()
	briefs, _ := filepath.Glob("../../labs/*/README.md")
	answers, _ := filepath.Glob("../../solutions/*/ANSWER.md")
	if len(briefs) == 0 || len(answers) == 0 {
		t.Fatal("there are no briefs")
	}
	for _, file := range append(briefs, answers...) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code := map[string]bool{}
		for line := range strings.Lines(string(src)) {
			code[strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")] = true
		}
		for _, columns := range []int{40, 80, 120} {
			for line := range strings.Lines(prose.Render(string(src), prose.Style{Columns: columns})) {
				line = strings.TrimRight(line, "\n")
				switch {
				case code[strings.TrimLeft(line, " ")], code[line]:
				case ansi.StringWidth(line) > columns && strings.Contains(strings.TrimLeft(line, " •"), " "):
					t.Errorf("%s at %d columns: %q", file, columns, line)
				case strings.Contains(line, "**"), strings.HasPrefix(line, "#"), strings.Contains(line, "``"):
					t.Errorf("%s: there is markup left in %q", file, line)
				}
			}
		}
	}
}

// TestRender_codeCanBePasted prints every reference as it is shown: the same code, but for its tabs.
func TestRender_codeCanBePasted(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../solutions/*/*.go")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, colour := range []bool{true, false} {
			got := prose.Render("```go\n"+string(src)+"```\n", prose.Style{Columns: 40, Colour: colour})
			want := strings.ReplaceAll(string(src), "\t", "    ")
			if diff := cmp.Diff(want, ansi.Strip(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		}
	}
}

// TestRender_foldedCode breaks what would be cut off, and loses nothing.
func TestRender_foldedCode(t *testing.T) {
	t.Parallel()
	const code = "\treturn &Limiter{rate: rate, burst: float64(burst), tokens: float64(burst), last: time.Now()}"
	got := prose.Render("```go\n"+code+"\n```\n", prose.Style{Columns: 40, FoldCode: true})
	joined := ""
	for line := range strings.Lines(got) {
		line = strings.TrimRight(line, "\n")
		if ansi.StringWidth(line) > 40 {
			t.Errorf("%q is wider than 40", line)
		}
		joined += strings.TrimPrefix(line, "↪ ")
	}
	want := strings.ReplaceAll(strings.ReplaceAll(code, "\t", ""), " ", "")
	if strings.ReplaceAll(joined, " ", "") != want {
		t.Errorf("got %q, want %q", joined, want)
	}
}
