package grade_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// hangsAt reports that its time was up at a line of the lab's.
func hangsAt(line string) func(runtest.Pipe) sandbox.Exit {
	return func(p runtest.Pipe) sandbox.Exit {
		p.Report(account.Report{Test: p.Check,
			Hang: "goroutine 7 [runnable]:\nx.F()\n\t/c/labs/b01-steps/" + line + "\n"})
		return sandbox.Exit{Code: 2}
	}
}

func fillsMemory(p runtest.Pipe) sandbox.Exit {
	p.Report(account.Report{Test: p.Check, Memory: 3 << 30,
		Hang: "goroutine 7 [runnable]:\nx.F()\n\t/c/labs/b01-steps/steps.go:9\n"})
	return sandbox.Exit{Code: 2}
}

func isKilled(runtest.Pipe) sandbox.Exit { return sandbox.Exit{Code: -1, Signal: "killed"} }

func TestGrade_halts(t *testing.T) {
	t.Parallel()
	const same = "two checks have hung at steps.go:5, and every other would take its whole " +
		"time, too"
	for _, tt := range []struct {
		name     string
		play     script
		parallel int
		verdicts string
		why      string // of the last check
		race     run.RaceState
	}{
		{"two at one place", script{"TestOne": hangsAt("steps.go:5"), "TestTwo": hangsAt("steps.go:5")}, 1,
			"timed_out 0/7: timed_out timed_out not_judged", same, run.RaceNotBegun},
		{"two at two places", script{"TestOne": hangsAt("steps.go:5"), "TestTwo": hangsAt("steps.go:6")}, 2,
			"timed_out 4/7: timed_out timed_out passed", "", run.RaceNotBegun},
		{"as many as cost two deadlines", script{"TestOne": hangsAt("steps.go:5"), "TestTwo": hangsAt("steps.go:6")}, 1,
			"timed_out 0/7: timed_out timed_out not_judged",
			"2 checks have come to no end, and every other may take its whole time, too",
			run.RaceNotBegun},
		{"one", script{"TestOne": hangsAt("steps.go:5")}, 1, "timed_out 6/7: timed_out passed passed", "", run.RaceNotBegun},
		{"two that fill the memory", script{"TestOne": fillsMemory, "TestTwo": isKilled}, 1,
			"failed 0/7: failed failed not_judged",
			"two checks have used all the memory that they may, and every other would, too",
			run.RaceNotBegun},
		{"nothing has passed", script{"TestOne": fails, "TestTwo": fails, "TestSeed": fails}, 1,
			"failed 0/7: failed failed failed", "steps_test.go", run.RaceNotBegun},
		{"some have failed", script{"TestOne": fails}, 1, "failed 6/7: failed passed passed", "", run.RaceDone},
		{"two under the race detector alone",
			script{"race TestOne": hangsAt("steps.go:5"), "race TestTwo": hangsAt("steps.go:5")}, 1,
			"timed_out 4/7: timed_out(race) timed_out(race) passed", "", run.RaceDone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, l := setup(t, tt.play.actor())
			r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}},
				grade.Options{Race: true, Parallel: tt.parallel}, nil)[0]
			if got := verdicts(r); got != tt.verdicts {
				t.Errorf("got %s, want %s", got, tt.verdicts)
			}
			if last := r.Checks[len(r.Checks)-1]; last.Verdict == run.NotJudged &&
				last.Message != tt.why {
				t.Errorf("got %q, want %q", last.Message, tt.why)
			}
			if r.Race.State != tt.race {
				t.Errorf("got the race run %s, want %s", r.Race.State, tt.race)
			}
		})
	}
}

// TestGrade_haltEndsWhatRuns is about a check that runs while the job is given up.
func TestGrade_haltEndsWhatRuns(t *testing.T) {
	t.Parallel()
	var begun sync.WaitGroup
	begun.Add(3)
	play := func(ctx context.Context, _ sandbox.Command, p runtest.Pipe) (sandbox.Exit, error) {
		begun.Done()
		begun.Wait()
		if p.Check == "TestSeed" {
			<-ctx.Done() // for as long as it is let
			return sandbox.Exit{}, ctx.Err()
		}
		return hangsAt("steps.go:5")(p), nil
	}
	g, l := setup(t, runtest.Actor(play))
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Parallel: 3}, nil)[0]
	if got, want := verdicts(r), "timed_out 0/7: timed_out timed_out not_judged"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestGrade_timesAreEachLabsOwn judges two at once, of which one takes long.
func TestGrade_timesAreEachLabsOwn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	calls := 0
	play := func(_ context.Context, _ sandbox.Command, p runtest.Pipe) (sandbox.Exit, error) {
		mu.Lock()
		calls++
		slow := calls <= 3 // the checks of the first
		mu.Unlock()
		if slow {
			time.Sleep(100 * time.Millisecond)
		}
		return passes(p), nil
	}
	g, l := setup(t, runtest.Actor(play))
	job := grade.Job{Lab: l, Dir: l.Dir}
	rs := mustGrade(t, g, []grade.Job{job, job}, grade.Options{Parallel: 1}, nil)
	for i, r := range rs {
		if sum := r.Times.BuildMS + r.Times.ChecksMS + r.Times.RaceMS; r.DurationMS != sum ||
			r.Times.RaceMS != 0 {
			t.Errorf("%d: got %v in all and the parts %+v", i, r.DurationMS, r.Times)
		}
	}
	if slow, fast := rs[0].Times.ChecksMS, rs[1].Times.ChecksMS; slow < 300 || fast >= slow {
		t.Errorf("got %v and %v ms, want each one's own: at least 300, and less", slow, fast)
	}
}

func TestGrade_memoryIsBounded(t *testing.T) {
	t.Parallel()
	var got account.Request
	g, l := setup(t, runtest.Actor(func(_ context.Context, _ sandbox.Command,
		p runtest.Pipe) (sandbox.Exit, error) {
		got = p.Request
		return passes(p), nil
	}))
	job := []grade.Job{{Lab: l, Dir: l.Dir, Only: []string{"TestOne"}}}
	if r := mustGrade(t, g, job, grade.Options{}, nil)[0]; r.Verdict != run.Passed ||
		got.Memory < 256<<20 {
		t.Errorf("got %s with %d bytes, want a part of what the machine has", r.Verdict, got.Memory)
	}
	g, l = setup(t, script{"TestOne": fillsMemory}.actor())
	c := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{}, nil)[0].Checks[0]
	if !strings.HasPrefix(c.Message,
		"it had allocated 3.0 GiB of memory, and so it was stopped; it was then at steps.go:9") ||
		c.Location != "steps.go:9" {
		t.Errorf("got %q at %q", c.Message, c.Location)
	}
}
