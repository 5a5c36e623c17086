// Package prove proves labs: the stub fails every check, the reference and the alternatives pass
// them all, every time, and every mutant is caught by the checks that it names. A lab for which
// this does not hold is a broken lab.
package prove

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Proof is what was found out about one lab.
type Proof struct {
	Lab      string    `json:"lab"`
	Slug     string    `json:"slug"`
	Holds    bool      `json:"holds"`
	Problems []string  `json:"problems"` // what does not hold, one line each
	Notes    []string  `json:"notes"`    // what an author may want to know
	Checks   []string  `json:"checks"`   // the tests, the columns of the matrix
	Matrix   []Variant `json:"matrix"`
	Promises []Kept    `json:"promises"` // the sentences of the contract
}

func (p *Proof) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// Kind is what a variant of a lab is.
type Kind string

// The kinds of variants.
const (
	Stub        Kind = "stub"
	Reference   Kind = "reference"
	Alternative Kind = "alternative"
	KindMutant  Kind = "mutant"
)

// Variant is one row of the matrix: some files for the lab and how the checks judge them.
type Variant struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	Verdict run.Verdict
	Cells   []Cell `json:"cells"` // one for each check

	dir    string
	mutant *course.Mutant
	result run.Result
}

// Cell is how one check judged one variant.
type Cell struct {
	Judged  bool   `json:"judged"` // the check was run
	Failed  bool   `json:"failed"` // at least once
	Always  bool   `json:"always"` // every time
	Named   bool   `json:"named"`  // the mutant says that this check fails
	Message string `json:"message,omitempty"`
}

// Options are how to prove.
type Options struct {
	// Runs is how often the reference, the alternatives, and the named checks of the mutants are
	// run; from the second half on all cores are kept busy besides.
	Runs int
	Seed uint64
	// Named judges a mutant by the checks that it names alone. What must hold is then shown in a
	// fraction of the time; what an author may want to know, which other checks the mutant fails
	// besides, is not found out.
	Named bool
	// Within, if not 0, is how long the proof may take. The labs come in a random order then, so that in time each has
	// its turn, and after the first none is begun that would end later, taken as long as the slowest so far. Those are not
	// in the result.
	Within time.Duration
	// Told, if not nil, is called with each proof that is known before the last ones are, by one at a time.
	Told func(Proof)
}

// Prover proves the labs of one course.
type Prover struct {
	Grader *grade.Grader
	Root   string // of the course
}

// chunk is how many labs are proved together: their builds share go commands, and their binaries
// the disk.
const chunk = 6

// atOnce is how many groups are proved at once: while one links or waits for what hangs, the other has the cores.
const atOnce = 2

// Prove proves labs, and tells on how far it is. The error is ctx's, or says that no proof was
// possible; what does not hold is in the proofs. They are in the order of labs; with an error come those that were done.
func (p *Prover) Prove(ctx context.Context, labs []*course.Lab, o Options,
	on func(Progress)) ([]Proof, error) {
	if on == nil {
		on = func(Progress) {}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	groups := slices.Collect(slices.Chunk(inTurn(labs, o), chunk))
	r := &round{all: len(labs), on: on, told: o.Told, deadline: deadline{within: o.Within, started: time.Now()}}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, some := range groups {
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			started := time.Now()
			if !r.begin(started) {
				return nil
			}
			proofs, err := p.group(ctx, some, o, len(groups) > 1, r.progress)
			if err != nil {
				stop(err)
				return err
			}
			r.done(proofs, time.Since(started))
			return nil
		})
	}
	err := g.Wait()
	if err == nil {
		on(Progress{Labs: len(labs), LabsDone: len(r.proofs)})
	}
	place := map[string]int{}
	for i, l := range labs {
		place[l.ID] = i
	}
	slices.SortFunc(r.proofs, func(a, b Proof) int { return cmp.Compare(place[a.Lab], place[b.Lab]) })
	return r.proofs, err
}

// inTurn are the labs in the order in which they are proved.
func inTurn(labs []*course.Lab, o Options) []*course.Lab {
	if o.Within == 0 {
		return labs
	}
	seed := o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	labs = slices.Clone(labs)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(labs), func(i, j int) { labs[i], labs[j] = labs[j], labs[i] })
	return labs
}

// round is what is known of one round of proofs while its groups are under way.
type round struct {
	all      int // labs
	on       func(Progress)
	told     func(Proof)
	mu       sync.Mutex // for what follows, and so that on and told are called by one at a time
	deadline deadline
	proofs   []Proof
}

// begin reports whether a group may begin now.
func (r *round) begin(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.deadline.allows(now)
}

func (r *round) progress(now Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now.Labs, now.LabsDone = r.all, len(r.proofs)
	r.on(now)
}

// done takes a group's proofs, which took so long.
func (r *round) done(proofs []Proof, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline.slowest = max(r.deadline.slowest, took)
	r.proofs = append(r.proofs, proofs...)
	if r.told == nil || len(r.proofs) == r.all {
		return
	}
	for _, p := range proofs {
		r.told(p)
	}
}

// deadline says whether something may still begin that should end in time.
type deadline struct {
	within  time.Duration // 0 for ever
	started time.Time
	slowest time.Duration // of what has ended
}

func (d deadline) allows(now time.Time) bool {
	return d.within == 0 || d.slowest == 0 || now.Sub(d.started)+d.slowest <= d.within
}

