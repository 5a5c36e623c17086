package grade_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
)

// TestGrade_race is about what became of the run under the race detector, and whether the lab is
// passed for good.
func TestGrade_race(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		demanded, on bool
		want         run.RaceState
		complete     bool
	}{
		{"done", true, true, run.RaceDone, true},
		{"left out", true, false, run.RaceLeftOut, false},
		{"not needed", false, true, run.RaceNotNeeded, true},
		{"not needed and left out", false, false, run.RaceNotNeeded, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, l := setup(t, script{}.actor())
			l.Race = tt.demanded
			var plain []run.RaceState
			r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Race: tt.on},
				func(e grade.Event) {
					if e.Plain != nil {
						plain = append(plain, e.Plain.Race.State)
					}
				})[0]
			if r.Verdict != run.Passed || r.Race.State != tt.want || r.Complete() != tt.complete ||
				r.NotYetRaced() == tt.complete {
				t.Errorf("got %s, %+v, complete = %v; want %s, complete = %v", r.Verdict, r.Race,
					r.Complete(), tt.want, tt.complete)
			}
			if raced := tt.demanded && tt.on; raced != slices.Equal(plain,
				[]run.RaceState{run.RaceNotBegun}) {
				t.Errorf("got %q before the race run", plain)
			}
		})
	}
}

// TestGrade_strays judges a folder with a file that nobody hands in: it is remarked on, whatever
// the verdict.
func TestGrade_strays(t *testing.T) {
	t.Parallel()
	const note = "helper.go is not handed in: lab.yaml names steps.go alone"
	for name, tt := range map[string]struct {
		steps string
		want  run.Verdict
	}{
		"passed":           {"", run.Passed},
		"does not compile": {"package steps\n\nfunc Step() { helper() }\n", run.BuildFailed},
		"rejected":         {"package steps\n\nimport _ \"unsafe\"\n", run.Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, l := setup(t, script{}.actor())
			dir := t.TempDir()
			data, err := os.ReadFile(filepath.Join(l.Dir, "steps.go"))
			if err != nil {
				t.Fatal(err)
			}
			if tt.steps != "" {
				data = []byte(tt.steps)
			}
			for file, text := range map[string][]byte{"steps.go": data,
				"helper.go": []byte("package steps\n\nfunc helper() {}\n")} {
				if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir}}, grade.Options{}, nil)[0]
			if r.Verdict != tt.want || !slices.Equal(r.Notes, []string{note}) {
				t.Errorf("got %s, %q; want %s and %q", r.Verdict, r.Notes, tt.want, note)
			}
		})
	}
}

// TestLease_within wants a check that took more than its lease gives to have failed for that,
// whatever it says itself.
func TestLease_within(t *testing.T) {
	t.Parallel()
	const why = "it had written 300 MiB to its database; a check may write 256 MiB"
	for _, tt := range []struct {
		name, exceeded string
		reported, want run.Outcome
	}{
		{"within", "", run.Outcome{Verdict: run.Passed}, run.Outcome{Verdict: run.Passed}},
		{"says that it has passed", why, run.Outcome{Verdict: run.Passed},
			run.Outcome{Verdict: run.Failed, Message: why}},
		{"could not go on", why,
			run.Outcome{Verdict: run.InfraError, Message: "connection reset", Location: "a.go:1",
				Findings: []run.Finding{{Got: "an error"}}, Output: "kept"},
			run.Outcome{Verdict: run.Failed, Message: why, Output: "kept"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lease := grade.Lease{Exceeded: func() string { return tt.exceeded }}
			if got := lease.Within(tt.reported); !cmp.Equal(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if got := (grade.Lease{}).Within(run.Outcome{Verdict: run.Passed}); got.Verdict != run.Passed {
		t.Errorf("a lease without quotas: got %+v", got)
	}
}
