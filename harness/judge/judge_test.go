package judge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// bench is a course of a test's own, and a judge of it. Checks are not run but pass or fail as the
// test says; how many were run is counted.
type bench struct {
	t     *testing.T
	c     *course.Course
	j     *judge.Judge
	ran   atomic.Int32
	fails bool
	// during, if not nil, is called while a check runs.
	during func()
}

func setup(t *testing.T) *bench {
	t.Helper()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, c: coursetest.New(t, example)}
	dir := filepath.Join(t.TempDir(), "bin")
	b.j = &judge.Judge{
		Workspace: workspace.Open(b.c), Remember: true,
		Builder: func() *compile.Builder { return &compile.Builder{Course: b.c, Dir: dir} },
		Open: func(context.Context, []string) (grade.Stores, error) {
			return nil, &grade.Unavailable{Reason: "no Redis here", Remedy: "labs doctor"}
		},
		Sandbox: runtest.Actor(func(_ context.Context, _ sandbox.Command,
			p runtest.Pipe) (sandbox.Exit, error) {
			b.ran.Add(1)
			if b.during != nil {
				b.during()
			}
			p.Canary()
			if b.fails {
				p.Found("less than that")
				p.Own(account.Failed)
			} else {
				p.Own(account.Passed)
			}
			return runtest.Honest, nil
		}),
	}
	return b
}

