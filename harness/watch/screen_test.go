package watch

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/run"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func bucket() *course.Lab {
	return &course.Lab{ID: "B10", Title: "Token bucket", Slug: "b10-token-bucket",
		Files:    []string{"bucket.go"},
		Question: "What is rate limiting and why is it used?",
		Checks:   []course.Check{{Title: titles[0]}, {Title: titles[1]}}}
}

var titles = []string{
	"a new client may burst up to the capacity, and no further",
	"the next token is there after 1/rate, not sooner and not later",
	"idle time earns one full bucket, never more",
	"a client that polls often still gets its full rate",
	"no interval, wherever it starts, lets through more than burst + rate × its length",
	"a denied call changes nothing",
}

// failing is a result with so many checks, of which some fail.
func failing(checks, fail int) *run.Result {
	r := &run.Result{Lab: "B10", Title: "Token bucket", Verdict: run.Passed,
		Race: run.Race{State: run.RaceDone}, MaxPoints: 2 * checks, DurationMS: 410,
		SourceSHA256: "x"}
	for i := range checks {
		c := run.Check{Test: fmt.Sprintf("TestNumber%d", i+1), Title: titles[i%len(titles)],
			Verdict: run.Passed, Points: 2, MaxPoints: 2}
		if i >= checks-fail {
			c.Points, c.Verdict = 0, run.Failed
			c.Message, c.Location = "3 allowed", fmt.Sprintf("bucket_test.go:%d", 30+i)
			c.Findings = []run.Finding{{
				Did: "made 6 calls at one instant on a new limiter of 10 tokens a second and a " +
					"burst of 5",
				Want: "the first 5 allowed, the sixth denied", Got: "3 of 6 allowed",
				Why: "a bucket starts full, so that a new client is served at once, and its " +
					"size is the largest burst that what is behind it must survive",
				When: "+0s (virtual time)",
			}}
			r.Verdict = run.Failed
		}
		r.Points += c.Points
		r.Checks = append(r.Checks, c)
	}
	return r
}

func scenes() map[string]Scene {
	likely := failing(6, 3)
	likely.Likely = &run.Likely{Misconception: "A new client has to earn its first tokens.",
		Explain: "A bucket starts full. Started empty, it refuses the very first request of " +
			"every new client."}
	broken := &run.Result{Lab: "B10", Title: "Token bucket", Verdict: run.BuildFailed,
		Message: "bucket.go:12:9: undefined: sinc\nbucket.go:20:2: cannot use t\n\thave " +
			"int\n\twant time.Duration"}
	raced := failing(6, 1)
	raced.Checks[5].Race, raced.Checks[5].Findings = true, nil
	raced.Checks[5].Message = "data race: a write at bucket.go:31 and a read at bucket.go:28 " +
		"are not ordered by anything: a lock, a channel or an atomic"
	infra := failing(3, 1)
	infra.Verdict = run.InfraError
	infra.Checks[2] = run.Check{Title: "two servers share one bucket", Verdict: run.NotJudged,
		Message: "no Redis here; labs doctor says what is missing", MaxPoints: 2}
	unraced := failing(6, 0)
	unraced.Race = run.Race{State: run.RaceNotToBeHad, Reason: "there is no C compiler here",
		Remedy: "install gcc"}
	noted := failing(6, 0)
	noted.Notes = []string{"helper.go is not handed in: lab.yaml names bucket.go alone"}
	stub := &run.Result{Lab: "B10", Title: "Token bucket", Verdict: run.NotAttempted, MaxPoints: 12,
		Message: "nothing is written yet: labs show b10 shows the brief"}
	page := &Page{Key: 'h'}
	for i := range 60 {
		page.Lines = append(page.Lines, fmt.Sprintf("line %d", i+1))
	}
	list := &Page{Key: 'l', Lines: []string{"beginner", "B09  Sliding window", "B10  Token bucket"},
		Labs: []*course.Lab{nil, {}, {}}, picked: 2}
	next := &course.Lab{ID: "B11", Title: "Cache basics", Level: course.Beginner, Minutes: 25}
	return map[string]Scene{
		"first run": {Phase: Checking, Since: noon},
		"first run that takes long": {Phase: Checking, Since: noon.Add(-1234 * time.Millisecond),
			Doing: "building (the first build compiles the dependencies, which takes about a " +
				"minute)"},
		"a check hangs": {Phase: Checking, Since: noon.Add(-16234 * time.Millisecond),
			Result: failing(6, 2), SoFar: failing(2, 1).Checks, At: noon},
		"all well so far": {Phase: Checking, Since: noon.Add(-1234 * time.Millisecond),
			Result: failing(6, 2), SoFar: failing(1, 0).Checks, At: noon},
		"failed": {Result: failing(6, 2), At: noon,
			Notice: "Nothing is written yet: b shows the brief."},
		"failed with a likely cause": {Result: likely, At: noon},
		"failed, then saved": {Phase: Checking, Since: noon.Add(-300 * time.Millisecond),
			Result: failing(6, 2), At: noon},
		"failed, race run to come": {Phase: Racing, Since: noon.Add(-1500 * time.Millisecond),
			Result: failing(6, 2), At: noon},
		"passed, race run to come":  {Phase: Racing, Since: noon, Result: failing(6, 0), At: noon},
		"passed":                    {Result: failing(6, 0), At: noon, Next: next},
		"passed, from memory, last": {Result: failing(6, 0), At: noon, Remembered: true},
		"failed the race run":       {Result: raced, At: noon},
		"does not compile":          {Result: broken, At: noon},
		"not judged":                {Result: infra, At: noon},
		"an error":                  {Err: errors.New("write progress: no space left on device")},
		"passed, not yet raced":     {Result: unraced, At: noon},
		"passed, without an answer": {Result: failing(6, 0), At: noon, Next: next, NoAnswer: true},
		"passed, with a note":       {Result: noted, At: noon, Next: next},
		"nothing written":           {Result: stub, At: noon},
		"a page":                    {Result: failing(6, 2), At: noon, Page: page},
		"a list":                    {Result: failing(6, 2), At: noon, Page: list},
		"many failures":             {Result: failing(30, 20), At: noon},
	}
}

