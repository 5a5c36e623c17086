package report_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// pass and fail are checks as they are recorded.
func pass(test, title string, points int) run.Check {
	return run.Check{Test: test, Title: title, Verdict: run.Passed, Points: points,
		MaxPoints: points, DurationMS: 1.25}
}

func fail(test, title string, points int, message, location string,
	findings ...run.Finding) run.Check {
	return run.Check{
		Test: test, Title: title, Verdict: run.Failed, MaxPoints: points, DurationMS: 2.5,
		Message: message, Location: location, Findings: findings,
		Output: "--- FAIL: " + test + " (0.00s)\n    bucket_test.go:41: " + message + "\n",
	}
}

// bucket is a result with these checks.
func bucket(v run.Verdict, checks ...run.Check) run.Result {
	r := run.Result{
		Schema: run.Schema, Lab: "B10", Slug: "b10-token-bucket", Title: "Token bucket", Verdict: v,
		Checks: checks, Backends: map[string]run.Backend{},
		Go: "go1.26.8", Seed: 42, SourceSHA256: "6f1e", DurationMS: 1234.5,
	}
	for _, c := range checks {
		r.Points += c.Points
		r.MaxPoints += c.MaxPoints
	}
	return r
}

var (
	burst = run.Finding{
		Did:  "made 6 calls at one instant on a new limiter of 10 tokens a second and a burst of 5",
		Want: "the first 5 allowed, the sixth denied", Got: "6 of 6 allowed",
		Why: "a bucket starts full, so that a new client is served at once, and its size is " +
			"the largest burst that what is behind it must survive",
		When: "+0s (virtual time)", Where: "bucket_test.go:20",
	}
	refill = run.Finding{Did: "emptied a bucket of 10 tokens a second and asked again 99 ms later",
		Want: "denied: a token takes 100 ms", Got: "allowed", When: "+99ms (virtual time)",
		Where: "bucket_test.go:38"}
	// lamp is two customers who buy the last one.
	lamp = timeline.Picture{
		Lanes: []string{"alice", "bob", "shelf"}, Virtual: true, Before: 2, After: 1,
		Steps: []timeline.Step{
			{Kind: timeline.Value, Lane: 2, Text: "1 lamp"},
			{Kind: timeline.Sent, At: 1e6, Lane: 0, Other: 2, ID: 1, Text: "take one"},
			{Kind: timeline.Came, At: 1e6, Lane: 2, Other: 0, ID: 1, Text: "take one"},
			{Kind: timeline.Point, At: 2e6, Lane: 1, Text: "takes it, too", Breaks: true},
		},
	}
	likely = run.Likely{
		Mutant:        "unbounded-refill",
		Misconception: "Tokens keep accumulating while the client is idle.",
		Explain: "Without a cap an hour of silence buys an hour's worth of requests at one " +
			"instant. The bucket's size is what bounds the burst that the system behind it must " +
			"survive.",
	}
)

