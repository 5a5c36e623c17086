package prove

import (
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/mutate"
)

// scores are one of each kind: all killed, with a survivor, without a verdict, without a variant.
func scores() []Score {
	survivor := mutate.Variant{Operator: "bound moved", File: "bucket.go", Line: 7, In: "Bucket.Take",
		Was: "if n < b.left {", Becomes: "if n <= b.left {"}
	return []Score{
		{Lab: "B01", Slug: "b01-adder", Variants: 3, Killed: 2, Explained: 1, Seconds: 1.4},
		{Lab: "B10", Slug: "b10-bucket", Variants: 7, Killed: 6, Seconds: 12.6, Survivors: []Survivor{
			{survivor, "--- a/bucket.go\n+++ b/bucket.go\n@@ -7,2 +7,2 @@\n-if n < b.left {\n" +
				"+if n <= b.left {\n }\n\n"}}},
		{Lab: "I01", Slug: "i01-counter", Problems: []string{"the reference itself: TestIt: failed: no"}},
		{Lab: "I02", Slug: "i02-empty"},
	}
}

func TestScores(t *testing.T) {
	t.Parallel()
	for name, colour := range map[string]bool{"scores.txt": false, "scores.colour.txt": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			Scores(&out, scores(), 90*time.Second, colour)
			golden.Check(t, name, out.String())
		})
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	all := scores()
	for i, want := range []struct {
		holds   bool
		percent float64
	}{{true, 100}, {false, 600.0 / 7}, {false, 100}, {true, 100}} {
		if s := all[i]; s.Holds() != want.holds || s.Percent() != want.percent {
			t.Errorf("%s: got %v with %v %%, want %v with %v %%", s.Lab, s.Holds(), s.Percent(),
				want.holds, want.percent)
		}
		if got := AllKilled(all[i : i+1]); got != want.holds {
			t.Errorf("%s: got all killed %v, want %v", all[i].Lab, got, want.holds)
		}
	}
	if AllKilled(all) || !AllKilled(nil) {
		t.Errorf("got all killed %v of some that are not, and %v of none", AllKilled(all), AllKilled(nil))
	}
}