func TestScreen_Golden(t *testing.T) {
	for name, s := range scenes() {
		t.Run(name, func(t *testing.T) {
			s.Lab = bucket()
			got := strings.Join(newFrame(80, 24, false, noon).lines(s), "\n") + "\n"
			golden.Check(t, strings.ReplaceAll(name, " ", "-")+".golden", got)
		})
	}
}

// A frame has as many lines as the screen, or the screen scrolls; none is wider, or it takes two
// lines.
func TestScreen_FitsEverySize(t *testing.T) {
	for name, s := range scenes() {
		s.Lab = bucket()
		for _, columns := range []int{20, 40, 79, 80, 120, 300} {
			for _, rows := range []int{6, 7, 8, 10, 12, 16, 20, 24, 40, 100} {
				lines := newFrame(columns, rows, true, noon).lines(s)
				if len(lines) != rows {
					t.Errorf("%s on %d × %d: %d lines", name, columns, rows, len(lines))
				}
				for _, line := range lines {
					if ansi.StringWidth(line) > columns || strings.ContainsAny(line, "\t\r\n") {
						t.Errorf("%s on %d × %d: too wide: %q", name, columns, rows, line)
					}
				}
				if last := ansi.Strip(lines[rows-1]); !strings.Contains(last, "q") {
					t.Errorf("%s on %d × %d: the keys are not in the last line: %q", name, columns,
						rows, last)
				}
			}
		}
	}
}

func TestFit(t *testing.T) {
	for line, want := range map[string]string{
		"short": "short", "ten cells.": "ten cells.", "eleven cells": "eleven ce…",
		"spaces           ": "spaces    ",
		"\ttab":             "    tab", "\x1b[1mbold and wide\x1b[0m": "\x1b[1mbold and …\x1b[0m",
	} {
		if got := fit(line, 10); got != want {
			t.Errorf("fit(%q, 10) = %q, want %q", line, got, want)
		}
	}
}

func TestScreen_ShowsTheFirstFailureWhateverTheRoom(t *testing.T) {
	s := Scene{Lab: bucket(), Result: failing(30, 20), At: noon}
	for _, rows := range []int{8, 12, 16, 24, 40} {
		text := strings.Join(newFrame(80, rows, false, noon).lines(s), "\n")
		if !strings.Contains(text, "✗") || strings.Index(text, "✗") > 300 {
			t.Errorf("with %d rows the first failure is not at the top:\n%s", rows, text)
		}
	}
}

