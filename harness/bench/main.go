// Bench measures how quick labs is, as ratios: each figure and what it is compared with are taken
// turn by turn in one run on the same machine, and the medians are divided. Run it with "make
// bench".
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

func main() {
	sandbox.Init()
	rounds := flag.Int("rounds", 7, "how often each figure is taken; the median counts")
	submissions := flag.Int("submissions", 40, "how many submissions are graded at once")
	flag.Parse()
	if err := bench(context.Background(), *rounds, *submissions); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct {
	what, measured, bar string
	meets               bool
}

type suite struct {
	ctx    context.Context
	course *course.Course
	labs   string // the binary
	tmp    string
	rounds int
	rows   []row
	edits  int

	submissions int
}

func bench(ctx context.Context, rounds, submissions int) error {
	root, err := course.Find(".")
	if err != nil {
		return err
	}
	c, err := course.Load(root)
	if err != nil {
		return err
	}
	tmp, err := owner.TempDir("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	s := &suite{ctx: ctx, course: c, labs: filepath.Join(root, "bin", "labs"), tmp: tmp,
		rounds: rounds, submissions: submissions}
	for _, step := range []func() error{s.pure, s.stores, s.first, s.leases, s.all, s.references,
		s.sandbox, s.graded, s.raced} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Printf("\n%-66s %-28s %-12s\n", "what", "measured", "bar")
	for _, r := range s.rows {
		mark := "meets"
		if !r.meets {
			mark = "MISSES"
		}
		fmt.Printf("%-66s %-28s %-12s %s\n", r.what, r.measured, r.bar, mark)
	}
	return nil
}

func (s *suite) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "· "+format+"\n",
		args...)
}

func (s *suite) add(what, measured, bar string, meets bool) {
	s.rows = append(s.rows, row{what, measured, bar, meets})
}

// timed is the wall time of a command; how it ends is not looked at, since a lab may well fail.
func (s *suite) timed(env []string, name string, args ...string) time.Duration {
	cmd := exec.CommandContext(s.ctx, name, args...)
	cmd.Dir = s.course.Root
	cmd.Env = append(os.Environ(), env...)
	start := time.Now()
	cmd.Run()
	return time.Since(start)
}

// edit writes the reference of a lab with a variable that no earlier one had, so that it is
// compiled and linked anew (a comment would change neither, and go test would answer from its
// cache), and an overlay for a bare go test of it.
func (s *suite) edit(l *course.Lab) (dir, overlay string, err error) {
	return s.editOf(l, l.SolutionDir)
}

// editOf does the same with the files in from instead of the reference.
func (s *suite) editOf(l *course.Lab, from string) (dir, overlay string, err error) {
	s.edits++
	dir = filepath.Join(s.tmp, "labs", l.Slug)
	replace := map[string]string{}
	for _, f := range l.Files {
		data, err := os.ReadFile(filepath.Join(from, filepath.FromSlash(f)))
		if err != nil {
			return "", "", err
		}
		data = append(data, fmt.Sprintf("\nvar edit%d = %d\n", s.edits, time.Now().UnixNano())...)
		to := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", "", err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return "", "", err
		}
		replace[filepath.Join(l.Dir, f)] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", "", err
	}
	overlay = filepath.Join(s.tmp, l.Slug+".json")
	return dir, overlay, os.WriteFile(overlay, text, 0o644)
}

// saveToVerdict compares labs check with a bare go test of the same edited lab.
func (s *suite) saveToVerdict(l *course.Lab, env []string) (ratio float64, labs, bare time.Duration,
	err error) {
	var a, b []time.Duration
	for i := range s.rounds + 1 {
		dir, _, err := s.edit(l)
		if err != nil {
			return 0, 0, 0, err
		}
		mine := s.timed(nil, s.labs, "check", l.Slug, "--dir", dir, "--no-race")
		_, overlay, err := s.edit(l)
		if err != nil {
			return 0, 0, 0, err
		}
		theirs := s.timed(env, "go", "test", "-vet=off", "-count=1", "-overlay", overlay,
			l.Package())
		if i > 0 { // the first warms the caches
			a, b = append(a, mine), append(b, theirs)
		}
	}
	labs, bare = median(a), median(b)
	return labs.Seconds() / bare.Seconds(), labs, bare, nil
}