// results are one of each kind that a renderer meets.
func results() map[string]run.Result {
	onePass := pass("TestBurst", "a new client may burst up to the capacity, and no further", 2)
	hostile := "ring \x07, \x1b[2J\x1b[31mred\x1b[0m, \x1b]0;title\x07, " +
		"\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\, \u009b5mC1, back\b\b\bspace, " +
		"over\rwritten, \x00nul, del\x7f.\tA tab stays."
	m := map[string]run.Result{
		"passed": bucket(run.Passed, onePass, pass("TestIdle",
			"idle time earns one full bucket, never more", 3)),
		"failed": bucket(run.Failed,
			onePass,
			fail("TestIdle", "idle time earns one full bucket, never more", 3,
				"6 of 6 allowed: made 6 calls", "bucket_test.go:20", burst),
			fail("TestRefill", "the next token is there after 1/rate, not sooner and not later", 2,
				"allowed: emptied a bucket", "bucket_test.go:38", refill, burst, burst),
			fail("TestPanics", "no call panics", 1,
				"panic at bucket.go:32: a nil pointer was used (a pointer, interface or "+
					"function that was never set, or a result used without looking at its error)",
				"bucket.go:32"),
			pass("TestLongRun", "under saturation the long-run rate is the configured one", 2)),
		"build_failed": bucket(run.BuildFailed),
		"rejected":     bucket(run.Rejected),
		"timed_out": bucket(run.TimedOut, onePass,
			run.Check{Test: "TestRefill", Title: "the next token is there after 1/rate",
				Verdict: run.TimedOut, MaxPoints: 2,
				Message: "not done after 15s, so it was stopped; it was then at " +
					"bucket.go:44, waiting for a mutex", Location: "bucket.go:44",
				Findings: []run.Finding{refill}}),
		"not_judged": bucket(run.InfraError, onePass,
			run.Check{Test: "TestStore", Title: "the bucket survives a restart",
				Verdict: run.NotJudged, MaxPoints: 2,
				Message: "there is no real Redis to be had here; install redis-server or " +
					"start Docker, then labs doctor"}),
		"infra": bucket(run.InfraError, onePass,
			run.Check{Test: "TestStore", Title: "the bucket survives a restart",
				Verdict: run.InfraError, MaxPoints: 2, Message: "start postgres: the disk is full"},
			run.Check{Test: "TestStored", Title: "so do all others", Verdict: run.InfraError,
				MaxPoints: 2, Message: "start postgres: the disk is full"}),
		"infra_whole": bucket(run.InfraError),
		"likely": bucket(run.Failed, onePass,
			fail("TestIdle", "idle time earns one full bucket, never more", 3, "6 of 6 allowed",
				"bucket_test.go:20", burst)),
		"race": bucket(run.Failed, onePass,
			run.Check{Test: "TestShared",
				Title: "a thousand callers at one instant share one bucket", Verdict: run.Failed,
				MaxPoints: 3, Race: true, Location: "bucket.go:40",
				Message: "data race: a read at bucket.go:40 and a write at bucket.go:44, with " +
					"nothing that puts one before the other (a lock, a channel, an atomic)",
				Findings: []run.Finding{refill}}),
		"runs": bucket(run.Failed,
			run.Check{Test: "TestShared",
				Title: "a thousand callers at one instant share one bucket", Verdict: run.Failed,
				MaxPoints: 3, Location: "bucket_test.go:38", Findings: []run.Finding{refill},
				Message: "passed 6 of 8 runs, so there is a race or another matter of chance; " +
					"of the others the first: allowed",
				Runs: &run.Runs{Plain: 8, PlainPassed: 6, Race: 8, RacePassed: 8}}),
		"hostile": bucket(run.Failed, fail("TestBurst", "a new client may burst up to the capacity",
			2, hostile, "buck\x1b[31met.go:1", run.Finding{Did: hostile,
				Want: hostile + "\nsecond line", Got: hostile}),
			fail("TestIdle", "idle time earns one full bucket", 2,
				hostile+"\n````\n]]> <script>alert(1)</script> ::error::x\n::warning::y | %0A",
				"bucket.go:3")),
	}
	seen, drawn := lamp, onePass
	drawn.Shown = []run.Shown{{Title: "what each of them got", Picture: &seen}}
	pictured, ugly := refill, refill
	pictured.Picture = &seen
	ugly.Picture = &timeline.Picture{Lanes: []string{hostile}, Steps: []timeline.Step{
		{Kind: timeline.Point, Text: hostile + "\n````\n]]> <script>alert(1)</script>\n::error::x"}}}
	m["picture"] = bucket(run.Failed, drawn,
		fail("TestRefill", "the next token is there after 1/rate", 2, "allowed", "bucket_test.go:38",
			pictured),
		fail("TestUgly", "no picture harms anybody", 2, "allowed", "bucket_test.go:38", ugly))
	set := func(key string, change func(*run.Result)) {
		r := m[key]
		change(&r)
		m[key] = r
	}
	noChecks := func(message, output string) func(*run.Result) {
		return func(r *run.Result) {
			r.Checks, r.MaxPoints, r.Message, r.Output, r.DurationMS = []run.Check{}, 5, message,
				output, 456.7
		}
	}
	set("build_failed", noChecks("bucket.go:12:9: undefined: now\nbucket.go:30:1: missing return",
		"labs/b10-token-bucket/bucket.go:12:9: undefined: "+
			"now\nlabs/b10-token-bucket/bucket.go:30:1: missing return\n"))
	set("rejected", noChecks("bucket.go:4: import \"golang.org/x/time/rate\": this lab is about "+
		"building the limiter that this package is", ""))
	set("infra_whole", noChecks("no folder for binaries: mkdir .labs: read-only file system", ""))
	set("likely", func(r *run.Result) {
		l := likely
		r.Likely = &l
		r.Backends = map[string]run.Backend{
			"redis": {Provider: "local", Version: "7.2.4",
				Detail: "no LABS_REDIS_URL, no Docker engine answers"},
			"postgres": {Provider: "url", Version: "16.3"},
		}
	})
	return m
}