func (b *bench) lab(name string) *course.Lab {
	b.t.Helper()
	l, err := b.c.Named(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// solve puts the reference into the lab's folder, with a comment so that it has not been there
// before.
func (b *bench) solve(l *course.Lab, comment string) {
	b.t.Helper()
	for _, file := range l.Files {
		data, err := os.ReadFile(filepath.Join(l.SolutionDir, file))
		if err != nil {
			b.t.Fatal(err)
		}
		b.write(filepath.Join(l.Dir, file), string(data)+"\n// "+comment+"\n")
	}
}

func (b *bench) write(file, text string) {
	b.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// judge judges a lab's own files and tells how: "passed", "passed from memory", with how many
// checks were run.
func (b *bench) judge(l *course.Lab) string {
	b.t.Helper()
	b.ran.Store(0)
	text := ""
	results, err := b.j.Judge(b.t.Context(), []grade.Job{{Lab: l, Dir: l.Dir}},
		func(v judge.Verdict) {
			if v.Plain {
				return
			}
			text = v.Words()
			if v.Remembered {
				text += " from memory"
			}
			for _, note := range v.Notes {
				text += "; " + note
			}
		})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(results) != 1 || !strings.HasPrefix(text, results[0].Words()) {
		b.t.Errorf("shown was %q, returned %+v", text, results)
	}
	return fmt.Sprintf("%s; %d run", text, b.ran.Load())
}

func (b *bench) want(l *course.Lab, want string) {
	b.t.Helper()
	if got := b.judge(l); got != want {
		b.t.Errorf("got %q, want %q", got, want)
	}
}

// TestJudge_aFileThatComesMeanwhile: what is kept has no remark on it, so it is not the answer the next
// time.
func TestJudge_aFileThatComesMeanwhile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("b01")
	b.solve(l, "mine")
	b.during = func() { b.write(filepath.Join(l.Dir, "helper.go"), "package adder\n") }
	b.want(l, "passed; 2 run")
	b.during = nil
	const note = "helper.go is not handed in: lab.yaml names adder.go alone"
	b.want(l, "passed; "+note+"; 2 run")
	b.want(l, "passed from memory; "+note+"; 0 run")
}

func TestJudge_memory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("b01")
	b.want(l, "not attempted; 0 run")
	b.want(l, "not attempted; 0 run")
	b.j.Stubs, b.fails = true, true
	b.want(l, "failed; 2 run")
	b.j.Stubs = false

	b.solve(l, "mine")
	b.want(l, "failed; 2 run")
	b.want(l, "failed from memory; 0 run")
	b.fails = false
	b.want(l, "failed from memory; 0 run")
	b.j.Force = true
	b.want(l, "passed; 2 run")
	b.j.Force = false
	b.want(l, "passed from memory; 0 run")
	b.solve(l, "mine, edited")
	b.want(l, "passed; 2 run")
	b.write(filepath.Join(l.Dir, "helper.go"), "package adder\n")
	b.want(l, "passed; helper.go is not handed in: lab.yaml names adder.go alone; 2 run")
	b.want(l, "passed from memory; helper.go is not handed in: lab.yaml names adder.go alone; 0 run")
	if err := os.Remove(filepath.Join(l.Dir, "helper.go")); err != nil {
		t.Fatal(err)
	}
	b.want(l, "passed; 2 run")
	l.Checks[0].Points++
	b.want(l, "passed; 2 run")
	b.want(l, "passed from memory; 0 run")
	b.j.Remember = false
	b.want(l, "passed; 2 run")
}

// TestJudge_whatIsLacking: a verdict that lacks something is no answer for somebody who asks for
// all of it.
func TestJudge_whatIsLacking(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("i01")
	b.solve(l, "mine")
	b.want(l, "passed, not yet under the race detector; 2 run")
	b.want(l, "passed, not yet under the race detector from memory; 0 run")
	if e := b.entry("I01"); e.Result == nil || !e.PassedAt.IsZero() {
		t.Errorf("got %+v, want a result that is no pass", e)
	}
	b.j.Options.Race = true
	b.want(l, "passed; 4 run")
	b.want(l, "passed from memory; 0 run")
	if e := b.entry("I01"); e.PassedAt.IsZero() {
		t.Errorf("got %+v, want a pass", e)
	}
	b.j.Options.Race = false
	b.want(l, "passed from memory; 0 run")
}

// TestJudge_noBackend has one check that fails and one whose Redis is not there: it may be there
// the next time.
func TestJudge_noBackend(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("a01")
	b.solve(l, "mine")
	b.fails = true
	b.want(l, "failed; 1 run")
	b.want(l, "failed; 1 run")
	b.fails = false
	b.want(l, "no verdict; 1 run")
	if e := b.entry("A01"); !e.PassedAt.IsZero() || e.Result.Verdict != run.Failed {
		t.Errorf("got %+v, want what was known before", e)
	}
}

func TestJudge_several(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two, three := b.lab("b01"), b.lab("i01"), b.lab("a01")
	b.solve(one, "mine")
	b.want(one, "passed; 2 run")
	b.solve(two, "mine")
	b.fails = true
	var shown, each []int
	b.j.Each = func(job int, _ run.Check) { each = append(each, job) }
	jobs := []grade.Job{{Lab: three, Dir: three.Dir}, {Lab: two, Dir: two.Dir},
		{Lab: one, Dir: one.Dir}}
	results, err := b.j.Judge(t.Context(), jobs, func(v judge.Verdict) {
		shown = append(shown,
			v.Job)
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []run.Verdict
	for _, r := range results {
		got = append(got, r.Verdict)
	}
	if want := []run.Verdict{run.NotAttempted, run.Failed, run.Passed}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []int{0, 2, 1}; !slices.Equal(shown, want) {
		t.Errorf("shown were the jobs %v, want %v: what is known first", shown, want)
	}
	if want := []int{1, 1}; !slices.Equal(each, want) {
		t.Errorf("checks ended of the jobs %v, want %v", each, want)
	}
}

func TestJudge_notAttempted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("i01")
	results, err := b.j.Judge(t.Context(), []grade.Job{{Lab: l, Dir: l.Dir}},
		func(judge.Verdict) {})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if r.MaxPoints != 3 || r.Points != 0 || r.Lab != "I01" || r.Slug != l.Slug || r.Checks == nil ||
		r.SourceSHA256 == "" || r.Race.State != run.RaceNotBegun {
		t.Errorf("got %+v", r)
	}
	if p, err := b.j.Workspace.Progress(); err != nil || p.Last != "I01" ||
		p.Entry("I01").Result != nil {
		t.Errorf("got %+v, %v; want the lab as the last one, and no result", p, err)
	}
}

func TestJudge_ended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("b01")
	b.solve(l, "mine")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.j.Judge(ctx, []grade.Job{{Lab: l, Dir: l.Dir}},
		func(judge.Verdict) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func (b *bench) entry(id string) *workspace.Entry {
	b.t.Helper()
	p, err := b.j.Workspace.Progress()
	if err != nil {
		b.t.Fatal(err)
	}
	return p.Entry(id)
}

// TestJudge_Keep notes a verdict that was given elsewhere, where it is about what is here.
func TestJudge_Keep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.lab("b01")
	b.solve(l, "mine")
	b.want(l, "passed; 2 run")
	given := *b.entry("B01").Result
	b.fails, b.j.Force = true, true
	b.want(l, "failed; 2 run")
	b.fails, b.j.Force = false, false

	other := given
	other.SourceSHA256 = "of other files"
	fewer := given
	fewer.Checks = given.Checks[:1]
	for _, r := range []run.Result{other, fewer} {
		if err := b.j.Keep(t.Context(), l, r); err != nil {
			t.Fatal(err)
		}
		b.want(l, "failed from memory; 0 run")
	}
	if err := b.j.Keep(t.Context(), l, given); err != nil {
		t.Fatal(err)
	}
	b.want(l, "passed from memory; 0 run")
}