// median sorts what it is given.
func median[T cmp.Ordered](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func (s *suite) pure() error {
	l, err := s.course.Named("b10")
	if err != nil {
		return err
	}
	s.say("save to verdict, a pure lab")
	ratio, labs, bare, err := s.saveToVerdict(l, nil)
	s.add("save to verdict, "+l.Slug+", against a bare go test -vet=off",
		fmt.Sprintf("%.2f (%d ms, %d ms)", ratio, labs.Milliseconds(), bare.Milliseconds()),
		"≤ 1.15", ratio <= 1.15)
	return err
}

func (s *suite) options() backends.Options {
	return backends.Options{Dir: filepath.Join(s.course.Root, ".labs")}
}

// stores does the same for a lab with Redis and Postgres, both left running by labs up.
func (s *suite) stores() error {
	l, err := s.course.Named("i06")
	if err != nil {
		return err
	}
	s.say("save to verdict, a lab with Redis and Postgres")
	running := backends.Running(s.ctx, s.options())
	if running.Redis == "" || running.Postgres == "" {
		if _, err := backends.Up(s.ctx, s.options(),
			backends.Need{Redis: true, RealRedis: true, Postgres: true}); err != nil {
			return err
		}
		defer backends.Down(s.ctx, s.options())
	}
	ratio, labs, bare, err := s.saveToVerdict(l, nil)
	s.add("the same, "+l.Slug+", Redis and Postgres running",
		fmt.Sprintf("%.2f (%d ms, %d ms)", ratio, labs.Milliseconds(), bare.Milliseconds()),
		"≤ 1.25", ratio <= 1.25)
	return err
}

func (s *suite) leases() error {
	s.say("a fresh Redis and Postgres")
	need := backends.Need{Redis: true, RealRedis: true, Postgres: true}
	set, err := backends.Open(s.ctx, s.options(), need)
	if err != nil {
		return err
	}
	defer set.Close()
	var all []time.Duration
	for range 4 * s.rounds {
		start := time.Now()
		lease, err := set.Acquire(s.ctx, need)
		if err != nil {
			return err
		}
		all = append(all, time.Since(start))
		time.Sleep(50 * time.Millisecond) // what the shortest check takes
		lease.Release()
	}
	m := median(all)
	s.add("a fresh Redis and a fresh Postgres database for a check, warm",
		fmt.Sprintf("%.1f ms, the slowest %d ms", float64(m.Microseconds())/1000,
			all[len(all)-1].Milliseconds()), "≤ 100 ms", m <= 100*time.Millisecond)
	return nil
}

// all compares one labs check of all labs with a go test of each in turn, all edited.
func (s *suite) all() error {
	s.say("all labs at once, and each in turn")
	var mine, theirs []time.Duration
	for i := range 3 {
		args := []string{"check"}
		overlays := map[string]string{}
		for _, l := range s.course.Labs {
			_, overlay, err := s.edit(l)
			if err != nil {
				return err
			}
			overlays[l.Slug] = overlay
			args = append(args, l.Slug)
		}
		// labs judges each stub here, from nothing.
		os.RemoveAll(filepath.Join(s.course.Root, ".labs", "bin"))
		a := s.timed(nil, s.labs, append(args, "--of", "stub", "--no-race", "--json")...)
		var b time.Duration
		for _, l := range s.course.Labs {
			b += s.timed(nil, "go", "test", "-vet=off", "-count=1", "-overlay", overlays[l.Slug],
				l.Package())
		}
		if i > 0 {
			mine, theirs = append(mine, a), append(theirs, b)
		}
	}
	ratio := median(mine).Seconds() / median(theirs).Seconds()
	s.add(fmt.Sprintf("labs check of all %d labs, against go test on each in turn",
		len(s.course.Labs)), fmt.Sprintf("%.2f (%.1f s, %.1f s)", ratio, median(mine).Seconds(),
		median(theirs).Seconds()), "≤ 0.6", ratio <= 0.6)
	return nil
}

func (s *suite) references() error {
	s.say("all checks of all references, once built")
	args := []string{"check", "--all", "--of", "reference", "--no-race", "--json"}
	s.timed(nil, s.labs, args...)
	var all []time.Duration
	for range 3 {
		all = append(all, s.timed(nil, s.labs, args...))
	}
	m := median(all)
	s.add(fmt.Sprintf("all checks of the references of %d labs, once built", len(s.course.Labs)),
		fmt.Sprintf("%.1f s", m.Seconds()), "≤ 30 s", m <= 30*time.Second)
	cmd := exec.CommandContext(s.ctx, s.labs, args...)
	cmd.Dir = s.course.Root
	out, _ := cmd.Output()
	var results []run.Result
	if err := json.Unmarshal(out, &results); err != nil {
		return err
	}
	s.add("median over the checks, the slowest check", latencies(results, ""), "", true)
	s.add("the same, beginner labs", latencies(results, "B"), "", true)
	return nil
}

// latencies sums up how long the checks took of the labs whose id begins so.
func latencies(results []run.Result, id string) string {
	var all []float64
	worst, name := 0.0, ""
	for _, r := range results {
		if !strings.HasPrefix(r.Lab, id) {
			continue
		}
		for _, c := range r.Checks {
			all = append(all, c.DurationMS)
			if c.DurationMS > worst {
				worst, name = c.DurationMS, r.Slug+" "+strings.TrimPrefix(c.Test, "Test")
			}
		}
	}
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("%.0f ms, %.0f ms (%s)", all[len(all)/2], worst, name)
}

// sandbox compares an empty process with and without the sandbox.
func (s *suite) sandbox() error {
	s.say("what the sandbox adds")
	box, err := sandbox.ForGrading(s.ctx, "ns", filepath.Join(s.course.Root, "go.mod"))
	if err != nil {
		s.add("added by the sandbox for each check", "not to be had here", "≤ 20 ms", false)
		return nil
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	run := func(b sandbox.Sandbox) (time.Duration, error) {
		start := time.Now()
		_, err := b.Run(s.ctx, sandbox.Command{Path: exe, Args: []string{"-h"}, Dir: s.tmp,
			Output: discard{}, MaxOutput: 1 << 20, Timeout: 10 * time.Second, Grace: time.Second})
		return time.Since(start), err
	}
	var with, without []time.Duration
	for range 5 * s.rounds {
		a, err := run(box)
		if err != nil {
			return err
		}
		b, err := run(sandbox.None{})
		if err != nil {
			return err
		}
		with, without = append(with, a), append(without, b)
	}
	added := median(with) - median(without)
	s.add("added by the sandbox for each check", fmt.Sprintf("%d ms", added.Milliseconds()),
		"≤ 20 ms", added <= 20*time.Millisecond)
	return nil
}

// graded compares grading many submissions, which nobody trusts, with labs check on each in turn,
// and looks at how much memory labs itself takes for it.
func (s *suite) graded() error {
	l, err := s.course.Named("b10")
	if err != nil {
		return err
	}
	s.say("%d submissions, graded and checked", s.submissions)
	many := filepath.Join(s.tmp, "many")
	var dirs []string
	// half of them for each: what one has built the other would find built
	for i := range 2 * s.submissions {
		dir, _, err := s.edit(l)
		if err != nil {
			return err
		}
		to := filepath.Join(s.tmp, "one", fmt.Sprint(i))
		if i < s.submissions {
			to = filepath.Join(many, fmt.Sprintf("%03d", i), "labs", l.Slug)
		} else {
			dirs = append(dirs, to)
		}
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			return err
		}
	}
	s.timed(nil, s.labs, "check", l.Slug, "--of", "reference", "--force") // what all share is built
	var peak int
	cmd := exec.CommandContext(s.ctx, s.labs, "grade", "--submissions", many,
		"--format", "csv")
	cmd.Dir = s.course.Root
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(50 * time.Millisecond):
			peak = max(peak, peakKB(cmd.Process.Pid))
		}
	}
	graded := time.Since(start)
	var checked time.Duration
	for _, dir := range dirs {
		checked += s.timed(nil, s.labs, "check", l.Slug, "--dir", dir)
	}
	ratio := graded.Seconds() / checked.Seconds()
	s.add(fmt.Sprintf("%d submissions graded, race runs too, against labs check on each",
		s.submissions),
		fmt.Sprintf("%.2f (%.1f s, %.1f s)", ratio, graded.Seconds(), checked.Seconds()), "≤ 1.2",
		ratio <= 1.2)
	s.add("memory of labs itself at that", fmt.Sprintf("%d MiB", peak>>10), "≤ 150 MiB",
		peak>>10 <= 150)
	return nil
}

// peakKB is the most memory that a process has had so far, in KiB, or 0 where that is not known.
func peakKB(pid int) (kb int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	if _, rest, found := strings.Cut(string(data), "VmHWM:"); found {
		fmt.Sscan(rest, &kb)
	}
	return kb
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
