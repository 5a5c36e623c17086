package diagnose_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/diagnose"
	"github.com/backend-labs/backend-labs/harness/run"
)

// lab has the checks A to F and these mutants, each written as its signature, the letters of the
// checks that it fails, maybe a plus and those that it fails besides, and maybe, after colons, its belief and
// what it shows.
func lab(mutants ...string) *course.Lab {
	l := &course.Lab{}
	for _, c := range "ABCDEF" {
		l.Checks = append(l.Checks, course.Check{Test: string(c)})
	}
	for _, text := range mutants {
		signature, rest, _ := strings.Cut(text, ":")
		belief, shows, _ := strings.Cut(rest, ":")
		fails, also, _ := strings.Cut(signature, "+")
		l.Mutants = append(l.Mutants, course.Mutant{
			Patch: text + ".patch", Misconception: "that " + belief, Explain: "because",
			Fails: tests(fails), Also: tests(also), Shows: shows,
		})
		if belief == "" {
			l.Mutants[len(l.Mutants)-1].Misconception = "that " + signature
		}
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
		{"the signature of one, and there is no other", []string{"AB"}, "AB", run.Passed, "AB"},
		{"a broad signature, which shows nothing", []string{"ABC"}, "ABC", run.Passed, ""},
		{"a broad signature, which shows something", []string{"ABC:x:got A"}, "ABC", run.Passed, "ABC:x:got A"},
		{"a broad one beside another of the same checks", []string{"ABC:x:", "A+BC:y:"}, "ABC", run.Passed, "A+BC:y:"},
		{"everything fails: nothing is written yet", []string{"ABCDEF", "A"}, "ABCDEF", run.Failed, ""},
		{"one more fails", []string{"AB", "F"}, "ABC", run.Passed, ""},
		{"one less fails", []string{"ABCD:x:got A", "F"}, "ABC", run.Passed, ""},
		{"one that may fail besides", []string{"AB+CD", "F"}, "ABD", run.Passed, "AB+CD"},
		{"none of those that may fail besides", []string{"AB+CD", "F"}, "AB", run.Passed, "AB+CD"},
		{"one more than may fail besides", []string{"AB+C"}, "ABCD", run.Passed, ""},
		{"only what may fail besides", []string{"AB+CD"}, "ACD", run.Passed, ""},
		{"one and what another may fail", []string{"A+B", "AB"}, "AB", run.Passed, ""},
		{"what another may fail besides, and does not", []string{"A+B", "AB"}, "A", run.Passed, "A+B"},
		{"what may fail besides shows it", []string{"A+B:x:got B", "AB:y:got Z"}, "AB", run.Passed, "A+B:x:got B"},
		{"none is near", []string{"AB", "CD"}, "E", run.Passed, ""},
		{"two with the same signature that show nothing", []string{"AB:x:", "AB:y:"}, "AB", run.Passed, ""},
		{"two of one belief", []string{"AB:x:", "AB:x:"}, "AB", run.Passed, "AB:x:"},
		{"what is shown tells them apart", []string{"AB:x:got A", "AB:y:got Z"}, "AB", run.Passed, "AB:x:got A"},
		{"any of the checks may show it", []string{"AB:x:got Z", "AB:y:did B"}, "AB", run.Passed, "AB:y:did B"},
		{"both is shown", []string{"AB:x:got A", "AB:y:got B"}, "AB", run.Passed, ""},
		{"what is to be shown is not", []string{"AB:x:got Z"}, "AB", run.Passed, ""},
		{"only what is found first is looked at", []string{"AB:x:later"}, "AB", run.Passed, ""},
		{"a message without a finding shows something, too", []string{"AB:x:ended with A"}, "AB", run.Rejected, "AB:x:ended with A"},
		{"a message without a finding is no mutant's that shows nothing", []string{"AB"}, "AB", run.Rejected, ""},
		{"an exact one beside a near one", []string{"ABC:x:got A", "AB"}, "AB", run.Passed, "AB"},
		{"half a signature: one check was not judged", []string{"AB"}, "AB", run.NotJudged, ""},
		{"half a signature: one check broke", []string{"AB"}, "AB", run.InfraError, ""},
		{"a hang counts as a failure", []string{"AF", "A"}, "A", run.TimedOut, "AF"},
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
				checks = append(checks, failed(c.Test, verdict, tt.other == run.Rejected))
			}
			got := diagnose.Likely(l, checks)
			if tt.want == "" {
				if got != nil {
					t.Errorf("got %+v, want none", got)
				}
				return
			}
			want := *l.Mutant(tt.want)
			if got == nil || *got != (run.Likely{Mutant: tt.want, Misconception: want.Misconception,
				Explain: "because"}) {
				t.Errorf("got %+v, want that of %+v", got, want)
			}
		})
	}
}

// failed is a check with what it has found, or a bare message.
func failed(test string, verdict run.Verdict, bare bool) run.Check {
	c := run.Check{Test: test, Verdict: verdict, Message: "ended with " + test}
	if !bare {
		c.Findings = []run.Finding{{Did: "did " + test, Want: "want " + test, Got: "got " + test},
			{Got: "later"}}
	} else if verdict == run.Rejected {
		c.Verdict = run.Passed
	}
	return c
}

func TestVague(t *testing.T) {
	t.Parallel()
	for signature, want := range map[string]bool{"A": false, "AB": false, "ABC": true, "ABCDEF": true,
		"ABCDEF:x:got A": false} {
		l := lab(signature)
		if got := diagnose.Vague(l, &l.Mutants[0]); got != want {
			t.Errorf("%s: got %v, want %v", signature, got, want)
		}
		l.Checks = append(l.Checks, l.Checks...)
		if got := diagnose.Vague(l, &l.Mutants[0]); got != (signature == "ABCDEF") {
			t.Errorf("%s of twelve checks: got %v", signature, got)
		}
	}
}

func TestConfusable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"other checks", "AB:x:", "AC:y:", false},
		{"the same checks in another order", "AB:x:", "BA:y:", true},
		{"one belief", "AB:x:", "AB:x:", false},
		{"each is known by something", "AB:x:one", "AB:y:two", false},
		{"only one is known by something", "AB:x:one", "AB:y:", true},
		{"both are known by the same", "AB:x:one", "AB:y:one", true},
		{"one is known by a part of the other's", "AB:x:no one", "AB:y:one", true},
	} {
		l := lab(tt.a, tt.b)
		if got := diagnose.Confusable(&l.Mutants[0], &l.Mutants[1]); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
