package grade_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// scratch has the course and the binaries that all tests share.
var scratch string

func TestMain(m *testing.M) {
	sandbox.Init() // this very program is also the first stage of a sandbox
	var err error
	if scratch, err = os.MkdirTemp("", "grade-test-"); err == nil {
		err = coursetest.Write(scratch, "testdata/course")
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// built has the plain and the race binary of the one lab in its place, so that the tests need not
// wait for each other.
var built = sync.OnceValues(func() (*course.Course, error) {
	c, err := course.Load(scratch)
	if err != nil {
		return nil, err
	}
	l, err := coursetest.Lab(scratch, "b01-steps")
	if err != nil {
		return nil, err
	}
	b := &compile.Builder{Course: c, Dir: filepath.Join(scratch, "bin")}
	for _, bin := range b.Build(context.Background(),
		[]compile.Request{{Lab: l, Dir: l.Dir}, {Lab: l, Dir: l.Dir, Race: true}}) {
		if bin.Path == "" {
			return nil, fmt.Errorf("the fixture does not build: %+v", bin)
		}
	}
	return c, nil
})

// setup gives a grader that runs checks in that sandbox, and the lab: its checks are TestOne,
// TestTwo and TestSeed, of 1, 2 and 4 points, and with the race detector.
func setup(t *testing.T, s sandbox.Sandbox) (*grade.Grader, *course.Lab) {
	t.Helper()
	c, err := built()
	if err != nil {
		t.Fatal(err)
	}
	l, err := coursetest.Lab(scratch, "b01-steps")
	if err != nil {
		t.Fatal(err)
	}
	l.Race = true
	for i := range l.Checks {
		l.Checks[i].Points = 1 << i
	}
	g := &grade.Grader{
		Builder: &compile.Builder{Course: c, Dir: filepath.Join(scratch, "bin")}, Sandbox: s,
		Open: func(context.Context, []string) (grade.Stores, error) {
			return nil, errors.New("no stores in this test")
		},
	}
	return g, l
}

// script says how each check ends: by its name, and with "race " before it where it is another end
// there. What is not in it passes.
type script map[string]func(runtest.Pipe) sandbox.Exit

func (s script) actor() runtest.Actor {
	return func(_ context.Context, c sandbox.Command, p runtest.Pipe) (sandbox.Exit, error) {
		play := s[p.Check]
		if race := s["race "+p.Check]; race != nil &&
			strings.Contains(filepath.Base(c.Path), "-race") {
			play = race
		}
		if play == nil {
			play = passes
		}
		return play(p), nil
	}
}

func passes(p runtest.Pipe) sandbox.Exit {
	p.Canary()
	p.Own(
		account.Passed)
	return runtest.Honest
}
func fails(p runtest.Pipe) sandbox.Exit {
	p.Canary()
	p.Found("less than that")
	p.Own(account.Failed)
	return runtest.Honest
}
func hangs(runtest.Pipe) sandbox.Exit { return sandbox.Exit{Code: 2, TimedOut: true} }

func mustGrade(t *testing.T, g *grade.Grader, jobs []grade.Job, o grade.Options,
	on func(grade.Event)) []run.Result {
	t.Helper()
	results, err := g.Grade(t.Context(), jobs, o, on)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// verdicts are a result's in one line: "failed 5/7: passed failed passed".
func verdicts(r run.Result) string {
	text := fmt.Sprintf("%s %d/%d:", r.Verdict, r.Points, r.MaxPoints)
	for _, c := range r.Checks {
		text += " " + string(c.Verdict)
		if c.Race {
			text += "(race)"
		}
	}
	return text
}

func TestGrade_verdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		play script
		race bool
		want string
	}{
		{"all pass", script{}, false, "passed 7/7: passed passed passed"},
		{"all pass twice", script{}, true, "passed 7/7: passed passed passed"},
		{"one fails", script{"TestTwo": fails}, false, "failed 5/7: passed failed passed"},
		{"one fails twice", script{"TestTwo": fails}, true, "failed 5/7: passed failed passed"},
		{"one hangs", script{"TestOne": hangs}, false, "timed_out 6/7: timed_out passed passed"},
		{"a failure says more than a hang", script{"TestOne": hangs, "TestTwo": fails}, false, "failed 4/7: timed_out failed passed"},
		{"all fail", script{"TestOne": fails, "TestTwo": fails, "TestSeed": fails}, false, "failed 0/7: failed failed failed"},
		{"one fails under the race detector only", script{"race TestTwo": fails}, true, "failed 5/7: passed failed(race) passed"},
		{"that is not looked for", script{"race TestTwo": fails}, false, "passed 7/7: passed passed passed"},
		{"one hangs under the race detector only", script{"race TestTwo": hangs}, true, "timed_out 5/7: passed timed_out(race) passed"},
		{"a plain failure says more than one of the race run", script{"TestTwo": fails, "race TestTwo": hangs}, true, "failed 5/7: passed failed passed"},
		{"one passes under the race detector only", script{"TestTwo": fails, "race TestTwo": passes}, true, "failed 5/7: passed failed passed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, l := setup(t, tt.play.actor())
			r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Race: tt.race},
				nil)[0]
			if got := verdicts(r); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestGrade_result(t *testing.T) {
	t.Parallel()
	g, l := setup(t, script{"TestTwo": fails}.actor())
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Seed: 42}, nil)[0]
	sha, err := compile.SourceSHA256(l, l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Schema != run.Schema || r.Lab != "B01" || r.Slug != "b01-steps" || r.Seed != 42 ||
		r.SourceSHA256 != sha || r.Go == "" || r.DurationMS <= 0 || r.Backends == nil {
		t.Errorf("got %+v", r)
	}
	c := r.Checks[1]
	if c.Test != "TestTwo" || c.MaxPoints != 2 || c.Points != 0 || c.Message != "less than that" ||
		c.DurationMS != 3 || len(c.Findings) != 1 || c.Runs != nil {
		t.Errorf("got %+v", c)
	}
}

func TestGrade_only(t *testing.T) {
	t.Parallel()
	g, l := setup(t, script{}.actor())
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir, Only: []string{"TestTwo"}}},
		grade.Options{}, nil)[0]
	if len(r.Checks) != 1 || r.Checks[0].Test != "TestTwo" {
		t.Errorf("got %+v, want TestTwo alone", r.Checks)
	}
}

