package idempotency_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// same reports whether two answers are, but for the header of replays.
func same(a, b answer) bool {
	one, two := a.header.Clone(), b.header.Clone()
	one.Del("Idempotency-Replayed")
	two.Del("Idempotency-Replayed")
	return a.status == b.status && a.body == b.body && (len(one)+len(two) == 0 ||
		reflect.DeepEqual(one, two))
}

// breaks marks the moment of an answer as the one that breaks the promise, if it does.
func (a answer) breaks(yes bool) {
	if yes {
		a.step.Breaks()
	}
}

// charge is the usual answer to the n-th charge.
func charge(n int) answer {
	return answer{status: 201, header: http.Header{"Content-Type": {"application/json"},
		"Location": {fmt.Sprint("/charges/", n)}}, body: fmt.Sprintf(`{"charge":%d}`, n)}
}

// wantReplay demands the answer that the first request got.
func wantReplay(t *testing.T, got, first answer, m expect.Message) {
	t.Helper()
	marks := got.header.Values("Idempotency-Replayed")
	m.Want = "the first answer once more, with Idempotency-Replayed: true; that was " + first.String()
	m.Got = got.String()
	if len(marks) == 0 {
		m.Got += ", no Idempotency-Replayed"
	}
	ok := same(got, first) && slices.Equal(marks, []string{"true"})
	got.breaks(!ok)
	expect.That(t, ok, m)
}

// wantRun demands that the n-th run of the shop's handler has answered.
func wantRun(t *testing.T, s *shop, got answer, n int, m expect.Message) {
	t.Helper()
	want := charge(n)
	m.Want = fmt.Sprintf("the handler has run %s, and this is its answer: %s", times(n), want)
	m.Got = fmt.Sprintf("it has run %s; the answer is %s", times(s.count()), got)
	marks := got.header.Values("Idempotency-Replayed")
	ok := same(got, want) && len(marks) == 0 && s.count() == n
	got.breaks(!ok)
	expect.That(t, ok, m)
}

// wantProblem demands an error of the middleware itself.
func wantProblem(t *testing.T, got answer, m expect.Message, status ...int) {
	t.Helper()
	var members map[string]any
	object := json.Unmarshal([]byte(got.body), &members) == nil
	m.Want = "a problem, a JSON object of its media type, with the status " + strings.Trim(strings.ReplaceAll(
		fmt.Sprint(status), " ", " or "), "[]")
	m.Got = got.String()
	expect.That(t, object && slices.Contains(status, got.status) && slices.Equal(
		got.header.Values("Content-Type"), []string{"application/problem+json"}), m)
}

// wantRuns demands that the handler has run so often.
func wantRuns(t *testing.T, s *shop, n int, m expect.Message) {
	t.Helper()
	s.marks(n)
	m.Want = "the handler has run " + times(n)
	m.Got = "it has run " + times(s.count())
	expect.That(t, s.count() == n, m)
}

func times(n int) string {
	switch n {
	case 0:
		return "not at all"
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprint(n, " times")
}
