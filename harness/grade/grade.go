// Package grade is the whole way from somebody's files to a verdict, in one call: build, backends,
// a process for each check, points, diagnosis. Every command that judges anything goes this way.
package grade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/diagnose"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/policy"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// Job is one submission for one lab.
type Job struct {
	Lab  *course.Lab
	Dir  string   // has the lab's files
	Only []string // the checks to run; nil: all

	// First names checks that are begun before the others, in this order: those whose verdict is
	// awaited most.
	First []string
	// Timeouts are those of single checks; all others have that of the [Options].
	Timeouts map[string]time.Duration
	Note     string // a remark on the submission that is known already, or ""

	// Family are all variants of the lab that may be linked into one binary with this one: see
	// [compile.Request]. A submission has none.
	Family []compile.Member
	// Hunt, if not "", is a file with somebody's own tests, which judge in place of the lab's checks:
	// see [compile.Request]. Dir has a variant of the course's own then, on which the policy has
	// nothing to say; whoever asks holds the tests against it.
	Hunt string
	// Keeps says that variables of the package may keep something, whatever the lab says: just that may
	// be what is wrong with a wrong answer that the course knows.
	Keeps bool
	// Enough says that one failure is all that is asked for: the other checks are then not judged.
	// Of several such jobs each begins its first check before any begins its second.
	Enough bool
}

// Stores hands out backends. It is what grade asks of package backends.
type Stores interface {
	// Acquire gives a check its own empty Redis and Postgres database, those of the two that it
	// needs. An error that is an [*Unavailable] means that there is none to be had here; any other
	// that the one there is has broken.
	Acquire(ctx context.Context, needs []string) (Lease, error)
	// Info says what is used, by "redis" and "postgres".
	Info() map[string]run.Backend
}

// Lease is a check's own backends until it is released.
type Lease struct {
	Redis     string
	RedisReal bool
	Postgres  string
	// Exceeded, if not nil, says in one line what the check has taken beyond what a lease gives, or
	// nothing. It is asked before Release.
	Exceeded func() string
	Release  func()
}

// Unavailable says that a backend is not to be had on this machine, and what to do about it.
type Unavailable struct{ Reason, Remedy string }

func (e *Unavailable) Error() string { return e.Reason + "; " + e.Remedy }

// Grader judges submissions for one course.
type Grader struct {
	Builder *compile.Builder
	Sandbox sandbox.Sandbox
	// Open starts the backends that these needs ask for. It is called at most once for each Grade,
	// in parallel with the build, and not at all if nothing is needed. The Stores are not closed by
	// the Grader.
	Open func(ctx context.Context, needs []string) (Stores, error)

	unpoliced bool            // leave the policy out: for tests of the defences behind it
	without   account.Without // and these of the account
}

// Options are how to judge.
type Options struct {
	Race bool // also run race labs under the race detector
	// EveryLab makes every lab a race lab. Code that is not trusted can forge by a data race
	// whatever the lab is about, so a graded pass demands it.
	EveryLab bool
	Seed     uint64 // 0: a random one
	// for one check, 0: [DefaultTimeout]; under the race detector three times as much
	Timeout time.Duration
	Runs    int // how often each check is run, in random order; 0 is 1
	// check processes at once; 0: one for each core, or two if Runs is more than 1
	Parallel int
}

// Races reports whether a lab is run under the race detector, too.
func (o Options) Races(l *course.Lab) bool { return o.Race && o.DemandsRace(l) }

// DemandsRace reports whether a lab counts as passed only with that.
func (o Options) DemandsRace(l *course.Lab) bool { return o.EveryLab || l.Race }

// DefaultTimeout is a check's own deadline. Checks in virtual time take milliseconds; what takes
// this long hangs.
const DefaultTimeout = 15 * time.Second

// raceFactor is how much longer a check may take under the race detector.
const raceFactor = 3

// Event tells of progress. Exactly one field beside Job is set.
type Event struct {
	Job   int         // index of the job
	Built bool        // the plain binary is there, checks begin
	Check *run.Check  // a check has its verdict of the plain run, or a new one of the race run
	Race  bool        // with Check: it is that of the race run
	Plain *run.Result // the plain run is over and the race run follows
	Done  *run.Result // all is known of the job; the others may not be done
}