// TestGrade_infra is about what breaks on our side: it is tried once more, and costs nothing.
func TestGrade_infra(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		breaks int // the first so many runs of TestTwo
		want   string
		tries  int64
	}{
		{"once", 1, "passed 7/7: passed passed passed", 2},
		{"always", 100, "infra_error 5/7: passed infra_error passed", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			g, l := setup(t, runtest.Actor(func(_ context.Context, _ sandbox.Command,
				p runtest.Pipe) (sandbox.Exit, error) {
				if p.Check == "TestTwo" && tries.Add(1) <= int64(tt.breaks) {
					return sandbox.Exit{}, errors.New("no process left")
				}
				return passes(p), nil
			}))
			r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{}, nil)[0]
			if got := verdicts(r); got != tt.want || tries.Load() != tt.tries {
				t.Errorf("got %s after %d tries, want %s after %d", got, tries.Load(), tt.want,
					tt.tries)
			}
			if r.Verdict == run.InfraError && (r.Message != "1 check could not be judged here" ||
				r.Checks[1].Message != "no process left\nhint: labs doctor looks at what labs "+
					"needs here") {
				t.Errorf("got the messages %q and %q", r.Message, r.Checks[1].Message)
			}
		})
	}
}

func TestGrade_runs(t *testing.T) {
	t.Parallel()
	var plain, race atomic.Int64
	g, l := setup(t, runtest.Actor(func(_ context.Context, c sandbox.Command,
		p runtest.Pipe) (sandbox.Exit, error) {
		n := &plain
		if strings.Contains(filepath.Base(c.Path), "-race") {
			n = &race
		}
		if p.Check == "TestTwo" && n.Add(1)%4 == 0 {
			return fails(p), nil
		}
		return passes(p), nil
	}))
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Runs: 8, Race: true},
		nil)[0]
	if got, want := verdicts(r), "failed 5/7: passed failed passed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for i, want := range []run.Runs{{Plain: 8, PlainPassed: 8, Race: 8, RacePassed: 8},
		{Plain: 8, PlainPassed: 6, Race: 8, RacePassed: 6}, {Plain: 8, PlainPassed: 8, Race: 8, RacePassed: 8}} {
		if got := r.Checks[i].Runs; got == nil || *got != want {
			t.Errorf("%s: got %+v, want %+v", r.Checks[i].Test, got, want)
		}
	}
	if got, want := r.Checks[1].Message,
		"passed 6 of 8 runs, so there is a race or another matter of chance; of the others the "+
			"first: less than that"; got != want {
		t.Errorf("got the message %q, want %q", got, want)
	}
}

