package diagnose_test

import (
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/diagnose"
	"github.com/backend-labs/backend-labs/harness/run"
)

// lab has the checks A to F and these mutants, each with its signature: the letters of the checks that it fails.
func lab(mutants ...string) *course.Lab {
	l := &course.Lab{}
	for _, c := range "ABCDEF" {
		l.Checks = append(l.Checks, course.Check{Test: string(c)})
	}
	for _, signature := range mutants {
		l.Mutants = append(l.Mutants, course.Mutant{Patch: signature + ".patch", Misconception: "that " + signature, Explain: "because " + signature, Fails: tests(signature)})
	}
	return l
}

func tests(letters string) []string {
	var names []string
	for _, c := range letters {
		names = append(names, string(c))
	}
	return names
}

func TestLikely(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		mutants []string
		failing string
		other   run.Verdict // of check F, which does not fail
		want    string      // the mutant's name
	}{
		{"nothing fails", []string{"A", "AB"}, "", run.Passed, ""},
		{"the signature of one", []string{"A", "AB", "CDE"}, "AB", run.Passed, "AB"},
		{"the signature of one, and there is no other", []string{"ABC"}, "ABC", run.Passed, "ABC"},
		{"everything fails: nothing is written yet", []string{"ABCDEF", "A"}, "ABCDEF", run.Failed, ""},
		{"clearly nearest: one more fails", []string{"ABC", "F"}, "ABCD", run.Passed, "ABC"},
		{"clearly nearest: one less fails", []string{"ABCD", "F"}, "ABC", run.Passed, "ABCD"},
		{"none is near", []string{"AB", "CD"}, "E", run.Passed, ""},
		{"half of it is not near enough", []string{"AB"}, "A", run.Passed, ""},
		{"two have the same signature", []string{"AB", "AB"}, "AB", run.Passed, ""},
		{"two are as near", []string{"ABC", "ABD"}, "AB", run.Passed, ""},
		{"two are nearly as near", []string{"ABCDE", "ABCDEF"}, "ABCD", run.Passed, ""},
		{"an exact one beats a near one", []string{"ABCD", "ABC"}, "ABC", run.Passed, "ABC"},
		{"half a signature: one check was not judged", []string{"AB"}, "AB", run.NotJudged, ""},
		{"half a signature: one check broke", []string{"AB"}, "AB", run.InfraError, ""},
		{"a hang counts as a failure", []string{"ABF", "AB"}, "AB", run.TimedOut, "ABF"},
		{"no mutants", nil, "A", run.Passed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := lab(tt.mutants...)
			var checks []run.Check
			for _, c := range l.Checks {
				verdict := run.Passed
				switch {
				case slices.Contains(tests(tt.failing), c.Test):
					verdict = run.Failed
				case c.Test == "F":
					verdict = tt.other
				}
				checks = append(checks, run.Check{Test: c.Test, Verdict: verdict})
			}
			got := diagnose.Likely(l, checks)
			if tt.want == "" {
				if got != nil {
					t.Errorf("got %+v, want none", got)
				}
				return
			}
			want := run.Likely{Mutant: tt.want, Misconception: "that " + tt.want, Explain: "because " + tt.want}
			if got == nil || *got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
