package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// liveCases are results, each with the checks that were told before the end, in that order.
func liveCases() map[string]struct {
	r    run.Result
	told []int
} {
	one := pass("TestOne", "one is counted", 1)
	two := fail("TestTwo", "two are counted", 2, "got 3", "bucket.go:7", burst)
	three := fail("TestThree", "three are counted", 1, "got 4", "bucket.go:9", refill)
	four := run.Check{
		Test: "TestFour", Title: "four are counted", MaxPoints: 1,
		Verdict: run.NotJudged, Message: "two checks have hung at bucket.go:7",
	}
	failed := bucket(run.Failed, one, two, three, four)
	failed.Likely = &likely
	broken := bucket(run.BuildFailed)
	broken.Message = "bucket.go:3:1: expected declaration"
	type of = struct {
		r    run.Result
		told []int
	}
	return map[string]of{
		"all told in order":     {failed, []int{0, 1, 2, 3}},
		"some told":             {failed, []int{0, 1}},
		"the failing one first": {failed, []int{1, 0, 2}},
		"nothing told":          {failed, nil},
		"does not compile":      {broken, nil},
		"told twice":            {failed, []int{1, 1, 0}},
		"all passed, in disorder": {bucket(run.Passed, one, pass("TestTwo", "two", 1)),
			[]int{1, 0}},
	}
}

// TestLive: what is told piece by piece is all of what is told at once, in another order.
func TestLive(t *testing.T) {
	t.Parallel()
	for name, tt := range liveCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			style := report.Style{Columns: 80}
			var out strings.Builder
			l := report.NewLive(&out, tt.r.Lab, tt.r.Title, style)
			for _, i := range tt.told {
				l.Check(tt.r.Checks[i])
			}
			l.End(tt.r)
			ordered := tt.r
			ordered.Checks = inOrder(tt.r.Checks, tt.told)
			if got, want := out.String(), terminal(ordered, style); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// inOrder are the checks with those told in front.
func inOrder(all []run.Check, told []int) (ordered []run.Check) {
	for _, i := range told {
		if !slices.ContainsFunc(ordered, func(c run.Check) bool { return c.Test == all[i].Test }) {
			ordered = append(ordered, all[i])
		}
	}
	for i, c := range all {
		if !slices.Contains(told, i) {
			ordered = append(ordered, c)
		}
	}
	return ordered
}

// TestLive_atOnce: a failure is there in full before the end, under the lab's name.
func TestLive_atOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := report.NewLive(&out, "B10", "Token bucket", report.Style{Columns: 80})
	if out.Len() > 0 {
		t.Errorf("there is something before the first check: %q", out.String())
	}
	l.Check(fail("TestTwo", "two are counted", 2, "got 3", "bucket.go:7", refill))
	for _, want := range []string{"B10 Token bucket\n", "✗ two are counted", "got   allowed",
		"at bucket.go:7, in TestTwo"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
