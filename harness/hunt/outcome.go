package hunt

import (
	"slices"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Schema is the version of [Outcome] as JSON: see [run.Schema].
const Schema = 1

// Outcome is what came of a hunt.
type Outcome struct {
	Schema int    `json:"schema"`
	Lab    string `json:"lab"` // the lab's id
	Slug   string `json:"slug"`
	Title  string `json:"title"`
	// Verdict is Passed if every test passes on all correct solutions and every wrong answer is
	// caught, Failed if not, BuildFailed if the tests do not compile, and InfraError if not all could
	// be judged here.
	Verdict run.Verdict `json:"verdict"`
	Message string      `json:"message,omitempty"` // where nothing was run: why

	Caught int `json:"caught"`
	Of     int `json:"of"` // the wrong answers

	Correct int      `json:"correct"` // the solutions on which every test must pass
	Tests   []Test   `json:"tests"`
	Answers []Answer `json:"answers"`

	Race       run.Race               `json:"race"`
	Backends   map[string]run.Backend `json:"backends"`
	Sandbox    string                 `json:"sandbox"`
	Go         string                 `json:"go"`
	Seed       uint64                 `json:"seed"`
	SHA256     string                 `json:"source_sha256"` // of the tests
	DurationMS float64                `json:"duration_ms"`

	of *course.Lab
}

// Test is one of the tests.
type Test struct {
	Name string `json:"name"`
	// Sound says that it passes on every correct solution. One that does not demands what the
	// contract does not, and catches nothing.
	Sound bool `json:"sound"`
	// On is the correct solution on which it does not pass, and Said what it then says.
	On   string     `json:"on,omitempty"`
	Said *run.Check `json:"said,omitempty"`
}

// Answer is one of the known wrong answers.
type Answer struct {
	Caught bool `json:"caught"`
	// Of one that is caught: by which test, and the belief that it stands for.
	By     string `json:"by,omitempty"`
	Race   bool   `json:"race,omitempty"` // only under the race detector
	Belief string `json:"belief,omitempty"`
	// Of one that is not: the sentences of the contract that it breaks, or where those are not known
	// what a check of the lab's says of a right solution.
	Breaks []string `json:"breaks,omitempty"`
	// Unjudged is why it could not be judged here.
	Unjudged string `json:"unjudged,omitempty"`
}

func newOutcome(t *Tests, correct int) *Outcome {
	o := &Outcome{Schema: Schema, Lab: t.Lab.ID, Slug: t.Lab.Slug, Title: t.Lab.Title,
		Of: len(t.Lab.Mutants), Correct: correct, SHA256: t.SHA256(),
		Answers: []Answer{}, Backends: map[string]run.Backend{}, of: t.Lab}
	for _, name := range t.Names {
		o.Tests = append(o.Tests, Test{Name: name, Sound: true})
	}
	for _, m := range t.Lab.Mutants {
		o.Answers = append(o.Answers, Answer{Breaks: t.Lab.Breaks(m)})
	}
	return o
}

// sound are the names of the tests that are, as far as is known.
func (o *Outcome) sound() (names []string) {
	for _, t := range o.Tests {
		if t.Sound {
			names = append(names, t.Name)
		}
	}
	return names
}

// open are the wrong answers that are not caught.
func (o *Outcome) open() (answers []int) {
	for i, a := range o.Answers {
		if !a.Caught {
			answers = append(answers, i)
		}
	}
	return answers
}

// reopen forgets what was caught by tests that have turned out not to be sound, and reports whether
// there is any.
func (o *Outcome) reopen() (any bool) {
	for i, a := range o.Answers {
		if a.Caught && !slices.Contains(o.sound(), a.By) {
			o.Answers[i] = Answer{Breaks: o.of.Breaks(o.of.Mutants[i])}
			any = true
		}
	}
	return any
}

// about takes over what a result says about the run.
func (o *Outcome) about(r run.Result) {
	o.Sandbox, o.Go, o.Seed, o.Race = r.Sandbox, r.Go, r.Seed, r.Race
	for kind, b := range r.Backends {
		o.Backends[kind] = b
	}
}

// solution is how a correct solution is called, by its number.
func solution(i int) string {
	if i == 0 {
		return "the reference"
	}
	return "another correct solution"
}

// correct takes the results of the correct solutions.
func (o *Outcome) correct(results []run.Result) {
	for i, r := range results {
		o.about(r)
		if o.Verdict == "" && (len(r.Checks) == 0 || unjudged(r) != "") {
			o.nothing(i, r)
		}
		for _, c := range r.Checks {
			o.test(solution(i), c)
		}
	}
}

// nothing notes that nothing can be said of the tests.
func (o *Outcome) nothing(i int, r run.Result) {
	o.Verdict, o.Message = r.Verdict, r.Message
	if why := unjudged(r); why != "" {
		o.Message = why
	}
	if i > 0 && r.Verdict == run.BuildFailed {
		o.Message = "they compile with the reference, and not with another correct solution: " + r.Message
	}
}

// test takes what one of the tests says of a correct solution.
func (o *Outcome) test(on string, c run.Check) {
	t := &o.Tests[slices.IndexFunc(o.Tests, func(t Test) bool { return t.Name == c.Test })]
	if t.Sound && (c.Verdict == run.Failed || c.Verdict == run.TimedOut) {
		t.Sound, t.On, t.Said = false, on, &c
	}
}

// unjudged is why a result leaves open whether the tests pass, or "".
func unjudged(r run.Result) string {
	if r.Verdict != run.InfraError {
		return ""
	}
	for _, c := range r.Checks {
		if c.Verdict == run.InfraError || c.Verdict == run.NotJudged {
			return c.Message
		}
	}
	return r.Message
}

// answer takes what the sound tests say of a wrong answer.
func (o *Outcome) answer(i int, r run.Result) {
	a := &o.Answers[i]
	o.about(r)
	a.Unjudged = unjudged(r)
	if r.Verdict == run.BuildFailed {
		a.Unjudged = r.Message
	}
	for _, c := range r.Checks {
		if (c.Verdict == run.Failed || c.Verdict == run.TimedOut) && !a.Caught {
			*a = Answer{Caught: true, By: c.Test, Race: c.Race,
				Belief: o.of.Mutants[i].Misconception}
		}
	}
}

// Same reports whether another outcome says the same of every test and every wrong answer.
func (o *Outcome) Same(other Outcome) bool {
	return slices.Equal(o.sound(), other.sound()) && slices.Equal(o.open(), other.open()) &&
		slices.Equal(o.unjudged(), other.unjudged())
}

// conclude counts, and comes to a verdict.
func (o *Outcome) conclude() {
	o.Caught = o.Of - len(o.open())
	if o.Verdict == run.BuildFailed || o.Message != "" {
		return
	}
	o.Verdict = run.Failed
	switch {
	case slices.ContainsFunc(o.Answers, func(a Answer) bool { return a.Unjudged != "" }):
		o.Verdict = run.InfraError
	case o.Caught == o.Of && len(o.sound()) == len(o.Tests):
		o.Verdict = run.Passed
	}
}
