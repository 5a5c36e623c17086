package prove

import (
	"slices"

	"github.com/backend-labs/backend-labs/harness/diagnose"
	"github.com/backend-labs/backend-labs/harness/run"
)

// beliefs diagnoses each mutant as a learner's files would be: who hands in the mutant must be told
// its belief.
func (s *subject) beliefs(p *Proof) {
	for _, r := range s.rows {
		if r.Kind != KindMutant || r.dir == "" || !r.caught() {
			continue // what is wrong with it is said already
		}
		checks := r.typical(p.Checks)
		likely := diagnose.Likely(s.lab, checks)
		switch {
		case likely != nil && likely.Misconception == r.mutant.Misconception:
		case likely != nil:
			s.problem("whoever hands in the mutant %s is told the belief of %s", r.Name,
				likely.Mutant)
		case len(r.mutant.Fails)+len(r.mutant.Also) == len(p.Checks):
			p.note("mutant %s fails every check, as what is not begun does, so its belief is "+
				"never named", r.Name)
		case r.mutant.Shows != "" && !shown(checks, r.mutant.Shows):
			s.problem("mutant %s does not show %q: %s", r.Name, r.mutant.Shows, firstSaid(checks))
		case r.mutant.Shows == "" && without(checks) != nil:
			s.problem("mutant %s makes a check end without a finding, "+
				"so its belief is named only if shows has a piece of what that says: %s", r.Name,
				firstSaid([]run.Check{*without(checks)}))
		}
	}
}

// typical are the checks as they usually come out on a variant: a check that fails now and then has
// passed.
func (r *row) typical(tests []string) []run.Check {
	var checks []run.Check
	for _, test := range tests {
		c := run.Check{Test: test, Verdict: run.Passed}
		if r.cell(test).Always {
			c = r.tally[test].failed
		}
		checks = append(checks, c)
	}
	return checks
}

// without is the first failing check that has found nothing: it panicked, hung, or was ended by the
// race detector.
func without(checks []run.Check) *run.Check {
	for i, c := range checks {
		if c.Verdict != run.Passed && len(c.Findings) == 0 {
			return &checks[i]
		}
	}
	return nil
}

func shown(checks []run.Check, text string) bool {
	return slices.ContainsFunc(checks, func(c run.Check) bool { return diagnose.Shows(c, text) })
}

// firstSaid is what the first check that fails says, as one line.
func firstSaid(checks []run.Check) string {
	for _, c := range checks {
		if c.Verdict != run.Passed {
			return c.Test + " says " + oneLine(diagnose.Said(c))
		}
	}
	return "no check fails"
}
