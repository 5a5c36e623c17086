package prove

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestHunter_jobs has a check that has become slower since it was measured.
func TestHunter_jobs(t *testing.T) {
	t.Parallel()
	h := &hunter{lab: &course.Lab{}, checks: []*pace{{test: "TestFast", took: time.Millisecond},
		{test: "TestSlow", took: time.Second}}}
	h.slower(run.Result{Checks: []run.Check{{Test: "TestFast", DurationMS: 0.5},
		{Test: "TestSlow", DurationMS: 3000}}})
	jobs := h.jobs([]*variant{{dir: "1"}})
	if len(jobs) != 2 || len(jobs[0].Timeouts) != 0 {
		t.Fatalf("got %+v, want the reference without deadlines of its own, and a variant", jobs)
	}
	want := map[string]time.Duration{"TestFast": 2 * time.Second, "TestSlow": 30 * time.Second}
	if diff := cmp.Diff(want, jobs[1].Timeouts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
