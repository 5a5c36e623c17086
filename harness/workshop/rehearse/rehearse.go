// Package rehearse fills a room with learners who are not there, so that an instructor can try everything the day before.
// They speak with the server as anybody does: each has a place and a token of its own, reports its checks, and some hand
// in, ask, get stuck, or come back from another machine.
package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// Options are what to rehearse.
type Options struct {
	URL, Code string // of the room
	Labs      []*course.Lab
	Learners  int
	Seed      uint64        // the same makes the same room
	For       time.Duration // until the quickest are done; the slowest take twice as long
	HandIn    bool          // some hand in, which is then graded
}

// Numbers are how the server did.
type Numbers struct {
	Calls    int
	Failed   int // that were not answered as they should be
	P50, P99 time.Duration
	Reports  int
	HandedIn int
}

func (n Numbers) String() string {
	return fmt.Sprintf("%d calls, %d failed, half within %v, 99 %% within %v; %d checks reported, %d handed in", n.Calls, n.Failed,
		n.P50.Round(100*time.Microsecond), n.P99.Round(100*time.Microsecond), n.Reports, n.HandedIn)
}

// Run rehearses until all are done or ctx ends. The error says what kept them from joining.
func Run(ctx context.Context, o Options) (Numbers, error) {
	r := &rehearsal{Options: o}
	var group errgroup.Group
	for i := range o.Learners {
		group.Go(func() error { return r.learner(ctx, i) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	return r.numbers(), err
}

// rehearsal is one run.
type rehearsal struct {
	Options
	mu       sync.Mutex
	took     []time.Duration
	failed   int
	reports  int
	handedIn int
}

func (r *rehearsal) numbers() Numbers {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := Numbers{Calls: len(r.took), Failed: r.failed, Reports: r.reports, HandedIn: r.handedIn}
	slices.Sort(r.took)
	if n.Calls > 0 {
		n.P50, n.P99 = r.took[n.Calls/2], r.took[n.Calls*99/100]
	}
	return n
}

// timed calls the server and keeps how long that took.
func (r *rehearsal) timed(call func() error) error {
	begun := time.Now()
	err := call()
	took := time.Since(begun)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, took)
	if err != nil {
		r.failed++
	}
	return err
}

var names = []string{"Ada", "Grace", "Edsger", "Barbara", "Donald", "Leslie", "Frances", "Ken", "Radia", "Tony", "Margaret", "Rob",
	"Jean", "Niklaus", "Karen", "Dennis", "Adele", "Alan", "Shafi", "Butler", "Mary", "Robin", "Kathleen", "John", "Lynn", "Peter",
	"Anita", "Michael", "Joan", "Brian"}

// name is the one of a learner.
func name(i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", names[i%len(names)], i/len(names)+1)
}

// learner is the day of one of them.
type learner struct {
	*rehearsal
	*client.Client
	rng   *rand.Rand
	name  string
	pause time.Duration // between two checks, on average
	stuck bool          // gives up at the belief that many have
}

func (r *rehearsal) learner(ctx context.Context, i int) error {
	l := &learner{rehearsal: r, rng: rand.New(rand.NewPCG(r.Seed, uint64(i))), name: name(i)}
	steps := max(1, 4*len(r.Labs))
	l.pause = time.Duration(float64(r.For) / float64(steps) * (1 + l.rng.Float64()))
	l.stuck = l.rng.IntN(3) == 0
	if !l.wait(ctx, l.pause/2) {
		return nil
	}
	joined, err := l.join(ctx)
	if err != nil {
		return fmt.Errorf("%s cannot join: %w", l.name, err)
	}
	for n, lab := range r.Labs {
		if i == 1 && n == len(r.Labs)/2 { // one loses the laptop
			if err := l.rejoin(ctx, joined.Recovery); err != nil {
				return fmt.Errorf("%s cannot come back: %w", l.name, err)
			}
		}
		if !l.work(ctx, lab) {
			return nil
		}
	}
	return nil
}

// wait lets some time pass, the given one on average; false: it is over.
func (l *learner) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(float64(d) * (0.5 + l.rng.Float64()))):
		return true
	}
}