func TestScreen_DrawsWhatHasChangedAlone(t *testing.T) {
	var out bytes.Buffer
	screen := &Screen{Out: &out, Size: func() (int, int) { return 80, 24 }}
	s := Scene{Lab: bucket(), Result: failing(6, 2), At: noon}
	drawn := func(s Scene) string {
		out.Reset()
		screen.Draw(s)
		return out.String()
	}
	if got := drawn(s); !strings.HasPrefix(got, hideCursor+wipe+toTop) ||
		strings.Count(got, "\r\n") != 23 {
		t.Errorf("at first: %q", got)
	}
	if got := drawn(s); got != "" {
		t.Errorf("the same again: %q", got)
	}
	s.Notice = "x"
	if got := drawn(s); !strings.HasPrefix(got, toTop) || strings.Contains(got, wipe) {
		t.Errorf("a change: %q", got)
	}
	s.Repaint = true
	if got := drawn(s); !strings.Contains(got, wipe) {
		t.Errorf("when the screen may be spoilt: %q", got)
	}
	out.Reset()
	screen.Close()
	if !strings.Contains(out.String(), showCursor) {
		t.Error("the cursor stays hidden")
	}
}

func TestScreen_NothingOfAResultReachesTheTerminalAsASequence(t *testing.T) {
	r := failing(2, 1)
	r.Checks[1].Findings[0].Got = "\x1b[2J\x1b]0;title\x07gone"
	s := Scene{Lab: bucket(), Result: r, At: noon, Notice: "a\x1b[2Jb"}
	if text := strings.Join(newFrame(80, 24, false, noon).lines(s), "\n"); strings.ContainsAny(text,
		"\x1b\x07") {
		t.Errorf("%q", text)
	}
}

func TestLines_WritesEachVerdictOnce(t *testing.T) {
	var out, progress bytes.Buffer
	v := &Lines{Out: &out, Err: &progress}
	lab, fails, passes := bucket(), failing(6, 2), failing(6, 0)
	final, full := *passes, errors.New("the disk is full")
	for _, s := range []Scene{
		{Phase: Checking}, {Phase: Checking}, {Result: fails}, {Result: fails},
		{Phase: Checking, Result: fails}, {Phase: Racing, Result: passes}, {Phase: Racing, Result: passes},
		{Result: &final, Next: &course.Lab{Slug: "b11-cache-basics"}},
		{Phase: Checking, Result: &final}, {Err: full}, {Err: full},
	} {
		s.Lab = lab
		v.Draw(s)
	}
	for text, want := range map[string]int{"B10 Token bucket": 2, "failed:": 1, "\npassed:": 1,
		"labs solution b10-token-bucket": 1, "labs watch b11-cache-basics": 1, "\x1b": 0} {
		if got := strings.Count(out.String(), text); got != want {
			t.Errorf("%q is written %d times, want %d:\n%s", text, got, want, out.String())
		}
	}
	for text, want := range map[string]int{"checking b10-token-bucket": 3,
		"now under the race detector": 1, "passed under the race detector, too": 1,
		"the disk is full": 1} {
		if got := strings.Count(progress.String(), text); got != want {
			t.Errorf("%q is written %d times, want %d:\n%s", text, got, want, progress.String())
		}
	}
}

func TestReadKeys(t *testing.T) {
	in := "hq?\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[1;5C\x1bx é\x03\x1b"
	want := []rune{'h', 'q', '?', Up, Down, PageUp, PageDown, ' ', 'é', ctrlC, Escape}
	var got []rune
	for k := range ReadKeys(strings.NewReader(in)) {
		got = append(got, k)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestScreen_StatusInLittleRoom is that the state is told before the numbers: whether it is over is what one waits for.
func TestScreen_StatusInLittleRoom(t *testing.T) {
	racing := Scene{Phase: Racing, Since: noon.Add(-12 * time.Second), Result: failing(6, 0), At: noon}
	for columns, want := range map[int]string{
		120: "passed: 12 of 12 points, 6 of 6 checks, 0.41 s; race detector… 12.0 s",
		60:  "passed: 12 of 12 points; race detector… 12.0 s",
		40:  "passed: 12 of 12 points; race detector…",
		25:  "passed; race detector…",
		20:  "passed",
	} {
		if got := ansi.Strip(newFrame(columns, 20, true, noon).status(racing)); got != want {
			t.Errorf("at %d columns: got %q, want %q", columns, got, want)
		}
	}
	over := Scene{Result: failing(6, 0), At: noon}
	if got, want := newFrame(30, 20, false, noon).status(over), "passed: 12 of 12 points"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