// order is the one in which the formats for programs get the results.
var order = []string{"passed", "failed", "build_failed", "rejected", "timed_out", "not_judged",
	"infra", "infra_whole", "likely", "race", "runs", "picture",
	"hostile"}

func TestTerminal(t *testing.T) {
	t.Parallel()
	plain := report.Style{Columns: 80}
	all := results()
	for _, name := range order {
		golden.Check(t, name+".txt", terminal(all[name], plain))
	}
	for name, style := range map[string]report.Style{
		"failed.verbose":  {Columns: 80, Verbose: true},
		"failed.failing":  {Columns: 80, Failing: true},
		"failed.brief":    {Columns: 80, Failing: true, Brief: true},
		"failed.narrow":   {Columns: 40},
		"failed.wide":     {Columns: 200},
		"hostile.verbose": {Columns: 80, Verbose: true},

		"passed.colour":       {Columns: 80, Colour: true},
		"failed.colour":       {Columns: 80, Colour: true},
		"build_failed.colour": {Columns: 80, Colour: true},
		"timed_out.colour":    {Columns: 80, Colour: true},
		"not_judged.colour":   {Columns: 80, Colour: true},
		"likely.colour":       {Columns: 80, Colour: true},
		"race.colour":         {Columns: 80, Colour: true},
	} {
		base, _, _ := strings.Cut(name, ".")
		golden.Check(t, name+".txt", terminal(all[base], style))
	}
}

func terminal(r run.Result, s report.Style) string {
	var out bytes.Buffer
	report.Terminal(&out, r, s)
	return out.String()
}

// TestTerminal_colourIsAllThatDiffers takes the colours away again.
func TestTerminal_colourIsAllThatDiffers(t *testing.T) {
	t.Parallel()
	for name, r := range results() {
		colour, plain := terminal(r, report.Style{Columns: 80, Colour: true}),
			terminal(r, report.Style{Columns: 80})
		if got := ansi.Strip(colour); got != plain {
			t.Errorf("%s: with colour\n%q\nand without\n%q", name, got, plain)
		}
		if colour == plain {
			t.Errorf("%s: there is no colour in %q", name, colour)
		}
	}
}

// TestTerminal_width holds every line of what is wrapped against the width. Titles and notes are
// not wrapped.
func TestTerminal_width(t *testing.T) {
	t.Parallel()
	for name, r := range results() {
		for i := range r.Checks {
			r.Checks[i].Title = "short"
		}
		r.Backends = nil
		for _, columns := range []int{70, 80, 120} {
			for line := range strings.Lines(terminal(r,
				report.Style{Columns: columns, Verbose: true})) {
				if w := ansi.StringWidth(strings.ReplaceAll(line, "\t", "        ")); w > columns &&
					!strings.Contains(line, "\t") {
					t.Errorf("%s at width %d: a line is %d wide: %q", name, columns, w, line)
				}
			}
		}
	}
}

