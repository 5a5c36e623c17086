// Package expect is how a check says that an expectation was not met: what was done, what the
// contract wants, what happened instead, why it matters in production, and when. A failure message
// is the lab's user interface: write it for somebody who holds the misconception, and never put the
// answer into it.
package expect

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/moment"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// Message is one unmet expectation. Each part is one sentence or two, lower case, no full stop at
// the end. Did, Want and Got are always given; Why is given unless the check's title already says
// it.
type Message struct {
	Did  string // what the check did: "asked for 6 tokens at once from a full bucket of 5"
	Want string // what the contract demands: "5 allowed, the sixth denied"
	Got  string // what happened: "6 allowed"
	// what it means in production: "the dependency behind the limiter was sized for bursts of 5"
	Why string
	// what happened, where it is easier seen than read; may be nil
	Picture *timeline.Timeline
}

// Fail marks the check as failed, with the message, and lets it go on. It may be called from any
// goroutine.
func Fail(t testing.TB, m Message) {
	t.Helper()
	t.Error(record(m))
}

// Fatal marks the check as failed, with the message, and ends it. It may be called only from the
// goroutine that runs the check.
func Fatal(t testing.TB, m Message) {
	t.Helper()
	t.Fatal(record(m))
}

// That ends the check with the message unless ok holds.
func That(t testing.TB, ok bool, m Message) {
	t.Helper()
	if !ok {
		t.Fatal(record(m))
	}
}

// NoError ends the check unless err is nil. Where the message has no Got, the error's text stands
// there.
func NoError(t testing.TB, err error, m Message) {
	t.Helper()
	if err == nil {
		return
	}
	if m.Got == "" {
		m.Got = "the error: " + err.Error()
	}
	t.Fatal(record(m))
}

func record(m Message) string {
	f := account.Finding{Did: m.Did, Want: m.Want, Got: m.Got, Why: m.Why, When: when(),
		Where: caller()}
	if m.Picture == nil {
		account.Record(f)
		return Text(f)
	}
	f.Picture = m.Picture.Encode()
	account.Record(f)
	return Text(f) + "\n" + m.Picture.String()
}

// Show has a picture shown beside the check, also when it passes: where the picture is the lesson.
// The title says what is seen, in a few words.
func Show(t testing.TB, title string, tl *timeline.Timeline) {
	t.Helper()
	if !account.Show(account.Shown{Title: title, Picture: tl.Encode()}) {
		t.Logf("%s\n%s", title, tl)
	}
}

// Virtual reports whether the calling goroutine lives in virtual time.
func Virtual() bool { return moment.Virtual() }

func when() string {
	d, virtual := moment.Since()
	if virtual {
		return fmt.Sprintf("+%v (virtual time)", d)
	}
	return fmt.Sprintf("+%v", d.Round(time.Millisecond))
}

// caller finds the check's own line: the innermost frame that is in a function TestXxx or in a
// function literal of one; else, of the frames in _test.go files, the outermost; else the first
// outside this package.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	helper, first := "", ""
	for {
		f, more := frames.Next()
		at := fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		switch {
		case strings.HasSuffix(f.File, "_test.go") && inCheck(f.Function):
			return at
		case strings.HasSuffix(f.File, "_test.go"):
			helper = at
		case first == "" && !strings.Contains(f.Function, "/kit/expect."):
			first = at
		}
		if !more {
			break
		}
	}
	if helper != "" {
		return helper
	}
	return first
}

// inCheck reports whether a function, as the runtime names it, is a check or a literal in one:
// example.com/labs/b10-token-bucket_test.TestBurst.func1.
func inCheck(function string) bool {
	_, name, _ := strings.Cut(function[strings.LastIndexByte(function, '/')+1:], ".")
	return strings.HasPrefix(name, "Test")
}

// Text lays a finding out for a terminal, one labelled line for each part that is there.
func Text(f account.Finding) string {
	var b strings.Builder
	for _, row := range [...][2]string{{"did", f.Did}, {"want", f.Want}, {"got", f.Got},
		{"why", f.Why}, {"when", f.When}} {
		if row[1] != "" {
			fmt.Fprintf(&b, "\n%-5s %s", row[0]+":", strings.ReplaceAll(row[1], "\n", "\n      "))
		}
	}
	return b.String()
}
