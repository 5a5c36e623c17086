package grade

import (
	"strings"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/run"
)

// NotAttempted is the result of a job whose files are still the recorded stub's. ok says whether
// they are: where no stub is recorded, or a file cannot be read, nobody knows, and it is false.
func NotAttempted(j Job) (r run.Result, ok bool) {
	l := j.Lab
	if touched, err := l.Touched(j.Dir); err != nil || len(touched) > 0 {
		return run.Result{}, false
	}
	r = run.Result{
		Schema: run.Schema, Lab: l.ID, Slug: l.Slug, Title: l.Title,
		Verdict: run.NotAttempted, MaxPoints: l.MaxPoints(),
		Message: "nothing is written yet: labs show " + strings.ToLower(l.ID) + " shows the brief",
		Checks:  []run.Check{}, Backends: map[string]run.Backend{},
		Go: compile.GoVersion(), Race: run.Race{State: run.RaceNotNeeded},
	}
	if l.Race {
		r.Race.State = run.RaceNotBegun
	}
	if note := l.NotHandedIn(j.Dir); note != "" {
		r.Notes = append(r.Notes, note)
	}
	r.SourceSHA256, _ = compile.SourceSHA256(l, j.Dir) // it has just been read
	return r, true
}