func (l *learner) join(ctx context.Context) (j wire.Joined, err error) {
	nobody, err := client.New(l.URL, "")
	if err != nil {
		return j, err
	}
	err = l.timed(func() error {
		j, err = nobody.Join(ctx, l.Code, l.name)
		return err
	})
	if err == nil {
		l.Client, err = client.New(l.URL, j.Token)
	}
	return j, err
}

func (l *learner) rejoin(ctx context.Context, recovery string) error {
	nobody, err := client.New(l.URL, "")
	if err != nil {
		return err
	}
	return l.timed(func() error {
		j, err := nobody.Rejoin(ctx, l.Code, recovery)
		if err == nil {
			l.Client, err = client.New(l.URL, j.Token)
		}
		return err
	})
}

// work is a learner's time with a lab: some wrong answers, and then the right one, or none.
func (l *learner) work(ctx context.Context, lab *course.Lab) bool {
	wrong := l.beliefs(lab)
	for i, m := range wrong {
		if !l.wait(ctx, l.pause) {
			return false
		}
		l.report(ctx, lab, m)
		if i == len(wrong)-1 && l.rng.IntN(askSeldom) == 0 {
			_ = l.timed(func() error {
				return l.Ask(ctx, wire.Ask{Lab: lab.ID, Check: first(m.Fails), Text: questions[l.rng.IntN(len(questions))]})
			})
		}
	}
	if l.stuck && lab == l.Labs[len(l.Labs)-1] {
		return true
	}
	if !l.wait(ctx, l.pause) {
		return false
	}
	l.report(ctx, lab, nil)
	if l.HandIn && l.rng.IntN(3) == 0 {
		l.handIn(ctx, lab)
	}
	return true
}

// askSeldom is how many labs there are to each question.
const askSeldom = 12

var questions = []string{"why does this fail?", "what is the check doing here?", "I think mine is right?", "what would this be in production?",
	"is there a hint for this one?"}

// beliefs are the wrong answers that a learner tries: those of the stuck end with the one that most have.
func (l *learner) beliefs(lab *course.Lab) (wrong []*course.Mutant) {
	if len(lab.Mutants) == 0 {
		return nil
	}
	for range 1 + l.rng.IntN(3) {
		wrong = append(wrong, &lab.Mutants[l.rng.IntN(len(lab.Mutants))])
	}
	if l.stuck {
		wrong = append(wrong, &lab.Mutants[int(l.Seed+uint64(len(lab.ID)))%len(lab.Mutants)])
	}
	return wrong
}

func first(tests []string) string {
	if len(tests) == 0 {
		return ""
	}
	return tests[0]
}

// report says how a check run went: that of a wrong answer, or of the right one where m is nil.
func (l *learner) report(ctx context.Context, lab *course.Lab, m *course.Mutant) {
	r := wire.Report{Key: fmt.Sprintf("%d-%d-%d", l.Seed, l.rng.Uint64(), l.rng.Uint64()), Lab: lab.ID, Verdict: run.Passed}
	for _, c := range lab.Checks {
		r.MaxPoints += c.Points
		if m == nil || !slices.Contains(m.Fails, c.Test) {
			r.Points += c.Points
		}
	}
	if m != nil {
		r.Verdict, r.Failing, r.Mutant = run.Failed, m.Fails, m.Patch
	}
	if l.timed(func() error { return l.Report(ctx, []wire.Report{r}) }) == nil {
		l.mu.Lock()
		l.reports++
		l.mu.Unlock()
	}
}

// handIn hands in the right answer, in the learner's own words.
func (l *learner) handIn(ctx context.Context, lab *course.Lab) {
	tmp, err := os.MkdirTemp("", "labs-rehearsal")
	if err != nil {
		return
	}
	defer os.RemoveAll(tmp)
	dir, err := lab.Variant(course.VariantReference, tmp)
	if err != nil {
		return
	}
	files := map[string][]byte{}
	for _, name := range lab.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return
		}
		files[name] = append(data, "\n// by "+l.name+"\n"...)
	}
	if l.timed(func() error { _, err := l.Submit(ctx, wire.Submit{Lab: lab.ID, Files: files}); return err }) == nil {
		l.mu.Lock()
		l.handedIn++
		l.mu.Unlock()
	}
}
