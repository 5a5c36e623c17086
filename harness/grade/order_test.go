package grade_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// recorder is a sandbox in which everything passes, and which knows what was begun.
type recorder struct {
	mu    sync.Mutex
	begun []string
}

func (r *recorder) actor() runtest.Actor {
	return func(_ context.Context, _ sandbox.Command, p runtest.Pipe) (sandbox.Exit, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.begun = append(r.begun, strings.TrimPrefix(p.Check, "Test"))
		return passes(p), nil
	}
}

// TestGrade_order runs one check after the other: what somebody waits for comes first, and the
// result has the lab's order all the same.
func TestGrade_order(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		first []string
		needs string // the check that needs a store
		want  string
	}{
		{"the lab's own", nil, "", "One Two Seed"},
		{"what has failed", []string{"TestSeed"}, "", "Seed One Two"},
		{"several that have failed", []string{"TestSeed", "TestTwo"}, "", "Seed Two One"},
		{"none that there is", []string{"TestGone"}, "", "One Two Seed"},
		{"stores last", nil, "TestOne", "Two Seed One"},
		{"unless it has failed", []string{"TestOne"}, "TestOne", "One Two Seed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			g, l := setup(t, rec.actor())
			g.Open = func(context.Context, []string) (grade.Stores, error) {
				return noStores{},
					nil
			}
			if c := l.Check(tt.needs); c != nil {
				c.Needs = []string{"redis"}
			}
			job := grade.Job{Lab: l, Dir: l.Dir, First: tt.first}
			r := mustGrade(t, g, []grade.Job{job}, grade.Options{Parallel: 1}, nil)[0]
			if got := strings.Join(rec.begun, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			var tests []string
			for _, c := range r.Checks {
				tests = append(tests, c.Test)
			}
			if !slices.Equal(tests, []string{"TestOne", "TestTwo", "TestSeed"}) {
				t.Errorf("the result has the order %q", tests)
			}
		})
	}
}

// TestGrade_enough has two jobs that each need one failure: the second check of the first comes
// after the first of the second, and what is not needed is not begun.
func TestGrade_enough(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var begun []string
	play := func(_ context.Context, _ sandbox.Command, p runtest.Pipe) (sandbox.Exit, error) {
		mu.Lock()
		defer mu.Unlock()
		begun = append(begun, fmt.Sprint(strings.TrimPrefix(p.Check, "Test"), " ", p.Timeout))
		if p.Check == "TestOne" {
			return fails(p), nil
		}
		return passes(p), nil
	}
	g, l := setup(t, runtest.Actor(play))
	job := grade.Job{Lab: l, Dir: l.Dir, Enough: true, First: []string{"TestTwo"},
		Timeouts: map[string]time.Duration{"TestTwo": time.Minute}}
	mustGrade(t, g, []grade.Job{job, job}, grade.Options{Parallel: 1, Timeout: time.Hour}, nil)
	want := []string{"Two 1m0s", "Two 1m0s", "One 1h0m0s", "One 1h0m0s"}
	if !slices.Equal(begun, want) {
		t.Errorf("got the checks %q, want %q", begun, want)
	}
}

// noStores gives every check a lease of nothing.
type noStores struct{}

func (noStores) Acquire(context.Context, []string) (grade.Lease, error) {
	return grade.Lease{Release: func() {}}, nil
}
func (noStores) Info() map[string]run.Backend { return nil }

// TestGrade_tellsAtOnce has a check that does not end before the failure of another was told.
func TestGrade_tellsAtOnce(t *testing.T) {
	t.Parallel()
	told := make(chan struct{})
	g, l := setup(t, script{
		"TestOne": func(p runtest.Pipe) sandbox.Exit { <-told; return passes(p) },
		"TestTwo": fails,
	}.actor())
	var once sync.Once
	on := func(e grade.Event) {
		if e.Check != nil && e.Check.Verdict == run.Failed {
			once.Do(func() { close(told) })
		}
	}
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Parallel: 2}, on)[0]
	if r.Verdict != run.Failed || r.Checks[0].Verdict != run.Passed {
		t.Errorf("got %s, %+v", r.Verdict, r.Checks[0])
	}
}