// TestGrade_seed runs the real process: the seed arrives in the check.
func TestGrade_seed(t *testing.T) {
	t.Parallel()
	g, l := setup(t, sandbox.None{})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "steps.go"),
		[]byte("package steps\n\nfunc Next(n int) int { return n }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir}}, grade.Options{Seed: 4711}, nil)[0]
	want := []string{"steps_test.go:12: got 1, want 2", "steps_test.go:18: got 2, want 3",
		"steps_test.go:25: the seed is 4711"}
	for i, c := range r.Checks {
		if c.Message != want[i] {
			t.Errorf("%s: got %q, want %q", c.Test, c.Message, want[i])
		}
	}
	again := mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir}}, grade.Options{}, nil)[0]
	if again.Seed == 0 || again.Seed >= 1<<52 ||
		again.Checks[2].Message != fmt.Sprintf("steps_test.go:25: the seed is %d", again.Seed) {
		t.Errorf("got the seed %d and %q, want a random one that every reader of JSON can hold",
			again.Seed, again.Checks[2].Message)
	}
}

func TestGrade_build(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string // no file if empty
		verdict    run.Verdict
		message    string // its beginning
	}{
		{"does not compile", "package steps\n\nfunc Next(n int) int { return m }\n", run.BuildFailed, "steps.go:3:31: undefined: m"},
		{"has another API", "package steps\n\nfunc Next(n, m int) int { return m }\n", run.BuildFailed, "steps_test.go:11:23: not enough arguments in call to steps.Next\n\thave (number)\n\twant (int, int)\nsteps_test.go:17:23: "},
		{"is not there", "", run.BuildFailed, "the file steps.go of lab B01 is not in "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, l := setup(t, script{}.actor())
			dir := t.TempDir()
			if tt.text != "" {
				if err := os.WriteFile(filepath.Join(dir, "steps.go"), []byte(tt.text),
					0o644); err != nil {
					t.Fatal(err)
				}
			}
			// Another submission in the same call is judged all the same.
			results := mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir}, {Lab: l, Dir: l.Dir}},
				grade.Options{Race: true}, nil)
			r := results[0]
			if r.Verdict != tt.verdict || !strings.HasPrefix(r.Message, tt.message) ||
				r.Points != 0 || r.MaxPoints != 7 || r.Checks == nil || len(r.Checks) != 0 {
				t.Errorf("got %+v, want %s, %q", r, tt.verdict, tt.message)
			}
			if tt.name == "has another API" && !strings.HasSuffix(r.Message,
				"\nthe checks use the API that the stub declares: keep its names and signatures") {
				t.Errorf("got %q, want a hint that the API is the stub's", r.Message)
			}
			if results[1].Verdict != run.Passed {
				t.Errorf("the other one: got %s, %s, want passed", results[1].Verdict,
					results[1].Message)
			}
		})
	}
}

