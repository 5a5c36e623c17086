package watch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/watch"
)

func TestEditor(t *testing.T) {
	t.Parallel()
	lab := &course.Lab{ID: "B10", Slug: "b10-x"}
	var b strings.Builder
	v := &watch.Editor{Out: &b}
	draw := func(s watch.Scene) {
		s.Lab = lab
		v.Draw(s)
	}
	fails := &run.Result{Lab: "B10", Slug: "b10-x", Verdict: run.Failed, MaxPoints: 1, Checks: []run.Check{
		{Title: "fails", Verdict: run.Failed, Location: "x_test.go:88", Findings: []run.Finding{{Got: "2", Want: "1"}}}}}
	draw(watch.Scene{Phase: watch.Checking})
	draw(watch.Scene{Phase: watch.Checking})
	draw(watch.Scene{Phase: watch.Idle, Result: fails})
	draw(watch.Scene{Phase: watch.Idle, Result: fails})
	passes := &run.Result{Lab: "B10", Slug: "b10-x", Verdict: run.Passed, Points: 1, MaxPoints: 1, Race: run.Race{State: run.RaceDone}}
	draw(watch.Scene{Phase: watch.Checking, Result: fails})
	draw(watch.Scene{Phase: watch.Racing, Result: &run.Result{Verdict: run.Passed}})
	draw(watch.Scene{Phase: watch.Idle, Result: passes})
	draw(watch.Scene{Phase: watch.Checking, Result: passes})
	draw(watch.Scene{Phase: watch.Idle, Result: passes, Err: errors.New("the disk is full")})
	want := `labs: judging b10-x
labs/b10-x/x_test.go:88:1: fails: got 2, want 1
B10 failed: 0 of 1 points
labs: judged b10-x
labs: judging b10-x
B10 passed: 1 of 1 points
labs: judged b10-x
labs: judging b10-x
the disk is full
labs: judged b10-x
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