// group proves some labs together.
// beside says that there is another group beside it.
func (p *Prover) group(ctx context.Context, labs []*course.Lab, o Options, beside bool,
	on func(Progress)) ([]Proof, error) {
	tmp, err := owner.TempDir("", "prove")
	if err != nil {
		return nil, fmt.Errorf("no folder for the mutants: %w", err)
	}
	defer os.RemoveAll(tmp)
	grader := *p.Grader
	grader.Builder = p.Grader.Builder.At(filepath.Join(tmp, "bin"))
	own := &Prover{Grader: &grader, Root: p.Root}

	subjects := make([]*subject, len(labs))
	for i, l := range labs {
		subjects[i] = newSubject(l, filepath.Join(tmp, l.Slug))
	}
	on(Progress{What: "vetting " + names(labs)})
	vet(ctx, p.Root, subjects)
	correct := func(r *row) bool { return r.Kind == Reference || r.Kind == Alternative }
	mutant := func(r *row) bool { return r.Kind == KindMutant }
	quiet, busy := 1+(o.Runs-1)/2, o.Runs/2
	// Right answers have twice a check's deadline where two groups share the cores, which a learner's machine never does.
	patience := grade.DefaultTimeout
	if beside {
		patience *= 2
	}
	do := func(s step) error {
		if s.opts.Runs == 0 {
			return nil
		}
		s.what += " of " + names(labs)
		s.opts.Seed = o.Seed
		s.opts.Parallel = 2 * runtime.NumCPU() // the checks that wait are many
		if beside {
			s.opts.Parallel = runtime.NumCPU()
		}
		return own.step(ctx, subjects, s, o.Named, on)
	}
	for _, s := range []step{
		{"the stubs and mutants", func(r *row) bool { return !correct(r) }, grade.Options{Runs: 1}, false},
		{"the references", correct, grade.Options{Runs: quiet, Race: true, Timeout: patience}, false},
		{"the mutants again", mutant, grade.Options{Runs: quiet - 1}, false},
		{"the references with all cores busy", correct, grade.Options{Runs: busy, Race: true, Timeout: patience}, true},
		{"the mutants with all cores busy", mutant, grade.Options{Runs: busy}, true},
	} {
		if err := do(s); err != nil {
			return nil, err
		}
	}
	// A mutant that is a data race and nothing else shows itself only to the race detector, which does not get its turn
	// where the plain run fails: such a race now and then does harm there, too, and what it says then is something else.
	racing := map[*row]bool{}
	for _, s := range subjects {
		for _, r := range s.rows {
			racing[r] = mutant(r) && !r.known()
		}
	}
	for range o.Runs + 2 {
		left := func(r *row) bool { return racing[r] && r.raced() < o.Runs }
		if err := do(step{"under the race detector the mutants", left, grade.Options{Runs: 1, Race: true}, false}); err != nil {
			return nil, err
		}
	}
	proofs := make([]Proof, len(subjects))
	for i, s := range subjects {
		proofs[i] = s.proof()
	}
	return proofs, nil
}

// names are the labs' ids; of many, the first and the last.
func names(labs []*course.Lab) string {
	if len(labs) > 3 {
		return labs[0].ID + " to " + labs[len(labs)-1].ID
	}
	ids := make([]string, len(labs))
	for i, l := range labs {
		ids[i] = l.ID
	}
	return strings.Join(ids, " ")
}

// step is one round of grading.
type step struct {
	what string
	rows func(*row) bool
	opts grade.Options
	busy bool // with all cores kept busy
}

// step grades some variants. A mutant that has been seen whole, or need not be, is run with its
// named checks only.
func (p *Prover) step(ctx context.Context, subjects []*subject, st step, named bool,
	on func(Progress)) error {
	var jobs []grade.Job
	var rows []*row
	for _, s := range subjects {
		for _, r := range s.rows {
			if r.dir == "" || !st.rows(r) {
				continue
			}
			job := grade.Job{Lab: s.lab, Dir: r.dir, Family: s.family(named), Keeps: r.Kind == KindMutant}
			if r.Kind == KindMutant && (r.seen || named) {
				job.Only = r.mutant.Fails
			}
			jobs, rows = append(jobs, job), append(rows, r)
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	if st.busy {
		defer burn()()
	}
	now := Progress{What: st.what, Checks: checks(jobs, st.opts), Compiling: true}
	on(now)
	results, err := p.Grader.Grade(ctx, jobs, st.opts, func(e grade.Event) {
		now.Compiling = false
		if e.Check != nil {
			now.ChecksDone++
		}
		on(now)
	})
	if err != nil {
		return err
	}
	for i, r := range rows {
		r.add(results[i])
	}
	return nil
}

// checks counts the verdicts that a round of grading gives on checks.
func checks(jobs []grade.Job, o grade.Options) (n int) {
	for _, j := range jobs {
		each := len(j.Lab.Checks)
		if j.Only != nil {
			each = len(j.Only)
		}
		if o.Race && j.Lab.Race {
			each *= 2
		}
		n += each
	}
	return n
}

// burn keeps all cores busy until the function that it returns is called. Where others do so
// already it adds nothing.
func burn() (stop func()) {
	if load() > 2*float64(runtime.NumCPU()) {
		return func() {}
	}
	// Threads besides those that run the proof: the cores are to be short, not the runner's own
	// goroutines.
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + runtime.NumCPU())
	var done atomic.Bool
	for range runtime.NumCPU() {
		go func() {
			for !done.Load() {
				for range 1_000_000 {
				}
				runtime.Gosched()
			}
		}()
	}
	return func() {
		done.Store(true)
		runtime.GOMAXPROCS(before)
	}
}

// load is how many processes have been running or waiting for a core in the last minute, or 0 where
// that is not known.
func load() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var n float64
	fmt.Sscan(string(data), &n)
	return n
}
