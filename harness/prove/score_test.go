package prove

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/mutate"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestScore_equivalents has a change that survives in F and one that a check fails on in G.
func TestScore_equivalents(t *testing.T) {
	t.Parallel()
	changed := func(in, becomes, killer string) *variant {
		return &variant{Variant: mutate.Variant{In: in, Was: "if a < b {", Becomes: becomes},
			killer: killer}
	}
	hung := changed("H", "for {", "TestIt")
	hung.hung = true
	entry := func(was, becomes, in string) course.Equivalent {
		return course.Equivalent{Was: was, Becomes: becomes, In: in}
	}
	all := []*variant{changed("F", "if a <= b {", ""), changed("G", "if a <= b {", "TestIt"),
		changed("F", "if a > b {", "TestIt"), hung}
	for _, tt := range []struct {
		name      string
		entry     course.Equivalent
		explained int
		problems  []string
	}{
		{"in one function", entry("if a < b {", "if a <= b {", "F"), 1, nil},
		{"other white space", entry(" if a  <\n b {", "if a <= b {", "F"), 1, nil},
		{"in which", entry("if a < b {", "if a <= b {", ""), 1, []string{`equivalent: ` +
			`"if a < b {" → "if a <= b {" is one in F, and none in G: say which by in`}},
		{"a line that is gone", entry("if a == b {", "", ""), 0, []string{`equivalent: ` +
			`"if a == b {" → "" is no change of the reference (any more)`}},
		{"a check fails", entry("if a < b {", "if a > b {", ""), 0, []string{`equivalent: ` +
			`"if a < b {" → "if a > b {" is none: TestIt fails on it`}},
		{"only the time was up", entry("if a < b {", "for {", ""), 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s Score
			s.count(&course.Lab{Equivalent: []course.Equivalent{tt.entry}}, all)
			if s.Explained != tt.explained || s.Killed != 3 || s.Variants != 4 {
				t.Errorf("got %+v, want 4 variants, 3 killed, %d explained", s, tt.explained)
			}
			if diff := cmp.Diff(tt.problems, s.Problems); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestVariant_take(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		r    run.Result
		want variant
	}{
		{"no Go", run.Result{Verdict: run.BuildFailed}, variant{out: true}},
		{"nothing that is judged", run.Result{Verdict: run.Rejected}, variant{out: true}},
		{"all passed", run.Result{Checks: []run.Check{{Test: "TestA", Verdict: run.Passed}}}, variant{}},
		{"one failed, which was enough", run.Result{Checks: []run.Check{
			{Test: "TestA", Verdict: run.NotJudged}, {Test: "TestB", Verdict: run.Failed}}},
			variant{killer: "TestB"}},
		{"its time was up", run.Result{Checks: []run.Check{{Test: "TestA", Verdict: run.TimedOut}}},
			variant{killer: "TestA", hung: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got variant
			got.take(tt.r)
			if got.out != tt.want.out || got.killer != tt.want.killer || got.hung != tt.want.hung {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
