package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// course goes to a folder in which scripts stand for the verdicts on b10 and i06.
func course(t *testing.T, b10, i06 string) {
	t.Helper()
	labs, err := filepath.Abs("testdata/labs")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(labs, "bin/labs"); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"b10": b10, "i06": i06} {
		if err := os.WriteFile(name, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// result is a script that prints a verdict with these checks, and ends as labs does that has found
// a wrong answer.
func result(checks string) string {
	return "echo '[{\"lab\": \"B10\", \"title\": \"Token bucket\", \"verdict\": \"failed\", " +
		"\"checks\": [" + checks + "]}]'\nexit 1\n"
}

const four = `{"title": "first check", "verdict": "passed"}, {"title": "second check", "verdict": "passed"},
	{"title": "third check", "verdict": "failed", "findings": [{"got": "a lamp", "want": "none"}]},
	{"title": "fourth check", "verdict": "failed"}`

const timeline = `{"title": "no timeline", "verdict": "failed", "findings": [{"got": "a lamp"}]},
	{"title": "a timeline", "verdict": "failed", "findings": [{"picture": {"lanes": ["shelf"],
	"steps": [{"kind": "point", "text": "sold twice"}]}}]}`

// TestDraw makes both pictures of what labs says, of a failure without what follows the third check.
func TestDraw(t *testing.T) {
	course(t, result(four), result(timeline))
	if err := draw(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"failure.svg": "third check", "timeline.svg": "sold twice"} {
		data, err := os.ReadFile(filepath.Join(".github", "pictures", name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if !strings.Contains(text, want) || !strings.HasSuffix(text, "</svg>\n") {
			t.Errorf("%s: got %s, want a drawing with %q", name, text, want)
		}
		if strings.Contains(text, "fourth check") {
			t.Errorf("%s: got %s, want no more than three checks", name, text)
		}
	}
	const want = "check b10 --of unbounded-refill --no-race --json --seed 1\n" +
		"check i06 --of delete-before-commit --no-race --json --seed 1\n"
	if got, _ := os.ReadFile("calls"); string(got) != want {
		t.Errorf("got the calls\n%swant\n%s", got, want)
	}
}

// TestDraw_nothing is about verdicts of which no picture can be made.
func TestDraw_nothing(t *testing.T) {
	for name, tt := range map[string]struct{ b10, i06, want string }{
		"labs has failed":    {"exit 2", "", "judge unbounded-refill: exit status 2"},
		"no JSON":            {"echo nothing", "", "judge unbounded-refill: invalid character"},
		"no result":          {"echo '[]'", "", "judge unbounded-refill: 0 results"},
		"two":                {"echo '[{}, {}]'", "", "judge unbounded-refill: 2 results"},
		"no timeline":        {result(four), result(four), "i06 has no timeline"},
		"no checks were run": {result(""), "exit 2", "judge delete-before-commit: exit status 2"},
	} {
		t.Run(name, func(t *testing.T) {
			course(t, tt.b10, tt.i06)
			if err := draw(); err == nil || !strings.HasPrefix(err.Error(), tt.want) ||
				strings.Contains(err.Error(), "%!") {
				t.Errorf("got the error %v, want %s", err, tt.want)
			}
		})
	}
}

// TestScreen_size is as wide as the longest line is to the eye, and as high as there are lines.
func TestScreen_size(t *testing.T) {
	t.Parallel()
	got := screen("\x1b[1mäöü\x1b[0m\n0123456789\n\n")
	if want := `width="112" height="66"`; !strings.Contains(got, want) {
		t.Errorf("got %.120s, want %s", got, want)
	}
	if n := strings.Count(got, "<text "); n != 2 {
		t.Errorf("got %d lines, want 2", n)
	}
}

// TestAfter has the colours of package term: they add up until there is another code.
func TestAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ on, codes, want string }{
		{"", "1", "c1"},
		{"c1", "2", "c1 c2"},
		{"c1", "38;5;196", "c1 c196"},
		{"c1 c196", "0", ""},
		{"c1", "22", ""},
		{"", "31", ""},
		{"c1", "", ""},
	} {
		if got := strings.Join(after(strings.Fields(tt.on), tt.codes), " "); got != tt.want {
			t.Errorf("%q behind %q: got %q, want %q", tt.codes, tt.on, got, tt.want)
		}
	}
}
