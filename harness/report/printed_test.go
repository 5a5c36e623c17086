package report

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/run"
)

func TestPrinted(t *testing.T) {
	t.Parallel()
	const failure = "--- FAIL: TestBurst (0.00s)\n    bucket_test.go:9: did x\n        want 1\n        got 2\n"
	const stack = "\ngoroutine 7 [running]:\nmain.f()\n\t/x/bucket.go:3 +0x1d\n"
	for _, tt := range []struct{ name, output, lines, trace string }{
		{"nothing", "", "", ""},
		{"the failure alone", failure, "", ""},
		{"lines of its own", "a\n\nb\n\n" + failure + "c\n", "a\n\nb\n\nc", ""},
		{"a panic", "a\n" + failure + "panic: boom [recovered, repanicked]\n" + stack, "a",
			"panic: boom [recovered, repanicked]\n" + strings.TrimRight(stack, "\n")},
		{"an endless recursion", "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n" + stack, "",
			"runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n" + strings.TrimRight(stack, "\n")},
		{"words that only look like one", "panic: no panic\nb\n", "panic: no panic\nb", ""},
		{"a race", "a\n==================\nWARNING: DATA RACE\nRead at 0x1 by goroutine 8:\n==================\n", "a",
			"==================\nWARNING: DATA RACE\nRead at 0x1 by goroutine 8:\n=================="},
	} {
		lines, trace := Printed(run.Check{Output: tt.output})
		if got := strings.Join(lines, "\n"); got != tt.lines {
			t.Errorf("%s: got the lines %q, want %q", tt.name, got, tt.lines)
		}
		if got := strings.Join(trace, "\n"); got != tt.trace {
			t.Errorf("%s: got the trace %q, want %q", tt.name, got, tt.trace)
		}
	}
}

// TestHTML_printed is about a page of code that prints nothing itself.
func TestHTML_printed(t *testing.T) {
	t.Parallel()
	for output, want := range map[string][2]bool{
		"--- FAIL: TestA (0.00s)\n    a_test.go:1: no\n":    {false, false},
		"mine\n--- FAIL: TestA (0.00s)\n":                   {true, false},
		"panic: boom\n\ngoroutine 7 [running]:\nmain.f()\n": {false, true},
	} {
		var b strings.Builder
		if err := HTML(&b, []run.Result{{Lab: "B01", Verdict: run.Failed, Checks: []run.Check{
			{Test: "TestA", Title: "a", Verdict: run.Failed, Output: output}}}}); err != nil {
			t.Fatal(err)
		}
		got := [2]bool{strings.Contains(b.String(), "what it printed"), strings.Contains(b.String(), "the trace")}
		if got != want {
			t.Errorf("%q: got what it printed, the trace: %v, want %v", output, got, want)
		}
	}
}