// TestGrade_events holds the order of the events against what a watcher relies on.
func TestGrade_events(t *testing.T) {
	t.Parallel()
	g, l := setup(t, script{"race TestTwo": fails}.actor())
	var events []string
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Race: true, Parallel: 1},
		func(e grade.Event) {
			switch {
			case e.Built:
				events = append(events, "built")
			case e.Check != nil && e.Race:
				events = append(events, "race "+e.Check.Test+" "+string(e.Check.Verdict))
			case e.Check != nil:
				events = append(events, e.Check.Test+" "+string(e.Check.Verdict))
			case e.Plain != nil:
				events = append(events, "plain "+verdicts(*e.Plain))
			}
		})[0]
	want := []string{
		"built", "TestOne passed", "TestTwo passed", "TestSeed passed",
		"plain passed 7/7: passed passed passed",
		"race TestOne passed", "race TestTwo failed", "race TestSeed passed",
	}
	if !slices.Equal(events, want) {
		t.Errorf("got\n\t%q\nwant\n\t%q", events, want)
	}
	if got, want := verdicts(r), "failed 5/7: passed failed(race) passed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestGrade_likely is about the way from a signature to a misconception.
func TestGrade_likely(t *testing.T) {
	t.Parallel()
	g, l := setup(t, script{"TestTwo": fails}.actor())
	l.Mutants = []course.Mutant{{Patch: "stops.patch", Misconception: "It ends at one.",
		Explain: "It does not.", Fails: []string{"TestTwo"}}}
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{}, nil)[0]
	if want := (run.Likely{Mutant: "stops", Misconception: "It ends at one.",
		Explain: "It does not."}); r.Likely == nil || *r.Likely != want {
		t.Errorf("got %+v, want %+v", r.Likely, want)
	}
}

// shelf is a Stores that counts what it has lent.
type shelf struct {
	err  error
	info map[string]run.Backend

	mu   sync.Mutex
	lent int
	used []string
}

func (s *shelf) Acquire(_ context.Context, needs []string) (grade.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return grade.Lease{}, s.err
	}
	s.lent++
	s.used = append(s.used, strings.Join(needs, "+"))
	return grade.Lease{Redis: "redis://127.0.0.1:1", RedisReal: true,
		Postgres: "postgres://127.0.0.1:2/x", Release: func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lent--
		}}, nil
}

func (s *shelf) Info() map[string]run.Backend { return s.info }

func TestGrade_backends(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	requests := map[string]account.Request{}
	actor := runtest.Actor(func(_ context.Context, _ sandbox.Command, p runtest.Pipe) (sandbox.Exit,
		error) {
		mu.Lock()
		defer mu.Unlock()
		requests[p.Check] = p.Request
		return passes(p), nil
	})
	g, l := setup(t, actor)
	l.Checks[1].Needs = []string{"redis!", "postgres"}
	s := &shelf{info: map[string]run.Backend{"redis": {Provider: "local", Version: "7"},
		"postgres": {Provider: "url", Version: "16"}, "other": {}}}
	opened := 0
	g.Open = func(_ context.Context, needs []string) (grade.Stores, error) {
		opened++
		if want := []string{"redis!", "postgres"}; !slices.Equal(needs, want) {
			t.Errorf("opened for %q, want %q", needs, want)
		}
		return s, nil
	}
	r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}, {Lab: l, Dir: l.Dir}},
		grade.Options{Race: true}, nil)[0]
	if r.Verdict != run.Passed || opened != 1 || s.lent != 0 {
		t.Errorf("got %s, opened %d times and %d left, want passed, once, none", r.Verdict, opened,
			s.lent)
	}
	if want := []string{"redis!+postgres", "redis!+postgres", "redis!+postgres",
		"redis!+postgres"}; !slices.Equal(s.used, want) {
		t.Errorf("lent %q, want %q", s.used, want)
	}
	if two := requests["TestTwo"]; two.Redis != "redis://127.0.0.1:1" || !two.RedisReal ||
		two.Postgres != "postgres://127.0.0.1:2/x" {
		t.Errorf("got %+v for the check that needs backends", two)
	}
	if one := requests["TestOne"]; one.Redis != "" || one.Postgres != "" {
		t.Errorf("got %+v for the check that needs none", one)
	}
	if want := map[string]run.Backend{"redis": {Provider: "local", Version: "7"},
		"postgres": {Provider: "url", Version: "16"}}; len(r.Backends) != 2 ||
		r.Backends["redis"] != want["redis"] || r.Backends["postgres"] != want["postgres"] {
		t.Errorf("got the backends %+v, want %+v", r.Backends, want)
	}
}

