package prove

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// subject is one lab under proof.
type subject struct {
	lab      *course.Lab
	problems []string
	rows     []*row
	kept     []Kept // the sentences of the contract
}

// row is a variant with what has been found so far.
type row struct {
	Variant
	seen  bool
	tally map[string]*tally // by test
}

// tally is how often a check was run on a variant, and passed.
type tally struct {
	plain, plainPassed, race, racePassed int
	message                              string
	failed                               run.Check // the first run that did not pass, under the race detector if there is one
}

// String says how many runs have passed; the word for runs under the race detector only where there
// were any.
func (n *tally) String() string {
	text := fmt.Sprintf("%d of %s", n.plainPassed, count(n.plain, "plain run"))
	if n.race > 0 {
		text += fmt.Sprintf(" and %d of %s under the race detector", n.racePassed,
			count(n.race, "run"))
	}
	return text
}

func (s *subject) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// newSubject gathers the lab's variants; the mutants are written below tmp.
func newSubject(l *course.Lab, tmp string) *subject {
	s := &subject{lab: l}
	s.form()
	stub, err := l.Stub()
	if err != nil {
		stub = l.Dir // where none is recorded yet, the author's
	}
	s.add(Stub, "stub", stub, nil)
	if !s.solved() {
		return s
	}
	s.add(Reference, "reference", l.SolutionDir, nil)
	alternatives, err := l.Alternatives()
	if err != nil {
		s.problem("the alternatives cannot be read: %v", err)
	}
	if len(alternatives) == 0 {
		s.problem("there is no alternative: a second correct solution, in "+
			"solutions/%s/alternatives/NAME, "+
			"shows that the checks judge behaviour", l.Slug)
	}
	for _, dir := range alternatives {
		if name := filepath.Base(dir); s.has(dir, "alternative "+name) {
			s.add(Alternative, name, dir, nil)
		}
	}
	for i := range l.Mutants {
		m := &l.Mutants[i]
		dir := filepath.Join(tmp, "labs", l.Slug, m.Name())
		if err := l.WriteMutant(m, dir); err != nil {
			s.problem("mutant %s: %v", m.Name(), err)
			dir = ""
		}
		s.add(KindMutant, m.Name(), dir, m)
	}
	return s
}

func (s *subject) add(k Kind, name, dir string, m *course.Mutant) {
	s.rows = append(s.rows, &row{Variant: Variant{Kind: k, Name: name, dir: dir, mutant: m},
		tally: map[string]*tally{}})
}

// family are all variants. If named, a mutant is judged by the checks that it names alone.
func (s *subject) family(named bool) (members []compile.Member) {
	for _, r := range s.rows {
		m := compile.Member{Dir: r.dir}
		if named && r.mutant != nil {
			m.Checks = r.mutant.Fails
		}
		if r.dir != "" {
			members = append(members, m)
		}
	}
	return members
}

// caught reports whether each named check has failed every time so far.
func (r *row) caught() bool {
	for _, test := range r.mutant.Fails {
		if !r.cell(test).Always {
			return false
		}
	}
	return true
}

// known reports whether each named check has failed every time so far, and shown what the mutant is known by.
func (r *row) known() bool {
	return r.caught() && (r.mutant.Shows == "" || shown(r.typical(r.mutant.Fails), r.mutant.Shows))
}

// raced is how often the race detector has judged those of the named checks that it was asked the least often.
func (r *row) raced() int {
	least := math.MaxInt
	for _, test := range r.mutant.Fails {
		n := 0
		if t := r.tally[test]; t != nil {
			n = t.race
		}
		least = min(least, n)
	}
	return least
}

func (r *row) add(res run.Result) {
	r.seen = true
	if r.Verdict == "" || r.Verdict == run.Passed {
		r.Verdict, r.result = res.Verdict, res
	}
	for _, c := range res.Checks {
		n := r.tally[c.Test]
		if n == nil {
			n = &tally{}
			r.tally[c.Test] = n
		}
		if c.Verdict != run.Passed && (n.message == "" || c.Race && !n.failed.Race) {
			n.message, n.failed = string(c.Verdict)+": "+c.Message, c
		}
		switch {
		case c.Runs != nil:
			n.plain, n.plainPassed = n.plain+c.Runs.Plain, n.plainPassed+c.Runs.PlainPassed
			n.race, n.racePassed = n.race+c.Runs.Race, n.racePassed+c.Runs.RacePassed
		case c.Race:
			n.plain, n.plainPassed, n.race = n.plain+1, n.plainPassed+1, n.race+1
		default:
			n.plain++
			if c.Verdict == run.Passed {
				n.plainPassed++
			}
		}
	}
}

// cell judges a count: a check always fails if it does so plain or under the race detector,
// whenever it is run.
func (r *row) cell(test string) Cell {
	c := Cell{Named: r.mutant != nil && slices.Contains(r.mutant.Fails, test)}
	n := r.tally[test]
	if n == nil {
		return c
	}
	c.Judged = true
	c.Failed = n.plainPassed < n.plain || n.racePassed < n.race
	c.Always = n.plain > 0 && n.plainPassed == 0 || n.race > 0 && n.racePassed == 0
	c.Message = n.message
	return c
}

// proof draws the conclusions.
func (s *subject) proof() Proof {
	p := Proof{Lab: s.lab.ID, Slug: s.lab.Slug, Notes: []string{}, Promises: s.kept}
	caught := map[string]bool{}
	for _, c := range s.lab.Checks {
		p.Checks = append(p.Checks, c.Test)
	}
	for _, r := range s.rows {
		for _, test := range p.Checks {
			r.Cells = append(r.Cells, r.cell(test))
		}
		p.Matrix = append(p.Matrix, r.Variant)
		s.rowProblems(r, &p, caught)
	}
	s.beliefs(&p)
	s.survivors()
	for _, test := range p.Checks {
		if !caught[test] {
			s.problem("no mutant fails %s every time: is the check needed?", test)
		}
	}
	p.Problems = append([]string{}, s.problems...)
	p.Holds = len(p.Problems) == 0
	return p
}

func (s *subject) rowProblems(r *row, p *Proof, caught map[string]bool) {
	if r.dir == "" {
		return // said already
	}
	if len(r.result.Checks) == 0 {
		s.problem("%s %s: %s: %s", r.Kind, r.Name, r.Verdict, r.result.Message)
		return
	}
	var also []string
	for i, test := range p.Checks {
		c, n := r.Cells[i], r.tally[test]
		switch {
		case strings.HasPrefix(c.Message, string(run.InfraError)),
			strings.HasPrefix(c.Message, string(run.NotJudged)):
			s.problem("%s %s: %s could not be judged: %s", r.Kind, r.Name, test, c.Message)
		case r.Kind == Stub && !c.Always:
			s.problem("the untouched stub passes %s", test)
		case (r.Kind == Reference || r.Kind == Alternative) && c.Failed:
			s.problem("%s %s: %s passed %v: %s%s", r.Kind, r.Name, test, n, c.Message, printed(n.failed.Output))
		case r.Kind == KindMutant && c.Named && !c.Always:
			s.problem("mutant %s: %s passed %v on it", r.Name, test, n)
		case r.Kind == KindMutant && !c.Named && c.Failed && !slices.Contains(r.mutant.Also, test):
			also = append(also, test)
		}
		if r.Kind == KindMutant && c.Named && c.Always {
			caught[test] = true
		}
	}
	if len(also) > 0 {
		p.note("mutant %s also fails %s; its belief is not named then, unless its also or its fails has that",
			r.Name, strings.Join(also, ", "))
	}
}