// Grade judges the jobs and returns their results in the same order. on, if not nil, is called with
// each event, one at a time. The error is ctx's; everything else is in the results.
func (g *Grader) Grade(ctx context.Context, jobs []Job, o Options, on func(Event)) ([]run.Result,
	error) {
	if o.Seed == 0 {
		o.Seed = rand.Uint64() >> 12 // 52 bits: exact in every reader of JSON
	}
	o.Seed = max(o.Seed, 1)
	o.Runs = max(o.Runs, 1)
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Parallel == 0 {
		o.Parallel = runtime.NumCPU()
		if o.Runs > 1 {
			// whoever repeats suspects a race: more processes than cores make them meet
			o.Parallel *= 2
		}
	}
	s := &session{g: g, jobs: jobs, o: o, slots: make(chan struct{}, o.Parallel),
		tallies: make([]*tally, len(jobs))}
	if on != nil {
		s.on = func(e Event) {
			s.onMu.Lock()
			defer s.onMu.Unlock()
			on(e)
		}
	} else {
		s.on = func(Event) {}
	}
	for i, j := range jobs {
		s.tallies[i] = newTally(j, o)
	}
	// A process of its own, whose answer is wanted at the end: it need not be in the way of the
	// build's first steps.
	time.AfterFunc(150*time.Millisecond, func() { compile.GoVersion() })
	s.admit(ctx)
	s.work(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	results := make([]run.Result, len(jobs))
	for i := range jobs {
		results[i] = s.result(i)
	}
	return results, nil
}

// session is one call of Grade.
type session struct {
	g     *Grader
	jobs  []Job
	o     Options
	slots chan struct{}
	onMu  sync.Mutex
	on    func(Event)

	stores    Stores
	storesErr error
	opened    chan struct{}

	tallies []*tally
	files   []map[string][]byte // of each job, as the policy is to see them
	unread  []*policy.Unread    // of each job, or nil
}

// admitted are the jobs that are to be built.
func (s *session) admitted(which func(*course.Lab) bool) (jobs []int) {
	for i, j := range s.jobs {
		if s.tallies[i].verdict == "" && which(j.Lab) {
			jobs = append(jobs, i)
		}
	}
	return jobs
}

func (s *session) work(ctx context.Context) {
	s.open(ctx)
	racing := s.admitted(func(l *course.Lab) bool { return s.o.Races(l) })
	building, cancel := context.WithCancel(ctx)
	defer cancel()
	raceBuilt := s.buildRace(building, racing)

	all := s.admitted(func(*course.Lab) bool { return true })
	plain := s.build(ctx, all, false)
	for i, t := range s.tallies {
		if t.verdict != "" {
			s.settle(ctx, i)
		}
	}
	for k, i := range all {
		s.tallies[i].built(plain[k])
	}
	s.afterBuild(ctx, all, plain)
	for k, i := range all {
		if plain[k].Path != "" {
			s.on(Event{Job: i, Built: true})
		} else {
			s.settle(ctx, i)
		}
	}
	s.runAll(ctx, all, plain, false)
	s.follow(ctx, racing, raceBuilt, cancel)
	if s.opened != nil {
		<-s.opened
	}
}

func (s *session) build(ctx context.Context, jobs []int, race bool) []compile.Binary {
	reqs := make([]compile.Request, len(jobs))
	for k, i := range jobs {
		reqs[k] = compile.Request{Lab: s.jobs[i].Lab, Dir: s.jobs[i].Dir, Race: race,
			Family: s.jobs[i].Family, Hunt: s.jobs[i].Hunt}
	}
	if len(reqs) == 0 {
		return nil
	}
	return s.g.Builder.Build(ctx, reqs)
}

// open starts the backends in the background.
func (s *session) open(ctx context.Context) {
	var needs []string
	for _, t := range s.tallies {
		if t.verdict != "" {
			continue
		}
		for _, c := range t.checks {
			for _, n := range c.check.Needs {
				if !slices.Contains(needs, n) {
					needs = append(needs, n)
				}
			}
		}
	}
	if len(needs) == 0 {
		return
	}
	s.opened = make(chan struct{})
	go func() {
		defer close(s.opened)
		s.stores, s.storesErr = s.g.Open(ctx, needs)
	}()
}

// settle tells that all is known of a job.
func (s *session) settle(ctx context.Context, i int) {
	if ctx.Err() == nil {
		r := s.result(i)
		s.on(Event{Job: i, Done: &r})
	}
}

// task is one process to run.
type task struct {
	job, check int
	binary     compile.Binary
	rank       int // among those of its job, where the others may turn out to be needless
}

func (s *session) runAll(ctx context.Context, jobs []int, binaries []compile.Binary, race bool) {
	var tasks []task
	for range s.o.Runs {
		var round []task
		for k, i := range jobs {
			if binaries[k].Path == "" {
				continue
			}
			for rank, c := range s.tallies[i].order(s.jobs[i].First) {
				if !s.jobs[i].Enough {
					rank = 0
				}
				round = append(round, task{i, c, binaries[k], rank})
			}
		}
		slices.SortStableFunc(round, func(a, b task) int { return cmp.Compare(a.rank, b.rank) })
		if s.o.Runs > 1 {
			rand.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		}
		tasks = append(tasks, round...)
	}
	left := make(map[int]int, len(jobs))
	for _, t := range tasks {
		left[t.job]++
	}
	var mu sync.Mutex
	ended := func(job int) {
		mu.Lock()
		defer mu.Unlock()
		if left[job]--; left[job] == 0 && (race || !s.followed(job)) {
			s.settle(ctx, job)
		}
	}
	var wg sync.WaitGroup
	for _, t := range tasks {
		if s.tallies[t.job].halts.stopped() != "" {
			ended(t.job)
			continue
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return
		}
		wg.Go(func() {
			defer ended(t.job)
			defer func() { <-s.slots }()
			s.runOne(ctx, t, race)
		})
	}
	wg.Wait()
}

func (s *session) runOne(ctx context.Context, t task, race bool) {
	tl := s.tallies[t.job]
	c := tl.checks[t.check].check
	ctx, done := tl.halts.begin(ctx)
	defer done()
	if ctx.Err() != nil {
		return // it was halted while this one waited for its slot
	}
	took := tl.clock(race).start()
	out, ok := s.process(ctx, c, t, race)
	took()
	if !ok {
		return
	}
	tl.halts.note(out, s.o.Parallel)
	if verdict := tl.add(t.check, out, race); verdict != nil {
		s.on(Event{Job: t.job, Check: verdict, Race: race})
	}
}

// process runs one check with backends of its own. What is broken on our side is tried once more.
func (s *session) process(ctx context.Context, c course.Check, t task,
	race bool) (out run.Outcome, ok bool) {
	for try := 0; ; try++ {
		out, err := s.processOnce(ctx, c, t, race)
		if err != nil {
			return run.Outcome{}, false
		}
		if out.Verdict != run.InfraError || try == 1 {
			return out, true
		}
	}
}

func (s *session) processOnce(ctx context.Context, c course.Check, t task,
	race bool) (run.Outcome, error) {
	p := run.Process{Binary: t.binary.Path, Variant: t.binary.Variant, Test: c.Test,
		Race: race, Hunt: s.jobs[t.job].Hunt != "", Seed: s.o.Seed, Sandbox: s.g.Sandbox,
		Timeout: cmp.Or(s.jobs[t.job].Timeouts[c.Test], s.o.Timeout),
		Memory:  memoryFor(s.g.Sandbox, s.o.Parallel), Without: s.g.without}
	if race {
		p.Timeout *= raceFactor
	}
	within := func(o run.Outcome) run.Outcome { return o }
	if len(c.Needs) > 0 {
		<-s.opened
		lease, err := s.lease(ctx, c.Needs)
		var no *Unavailable
		switch {
		case ctx.Err() != nil:
			return run.Outcome{}, ctx.Err()
		case errors.As(err, &no):
			return run.Outcome{Verdict: run.NotJudged, Message: no.Error()}, nil
		case err != nil:
			return run.Outcome{Verdict: run.InfraError, Message: err.Error()}, nil
		}
		defer lease.Release()
		p.Redis, p.RedisReal, p.Postgres = lease.Redis, lease.RedisReal, lease.Postgres
		within = lease.within
	}
	out, err := p.Run(ctx)
	return within(out), err
}

// within is the outcome of a check that had this lease: one that took more than it gives has
// failed, and whatever else it says comes of that.
func (l Lease) within(o run.Outcome) run.Outcome {
	if l.Exceeded == nil {
		return o
	}
	if why := l.Exceeded(); why != "" {
		o.Verdict, o.Message, o.Location, o.Findings = run.Failed, why, "", nil
	}
	return o
}

func (s *session) lease(ctx context.Context, needs []string) (Lease, error) {
	if s.storesErr != nil {
		return Lease{}, s.storesErr
	}
	return s.stores.Acquire(ctx, needs)
}

func (s *session) result(i int) run.Result {
	r := s.tallies[i].result()
	r.Go = compile.GoVersion()
	r.Sandbox = s.g.Sandbox.Name()
	r.Notes = append(r.Notes, sandbox.Caveats(s.g.Sandbox)...)
	r.Seed = s.o.Seed
	r.Course.Module = s.g.Builder.Course.Module
	r.Backends = s.backends(s.jobs[i].Lab)
	r.Race = s.race(i)
	if r.Verdict == run.Failed || r.Verdict == run.TimedOut {
		r.Likely = diagnose.Likely(s.jobs[i].Lab, r.Checks)
	}
	return r
}

// backends are those that the lab's checks used.
func (s *session) backends(l *course.Lab) map[string]run.Backend {
	used := map[string]run.Backend{}
	if s.opened == nil {
		return used
	}
	select {
	case <-s.opened:
	default:
		return used
	}
	if s.stores == nil {
		return used
	}
	for kind, b := range s.stores.Info() {
		for _, n := range l.Needs() {
			if n == kind || n == kind+"!" {
				used[kind] = b
			}
		}
	}
	return used
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