// TestHostile looks for anything in any format by which output could repaint a screen or break out
// of its place.
func TestHostile(t *testing.T) {
	t.Parallel()
	r := results()["hostile"]
	r.Checks = append(r.Checks, results()["picture"].Checks...)
	out := map[string]string{"terminal": terminal(r, report.Style{Columns: 80, Verbose: true})}
	for name, format := range report.Formats {
		var b bytes.Buffer
		if err := format(&b, []run.Result{r}); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	for name, text := range out {
		for _, c := range text {
			if unicode.IsControl(c) && c != '\n' && c != '\t' {
				t.Errorf("%s: there is a %q in\n%q", name, c, text)
				break
			}
		}
	}
	for line := range strings.Lines(out["github"]) {
		if !strings.HasPrefix(line, "::error ") {
			t.Errorf("github: the line %q is none of ours", line)
		}
	}
	if n := strings.Count(out["markdown"], "\n````"); n%2 != 0 {
		t.Errorf("markdown: there are %d fences, which leaves one open", n)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	all := results()
	var list []run.Result
	for _, name := range order {
		list = append(list, all[name])
	}
	list[1].Submission, list[2].Submission = "ada", "=cmd()"
	endings := map[string]string{"json": "json", "junit": "xml", "github": "github",
		"gradescope": "gradescope.json", "markdown": "md", "csv": "csv", "html": "html"}
	for name, format := range report.Formats {
		var out bytes.Buffer
		if err := format(&out, list); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden.Check(t, "all."+endings[name], out.String())
	}
}

func TestFormats_nothing(t *testing.T) {
	t.Parallel()
	for name, format := range report.Formats {
		var out bytes.Buffer
		if err := format(&out, nil); err != nil {
			t.Errorf("%s of no results: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := report.JSON(&out, []run.Result{}); err != nil || out.String() != "[]\n" {
		t.Errorf("got %q, %v for JSON, want an empty list", &out, err)
	}
}

// TestJSON_schema holds every field of a result, with its name and its form, against a golden. A
// field that is new must be added here; one that changes or goes away raises run.Schema.
func TestJSON_schema(t *testing.T) {
	t.Parallel()
	l, f, p := likely, burst, lamp
	f.Picture = &p
	p.Steps = []timeline.Step{{Kind: timeline.Came, At: 5, Lane: 1, Text: "take one", Other: 2, ID: 1,
		Breaks: true}}
	r := run.Result{
		Schema: run.Schema, Submission: "ada", Lab: "B10", Slug: "b10-token-bucket",
		Title: "Token bucket", Verdict: run.Failed, Points: 2, MaxPoints: 5,
		Message: "why there is no verdict on the checks", Output: "the compiler's words",
		Checks: []run.Check{{
			Test: "TestBurst", Title: "a burst is bounded", Verdict: run.Failed, Points: 1,
			MaxPoints: 3, DurationMS: 1.25,
			Message: "6 of 6 allowed <&>", Output: "what it printed", Location: "bucket.go:32",
			Findings: []run.Finding{f}, Race: true,
			Shown: []run.Shown{{Title: "what was called", Picture: &p}},
			Runs:  &run.Runs{Plain: 8, PlainPassed: 6, Race: 7, RacePassed: 5},
		}},
		Likely: &l, Notes: []string{"helper.go is not handed in"},
		Race: run.Race{State: run.RaceNotToBeHad, Reason: "there is no C compiler here",
			Remedy: "install gcc"}, Sandbox: "ns",
		Course: run.Revision{Module: "example.com/course", Version: "v1.2.0", Commit: "1f65ec7", Modified: true},
		Times:  run.Times{BuildMS: 1000, ChecksMS: 200.5, RaceMS: 34},
		Backends: map[string]run.Backend{"redis": {
			Provider: "local", Version: "7.2.4", Detail: "127.0.0.1:6379",
			PassedOver: "no Docker engine answers",
		}},
		Go: "go1.26.8", Seed: 42, SourceSHA256: "6f1e", DurationMS: 1234.5,
	}
	if empty := firstEmpty(reflect.ValueOf(r), "Result"); empty != "" {
		t.Errorf("%s is not set here", empty)
	}
	var out bytes.Buffer
	if err := report.JSON(&out, []run.Result{r}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "schema.json", out.String())
	var back []run.Result
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]run.Result{r}, back); diff != "" {
		t.Errorf("what is read back differs (-want +got):\n%s", diff)
	}
}

// firstEmpty is the path of a field that has its zero value.
func firstEmpty(v reflect.Value, path string) string {
	if v.IsZero() {
		return path
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if empty := firstEmpty(v.Field(i), path+"."+v.Type().Field(i).Name); empty != "" {
				return empty
			}
		}
	case reflect.Pointer:
		return firstEmpty(v.Elem(), path)
	case reflect.Slice:
		return firstEmpty(v.Index(0), path+"[0]")
	case reflect.Map:
		return firstEmpty(v.MapIndex(v.MapKeys()[0]), path+"[]")
	}
	return ""
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"text", "plain, ümläut, 日本", "plain, ümläut, 日本"},
		{"a tab", "a\tb", "a\tb"},
		{"colours", "\x1b[1;31mred\x1b[0m", "red"},
		{"a title", "\x1b]0;mine\x07text", "text"},
		{"a link", "\x1b]8;;http://example.com\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"cursor", "\x1b[2J\x1b[Htext", "text"},
		{"device control", "\x1bPq#0\x1b\\text", "text"},
		{"an escape sequence that does not end", "text\x1b[", "text"},
		{"a lone escape", "te\x1bxt", "tet"},
		{"C1", "te\u009b31mxt", "te31mxt"},
		{"other controls", "a\rb\bc\x00d\x7fe\x07", "abcde"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := report.Plain(tt.in)
			for _, c := range got {
				if unicode.IsControl(c) && c != '\t' {
					t.Errorf("got %q, which has a control character", got)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ann": "ann", "new\nline": "new␊line", "a\x1b[31mred": "a␛[31mred", "tab\there": "tab␉here", "del\x7f": "del␡",
		"\u202eright to left": "right to left", "日本": "日本", "::error::x": ":\u200b:error::x",
	} {
		if got := report.Name(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