func TestGrade_noBackends(t *testing.T) {
	t.Parallel()
	unavailable := &grade.Unavailable{Reason: "there is no Postgres here", Remedy: "install it"}
	for _, tt := range []struct {
		name          string
		open, acquire error
		want, message string
	}{
		{"none to be had", nil, unavailable, "infra_error 5/7: passed not_judged passed", "there is no Postgres here; install it"},
		{"none to be had at all", unavailable, nil, "infra_error 5/7: passed not_judged passed", "there is no Postgres here; install it"},
		{"a broken one", nil, errors.New("the disk is full"), "infra_error 5/7: passed infra_error passed", "the disk is full"},
		{"one that does not start", errors.New("the port is taken"), nil, "infra_error 5/7: passed infra_error passed", "the port is taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, l := setup(t, script{}.actor())
			l.Checks[1].Needs = []string{"postgres"}
			g.Open = func(context.Context, []string) (grade.Stores,
				error) {
				return &shelf{err: tt.acquire}, tt.open
			}
			r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Race: true},
				nil)[0]
			if got := verdicts(r); got != tt.want || r.Checks[1].Message != tt.message {
				t.Errorf("got %s, %q, want %s, %q", got, r.Checks[1].Message, tt.want, tt.message)
			}
			if r.Likely != nil {
				t.Errorf("got %+v, want no guess", r.Likely)
			}
		})
	}
	t.Run("a failure besides is a failure", func(t *testing.T) {
		t.Parallel()
		g, l := setup(t, script{"TestOne": fails}.actor())
		l.Checks[1].Needs = []string{"postgres"}
		g.Open = func(context.Context, []string) (grade.Stores,
			error) {
			return &shelf{err: unavailable}, nil
		}
		r := mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{}, nil)[0]
		if got, want := verdicts(r), "failed 4/7: failed not_judged passed"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestGrade_timeouts(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[time.Duration]bool{}
	g, l := setup(t, runtest.Actor(func(_ context.Context, _ sandbox.Command,
		p runtest.Pipe) (sandbox.Exit, error) {
		mu.Lock()
		defer mu.Unlock()
		got[p.Request.Timeout] = true
		return passes(p), nil
	}))
	mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}},
		grade.Options{Race: true, Timeout: 2 * time.Second}, nil)
	if len(got) != 2 || !got[2*time.Second] || !got[6*time.Second] {
		t.Errorf("got the timeouts %v, want 2s, and three times that under the race detector", got)
	}
}

// TestGrade_parallel holds the number of processes at once against the bound.
func TestGrade_parallel(t *testing.T) {
	t.Parallel()
	const most = 2
	var now, peak atomic.Int64
	both := make(chan struct{})
	var once sync.Once
	g, l := setup(t, runtest.Actor(func(_ context.Context, _ sandbox.Command,
		p runtest.Pipe) (sandbox.Exit, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); old = peak.Load() {
		}
		if n == most {
			once.Do(func() { close(both) })
		}
		<-both // which only comes to pass if two are there at once
		return passes(p), nil
	}))
	mustGrade(t, g, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Runs: 5, Parallel: most}, nil)
	if peak.Load() != most {
		t.Errorf("got %d at once, want %d", peak.Load(), most)
	}
}

func TestGrade_endsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	g, l := setup(t, runtest.Actor(func(ctx context.Context, _ sandbox.Command,
		_ runtest.Pipe) (sandbox.Exit, error) {
		cancel()
		<-ctx.Done()
		return sandbox.Exit{}, ctx.Err()
	}))
	results, err := g.Grade(ctx, []grade.Job{{Lab: l, Dir: l.Dir}}, grade.Options{Race: true}, nil)
	if !errors.Is(err, context.Canceled) || results != nil {
		t.Errorf("got %v, %v, want %v", results, err, context.Canceled)
	}
}
