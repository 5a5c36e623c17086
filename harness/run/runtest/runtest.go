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
	p := Pipe{Writer: c.Report, sealed: new(uint64)}
	if err := account.Decode(c.Stdin, &p.Key, &p.Request); err != nil {
		return sandbox.Exit{}, err
	}
	return play(ctx, c, p)
}

// Pipe is what the process has read, and where it reports.
type Pipe struct {
	io.Writer
	account.Request
	Key    account.Key
	sealed *uint64 // lines so far
}

// Elapsed is how long a check took, by its report.
const Elapsed = 3 * time.Millisecond

// Honest is the exit of a process in which all went its way.
var Honest = sandbox.Exit{Code: 1, Wall: 5 * time.Second}

// Report writes the next line.
func (p Pipe) Report(r account.Report) {
	p.Write(p.Key.Seal(*p.sealed, Content(r)))
	*p.sealed++
}

// Content is that of the line for a report.
func Content(r account.Report) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return text
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
