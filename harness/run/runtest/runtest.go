// Package runtest plays the processes of checks for tests: what a check reports and how its process
// ends is a function in the test, and nothing is started.
package runtest

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// Actor is a sandbox that plays the process.
type Actor func(ctx context.Context, c sandbox.Command, p Pipe) (sandbox.Exit, error)

// Name is that of the sandbox that keeps nothing from a process.
func (Actor) Name() string { return "none" }

// Run calls the function.
func (play Actor) Run(ctx context.Context, c sandbox.Command) (sandbox.Exit, error) {
	defer c.Report.Close()
	var req account.Request
	if err := json.Unmarshal(c.Stdin, &req); err != nil {
		return sandbox.Exit{}, err
	}
	return play(ctx, c, Pipe{c.Report, req})
}

// Pipe is what the process has read, and where it reports.
type Pipe struct {
	io.Writer
	account.Request
}

// Elapsed is how long a check took, by its report.
const Elapsed = 3 * time.Millisecond

// Honest is the exit of a process in which all went its way.
var Honest = sandbox.Exit{Code: 1, Wall: 5 * time.Second}

// Report writes a line, with the right nonce if it has none.
func (p Pipe) Report(r account.Report) {
	if r.Nonce == "" {
		r.Nonce = p.Nonce
	}
	line, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	p.Write(append(line, '\n'))
}

// Canary reports that the check that must fail did.
func (p Pipe) Canary() { p.Report(account.Report{Test: p.Request.Canary, Verdict: account.Failed}) }

// Own reports the verdict on the check.
func (p Pipe) Own(verdict string) {
	p.Report(account.Report{Test: p.Check, Verdict: verdict, Elapsed: Elapsed})
}

// Found reports a finding.
func (p Pipe) Found(got string) {
	p.Report(account.Report{Test: p.Check, Finding: &account.Finding{Got: got}})
}
