package grade

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/policy"
	"github.com/backend-labs/backend-labs/harness/run"
)

// tally gathers what is known of one job.
type tally struct {
	lab  *course.Lab
	runs int
	hunt bool // judged by somebody's own tests

	mu      sync.Mutex
	checks  []*checkTally
	sha     string
	verdict run.Verdict // set where there is no verdict on the checks
	message string
	output  string
	notes   []string // remarks that change nothing
	noRace  *run.Race

	halts  halts
	clocks [2]clock // of the plain run and the race run
	build  time.Duration
}

// checkTally gathers the runs of one check. Of several runs the first that did not pass is the one
// that counts.
type checkTally struct {
	check    course.Check
	plain    series
	race     series
	duration float64 // of the first plain run, in ms
}

type series struct {
	done, passed int
	worst        *run.Outcome // the first that did not pass
	shown        []run.Shown  // by the first that passed
}

func newTally(j Job, o Options) *tally {
	t := &tally{lab: j.Lab, runs: o.Runs, hunt: j.Hunt != "", halts: halts{enough: j.Enough}}
	for _, c := range j.Lab.Checks {
		if j.Only == nil || slices.Contains(j.Only, c.Test) {
			t.checks = append(t.checks, &checkTally{check: c})
		}
	}
	return t
}

func (t *tally) built(b compile.Binary) {
	t.sha, t.build = b.SHA256, b.Took
	switch {
	case b.Compile != nil:
		t.verdict, t.message, t.output = run.BuildFailed, b.Compile.Error(), b.Compile.Raw
		if len(b.Compile.Lines) > 0 && b.Compile.Lines[0].Check && !t.hunt {
			t.message += "\nthe checks use the API that the stub declares: keep its names and " +
				"signatures"
		}
	case b.Err != nil:
		t.broken(b.Err)
	}
}

// broken notes that no verdict is possible. A file that is missing is the submission's own fault.
func (t *tally) broken(err error) {
	var missing *compile.MissingFile
	if errors.As(err, &missing) {
		t.verdict, t.message = run.BuildFailed, err.Error()
		return
	}
	t.verdict, t.message = run.InfraError, fault.Message(err)
}

// reject notes that the policy refuses the submission.
func (t *tally) reject(found []policy.Violation) {
	lines := make([]string, len(found))
	for i, v := range found {
		lines[i] = v.String()
	}
	t.verdict, t.message = run.Rejected, strings.Join(lines, "\n")
}

// add takes one run's outcome. It returns the check's verdict once all its runs are done.
func (t *tally) add(i int, o run.Outcome, race bool) *run.Check {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.checks[i]
	s := &c.plain
	if race {
		s = &c.race
	} else if s.done == 0 {
		c.duration = run.MS(o.Duration)
	}
	s.done++
	if o.Verdict == run.Passed {
		if s.passed++; s.passed == 1 {
			s.shown = o.Shown
		}
	} else if s.worst == nil || better(o.Verdict, s.worst.Verdict) {
		s.worst = &o
	}
	if s.done < t.runs {
		return nil
	}
	v := t.judge(c)
	return &v
}

// better says whether a verdict says more about the files than another: a failure does, a breakdown
// of ours does not.
func better(a, b run.Verdict) bool {
	rank := func(v run.Verdict) int {
		return slices.Index([]run.Verdict{run.NotJudged, run.InfraError, run.TimedOut,
			run.Failed}, v)
	}
	return rank(a) > rank(b)
}

// raced reports whether every check has been run under the race detector as often as it is to be,
// or as often as it was of any use.
func (t *tally) raced() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	begun, all := false, len(t.checks) > 0
	for _, c := range t.checks {
		begun = begun || c.race.done > 0
		all = all && c.race.done >= t.runs
	}
	return all || begun && t.halts.stopped() != ""
}

// undecided reports whether the race run can still change the verdict: something has passed, and
// nothing has come to no end, in which case it would not do so there either.
func (t *tally) undecided() bool {
	r := t.result()
	return t.verdict == "" && r.Verdict != run.TimedOut && r.Points > 0 && t.halts.stopped() == ""
}

// clock is that of one of the two runs.
func (t *tally) clock(race bool) *clock {
	if race {
		return &t.clocks[1]
	}
	return &t.clocks[0]
}

func (t *tally) times() run.Times {
	return run.Times{
		BuildMS: run.MS(t.build), ChecksMS: run.MS(t.clocks[0].total()),
		RaceMS: run.MS(t.clocks[1].total()),
	}
}

func (t *tally) judge(c *checkTally) run.Check {
	v := run.Check{Test: c.check.Test, Title: c.check.Title, MaxPoints: c.check.Points,
		DurationMS: c.duration, Verdict: run.Passed}
	if t.runs > 1 {
		v.Runs = &run.Runs{Plain: c.plain.done, PlainPassed: c.plain.passed, Race: c.race.done,
			RacePassed: c.race.passed}
	}
	s := c.plain
	if s.worst == nil && c.race.worst != nil {
		s, v.Race = c.race, true
	}
	if s.worst == nil {
		switch why := t.halts.stopped(); {
		case s.done > 0:
		case why != "":
			v.Verdict, v.Message = run.NotJudged, why
			return v
		default:
			v.Verdict, v.Message = run.InfraError, "the check was not run"
			return v
		}
		v.Points, v.Shown = v.MaxPoints, s.shown
		return v
	}
	o := s.worst
	v.Verdict, v.Message, v.Output, v.Location, v.Findings, v.Shown = o.Verdict, o.Message, o.Output,
		o.Location, o.Findings, o.Shown
	if t.runs > 1 && s.passed > 0 {
		v.Message = fmt.Sprintf(
			"passed %d of %d runs, so there is a race or another matter of chance; of the "+
				"others the first: %s", s.passed, s.done, v.Message)
	}
	return v
}

func (t *tally) result() run.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := run.Result{
		Schema: run.Schema, Lab: t.lab.ID, Slug: t.lab.Slug, Title: t.lab.Title,
		MaxPoints:    t.lab.MaxPoints(),
		SourceSHA256: t.sha, Verdict: t.verdict, Message: t.message, Output: t.output,
		Checks: []run.Check{},
		Notes:  t.notes, Times: t.times(),
	}
	r.DurationMS = r.Times.BuildMS + r.Times.ChecksMS + r.Times.RaceMS
	if t.verdict != "" {
		return r
	}
	count := map[run.Verdict]int{}
	for _, c := range t.checks {
		v := t.judge(c)
		count[v.Verdict]++
		r.Points += v.Points
		r.Checks = append(r.Checks, v)
	}
	switch {
	case count[run.Failed] > 0:
		r.Verdict = run.Failed
	case count[run.TimedOut] > 0:
		r.Verdict = run.TimedOut
	case count[run.InfraError]+count[run.NotJudged] > 0:
		r.Verdict = run.InfraError
		r.Message = plural(count[run.InfraError]+count[run.NotJudged], "check") +
			" could not be judged here"
	default:
		r.Verdict = run.Passed
	}
	return r
}
