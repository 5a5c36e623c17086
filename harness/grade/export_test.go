package grade

import (
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/run"
)

// WithoutPolicy lets a grader run what the policy would refuse.
func (g *Grader) WithoutPolicy() *Grader { g.unpoliced = true; return g }

// Without leaves out defences of the account.
func (g *Grader) Without(w account.Without) *Grader { g.without = w; return g }

// Within is the outcome of a check that had this lease.
func (l Lease) Within(o run.Outcome) run.Outcome { return l.within(o) }
